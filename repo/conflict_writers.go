package repo

import (
	"bytes"
	"context"
	"slices"

	"aergo/branch"
	"aergo/contract"
	"aergo/contract/table"
)

// blame finds who gave cells what they hold after a block, in one walk back for all.
type blame struct {
	ledger *branch.Ledger
	from   branch.Block
	open   []*question
}

// question is about one cell; the empty field stands for the row as a whole.
type question struct {
	key   []byte
	field string
	to    **Writer
}

// ask asks who wrote a cell of a row that is held. If a transaction did that was run to get
// there, it is in block, and the answer is there at once.
func (b *blame) ask(ctx context.Context, key []byte, field string, held *heldRow, block *branch.Block, to **Writer) error {
	tx, known := held.by[field]
	if !known {
		b.open = append(b.open, &question{key, field, to})
		return nil
	}
	batch, err := b.ledger.Batch(ctx, tx.Batch)
	if err != nil {
		return err
	}
	*to = &Writer{Author: batch.Author, Time: timeOf(batch.TimeMillis), Transaction: tx}
	if block != nil {
		(*to).Block = block.ID
	}
	return nil
}

// trace walks back until all questions are answered. A cell that nobody wrote has no writer.
func (b *blame) trace(ctx context.Context) error {
	at := b.from
	var rows map[string]*heldRow
	for len(b.open) > 0 && !at.Parent.IsZero() {
		parent, err := b.ledger.Block(ctx, at.Parent)
		if err != nil {
			return err
		}
		if parent.Header.State != at.Header.State {
			keys := b.keys()
			if rows == nil {
				if rows, err = rowsAt(ctx, b.ledger, at, keys); err != nil {
					return err
				}
			}
			before, err := rowsAt(ctx, b.ledger, parent, keys)
			if err != nil {
				return err
			}
			if err := b.compare(ctx, at, before, rows); err != nil {
				return err
			}
			rows = before
		}
		at = parent
	}
	return nil
}

// keys returns the rows that questions are about, ascending.
func (b *blame) keys() [][]byte {
	keys := make([][]byte, len(b.open))
	for i, q := range b.open {
		keys[i] = q.key
	}
	slices.SortFunc(keys, bytes.Compare)
	return slices.CompactFunc(keys, bytes.Equal)
}

// compare answers the questions about cells that a block changed.
func (b *blame) compare(ctx context.Context, at branch.Block, before, after map[string]*heldRow) error {
	changed := map[string][]*question{}
	var left []*question
	for _, q := range b.open {
		if sameCell(before[string(q.key)].row, after[string(q.key)].row, q.field) {
			left = append(left, q)
			continue
		}
		*q.to = &Writer{Author: at.Producer, Time: timeOf(at.TimeMillis), Block: at.ID}
		changed[string(q.key)] = append(changed[string(q.key)], q)
	}
	if b.open = left; len(changed) == 0 {
		return nil
	}
	body, err := b.ledger.Body(ctx, at)
	if err != nil {
		return err
	}
	wanted := func(key []byte) bool { return changed[string(key)] != nil }
	return eachTouch(ctx, b.ledger, body, wanted, func(t touch) error {
		for _, q := range changed[string(t.access.Key)] {
			if t.writes(q.field) {
				w := *q.to
				w.Author, w.Time, w.Transaction = t.batch.Author, timeOf(t.batch.TimeMillis), TxID{t.batch.ID, t.index}
			}
		}
		return nil
	})
}

// sameCell says whether two rows hold the same in a field or, if that is empty, as a whole.
func sameCell(a, b []byte, field string) bool {
	if field == "" {
		return (a == nil) == (b == nil) && bytes.Equal(a, b)
	}
	was, _ := table.Lookup(a, field)
	is, _ := table.Lookup(b, field)
	return sameValue(was, is)
}

// writes says whether the access is to a field, the empty one standing for any.
func (t *touch) writes(field string) bool {
	switch {
	case field == "":
		return true
	case t.access.Part == contract.PartField:
		return t.access.Field == field
	}
	return t.access.Part == contract.PartRow && t.access.Mode == contract.Write
}
