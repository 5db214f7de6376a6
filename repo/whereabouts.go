package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"aergo/branch"
	"aergo/repo/object"
	"aergo/repo/store/derived"
)

// The derived index remembers which blocks took which batches, so that asking after one
// transaction need not read the body of every block. Its keys are
//
//	'b' batch id, block id    the block decided transactions of the batch
//	'h' block id              the block and all its ancestors are in the index
//
// It is brought up to date when it is asked, rebuilt when it is lost, and done without
// when another process has it open or the repository has no place for it.

const (
	indexBatch = 'b'
	indexBlock = 'h'

	// indexBatchBlocks is how many blocks are indexed in one write.
	indexBatchBlocks = 1 << 10
)

// takers returns the blocks that decided transactions of a batch, among all ancestors of
// the branches' heads. ok is false if there is no index to ask.
func (r *Repo) takers(ctx context.Context, l *branch.Ledger, batch object.Hash) (blocks map[object.Hash]bool, ok bool, err error) {
	if r.opts.DerivedPath == "" || r.boundary() != nil {
		return nil, false, nil // an index of a part would be taken for one of all of it
	}
	x, err := derived.Open(r.opts.DerivedPath)
	if errors.Is(err, derived.ErrInUse) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer x.Close()
	build := func(ctx context.Context, x *derived.Index) error { return r.indexHeads(ctx, l, x) }
	err = x.Use(ctx, build, func(ctx context.Context, x *derived.Index) error {
		blocks = map[object.Hash]bool{}
		prefix := append([]byte{indexBatch}, batch[:]...)
		return x.Range(ctx, prefix, nil, func(k, _ []byte) error {
			id, err := object.HashFromBytes(k[len(prefix):])
			blocks[id] = true
			return err
		})
	})
	return blocks, err == nil, err
}

// indexHeads adds the ancestors of every branch that are not in the index yet.
func (r *Repo) indexHeads(ctx context.Context, l *branch.Ledger, x *derived.Index) error {
	branches, err := r.refs.Branches(ctx)
	if err != nil {
		return err
	}
	for _, b := range branches {
		if err := indexAncestors(ctx, l, x, b.Head); err != nil {
			return err
		}
	}
	return nil
}

// indexAncestors writes ancestors before descendants: if it stops half way, what is in
// the index is still complete below.
func indexAncestors(ctx context.Context, l *branch.Ledger, x *derived.Index, head object.Hash) error {
	var missing []branch.Block
	seen := map[object.Hash]bool{}
	for stack := []object.Hash{head}; len(stack) > 0; {
		id := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if id.IsZero() || seen[id] {
			continue
		}
		seen[id] = true
		if _, known, err := x.Get(append([]byte{indexBlock}, id[:]...)); err != nil || known {
			if err != nil {
				return err
			}
			continue
		}
		b, err := l.Block(ctx, id)
		if err != nil {
			return err
		}
		missing = append(missing, b)
		stack = append(stack, b.Parent, b.Absorbed)
	}
	slices.SortFunc(missing, func(a, b branch.Block) int {
		switch {
		case a.TimeMillis < b.TimeMillis:
			return -1
		case a.TimeMillis > b.TimeMillis:
			return 1
		}
		return 0
	})
	var batch derived.Batch
	for i, b := range missing {
		body, err := l.Body(ctx, b)
		if err != nil {
			return err
		}
		for e := range body.Entries {
			k := append([]byte{indexBatch}, body.Entries[e].Batch[:]...)
			batch.Put(append(k, b.ID[:]...), nil)
		}
		batch.Put(append([]byte{indexBlock}, b.ID[:]...), nil)
		if (i+1)%indexBatchBlocks == 0 || i+1 == len(missing) {
			if err := x.Write(&batch, b.ID[:]); err != nil {
				return err
			}
		}
	}
	return nil
}

// Circumstances are how a branch came to decide a transaction.
type Circumstances struct {
	Time  time.Time // of the block that decided
	Order *Order    // that the transaction came by; nil if its author may write there
	// Promised is what a receipt said of it before the block; nil if there was none, or it is
	// not known any more.
	Promised *Promised
	// Conflict is what stood in its way if it is excluded, or if it was before it was dropped
	// or replayed.
	Conflict *Conflict
}

// Transaction says what a transaction does and whose it is: a story without fates.
func (r *Repo) Transaction(ctx context.Context, what string) (Story, error) {
	s, _, err := r.transaction(ctx, what)
	return s, err
}

// transaction begins the story of a transaction.
func (r *Repo) transaction(ctx context.Context, what string) (Story, branch.Batch, error) {
	l, err := r.ledger(ctx)
	if err != nil {
		return Story{}, branch.Batch{}, err
	}
	items, err := r.selection(ctx, l, what)
	if err != nil {
		return Story{}, branch.Batch{}, err
	}
	if len(items) != 1 || items[0].Count != 1 {
		return Story{}, branch.Batch{}, fmt.Errorf("%q: %w: name one transaction, as in 3f2a9c1e.17", what, ErrNoRevision)
	}
	batch, err := l.Batch(ctx, items[0].Batch)
	if err != nil {
		return Story{}, branch.Batch{}, err
	}
	s := Story{
		Transaction: TxID{batch.ID, items[0].First}, Author: batch.Author, Message: batch.Message,
		Batch: Batch{ID: batch.ID, Author: batch.Author, Message: batch.Message, Time: timeOf(batch.TimeMillis), Total: batch.Count},
	}
	_, s.Operations, err = newOpReader(l).operations(ctx, batch, items[0].First)
	return s, batch, err
}

// elaborate fills in a story under which circumstances each branch decided.
func (r *Repo) elaborate(ctx context.Context, l *branch.Ledger, s *Story) error {
	for i := range s.Fates {
		f := &s.Fates[i]
		if f.Block.IsZero() {
			continue
		}
		decided, err := l.Block(ctx, f.Block)
		if err != nil {
			return err
		}
		f.Time = timeOf(decided.TimeMillis)
		if f.Promised, err = r.promised(ctx, f.Branch, s.Transaction); err != nil {
			return err
		}
		if f.Order, err = orderOf(ctx, l, decided, s.Transaction); err != nil {
			return err
		}
		reason := f.Reason
		if reason == nil {
			if reason, err = formerReason(ctx, l, f, decided, s.Transaction); err != nil {
				return err
			}
		}
		if reason == nil {
			continue
		}
		block := f.Block
		if !reason.Block.IsZero() {
			block = reason.Block
		}
		found, err := r.conflictsOf(ctx, l, block, []Exclusion{*reason}, true)
		if err != nil {
			return err
		}
		f.Conflict = &found[0]
	}
	return nil
}

// formerReason returns why a transaction had been excluded before it was dropped or replayed
// here, or dropped on the source of a merge; nil if it had not been, as far as this chain,
// or that of the source, tells.
func formerReason(ctx context.Context, l *branch.Ledger, f *Fate, decided branch.Block, tx TxID) (*Exclusion, error) {
	switch {
	case f.Order == nil:
		return nil, nil
	case f.Order.Kind == object.OrderDrop, f.Order.Kind == object.OrderReplay:
		return exclusionBefore(ctx, l, decided, tx)
	case f.Verdict == object.VerdictDropped && f.Order.Kind == object.OrderMerge:
		source, err := l.Block(ctx, f.Order.Source)
		if err != nil {
			return nil, err
		}
		return exclusionBefore(ctx, l, source, tx)
	}
	return nil, nil
}

// takes says whether an entry decides a transaction.
func takes(e *object.Entry, tx TxID) bool {
	return e.Batch == tx.Batch && len(branch.IntersectRuns(e.Runs, object.Run{First: tx.Index, Count: 1})) > 0
}

// orderOf returns the order by which a block took a transaction, nil for none.
func orderOf(ctx context.Context, l *branch.Ledger, b branch.Block, tx TxID) (*Order, error) {
	body, err := l.Body(ctx, b)
	if err != nil {
		return nil, err
	}
	for i := range body.Entries {
		e := &body.Entries[i]
		if e.Order == 0 || e.Order > uint64(len(body.Orders)) || !takes(e, tx) {
			continue
		}
		id := body.Orders[e.Order-1]
		o, err := l.Order(ctx, id)
		if err != nil {
			return nil, err
		}
		return &Order{
			ID: id, Kind: o.Kind, Signer: o.Signer, Source: o.Source, Mode: o.Mode, Message: o.Message, Time: timeOf(o.TimeMillis),
		}, nil
	}
	return nil, nil
}

// exclusionBefore returns why a transaction had been excluded when a block decided it anew.
// It names the block that did.
func exclusionBefore(ctx context.Context, l *branch.Ledger, b branch.Block, tx TxID) (*Exclusion, error) {
	for !b.Parent.IsZero() {
		parent, err := l.Block(ctx, b.Parent)
		if err != nil {
			return nil, err
		}
		b = parent
		body, err := l.Body(ctx, b)
		if err != nil {
			return nil, err
		}
		for i := range body.Entries {
			e := &body.Entries[i]
			for _, x := range e.Excluded {
				if e.Batch != tx.Batch || x.Index != tx.Index {
					continue
				}
				reason := explain(e.Batch, x)
				if reason.Block.IsZero() {
					reason.Block = b.ID
				}
				return &reason, nil
			}
		}
	}
	return nil, nil
}
