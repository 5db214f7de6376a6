package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"aergo/branch"
	"aergo/contract"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/store"
)

// SealedSubmissions is what SealSubmissions made.
type SealedSubmissions struct {
	Branch  ref.Name
	Block   object.Hash // zero if there was nothing to make one of
	Height  uint64
	Batches uint64 // in the block
	Changed uint64 // of them, how many have other verdicts than their receipts say
	Refused uint64 // batches that may not enter any more
}

// SealSubmissions makes one block of all that was accepted for a branch, in the order of its
// receipts. If the branch has moved since, everything runs on the new head. A batch that may
// not enter any more is settled as refused and holds nobody up.
func (r *Repo) SealSubmissions(ctx context.Context, name ref.Name) (SealedSubmissions, error) {
	out := SealedSubmissions{Branch: name}
	in := r.intake
	q := in.of(name)
	if open, err := in.open(ctx, q); err != nil || len(open) == 0 {
		return out, err
	}
	var settled []branch.Settled
	err := r.write(ctx, "seal", func(c *change) error {
		open, err := in.open(ctx, q) // under the repository's lock
		if err != nil || len(open) == 0 {
			return err
		}
		out, settled, err = r.sealAccepted(ctx, c, name, open)
		if err != nil {
			return err
		}
		// Who submits from now on may see the new head before the inbox tells of it.
		return in.with(ctx, q, func() error {
			q.next, q.held = out.Block, map[object.Hash]bool{}
			for i := range settled {
				q.held[settled[i].Receipt.Batch] = true
			}
			return nil
		})
	})
	if err != nil || len(settled) == 0 {
		return out, err
	}
	err = in.with(context.WithoutCancel(ctx), q, func() error { return q.inbox.Settle(q.contents, settled) })
	in.news()
	return out, err
}

// sealAccepted prepares a block of accepted batches, and says what becomes of each if the
// change is made.
func (r *Repo) sealAccepted(ctx context.Context, c *change, name ref.Name, open []*branch.Accepted) (SealedSubmissions, []branch.Settled, error) {
	out := SealedSubmissions{Branch: name}
	if err := r.refreshConfig(); err != nil {
		return out, nil, err
	}
	l, w, err := c.open(ctx)
	if err != nil {
		return out, nil, err
	}
	b, head, err := r.sealingOn(ctx, l, name)
	if err != nil {
		return out, nil, err
	}
	now := r.now()
	spans, settled, err := r.admitAccepted(ctx, l, w, b, head, open, now)
	out.Refused = uint64(len(settled))
	if err != nil || len(spans) == 0 {
		return out, settled, err
	}
	sealer, err := r.owner(ctx, l)
	if err != nil {
		return out, nil, err
	}
	orders, err := orderSpans(l, w, b, head, sealer, spans, now)
	if err != nil {
		return out, nil, err
	}
	x, refused, err := executeAccepted(ctx, l, w, head, spans, open)
	if err != nil {
		return out, nil, err
	}
	out.Refused, settled = out.Refused+uint64(len(refused)), append(settled, refused...)
	if x.Count() == 0 {
		return out, settled, nil
	}
	block, err := l.Seal(ctx, w, branch.Draft{Branch: b.ID, Parent: &head, Orders: orders, Now: now, Run: x}, sealer)
	if err != nil {
		return out, nil, err
	}
	moved := b
	moved.Head = block.ID
	err = r.moveBranch(ctx, c, l, w, b, moved)
	if errors.Is(err, branch.ErrStale) {
		// What is pending and unsigned does not hold up what was promised.
		c.setBranch(b, moved)
		err = nil
	}
	if err != nil {
		return out, nil, err
	}
	out.Block, out.Height = block.ID, block.Height
	for _, s := range keptIn(block, x, open) {
		if len(s.Runs) > 0 {
			out.Changed++
		}
		settled = append(settled, s)
		out.Batches++
	}
	return out, settled, nil
}

// sealingOn returns a branch and its head. Neither is there if the branch is gone: what was
// accepted for it is refused.
func (r *Repo) sealingOn(ctx context.Context, l *branch.Ledger, name ref.Name) (ref.Branch, branch.Block, error) {
	b, err := r.refs.Branch(ctx, name)
	if err != nil {
		return ref.Branch{}, branch.Block{}, ignore(err, ref.ErrNotFound)
	}
	head, err := l.Block(ctx, b.Head)
	return b, head, err
}

// keptIn says what became in a block of each batch that it took, and where that is not what
// the receipt promised, what it is instead.
func keptIn(block branch.Block, x *branch.Executor, open []*branch.Accepted) []branch.Settled {
	receipts := make(map[object.Hash]branch.PoolReceipt, len(open))
	for _, a := range open {
		receipts[a.Batch.ID] = a.Receipt
	}
	var out []branch.Settled
	for _, e := range joinedEntries(x.Entries()) {
		s := branch.Settled{Receipt: receipts[e.Batch], Block: block.ID, Height: block.Height}
		if !s.Receipt.Kept(e.Runs, e.Excluded) {
			s.Runs, s.Excluded = e.Runs, e.Excluded
		}
		out = append(out, s)
	}
	return out
}

// executeAccepted runs what a block takes. What no block can hold is left out, and said.
func executeAccepted(ctx context.Context, l *branch.Ledger, w store.Writer, head branch.Block, spans []branch.Span, open []*branch.Accepted) (*branch.Executor, []branch.Settled, error) {
	x := l.NewExecutor(w, head.Header.State)
	err := x.Propose(ctx, spans)
	if !errors.Is(err, contract.ErrUndeclared) {
		return x, nil, err
	}
	rest, refused, err := withoutTrespassers(ctx, l, head, spans, open)
	if err != nil {
		return nil, nil, err
	}
	x = l.NewExecutor(w, head.Header.State)
	return x, refused, x.Propose(ctx, rest)
}

// withoutTrespassers looks for batches with a transaction that reaches outside of what it
// declares: a fault of a runtime, which no block can hold, and which must not hold up others.
// It returns the spans of the rest.
func withoutTrespassers(ctx context.Context, l *branch.Ledger, head branch.Block, spans []branch.Span, open []*branch.Accepted) (rest []branch.Span, refused []branch.Settled, err error) {
	fault := fmt.Errorf("no transaction does so by itself: %w", contract.ErrUndeclared)
	for _, a := range open {
		var own []branch.Span
		for _, s := range spans {
			if s.Batch.ID == a.Batch.ID {
				own = append(own, s)
			}
		}
		scratch, err := branch.NewScratch(ctx, l.Objects)
		if err != nil {
			return nil, nil, err
		}
		if err := a.Put(scratch); err != nil {
			return nil, nil, err
		}
		err = l.NewExecutor(scratch, head.Header.State).Propose(ctx, own)
		switch {
		case errors.Is(err, contract.ErrUndeclared):
			fault = nil
			refused = append(refused, branch.Settled{Receipt: a.Receipt, Refusal: err.Error()})
		case err != nil:
			return nil, nil, err
		default:
			rest = append(rest, own...)
		}
	}
	return rest, refused, fault
}

// joinedEntries returns one entry for each batch: its parts may come by different orders.
func joinedEntries(entries []object.Entry) []object.Entry {
	var out []object.Entry
	for _, e := range entries {
		if n := len(out); n > 0 && out[n-1].Batch == e.Batch {
			out[n-1].Runs = append(slices.Clone(out[n-1].Runs), e.Runs...)
			out[n-1].Excluded = append(slices.Clone(out[n-1].Excluded), e.Excluded...)
			continue
		}
		out = append(out, e)
	}
	return out
}

// byOrder marks a span that an order must bring, before it is known which.
const byOrder = 1

// orderSpans signs orders for the spans that need one: as many as it takes.
func orderSpans(l *branch.Ledger, w store.Writer, b ref.Branch, head branch.Block, signer branch.Signer, spans []branch.Span, now uint64) ([]object.Hash, error) {
	var items []object.Selection
	for i := range spans {
		if s := &spans[i]; s.Order == byOrder {
			items = append(items, object.Selection{Batch: s.Batch.ID, First: s.First, Count: s.Count})
			s.Order = 1 + uint64(len(items)-1)/object.MaxOrderItems
		}
	}
	var orders []object.Hash
	for part := range slices.Chunk(items, object.MaxOrderItems) {
		id, err := branch.PutOrder(w, &object.Order{
			Lineage: l.Directory.Lineage, Kind: object.OrderPick, Branch: b.ID, Message: "Submissions", TimeMillis: now,
			Mark: object.Mark{Block: head.ID, Height: head.Height}, Items: part,
		}, signer)
		if err != nil {
			return nil, err
		}
		orders = append(orders, id)
	}
	return orders, nil
}

// admitAccepted stores accepted batches that may enter the next block, and returns what of
// them it takes. Of the others it says what has become of them.
func (r *Repo) admitAccepted(ctx context.Context, l *branch.Ledger, w store.Writer, b ref.Branch, head branch.Block, open []*branch.Accepted, now uint64) (spans []branch.Span, settled []branch.Settled, err error) {
	var re *branch.Rehearsal
	if b.Name != "" {
		re = l.Rehearse(ctx, b.ID, head)
	}
	for _, a := range open {
		if re == nil || a.Receipt.Branch != b.ID {
			settled = append(settled, branch.Settled{Receipt: a.Receipt, Refusal: "its branch is gone"})
			continue
		}
		order := uint64(0)
		runs, err := re.Admit(ctx, a.Batch)
		if err == nil && len(runs) > 0 {
			var ordered bool
			if ordered, err = mayEnter(ctx, l, re, b, a.Batch, now); ordered {
				order = byOrder
			}
		}
		if errors.Is(err, branch.ErrInvalid) || errors.Is(err, ErrNotPermitted) {
			settled = append(settled, branch.Settled{Receipt: a.Receipt, Refusal: err.Error()})
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		if len(runs) == 0 { // another block was faster
			s, err := decidedBy(ctx, l, head, a.Batch, &a.Receipt)
			if err != nil {
				return nil, nil, err
			}
			settled = append(settled, s)
			continue
		}
		if err := a.Put(w); err != nil {
			return nil, nil, err
		}
		for _, run := range runs {
			spans = append(spans, branch.Span{Batch: a.Batch, Order: order, First: run.First, Count: run.Count})
		}
	}
	return spans, settled, nil
}
