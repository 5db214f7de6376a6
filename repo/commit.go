package repo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"aergo/branch"
	"aergo/consensus/directory"
	"aergo/repo/object"
	"aergo/repo/ref"
)

// ErrNothing says that there is nothing to commit, merge or undo.
var ErrNothing = errors.New("nothing to do")

// CommitRequest is what a commit is made with.
type CommitRequest struct {
	Message    string
	As         string    // identity that signs; empty for the repository's usual one
	Date       time.Time // that the author states; zero for now
	AllowEmpty bool
}

// Committed is what a commit made.
type Committed struct {
	Branch       ref.Name
	Block        object.Hash
	Height       uint64
	Batch        object.Hash
	Transactions uint64
}

// Commit signs everything pending on the branch that is checked out as one batch, and
// seals one block with it.
func (r *Repo) Commit(ctx context.Context, req CommitRequest) (Committed, error) {
	var out Committed
	if len(req.Message) > object.MaxMessageBytes {
		return out, fmt.Errorf("message of %d bytes: %w: at most %d", len(req.Message), ErrTooLarge, object.MaxMessageBytes)
	}
	err := r.write(ctx, "commit", func(c *change) error {
		b, head, err := c.onCurrent(ctx)
		if err != nil {
			return err
		}
		l, w := c.ledger, c.writer
		contents, err := r.pool(ctx, b)
		if err != nil {
			return err
		}
		p := live(contents)
		if p == nil {
			if !req.AllowEmpty {
				return fmt.Errorf("commit: %w: no transactions are pending", ErrNothing)
			}
			p = branch.NewPending(head)
		}
		sealer, author, err := r.signers(ctx, l, req.As)
		if err != nil {
			return err
		}
		at := r.now()
		authored := at
		if !req.Date.IsZero() {
			authored = uint64(max(req.Date.UnixMilli(), 0))
		}
		block, batch, err := l.Commit(ctx, w, p, branch.Commitment{
			Branch: b.ID, Head: head, Author: author, Sealer: sealer, Message: req.Message, Authored: authored, Now: at,
		})
		if err != nil {
			return err
		}
		moved := b
		moved.Head = block.ID
		c.setBranch(b, moved)
		if contents.Pending != nil {
			c.pools = append(c.pools, poolEdit{branch: b.Name, from: contents, sealed: &branch.Sealed{Batch: batch.ID, Block: block.ID}})
		}
		out = Committed{Branch: b.Name, Block: block.ID, Height: block.Height, Batch: batch.ID, Transactions: batch.Count}
		return nil
	})
	return out, err
}

// ErrTooLarge says that something is above a limit of the format.
var ErrTooLarge = errors.New("too large")

// signers returns who seals blocks here and who authors, which may be another identity.
func (r *Repo) signers(ctx context.Context, l *branch.Ledger, as string) (sealer, author branch.Signer, err error) {
	if sealer, err = r.owner(ctx, l); err != nil {
		return
	}
	if as == "" {
		as = r.opts.Identity
	}
	if as == r.config().Owner {
		return sealer, sealer, nil
	}
	if author, err = r.signer(ctx, as); err != nil {
		return
	}
	if l.Directory.KeyState(author.Identity.Key) == directory.Revoked {
		err = fmt.Errorf("key of %s: %w: it is revoked", as, ErrNotPermitted)
	}
	return sealer, author, err
}
