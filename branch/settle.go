package branch

import (
	"context"

	"aergo/repo/object"
	"aergo/repo/state"
)

// SettleSpans looks at the spans that come by a merge and gives each what they settle
// among themselves, on the state before the block.
func SettleSpans(ctx context.Context, c Chain, runtime Runtime, base state.Tree, spans []Span, workers int) error {
	settler := runtime.Settle()
	if err := eachMerged(ctx, c, runtime, spans, settler.Count); err != nil {
		return err
	}
	if !settler.Repeats() {
		return nil
	}
	if err := eachMerged(ctx, c, runtime, spans, settler.Observe); err != nil {
		return err
	}
	keys := settler.Keys()
	if len(keys) == 0 {
		return nil
	}
	rows := make([][]byte, len(keys))
	err := base.GetMany(ctx, keys, workers, func(i int, value []byte, ok bool) error {
		if ok {
			rows[i] = value
		}
		return nil
	})
	if err != nil {
		return err
	}
	settled := settler.Decide(rows)
	for i := range spans {
		if spans[i].runsMerged() {
			spans[i].Settled = settled
		}
	}
	return nil
}

// runsMerged says whether the span's transactions come by a merge and are to be run.
func (s *Span) runsMerged() bool { return s.Merged && !s.Decided }

// eachMerged calls fn for the transactions of a merge that are to be run, in their order.
func eachMerged(ctx context.Context, c Chain, runtime Runtime, spans []Span, fn func(tx *object.Transaction, dict any)) error {
	chunks := ChunkReader{Chain: c}
	var last *object.Chunk
	var dict any
	for i := range spans {
		if !spans[i].runsMerged() {
			continue
		}
		err := chunks.Transactions(ctx, spans[i].Batch, spans[i].First, spans[i].Count, func(_ uint64, tx *object.Transaction, chunk *object.Chunk) error {
			if chunk != last {
				last, dict = chunk, runtime.Prepare(chunk.Names)
			}
			fn(tx, dict)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
