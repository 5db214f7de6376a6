package sql

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ncruces/go-sqlite3"

	"aergo/contract/table"
	"aergo/contract/value"
)

// TestSameWhateverRanBefore puts cases in random order to two sessions of one resolver, and
// wants the answers and steps that a fresh session gives to each.
func TestSameWhateverRanBefore(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	var source strings.Builder
	rules := append(hostile(),
		"ours + theirs - base", "decimal_add(ours, theirs)", "iif(theirs.u > ours.u, theirs, ours)", "exclude('because of ' || tx.time)", "fail('no')",
		"SELECT max(ours.v, theirs.v) FROM ours, theirs", "ours || theirs || '"+strings.Repeat("x", 4000)+"'", "has_role('editor')",
		"SELECT json_group_array(value) FROM (SELECT value FROM json_each(ours) UNION SELECT value FROM json_each(theirs))",
		"CASE WHEN ours LIKE '%a%' THEN replace(theirs, 'a', 'b') ELSE trim(ours) END",
	)
	for i, rule := range rules {
		fmt.Fprintf(&source, "on t%d: %s;\n", i, rule)
	}
	r, err := Compile([]byte(source.String()))
	if err != nil {
		t.Fatal(err)
	}
	var cases []*Case
	var want []string
	rows := []string{`{"v":%d,"u":%d}`, `{"v":"a%d","u":%d}`, `{"v":%d.25,"u":%d}`, `{"v":[%d,"x",%d]}`, `{"u":%d,"w":%d}`, `{"v":"` + strings.Repeat("a", 4<<10) + `%d","u":%d}`}
	for range 60 {
		one := func() string {
			return fmt.Sprintf(rows[random.IntN(len(rows))], random.IntN(100), random.IntN(100))
		}
		c := cell(t, one(), one(), one())
		c.Table = fmt.Sprintf("t%d", random.IntN(len(rules)))
		s := r.NewSession()
		cases, want = append(cases, c), append(want, account(s.Resolve(context.Background(), c)))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		s := r.NewSession()
		for _, i := range append(random.Perm(len(cases)), random.Perm(len(cases))...) {
			if got := account(s.Resolve(context.Background(), cases[i])); got != want[i] {
				t.Fatalf("%s, case %d\n got %s\nwant %s", rules[r.byName[[2]string{cases[i].Table, ""}].place], i, got, want[i])
			}
		}
		for _, st := range s.statements {
			if st != nil && st.Status(sqlite3.STMTSTATUS_REPREPARE, false) != 0 {
				t.Errorf("prepared again: %s", st.SQL())
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// account is an answer with its steps.
func account(a Answer, err error) string {
	var e *Error
	if errors.As(err, &e) {
		return fmt.Sprintf("%v after %d", err, e.Steps)
	}
	return fmt.Sprintf("%s after %d", say(a, err), a.Steps)
}

// TestStepsAreKnown fixes the count of a few rules: it is part of what verifiers agree on,
// and changes with SQLite's version at most.
func TestStepsAreKnown(t *testing.T) {
	c := cell(t, `{"v":10,"u":1}`, `{"v":12,"u":5}`, `{"v":15,"u":9}`)
	for _, test := range []struct {
		source string
		steps  int
	}{
		{"ours + theirs - base", 8},
		{"iif(theirs.u > ours.u, theirs, ours)", 10},
		{"SELECT max(ours.v, theirs.v) FROM ours, theirs", 51},
		{"decimal_add(ours, theirs)", 9},
		{"exclude('x')", 5},
	} {
		a, err := resolve(t, test.source, c)
		if err != nil || a.Steps != test.steps {
			t.Errorf("%s: %d steps, %v", test.source, a.Steps, err)
		}
	}
}

// FuzzCompile wants no source to do harm, and what it takes to be taken again alike.
func FuzzCompile(f *testing.F) {
	for _, s := range append(hostile(), "on stock.count: ours + theirs - base;", `on "a b".[c]: SELECT theirs FROM theirs`, "-- x\n/* y */ 'it''s'", "on *: x'00' ; on *.`n`: author.roles ->> 0") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		r, err := Compile([]byte(source))
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Line < 1 || e.Column < 1 {
				t.Fatalf("an error without a place: %v", err)
			}
			return
		}
		again, err := Compile([]byte(source))
		if err != nil || len(again.Rules()) != len(r.Rules()) {
			t.Fatalf("taken once only: %v", err)
		}
		runAll(t, r, cell(t, `{"v":10,"u":1}`, `{"v":"aé","u":5}`, `{"v":9.50,"u":9}`))
	})
}

// FuzzResolve wants every case to end within its steps, alike in two sessions.
func FuzzResolve(f *testing.F) {
	for _, s := range append(hostile(), "ours || theirs", "replace(ours, theirs, base)", "ours LIKE theirs") {
		f.Add(s, "aaa", "%a", int64(5))
	}
	f.Fuzz(func(t *testing.T, source, ours, theirs string, n int64) {
		r, err := Compile([]byte(source))
		if err != nil {
			return
		}
		c := cell(t, fmt.Sprintf(`{"v":%d}`, n), "", "")
		c.Ours, c.Theirs = textRow(ours), textRow(theirs)
		if c.Ours != nil && c.Theirs != nil {
			runAll(t, r, c)
		}
	})
}

// runAll runs every rule of a resolver on a case, twice.
func runAll(t *testing.T, r *Resolver, c *Case) {
	for _, rule := range r.Rules() {
		c := *c
		c.Table = rule.table
		if rule.field != "" {
			c.Field = rule.field
		}
		var got [2]string
		for i := range got {
			s := r.NewSession()
			a, err := s.Resolve(context.Background(), &c)
			var e *Error
			if err != nil && !errors.As(err, &e) {
				t.Fatalf("an error without a place: %v", err)
			}
			if e != nil && (strings.Contains(e.Detail, "memory") || e.Steps > MaxSteps+2*stepGrain) {
				t.Fatalf("%v after %d steps", e, e.Steps)
			}
			got[i] = account(a, err)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if got[0] != got[1] {
			t.Fatalf("%s and then %s", got[0], got[1])
		}
	}
}

// textRow returns a row with a text in v, nil if it is none that a row takes.
func textRow(text string) []byte {
	if !utf8.ValidString(text) {
		return nil
	}
	enc, err := table.AppendRow(nil, []value.Field{{Name: "v", Enc: value.AppendText(nil, text)}})
	if err != nil {
		return nil
	}
	return enc
}
