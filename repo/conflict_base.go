package repo

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"aergo/branch"
	"aergo/contract"
	"aergo/contract/table"
	"aergo/repo/object"
	"aergo/repo/store"
)

// bases fills in the rows that each transaction's author saw.
func (k *look) bases(ctx context.Context, open []*disagreement) error {
	byBatch := map[object.Hash][]*disagreement{}
	for _, d := range open {
		if len(d.ops) > 0 {
			byBatch[d.Transaction.Batch] = append(byBatch[d.Transaction.Batch], d)
		}
	}
	for _, list := range byBatch {
		slices.SortFunc(list, func(a, b *disagreement) int { return cmp.Compare(a.Transaction.Index, b.Transaction.Index) })
		err := k.basesOf(ctx, list[0].batch, list)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err // what is not found here was never sent
		}
	}
	return nil
}

// basesOf finds the rows that the authors of transactions of one batch saw: those of the
// block that the batch marks, with the batch's own earlier transactions on top. Where a row
// is not the one that a transaction names, an ancestor may still have it.
func (k *look) basesOf(ctx context.Context, batch branch.Batch, list []*disagreement) error {
	l := k.ledger
	mark, err := l.Block(ctx, batch.Mark.Block)
	if err != nil {
		return err
	}
	earlier, err := earlierOnRows(ctx, l, batch, list)
	if err != nil {
		return err
	}
	rows, err := rowsAt(ctx, l, mark, keysOf(list))
	if err != nil {
		return err
	}
	desk := branch.NewDesk(ctx, l.Runtime, l.State(mark))
	for _, d := range list {
		for len(earlier) > 0 && earlier[0].index < d.Transaction.Index {
			t := earlier[0]
			earlier = earlier[1:]
			if _, _, err := desk.Try(t.tx, l.Runtime.Prepare(t.chunk.Names)); err != nil {
				return err
			}
			for _, key := range t.keys {
				h := rows[string(key)]
				if h == nil {
					continue
				}
				row, ok, err := desk.Row(key)
				if err != nil {
					return err
				}
				if !ok {
					row = nil
				}
				h.write(row, TxID{batch.ID, t.index})
			}
		}
		for i := range d.ops {
			key := string(d.ops[i].Key)
			d.seen[key] = rows[key].clone()
		}
		if err := k.searchBase(ctx, d, mark); err != nil {
			return err
		}
	}
	return nil
}

// earlierTx is a transaction of a batch, and the rows that it may write.
type earlierTx struct {
	index uint64
	tx    *object.Transaction
	chunk *object.Chunk
	keys  [][]byte
}

// earlierOnRows returns, in order, the transactions of a batch that have a part in what the
// listed ones saw: those before them on the same rows, and what those in turn depend on.
func earlierOnRows(ctx context.Context, l *branch.Ledger, batch branch.Batch, list []*disagreement) ([]earlierTx, error) {
	relevant := map[string]bool{}
	var out []earlierTx
	last, next := list[len(list)-1].Transaction.Index, len(list)-1
	for c, start := len(batch.Chunks)-1, batch.Count; c >= 0; c-- {
		if start -= batch.Chunks[c].Count; start > last {
			continue
		}
		chunk, err := l.Chunk(ctx, batch, c)
		if err != nil {
			return nil, err
		}
		dict := l.Runtime.Prepare(chunk.Names)
		for i := len(chunk.Transactions) - 1; i >= 0; i-- {
			index := start + uint64(i)
			if index > last {
				continue
			}
			t := earlierTx{index: index, tx: &chunk.Transactions[i], chunk: chunk}
			var all [][]byte
			needed := false
			l.Runtime.Declare(t.tx, dict, nil, func(a contract.Access) {
				if all = append(all, slices.Clone(a.Key)); a.Mode != contract.Read {
					t.keys = append(t.keys, all[len(all)-1])
					needed = needed || relevant[string(a.Key)]
				}
			})
			if needed {
				out = append(out, t)
			}
			if mine := next >= 0 && list[next].Transaction.Index == index; needed || mine {
				for _, key := range all {
					relevant[string(key)] = true
				}
				if mine {
					next--
				}
			}
		}
	}
	slices.Reverse(out)
	return out, nil
}

// baseSearchBlocks is how far back a row is looked for that an author saw before the block
// that the batch marks: transactions wait in a pool while their branch moves on.
const baseSearchBlocks = 1 << 10

// searchBase looks among a block's ancestors for rows that are what a transaction names
// where those of the block are not. What it does not find stays as it is.
func (k *look) searchBase(ctx context.Context, d *disagreement, mark branch.Block) error {
	var open []*table.Op
	for i := range d.ops {
		if op := &d.ops[i]; d.first[string(op.Key)] == i && !sawIn(op, d.seen[string(op.Key)].row) {
			open = append(open, op)
		}
	}
	b := mark
	for n := 0; n < baseSearchBlocks && len(open) > 0 && !b.Parent.IsZero(); n++ {
		parent, err := k.ledger.Block(ctx, b.Parent)
		if err != nil {
			return err
		}
		if parent.Header.State != b.Header.State {
			for i := len(open) - 1; i >= 0; i-- {
				row, ok, err := k.ledger.State(parent).Get(ctx, open[i].Key)
				if err != nil {
					return err
				}
				if ok && sawIn(open[i], row) {
					d.seen[string(open[i].Key)] = &heldRow{row: row, by: map[string]TxID{}, at: &parent}
					open = slices.Delete(open, i, i+1)
				}
			}
		}
		b = parent
	}
	return nil
}

// sawIn says whether a row is what an operation's author saw, as far as the operation says.
func sawIn(op *table.Op, row []byte) bool {
	switch {
	case op.Flags&table.Force != 0:
		return true
	case op.Code == table.Replace, op.Code == table.Del:
		return seesRow(op.RowSeen, row)
	case op.Code != table.Put && op.Code != table.Define, !op.SawRow:
		return true
	}
	return row != nil && !slices.ContainsFunc(op.Fields, func(arg table.Arg) bool {
		current, _ := table.Lookup(row, arg.Name)
		return !sees(arg.Seen, current)
	})
}

// baseWriters fills in who wrote what authors saw.
func (k *look) baseWriters(ctx context.Context, open []*disagreement) error {
	from := map[object.Hash]*blame{}
	for _, d := range open {
		for i := range d.Cells {
			c := &d.Cells[i]
			if !c.Base.Known || !c.Base.Exists {
				continue
			}
			key := d.ops[c.Op].Key
			held := d.seen[string(key)]
			at := d.batch.Mark.Block
			if held.at != nil {
				at = held.at.ID
			}
			if from[at] == nil {
				b, err := k.ledger.Block(ctx, at)
				if err != nil {
					return err
				}
				from[at] = &blame{ledger: k.ledger, from: b}
			}
			if err := from[at].ask(ctx, key, c.Field, held, nil, &c.Base.By); err != nil {
				return err
			}
		}
	}
	for _, b := range from {
		if err := b.trace(ctx); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return nil
}
