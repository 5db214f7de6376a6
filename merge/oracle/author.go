package oracle

import (
	"errors"
	"maps"
)

// ErrRefused says that what an author wants cannot be done to the rows as they are.
var ErrRefused = errors.New("refused")

// Author returns the transaction of an author who wants operations done and sees a state:
// each with what the author sees after the ones before it. A replace where there is no row
// is an insert, and a delta where there is none may create it; but a remove needs a row.
// It fails with ErrRefused if they cannot be done.
func Author(s State, wants []Op) (*Tx, error) {
	s = s.clone()
	tx := &Tx{}
	for _, op := range wants {
		if !op.Force {
			see(&op, s[op.Key])
		}
		if op.Kind == Remove && s[op.Key] == nil && !op.Create {
			return nil, ErrRefused
		}
		if step(s, &op, true) != nil {
			return nil, ErrRefused
		}
		tx.Ops = append(tx.Ops, op)
	}
	return tx, nil
}

// see notes in an operation what its author sees.
func see(op *Op, row Row) {
	switch {
	case op.Kind == Replace && row == nil:
		op.Kind = Insert
	case (op.Kind == Add || op.Kind == Append) && row == nil:
		op.Create = true
	case op.Kind == Replace || op.Kind == Delete:
		op.SawRow, op.SawAll = row != nil, row
	case op.Kind == Put:
		op.SawRow, op.Saw = row != nil, map[string]Value{}
		for name := range op.Fields {
			op.Saw[name] = row[name]
		}
	}
}

// Draft is transactions that an author gathers on top of a state before they are signed.
type Draft struct {
	On  State
	Txs []*Tx
}

// NewDraft returns an empty draft on a state.
func NewDraft(on State) *Draft { return &Draft{On: on.clone()} }

// Do adds one transaction, and says whether it was kept: one that changes nothing is left
// out. It fails with ErrRefused as Author does.
func (d *Draft) Do(wants []Op) (kept bool, err error) {
	tx, err := Author(d.On, wants)
	if err != nil {
		return false, err
	}
	return d.take(tx)
}

func (d *Draft) take(tx *Tx) (kept bool, err error) {
	got := decide(d.On, tx, nil)
	if got.Failure != nil {
		return false, ErrRefused
	}
	if got.Verdict != Applied || got.After.Equal(d.On) {
		return false, nil
	}
	tx.ID.Index = len(d.Txs)
	d.On = got.After
	d.Txs = append(d.Txs, tx)
	return true, nil
}

// forced returns the operation that does the same without preconditions.
func forced(op Op) Op {
	op.Fields = maps.Clone(op.Fields)
	op.SawRow, op.Saw, op.SawAll = false, nil, nil
	switch {
	case op.isDelta():
		op.Create = true
		return op
	case op.Kind == Insert:
		op.Kind = Replace
	}
	op.Exact, op.Force = false, true
	return op
}
