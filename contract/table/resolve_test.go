package table

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"aergo/contract"
	"aergo/contract/value"
	"aergo/repo/object"
)

// ruled is a resolver with one rule for the fields that it names, or for all fields. It
// remembers what it was asked.
type ruled struct {
	fields string // "" for all; "-" for none
	looks  []string
	rule   func(base, ours, theirs []byte) (contract.Resolution, error)
	asked  []string
	ours   []string // the row as the rule sees it
}

func (r *ruled) Looks(_, field string) ([]string, bool) {
	return r.looks, r.fields == "" || strings.Contains(r.fields, field)
}

func (r *ruled) Resolve(c *contract.Conflict) (contract.Resolution, error) {
	r.asked = append(r.asked, c.Field)
	r.ours = append(r.ours, string(value.AppendJSONObject(nil, FieldList(c.Ours))))
	base, _ := Lookup(c.Base, c.Field)
	ours, _ := Lookup(c.Ours, c.Field)
	theirs, _ := Lookup(c.Theirs, c.Field)
	return r.rule(base, ours, theirs)
}

func total(base, ours, theirs []byte) (contract.Resolution, error) {
	sum := value.AppendUint(nil, 0)
	for i, enc := range [][]byte{ours, theirs, base} {
		if value.Absent(enc) {
			continue
		}
		var err error
		if i == 2 {
			if enc, err = value.AppendNegated(nil, enc); err != nil {
				return contract.Resolution{}, err
			}
		}
		if sum, err = value.Add(sum, enc); err != nil {
			return contract.Resolution{}, err
		}
	}
	return contract.Resolution{Value: sum}, nil
}

func answers(enc []byte) func(_, _, _ []byte) (contract.Resolution, error) {
	return func(_, _, _ []byte) (contract.Resolution, error) { return contract.Resolution{Value: enc}, nil }
}

func excludes(reason string) func(_, _, _ []byte) (contract.Resolution, error) {
	return func(_, _, _ []byte) (contract.Resolution, error) {
		return contract.Resolution{Exclude: true, Reason: reason}, nil
	}
}

// sides returns what a transaction finds and leaves where it was made.
func sides(t testing.TB, rt *Runtime, tx *object.Transaction, dict any, made state) []contract.Side {
	t.Helper()
	var out contract.Outcome
	if err := rt.Run(tx, dict, made, nil, &out); err != nil {
		t.Fatal(err)
	}
	if out.Verdict == object.VerdictExcluded {
		return nil
	}
	after := made.clone()
	after.apply(t, &out)
	var all []contract.Side
	for i := range out.Effects {
		k := string(out.Effects[i].Key)
		all = append(all, contract.Side{Key: []byte(k), Base: made[k], Theirs: after[k]})
	}
	return all
}

// merged runs a transaction on a target, within what it declares, and applies it.
func merged(t testing.TB, rt *Runtime, tx *object.Transaction, dict any, m *contract.Merging, target state) (*contract.Outcome, error) {
	t.Helper()
	var list []contract.Access
	rt.Declare(tx, dict, m.Resolver, func(a contract.Access) { list = append(list, a) })
	view := confine(target, list)
	out := &contract.Outcome{}
	if err := rt.Run(tx, dict, view, m, out); err != nil {
		return out, err
	}
	if (out.Verdict == object.VerdictExcluded) != (out.Exclusion != nil) || !(out.Verdict == object.VerdictApplied || out.Verdict == object.VerdictResolved) && len(out.Effects) > 0 {
		t.Fatalf("verdict %v with exclusion %v and %d effects", out.Verdict, out.Exclusion, len(out.Effects))
	}
	view.checkEffects(t, out.Effects)
	target.apply(t, out)
	return out, nil
}

func TestWhatAResolverDecides(t *testing.T) {
	const applied, noop, resolved, excluded = object.VerdictApplied, object.VerdictNoop, object.VerdictResolved, object.VerdictExcluded
	one := func(c Code, k, fields string, flags Flags, unset ...string) []Spec {
		return []Spec{spec(t, c, k, fields, flags, unset...)}
	}
	both := func(a, b []Spec) []Spec { return append(append([]Spec{}, a...), b...) }
	schema := `{"key":["id"],"col":{"id":["text",0],"a":["integer",1],"b":["any",2]}}`
	anyColumn := value.AppendList(nil, value.AppendText(nil, "any"), value.AppendUint(nil, 1))
	for _, test := range []struct {
		name      string
		saw, runs rows
		do        []Spec
		rule      *ruled // nil: total, for all fields
		verdict   object.Verdict
		reason    object.Reason
		op        uint64
		asked     string
		want      rows // the state after, if it is not that before
	}{
		{name: "a field both changed", saw: rows{"k": `{"a":10}`}, runs: rows{"k": `{"a":8}`}, do: one(Put, "k", `{"a":13}`, 0),
			verdict: resolved, asked: "a", want: rows{"k": `{"a":11}`}},
		{name: "both the same", saw: rows{"k": `{"a":10}`}, runs: rows{"k": `{"a":13}`}, do: one(Put, "k", `{"a":13}`, 0), verdict: noop},
		{name: "one alike, one not", saw: rows{"k": `{"a":10,"b":1}`}, runs: rows{"k": `{"a":13,"b":2}`}, do: one(Put, "k", `{"a":13,"b":3}`, 0),
			verdict: resolved, asked: "b", want: rows{"k": `{"a":13,"b":4}`}},
		{name: "two fields", saw: rows{"k": `{"a":10,"b":1}`}, runs: rows{"k": `{"a":8,"b":2}`}, do: one(Put, "k", `{"a":13,"b":3,"c":1}`, 0),
			verdict: resolved, asked: "a b", want: rows{"k": `{"a":11,"b":4,"c":1}`}},
		{name: "a field without a rule", saw: rows{"k": `{"a":10,"b":1}`}, runs: rows{"k": `{"a":8,"b":2}`}, do: one(Put, "k", `{"a":13,"b":3}`, 0),
			rule: &ruled{fields: "a", rule: total}, verdict: excluded, reason: object.ReasonFieldChanged, asked: "a"},
		{name: "no rule", saw: rows{"k": `{"a":10}`}, runs: rows{"k": `{"a":8}`}, do: one(Put, "k", `{"a":13}`, 0),
			rule: &ruled{fields: "-"}, verdict: excluded, reason: object.ReasonFieldChanged},
		{name: "unset by one", saw: rows{"k": `{"a":10}`}, runs: rows{"k": `{"a":8}`}, do: one(Put, "k", ``, 0, "a"),
			verdict: resolved, asked: "a", want: rows{"k": `{"a":-2}`}},
		{name: "unset by the other", saw: rows{"k": `{"a":10}`}, runs: rows{"k": `{}`}, do: one(Put, "k", `{"a":13}`, 0),
			verdict: resolved, asked: "a", want: rows{"k": `{"a":3}`}},
		{name: "the answer takes the field away", saw: rows{"k": `{"a":10}`}, runs: rows{"k": `{"a":8}`}, do: one(Put, "k", `{"a":13}`, 0),
			rule: &ruled{rule: answers(value.AppendAbsent(nil))}, verdict: resolved, asked: "a", want: rows{"k": `{}`}},
		{name: "a row that is gone", saw: rows{"k": `{"a":10}`}, runs: rows{}, do: one(Put, "k", `{"a":13}`, 0), verdict: excluded, reason: object.ReasonRowGone},

		{name: "rows both made by put", runs: rows{"k": `{"a":8}`}, do: one(Put, "k", `{"a":13,"b":2}`, 0),
			verdict: resolved, asked: "a", want: rows{"k": `{"a":21,"b":2}`}},
		{name: "rows both made by insert", runs: rows{"k": `{"a":8,"c":7}`}, do: one(Insert, "k", `{"a":13,"b":2}`, 0),
			verdict: resolved, asked: "a", want: rows{"k": `{"a":21,"b":2,"c":7}`}},
		{name: "the same row inserted", runs: rows{"k": `{"a":8}`}, do: one(Insert, "k", `{"a":8}`, 0), verdict: noop},
		{name: "a part of the row inserted", runs: rows{"k": `{"a":8,"b":1}`}, do: one(Insert, "k", `{"a":8}`, 0), verdict: noop},
		{name: "other fields inserted", runs: rows{"k": `{"a":8}`}, do: one(Insert, "k", `{"b":8}`, 0), verdict: resolved, want: rows{"k": `{"a":8,"b":8}`}},
		{name: "other fields inserted, no rule", runs: rows{"k": `{"a":8}`}, do: one(Insert, "k", `{"b":8}`, 0),
			rule: &ruled{fields: "a", rule: total}, verdict: excluded, reason: object.ReasonRowExists},
		{name: "inserted, one field without a rule", runs: rows{"k": `{"a":8,"b":1}`}, do: one(Insert, "k", `{"a":13,"b":2}`, 0),
			rule: &ruled{fields: "a", rule: total}, verdict: excluded, reason: object.ReasonRowExists, asked: "a"},
		{name: "inserted where the row went and came", saw: rows{}, runs: rows{"k": `{}`}, do: one(Insert, "k", `{"a":1}`, 0), verdict: resolved, want: rows{"k": `{"a":1}`}},

		{name: "exact put", saw: rows{"k": `{"a":10}`}, runs: rows{"k": `{"a":8}`}, do: one(Put, "k", `{"a":13}`, Exact), verdict: excluded, reason: object.ReasonFieldChanged},
		{name: "exact insert", runs: rows{"k": `{"a":8}`}, do: one(Insert, "k", `{"a":13}`, Exact), verdict: excluded, reason: object.ReasonRowExists},
		{name: "forced put", saw: rows{"k": `{"a":10}`}, runs: rows{"k": `{"a":8}`}, do: one(Put, "k", `{"a":13}`, Force), want: rows{"k": `{"a":13}`}},
		{name: "forced insert", runs: rows{"k": `{"a":8}`}, do: one(Insert, "k", `{"b":13}`, Force), want: rows{"k": `{"b":13}`}},
		{name: "incr", saw: rows{"k": `{"a":10}`}, runs: rows{"k": `{"a":8}`}, do: one(Incr, "k", `{"a":3}`, 0), want: rows{"k": `{"a":11}`}},
		{name: "append", saw: rows{"k": `{}`}, runs: rows{"k": `{"l":["x"]}`}, do: one(Append, "k", `{"l":"y"}`, 0), want: rows{"k": `{"l":["x","y"]}`}},
		{name: "del", saw: rows{"k": `{"a":10}`}, runs: rows{"k": `{"a":8}`}, do: one(Del, "k", ``, 0), verdict: excluded, reason: object.ReasonRowChanged},
		{name: "replace", saw: rows{"k": `{"a":10}`}, runs: rows{"k": `{"a":8}`}, do: one(Replace, "k", `{"a":13}`, 0), verdict: excluded, reason: object.ReasonRowChanged},
		{name: "define", saw: rows{"": schema}, runs: rows{"": strings.Replace(schema, `"integer",1`, `"text",1`, 1)},
			do: []Spec{{Code: Define, Table: "t", Fields: []value.Field{{Name: "col.a", Enc: anyColumn}}}}, verdict: excluded, reason: object.ReasonFieldChanged},

		{name: "two rows at once", saw: rows{"k": `{"a":10}`, "l": `{"a":1}`}, runs: rows{"k": `{"a":8}`, "l": `{"a":2}`},
			do: both(one(Put, "k", `{"a":13}`, 0), one(Put, "l", `{"a":5}`, 0)), verdict: resolved, asked: "a a", want: rows{"k": `{"a":11}`, "l": `{"a":6}`}},
		{name: "two rows, one untouched", saw: rows{"k": `{"a":10}`, "l": `{"a":1}`}, runs: rows{"k": `{"a":8}`, "l": `{"a":1}`},
			do: both(one(Put, "k", `{"a":13}`, 0), one(Put, "l", `{"a":5}`, 0)), verdict: resolved, asked: "a", want: rows{"k": `{"a":11}`, "l": `{"a":5}`}},
		{name: "two rows, one without a rule", saw: rows{"k": `{"a":10}`, "l": `{"b":1}`}, runs: rows{"k": `{"a":8}`, "l": `{"b":2}`},
			do: both(one(Put, "k", `{"a":13}`, 0), one(Put, "l", `{"b":5}`, 0)), rule: &ruled{fields: "a", rule: total},
			verdict: excluded, reason: object.ReasonFieldChanged, op: 1, asked: "a"},
		{name: "two rows, all written by both", saw: rows{"k": `{"a":10}`, "l": `{"a":1}`}, runs: rows{"k": `{"a":13}`, "l": `{"a":5}`},
			do: both(one(Put, "k", `{"a":13}`, 0), one(Put, "l", `{"a":5}`, 0)), verdict: noop},
		{name: "two rows, one written by both", saw: rows{"k": `{"a":10}`, "l": `{"a":1}`}, runs: rows{"k": `{"a":13}`, "l": `{"a":1}`},
			do: both(one(Put, "k", `{"a":13}`, 0), one(Put, "l", `{"a":5}`, 0)), verdict: resolved, want: rows{"k": `{"a":13}`, "l": `{"a":5}`}},
		{name: "two fields of a row, one by one", saw: rows{"k": `{"a":10,"b":1}`}, runs: rows{"k": `{"a":8,"b":2}`},
			do: both(one(Put, "k", `{"a":13}`, 0), one(Put, "k", `{"b":5}`, 0)), verdict: resolved, asked: "a b", want: rows{"k": `{"a":11,"b":6}`}},
		{name: "a row made and changed on", runs: rows{"k": `{"b":2}`},
			do: both(one(Insert, "k", `{"a":13}`, 0), one(Put, "k", `{"b":5}`, 0)), verdict: resolved, asked: "b", want: rows{"k": `{"a":13,"b":7}`}},
		// What the source had is known before and behind the transaction, not between its operations.
		{name: "a field twice", saw: rows{"k": `{"a":10}`}, runs: rows{"k": `{"a":8}`},
			do: both(one(Put, "k", `{"a":11}`, 0), one(Put, "k", `{"a":13}`, 0)), verdict: excluded, reason: object.ReasonFieldChanged},
		{name: "a field put and counted on", saw: rows{"k": `{"a":10}`}, runs: rows{"k": `{"a":8}`},
			do: both(one(Put, "k", `{"a":11}`, 0), one(Incr, "k", `{"a":5}`, 0)), verdict: excluded, reason: object.ReasonFieldChanged},
		{name: "a delta and a put beside it", saw: rows{"k": `{"a":10,"b":1}`}, runs: rows{"k": `{"a":8,"b":1}`},
			do: both(one(Put, "k", `{"a":13}`, 0), one(Incr, "k", `{"b":5}`, 0)), verdict: resolved, asked: "a", want: rows{"k": `{"a":11,"b":6}`}},

		{name: "left out", saw: rows{"k": `{"a":10}`}, runs: rows{"k": `{"a":8}`}, do: one(Put, "k", `{"a":13}`, 0),
			rule: &ruled{rule: excludes("not now")}, verdict: excluded, reason: object.ReasonResolver, asked: "a"},
		{name: "left out as a whole", saw: rows{"k": `{"a":10}`, "l": `{"a":1}`}, runs: rows{"k": `{"a":10}`, "l": `{"a":2}`},
			do: both(one(Put, "k", `{"a":13}`, 0), one(Put, "l", `{"a":5}`, 0)), rule: &ruled{rule: excludes("not now")},
			verdict: excluded, reason: object.ReasonResolver, op: 1, asked: "a"},
		{name: "inserted and left out", runs: rows{"k": `{"a":8}`}, do: one(Insert, "k", `{"a":13}`, 0),
			rule: &ruled{rule: excludes("not now")}, verdict: excluded, reason: object.ReasonResolver, asked: "a"},
		{name: "what fits no column comes first", saw: rows{"k": `{"a":10}`}, runs: rows{"": schema, "k": `{"a":8}`}, do: one(Put, "k", `{"a":"x"}`, 0),
			verdict: excluded, reason: object.ReasonType},
		{name: "what fits no column comes first, inserted", runs: rows{"": schema, "k": `{"a":8}`}, do: one(Insert, "k", `{"a":"x"}`, 0),
			verdict: excluded, reason: object.ReasonType},
	} {
		t.Run(test.name, func(t *testing.T) {
			rule := test.rule
			if rule == nil {
				rule = &ruled{rule: total}
			}
			rt, saw, target := NewRuntime(), stateOf(t, test.saw), stateOf(t, test.runs)
			names, payload := author(t, saw, test.do...)
			tx, dict := &object.Transaction{Payload: payload}, rt.Prepare(names)
			m := &contract.Merging{Resolver: rule, Sides: sides(t, rt, tx, dict, saw)}
			out, err := merged(t, rt, tx, dict, m, target)
			if err != nil {
				t.Fatal(err)
			}
			if out.Verdict != test.verdict || strings.Join(rule.asked, " ") != test.asked {
				t.Errorf("%v, asked about %q; want %v, %q", out.Verdict, rule.asked, test.verdict, test.asked)
			}
			if x := out.Exclusion; x != nil && (x.Reason != test.reason || x.Op != test.op) {
				t.Errorf("excluded as %v at operation %d, want %v at %d", x.Reason, x.Op, test.reason, test.op)
			}
			want := test.want
			if want == nil {
				want = stateOf(t, test.runs).rows(t)
			}
			if got := target.rows(t); !maps.Equal(got, want) {
				t.Errorf("rows are %v, want %v", got, want)
			}
		})
	}
}

// changedBoth is a put of a=13 that saw a=10, merged where a is 8.
func changedBoth(t *testing.T, r *ruled, target string, change func(*contract.Side)) (*contract.Outcome, error) {
	t.Helper()
	rt, saw := NewRuntime(), stateOf(t, rows{"k": `{"a":10}`})
	names, payload := author(t, saw, spec(t, Put, "k", `{"a":13}`, 0))
	tx, dict := &object.Transaction{Payload: payload}, rt.Prepare(names)
	m := &contract.Merging{Resolver: r, Sides: sides(t, rt, tx, dict, saw)}
	if change != nil {
		change(&m.Sides[0])
	}
	return merged(t, rt, tx, dict, m, stateOf(t, rows{"": `{"key":["id"],"col":{"id":["text",0],"a":["integer",1],"b":["any",2]}}`, "k": target}))
}

// Without the source's row as its author saw it nobody is asked.
func TestConflictStaysWhereTheSourceIsNotKnown(t *testing.T) {
	for name, change := range map[string]func(*contract.Side){
		"another row":         func(s *contract.Side) { s.Key = stateKey(t, "other") },
		"another base":        func(s *contract.Side) { s.Base = rowOf(t, `{"a":9}`) },
		"no base":             func(s *contract.Side) { s.Base = nil },
		"another outcome":     func(s *contract.Side) { s.Theirs = rowOf(t, `{"a":14}`) },
		"the row was deleted": func(s *contract.Side) { s.Theirs = nil },
	} {
		r := &ruled{rule: total}
		out, err := changedBoth(t, r, `{"a":8}`, change)
		if err != nil || out.Verdict != object.VerdictExcluded || out.Exclusion.Reason != object.ReasonFieldChanged || len(r.asked) > 0 {
			t.Errorf("%s: %v, %+v, asked about %q", name, err, out.Exclusion, r.asked)
		}
	}
}

// What the column does not take is an error with the cell's name, not a verdict.
func TestAnswersThatDoNotFit(t *testing.T) {
	sentinel := fmt.Errorf("%w: line 3", contract.ErrResolver)
	for _, test := range []struct {
		name, says string
		rule       func(_, _, _ []byte) (contract.Resolution, error)
	}{
		{"a text for an integer", `t.a: the answer "x" does not fit: type`, answers(value.AppendText(nil, "x"))},
		{"the rule fails", "line 3", func(_, _, _ []byte) (contract.Resolution, error) { return contract.Resolution{}, sentinel }},
	} {
		out, err := changedBoth(t, &ruled{rule: test.rule}, `{"a":8}`, nil)
		if !errors.Is(err, contract.ErrResolver) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, %v", test.name, err, out.Verdict)
		}
	}
}

// A rule sees the fields that it looks at and the one it decides, and no other.
func TestRulesSeeWhatTheyLookAt(t *testing.T) {
	r := &ruled{looks: []string{"c", "b", "a"}, rule: total}
	if _, err := changedBoth(t, r, `{"a":8,"b":1,"d":2}`, nil); err != nil || len(r.ours) != 1 || r.ours[0] != `{"a":8,"b":1}` {
		t.Errorf("%v, ours is %q", err, r.ours)
	}
}

func TestReasonsAreCutAtACharacter(t *testing.T) {
	for _, reason := range []string{"short", strings.Repeat("x", 256), strings.Repeat("x", 257), strings.Repeat("é", 200), "x" + strings.Repeat("é", 200), strings.Repeat("𝄞", 100)} {
		out, err := changedBoth(t, &ruled{rule: excludes(reason)}, `{"a":8}`, nil)
		if err != nil {
			t.Fatal(err)
		}
		found := string(out.Exclusion.Found)
		last, _ := utf8.DecodeRuneInString(reason[len(found)%len(reason):])
		if !strings.HasPrefix(reason, found) || len(found) > MaxReasonBytes || !utf8.ValidString(found) ||
			len(found) < len(reason) && len(found)+utf8.RuneLen(last) <= MaxReasonBytes {
			t.Errorf("%d bytes became %d: %q", len(reason), len(found), found)
		}
	}
}

// On any state a resolver changes nothing of what the plain rules apply, asks only about
// what they exclude for a disagreement, reads nothing that was not declared, and grows no row
// by more than was.
func TestResolverLeavesTheRestAlone(t *testing.T) {
	g := newGenerator(t, rand.Uint64())
	rt := NewRuntime()
	answered := 0
	for i := range 3000 {
		saw, at := g.model(), g.model()
		names, payload := encode(t, saw, g.transaction(saw))
		tx, dict := &object.Transaction{Payload: payload}, rt.Prepare(names)
		long := value.AppendText(nil, strings.Repeat("long ", 1+i%50))
		r := &ruled{looks: []string{"a"}, rule: func(_, _, _ []byte) (contract.Resolution, error) { return contract.Resolution{Value: long}, nil }}
		plain, target := at.state(t), at.state(t)
		want, err := merged(t, rt, tx, dict, &contract.Merging{}, plain)
		if err != nil {
			t.Fatal(err)
		}
		got, err := merged(t, rt, tx, dict, &contract.Merging{Resolver: r, Sides: sides(t, rt, tx, dict, saw.state(t))}, target)
		if errors.Is(err, contract.ErrResolver) { // the answer does not fit the column
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		decided := got.Verdict != want.Verdict
		if decided && (want.Exclusion == nil || !want.Exclusion.Reason.Conflict()) || !decided && len(r.asked) > 0 && want.Verdict != object.VerdictExcluded {
			t.Fatalf("%v with the resolver, %v (%+v) without; asked about %q", got.Verdict, want.Verdict, want.Exclusion, r.asked)
		}
		if !decided && !maps.Equal(plain.rows(t), target.rows(t)) {
			t.Fatalf("%v without the resolver, %v with it", plain.rows(t), target.rows(t))
		}
		if got.Verdict == object.VerdictResolved {
			answered++
		}
		checkGrowth(t, rt, tx, dict, r, at.state(t), target)
	}
	if answered < 50 {
		t.Errorf("only %d were resolved", answered)
	}
}

func checkGrowth(t *testing.T, rt *Runtime, tx *object.Transaction, dict any, r contract.Resolver, before, after state) {
	t.Helper()
	grow := map[string]*contract.Growth{}
	rt.Declare(tx, dict, r, func(a contract.Access) {
		if grow[string(a.Key)] == nil {
			grow[string(a.Key)] = &contract.Growth{}
		}
		grow[string(a.Key)].Add(&a)
	})
	for k, row := range after {
		may := 0
		if g := grow[k]; g != nil {
			may = g.Bytes()
		}
		if got := len(row) - len(before[k]); got > may {
			t.Fatalf("a row grew by %d bytes, declared %d", got, may)
		}
	}
}
