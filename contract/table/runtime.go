package table

import (
	"errors"
	"fmt"
	"sync"

	"aergo/contract"
	"aergo/repo/object"
)

// Runtime runs transactions of kind object.TransactionOperations for a block executor. A
// transaction of another kind, or whose payload cannot be read, is excluded as malformed:
// it is signed and accounted for, and does nothing. Runtime is safe for concurrent use.
type Runtime struct{ hands sync.Pool }

// hand is what running one transaction takes.
type hand struct {
	decoder *Decoder
	runner  *Runner
	access  []contract.Access
	ops     []Op
	places  []int
	args    []Arg
}

// NewRuntime returns a runtime.
func NewRuntime() *Runtime {
	return &Runtime{hands: sync.Pool{New: func() any {
		return &hand{decoder: NewDecoder(nil), runner: NewRunner()}
	}}}
}

// Prepare returns a chunk's dictionary in the form that the other methods take.
func (rt *Runtime) Prepare(names []string) any { return NewDict(names) }

// decode returns the operations of a transaction, nil if it is malformed.
func (h *hand) decode(tx *object.Transaction, dict any) []Op {
	d, ok := dict.(*Dict)
	if !ok || tx.Kind != object.TransactionOperations || tx.CostLimit != 0 || len(tx.FeePayer) != 0 {
		return nil
	}
	if _, critical := object.UnknownCritical(tx.Extensions); critical {
		return nil
	}
	h.decoder.Reset(d)
	ops, err := h.decoder.Decode(tx.Payload)
	if err != nil {
		return nil
	}
	return ops
}

// Declare calls add for every unit that a transaction may touch; with a resolver, which may
// be nil, for what its rules look at, too.
func (rt *Runtime) Declare(tx *object.Transaction, dict any, resolver contract.Resolver, add func(contract.Access)) {
	h := rt.hands.Get().(*hand)
	defer rt.hands.Put(h)
	ops := h.decode(tx, dict)
	h.access = Declare(ops, h.access[:0])
	if resolver != nil {
		h.access = declareLooks(ops, resolver, h.access)
	}
	for i := range h.access {
		add(h.access[i])
	}
}

// Run decides a transaction on a view. Operations on what a merge settled are left out
// first; a transaction of which nothing is left is a no-op.
func (rt *Runtime) Run(tx *object.Transaction, dict any, view contract.View, m *contract.Merging, out *contract.Outcome) error {
	h := rt.hands.Get().(*hand)
	defer rt.hands.Put(h)
	ops := h.decode(tx, dict)
	if ops == nil {
		out.Reset()
		out.Exclude(object.Exclusion{Reason: object.ReasonMalformed})
		return nil
	}
	h.runner.merging = m
	defer func() { h.runner.merging = nil }()
	if m == nil || m.Settled == nil {
		return h.runner.Run(ops, view, out)
	}
	left := h.unsettled(ops, m.Settled)
	if len(left) == 0 {
		out.Reset()
		out.CostUnits, out.Verdict = Cost(ops), object.VerdictNoop
		return nil
	}
	if err := h.runner.Run(left, view, out); err != nil {
		return err
	}
	out.CostUnits = Cost(ops)
	if x := out.Exclusion; x != nil {
		x.Op = uint64(h.places[x.Op])
	}
	return nil
}

// unsettled returns the operations, and of puts the fields, that are not settled. places
// tells where in ops each of them stands.
func (h *hand) unsettled(ops []Op, settled *contract.Settlement) []Op {
	h.ops, h.places, h.args = h.ops[:0], h.places[:0], h.args[:0]
	for i := range ops {
		op := ops[i]
		row := settled.Row(op.Key)
		if row != nil && row.All {
			continue
		}
		if row != nil && op.Code.fieldwise() {
			from := len(h.args)
			for _, arg := range op.Fields {
				if !row.Field(arg.Name) {
					h.args = append(h.args, arg)
				}
			}
			if len(h.args) == from && len(op.Fields) > 0 && op.SawRow {
				continue
			}
			op.Fields = h.args[from:len(h.args):len(h.args)]
		}
		h.ops, h.places = append(h.ops, op), append(h.places, i)
	}
	return h.ops
}

// Lookup returns the encoded value of a field of a row.
func (rt *Runtime) Lookup(row []byte, name string) ([]byte, bool, error) {
	v, ok := Lookup(row, name)
	return v, ok, nil
}

// Apply returns a row after an effect; an effect that does not fit is contract.ErrEffect.
func (rt *Runtime) Apply(row []byte, exists bool, e *contract.Effect) ([]byte, bool, error) {
	after, exists, err := Apply(nil, row, exists, e)
	if errors.Is(err, ErrRowTooLarge) {
		err = fmt.Errorf("%w: %w", contract.ErrEffect, err)
	}
	return after, exists, err
}

// Force adds to a chunk the transaction that does what tx does without preconditions, but
// for what a merge settled.
func (rt *Runtime) Force(tx *object.Transaction, dict any, settled *contract.Settlement, to *object.ChunkBuilder) error {
	h := rt.hands.Get().(*hand)
	defer rt.hands.Put(h)
	ops := h.decode(tx, dict)
	if ops == nil {
		return fmt.Errorf("transaction: %w", object.ErrMalformed)
	}
	if settled != nil {
		ops = h.unsettled(ops, settled)
	}
	b := NewBuilder(to)
	for i := range ops {
		op := ops[i]
		switch {
		case op.Code.delta():
			op.Flags |= Create
		case op.Code == Insert:
			op.Code, op.Flags = Replace, Force
		default:
			op.Flags = Force
		}
		if err := b.Add(&op); err != nil {
			return err
		}
	}
	to.Add(&object.Transaction{Payload: b.AppendPayload(nil)})
	return nil
}
