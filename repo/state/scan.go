package state

import (
	"bytes"
	"context"
	"iter"
)

// Cursor moves over the rows of a tree in key order. It begins before the first row. It is
// for one goroutine.
type Cursor struct {
	ctx  context.Context
	tree Tree
	path []frame // from the root to a leaf, at the row; or empty
	key  []byte
	err  error
	past bool // the rows are used up
}

type frame struct {
	n *node
	i int
}

// Cursor returns a cursor that reads with ctx.
func (t Tree) Cursor(ctx context.Context) *Cursor { return &Cursor{ctx: ctx, tree: t} }

// Seek moves to the first row whose key is not below key, wherever the cursor was, and
// says whether there is one.
func (c *Cursor) Seek(key []byte) bool {
	return c.seek(key, func(n *node) int { i, _ := n.find(key); return i })
}

// SeekAfter moves to the first row whose key is above key, wherever the cursor was, and
// says whether there is one.
func (c *Cursor) SeekAfter(key []byte) bool {
	return c.seek(key, func(n *node) int { return n.findAfter(key) })
}

// seek goes up as far as it must, and down again. An inner item's key is the last below
// it, so that the first item that find gives leads to the row at every level.
func (c *Cursor) seek(key []byte, find func(*node) int) bool {
	if c.err != nil {
		return false
	}
	for len(c.path) > 0 {
		top := c.path[len(c.path)-1]
		inside := find(top.n) < top.n.len()
		if inside && (len(c.path) == 1 || c.above(key)) {
			break
		}
		c.path = c.path[:len(c.path)-1]
	}
	if len(c.path) == 0 {
		c.push(c.tree.rootNode(c.ctx))
	}
	c.past = false
	for c.err == nil {
		top := &c.path[len(c.path)-1]
		top.i = find(top.n)
		if top.i == top.n.len() {
			return c.end()
		}
		if top.n.level == 0 {
			return c.land()
		}
		c.push(c.tree.child(c.ctx, top.n, top.i))
	}
	return false
}

// above says whether key is above everything before the top node in its parent.
func (c *Cursor) above(key []byte) bool {
	up := c.path[len(c.path)-2]
	return up.i > 0 && up.n.compare(up.i-1, key) < 0
}

// Next moves to the next row and says whether there is one.
func (c *Cursor) Next() bool {
	if c.err != nil || c.past {
		return false
	}
	if len(c.path) == 0 {
		c.push(c.tree.rootNode(c.ctx))
	} else {
		c.path[len(c.path)-1].i++
	}
	for c.err == nil {
		top := &c.path[len(c.path)-1]
		switch {
		case top.i == top.n.len():
			if len(c.path) == 1 {
				return c.end()
			}
			c.path = c.path[:len(c.path)-1]
			c.path[len(c.path)-1].i++
		case top.n.level == 0:
			return c.land()
		default:
			c.push(c.tree.child(c.ctx, top.n, top.i))
		}
	}
	return false
}

func (c *Cursor) push(n *node, err error) {
	if err != nil {
		c.err = err
		return
	}
	c.path = append(c.path, frame{n: n})
}

func (c *Cursor) land() bool {
	top := c.path[len(c.path)-1]
	c.key = top.n.appendKey(c.key[:0], top.i)
	return true
}

func (c *Cursor) end() bool {
	c.path, c.past = c.path[:0], true
	return false
}

// Key returns the key of the row, valid until the cursor moves. It is for use after a move
// that returned true, as is Value.
func (c *Cursor) Key() []byte { return c.key }

// Value returns the value of the row, which stays valid.
func (c *Cursor) Value() []byte {
	top := c.path[len(c.path)-1]
	return top.n.value(top.i)
}

// Err returns the error that stopped the cursor, or nil.
func (c *Cursor) Err() error { return c.err }

// Range calls fn for the rows with from <= key < to, in key order, until fn fails; a nil
// to is the end. The key is valid during the call, the value stays valid.
func (t Tree) Range(ctx context.Context, from, to []byte, fn func(key, value []byte) error) error {
	c := t.Cursor(ctx)
	for ok := c.Seek(from); ok; ok = c.Next() {
		if to != nil && bytes.Compare(c.Key(), to) >= 0 {
			return nil
		}
		if err := fn(c.Key(), c.Value()); err != nil {
			return err
		}
	}
	return c.Err()
}

// Row is a key and its value.
type Row struct{ Key, Value []byte }

// Rows returns the rows with from <= key < to, in key order; a nil to is the end. An error
// is the last element. The key is valid until the next row, the value stays valid.
func (t Tree) Rows(ctx context.Context, from, to []byte) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		c := t.Cursor(ctx)
		for ok := c.Seek(from); ok; ok = c.Next() {
			if to != nil && bytes.Compare(c.Key(), to) >= 0 {
				return
			}
			if !yield(Row{c.Key(), c.Value()}, nil) {
				return
			}
		}
		if c.Err() != nil {
			yield(Row{}, c.Err())
		}
	}
}
