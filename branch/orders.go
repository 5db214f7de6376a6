package branch

import (
	"context"
	"fmt"

	"aergo/consensus/directory"
	"aergo/repo/key"
	"aergo/repo/object"
)

// checkOrders loads a block's orders and checks their right to be there. One of them at
// most is a merge.
func (l *Ledger) checkOrders(ctx context.Context, p *prepared) ([]*object.Order, error) {
	b, body := p.Block, p.body
	var orders []*object.Order
	merges := object.Hash{}
	seen := make(map[object.Hash]bool, len(body.Orders))
	for _, id := range body.Orders {
		if seen[id] {
			return nil, fmt.Errorf("order %s: %w: it stands twice", id.Short(), FaultOrderTwice)
		}
		seen[id] = true
		o, err := l.Order(ctx, id)
		if err != nil {
			return nil, err
		}
		err = l.checkOrder(ctx, p, o)
		if err == nil {
			err = l.addSeal(ctx, p.seals, key.DomainOrder, o.Signer, id)
		}
		if err != nil {
			return nil, fmt.Errorf("order %s: %w", id.Short(), err)
		}
		if o.Kind == object.OrderMerge {
			if !merges.IsZero() {
				return nil, fmt.Errorf("order %s: %w: the block merges something else already", id.Short(), FaultOrderSource)
			}
			merges = o.Source
		}
		orders = append(orders, o)
	}
	if len(orders) == 0 && b.MergeMode != object.ModeExclude {
		return nil, fmt.Errorf("%w: it merges by %s, without an order", FaultOrderMissing, b.MergeMode)
	}
	if !b.Absorbed.IsZero() && b.Absorbed != merges {
		return nil, fmt.Errorf("%w: no order merges what it absorbs", FaultOrderAbsorbed)
	}
	return orders, nil
}

func (l *Ledger) checkOrder(ctx context.Context, p *prepared, o *object.Order) error {
	b, parent := p.Block, p.parent
	ext, critical := object.UnknownCritical(o.Extensions)
	switch {
	case critical:
		return fmt.Errorf("%w: critical extension %d is unknown to this version", FaultOrderExtension, ext)
	case o.Lineage != l.Directory.Lineage:
		return fmt.Errorf("%w: %w: lineage %s", FaultOrderLineage, ErrForeign, o.Lineage.Short())
	case o.Branch != b.Branch:
		return fmt.Errorf("%w: it is for another branch", FaultOrderBranch)
	case b.Branch.IsZero():
		return fmt.Errorf("%w: a Directory takes no orders", FaultOrderDirectory)
	case o.Signer.Key != b.Producer.Key && !p.cited.MayWrite(o.Signer.Key, b.TimeMillis):
		return fmt.Errorf("%w: its signer may not write here", FaultOrderSigner)
	case o.Expiry != 0 && b.Height > o.Expiry:
		return fmt.Errorf("%w: it has expired", FaultOrderExpired)
	case o.Mode != b.MergeMode:
		return fmt.Errorf("%w: it merges by %s, the block by %s", FaultOrderMode, o.Mode, b.MergeMode)
	}
	if parent == nil || MarkTooOld(o.Mark.Height, b.Height) {
		return fmt.Errorf("%w: its mark is outside the window", FaultOrderWindow)
	}
	return l.checkMark(ctx, *parent, o.Mark, FaultOrderMark)
}

// checkMark checks that a mark is a block of this chain; the fault says whose mark it is.
func (l *Ledger) checkMark(ctx context.Context, parent Block, m object.Mark, otherwise Fault) error {
	at, err := l.AtHeight(ctx, parent, m.Height)
	if err != nil {
		return fmt.Errorf("%w: mark: %w", otherwise, err)
	}
	if at.ID != m.Block {
		return fmt.Errorf("%w: its mark is not a block of this branch", otherwise)
	}
	return nil
}

// CheckBatches checks batches by themselves: lineage, extensions, the authors' signatures,
// and that their marks are blocks of the lineage.
func (l *Ledger) CheckBatches(ctx context.Context, ids []object.Hash) ([]Batch, error) {
	seals := l.newSeals()
	batches, err := l.loadBatches(ctx, ids, seals)
	if err != nil {
		return nil, err
	}
	seals.start(ctx, l.Workers.Workers())
	return batches, seals.wait()
}

// loadBatches loads batches and checks all but their signatures, which it gathers.
func (l *Ledger) loadBatches(ctx context.Context, ids []object.Hash, seals *seals) ([]Batch, error) {
	batches, signatures := make([]Batch, len(ids)), make([]key.Signature, len(ids))
	err := each(ctx, l.Workers.Workers(), len(ids), func(i int) (err error) {
		if batches[i], err = l.Batch(ctx, ids[i]); err == nil {
			signatures[i], err = l.Chain.Seal(ctx, ids[i])
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	seals.verifier.Grow(len(ids))
	marks := map[object.Hash]Block{}
	for i := range batches {
		if err := l.checkRecord(ctx, batches[i], marks); err != nil {
			return nil, fmt.Errorf("batch %s: %w", ids[i].Short(), err)
		}
		seals.add(key.DomainBatch, batches[i].Author, ids[i], signatures[i])
	}
	return batches, nil
}

// checkRecord checks what a batch says by itself. marks keeps the blocks that were loaded.
func (l *Ledger) checkRecord(ctx context.Context, batch Batch, marks map[object.Hash]Block) error {
	if batch.Lineage != l.Directory.Lineage {
		return fmt.Errorf("%w: %w: lineage %s", FaultBatchLineage, ErrForeign, batch.Lineage.Short())
	}
	if id, found := object.UnknownCritical(batch.Extensions); found {
		return fmt.Errorf("%w: critical extension %d is unknown to this version", FaultBatchExtension, id)
	}
	mark, known := marks[batch.Mark.Block]
	if !known {
		var err error
		if mark, err = l.Block(ctx, batch.Mark.Block); err != nil {
			return fmt.Errorf("%w: mark: %w", FaultBatchMark, err)
		}
		marks[batch.Mark.Block] = mark
	}
	if mark.Height != batch.Mark.Height || lineageOf(mark) != l.Directory.Lineage {
		return fmt.Errorf("%w: its mark is not in the lineage", FaultBatchMark)
	}
	return nil
}

// MayEnter checks what a batch says of where it may go: until which height, and to which
// branch. No order takes it anywhere else.
func MayEnter(batch Batch, branch object.Hash, height uint64) error {
	switch {
	case batch.Expiry != 0 && height > batch.Expiry:
		return fmt.Errorf("batch %s: %w: it expired at height %d", batch.ID.Short(), FaultBatchExpired, batch.Expiry)
	case !batch.Scope.IsZero() && batch.Scope != branch:
		return fmt.Errorf("batch %s: %w: its scope is another branch", batch.ID.Short(), FaultBatchScope)
	}
	return nil
}

// checkDirect checks that a batch may enter a block without an order.
func (l *Ledger) checkDirect(ctx context.Context, p *prepared, batch Batch) error {
	if p.parent == nil || MarkTooOld(batch.Mark.Height, p.Height) {
		return fmt.Errorf("batch %s: %w: its mark is outside the window", batch.ID.Short(), FaultBatchWindow)
	}
	err := l.checkMark(ctx, *p.parent, batch.Mark, FaultBatchElsewhere)
	if err == nil {
		err = l.checkAuthor(ctx, p, batch)
	}
	if err != nil {
		return fmt.Errorf("batch %s: %w", batch.ID.Short(), err)
	}
	return nil
}

// checkAuthor checks that the author of a batch may write where the block belongs.
func (l *Ledger) checkAuthor(ctx context.Context, p *prepared, batch Batch) error {
	if p.Branch.IsZero() {
		switch {
		case batch.Scope != p.cited.Genesis:
			return fmt.Errorf("%w: it is not scoped to the Directory", FaultDirectoryScope)
		case p.cited.Permission(batch.Author.Key, directory.AnyBranch, p.TimeMillis) < directory.Admin:
			return fmt.Errorf("%w: its author may not change the Directory", FaultDirectoryAuthor)
		}
		return nil
	}
	if batch.Author.Key == p.Producer.Key || p.cited.MayWrite(batch.Author.Key, p.TimeMillis) {
		return nil
	}
	may, err := l.mayStillWrite(ctx, p, batch)
	if err == nil && !may {
		err = fmt.Errorf("%w: its author may not write here", FaultBatchAuthor)
	}
	return err
}

// mayStillWrite says whether a batch by a key that was rotated counts, as it was marked before.
func (l *Ledger) mayStillWrite(ctx context.Context, p *prepared, batch Batch) (bool, error) {
	if p.cited.KeyState(batch.Author.Key) != directory.Rotated {
		return false, nil
	}
	mark, err := l.Block(ctx, batch.Mark.Block)
	if err != nil {
		return false, err
	}
	then, err := l.DirectoryAt(ctx, mark.Header.Directory)
	if err != nil || then.Genesis != p.cited.Genesis {
		return false, err
	}
	return p.cited.PermissionBefore(batch.Author.Key, directory.AnyBranch, p.TimeMillis, then.Height) >= directory.Write, nil
}
