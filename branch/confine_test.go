package branch

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"aergo/contract"
	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/dtt"
	"aergo/repo/object"
	rowkey "aergo/repo/state/key"
)

// trespasser is a runtime that, beside what the transaction says, does something more with
// what it declares and what it does.
type trespasser struct {
	Runtime
	declare []contract.Access
	run     func(view contract.View, out *contract.Outcome) error
}

func (r *trespasser) Declare(tx *object.Transaction, dict any, resolver contract.Resolver, add func(contract.Access)) {
	r.Runtime.Declare(tx, dict, resolver, add)
	for _, a := range r.declare {
		add(a)
	}
}

func (r *trespasser) Run(tx *object.Transaction, dict any, view contract.View, m *contract.Merging, out *contract.Outcome) error {
	if err := r.Runtime.Run(tx, dict, view, m, out); err != nil {
		return err
	}
	return r.run(view, out)
}

func rowKey(t testing.TB, k string) []byte {
	t.Helper()
	id, err := rowkey.Row("t", rowkey.Text(k))
	must(t, err)
	return id
}

// A transaction reaches what it declared and nothing else, and what goes beyond stops the
// block before any of it is seen.
func TestTransactionsAreConfinedToWhatTheyDeclare(t *testing.T) {
	b := newBook(t, 2)
	head := b.commit(b.root, put("mine", num("a", 1), num("b", 1)), put("other", num("a", 1)))
	mine, other := rowKey(t, "mine"), rowKey(t, "other")
	read := func(fn func(v contract.View) error) func(contract.View, *contract.Outcome) error {
		return func(v contract.View, _ *contract.Outcome) error { return fn(v) }
	}
	field := func(k []byte, name string) func(contract.View, *contract.Outcome) error {
		return read(func(v contract.View) error { _, _, err := v.Field(k, name); return err })
	}
	exists := func(k []byte) func(contract.View, *contract.Outcome) error {
		return read(func(v contract.View) error { _, err := v.Exists(k); return err })
	}
	row := func(k []byte) func(contract.View, *contract.Outcome) error {
		return read(func(v contract.View) error { _, _, err := v.Row(k); return err })
	}
	effect := func(k []byte, kind contract.EffectKind, ensure bool, fields ...contract.FieldEffect) func(contract.View, *contract.Outcome) error {
		return func(_ contract.View, out *contract.Outcome) error {
			out.Verdict, out.Exclusion, out.Effects = object.VerdictApplied, nil, out.Effects[:0]
			e := out.Add(k, kind)
			e.Ensure, e.Row, e.Fields = ensure, []byte{0x80}, fields
			return nil
		}
	}
	set := func(name string) contract.FieldEffect {
		return contract.FieldEffect{Name: name, Kind: contract.FieldSet, Value: value.AppendUint(nil, 7)}
	}
	incr := func(name string) contract.FieldEffect {
		return contract.FieldEffect{Name: name, Kind: contract.FieldIncr, Value: value.AppendUint(nil, 7)}
	}
	access := func(k []byte, p contract.Part, name string, m contract.Mode) contract.Access {
		return contract.Access{Key: k, Part: p, Field: name, Mode: m}
	}
	// The transaction puts a in mine: it declares Write of the field, Delta of the row and
	// Read of existence.
	for _, test := range []struct {
		name    string
		declare []contract.Access
		run     func(contract.View, *contract.Outcome) error
		allowed bool
	}{
		{"its own field", nil, field(mine, "a"), true},
		{"another field", nil, field(mine, "b"), false},
		{"another field, declared", []contract.Access{access(mine, contract.PartField, "b", contract.Read)}, field(mine, "b"), true},
		{"another field, row declared", []contract.Access{access(mine, contract.PartRow, "", contract.Read)}, field(mine, "b"), true},
		{"its own existence", nil, exists(mine), true},
		{"its row, which it only changes", nil, row(mine), false},
		{"its row, declared", []contract.Access{access(mine, contract.PartRow, "", contract.Read)}, row(mine), true},
		{"another row's existence", nil, exists(other), false},
		{"existence that it may only ensure", []contract.Access{access(other, contract.PartExistence, "", contract.Delta)}, exists(other), false},
		{"existence that it ensures and reads", []contract.Access{
			access(other, contract.PartExistence, "", contract.Delta), access(other, contract.PartExistence, "", contract.Read)}, exists(other), true},
		{"another row's field", nil, field(other, "a"), false},
		{"another row", nil, row(other), false},
		{"a row that nobody names", nil, row([]byte("nobody")), false},
		{"a field of a row that nobody names", nil, field([]byte("nobody"), "a"), false},
		{"the existence of a row that nobody names", nil, exists([]byte("nobody")), false},
		{"sets its field", nil, effect(mine, contract.EffectFields, false, set("a")), true},
		{"sets another field", nil, effect(mine, contract.EffectFields, false, set("a"), set("b")), false},
		{"increments another field", nil, effect(mine, contract.EffectFields, false, incr("b")), false},
		{"sets what it declared to increment", []contract.Access{access(mine, contract.PartField, "b", contract.Delta)},
			effect(mine, contract.EffectFields, false, set("b")), false},
		{"increments what it declared to", []contract.Access{access(mine, contract.PartField, "b", contract.Delta)},
			effect(mine, contract.EffectFields, false, incr("b")), true},
		{"sets what it declared to read", []contract.Access{access(mine, contract.PartField, "b", contract.Read)},
			effect(mine, contract.EffectFields, false, set("b")), false},
		{"makes the row", nil, effect(mine, contract.EffectFields, true, set("a")), false},
		{"replaces the row", nil, effect(mine, contract.EffectPut, false), false},
		{"deletes the row", nil, effect(mine, contract.EffectDelete, false), false},
		{"deletes a row whose existence it did not declare", []contract.Access{access(other, contract.PartRow, "", contract.Write)},
			effect(other, contract.EffectDelete, false), false},
		{"deletes a row as declared", []contract.Access{
			access(other, contract.PartRow, "", contract.Write), access(other, contract.PartExistence, "", contract.Write)},
			effect(other, contract.EffectDelete, false), true},
		{"sets a field of a row it declared to write", []contract.Access{access(other, contract.PartRow, "", contract.Write)},
			effect(other, contract.EffectFields, false, set("q")), true},
		{"sets a field of another row", nil, effect(other, contract.EffectFields, false, set("a")), false},
		{"deletes a row that nobody names", nil, effect([]byte("nobody"), contract.EffectDelete, false), false},
	} {
		for _, many := range []int{0, 20} { // so that both ways of looking an access up are met
			t.Run(fmt.Sprintf("%s/%d", test.name, many), func(t *testing.T) {
				batch := b.stranded(b.ada, head, nil, put("mine", num("a", 2)))
				x := b.executor(head, 2)
				for i := range many {
					test.declare = append(test.declare, access(mine, contract.PartField, fmt.Sprintf("z%02d", i), contract.Read))
				}
				rt := &trespasser{Runtime: b.Runtime, declare: test.declare, run: test.run}
				x.runtime, x.scratch = rt, newStage(rt, 2)
				err := x.Follow(t.Context(), []Span{{Batch: batch, Count: 1}}, dtt.Serial(1))
				if test.allowed {
					must(t, err)
					return
				}
				if !errors.Is(err, contract.ErrUndeclared) || !strings.Contains(err.Error(), batch.ID.Short()+".0") {
					t.Errorf("error is %v", err)
				}
				if x.State().Root() != head.Header.State || len(x.Entries()) != 0 || x.Count() != 0 {
					t.Error("something of it leaked")
				}
			})
		}
	}
}

// failing fails as a whole from one transaction on.
type failing struct {
	Runtime
	why error
}

func (r failing) Run(tx *object.Transaction, dict any, view contract.View, m *contract.Merging, out *contract.Outcome) error {
	if len(tx.Payload) == 0 {
		return r.why
	}
	return r.Runtime.Run(tx, dict, view, m, out)
}

func TestFailureToExecuteIsNoVerdict(t *testing.T) {
	b := newBook(t, 4)
	p := NewPending(b.root)
	var txs [][]table.Spec
	for i := range 300 {
		txs = append(txs, put(fmt.Sprint(i), num("a", 1)))
	}
	b.author(p, NewDesk(t.Context(), b.Runtime, b.State(b.root)), txs...)
	p.Open.Add(&object.Transaction{})
	p.Open.Add(&object.Transaction{})
	batch := b.sign(b.ada, b.root, p, nil)
	broken := errors.New("disk on fire")
	for _, tree := range []dtt.Tree{dtt.Serial(302), dtt.Even(302, 40)} {
		x := b.executor(b.root, 4)
		x.runtime = failing{b.Runtime, broken}
		x.scratch = newStage(x.runtime, 4)
		err := x.Follow(t.Context(), []Span{{Batch: batch, Count: batch.Count}}, tree)
		if !errors.Is(err, broken) || !strings.Contains(err.Error(), batch.ID.Short()+".300") {
			t.Errorf("error is %v", err)
		}
		if x.State().Root() != b.root.Header.State || x.Count() != 0 {
			t.Error("something of it leaked")
		}
	}
}
