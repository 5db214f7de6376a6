package merge

import (
	"container/heap"
	"context"

	"aergo/branch"
	"aergo/repo/object"
)

// A block is later than its parent and than the head it absorbed: the rules of validity
// say so, down to the millisecond. So time is a topological order of the whole graph, and
// every walk here visits a block only after all its descendants.

// side says from which end of a walk a block was reached.
type side uint8

const (
	fromTarget side = 1 << iota
	fromSource
	stale // an ancestor of a common ancestor
	both  = fromTarget | fromSource
)

// frontier is a heap of blocks by time, latest first.
type frontier []branch.Block

func (f frontier) Len() int { return len(f) }
func (f frontier) Less(i, j int) bool {
	if f[i].TimeMillis != f[j].TimeMillis {
		return f[i].TimeMillis > f[j].TimeMillis
	}
	return string(f[i].ID[:]) < string(f[j].ID[:])
}
func (f frontier) Swap(i, j int) { f[i], f[j] = f[j], f[i] }

// Push implements heap.Interface.
func (f *frontier) Push(x any) { *f = append(*f, x.(branch.Block)) }

// Pop implements heap.Interface.
func (f *frontier) Pop() any {
	old := *f
	b := old[len(old)-1]
	*f = old[:len(old)-1]
	return b
}

// walk paints the ancestors of two heads, over parents and absorbed heads, until what is
// left is common to both. It returns the best common ancestors, latest first, and the
// blocks that only the source has.
func walk(ctx context.Context, c branch.Chain, target, source branch.Block) (bases []branch.Block, sourceOnly map[object.Hash]branch.Block, err error) {
	paint := map[object.Hash]side{}
	blocks := map[object.Hash]branch.Block{}
	var queue frontier
	fresh := 0 // queued blocks that are not common to both yet
	reach := func(b branch.Block, s side) {
		before, known := paint[b.ID]
		if before|s == before {
			return
		}
		if known && before&both != both && (before|s)&both == both {
			fresh--
		}
		if !known {
			blocks[b.ID] = b
			heap.Push(&queue, b)
			if s&both != both {
				fresh++
			}
		}
		paint[b.ID] = before | s
	}
	reach(target, fromTarget)
	reach(source, fromSource)
	sourceOnly = map[object.Hash]branch.Block{}
	for queue.Len() > 0 && fresh > 0 || pendingBase(queue, paint) {
		b := heap.Pop(&queue).(branch.Block)
		s := paint[b.ID]
		switch {
		case s&both != both:
			fresh--
			if s&fromSource != 0 {
				sourceOnly[b.ID] = b
			}
		case s&stale == 0:
			bases = append(bases, b)
			s |= stale
		}
		for _, up := range [...]object.Hash{b.Parent, b.Absorbed} {
			if up.IsZero() {
				continue
			}
			ancestor, known := blocks[up]
			if !known {
				if ancestor, err = c.Block(ctx, up); err != nil {
					return nil, nil, err
				}
			}
			reach(ancestor, s)
		}
	}
	return bases, sourceOnly, nil
}

// pendingBase says whether the queue still holds a common ancestor that no other common
// ancestor descends to.
func pendingBase(queue frontier, paint map[object.Hash]side) bool {
	for i := range queue {
		if paint[queue[i].ID]&stale == 0 {
			return true
		}
	}
	return false
}

// Base returns the merge bases of two blocks: the common ancestors, over parents and
// absorbed heads, that are ancestors of no other common ancestor. There may be several,
// after criss-cross merges, or none, between branches with root blocks of their own. It
// costs as much as the two have diverged.
func Base(ctx context.Context, c branch.Chain, target, source branch.Block) ([]branch.Block, error) {
	bases, _, err := walk(ctx, c, target, source)
	return bases, err
}

// IsAncestor says whether a is b or an ancestor of b.
func IsAncestor(ctx context.Context, c branch.Chain, a, b branch.Block) (bool, error) {
	if a.ID == b.ID {
		return true, nil
	}
	seen := map[object.Hash]bool{b.ID: true}
	stack := []branch.Block{b}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if at.TimeMillis <= a.TimeMillis {
			continue
		}
		for _, up := range [...]object.Hash{at.Parent, at.Absorbed} {
			if up == a.ID {
				return true, nil
			}
			if up.IsZero() || seen[up] {
				continue
			}
			seen[up] = true
			next, err := c.Block(ctx, up)
			if err != nil {
				return false, err
			}
			stack = append(stack, next)
		}
	}
	return false, nil
}

// lineage answers whether blocks are ancestors of one head, for ever earlier blocks, in one
// walk.
type lineage struct {
	queue frontier
	known map[object.Hash]bool
}

func newLineage(head branch.Block) *lineage {
	return &lineage{queue: frontier{head}, known: map[object.Hash]bool{head.ID: true}}
}

// ancestor says whether b is the head or an ancestor of it. b is no later than any block
// that was asked about before.
func (l *lineage) ancestor(ctx context.Context, c branch.Chain, b branch.Block) (bool, error) {
	for l.queue.Len() > 0 && l.queue[0].TimeMillis > b.TimeMillis {
		at := heap.Pop(&l.queue).(branch.Block)
		for _, up := range [...]object.Hash{at.Parent, at.Absorbed} {
			if up.IsZero() || l.known[up] {
				continue
			}
			l.known[up] = true
			next, err := c.Block(ctx, up)
			if err != nil {
				return false, err
			}
			heap.Push(&l.queue, next)
		}
	}
	return l.known[b.ID], nil
}
