package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"aergo/repo/object"
)

// ErrNoNode is wrapped when a node is not where it is looked for in memory: an Overlay
// without a next reader, or a proof.
var ErrNoNode = errors.New("state node is not there")

func errNoNode(h object.Hash) error { return fmt.Errorf("%w: %s", ErrNoNode, h.Short()) }

// Tree is an immutable snapshot of the map. It is a small value, read lazily, and safe for
// concurrent use.
type Tree struct {
	reader NodeReader
	root   object.Hash
}

// New returns the tree of the given root, which it does not read yet. If r is a *Cache,
// the tree shares its decoded nodes.
func New(r NodeReader, root object.Hash) Tree { return Tree{reader: r, root: root} }

// EmptyRoot returns the root of the tree without rows.
func EmptyRoot() object.Hash {
	data, _ := appendNode(nil, 0, nil)
	return object.Sum(data)
}

// WriteEmpty stores the node of the tree without rows and returns its hash.
func WriteEmpty(w NodeWriter) (object.Hash, error) {
	data, _ := appendNode(nil, 0, nil)
	h := object.Sum(data)
	return h, w.Put(object.KindStateNode, h, data)
}

// Root returns the hash that stands for the whole content.
func (t Tree) Root() object.Hash { return t.root }

func readNode(ctx context.Context, r NodeReader, h object.Hash) (*node, error) {
	if c, ok := r.(*Cache); ok {
		return c.node(ctx, h)
	}
	data, err := r.Get(ctx, h)
	if err != nil {
		return nil, fmt.Errorf("state node %s: %w", h.Short(), err)
	}
	return decodeNamed(h, data)
}

func decodeNamed(h object.Hash, data []byte) (*node, error) {
	n, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("state node %s: %w", h.Short(), err)
	}
	return n, nil
}

func (t Tree) rootNode(ctx context.Context) (*node, error) {
	n, err := readNode(ctx, t.reader, t.root)
	if err != nil {
		return nil, err
	}
	if n.level > 0 && n.len() == 1 {
		return nil, fmt.Errorf("%w: root %s has a single child", ErrCorrupt, t.root.Short())
	}
	return n, nil
}

// child reads child i of n and checks that it is what n says it is.
func (t Tree) child(ctx context.Context, n *node, i int) (*node, error) {
	h := n.hash(i)
	c, err := readNode(ctx, t.reader, h)
	if err != nil {
		return nil, err
	}
	if n.isSound(i) {
		return c, nil
	}
	switch {
	case c.level != n.level-1:
		err = fmt.Errorf("level %d below level %d", c.level, n.level)
	case c.rows != n.count(i):
		err = fmt.Errorf("%d rows, its parent says %d", c.rows, n.count(i))
	case compareKeys(n, i, c, c.len()-1) != 0:
		err = errors.New("last key is not the one in its parent")
	case i > 0 && compareKeys(n, i-1, c, 0) >= 0:
		err = errors.New("first key is in the node before")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: node %s: %w", ErrCorrupt, h.Short(), err)
	}
	n.setSound(i)
	return c, nil
}

// compareKeys compares the key of item i of a with that of item j of b.
func compareKeys(a *node, i int, b *node, j int) int {
	var buf [256]byte
	return a.compare(i, b.appendKey(buf[:0], j))
}

// Get returns the value of key and whether it is there.
func (t Tree) Get(ctx context.Context, key []byte) (value []byte, ok bool, err error) {
	n, err := t.rootNode(ctx)
	for err == nil {
		i, found := n.find(key)
		switch {
		case i == n.len() || n.level == 0 && !found:
			return nil, false, nil
		case n.level == 0:
			return n.value(i), true, nil
		}
		n, err = t.child(ctx, n, i)
	}
	return nil, false, err
}

// Count returns the number of rows.
func (t Tree) Count(ctx context.Context) (uint64, error) {
	n, err := t.rootNode(ctx)
	if err != nil {
		return 0, err
	}
	return n.rows, nil
}

// CountRange returns the number of rows with from <= key < to; a nil to is the end. It
// reads two paths.
func (t Tree) CountRange(ctx context.Context, from, to []byte) (uint64, error) {
	if to != nil && bytes.Compare(from, to) >= 0 {
		return 0, nil
	}
	low, err := t.rank(ctx, from)
	if err != nil {
		return 0, err
	}
	high, err := t.Count(ctx)
	if err == nil && to != nil {
		high, err = t.rank(ctx, to)
	}
	if err != nil {
		return 0, err
	}
	return high - low, nil
}

// rank returns the number of rows below key.
func (t Tree) rank(ctx context.Context, key []byte) (uint64, error) {
	n, err := t.rootNode(ctx)
	rank := uint64(0)
	for err == nil {
		i, _ := n.find(key)
		for j := range i {
			rank += n.count(j)
		}
		if i == n.len() || n.level == 0 {
			return rank, nil
		}
		n, err = t.child(ctx, n, i)
	}
	return 0, err
}

// Walk calls fn for every node, parents before children and in key order, and goes below
// it if fn says so. A node that occurs twice is visited twice. It reads inner nodes only
// when it goes below them, and leaves never.
func (t Tree) Walk(ctx context.Context, fn func(h object.Hash, level int) (descend bool, err error)) error {
	root, err := t.rootNode(ctx)
	if err != nil {
		return err
	}
	descend, err := fn(t.root, root.level)
	if err != nil || !descend {
		return err
	}
	return t.walk(ctx, root, fn)
}

func (t Tree) walk(ctx context.Context, n *node, fn func(object.Hash, int) (bool, error)) error {
	if n.level == 0 {
		return nil
	}
	for i := range n.len() {
		descend, err := fn(n.hash(i), n.level-1)
		if err != nil {
			return err
		}
		if !descend || n.level == 1 {
			continue
		}
		c, err := t.child(ctx, n, i)
		if err != nil {
			return err
		}
		if err := t.walk(ctx, c, fn); err != nil {
			return err
		}
	}
	return nil
}

// Span is the keys from From to below To; a nil To is the end.
type Span struct{ From, To []byte }

// meets says whether one of the spans may hold a key above after and not above last. A nil
// after stands for any key.
func meets(spans []Span, after, last []byte) bool {
	for _, s := range spans {
		if bytes.Compare(last, s.From) >= 0 && (after == nil || s.To == nil || bytes.Compare(after, s.To) < 0) {
			return true
		}
	}
	return false
}

// ChildrenWithin returns the level of a node, given as its bytes, and the hashes of the nodes
// below it, none for a leaf, that are needed to read what is in the spans: their rows, those
// after and before them, and how many there are. Which nodes are needed depends on nothing but
// the node, so that whoever has a node of a tree, and what is needed below it, has that of
// every tree. It is for who walks trees without reading them in order, and checks nothing but
// the node itself. Errors wrap ErrCorrupt.
func ChildrenWithin(data []byte, spans []Span) (level int, hashes []object.Hash, err error) {
	n, err := decode(data)
	if err != nil || n.level == 0 {
		return 0, nil, err
	}
	hashes = make([]object.Hash, 0, n.len())
	var after, last []byte
	for i := range n.len() {
		last = n.appendKey(last[:0], i)
		if meets(spans, after, last) {
			hashes = append(hashes, n.hash(i))
		}
		after, last = last, after
	}
	return n.level, hashes, nil
}
