package state

import (
	"bytes"
	"context"
)

// Diff calls fn, in key order, for each key whose value differs between a and b: a nil old
// is a key that b added, a nil new one that b removed. It skips subtrees that both have,
// so it costs changes times height. The key is valid during the call, the values stay
// valid; an error of fn ends the walk.
func Diff(ctx context.Context, a, b Tree, fn func(key, old, new []byte) error) error {
	return DiffWithin(ctx, a, b, Span{}, fn)
}

// DiffWithin is Diff for the keys of a span. It opens no subtree that has none of them.
func DiffWithin(ctx context.Context, a, b Tree, within Span, fn func(key, old, new []byte) error) error {
	if a.root == b.root {
		return nil
	}
	d := differ{ctx: ctx, fn: fn}
	for i, t := range [2]Tree{a, b} {
		root, err := t.rootNode(ctx)
		if err != nil {
			return err
		}
		d.sides[i] = side{tree: t, within: within, path: []frame{{n: root}}}
		d.sides[i].settle()
	}
	return d.run()
}

type differ struct {
	ctx   context.Context
	fn    func(key, old, new []byte) error
	sides [2]side
	key   []byte
}

// side is a walk over one tree whose head, an item of the top node, is a row or a subtree
// that has not been opened.
type side struct {
	tree   Tree
	within Span
	path   []frame
}

func (s *side) done() bool   { return len(s.path) == 0 }
func (s *side) head() *frame { return &s.path[len(s.path)-1] }

// settle leaves the nodes that are used up, passes items that are before the span, and
// ends the walk at the first that is behind it.
func (s *side) settle() {
	for len(s.path) > 0 {
		h := s.head()
		switch {
		case h.i == h.n.len():
			if s.path = s.path[:len(s.path)-1]; len(s.path) == 0 {
				return
			}
			s.head().i++
		case len(s.within.From) > 0 && h.n.compare(h.i, s.within.From) < 0:
			h.i, _ = h.n.find(s.within.From)
		case s.within.To != nil && s.isBehind(h):
			s.path = nil
		default:
			return
		}
	}
}

// isBehind says whether everything from an item on is behind the span: an inner item's key
// is the last one below it, so that the item before tells.
func (s *side) isBehind(h *frame) bool {
	at := h.i
	if h.n.level > 0 {
		at--
	}
	return at >= 0 && h.n.compare(at, s.within.To) >= 0
}

// pass goes past the head.
func (s *side) pass() {
	s.head().i++
	s.settle()
}

// open replaces the head, a subtree, by its items.
func (s *side) open(ctx context.Context) error {
	h := s.head()
	c, err := s.tree.child(ctx, h.n, h.i)
	if err != nil {
		return err
	}
	s.path = append(s.path, frame{n: c})
	s.settle()
	return nil
}

func (d *differ) run() error {
	a, b := &d.sides[0], &d.sides[1]
	for !a.done() || !b.done() {
		var err error
		switch {
		case a.done():
			err = d.alone(1)
		case b.done():
			err = d.alone(0)
		default:
			err = d.step(a, b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// alone deals with the head of one side that the other has nothing to set against.
func (d *differ) alone(i int) error {
	s := &d.sides[i]
	h := *s.head()
	if h.n.level > 0 {
		return s.open(d.ctx)
	}
	if err := d.ctx.Err(); err != nil {
		return err
	}
	d.key = h.n.appendKey(d.key[:0], h.i)
	s.pass()
	if i == 0 {
		return d.fn(d.key, h.n.value(h.i), nil)
	}
	return d.fn(d.key, nil, h.n.value(h.i))
}

func (d *differ) step(a, b *side) error {
	x, y := a.head(), b.head()
	switch {
	case x.n.level == y.n.level && x.n.level > 0 && bytes.Equal(x.n.value(x.i), y.n.value(y.i)):
		a.pass()
		b.pass()
		return nil
	case x.n.level == 0 && y.n.level == 0:
		return d.rows(a, b)
	case x.n.level > y.n.level:
		return a.open(d.ctx)
	case x.n.level < y.n.level:
		return b.open(d.ctx)
	}
	if err := a.open(d.ctx); err != nil {
		return err
	}
	return b.open(d.ctx)
}

func (d *differ) rows(a, b *side) error {
	x, y := *a.head(), *b.head()
	switch c := compareKeys(x.n, x.i, y.n, y.i); {
	case c < 0:
		return d.alone(0)
	case c > 0:
		return d.alone(1)
	}
	a.pass()
	b.pass()
	if bytes.Equal(x.n.value(x.i), y.n.value(y.i)) {
		return nil
	}
	d.key = x.n.appendKey(d.key[:0], x.i)
	return d.fn(d.key, x.n.value(x.i), y.n.value(y.i))
}
