package branch

import (
	"context"
	"fmt"

	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/state"
)

// checkEntries checks that everything a block takes may enter it, and returns it as spans
// to run.
func (l *Ledger) checkEntries(ctx context.Context, b Block, parent *Block, body *object.Body) ([]Span, error) {
	orders, err := l.checkOrders(ctx, b, parent, body)
	if err != nil {
		return nil, err
	}
	account := Account{state.New(l.Objects, state.EmptyRoot())}
	if parent != nil {
		account = l.Account(*parent)
	}
	batches := map[object.Hash]Batch{}
	taken := map[object.Hash][]object.Run{}
	var spans []Span
	for i := range body.Entries {
		e := &body.Entries[i]
		batch, known := batches[e.Batch]
		if !known {
			if batch, err = l.checkBatch(ctx, b, e.Batch); err != nil {
				return nil, err
			}
			batches[e.Batch] = batch
			if taken[e.Batch], err = account.Runs(ctx, batch.Mark.Height, e.Batch); err != nil {
				return nil, err
			}
		}
		var order *object.Order
		if e.Order > 0 {
			order = orders[e.Order-1]
		} else if err := l.checkDirect(ctx, b, parent, batch); err != nil {
			return nil, err
		}
		added, err := l.entrySpans(ctx, batch, e, order, taken)
		if err != nil {
			return nil, fmt.Errorf("batch %s: %w", batch.ID.Short(), err)
		}
		spans = append(spans, added...)
	}
	return spans, nil
}

// entrySpans turns one entry into spans. taken holds the verdicts that the batch's
// transactions have here already; the entry's own are added to it.
func (l *Ledger) entrySpans(ctx context.Context, batch Batch, e *object.Entry, order *object.Order, taken map[object.Hash][]object.Run) ([]Span, error) {
	var spans []Span
	excluded := 0
	for _, run := range e.Runs {
		if err := mayTake(run, taken[e.Batch], order); err != nil {
			return nil, err
		}
		taken[e.Batch] = mergeRuns(taken[e.Batch], []object.Run{run})
		span := Span{Batch: batch, Order: e.Order, First: run.First, Count: run.Count}
		if order != nil {
			span.Mode, span.Merged = order.Mode, order.Kind == object.OrderMerge
		}
		if order != nil && run.Verdict == object.VerdictDropped {
			span.Decided, span.Verdict = true, run.Verdict
			if order.Kind == object.OrderMerge {
				if err := l.checkInherited(ctx, order.Source, batch, run, object.Hash{}); err != nil {
					return nil, err
				}
			}
		}
		if run.Verdict != object.VerdictExcluded {
			spans = append(spans, span)
			continue
		}
		for n := uint64(0); n < run.Count; n++ {
			x := e.Excluded[excluded]
			excluded++
			one := span
			one.First, one.Count = run.First+n, 1
			if x.Reason == object.ReasonInherited {
				if order == nil || order.Kind != object.OrderMerge {
					return nil, fmt.Errorf("%w: transaction %d is inherited without a merge", ErrInvalid, x.Index)
				}
				one.Decided, one.Verdict, one.Block = true, run.Verdict, x.Block
				if err := l.checkInherited(ctx, order.Source, batch, object.Run{First: x.Index, Count: 1, Verdict: run.Verdict}, x.Block); err != nil {
					return nil, err
				}
			}
			spans = append(spans, one)
		}
	}
	return spans, nil
}

// mayTake says whether a block may decide the transactions of a run, given the verdicts
// that they have here already.
func mayTake(run object.Run, have []object.Run, order *object.Order) error {
	again := order != nil && (order.Kind == object.OrderReplay || order.Kind == object.OrderDrop)
	for _, h := range have {
		if h.First+h.Count <= run.First || h.First >= run.First+run.Count {
			continue
		}
		if !again || h.Verdict != object.VerdictExcluded {
			return fmt.Errorf("%w: transaction %d is %s here already", ErrInvalid, max(h.First, run.First), h.Verdict)
		}
	}
	if again {
		if left := subtractRuns([]object.Run{run}, have); len(left) > 0 {
			return fmt.Errorf("%w: transaction %d was never excluded here", ErrInvalid, left[0].First)
		}
	}
	if run.Verdict == object.VerdictDropped && (order == nil || order.Kind == object.OrderReplay || order.Kind == object.OrderPick) {
		return fmt.Errorf("%w: transaction %d is dropped without an order to drop it", ErrInvalid, run.First)
	}
	if order == nil || order.Kind == object.OrderMerge {
		return nil
	}
	if order.Kind == object.OrderDrop && run.Verdict != object.VerdictDropped {
		return fmt.Errorf("%w: transaction %d is %s under an order to drop it", ErrInvalid, run.First, run.Verdict)
	}
	return nil
}

// checkInherited checks that the source of a merge decided a run as the target takes it
// over, and that the block named as deciding did exclude it.
func (l *Ledger) checkInherited(ctx context.Context, source object.Hash, batch Batch, run object.Run, decidedBy object.Hash) error {
	head, err := l.Block(ctx, source)
	if err != nil {
		return err
	}
	runs, err := l.Account(head).Runs(ctx, batch.Mark.Height, batch.ID)
	if err != nil {
		return err
	}
	for i := run.First; i < run.First+run.Count; i++ {
		if v, ok := VerdictOf(runs, i); !ok || v != run.Verdict {
			return fmt.Errorf("%w: transaction %d is not %s on the source", ErrInvalid, i, run.Verdict)
		}
	}
	if decidedBy.IsZero() {
		return nil
	}
	x, err := l.exclusionIn(ctx, decidedBy, batch.ID, run.First)
	if err != nil {
		return err
	}
	if x == nil || x.Reason == object.ReasonInherited {
		return fmt.Errorf("%w: block %s did not exclude transaction %d", ErrInvalid, decidedBy.Short(), run.First)
	}
	return nil
}

// exclusionIn returns the exclusion of a transaction in a block's body, nil if none.
func (c Chain) exclusionIn(ctx context.Context, block, batch object.Hash, index uint64) (*object.Exclusion, error) {
	b, err := c.Block(ctx, block)
	if err != nil {
		return nil, err
	}
	body, err := c.Body(ctx, b)
	if err != nil {
		return nil, err
	}
	for i := range body.Entries {
		if body.Entries[i].Batch != batch {
			continue
		}
		for j := range body.Entries[i].Excluded {
			if x := &body.Entries[i].Excluded[j]; x.Index == index {
				return x, nil
			}
		}
	}
	return nil, nil
}

// checkOrders loads a block's orders and checks their right to be there.
func (l *Ledger) checkOrders(ctx context.Context, b Block, parent *Block, body *object.Body) ([]*object.Order, error) {
	var orders []*object.Order
	absorbs := object.Hash{}
	for _, id := range body.Orders {
		o, err := l.Order(ctx, id)
		if err != nil {
			return nil, err
		}
		if err := l.checkOrder(ctx, b, parent, id, o); err != nil {
			return nil, fmt.Errorf("order %s: %w", id.Short(), err)
		}
		if o.Kind == object.OrderMerge {
			absorbs = o.Source
		}
		orders = append(orders, o)
	}
	if !b.Absorbed.IsZero() && b.Absorbed != absorbs {
		return nil, fmt.Errorf("%w: no order merges what it absorbs", ErrInvalid)
	}
	return orders, nil
}

func (l *Ledger) checkOrder(ctx context.Context, b Block, parent *Block, id object.Hash, o *object.Order) error {
	switch {
	case o.Lineage != l.Directory.Lineage:
		return fmt.Errorf("%w: %w", ErrInvalid, ErrForeign)
	case o.Branch != b.Branch:
		return fmt.Errorf("%w: it is for another branch", ErrInvalid)
	case !l.Directory.MayWrite(o.Signer.Key) && o.Signer.Key != b.Producer.Key:
		return fmt.Errorf("%w: its signer may not write here", ErrInvalid)
	case o.Expiry != 0 && b.Height > o.Expiry:
		return fmt.Errorf("%w: it has expired", ErrInvalid)
	case o.Mode != b.MergeMode:
		return fmt.Errorf("%w: it merges by %s, the block by %s", ErrInvalid, o.Mode, b.MergeMode)
	}
	if parent == nil || MarkTooOld(o.Mark.Height, b.Height) {
		return fmt.Errorf("%w: its mark is outside the window", ErrInvalid)
	}
	if err := l.checkMark(ctx, *parent, o.Mark); err != nil {
		return err
	}
	return l.checkSeal(ctx, key.DomainOrder, o.Signer, id)
}

// checkMark checks that a mark is a block of this chain.
func (l *Ledger) checkMark(ctx context.Context, parent Block, m object.Mark) error {
	at, err := l.AtHeight(ctx, parent, m.Height)
	if err != nil {
		return fmt.Errorf("%w: mark: %w", ErrInvalid, err)
	}
	if at.ID != m.Block {
		return fmt.Errorf("%w: its mark is not a block of this branch", ErrInvalid)
	}
	return nil
}

// checkBatch loads a batch and checks what must hold wherever it enters.
func (l *Ledger) checkBatch(ctx context.Context, b Block, id object.Hash) (Batch, error) {
	batch, err := l.Batch(ctx, id)
	if err != nil {
		return Batch{}, err
	}
	if err := l.CheckBatch(ctx, batch); err != nil {
		return Batch{}, err
	}
	switch {
	case batch.Expiry != 0 && b.Height > batch.Expiry:
		return Batch{}, fmt.Errorf("batch %s: %w: it expired at height %d", id.Short(), ErrInvalid, batch.Expiry)
	case !batch.Scope.IsZero() && batch.Scope != b.Branch:
		return Batch{}, fmt.Errorf("batch %s: %w: its scope is another branch", id.Short(), ErrInvalid)
	}
	return batch, nil
}

// CheckBatch checks a batch by itself: lineage, extensions, the author's signature, and
// that its mark is a block of the lineage.
func (l *Ledger) CheckBatch(ctx context.Context, batch Batch) error {
	if batch.Lineage != l.Directory.Lineage {
		return fmt.Errorf("batch %s: %w: %w: lineage %s", batch.ID.Short(), ErrInvalid, ErrForeign, batch.Lineage.Short())
	}
	if id, found := object.UnknownCritical(batch.Extensions); found {
		return fmt.Errorf("batch %s: %w: critical extension %d is unknown to this version", batch.ID.Short(), ErrInvalid, id)
	}
	mark, err := l.Block(ctx, batch.Mark.Block)
	if err != nil {
		return fmt.Errorf("batch %s: %w: mark: %w", batch.ID.Short(), ErrInvalid, err)
	}
	if mark.Height != batch.Mark.Height || mark.Lineage != l.Directory.Lineage {
		return fmt.Errorf("batch %s: %w: its mark is not in the lineage", batch.ID.Short(), ErrInvalid)
	}
	return l.checkSeal(ctx, key.DomainBatch, batch.Author, batch.ID)
}

// checkDirect checks that a batch may enter a block without an order.
func (l *Ledger) checkDirect(ctx context.Context, b Block, parent *Block, batch Batch) error {
	if !l.Directory.MayWrite(batch.Author.Key) && batch.Author.Key != b.Producer.Key {
		return fmt.Errorf("batch %s: %w: its author may not write here", batch.ID.Short(), ErrInvalid)
	}
	if parent == nil || MarkTooOld(batch.Mark.Height, b.Height) {
		return fmt.Errorf("batch %s: %w: its mark is outside the window", batch.ID.Short(), ErrInvalid)
	}
	if err := l.checkMark(ctx, *parent, batch.Mark); err != nil {
		return fmt.Errorf("batch %s: %w", batch.ID.Short(), err)
	}
	return nil
}
