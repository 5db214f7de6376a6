package repo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"aergo/branch"
	"aergo/merge"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/store"
)

var (
	// ErrNoRevision says that a name, prefix or place leads to no block.
	ErrNoRevision = errors.New("revision not found")
	// ErrAmbiguous says that a hash prefix leads to several objects.
	ErrAmbiguous = errors.New("prefix is ambiguous")
	// ErrDetached says that a tag is checked out, on which nothing can be pending.
	ErrDetached = errors.New("a tag is checked out, which is read-only")
)

// minPrefix is the length of the shortest hash prefix.
const minPrefix = 4

// contains says whether block is head or one of its ancestors.
func (r *Repo) contains(ctx context.Context, block, head object.Hash) (bool, error) {
	if block == head {
		return true, nil
	}
	l, err := r.ledger(ctx)
	if err != nil {
		return false, err
	}
	if known, err := l.Objects.Has(ctx, block); err != nil || !known {
		return false, err
	}
	a, err := l.Block(ctx, block)
	if err != nil {
		return false, err
	}
	b, err := l.Block(ctx, head)
	if err != nil {
		return false, err
	}
	return merge.IsAncestor(ctx, l.Chain, a, b)
}

// current returns the branch that is checked out.
func (r *Repo) current(ctx context.Context) (ref.Branch, error) {
	h, err := r.refs.Head(ctx)
	if err != nil {
		return ref.Branch{}, err
	}
	if h.Tag != "" {
		return ref.Branch{}, fmt.Errorf("tag %s: %w", h.Tag, ErrDetached)
	}
	return r.refs.Branch(ctx, h.Branch)
}

// here returns the head of what is checked out, a branch or a tag.
func (r *Repo) here(ctx context.Context) (object.Hash, error) {
	h, err := r.refs.Head(ctx)
	if err != nil {
		return object.Hash{}, err
	}
	if h.Tag != "" {
		t, err := r.refs.Tag(ctx, h.Tag)
		return t.Block, err
	}
	b, err := r.refs.Branch(ctx, h.Branch)
	return b.Head, err
}

// Resolve finds the block that a revision names: a branch, a tag, remote/branch, HEAD, a
// unique prefix of 4 or more hex digits of a block's or batch's hash, branch@height, @{n}
// for the head before the last n operations, each followed by ~n for the n-th parent. The
// empty revision is what is checked out.
func (r *Repo) Resolve(ctx context.Context, rev string) (branch.Block, error) {
	l, err := r.ledger(ctx)
	if err != nil {
		return branch.Block{}, err
	}
	base, back, err := splitBack(rev)
	if err != nil {
		return branch.Block{}, err
	}
	id, err := r.resolveBase(ctx, l, base)
	if err != nil {
		return branch.Block{}, err
	}
	b, err := l.Block(ctx, id)
	if err != nil {
		return branch.Block{}, err
	}
	if b, err = l.Back(ctx, b, back); errors.Is(err, store.ErrNotFound) {
		return branch.Block{}, fmt.Errorf("%q: %w: it goes back beyond the root", rev, ErrNoRevision)
	}
	return b, err
}

// splitBack cuts ~n, or several, off a revision.
func splitBack(rev string) (base string, back uint64, err error) {
	base, rest, found := strings.Cut(rev, "~")
	if !found {
		return base, 0, nil
	}
	for part := range strings.SplitSeq(rest, "~") {
		n := uint64(1)
		if part != "" {
			if n, err = strconv.ParseUint(part, 10, 32); err != nil {
				return "", 0, fmt.Errorf("%q: %w: after ~ stands a number", rev, ErrNoRevision)
			}
		}
		back += n
	}
	return base, back, nil
}

func (r *Repo) resolveBase(ctx context.Context, l *branch.Ledger, base string) (object.Hash, error) {
	if base == "" || base == "HEAD" || base == "@" {
		return r.here(ctx)
	}
	if strings.HasPrefix(base, "@{") {
		return r.resolveOperation(ctx, base)
	}
	if name, height, found := strings.Cut(base, "@"); found {
		return r.resolveHeight(ctx, l, name, height)
	}
	if remote, name, found := strings.Cut(base, "/"); found {
		rb, err := r.remoteBranch(ctx, remote, name)
		if err != nil {
			return object.Hash{}, fmt.Errorf("%q: %w: no such branch of a remote", base, ErrNoRevision)
		}
		return rb.Head, nil
	}
	if name, err := ref.ParseName(base); err == nil {
		if b, err := r.refs.Branch(ctx, name); err == nil {
			return b.Head, nil
		} else if !errors.Is(err, ref.ErrNotFound) {
			return object.Hash{}, err
		}
		if t, err := r.refs.Tag(ctx, name); err == nil {
			return t.Block, nil
		} else if !errors.Is(err, ref.ErrNotFound) {
			return object.Hash{}, err
		}
	}
	return r.resolvePrefix(ctx, l, base)
}

func (r *Repo) remoteBranch(ctx context.Context, remote, name string) (ref.RemoteBranch, error) {
	rn, err := ref.ParseName(remote)
	if err != nil {
		return ref.RemoteBranch{}, err
	}
	bn, err := ref.ParseName(name)
	if err != nil {
		return ref.RemoteBranch{}, err
	}
	return r.refs.RemoteBranch(ctx, rn, bn)
}

func (r *Repo) resolveHeight(ctx context.Context, l *branch.Ledger, name, height string) (object.Hash, error) {
	n, err := strconv.ParseUint(height, 10, 64)
	if err != nil {
		return object.Hash{}, fmt.Errorf("%q: %w: after @ stands a height", name+"@"+height, ErrNoRevision)
	}
	id, err := r.resolveBase(ctx, l, name)
	if err != nil {
		return object.Hash{}, err
	}
	head, err := l.Block(ctx, id)
	if err != nil {
		return object.Hash{}, err
	}
	b, err := l.AtHeight(ctx, head, n)
	if errors.Is(err, store.ErrNotFound) {
		return object.Hash{}, fmt.Errorf("%q: %w: its head is at height %d", name+"@"+height, ErrNoRevision, head.Height)
	}
	return b.ID, err
}

// resolvePrefix finds the block with a hash prefix, or the block of this branch that
// took the batch with it.
func (r *Repo) resolvePrefix(ctx context.Context, l *branch.Ledger, prefix string) (object.Hash, error) {
	missing := fmt.Errorf("%q: %w", prefix, ErrNoRevision)
	if !isPrefix(prefix) {
		return object.Hash{}, missing
	}
	if id, err := object.ParseHash(prefix); err == nil {
		// A whole hash needs no search.
		if info, err := r.disk.Stat(ctx, id); err == nil && info.Kind == object.KindHeader {
			return id, nil
		}
	}
	id, err := r.byPrefix(ctx, prefix, object.KindHeader)
	if !errors.Is(err, ErrNoRevision) {
		return id, err
	}
	batch, err := r.batchByPrefix(ctx, prefix)
	if err != nil {
		return object.Hash{}, missing
	}
	at, err := r.blockOf(ctx, l, batch)
	if err != nil {
		return object.Hash{}, missing
	}
	return at.ID, nil
}

// batchByPrefix finds the batch whose id begins with the prefix.
func (r *Repo) batchByPrefix(ctx context.Context, prefix string) (object.Hash, error) {
	return r.byPrefix(ctx, prefix, object.KindBatch)
}

// isPrefix says whether s may be the beginning of a hash.
func isPrefix(s string) bool {
	return len(s) >= minPrefix && len(s) <= 2*object.HashSize && strings.Trim(s, "0123456789abcdef") == ""
}

// byPrefix finds the one object of a kind whose hash begins with the prefix.
func (r *Repo) byPrefix(ctx context.Context, prefix string, kind object.Kind) (object.Hash, error) {
	if !isPrefix(prefix) {
		return object.Hash{}, fmt.Errorf("%q: %w: a %s is named by 4 or more hex digits", prefix, ErrNoRevision, kind)
	}
	found, err := r.disk.Prefix(ctx, prefix, 2, kind)
	switch {
	case err != nil:
		return object.Hash{}, err
	case len(found) == 0:
		return object.Hash{}, fmt.Errorf("%q: %w: no %s begins with it", prefix, ErrNoRevision, kind)
	case len(found) == 2:
		return object.Hash{}, fmt.Errorf("%q: %w: %s and %s begin with it", prefix, ErrAmbiguous, found[0], found[1])
	}
	return found[0], nil
}

// blockOf walks back from what is checked out to the last block that took a batch.
func (r *Repo) blockOf(ctx context.Context, l *branch.Ledger, batch object.Hash) (branch.Block, error) {
	at, err := r.here(ctx)
	if err != nil {
		return branch.Block{}, err
	}
	for !at.IsZero() {
		b, err := l.Block(ctx, at)
		if err != nil {
			return branch.Block{}, err
		}
		body, err := l.Body(ctx, b)
		if err != nil {
			return branch.Block{}, err
		}
		for i := range body.Entries {
			if body.Entries[i].Batch == batch {
				return b, nil
			}
		}
		at = b.Parent
	}
	return branch.Block{}, fmt.Errorf("batch %s: %w", batch.Short(), ErrNoRevision)
}
