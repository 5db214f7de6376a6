package repo

import (
	"context"
	"fmt"
	"time"

	"aergo/branch"
	"aergo/consensus/directory"
	"aergo/contract/table"
	"aergo/repo/object"
)

// DirectoryInfo is a repository's Directory in words.
type DirectoryInfo struct {
	Genesis    object.Hash
	Block      object.Hash // the newest
	Height     uint64
	Time       time.Time // of that block
	Lineage    object.Hash
	Upstream   object.Hash // the block of the Directory that it was forked from; zero for none
	Owner      object.Identity
	Identities []directory.Identity  // by name
	Keys       []directory.KeyRecord // that they have and had, by identity
	Grants     []directory.Grant     // by subject and pattern
}

// DirectoryChange asks for changes of the Directory, which happen all or none.
type DirectoryChange struct {
	Changes []directory.Change
	Message string
	As      string // identity that signs; empty for the repository's usual one
	// Owner is the name under which the keyring holds the owner's key from now on; empty if it
	// stays. It is for who rotates that key.
	Owner string
}

// DirectoryChanged is what became of it.
type DirectoryChanged struct {
	Block  object.Hash
	Height uint64
	Batch  object.Hash
}

// Directory describes the Directory as it stands.
func (r *Repo) Directory(ctx context.Context) (DirectoryInfo, error) {
	d, err := r.directoryNow(ctx)
	if err != nil {
		return DirectoryInfo{}, err
	}
	l, err := r.chain()
	if err != nil {
		return DirectoryInfo{}, err
	}
	head, err := l.Block(ctx, d.ID)
	if err != nil {
		return DirectoryInfo{}, err
	}
	out := DirectoryInfo{
		Genesis: d.Genesis, Block: d.ID, Height: d.Height, Time: timeOf(head.TimeMillis), Lineage: d.Lineage, Owner: d.Owner, Grants: d.Grants(),
	}
	if d.Upstream != nil {
		out.Upstream = d.Upstream.ID
	}
	for _, i := range d.Identities() {
		out.Identities = append(out.Identities, *i)
		out.Keys = append(out.Keys, d.Keys(i.Name)...)
	}
	return out, nil
}

// directoryNow returns the Directory as another process may have changed it since this one
// opened the repository.
func (r *Repo) directoryNow(ctx context.Context) (*directory.Directory, error) {
	if err := r.refreshConfig(); err != nil {
		return nil, err
	}
	l, err := r.ledger(ctx)
	if err != nil {
		return nil, err
	}
	return l.Directory, nil
}

// ChangeDirectory changes the Directory by a block of its own. Who signs must be permitted to;
// the owner seals. The error wraps ErrNotPermitted, or one of package directory.
func (r *Repo) ChangeDirectory(ctx context.Context, req DirectoryChange) (DirectoryChanged, error) {
	var out DirectoryChanged
	if len(req.Message) > object.MaxMessageBytes {
		return out, fmt.Errorf("message of %d bytes: %w: at most %d", len(req.Message), ErrTooLarge, object.MaxMessageBytes)
	}
	err := r.write(ctx, "directory", func(c *change) error {
		l, w, err := c.open(ctx)
		if err != nil {
			return err
		}
		sealer, author, err := r.signers(ctx, l, req.As)
		if err != nil {
			return err
		}
		head, err := l.Block(ctx, l.Directory.ID)
		if err != nil {
			return err
		}
		now := r.now()
		if l.Directory.Permission(author.Identity.Key, directory.AnyBranch, max(now, head.TimeMillis+1)) < directory.Admin {
			return fmt.Errorf("directory: %w: %s is no administrator of it", ErrNotPermitted, author.Identity.Name)
		}
		p, err := directoryPending(ctx, l, head, req.Changes)
		if err != nil {
			return err
		}
		block, batch, err := l.CommitDirectory(ctx, w, p, branch.Commitment{
			Head: head, Author: author, Sealer: sealer, Message: req.Message, Authored: now, Now: now,
		})
		if err != nil {
			return err
		}
		next, err := r.editConfig()
		if err != nil {
			return err
		}
		next.Head = block.ID
		if req.Owner != "" {
			next.Owner = req.Owner
		}
		c.config = &next
		out = DirectoryChanged{Block: block.ID, Height: block.Height, Batch: batch.ID}
		return nil
	})
	return out, err
}

// directoryPending prepares changes on top of the Directory's head.
func directoryPending(ctx context.Context, l *branch.Ledger, head branch.Block, changes []directory.Change) (*branch.Pending, error) {
	transactions, err := l.Directory.Specs(changes...)
	if err != nil {
		return nil, err
	}
	p := branch.NewPending(head)
	desk := branch.NewDesk(ctx, l.Runtime, l.State(head))
	author := table.NewAuthor(p.Open)
	for i, specs := range transactions {
		payload, err := author.AppendPayload(nil, desk, specs)
		if err != nil {
			return nil, &ApplyError{Index: i, Err: refused(err)}
		}
		tx := object.Transaction{Payload: payload}
		changed, excluded, err := desk.Try(&tx, l.Runtime.Prepare(p.Open.Names()))
		switch {
		case err != nil:
			return nil, err
		case excluded != nil:
			return nil, &ApplyError{Index: i, Exclusion: excluded, Err: fmt.Errorf("%w: %s", ErrRefused, excluded.Reason)}
		case changed:
			p.Open.Add(&tx)
		}
	}
	if p.Count() == 0 {
		return nil, fmt.Errorf("directory: %w: it says so already", ErrNothing)
	}
	return p, nil
}

// MayRead says whether the holder of a key may read the repository: nil if so. The owner of
// none of these rights is told ErrNoRepository, as if there were none.
func (r *Repo) MayRead(ctx context.Context, k directory.Key) error {
	d, err := r.directoryNow(ctx)
	if err != nil {
		return err
	}
	if !d.MayRead(k, r.now()) {
		return ErrNoRepository
	}
	return nil
}

// MayPush says whether the holder of a key may have something merged into a branch: nil if so,
// otherwise an error that wraps ErrNotPermitted, or ErrNoRepository for who may not even read.
func (r *Repo) MayPush(ctx context.Context, k directory.Key, branchName string) error {
	if err := r.MayRead(ctx, k); err != nil {
		return err
	}
	d, err := r.directoryNow(ctx)
	if err != nil {
		return err
	}
	now := r.now()
	if d.MayPush(k, branchName, now) {
		return nil
	}
	who := d.Holder(k, now)
	switch {
	case d.KeyState(k) == directory.Rotated:
		return fmt.Errorf("branch %s: %w: key %x has been rotated", branchName, ErrNotPermitted, k[:4])
	case who == nil:
		return fmt.Errorf("branch %s: %w: key %x is nobody's who may write", branchName, ErrNotPermitted, k[:4])
	}
	return fmt.Errorf("branch %s: %w: %s may %s", branchName, ErrNotPermitted, who.Name, d.Permission(k, branchName, now))
}
