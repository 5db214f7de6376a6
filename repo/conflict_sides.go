package repo

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"aergo/branch"
	"aergo/contract"
	"aergo/contract/table"
	"aergo/repo/object"
)

// heldRow is a row as one side has it.
type heldRow struct {
	row []byte // nil for none
	// by tells which of the transactions that were run to get there wrote a field last; the
	// empty name stands for the row as a whole. What none of them wrote is older.
	by map[string]TxID
	// at, if set, is the block that the row was found in, rather than where it was looked for.
	at *branch.Block
}

// write makes h what a transaction leaves.
func (h *heldRow) write(after []byte, tx TxID) {
	for _, f := range fieldDifferences(table.FieldList(h.row), table.FieldList(after)) {
		h.by[f.Name] = tx
	}
	if (h.row == nil) != (after == nil) || !bytes.Equal(h.row, after) {
		h.by[""] = tx
	}
	h.row = after
}

func (h *heldRow) clone() *heldRow { return &heldRow{row: h.row, by: maps.Clone(h.by), at: h.at} }

// look looks into what one block excluded.
type look struct {
	repo   *Repo
	ledger *branch.Ledger
	block  branch.Block
	body   *object.Body
	deep   bool // base and theirs, and all cells
	within bool // the block did exclude it; else the state after the block would
}

// into fills in the cells of conflicts.
func (k *look) into(ctx context.Context, open []*disagreement) error {
	from, err := k.ours(ctx, open)
	if err != nil {
		return err
	}
	if k.deep {
		if err := k.bases(ctx, open); err != nil {
			return err
		}
	}
	ours := &blame{ledger: k.ledger, from: from}
	for _, d := range open {
		if err := d.cells(d.places(k.deep)); err != nil {
			return err
		}
		for i := range d.Cells {
			c := &d.Cells[i]
			key := d.ops[c.Op].Key
			c.Theirs.By = &Writer{Author: d.Author, Time: d.Written, Transaction: d.Transaction}
			if err := ours.ask(ctx, key, c.Field, d.held[string(key)], &k.block, &c.Ours.By); err != nil {
				return err
			}
		}
	}
	if err := ours.trace(ctx); err != nil && !IsLacking(err) {
		return err
	}
	if !k.deep {
		return nil
	}
	return k.baseWriters(ctx, open)
}

// keysOf returns the rows that conflicts are about, ascending.
func keysOf(open []*disagreement) [][]byte {
	set := map[string]bool{}
	for _, d := range open {
		for i := range d.ops {
			set[string(d.ops[i].Key)] = true
		}
	}
	keys := make([][]byte, 0, len(set))
	for k := range set {
		keys = append(keys, []byte(k))
	}
	slices.SortFunc(keys, bytes.Compare)
	return keys
}

// rowsAt reads the rows of a block's state, by state key; keys ascend.
func rowsAt(ctx context.Context, l *branch.Ledger, b branch.Block, keys [][]byte) (map[string]*heldRow, error) {
	rows := make(map[string]*heldRow, len(keys))
	err := l.State(b).GetMany(ctx, keys, 1, func(i int, row []byte, ok bool) error {
		h := &heldRow{by: map[string]TxID{}}
		if ok {
			h.row = row
		}
		rows[string(keys[i])] = h
		return nil
	})
	return rows, err
}

// ours fills in the rows that the branch held when each transaction's turn came, and returns
// the block whose state they come from but for what the deciding block wrote itself.
func (k *look) ours(ctx context.Context, open []*disagreement) (branch.Block, error) {
	from := k.block
	if k.within {
		var err error
		if from, err = k.ledger.Block(ctx, k.block.Parent); err != nil {
			return from, err
		}
	}
	keys := keysOf(open)
	rows, err := rowsAt(ctx, k.ledger, from, keys)
	if err != nil {
		return from, err
	}
	for _, d := range open {
		d.hold(rows)
	}
	if !k.within {
		return from, nil
	}
	if !k.deep && !slices.ContainsFunc(open, func(d *disagreement) bool { return !d.asFound() }) {
		return from, nil
	}
	wanted := make(map[string]bool, len(keys))
	for _, key := range keys {
		wanted[string(key)] = true
	}
	written := false
	err = eachTouch(ctx, k.ledger, k.body, func(key []byte) bool { return wanted[string(key)] }, func(touch) error {
		written = true
		return errStop
	})
	if errors.Is(err, errStop) {
		err = nil
	}
	if err != nil || !written {
		return from, err
	}
	return from, k.replay(ctx, open, rows)
}

// hold remembers the rows that the transaction is about, as they are now.
func (d *disagreement) hold(rows map[string]*heldRow) {
	for i := range d.ops {
		key := string(d.ops[i].Key)
		d.held[key] = rows[key].clone()
	}
}

// asFound says whether what the block found in the way is what is held.
func (d *disagreement) asFound() bool {
	if d.Op >= uint64(len(d.ops)) {
		return true
	}
	row := d.held[string(d.ops[d.Op].Key)].row
	switch {
	case d.Field != "":
		current, _ := table.Lookup(row, d.Field)
		return sees(d.found, current)
	case d.found != nil:
		return seesRow(d.found, row)
	}
	return (row != nil) == (d.Reason == object.ReasonRowExists)
}

// replay runs the deciding block again and remembers, for each transaction that it excluded,
// what it held when that one's turn came.
func (k *look) replay(ctx context.Context, open []*disagreement, rows map[string]*heldRow) error {
	where := turns(k.body)
	waiting := slices.Clone(open)
	slices.SortFunc(waiting, func(a, b *disagreement) int {
		return where.of(a.Transaction).compare(where.of(b.Transaction))
	})
	err := k.ledger.Trace(ctx, k.block, func(t branch.Traced) error {
		id := TxID{t.Batch.ID, t.Index}
		now := where.of(id)
		for len(waiting) > 0 && where.of(waiting[0].Transaction).compare(now) < 0 {
			waiting[0].hold(rows)
			waiting = waiting[1:]
		}
		if len(waiting) == 0 {
			return errStop
		}
		for i := range t.Effects {
			if h := rows[string(t.Effects[i].Key)]; h != nil {
				h.write(t.After[i], id)
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, errStop) {
		return err
	}
	for _, d := range waiting {
		d.hold(rows)
	}
	return nil
}

// turnTable tells in which order a block takes transactions.
type turnTable struct{ entries map[object.Hash][]numbered }

type numbered struct {
	n     int // of the run in the block
	first uint64
	count uint64
}

// turn is a transaction's place in a block.
type turn struct {
	run   int
	index uint64
}

func (t turn) compare(u turn) int {
	return cmp.Or(cmp.Compare(t.run, u.run), cmp.Compare(t.index, u.index))
}

func turns(body *object.Body) turnTable {
	o, n := turnTable{map[object.Hash][]numbered{}}, 0
	for i := range body.Entries {
		e := &body.Entries[i]
		for _, run := range e.Runs {
			o.entries[e.Batch] = append(o.entries[e.Batch], numbered{n, run.First, run.Count})
			n++
		}
	}
	return o
}

// of returns a transaction's turn; one that the block does not take comes first.
func (o turnTable) of(id TxID) turn {
	for _, r := range o.entries[id.Batch] {
		if id.Index >= r.first && id.Index-r.first < r.count {
			return turn{r.n, id.Index}
		}
	}
	return turn{-1, id.Index}
}

// touch is an applied transaction of a block that may have written a unit of a row.
type touch struct {
	batch  branch.Batch
	index  uint64
	access contract.Access
}

// eachTouch calls fn, in block order, for what the applied transactions of a body declare to
// write in the rows that wanted names. It reads the transactions and runs none. The access
// is valid until fn returns.
func eachTouch(ctx context.Context, l *branch.Ledger, body *object.Body, wanted func(key []byte) bool, fn func(touch) error) error {
	var last *object.Chunk
	var dict any
	for i := range body.Entries {
		e := &body.Entries[i]
		batch, err := l.Batch(ctx, e.Batch)
		if err != nil {
			return err
		}
		for _, run := range e.Runs {
			if run.Verdict != object.VerdictApplied && run.Verdict != object.VerdictResolved {
				continue
			}
			err := l.Transactions(ctx, batch, run.First, run.Count, func(index uint64, tx *object.Transaction, chunk *object.Chunk) (err error) {
				if chunk != last {
					last, dict = chunk, l.Runtime.Prepare(chunk.Names)
				}
				l.Runtime.Declare(tx, dict, nil, func(a contract.Access) {
					if err == nil && a.Mode != contract.Read && wanted(a.Key) {
						err = fn(touch{batch, index, a})
					}
				})
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
