package sql

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"aergo/contract"
	"aergo/contract/value"
	"aergo/repo/state/key"
)

func conflict(t testing.TB, table, field, base, ours, theirs string) *contract.Conflict {
	t.Helper()
	return &contract.Conflict{
		Table: table, Tuple: key.Append(nil, key.Text("tea"), key.Int(7)), Field: field,
		Base: row(t, base), Ours: row(t, ours), Theirs: row(t, theirs), OursMillis: 4, TimeMillis: 5,
		Author: contract.Author{Key: [32]byte{0xab, 31: 1}, Name: "Ada", Roles: []string{"owner"}},
	}
}

func logicOf(t testing.TB, source string) *Logic {
	t.Helper()
	r, err := Compile([]byte(source))
	if err != nil {
		t.Fatal(err)
	}
	l := r.ForMerge()
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// A merge tells a rule all there is to know of a conflict.
func TestRulesKnowTheConflict(t *testing.T) {
	for source, want := range map[string]string{
		"cell.table_name || cell.field": `"stockname"`,
		"cell.row_key ->> 1":            `"7"`,
		"author.name || author.key":     `"Adaab00000000000000000000000000000000000000000000000000000000000001"`,
		"iif(has_role('owner') AND NOT has_role('clerk'), tx.time || '', '')": `"5"`,
		"newest":                             `"c"`,
		"base || ours.other || theirs.other": `"a12"`,
	} {
		l := logicOf(t, source)
		got, err := l.Resolve(conflict(t, "stock", "name", `{"name":"a"}`, `{"name":"b","other":1}`, `{"name":"c","other":2}`))
		if err != nil || string(value.AppendJSON(nil, got.Value)) != want {
			t.Errorf("%s answers %s, %v", source, value.AppendJSON(nil, got.Value), err)
		}
	}
}

func TestLooks(t *testing.T) {
	l := logicOf(t, "on stock.count: iif(ours.b > theirs.a, ours, base.c); on *.note: newest; on users: theirs")
	for _, test := range []struct {
		table, field, looks string
		ok                  bool
	}{{"stock", "count", "[a b c]", true}, {"stock", "note", "[]", true}, {"users", "any", "[]", true}, {"stock", "price", "[]", false}} {
		looks, ok := l.Looks(test.table, test.field)
		if fmt.Sprint(looks) != test.looks || ok != test.ok {
			t.Errorf("%s.%s looks at %v, %v", test.table, test.field, looks, ok)
		}
	}
	if !l.NeedsTimes() || logicOf(t, "on *: sum").NeedsTimes() {
		t.Error("wrong about times")
	}
}

// Exclusions are answers; everything else that is no value is an error of the merge with its
// place in the rules.
func TestWhatStopsAMerge(t *testing.T) {
	c := conflict(t, "stock", "n", `{"n":1}`, `{"n":2}`, `{"n":3}`)
	got, err := logicOf(t, "exclude('no')").Resolve(c)
	if err != nil || !got.Exclude || got.Reason != "no" || got.Value != nil {
		t.Errorf("%+v, %v", got, err)
	}
	for source, kind := range map[string]error{
		"\n fail('no')": ErrFailed, "\n 1 / 0": ErrAnswer, "\n abs(-9223372036854775807 - 1)": ErrRun, "\n ours || 'x'": ErrAnswer, "on *:\n union": ErrRun,
		"\n WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c": ErrSteps,
	} {
		_, err := logicOf(t, source).Resolve(c)
		var e *Error
		if !errors.Is(err, contract.ErrResolver) || !errors.Is(err, kind) || !errors.As(err, &e) || e.Line != 2 && kind != ErrRun {
			t.Errorf("%s: %v", source, err)
		}
	}
	bad := *c
	bad.Tuple = []byte{0xff}
	if _, err := logicOf(t, "ours").Resolve(&bad); err == nil {
		t.Error("a row key that is none is taken")
	}
}

// A merge has so many steps, whoever takes them: of any number of workers one more case than
// fits is refused, and none if all fit.
func TestMergeSteps(t *testing.T) {
	const cases = 40
	c := conflict(t, "stock", "n", `{"n":1}`, `{"n":2}`, `{"n":3}`)
	for _, source := range []string{"ours + theirs - base", "on *: sum"} {
		l := logicOf(t, source)
		if _, err := l.Resolve(c); err != nil {
			t.Fatal(err)
		}
		one := l.steps.Load()
		for _, workers := range []int{1, 2, 7} {
			for _, spare := range []int64{0, -1} {
				l := logicOf(t, source)
				l.maxSteps = cases*one + spare
				refused := resolveAll(l, c, workers, cases)
				if (len(refused) > 0) != (spare < 0) {
					t.Errorf("%s with %d workers: %d of %d refused", source, workers, len(refused), cases)
				}
				for _, err := range refused {
					if !errors.Is(err, ErrMergeSteps) || !errors.Is(err, contract.ErrResolver) {
						t.Error(err)
					}
				}
			}
		}
	}
}

// resolveAll resolves a conflict so many times, and returns the errors.
func resolveAll(l *Logic, c *contract.Conflict, workers, times int) (errs []error) {
	var mu sync.Mutex
	var wait sync.WaitGroup
	work := make(chan struct{}, times)
	for range times {
		work <- struct{}{}
	}
	close(work)
	for range workers {
		wait.Go(func() {
			for range work {
				if _, err := l.Resolve(c); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	wait.Wait()
	return errs
}

// A logic starts no more SQLites than work at once, and Close ends them all.
func TestLogicKeepsItsSessions(t *testing.T) {
	l := logicOf(t, "ours + theirs - base")
	c := conflict(t, "stock", "n", `{"n":1}`, `{"n":2}`, `{"n":3}`)
	if errs := resolveAll(l, c, 3, 60); len(errs) > 0 {
		t.Fatal(errs)
	}
	if n := len(l.idle); n == 0 || n > 3 {
		t.Errorf("%d sessions for 3 workers", n)
	}
	sessions := l.idle
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, s := range sessions {
		if s.conn != nil {
			t.Error("a session goes on")
		}
	}
	if _, err := l.Resolve(c); err != nil {
		t.Errorf("after its end: %v", err)
	}
}
