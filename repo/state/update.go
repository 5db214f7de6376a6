package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"aergo/repo/object"
)

var (
	// ErrUnsorted is wrapped when keys do not ascend.
	ErrUnsorted = errors.New("keys do not ascend")
	// ErrTooLarge is wrapped when a key or a value is above its limit, or a key is empty.
	ErrTooLarge = errors.New("above the limit")
)

// Edit sets the value of a key, or deletes the key.
type Edit struct {
	Key, Value []byte
	Delete     bool

	rows uint64 // below the item, above level 0
}

// CheckRow says whether a row may be put: a key of 1 to MaxKeyBytes, and a value of at
// most MaxValueBytes.
func CheckRow(key, value []byte) error {
	switch {
	case len(key) == 0 || len(key) > MaxKeyBytes:
		return fmt.Errorf("key of %d bytes: %w: 1 to %d", len(key), ErrTooLarge, MaxKeyBytes)
	case len(value) > MaxValueBytes:
		return fmt.Errorf("value of %d bytes: %w of %d", len(value), ErrTooLarge, MaxValueBytes)
	}
	return nil
}

func checkEdits(edits []Edit) error {
	for i := range edits {
		if err := CheckRow(edits[i].Key, edits[i].Value); err != nil {
			return fmt.Errorf("edit %d: %w", i, err)
		}
		if i > 0 && bytes.Compare(edits[i-1].Key, edits[i].Key) >= 0 {
			return fmt.Errorf("edit %d: %w", i, ErrUnsorted)
		}
	}
	return nil
}

// Update returns the tree with the edits, whose keys ascend, made. New nodes go to w, from
// several goroutines if workers is above one; they need not be readable before Update
// returns, but the new tree reads through the reader of t, which must find them then. The
// root depends on the content alone: neither on the edits that led there, nor on workers.
//
// A leaf that edits fall into is read once, its neighbours only where a boundary moves or
// may move; an inner node on the way is read once for each level, which a Cache spares.
// Edits that change nothing give t itself, and write nothing. A failed update leaves t as
// it is; nodes that it wrote are not part of any tree.
func (t Tree) Update(ctx context.Context, w NodeWriter, edits []Edit, workers int) (Tree, error) {
	if err := checkEdits(edits); err != nil {
		return Tree{}, err
	}
	u := updater{tree: t, w: w, workers: max(1, workers), windowEdits: windowEdits, chunkEdits: chunkEdits}
	if through, ok := w.(throughWriter); ok {
		u.w, u.keep = through.next, through.cache
	}
	return u.update(ctx, edits)
}

// update is Update for edits that have been checked.
func (u *updater) update(ctx context.Context, edits []Edit) (Tree, error) {
	t := u.tree
	root, err := t.rootNode(ctx)
	if err != nil {
		return Tree{}, err
	}
	top := &spot{n: root}
	child := item{key: root.lastKey(), val: t.root[:], rows: root.rows}
	for level := 0; len(edits) > 0; level++ {
		if level > maxLevel {
			return Tree{}, fmt.Errorf("%w: more than %d levels", ErrCorrupt, maxLevel)
		}
		if level > root.level {
			// Above the root the old tree is taken to go on with nodes of one item.
			if top, err = single(level, child); err != nil {
				return Tree{}, err
			}
			child.val = make([]byte, object.HashSize)
		}
		p := planner{tree: t, level: level, root: top, edits: edits}
		var done bool
		if edits, done, err = u.pass(ctx, &p); err != nil {
			return Tree{}, err
		}
		if done {
			return u.finish(edits)
		}
	}
	return t, nil
}

// single returns a node of one item that is in no store, or of none if it has no key.
func single(level int, it item) (*spot, error) {
	if len(it.key) == 0 {
		return &spot{n: &node{level: level}}, nil
	}
	data, _ := appendNode(nil, level, []item{it})
	n, err := decode(data)
	if err != nil {
		return nil, err
	}
	return &spot{n: n}, nil
}

// finish makes the tree whose root is what the last level has come to: one put, or none.
func (u *updater) finish(last []Edit) (Tree, error) {
	for _, e := range last {
		if !e.Delete {
			return New(u.tree.reader, object.Hash(e.Value)), nil
		}
	}
	h, err := WriteEmpty(u.w)
	return New(u.tree.reader, h), err
}

const (
	windowEdits = 16384
	chunkEdits  = 512
)

type updater struct {
	tree    Tree
	w       NodeWriter
	keep    *Cache // of the nodes written, or nil
	workers int

	// windowEdits is how many edits are planned before the nodes are written: it bounds the
	// memory that an update of any size takes. It does not depend on the workers, so that
	// the nodes written do not either. chunkEdits is how many one worker plans at a time.
	windowEdits, chunkEdits int
}

// outcome is what became of a region: the edits of the level above. It does not keep the
// nodes.
type outcome struct {
	lo, hi  int    // its edits
	lastKey []byte // of its last node
	above   []Edit
}

// pass makes the edits of one level, writes the new nodes, and returns the edits that the
// level above needs. If the level has come to one item above level 0, or to none, it writes
// nothing, done is true, and the edits are that item's, if any.
func (u *updater) pass(ctx context.Context, p *planner) (above []Edit, done bool, err error) {
	var outcomes []outcome
	var held *region // the last one, which the next window may still join
	for lo := 0; lo < len(p.edits); {
		hi := min(lo+u.windowEdits, len(p.edits))
		regions, err := u.planWindow(ctx, p, lo, hi)
		if err != nil {
			return nil, false, err
		}
		if outcomes, regions, err = u.rejoin(ctx, p, outcomes, held, regions); err != nil {
			return nil, false, err
		}
		lo, held = hi, nil
		if n := len(regions); n > 0 {
			lo = max(lo, regions[n-1].hi)
			if lo < len(p.edits) {
				held, regions = regions[n-1], regions[:n-1]
			}
		}
		if p.level > 0 && len(regions) == 1 && regions[0].isLevel() {
			if items := p.items(regions[0]); len(items) <= 1 {
				return lastEdits(items), true, nil
			}
		}
		if outcomes, err = u.write(ctx, p, outcomes, regions); err != nil {
			return nil, false, err
		}
	}
	for _, o := range outcomes {
		above = append(above, o.above...)
	}
	return above, false, nil
}

func lastEdits(items []item) []Edit {
	if len(items) == 0 {
		return nil
	}
	return []Edit{{Key: items[0].key, Value: items[0].val, rows: items[0].rows}}
}

// isLevel says whether r is all of its level.
func (r *region) isLevel() bool {
	_, before := r.first().keyBefore(nil)
	return !before && !r.last().closed
}

func (u *updater) planWindow(ctx context.Context, p *planner, lo, hi int) ([]*region, error) {
	chunks := make([][]*region, (hi-lo+u.chunkEdits-1)/u.chunkEdits)
	err := parallel(ctx, u.workers, len(chunks), func(_, i int) (err error) {
		from := lo + i*u.chunkEdits
		chunks[i], err = p.plan(ctx, from, min(from+u.chunkEdits, hi))
		return err
	})
	if err != nil {
		return nil, err
	}
	var all []*region
	for _, c := range chunks {
		for _, r := range c {
			if all, err = p.join(ctx, all, r); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// rejoin puts the region held back before regions. In the rare case that the first
// of them has grown back over one that is written already, that one is made again.
func (u *updater) rejoin(ctx context.Context, p *planner, outcomes []outcome, held *region, regions []*region) ([]outcome, []*region, error) {
	if held == nil {
		return outcomes, regions, nil
	}
	all := []*region{held}
	for _, r := range regions {
		var err error
		if all, err = p.join(ctx, all, r); err != nil {
			return nil, nil, err
		}
		for len(all) == 1 && len(outcomes) > 0 && all[0].reaches(outcomes[len(outcomes)-1].lastKey) {
			last := outcomes[len(outcomes)-1]
			outcomes = outcomes[:len(outcomes)-1]
			again, err := p.plan(ctx, last.lo, last.hi)
			if err != nil {
				return nil, nil, err
			}
			if all, err = p.join(ctx, again, all[0]); err != nil {
				return nil, nil, err
			}
		}
	}
	return outcomes, all, nil
}

// reaches says whether r begins at or before the node of the given last key.
func (r *region) reaches(lastKey []byte) bool {
	first := r.first()
	return first.isEmpty() || first.n.compare(first.lastItem(), lastKey) <= 0
}
