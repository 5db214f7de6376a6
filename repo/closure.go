package repo

import (
	"context"
	"errors"
	"fmt"

	"aergo/branch"
	"aergo/repo/object"
	"aergo/repo/state"
)

// closure walks everything that blocks lead to, children before parents: whoever has an
// object that was found has all that it leads to. The walk reads headers, bodies, batches
// and inner nodes of trees, and goes below nothing that is known.
//
// It keeps the ids of blocks that wait for others; beyond that its memory does not grow
// with the history.
type closure struct {
	from Source
	// known says whether an object was found before, or needs no looking into.
	known func(ctx context.Context, h object.Hash) (bool, error)
	// found is told of each object that is not known. It is known afterwards.
	found func(ctx context.Context, kind object.Kind, h object.Hash) error
	// fault is told of what cannot be walked, and says whether that ends the walk. nil ends
	// it with the first error.
	fault func(err error) error

	// cuts are the boundary of a shallow clone, nil if there is none; see stretch.
	cuts map[object.Hash]bool
	// rows are the keys of a filtered clone, nil for one of all tables. Batches then lead to
	// no transactions, and blocks neither to trees nor to receipts.
	rows []state.Span
	// headers says that blocks lead to the headers of other blocks, and no further. Those of
	// Directories are whole all the same, and rows are all of theirs.
	headers bool
	// rebuilt says that blocks lead neither to states nor to accounts, but those of Directories.
	rebuilt bool
}

func (c *closure) failed(err error) error {
	if err == nil || c.fault == nil {
		return err
	}
	return c.fault(err)
}

// visit is a block on the walk's stack.
type visit struct {
	id       object.Hash
	expanded bool // the blocks that it leads to are done
}

// blocks walks the blocks named and all that they lead to, as far as the boundary of a
// shallow clone. Ancestors are found before their descendants.
func (c *closure) blocks(ctx context.Context, heads ...object.Hash) error {
	if c.cuts == nil {
		return c.all(ctx, heads...)
	}
	return c.within(ctx, heads...)
}

// all is blocks without a boundary.
func (c *closure) all(ctx context.Context, heads ...object.Hash) error {
	var stack []visit
	for _, head := range heads {
		stack = append(stack[:0], visit{id: head})
		for len(stack) > 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			top := &stack[len(stack)-1]
			known, err := c.known(ctx, top.id)
			if err != nil {
				return err
			}
			if known || top.expanded {
				if !known {
					err = c.block(ctx, top.id)
				}
				stack = stack[:len(stack)-1]
				if err != nil {
					return err
				}
				continue
			}
			top.expanded = true
			links, err := c.links(ctx, top.id)
			if err != nil && c.fault == nil {
				return err
			} // otherwise block meets the same fault, and tells of it
			for _, id := range links {
				stack = append(stack, visit{id: id})
			}
		}
	}
	return nil
}

// links returns the blocks that a block leads to, as far as they are not known: its
// parent, the head that it absorbed, its Directory, and the blocks that its orders,
// batches and exclusions name. With an error it returns those that it could find out.
func (c *closure) links(ctx context.Context, id object.Hash) ([]object.Hash, error) {
	chain := branch.Chain{Objects: source{c.from}}
	b, err := chain.Block(ctx, id)
	if err != nil {
		return nil, err
	}
	links := linkSet{c: c, ctx: ctx, seen: map[object.Hash]bool{{}: true, id: true}}
	if !c.headers || b.Branch.IsZero() {
		var body *object.Body
		if body, err = chain.Body(ctx, b); err == nil {
			links.body(chain, body)
			err = links.err
		}
	}
	// The parent comes last, so that it is walked first: its trees are what most of this
	// block's are made of.
	links.err = nil
	links.add(b.Absorbed)
	links.add(b.Directory)
	links.add(b.Parent)
	if err = errors.Join(err, links.err); err != nil {
		err = fmt.Errorf("block %s: %w", id.Short(), err)
	}
	return links.list, err
}

// linkSet gathers blocks that are not known, each once.
type linkSet struct {
	c    *closure
	ctx  context.Context
	seen map[object.Hash]bool
	list []object.Hash
	err  error
}

func (l *linkSet) body(chain branch.Chain, body *object.Body) {
	for _, o := range body.Orders {
		l.order(chain, o)
	}
	for i := range body.Entries {
		e := &body.Entries[i]
		l.batch(chain, e.Batch)
		for j := range e.Excluded {
			l.add(e.Excluded[j].Block)
		}
	}
}

func (l *linkSet) add(id object.Hash) {
	if l.err != nil || l.seen[id] {
		return
	}
	l.seen[id] = true
	known, err := l.c.known(l.ctx, id)
	if l.err = err; err == nil && !known {
		l.list = append(l.list, id)
	}
}

// fresh says whether a record is met for the first time and is not known.
func (l *linkSet) fresh(id object.Hash) bool {
	if l.err != nil || l.seen[id] {
		return false
	}
	l.seen[id] = true
	known, err := l.c.known(l.ctx, id)
	l.err = err
	return err == nil && !known
}

func (l *linkSet) batch(chain branch.Chain, id object.Hash) {
	if !l.fresh(id) {
		return
	}
	b, err := chain.Batch(l.ctx, id)
	if l.err = err; err == nil {
		l.add(b.Mark.Block)
	}
}

func (l *linkSet) order(chain branch.Chain, id object.Hash) {
	if !l.fresh(id) {
		return
	}
	o, err := chain.Order(l.ctx, id)
	if l.err = err; err != nil {
		return
	}
	l.add(o.Mark.Block)
	l.add(o.Source)
	for _, item := range o.Items {
		l.batch(chain, item.Batch)
	}
}

// block finds all of one block. The blocks that it leads to have been found.
func (c *closure) block(ctx context.Context, id object.Hash) error {
	chain := branch.Chain{Objects: source{c.from}}
	b, err := chain.Block(ctx, id)
	if err != nil {
		return c.failed(err)
	}
	in := func(err error) error {
		if err != nil {
			err = c.failed(fmt.Errorf("block %s: %w", id.Short(), err))
		}
		return err
	}
	of := c
	if b.Branch.IsZero() { // a Directory's, which everybody has all of
		all := *c
		all.headers, all.rebuilt, all.rows = false, false, nil
		of = &all
	}
	if !of.headers {
		if !of.rebuilt {
			if err := in(of.states(ctx, b)); err != nil {
				return err
			}
		}
		if err := in(of.contents(ctx, chain, b)); err != nil {
			return err
		}
	}
	return in(c.single(ctx, object.KindHeader, id))
}

// states finds a block's state and account.
func (c *closure) states(ctx context.Context, b branch.Block) error {
	if err := c.rowsOf(ctx, b.Header.State); err != nil {
		return err
	}
	return c.tree(ctx, b.Header.Account)
}

// rowsOf finds the nodes of a state, or those that are wanted of it.
func (c *closure) rowsOf(ctx context.Context, root object.Hash) error {
	if c.rows == nil {
		return c.tree(ctx, root)
	}
	if known, err := c.known(ctx, root); err != nil || known {
		return err
	}
	data, err := c.from.Get(ctx, root)
	if err != nil {
		return err
	}
	level, children, err := state.ChildrenWithin(data, c.rows)
	if err != nil {
		return fmt.Errorf("state node %s: %w", root.Short(), nodeFault(err))
	}
	for _, child := range children {
		if level == 1 {
			err = c.single(ctx, object.KindStateNode, child)
		} else {
			err = c.rowsOf(ctx, child)
		}
		if err != nil {
			return err
		}
	}
	return c.found(ctx, object.KindStateNode, root)
}

// contents finds what a block did: its tree and receipts, its orders and batches, and the
// body that names them.
func (c *closure) contents(ctx context.Context, chain branch.Chain, b branch.Block) error {
	if c.rows == nil {
		for _, part := range [...]object.Hash{b.Header.Tree, b.Receipts} {
			if err := c.large(ctx, part); err != nil {
				return err
			}
		}
	}
	body, err := chain.Body(ctx, b)
	if err != nil {
		return err
	}
	for _, id := range body.Orders {
		if err := c.order(ctx, chain, id); err != nil {
			return err
		}
	}
	for i := range body.Entries {
		if err := c.batch(ctx, chain, body.Entries[i].Batch); err != nil {
			return err
		}
	}
	return c.large(ctx, b.Entries)
}

func (c *closure) order(ctx context.Context, chain branch.Chain, id object.Hash) error {
	if known, err := c.known(ctx, id); err != nil || known {
		return err
	}
	o, err := chain.Order(ctx, id)
	if err != nil {
		return err
	}
	for _, item := range o.Items {
		if err := c.batch(ctx, chain, item.Batch); err != nil {
			return err
		}
	}
	return c.found(ctx, object.KindOrder, id)
}

func (c *closure) batch(ctx context.Context, chain branch.Chain, id object.Hash) error {
	if known, err := c.known(ctx, id); err != nil || known {
		return err
	}
	b, err := chain.Batch(ctx, id)
	if err != nil {
		return err
	}
	for _, chunk := range b.Chunks {
		if c.rows != nil {
			break
		}
		if err := c.single(ctx, object.KindChunk, chunk.Hash); err != nil {
			return err
		}
	}
	return c.found(ctx, object.KindBatch, id)
}

// single finds an object that leads to no other.
func (c *closure) single(ctx context.Context, kind object.Kind, h object.Hash) error {
	if known, err := c.known(ctx, h); err != nil || known {
		return err
	}
	return c.found(ctx, kind, h)
}

// large finds the pieces of a record of any size, and what names them.
func (c *closure) large(ctx context.Context, h object.Hash) error {
	if known, err := c.known(ctx, h); err != nil || known {
		return err
	}
	data, err := c.from.Get(ctx, h)
	if err != nil {
		return err
	}
	kind, err := object.KindOf(data)
	if err != nil {
		return fmt.Errorf("object %s: %w", h.Short(), branch.FaultPieces.Of(err))
	}
	if kind == object.KindBlob {
		pieces, err := object.BlobLeaves(data)
		if err != nil {
			return fmt.Errorf("object %s: %w", h.Short(), branch.FaultPieces.Of(err))
		}
		for _, piece := range pieces {
			if err := c.single(ctx, object.KindBlob, piece); err != nil {
				return err
			}
		}
	}
	return c.found(ctx, kind, h)
}

// nodeFault says of an error that nodes make no tree that this is what is wrong.
func nodeFault(err error) error {
	if errors.Is(err, state.ErrCorrupt) {
		return branch.FaultNode.Of(err)
	}
	return err
}

// tree finds the nodes of a state or an account that are not known.
func (c *closure) tree(ctx context.Context, root object.Hash) error {
	if known, err := c.known(ctx, root); err != nil || known {
		return err
	}
	// Walk gives parents first: a node waits here until what is below it has been found.
	type waiting struct {
		h     object.Hash
		level int
	}
	var open []waiting
	settle := func(level int) error {
		for len(open) > 0 && open[len(open)-1].level <= level {
			if err := c.found(ctx, object.KindStateNode, open[len(open)-1].h); err != nil {
				return err
			}
			open = open[:len(open)-1]
		}
		return nil
	}
	top := 0
	err := state.New(c.from, root).Walk(ctx, func(h object.Hash, level int) (bool, error) {
		top = max(top, level)
		if err := settle(level); err != nil {
			return false, err
		}
		known, err := c.known(ctx, h)
		switch {
		case err != nil || known:
			return false, err
		case level == 0:
			return false, c.found(ctx, object.KindStateNode, h)
		}
		open = append(open, waiting{h, level})
		return true, nil
	})
	if err != nil {
		return nodeFault(err)
	}
	return settle(top)
}

// source makes a Source readable as a store. Whether it has an object shows when that is
// got.
type source struct{ Source }

// Has implements store.Reader.
func (s source) Has(ctx context.Context, h object.Hash) (bool, error) {
	_, err := s.Get(ctx, h)
	return err == nil, err
}
