package branch

import (
	"bytes"
	"context"

	"aergo/contract"
	"aergo/repo/object"
	"aergo/repo/state"
)

// Desk is where an author prepares transactions: it shows the pending state with what was
// prepared since on top, unconfined, and tries each transaction before it is signed. It
// is used by one goroutine.
type Desk struct {
	ctx     context.Context
	runtime Runtime
	tree    state.Tree
	rows    map[string]deskRow
	out     contract.Outcome
}

type deskRow struct {
	row    []byte
	exists bool
}

// NewDesk returns a desk on a state.
func NewDesk(ctx context.Context, runtime Runtime, tree state.Tree) *Desk {
	return &Desk{ctx: ctx, runtime: runtime, tree: tree, rows: map[string]deskRow{}}
}

// Prefetch reads rows that will be wanted, in one pass. The keys ascend.
func (d *Desk) Prefetch(keys [][]byte, workers int) error {
	rows := make([]deskRow, len(keys))
	err := d.tree.GetMany(d.ctx, keys, workers, func(i int, value []byte, ok bool) error {
		rows[i] = deskRow{value, ok}
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

func (d *Desk) get(k []byte) (deskRow, error) {
	if r, ok := d.rows[string(k)]; ok {
		return r, nil
	}
	value, ok, err := d.tree.Get(d.ctx, k)
	if err != nil {
		return deskRow{}, err
	}
	r := deskRow{value, ok}
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
// the transaction does not apply.
func (d *Desk) Try(tx *object.Transaction, dict any) (changed bool, excluded *object.Exclusion, err error) {
	d.out.Reset()
	if err := d.runtime.Run(tx, dict, d, nil, &d.out); err != nil {
		return false, nil, err
	}
	if d.out.Verdict != object.VerdictApplied {
		return false, d.out.Exclusion, nil
	}
	for i := range d.out.Effects {
		e := &d.out.Effects[i]
		before, err := d.get(e.Key)
		if err != nil {
			return false, nil, err
		}
		row, exists, err := d.runtime.Apply(before.row, before.exists, e)
		if err != nil {
			return false, nil, err
		}
		if exists != before.exists || !bytes.Equal(row, before.row) {
			changed = true
		}
		d.rows[string(e.Key)] = deskRow{row, exists}
	}
	return changed, nil, nil
}
