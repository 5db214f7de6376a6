package branch

import (
	"bytes"
	"context"
	"fmt"

	"aergo/contract"
	"aergo/repo/object"
	"aergo/repo/state"
)

// Traced is one applied transaction of a block with what it did to each row.
type Traced struct {
	Batch   Batch
	Index   uint64
	Effects []contract.Effect
	Before  [][]byte // the row of each effect before it; nil for none
	After   [][]byte // and after
}

// Trace runs a block's transactions again, one by one in block order, and calls fn for
// each that applied. What fn is given is its own.
func (l *Ledger) Trace(ctx context.Context, b Block, fn func(Traced) error) error {
	p, err := l.prepare(ctx, b)
	if err != nil {
		return err
	}
	if err := p.seals.wait(); err != nil {
		return err
	}
	spans, err := l.checkEntries(ctx, p)
	if err != nil {
		return err
	}
	base := state.New(l.Objects, p.before())
	resolving, err := l.foresee(ctx, p, base, spans)
	if err != nil {
		return err
	}
	if resolving != nil {
		defer func() { _ = resolving.Close() }()
	}
	desk := NewDesk(ctx, l.Runtime, base)
	for i := range spans {
		if spans[i].Decided {
			continue
		}
		if err := l.traceSpan(ctx, desk, &spans[i], fn); err != nil {
			return err
		}
	}
	return nil
}

func (l *Ledger) traceSpan(ctx context.Context, desk *Desk, span *Span, fn func(Traced) error) error {
	var last *object.Chunk
	var dict any
	return l.Transactions(ctx, span.Batch, span.First, span.Count, func(index uint64, tx *object.Transaction, chunk *object.Chunk) error {
		if chunk != last {
			last, dict = chunk, l.Runtime.Prepare(chunk.Names)
		}
		out := &contract.Outcome{}
		if err := desk.run(tx, dict, span.merging(index, &contract.Merging{}), out); err != nil {
			return fmt.Errorf("transaction %s.%d: %w", span.Batch.ID.Short(), index, err)
		}
		if len(out.Effects) == 0 {
			return nil
		}
		t := Traced{Batch: span.Batch, Index: index, Effects: out.Effects}
		for i := range out.Effects {
			before := desk.rows[string(out.Effects[i].Key)]
			t.Before = append(t.Before, rowOrNil(before.row, before.exists))
			t.After = append(t.After, rowOrNil(desk.after[i].row, desk.after[i].exists))
		}
		desk.take(out)
		return fn(t)
	})
}

func rowOrNil(row []byte, exists bool) []byte {
	if !exists {
		return nil
	}
	return bytes.Clone(row)
}

// Touches returns the names of the fields of a row that applied transactions of a batch
// declare to change; the empty name stands for the row as a whole.
func (l *Ledger) Touches(ctx context.Context, b Batch, runs []object.Run, row []byte) (map[string]bool, error) {
	touched := map[string]bool{}
	var last *object.Chunk
	var dict any
	for _, run := range runs {
		if run.Verdict != object.VerdictApplied && run.Verdict != object.VerdictResolved {
			continue
		}
		err := l.Transactions(ctx, b, run.First, run.Count, func(_ uint64, tx *object.Transaction, chunk *object.Chunk) error {
			if chunk != last {
				last, dict = chunk, l.Runtime.Prepare(chunk.Names)
			}
			l.Runtime.Declare(tx, dict, nil, func(a contract.Access) {
				if a.Mode == contract.Read || string(a.Key) != string(row) {
					return
				}
				switch {
				case a.Part == contract.PartField:
					touched[a.Field] = true
				case a.Part == contract.PartRow && a.Mode == contract.Write:
					touched[""] = true
				}
			})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return touched, nil
}
