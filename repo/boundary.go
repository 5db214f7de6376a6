package repo

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"aergo/branch"
	"aergo/repo/object"
)

// stretch is the part of a history that lies before a boundary: blocks with all that they
// did, and the boundary, the blocks that those go on from. To execute a block again takes
// the states and accounts of its parent and of what it merges, and nothing of what those
// did; so of the boundary there are states and accounts, and of what is beyond it headers.
type stretch struct {
	whole []placed // by time: after what they go on from
	cuts  []branch.Block
}

// placed is a block that is not in memory.
type placed struct {
	id         object.Hash
	timeMillis uint64
}

// reach says how far a survey goes at a block.
type reach uint8

const (
	reachWhole reach = iota // the block is part of the stretch
	reachPast               // so it was before; what is beyond it may not have been
	reachHeld               // so it was before, with all that is beyond it
	reachCut                // it is the boundary
)

// survey finds the stretch behind some heads, over parents and absorbed heads. at is asked
// once for each block, with its distance: how many blocks lie between it and the nearest
// head.
func (c *closure) survey(ctx context.Context, heads []object.Hash, at func(id object.Hash, distance uint64) (reach, error)) (*stretch, error) {
	type step struct {
		id       object.Hash
		distance uint64
	}
	chain := branch.Chain{Objects: source{c.from}}
	out := &stretch{}
	seen := map[object.Hash]bool{{}: true}
	var queue []step
	add := func(distance uint64, ids ...object.Hash) {
		for _, id := range ids {
			if !seen[id] {
				seen[id] = true
				queue = append(queue, step{id, distance})
			}
		}
	}
	add(0, heads...)
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		to, err := at(s.id, s.distance)
		if err != nil {
			return nil, err
		}
		if to == reachHeld {
			continue
		}
		b, err := chain.Block(ctx, s.id)
		if err != nil {
			if err = c.failed(err); err != nil {
				return nil, err
			}
			continue
		}
		switch {
		case b.Branch.IsZero(): // a Directory's, which is always whole
			continue
		case to == reachCut:
			out.cuts = append(out.cuts, b)
			continue
		case to == reachWhole:
			out.whole = append(out.whole, placed{b.ID, b.TimeMillis})
		}
		add(s.distance+1, b.Parent, b.Absorbed)
	}
	slices.SortStableFunc(out.whole, func(a, b placed) int { return cmp.Compare(a.timeMillis, b.timeMillis) })
	return out, nil
}

// within is blocks for a shallow clone.
func (c *closure) within(ctx context.Context, heads ...object.Hash) error {
	if err := c.skeleton(ctx, heads...); err != nil {
		return err
	}
	s, err := c.survey(ctx, heads, func(id object.Hash, _ uint64) (reach, error) {
		if c.cuts[id] {
			return reachCut, nil
		}
		return reachWhole, nil
	})
	if err != nil {
		return err
	}
	return c.stretch(ctx, s)
}

// skeleton finds the headers of blocks and of all that they descend from.
func (c *closure) skeleton(ctx context.Context, heads ...object.Hash) error {
	bare := *c
	bare.headers = true
	return bare.all(ctx, heads...)
}

// stretch finds all of a stretch, but the headers of its blocks.
func (c *closure) stretch(ctx context.Context, s *stretch) error {
	for _, b := range s.cuts {
		if err := c.failed(inBlock(b, c.states(ctx, b))); err != nil {
			return err
		}
	}
	for _, at := range s.whole {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := branch.Chain{Objects: source{c.from}}.Block(ctx, at.id)
		if err == nil {
			err = inBlock(b, c.whole(ctx, b))
		}
		if err := c.failed(err); err != nil {
			return err
		}
	}
	return nil
}

func inBlock(b branch.Block, err error) error {
	if err != nil {
		return fmt.Errorf("block %s: %w", b.ID.Short(), err)
	}
	return nil
}

// whole finds all of a block, and what executing it again takes beside its parent and what
// it absorbed: the headers that batches and orders are marked with, the accounts of what
// orders merge, the states of a resolver's grounds, and the blocks that excluded what the
// block takes over as excluded.
func (c *closure) whole(ctx context.Context, b branch.Block) error {
	chain := branch.Chain{Objects: source{c.from}}
	body, err := chain.Body(ctx, b)
	if err != nil {
		return err
	}
	for _, id := range body.Orders {
		o, err := chain.Order(ctx, id)
		if err != nil {
			return err
		}
		if err := c.skeleton(ctx, o.Mark.Block); err != nil {
			return err
		}
		for _, item := range o.Items {
			if err := c.mark(ctx, chain, item.Batch); err != nil {
				return err
			}
		}
		if o.Kind != object.OrderMerge || o.Source == b.Absorbed {
			continue
		}
		if err := c.beyond(ctx, chain, o.Source, c.states); err != nil {
			return err
		}
	}
	grounds, err := branch.Grounds(b)
	if err != nil {
		return err
	}
	for _, id := range grounds {
		if err := c.beyond(ctx, chain, id, c.states); err != nil {
			return err
		}
	}
	for i := range body.Entries {
		if err := c.entry(ctx, chain, &body.Entries[i]); err != nil {
			return err
		}
	}
	if err := c.states(ctx, b); err != nil {
		return err
	}
	return c.contents(ctx, chain, b)
}

// entry finds what an entry of a block refers to beside its batch.
func (c *closure) entry(ctx context.Context, chain branch.Chain, e *object.Entry) error {
	if err := c.mark(ctx, chain, e.Batch); err != nil {
		return err
	}
	for i := range e.Excluded {
		decided := e.Excluded[i].Block
		if decided.IsZero() {
			continue
		}
		err := c.beyond(ctx, chain, decided, func(ctx context.Context, b branch.Block) error { return c.contents(ctx, chain, b) })
		if err != nil {
			return err
		}
	}
	return nil
}

// mark finds the header of the block that a batch is marked with, and the header's own.
func (c *closure) mark(ctx context.Context, chain branch.Chain, batch object.Hash) error {
	b, err := chain.Batch(ctx, batch)
	if err != nil {
		return err
	}
	return c.skeleton(ctx, b.Mark.Block)
}

// beyond finds a part of a block that may lie beyond the boundary.
func (c *closure) beyond(ctx context.Context, chain branch.Chain, id object.Hash, part func(context.Context, branch.Block) error) error {
	if err := c.skeleton(ctx, id); err != nil {
		return err
	}
	b, err := chain.Block(ctx, id)
	if err != nil {
		return err
	}
	return part(ctx, b)
}
