package branch

import (
	"bytes"
	"context"
	"errors"

	"aergo/contract"
	"aergo/repo/object"
	"aergo/repo/state"
)

// Desk is where an author prepares transactions: it shows the pending state with what was
// prepared since on top, unconfined, and tries each transaction before it is signed. It
// decides as an Executor would that runs the same transactions in the same order. It is
// used by one goroutine.
type Desk struct {
	ctx     context.Context
	runtime Runtime
	tree    state.Tree
	rows    map[string]rowState
	out     contract.Outcome
	after   []rowState // of the rows of the last run's effects
}

// NewDesk returns a desk on a state.
func NewDesk(ctx context.Context, runtime Runtime, tree state.Tree) *Desk {
	return &Desk{ctx: ctx, runtime: runtime, tree: tree, rows: map[string]rowState{}}
}

// Prefetch reads rows that will be wanted, in one pass. The keys ascend.
func (d *Desk) Prefetch(keys [][]byte, workers int) error {
	rows := make([]rowState, len(keys))
	err := d.tree.GetMany(d.ctx, keys, workers, func(i int, value []byte, ok bool) error {
		rows[i] = rowState{value, ok}
		return nil
	})
	if err != nil {
		return err
	}
	for i, k := range keys {
		if _, known := d.rows[string(k)]; !known {
			d.rows[string(k)] = rows[i]
		}
	}
	return nil
}

func (d *Desk) get(k []byte) (rowState, error) {
	if r, ok := d.rows[string(k)]; ok {
		return r, nil
	}
	value, ok, err := d.tree.Get(d.ctx, k)
	if err != nil {
		return rowState{}, err
	}
	r := rowState{value, ok}
	d.rows[string(k)] = r
	return r, nil
}

// Exists implements contract.View.
func (d *Desk) Exists(k []byte) (bool, error) {
	r, err := d.get(k)
	return r.exists, err
}

// Field implements contract.View.
func (d *Desk) Field(k []byte, name string) ([]byte, bool, error) {
	r, err := d.get(k)
	if err != nil || !r.exists {
		return nil, false, err
	}
	return d.runtime.Lookup(r.row, name)
}

// Row implements contract.View.
func (d *Desk) Row(k []byte) ([]byte, bool, error) {
	r, err := d.get(k)
	return r.row, r.exists, err
}

// Try runs a transaction on the desk. It says whether anything changed, and why not if
// the transaction does not apply: then the desk is as it was.
func (d *Desk) Try(tx *object.Transaction, dict any) (changed bool, excluded *object.Exclusion, err error) {
	out := &d.out
	if err := d.run(tx, dict, nil, out); err != nil || out.Verdict != object.VerdictApplied {
		return false, out.Exclusion, err
	}
	for i := range d.after {
		before := d.rows[string(out.Effects[i].Key)]
		if d.after[i].exists != before.exists || !bytes.Equal(d.after[i].row, before.row) {
			changed = true
		}
	}
	d.take(out)
	return changed, nil, nil
}

// Decide runs a transaction on the desk and returns its verdict, with the reason if it is
// excluded. Its effects are taken if it is applied.
func (d *Desk) Decide(tx *object.Transaction, dict any) (object.Verdict, *object.Exclusion, error) {
	out := &d.out
	if err := d.run(tx, dict, nil, out); err != nil {
		return 0, nil, err
	}
	if out.Verdict == object.VerdictApplied {
		d.take(out)
	}
	return out.Verdict, out.Exclusion, nil
}

// run decides a transaction as an Executor does, and leaves the rows that its effects lead
// to in d.after.
func (d *Desk) run(tx *object.Transaction, dict any, m *contract.Merging, out *contract.Outcome) error {
	out.Reset()
	d.after = d.after[:0]
	if err := d.runtime.Run(tx, dict, d, m, out); err != nil || len(out.Effects) == 0 {
		return err
	}
	for i := range out.Effects {
		e := &out.Effects[i]
		before, err := d.get(e.Key)
		if err != nil {
			return err
		}
		row, exists, err := applyEffect(d.runtime, before.row, before.exists, e)
		if errors.Is(err, contract.ErrEffect) {
			out.Exclude(tooLarge(e))
			return nil
		}
		if err != nil {
			return err
		}
		d.after = append(d.after, rowState{row, exists})
	}
	return nil
}

// take makes the effects of the transaction that was run last.
func (d *Desk) take(out *contract.Outcome) {
	for i := range d.after {
		d.rows[string(out.Effects[i].Key)] = d.after[i]
	}
}
