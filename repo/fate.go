package repo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"aergo/branch"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/store"
)

// decidedBy returns what has become of a batch that a block has decided. The receipt is nil if
// there is none.
func decidedBy(ctx context.Context, l *branch.Ledger, head branch.Block, batch branch.Batch, receipt *branch.PoolReceipt) (branch.Settled, error) {
	runs, err := l.Account(head).Runs(ctx, batch.Mark.Height, batch.ID)
	if err != nil {
		return branch.Settled{}, err
	}
	at := head
	for !at.Parent.IsZero() {
		parent, err := l.Block(ctx, at.Parent)
		if err != nil {
			return branch.Settled{}, err
		}
		before, err := l.Account(parent).Runs(ctx, batch.Mark.Height, batch.ID)
		if err != nil {
			return branch.Settled{}, err
		}
		if !slices.Equal(before, runs) {
			break
		}
		at = parent
	}
	s := branch.Settled{Block: at.ID, Height: at.Height, Runs: runs}
	if s.Excluded, err = exclusionsFrom(ctx, l, at, batch.ID, runs); err != nil {
		return branch.Settled{}, err
	}
	if receipt == nil {
		return s, nil
	}
	if s.Receipt = *receipt; receipt.Kept(s.Runs, s.Excluded) {
		s.Runs, s.Excluded = nil, nil
	}
	return s, nil
}

// exclusionsFrom returns why transactions of a batch are excluded, in the order of its runs,
// looking from a block backwards.
func exclusionsFrom(ctx context.Context, l *branch.Ledger, at branch.Block, batch object.Hash, runs []object.Run) ([]object.Exclusion, error) {
	wanted := map[uint64]bool{}
	for _, run := range runs {
		for i := uint64(0); run.Verdict == object.VerdictExcluded && i < run.Count; i++ {
			wanted[run.First+i] = true
		}
	}
	var out []object.Exclusion
	for len(wanted) > 0 {
		body, err := l.Body(ctx, at)
		if err != nil {
			return nil, err
		}
		for i := range body.Entries {
			if body.Entries[i].Batch != batch {
				continue
			}
			for _, x := range body.Entries[i].Excluded {
				if wanted[x.Index] {
					delete(wanted, x.Index)
					out = append(out, x)
				}
			}
		}
		if at.Parent.IsZero() {
			break
		}
		if at, err = l.Block(ctx, at.Parent); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, func(a, b object.Exclusion) int { return cmp.Compare(a.Index, b.Index) })
	return out, nil
}

// fateOf says what has become of a batch, as far as a branch and its inbox tell; without a
// state if they know nothing of it. The batch is nil if it is not there.
func fateOf(ctx context.Context, l *branch.Ledger, b ref.Branch, head branch.Block, c *branch.InboxContents, id object.Hash, batch *branch.Batch) (Submitted, error) {
	out := Submitted{Branch: b.Name, Batch: id}
	var noted *branch.Settled
	for _, a := range c.Open {
		if a.Batch.ID == id {
			out.State, out.Receipt = SubmissionAccepted, &a.Receipt
		}
	}
	for i := len(c.Settled) - 1; i >= 0 && out.State == ""; i-- {
		if s := &c.Settled[i]; s.Receipt.Batch == id {
			noted, out.Receipt, out.Refusal, out.Changed = s, &s.Receipt, s.Refusal, true
			out.State = SubmissionRefused
			if !s.Block.IsZero() {
				out.State = SubmissionTakenBack
			}
		}
	}
	if batch == nil {
		return out, nil
	}
	undecided, err := l.Undecided(ctx, head, *batch)
	if err != nil || len(undecided) > 0 {
		return out, err
	}
	s, err := decision(ctx, l, head, *batch, out.Receipt, noted)
	if err != nil {
		return out, err
	}
	out.State, out.Refusal, out.Changed = SubmissionSealed, "", out.Receipt != nil && s.Changed()
	out.Block, out.Height, out.Runs, out.Excluded = s.Block, s.Height, s.Runs, s.Excluded
	if out.Receipt != nil && !out.Changed {
		out.Runs, out.Excluded = out.Receipt.Runs, out.Receipt.Excluded
	}
	return out, nil
}

// decision is what was noted of a batch that is decided, if the chain has that block, or else
// decidedBy.
func decision(ctx context.Context, l *branch.Ledger, head branch.Block, batch branch.Batch, receipt *branch.PoolReceipt, noted *branch.Settled) (branch.Settled, error) {
	if noted != nil && !noted.Block.IsZero() && noted.Height <= head.Height {
		at, err := l.AtHeight(ctx, head, noted.Height)
		if err != nil || at.ID == noted.Block {
			return *noted, err
		}
	}
	return decidedBy(ctx, l, head, batch, receipt)
}

// Submission implements Submitter. If nobody seals what is accepted, waiting does.
func (r *Repo) Submission(ctx context.Context, name ref.Name, id object.Hash, wait bool) (Submitted, error) {
	for {
		in := r.intake
		in.mu.Lock()
		settled, sealing := in.settled, in.sealing > 0
		in.mu.Unlock()
		out, err := r.submission(ctx, name, id)
		if err != nil || !wait || out.Settled() {
			return out, err
		}
		if !sealing {
			if _, err := r.SealSubmissions(ctx, name); err != nil {
				return out, err
			}
			continue
		}
		select {
		case <-settled:
		case <-ctx.Done():
			return out, ctx.Err()
		}
	}
}

func (r *Repo) submission(ctx context.Context, name ref.Name, id object.Hash) (Submitted, error) {
	var out Submitted
	if _, err := r.refs.Branch(ctx, name); err != nil {
		return out, err
	}
	l, err := r.ledger(ctx)
	if err != nil {
		return out, err
	}
	in := r.intake
	q := in.of(name)
	err = in.with(ctx, q, func() error {
		// The branch has all blocks that the inbox tells of: it has moved before.
		b, err := r.refs.Branch(ctx, name)
		if err != nil {
			return err
		}
		head, err := l.Block(ctx, b.Head)
		if err != nil {
			return err
		}
		batch, err := knownBatch(ctx, l, q.contents, id)
		if err != nil {
			return err
		}
		out, err = fateOf(ctx, l, b, head, q.contents, id, batch)
		return err
	})
	if err == nil && out.State == "" {
		err = fmt.Errorf("batch %s on branch %s: %w", id.Short(), name, ErrNoSubmission)
	}
	return out, err
}

// Promised is what the receipt of a submission says of one of its transactions.
type Promised struct {
	Receipt object.Hash
	Time    time.Time
	Verdict object.Verdict
	Reason  *Exclusion // if it is excluded
}

// promised returns what a receipt said of a transaction, nil if none is known.
func (r *Repo) promised(ctx context.Context, name ref.Name, tx TxID) (*Promised, error) {
	c, err := branch.NewInbox(r.fs, path.Join(InboxesFolder, string(name))).Load()
	if err != nil {
		return nil, err
	}
	receipt := c.Receipt(tx.Batch)
	if receipt == nil {
		return nil, ctx.Err()
	}
	verdict, known := branch.VerdictOf(receipt.Runs, tx.Index)
	if !known {
		return nil, nil
	}
	out := &Promised{Receipt: receipt.ID, Time: timeOf(receipt.TimeMillis), Verdict: verdict}
	for _, x := range receipt.Excluded {
		if x.Index == tx.Index {
			reason := explain(tx.Batch, x)
			out.Reason = &reason
		}
	}
	return out, nil
}

// knownBatch finds a batch that waits, or that is stored; nil if it is neither.
func knownBatch(ctx context.Context, l *branch.Ledger, c *branch.InboxContents, id object.Hash) (*branch.Batch, error) {
	for _, a := range c.Open {
		if a.Batch.ID == id {
			return &a.Batch, nil
		}
	}
	batch, err := l.Batch(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return &batch, err
}
