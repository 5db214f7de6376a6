package repo

import (
	"bytes"
	"context"

	"aergo/branch"
	"aergo/contract"
	"aergo/contract/table"
	"aergo/merge"
	"aergo/repo/object"
	rowkey "aergo/repo/state/key"
)

// Need is a transaction that another one builds on: it made the row, or wrote the field,
// that the other's author saw.
type Need struct {
	Transaction TxID // that builds on it
	On          TxID
	Author      object.Identity // of On
	Message     string          // of On's batch
	Table       string
	Key         []rowkey.Component
	Field       string // empty if it is about the row
}

const (
	// needsMax bounds the transactions of a pick whose dependencies are looked for.
	needsMax = 20
	// needsBlocksMax bounds the blocks that are looked at for each.
	needsBlocksMax = 1 << 10
)

// needs finds what the excluded transactions of a pick build on that neither the head has
// applied nor the pick names. It looks into their own batches, and back from where those were signed, as far
// as is cheap: what is not found is left out.
func needs(ctx context.Context, l *branch.Ledger, head branch.Block, items []object.Selection, excluded []merge.Excluded) ([]Need, error) {
	named := map[object.Hash][]object.Run{}
	for _, s := range items {
		named[s.Batch] = append(named[s.Batch], object.Run{First: s.First, Count: s.Count})
	}
	var out []Need
	for i := range excluded[:min(len(excluded), needsMax)] {
		x := &excluded[i]
		kind, _, _, err := rowkey.Split(x.Key)
		if err != nil || kind != rowkey.KindRow || x.Reason == object.ReasonRowExists {
			continue
		}
		s := &search{ledger: l, key: x.Key, field: x.Field, first: x.Reason == object.ReasonRowGone || x.Reason == object.ReasonRowMissing}
		on, found, err := s.maker(ctx, x.Batch, x.Index)
		if IsLacking(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !found || len(branch.IntersectRuns(named[on.Batch], object.Run{First: on.Index, Count: 1})) > 0 {
			continue
		}
		batch, err := l.Batch(ctx, on.Batch)
		if err != nil {
			return nil, err
		}
		runs, err := l.Account(head).Runs(ctx, batch.Mark.Height, on.Batch)
		if err != nil {
			return nil, err
		}
		if v, decided := branch.VerdictOf(runs, on.Index); decided && v.Applied() {
			continue // it is here, and somebody has changed what it made
		}
		what := explain(x.Batch, x.Exclusion)
		out = append(out, Need{
			Transaction: what.Transaction, On: on, Author: batch.Author, Message: batch.Message, Table: what.Table, Key: what.Key, Field: what.Field,
		})
	}
	return out, nil
}

// search looks for the transaction that made a row, or wrote a field of it.
type search struct {
	ledger *branch.Ledger
	key    []byte
	field  string // empty for the row
	first  bool   // looks for who made the row, not for who wrote it last
}

// maker finds what a transaction's author saw made. A batch's author sees the block that the
// batch is marked with, and after that the batch itself.
func (s *search) maker(ctx context.Context, id object.Hash, index uint64) (TxID, bool, error) {
	batch, err := s.ledger.Batch(ctx, id)
	if err != nil {
		return TxID{}, false, err
	}
	at, err := s.ledger.Block(ctx, batch.Mark.Block)
	if err != nil {
		return TxID{}, false, err
	}
	now, err := s.value(ctx, at)
	if err != nil {
		return TxID{}, false, err
	}
	if now == nil || !s.first {
		if n, found, err := s.in(ctx, batch, []object.Run{{First: 0, Count: index}}); err != nil || found {
			return TxID{id, n}, found, err
		}
	}
	for range needsBlocksMax {
		if now == nil || at.Parent.IsZero() {
			break
		}
		parent, err := s.ledger.Block(ctx, at.Parent)
		if err != nil {
			return TxID{}, false, err
		}
		before, err := s.value(ctx, parent)
		if err != nil {
			return TxID{}, false, err
		}
		if before == nil || !s.first && !bytes.Equal(before, now) {
			return s.inBlock(ctx, at)
		}
		at, now = parent, before
	}
	return TxID{}, false, nil
}

// value returns the row or the field as a block has it, nil for none.
func (s *search) value(ctx context.Context, at branch.Block) ([]byte, error) {
	row, ok, err := s.ledger.State(at).Get(ctx, s.key)
	if err != nil || !ok {
		return nil, err
	}
	if s.field == "" || s.first {
		return append([]byte{0}, row...), nil
	}
	v, ok := table.Lookup(row, s.field)
	if !ok {
		return nil, nil
	}
	return append([]byte{0}, v...), nil
}

// inBlock finds the transaction among those that a block applied.
func (s *search) inBlock(ctx context.Context, at branch.Block) (out TxID, found bool, err error) {
	body, err := s.ledger.Body(ctx, at)
	if err != nil {
		return TxID{}, false, err
	}
	for i := range body.Entries {
		e := &body.Entries[i]
		var applied []object.Run
		for _, run := range e.Runs {
			if run.Verdict.Applied() && run.Verdict != object.VerdictNoop {
				applied = append(applied, run)
			}
		}
		batch, err := s.ledger.Batch(ctx, e.Batch)
		if err != nil {
			return TxID{}, false, err
		}
		n, here, err := s.in(ctx, batch, applied)
		if err != nil {
			return TxID{}, false, err
		}
		if here {
			if out, found = (TxID{e.Batch, n}), true; s.first {
				break
			}
		}
	}
	return out, found, nil
}

// in finds the transaction among runs of a batch.
func (s *search) in(ctx context.Context, batch branch.Batch, runs []object.Run) (at uint64, found bool, err error) {
	var last *object.Chunk
	var dict any
	for _, run := range runs {
		if run.Count == 0 {
			continue
		}
		err := s.ledger.Transactions(ctx, batch, run.First, run.Count, func(n uint64, tx *object.Transaction, chunk *object.Chunk) error {
			if chunk != last {
				last, dict = chunk, s.ledger.Runtime.Prepare(chunk.Names)
			}
			if s.first && found {
				return nil
			}
			s.ledger.Runtime.Declare(tx, dict, nil, func(a contract.Access) {
				if bytes.Equal(a.Key, s.key) && s.isMade(&a) {
					at, found = n, true
				}
			})
			return nil
		})
		if err != nil {
			return 0, false, err
		}
	}
	return at, found, nil
}

// isMade says whether an access to the row may have made what is looked for.
func (s *search) isMade(a *contract.Access) bool {
	switch {
	case a.Mode == contract.Read:
		return false
	case s.field == "" || s.first:
		return true
	case a.Part == contract.PartField:
		return a.Field == s.field
	}
	return a.Part == contract.PartRow && a.Mode == contract.Write
}
