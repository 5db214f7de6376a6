package branch

import (
	"context"
	"fmt"

	"aergo/repo/key"
	"aergo/repo/object"
)

// checkOrders loads a block's orders and checks their right to be there. One of them at
// most is a merge.
func (l *Ledger) checkOrders(ctx context.Context, b Block, parent *Block, body *object.Body) ([]*object.Order, error) {
	var orders []*object.Order
	merges := object.Hash{}
	seen := make(map[object.Hash]bool, len(body.Orders))
	for _, id := range body.Orders {
		if seen[id] {
			return nil, fmt.Errorf("order %s: %w: it stands twice", id.Short(), ErrInvalid)
		}
		seen[id] = true
		o, err := l.Order(ctx, id)
		if err != nil {
			return nil, err
		}
		if err := l.checkOrder(ctx, b, parent, id, o); err != nil {
			return nil, fmt.Errorf("order %s: %w", id.Short(), err)
		}
		if o.Kind == object.OrderMerge {
			if !merges.IsZero() {
				return nil, fmt.Errorf("order %s: %w: the block merges something else already", id.Short(), ErrInvalid)
			}
			merges = o.Source
		}
		orders = append(orders, o)
	}
	if len(orders) == 0 && b.MergeMode != object.ModeExclude {
		return nil, fmt.Errorf("%w: it merges by %s, without an order", ErrInvalid, b.MergeMode)
	}
	if !b.Absorbed.IsZero() && b.Absorbed != merges {
		return nil, fmt.Errorf("%w: no order merges what it absorbs", ErrInvalid)
	}
	return orders, nil
}

func (l *Ledger) checkOrder(ctx context.Context, b Block, parent *Block, id object.Hash, o *object.Order) error {
	ext, critical := object.UnknownCritical(o.Extensions)
	switch {
	case critical:
		return fmt.Errorf("%w: critical extension %d is unknown to this version", ErrInvalid, ext)
	case o.Lineage != l.Directory.Lineage:
		return fmt.Errorf("%w: %w: lineage %s", ErrInvalid, ErrForeign, o.Lineage.Short())
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
	return batch, MayEnter(batch, b.Branch, b.Height)
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

// MayEnter checks what a batch says of where it may go: until which height, and to which
// branch. No order takes it anywhere else.
func MayEnter(batch Batch, branch object.Hash, height uint64) error {
	switch {
	case batch.Expiry != 0 && height > batch.Expiry:
		return fmt.Errorf("batch %s: %w: it expired at height %d", batch.ID.Short(), ErrInvalid, batch.Expiry)
	case !batch.Scope.IsZero() && batch.Scope != branch:
		return fmt.Errorf("batch %s: %w: its scope is another branch", batch.ID.Short(), ErrInvalid)
	}
	return nil
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
