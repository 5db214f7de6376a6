package table

import (
	"slices"
	"testing"

	"aergo/contract"
	"aergo/repo/object"
)

// story is transactions of one branch, each authored on what the ones before it left.
type story struct {
	t    testing.TB
	rt   *Runtime
	at   state
	txs  []object.Transaction
	dict []any
}

func newStory(t testing.TB, base state) *story {
	return &story{t: t, rt: NewRuntime(), at: base.clone()}
}

func (s *story) does(specs ...Spec) {
	s.t.Helper()
	names, payload := author(s.t, s.at, specs...)
	tx, dict := object.Transaction{Payload: payload}, s.rt.Prepare(names)
	out := s.run(&tx, dict, s.at, nil)
	if out.Verdict != object.VerdictApplied {
		s.t.Fatalf("verdict %v on the state it was authored on", out.Verdict)
	}
	s.at.apply(s.t, out)
	s.txs, s.dict = append(s.txs, tx), append(s.dict, dict)
}

func (s *story) run(tx *object.Transaction, dict any, view contract.View, settled *contract.Settlement) *contract.Outcome {
	s.t.Helper()
	out := &contract.Outcome{}
	if err := s.rt.Run(tx, dict, view, &contract.Merging{Settled: settled}, out); err != nil {
		s.t.Fatal(err)
	}
	return out
}

// settle returns what the story settles on a target.
func (s *story) settle(target state) *contract.Settlement {
	s.t.Helper()
	settler := s.rt.Settle()
	for i := range s.txs {
		settler.Count(&s.txs[i], s.dict[i])
	}
	for i := range s.txs {
		settler.Observe(&s.txs[i], s.dict[i])
	}
	keys := settler.Keys()
	if !slices.IsSortedFunc(keys, slices.Compare) {
		s.t.Error("the keys are not in order")
	}
	rows := make([][]byte, len(keys))
	for i, k := range keys {
		rows[i] = target[string(k)]
	}
	return settler.Decide(rows)
}

// A transaction is run without what was settled; what it says of its operations counts them
// as they were signed.
func TestRunWithoutWhatIsSettled(t *testing.T) {
	base := stateOf(t, rows{"a": `{"n":0}`, "b": `{"n":0}`, "c": `{"n":0}`})
	s := newStory(t, base)
	s.does(spec(t, Put, "a", `{"n":1}`, 0), spec(t, Put, "b", `{"n":1}`, 0), spec(t, Put, "c", `{"n":1}`, 0))
	s.does(spec(t, Put, "a", `{"n":0}`, 0))
	s.does(spec(t, Put, "b", `{"m":1}`, 0))
	target := stateOf(t, rows{"a": `{"n":9}`, "b": `{"n":0}`, "c": `{"n":7}`})
	settled := s.settle(target)
	first := s.run(&s.txs[0], s.dict[0], target, settled)
	if x := first.Exclusion; x == nil || x.Op != 2 || x.Reason != object.ReasonFieldChanged || string(x.Key) != string(stateKey(t, "c")) {
		t.Errorf("excluded as %+v", x)
	}
	if plain := s.run(&s.txs[0], s.dict[0], target, nil); plain.Exclusion == nil || plain.Exclusion.Op != 0 || plain.CostUnits != first.CostUnits {
		t.Errorf("without the settlement it is %+v, at %d units, not %d", plain.Exclusion, plain.CostUnits, first.CostUnits)
	}
	if out := s.run(&s.txs[1], s.dict[1], target, settled); out.Verdict != object.VerdictNoop || out.CostUnits == 0 || len(out.Effects) != 0 {
		t.Errorf("what is settled as a whole is %v", out.Verdict)
	}
	if out := s.run(&s.txs[2], s.dict[2], target, settled); out.Verdict != object.VerdictApplied {
		t.Errorf("what is not settled is %v", out.Verdict)
	}
}

// What is settled in a row that several operations touch, and on which target.
func TestSettledCells(t *testing.T) {
	for _, test := range []struct {
		name   string
		base   rows
		story  []Spec
		target rows
		all    bool
		fields string // those of a, b and c that are settled
	}{
		{"one operation", rows{"r": `{"a":0}`}, []Spec{spec(t, Put, "r", `{"a":1}`, 0)}, rows{"r": `{"a":1}`}, false, ""},
		{"there and back", rows{"r": `{"a":0}`}, []Spec{spec(t, Put, "r", `{"a":1}`, 0), spec(t, Put, "r", `{"a":0}`, 0)}, rows{"r": `{"a":5}`}, true, "abc"},
		{"to what is held", rows{"r": `{"a":0}`}, []Spec{spec(t, Put, "r", `{"a":1}`, 0), spec(t, Put, "r", `{"a":2}`, 0)}, rows{"r": `{"a":2}`}, true, "abc"},
		{"to what is not", rows{"r": `{"a":0}`}, []Spec{spec(t, Put, "r", `{"a":1}`, 0), spec(t, Put, "r", `{"a":2}`, 0)}, rows{"r": `{"a":5}`}, false, ""},
		{"one of two fields", rows{"r": `{"a":0,"b":0}`}, []Spec{spec(t, Put, "r", `{"a":1,"b":1}`, 0), spec(t, Put, "r", `{"a":0}`, 0)}, rows{"r": `{"a":5,"b":0}`}, false, "a"},
		{"unset and set", rows{"r": `{"a":0,"b":0}`}, []Spec{spec(t, Put, "r", "", 0, "a"), spec(t, Put, "r", `{"a":0,"b":3}`, 0)}, rows{"r": `{"a":5,"b":0}`}, false, "a"},
		{"set and unset", rows{"r": `{"b":0}`}, []Spec{spec(t, Put, "r", `{"a":1}`, 0), spec(t, Put, "r", `{"b":2}`, 0, "a")}, rows{"r": `{"a":5,"b":0}`}, false, "a"},
		{"fields of no row are not held", rows{"r": `{"a":0}`}, []Spec{spec(t, Put, "r", `{"a":1}`, 0), spec(t, Put, "r", "", 0, "a")}, rows{}, false, ""},
		{"made and unmade", rows{}, []Spec{spec(t, Insert, "r", `{"a":1}`, 0), spec(t, Del, "r", "", 0)}, rows{"r": `{"a":5}`}, true, "abc"},
		{"unmade and made", rows{"r": `{"a":0}`}, []Spec{spec(t, Del, "r", "", 0), spec(t, Insert, "r", `{"a":0}`, 0)}, rows{"r": `{"a":5}`}, true, "abc"},
		{"unmade and made otherwise", rows{"r": `{"a":0}`}, []Spec{spec(t, Del, "r", "", 0), spec(t, Insert, "r", `{"a":3}`, 0)}, rows{"r": `{"a":5}`}, false, ""},
		{"unmade and made as held", rows{"r": `{"a":0}`}, []Spec{spec(t, Del, "r", "", 0), spec(t, Insert, "r", `{"a":3}`, 0)}, rows{"r": `{"a":3}`}, true, "abc"},
		{"replaced and put back", rows{"r": `{"a":0}`}, []Spec{spec(t, Replace, "r", `{"b":1}`, 0), spec(t, Replace, "r", `{"a":0}`, 0)}, rows{"r": `{"a":5}`}, true, "abc"},
		{"edited and unmade", rows{"r": `{"a":0}`}, []Spec{spec(t, Put, "r", `{"a":1}`, 0), spec(t, Del, "r", "", 0)}, rows{"r": `{"a":5}`}, false, ""},
		{"edited and unmade, as held", rows{"r": `{"a":0}`}, []Spec{spec(t, Put, "r", `{"a":1}`, 0), spec(t, Del, "r", "", 0)}, rows{}, true, "abc"},
		{"exact", rows{"r": `{"a":0}`}, []Spec{spec(t, Put, "r", `{"a":1}`, Exact), spec(t, Put, "r", `{"a":0}`, 0)}, rows{"r": `{"a":5}`}, false, ""},
		{"forced", rows{"r": `{"a":0}`}, []Spec{spec(t, Put, "r", `{"a":1}`, Force), spec(t, Put, "r", `{"a":0}`, 0)}, rows{"r": `{"a":5}`}, false, ""},
		{"with a delta", rows{"r": `{"a":0}`}, []Spec{spec(t, Put, "r", `{"a":1}`, 0), spec(t, Incr, "r", `{"b":1}`, 0), spec(t, Put, "r", `{"a":0}`, 0)}, rows{"r": `{"a":5}`}, false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStory(t, stateOf(t, test.base))
			for i := range test.story {
				s.does(test.story[i])
			}
			row := s.settle(stateOf(t, test.target)).Row(stateKey(t, "r"))
			if (row != nil && row.All) != test.all {
				t.Errorf("settled is %+v", row)
			}
			settled := ""
			for _, name := range []string{"a", "b", "c"} {
				if row.Field(name) {
					settled += name
				}
			}
			if settled != test.fields {
				t.Errorf("settled are the fields %q, want %q", settled, test.fields)
			}
		})
	}
}
