package state

import (
	"bytes"
	"context"
	"math"
)

// region is a stretch of nodes of one level that edits change, and all edits in it. The
// planner makes it just so large that no boundary outside can move: the level outside sees
// nothing of the edits, and the new boundaries inside can be told from what is inside.
//
// In terms of the treap of boundary.go: before the region stands a closer, and it ends with
// one (or with the level). If everything that lies between them, before and after the
// edits, has greater priority than both, then it is a subtree of its own, hanging on the
// one of them with the greater priority, call it d. Outside, only the intervals of d and of
// those above d contain it, and those close as long as d does; d does if its interval has
// not become lighter, or if the subtree and d alone are heavy enough. As long as one of
// these conditions fails, the region takes in the closer that is in the way and the node
// behind it. On a side where it has come farther than twice the maximum weight from the
// nearest edit, it is cut off instead: items farther than the maximum from every edit
// close as before, and the others have a whole maximum of what is around them in sight.
type region struct {
	nodes  []*spot // neighbours, in order
	lo, hi int     // the edits in the nodes' key range: edits[lo:hi]

	changed     bool // some edit has an effect
	moved       bool // some edit adds or removes an item, or changes a weight
	oldWeight   int  // of all items but the closer at the end
	delta       int  // what the edits add to it
	minPriority uint64
	end         endEdit // what the edits do to the closer at the end
	cutLeft     bool
	cutRight    bool
}

// endEdit is an edit of the last item of a region's last node. While that item is the
// closer outside of the subtree it is not part of delta.
type endEdit struct {
	delta int
	gone  bool
}

// planner finds the regions of one level.
type planner struct {
	tree  Tree
	level int
	root  *spot
	edits []Edit
}

// plan returns the regions, in order, that the edits from lo to hi fall into. They may
// overlap with those of earlier and later edits; join mends that.
func (p *planner) plan(ctx context.Context, lo, hi int) ([]*region, error) {
	var regions []*region
	at := p.root
	for i := lo; i < hi; {
		var err error
		if at, err = p.tree.seek(ctx, at, p.level, p.edits[i].Key); err != nil {
			return nil, err
		}
		r := &region{nodes: []*spot{at}, lo: i, hi: i, minPriority: math.MaxUint64}
		p.takeEdits(r)
		p.measure(r, at)
		if !r.changed {
			i = r.hi
			continue
		}
		if err := p.grow(ctx, r); err != nil {
			return nil, err
		}
		if regions, err = p.join(ctx, regions, r); err != nil {
			return nil, err
		}
		last := regions[len(regions)-1]
		i, at = last.hi, last.nodes[len(last.nodes)-1]
	}
	return regions, nil
}

// join appends r to regions. Regions that overlap become one, which grows again.
func (p *planner) join(ctx context.Context, regions []*region, r *region) ([]*region, error) {
	for len(regions) > 0 && regions[len(regions)-1].overlaps(r) {
		before := regions[len(regions)-1]
		regions = regions[:len(regions)-1]
		r = p.union(before, r)
		if err := p.grow(ctx, r); err != nil {
			return nil, err
		}
	}
	return append(regions, r), nil
}

func lastOf(s *spot) int { return s.n.len() - 1 }

func (r *region) first() *spot { return r.nodes[0] }
func (r *region) last() *spot  { return r.nodes[len(r.nodes)-1] }

// overlaps says whether r, which does not end before b, has a node in common with b, or
// ends behind it. Nodes are told apart by their last keys.
func (b *region) overlaps(r *region) bool {
	last, first := b.last(), r.first()
	if lastOf(last) < 0 || lastOf(first) < 0 {
		return true // the one node of an empty level
	}
	return compareKeys(last.n, lastOf(last), first.n, lastOf(first)) >= 0
}

func (p *planner) union(a, b *region) *region {
	r := &region{minPriority: math.MaxUint64}
	i, j := 0, 0
	for i < len(a.nodes) || j < len(b.nodes) {
		c := 0
		switch {
		case i == len(a.nodes):
			c = 1
		case j == len(b.nodes):
			c = -1
		case lastOf(a.nodes[i]) >= 0:
			c = compareKeys(a.nodes[i].n, lastOf(a.nodes[i]), b.nodes[j].n, lastOf(b.nodes[j]))
		}
		if c <= 0 {
			r.nodes = append(r.nodes, a.nodes[i])
			i++
		} else {
			r.nodes = append(r.nodes, b.nodes[j])
		}
		if c >= 0 {
			j++
		}
	}
	r.lo, r.hi = min(a.lo, b.lo), max(a.hi, b.hi)
	for k, s := range r.nodes {
		if k > 0 {
			p.takeEnd(r, r.nodes[k-1])
		}
		p.measure(r, s)
	}
	return r
}

// takeEdits extends the edits of r to all that fall into its nodes.
func (p *planner) takeEdits(r *region) {
	last := r.last()
	bounded := last.hasNext()
	for r.hi < len(p.edits) && (!bounded || last.n.compare(lastOf(last), p.edits[r.hi].Key) >= 0) {
		r.hi++
	}
	var buf [256]byte
	before, ok := r.first().keyBefore(buf[:0])
	for r.lo > 0 && (!ok || bytes.Compare(p.edits[r.lo-1].Key, before) > 0) {
		r.lo--
	}
}

// editsOf returns the edits of r that fall into its node s.
func (p *planner) editsOf(r *region, s *spot) []Edit {
	lo, hi := r.lo, r.hi
	if s != r.first() {
		var buf [256]byte
		before, _ := s.keyBefore(buf[:0])
		lo += searchEdits(p.edits[lo:hi], func(key []byte) bool { return bytes.Compare(key, before) > 0 })
	}
	if s != r.last() {
		hi = lo + searchEdits(p.edits[lo:hi], func(key []byte) bool { return s.n.compare(lastOf(s), key) < 0 })
	}
	return p.edits[lo:hi]
}

// measure adds node s and its edits to the sums of r. The last item of s is left to r.end
// if it is a closer.
func (p *planner) measure(r *region, s *spot) {
	n := s.n
	inside := n.len()
	if s.hasNext() {
		inside--
	}
	for i := range inside {
		r.oldWeight += n.weight(i)
	}
	r.end = endEdit{}
	for _, e := range p.editsOf(r, s) {
		i, found := n.find(e.Key)
		w := weight(p.level, len(e.Key), len(e.Value))
		switch {
		case e.Delete && !found:
			continue
		case e.Delete:
			w = 0
		case !found:
			r.minPriority = min(r.minPriority, priority(p.level, e.Key))
		case p.same(n, i, &e):
			continue
		}
		if found {
			w -= n.weight(i)
		}
		r.changed = true
		r.moved = r.moved || w != 0 || !found || e.Delete
		if i < inside || !found {
			r.delta += w
		} else {
			r.end = endEdit{delta: w, gone: e.Delete}
		}
	}
}

// same says whether item i of n is already as e wants it.
func (p *planner) same(n *node, i int, e *Edit) bool {
	return bytes.Equal(n.value(i), e.Value) && (p.level == 0 || n.count(i) == e.rows)
}

// takeEnd makes the last item of node s, a closer so far, a part of the inside of r.
func (p *planner) takeEnd(r *region, s *spot) {
	var buf [MaxKeyBytes]byte
	r.oldWeight += s.n.weight(lastOf(s))
	r.delta += r.end.delta
	r.minPriority = min(r.minPriority, priority(p.level, s.n.appendKey(buf[:0], lastOf(s))))
	r.moved = true
}

// grow takes neighbours into r until the conditions hold.
func (p *planner) grow(ctx context.Context, r *region) error {
	for r.changed {
		goLeft, goRight, err := p.needs(r)
		switch {
		case err != nil:
			return err
		case goRight:
			err = p.growRight(ctx, r)
		case goLeft:
			err = p.growLeft(ctx, r)
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// needs says on which side, if any, a condition of r fails.
func (p *planner) needs(r *region) (left, right bool, err error) {
	right = r.last().hasNext() && !r.cutRight
	if right && (r.end.gone || r.end.delta < 0) {
		return false, true, nil
	}
	if !r.moved || r.delta >= 0 && r.minPriority == math.MaxUint64 {
		return false, false, nil
	}
	var buf [MaxKeyBytes]byte
	before, left := r.first().keyBefore(buf[:0])
	var leftPriority, rightPriority uint64
	leftWeight := weight(p.level, len(before), 0)
	if left {
		leftPriority = priority(p.level, before)
	}
	if r.last().hasNext() {
		var buf [MaxKeyBytes]byte
		rightPriority = priority(p.level, r.last().n.appendKey(buf[:0], lastOf(r.last())))
	}
	left = left && !r.cutLeft
	switch {
	case right && r.minPriority <= rightPriority:
		return false, true, nil
	case left && r.minPriority < leftPriority:
		return true, false, nil
	case r.delta >= 0:
		return false, false, nil
	}
	return p.needsWeight(r, left, right, leftPriority <= rightPriority, leftWeight)
}

// needsWeight is needs for a region that becomes lighter. onRight says that it hangs on
// the closer at its end. leftWeight is a lower bound, without the value.
func (p *planner) needsWeight(r *region, left, right, onRight bool, leftWeight int) (bool, bool, error) {
	inside, limit := r.oldWeight+r.delta, maxWeight(p.level)
	onRight = onRight && r.last().hasNext()
	switch {
	case onRight:
		return false, right && inside+r.last().n.weight(lastOf(r.last())) <= limit, nil
	default:
		return left && inside+leftWeight <= limit, false, nil
	}
}

// growRight takes in the closer at the end and the node after it, or cuts r off.
func (p *planner) growRight(ctx context.Context, r *region) error {
	if p.farRight(r) {
		r.cutRight = true
		return nil
	}
	s, err := p.tree.next(ctx, r.last())
	if err != nil {
		return err
	}
	p.takeEnd(r, r.last())
	r.nodes = append(r.nodes, s)
	p.takeEdits(r)
	p.measure(r, s)
	return nil
}

// growLeft takes in the closer before r and its node, or cuts r off.
func (p *planner) growLeft(ctx context.Context, r *region) error {
	if p.farLeft(r) {
		r.cutLeft = true
		return nil
	}
	s, err := p.tree.prev(ctx, r.first())
	if err != nil {
		return err
	}
	end := r.end
	r.nodes = append([]*spot{s}, r.nodes...)
	p.takeEdits(r)
	p.measure(r, s)
	p.takeEnd(r, s)
	r.end = end
	return nil
}

// farRight says whether more than twice the maximum weighs on r after its last edit.
func (p *planner) farRight(r *region) bool {
	key, sum := p.edits[r.hi-1].Key, 0
	for k := len(r.nodes) - 1; k >= 0; k-- {
		n := r.nodes[k].n
		for i := n.len() - 1; i >= 0; i-- {
			if n.compare(i, key) <= 0 {
				return false
			}
			// The closer at the end may get another value; it counts without.
			if k < len(r.nodes)-1 || i < n.len()-1 {
				sum += n.weight(i)
			}
			if sum > 2*maxWeight(p.level) {
				return true
			}
		}
	}
	return false
}

// farLeft says whether more than twice the maximum weighs on r before its first edit.
func (p *planner) farLeft(r *region) bool {
	key, sum := p.edits[r.lo].Key, 0
	for _, s := range r.nodes {
		for i := range s.n.len() {
			if s.n.compare(i, key) >= 0 {
				return false
			}
			sum += s.n.weight(i)
			if sum > 2*maxWeight(p.level) {
				return true
			}
		}
	}
	return false
}
