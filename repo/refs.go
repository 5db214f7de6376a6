package repo

import (
	"context"
	"errors"
	"fmt"

	"aergo/branch"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/ref"
)

var (
	// ErrUnmerged says that a branch holds blocks that no other branch has.
	ErrUnmerged = errors.New("branch is not merged")
	// ErrCurrent says that a branch is checked out and so cannot go.
	ErrCurrent = errors.New("branch is checked out")
)

// Branches returns the branches, by name, and which of them is checked out.
func (r *Repo) Branches(ctx context.Context) (all []ref.Branch, current ref.Name, err error) {
	if all, err = r.refs.Branches(ctx); err != nil {
		return nil, "", err
	}
	h, err := r.refs.Head(ctx)
	return all, h.Branch, err
}

// CreateBranch makes a branch that starts at a revision; "" is what is checked out. The
// cost does not depend on the data.
func (r *Repo) CreateBranch(ctx context.Context, name ref.Name, at string) (ref.Branch, error) {
	var b ref.Branch
	err := r.write(ctx, "branch", func(c *change) (err error) {
		b, err = r.newBranch(ctx, c, name, at)
		return err
	})
	return b, err
}

func (r *Repo) newBranch(ctx context.Context, c *change, name ref.Name, at string) (ref.Branch, error) {
	b, err := r.draftBranch(ctx, name, at)
	if err == nil {
		c.setBranch(ref.Branch{}, b)
	}
	return b, err
}

// draftBranch returns a branch that is yet to be made.
func (r *Repo) draftBranch(ctx context.Context, name ref.Name, at string) (ref.Branch, error) {
	if err := name.Check(); err != nil {
		return ref.Branch{}, err
	}
	if _, err := r.refs.Tag(ctx, name); err == nil {
		return ref.Branch{}, fmt.Errorf("tag %s: %w", name, ref.ErrExists)
	}
	start, parent, err := r.startOf(ctx, at)
	if err != nil {
		return ref.Branch{}, err
	}
	nonce := r.now()
	b := ref.Branch{
		Name: name, ID: object.BranchID(r.config().Directory, start, string(name), nonce), Root: start, Head: start, Nonce: nonce, Parent: parent,
	}
	if _, err := r.refs.Branch(ctx, name); err == nil {
		return ref.Branch{}, fmt.Errorf("branch %s: %w", name, ref.ErrExists)
	}
	return b, nil
}

// startOf finds the block that a new branch starts at. Where the current one stands, the
// refs tell, and no object need be read.
func (r *Repo) startOf(ctx context.Context, at string) (start object.Hash, parent ref.Name, err error) {
	if at != "" {
		b, err := r.Resolve(ctx, at)
		if err == nil {
			err = r.mustHold(ctx, b)
		}
		return b.ID, "", err
	}
	h, err := r.refs.Head(ctx)
	if err != nil {
		return object.Hash{}, "", err
	}
	start, err = r.here(ctx)
	return start, h.Branch, err
}

// DeleteBranch removes a branch. Unless force is set it refuses when the branch holds
// blocks that no other branch or tag has, or pending transactions.
func (r *Repo) DeleteBranch(ctx context.Context, name ref.Name, force bool) (ref.Branch, error) {
	var b ref.Branch
	err := r.write(ctx, "branch", func(c *change) (err error) {
		if b, err = r.refs.Branch(ctx, name); err != nil {
			return err
		}
		if h, err := r.refs.Head(ctx); err == nil && h.Branch == name {
			return fmt.Errorf("branch %s: %w", name, ErrCurrent)
		}
		contents, err := r.pool(ctx, b)
		if err != nil {
			return err
		}
		if !force {
			if p := live(contents); p != nil {
				return fmt.Errorf("branch %s: %w: transactions are pending on it (%d)", name, ErrUnmerged, p.Count())
			}
			if waiting, err := r.intake.open(ctx, r.intake.of(name)); err != nil || len(waiting) > 0 {
				if err == nil {
					err = fmt.Errorf("branch %s: %w: submissions wait for a block of it (%d)", name, ErrUnmerged, len(waiting))
				}
				return err
			}
			if merged, err := r.mergedElsewhere(ctx, b); err != nil || !merged {
				if err == nil {
					err = fmt.Errorf("branch %s: %w: its head %s is on no other branch", name, ErrUnmerged, b.Head.Short())
				}
				return err
			}
		}
		if contents.Pending != nil {
			c.pools = append(c.pools, poolEdit{branch: name, from: contents})
		}
		c.setBranch(b, ref.Branch{})
		return nil
	})
	return b, err
}

// mergedElsewhere says whether another branch or a tag has a branch's head.
func (r *Repo) mergedElsewhere(ctx context.Context, b ref.Branch) (bool, error) {
	branches, err := r.refs.Branches(ctx)
	if err != nil {
		return false, err
	}
	tags, err := r.refs.Tags(ctx)
	if err != nil {
		return false, err
	}
	var heads []object.Hash
	for _, o := range branches {
		if o.Name != b.Name {
			heads = append(heads, o.Head)
		}
	}
	for _, t := range tags {
		heads = append(heads, t.Block)
	}
	for _, h := range heads {
		if in, err := r.contains(ctx, b.Head, h); err != nil || in {
			return in, err
		}
	}
	return false, nil
}

// Tags returns the tags, by name.
func (r *Repo) Tags(ctx context.Context) ([]ref.Tag, error) { return r.refs.Tags(ctx) }

// CreateTag names a block, in a record signed by the identity.
func (r *Repo) CreateTag(ctx context.Context, name ref.Name, at, message string) (ref.Tag, error) {
	var t ref.Tag
	err := r.write(ctx, "tag", func(c *change) error {
		if err := name.Check(); err != nil {
			return err
		}
		if len(message) > object.MaxMessageBytes {
			return fmt.Errorf("message of %d bytes: %w: at most %d", len(message), ErrTooLarge, object.MaxMessageBytes)
		}
		if _, err := r.refs.Branch(ctx, name); err == nil {
			return fmt.Errorf("branch %s: %w", name, ref.ErrExists)
		}
		if _, err := r.refs.Tag(ctx, name); err == nil {
			return fmt.Errorf("tag %s: %w", name, ref.ErrExists)
		}
		block, err := r.Resolve(ctx, at)
		if err == nil {
			err = r.mustHold(ctx, block)
		}
		if err != nil {
			return err
		}
		l, w, err := c.open(ctx)
		if err != nil {
			return err
		}
		tagger, err := r.signer(ctx, r.opts.Identity)
		if err != nil {
			return err
		}
		record := object.Tag{
			Lineage: l.Directory.Lineage, Name: string(name), Block: block.ID, Tagger: tagger.Identity, Message: message, TimeMillis: r.now(),
		}
		data := record.Encode()
		id := object.Sum(data)
		sig := tagger.Private.Sign(key.DomainTag, l.Directory.Lineage, id)
		if err := w.PutSealed(object.KindTag, id, data, sig[:]); err != nil {
			return err
		}
		t = ref.Tag{Name: name, Object: id, Block: block.ID}
		c.setTag(ref.Tag{}, t)
		return nil
	})
	return t, err
}

// DeleteTag removes a tag.
func (r *Repo) DeleteTag(ctx context.Context, name ref.Name) (ref.Tag, error) {
	var t ref.Tag
	err := r.write(ctx, "tag", func(c *change) (err error) {
		if t, err = r.refs.Tag(ctx, name); err != nil {
			return err
		}
		if h, err := r.refs.Head(ctx); err == nil && h.Tag == name {
			return fmt.Errorf("tag %s: %w", name, ErrCurrent)
		}
		c.setTag(t, ref.Tag{})
		return nil
	})
	return t, err
}

// Checkout is what a checkout did.
type Checkout struct {
	Branch  ref.Name
	Tag     ref.Name
	Block   object.Hash
	Created bool
	Left    uint64 // transactions that stay pending on the branch left behind
	Carried uint64 // transactions that came along to the new branch
}

// Checkout makes a branch or, read-only, a tag what the commands work on. What is pending
// stays with its branch.
func (r *Repo) Checkout(ctx context.Context, name ref.Name) (Checkout, error) {
	var out Checkout
	err := r.write(ctx, "checkout", func(c *change) error {
		h, err := r.refs.Head(ctx)
		if err != nil {
			return err
		}
		next := ref.Head{Branch: name}
		b, err := r.refs.Branch(ctx, name)
		out.Branch, out.Block = name, b.Head
		if errors.Is(err, ref.ErrNotFound) {
			t, tagErr := r.refs.Tag(ctx, name)
			if tagErr != nil {
				if errors.Is(tagErr, ref.ErrNotFound) {
					tagErr = fmt.Errorf("%q: %w: no branch or tag has this name", name, ErrNoRevision)
				}
				return tagErr
			}
			next = ref.Head{Tag: name}
			out = Checkout{Tag: name, Block: t.Block}
		} else if err != nil {
			return err
		}
		if h == next {
			return nil
		}
		if h.Branch != "" {
			old, err := r.refs.Branch(ctx, h.Branch)
			if err != nil {
				return err
			}
			contents, err := r.pool(ctx, old)
			if err != nil {
				return err
			}
			if p := live(contents); p != nil {
				out.Left = p.Count()
			}
		}
		c.setHead(h, next)
		return nil
	})
	return out, err
}

// CheckoutNew makes a branch and checks it out. If it starts where the branch left behind
// stands, what is pending there comes along.
func (r *Repo) CheckoutNew(ctx context.Context, name ref.Name, at string) (Checkout, error) {
	var out Checkout
	err := r.write(ctx, "checkout", func(c *change) error {
		h, err := r.refs.Head(ctx)
		if err != nil {
			return err
		}
		b, err := r.newBranch(ctx, c, name, at)
		if err != nil {
			return err
		}
		out = Checkout{Branch: name, Block: b.Head, Created: true}
		c.setHead(h, ref.Head{Branch: name})
		if h.Branch == "" {
			return nil
		}
		old, err := r.refs.Branch(ctx, h.Branch)
		if err != nil {
			return err
		}
		contents, err := r.pool(ctx, old)
		if err != nil {
			return err
		}
		p := live(contents)
		switch {
		case p == nil:
		case old.Head != b.Head:
			out.Left = p.Count()
		default:
			out.Carried = p.Count()
			stale, err := r.journal(name).Load()
			if err != nil {
				return err
			}
			stale.Sealed = &branch.Sealed{} // whatever an older branch of this name left
			c.pools = append(c.pools, poolEdit{branch: name, from: stale, pending: p}, poolEdit{branch: old.Name, from: contents})
		}
		return nil
	})
	return out, err
}
