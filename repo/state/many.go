package state

import (
	"bytes"
	"context"
	"fmt"
	"slices"
)

// GetMany looks up keys, which ascend, and calls fn once for each index in keys with what
// it found there. Every node is read once. With workers above one it reads disjoint parts of
// the tree at the same time, and calls fn from several goroutines, in no order. Values
// stay valid after the call.
func (t Tree) GetMany(ctx context.Context, keys [][]byte, workers int, fn func(i int, value []byte, ok bool) error) error {
	for i := 1; i < len(keys); i++ {
		if bytes.Compare(keys[i-1], keys[i]) >= 0 {
			return fmt.Errorf("key %d of %d: %w", i, len(keys), ErrUnsorted)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	root, err := t.rootNode(ctx)
	if err != nil {
		return err
	}
	m := many{tree: t, keys: keys, fn: fn}
	tasks := []lookup{{root, 0, len(keys)}}
	// Nodes are opened from the top until there are enough subtrees to share out.
	for workers > 1 && len(tasks) < 8*workers && tasks[0].n.level > 0 {
		var below []lookup
		for _, task := range tasks {
			err := m.split(ctx, task, func(l lookup) error { below = append(below, l); return nil })
			if err != nil {
				return err
			}
		}
		if tasks = below; len(tasks) == 0 {
			return nil
		}
	}
	return parallel(ctx, workers, len(tasks), func(_, i int) error { return m.run(ctx, tasks[i]) })
}

type many struct {
	tree Tree
	keys [][]byte
	fn   func(i int, value []byte, ok bool) error
}

// lookup is the keys from lo to hi, which are to be found below n if anywhere.
type lookup struct {
	n      *node
	lo, hi int
}

func (m *many) run(ctx context.Context, l lookup) error {
	if l.n.level > 0 {
		return m.split(ctx, l, func(l lookup) error { return m.run(ctx, l) })
	}
	for k := l.lo; k < l.hi; k++ {
		i, found := l.n.find(m.keys[k])
		value := []byte(nil)
		if found {
			value = l.n.value(i)
		}
		if err := m.fn(k, value, found); err != nil {
			return err
		}
	}
	return nil
}

// split shares the keys of l out to the children of its node. Keys above all are absent.
func (m *many) split(ctx context.Context, l lookup, fn func(lookup) error) error {
	for k := l.lo; k < l.hi; {
		i, _ := l.n.find(m.keys[k])
		if i == l.n.len() {
			for ; k < l.hi; k++ {
				if err := m.fn(k, nil, false); err != nil {
					return err
				}
			}
			break
		}
		end := k + 1
		if l.hi-end > 16 {
			d, _ := slices.BinarySearchFunc(m.keys[end:l.hi], 0, func(key []byte, _ int) int {
				if l.n.compare(i, key) >= 0 {
					return -1
				}
				return 1
			})
			end += d
		} else {
			for end < l.hi && l.n.compare(i, m.keys[end]) >= 0 {
				end++
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		c, err := m.tree.child(ctx, l.n, i)
		if err != nil {
			return err
		}
		if err := fn(lookup{c, k, end}); err != nil {
			return err
		}
		k = end
	}
	return nil
}
