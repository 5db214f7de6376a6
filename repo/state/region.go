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
// In terms of the treap of boundary.go: before the region stands a closer and it ends with
// one, unless the level does. Either of them, c, shuts the region off for good if, on its
// inner side, the new items within the maximum weight all have greater priorities. Then c
// closes, as it did; so does any item beyond it whose interval comes across it, for that
// contains the one of c; and an item inside whose interval would go on across c is farther
// from c than the maximum, and closes whatever there is.
//
// A region too light for that still is a subtree of its own, hanging on the one of the two
// with the greater priority, call it d, if all inside, before and after the edits, have
// greater priorities than both. Outside, only the intervals of d and of those above d
// contain it, and those close as long as d does; d does if the region has not become
// lighter, or if it and d alone are heavy enough.
//
// As long as neither holds, the region takes in the closer that is in the way and the node
// behind it. On a side where it has come farther than twice the maximum weight from the
// nearest edit, it is cut off instead: items farther than the maximum from every edit
// close as before, and the others have a whole maximum of what is around them in sight.
type region struct {
	parts  []part // nodes that are neighbours, in order: all[room:]
	all    []part
	room   int
	lo, hi int // the edits in the nodes' key range: edits[lo:hi]

	changed           bool // some edit has an effect
	moved             bool // some edit adds or removes an item, or changes a weight
	weight            int  // of the new items, but for the closer at the end
	delta             int  // how much more that is than before
	cutLeft, cutRight bool
}

// part is a node of a region, with what its edits do to it. The inside of a part is all of
// it but for a closer at its end; its old items have greater priorities than that closer
// and the one before. Items added farther than the maximum from either end do not count in
// least.
type part struct {
	*spot
	changed, moved bool
	weight         int    // of the new items inside
	delta          int    // how much more that is than before
	least          uint64 // priority of the items added
	closed         bool   // by a closer, that is, another node follows
	end            closer // if closed
	lastPriority   uint64 // of the last old item, once asked for
	lastKnown      bool
}

// closer is the last item of a closed part.
type closer struct {
	weight int // new; 0 if it is deleted
	delta  int
}

// priorityOfLast returns the priority of the last item of part, before its edits.
func (p *planner) priorityOfLast(part *part) uint64 {
	if !part.lastKnown {
		var buf [MaxKeyBytes]byte
		part.lastPriority = priority(p.level, part.n.appendKey(buf[:0], part.lastItem()))
		part.lastKnown = true
	}
	return part.lastPriority
}

// planner finds the regions of one level.
type planner struct {
	tree  Tree
	level int
	root  *spot
	edits []Edit
}

// plan returns the regions, in order, that the edits from lo to hi fall into, unless they
// fall into the node of the edit before lo. They may overlap with those of earlier and
// later edits; join mends that.
func (p *planner) plan(ctx context.Context, lo, hi int) ([]*region, error) {
	var regions []*region
	at := p.root
	for i := lo; i < hi; {
		var err error
		if at, err = p.tree.seek(ctx, at, p.level, p.edits[i].Key); err != nil {
			return nil, err
		}
		from, to := p.editsOf(at, i)
		if from < i {
			i = to
			continue
		}
		r := &region{lo: i, hi: i}
		p.add(r, at, false)
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
		i, at = last.hi, last.last().spot
	}
	return regions, nil
}

// join appends r, which ends behind the last of regions or inside of it, to regions.
// Regions that overlap become one, which grows again.
func (p *planner) join(ctx context.Context, regions []*region, r *region) ([]*region, error) {
	for len(regions) > 0 {
		before := regions[len(regions)-1]
		if compareEnds(before.last(), r.first()) < 0 {
			break
		}
		if compareEnds(before.last(), r.last()) >= 0 && compareEnds(before.first(), r.first()) <= 0 {
			return regions, nil
		}
		regions = regions[:len(regions)-1]
		for compareEnds(before.first(), r.first()) < 0 {
			if err := p.growLeft(ctx, r); err != nil {
				return nil, err
			}
		}
		for compareEnds(before.last(), r.last()) > 0 {
			if err := p.growRight(ctx, r); err != nil {
				return nil, err
			}
		}
		if err := p.grow(ctx, r); err != nil {
			return nil, err
		}
	}
	return append(regions, r), nil
}

func (s *spot) lastItem() int    { return s.n.len() - 1 }
func (r *region) first() *part   { return &r.parts[0] }
func (r *region) last() *part    { return &r.parts[len(r.parts)-1] }
func (p *planner) maximum() int  { return maxWeight(p.level) }
func (s *spot) isEmpty() bool    { return s.n.len() == 0 }
func compareEnds(a, b *part) int { return compareSpots(a.spot, b.spot) }

// compareSpots tells where two nodes of a level stand. An empty node is all of its level.
func compareSpots(a, b *spot) int {
	if a.isEmpty() || b.isEmpty() {
		return 0
	}
	return compareKeys(a.n, a.lastItem(), b.n, b.lastItem())
}

// editsOf returns the range of the edits that fall into node s, given that the one at near
// does, or else would be the next one before or after them.
func (p *planner) editsOf(s *spot, near int) (lo, hi int) {
	lo, hi = near, near
	if !s.hasNext() {
		hi = len(p.edits)
	} else {
		last := s.lastItem()
		for hi < len(p.edits) && s.n.compare(last, p.edits[hi].Key) >= 0 {
			hi++
		}
	}
	var buf [256]byte
	before, ok := s.keyBefore(buf[:0])
	for lo > 0 && (!ok || bytes.Compare(p.edits[lo-1].Key, before) > 0) {
		lo--
	}
	return lo, max(lo, hi)
}

// add puts node s, with its edits, in front of r or at its end.
func (p *planner) add(r *region, s *spot, front bool) {
	var part part
	if front {
		lo, _ := p.editsOf(s, r.lo)
		part = p.measure(s, p.edits[lo:r.lo])
		r.lo = lo
		r.cutLeft = false
		r.prepend(part)
		r.takeEnd(r.first())
	} else {
		_, hi := p.editsOf(s, r.hi)
		part = p.measure(s, p.edits[r.hi:hi])
		r.hi = hi
		r.cutRight = false
		if len(r.parts) > 0 {
			r.takeEnd(r.last())
		}
		r.append(part)
	}
	r.changed = r.changed || part.changed
	r.moved = r.moved || part.moved
	r.weight += part.weight
	r.delta += part.delta
}

// takeEnd counts the closer at the end of a part that is no longer the last.
func (r *region) takeEnd(p *part) {
	r.weight += p.end.weight
	r.delta += p.end.delta
}

// prepend puts part first, in time that does not grow with r on average.
func (r *region) prepend(first part) {
	if r.room == 0 {
		r.room = len(r.parts) + 2
		r.all = make([]part, r.room+len(r.parts), r.room+2*len(r.parts)+2)
		copy(r.all[r.room:], r.parts)
	}
	r.room--
	r.all[r.room] = first
	r.parts = r.all[r.room:]
}

// append puts part last.
func (r *region) append(last part) {
	r.all = append(r.all, last)
	r.parts = r.all[r.room:]
}

// measure finds out what edits do to node s.
func (p *planner) measure(s *spot, edits []Edit) part {
	n := s.n
	out := part{spot: s, closed: s.hasNext(), least: math.MaxUint64}
	inside := n.len()
	if out.closed {
		inside--
		out.end.weight = n.weight(inside)
	}
	for i := range inside {
		out.weight += n.weight(i)
	}
	added := 0
	for k := range edits {
		e := &edits[k]
		i, found := n.find(e.Key)
		w := weight(p.level, len(e.Key), len(e.Value))
		switch {
		case e.Delete && !found, found && !e.Delete && p.same(n, i, e):
			continue
		case e.Delete:
			w = 0
		case !found:
			added += w
		}
		if found {
			w -= n.weight(i)
		}
		out.changed = true
		out.moved = out.moved || w != 0
		if i == inside && found {
			out.end.weight += w
			out.end.delta = w
		} else {
			out.weight += w
			out.delta += w
		}
	}
	if added > 0 {
		out.least = p.leastAdded(n, edits, added)
	}
	return out
}

// leastAdded returns the least priority of the items that edits add to n, which weigh
// added, but for those that are farther than the maximum from either end.
func (p *planner) leastAdded(n *node, edits []Edit, added int) uint64 {
	least, sum := uint64(math.MaxUint64), 0
	for k := range edits {
		e := &edits[k]
		if e.Delete {
			continue
		}
		if _, found := n.find(e.Key); found {
			continue
		}
		w := weight(p.level, len(e.Key), len(e.Value))
		if sum <= p.maximum() || added-sum-w <= p.maximum() {
			least = min(least, priority(p.level, e.Key))
		}
		sum += w
	}
	return least
}

// same says whether item i of n is already as e wants it.
func (p *planner) same(n *node, i int, e *Edit) bool {
	return bytes.Equal(n.value(i), e.Value) && (p.level == 0 || n.count(i) == e.rows)
}
