package repo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"aergo/branch"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/store"
)

// at finds the block at which a clone ends, among those that the remote's refs lead to, and
// returns the branch that ends there here. It has the name of the remote's branch that the
// revision begins with, otherwise that of the one that would be checked out.
func (cl *cloning) at(ctx context.Context, rc *receiver) (ref.Branch, error) {
	base, back, err := splitBack(cl.req.At)
	if err != nil {
		return ref.Branch{}, err
	}
	b, start, err := cl.named(ctx, rc, base)
	if err != nil {
		return ref.Branch{}, err
	}
	if start, err = rc.chain().Back(ctx, start, back); errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("%q: %w: it goes back beyond the root", cl.req.At, ErrNoRevision)
	}
	if err != nil {
		return ref.Branch{}, err
	}
	b.Root, b.Head = start.ID, start.ID
	return b, nil
}

// chain reads blocks that have come, or come when they are asked for.
func (rc *receiver) chain() branch.Chain { return branch.Chain{Objects: source{rc.closure().from}} }

// named returns the branch that a clone ends on, and the block that the first part of a
// revision names.
func (cl *cloning) named(ctx context.Context, rc *receiver, base string) (ref.Branch, branch.Block, error) {
	name, height, counted := strings.Cut(base, "@")
	b, head, err := cl.byName(name)
	if err != nil && !counted && isPrefix(base) {
		if head, err = cl.byPrefix(ctx, rc, base); err == nil {
			b, err = cl.branch()
		}
	}
	if err != nil {
		return b, branch.Block{}, err
	}
	if err := rc.gather(ctx, Walk{Heads: []object.Hash{head}, Headers: true}); err != nil {
		return b, branch.Block{}, err
	}
	at, err := rc.chain().Block(ctx, head)
	if err != nil || !counted {
		return b, at, err
	}
	n, err := strconv.ParseUint(height, 10, 64)
	if err != nil {
		return b, at, fmt.Errorf("%q: %w: after @ stands a height", base, ErrNoRevision)
	}
	if n > at.Height {
		return b, at, fmt.Errorf("%q: %w: its head is at height %d", base, ErrNoRevision, at.Height)
	}
	at, err = rc.chain().AtHeight(ctx, at, n)
	return b, at, err
}

// byName finds a branch or a tag of the remote.
func (cl *cloning) byName(name string) (b ref.Branch, head object.Hash, err error) {
	if name == "HEAD" {
		b, err = cl.branch()
		return b, b.Head, err
	}
	for _, b := range cl.refs.Branches {
		if string(b.Name) == name {
			return b, b.Head, nil
		}
	}
	for _, t := range cl.refs.Tags {
		if string(t.Name) == name {
			b, err = cl.branch()
			return b, t.Block, err
		}
	}
	return b, head, fmt.Errorf("remote: %q: %w", name, ErrNoRevision)
}

// byPrefix finds the one block with a hash that begins with some digits, among all that the
// remote's branches and tags descend from.
func (cl *cloning) byPrefix(ctx context.Context, rc *receiver, prefix string) (found object.Hash, err error) {
	var open []object.Hash
	for _, b := range cl.refs.Branches {
		open = append(open, b.Head)
	}
	for _, t := range cl.refs.Tags {
		open = append(open, t.Block)
	}
	if err := rc.gather(ctx, Walk{Heads: open, Headers: true}); err != nil {
		return found, err
	}
	seen := map[object.Hash]bool{{}: true}
	for len(open) > 0 {
		id := open[len(open)-1]
		if open = open[:len(open)-1]; seen[id] {
			continue
		}
		seen[id] = true
		if strings.HasPrefix(id.String(), prefix) {
			if !found.IsZero() {
				return found, fmt.Errorf("remote: %q: %w: %s and %s begin with it", prefix, ErrAmbiguous, found, id)
			}
			found = id
		}
		b, err := rc.chain().Block(ctx, id)
		if err != nil {
			return found, err
		}
		open = append(open, b.Parent, b.Absorbed)
	}
	if found.IsZero() {
		return found, fmt.Errorf("remote: %q: %w: no block of its branches begins with it", prefix, ErrNoRevision)
	}
	return found, nil
}
