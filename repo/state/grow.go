package state

import "context"

// grow takes neighbours into r, or cuts it off, until no boundary outside can move.
func (p *planner) grow(ctx context.Context, r *region) error {
	for {
		left, right := p.needs(r)
		var err error
		switch {
		case right && p.farRight(r):
			r.cutRight = true
		case right:
			err = p.growRight(ctx, r)
		case left && p.farLeft(r):
			r.cutLeft = true
		case left:
			err = p.growLeft(ctx, r)
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// shut is how far a closer shuts a region off.
type shut int

const (
	shutNot  shut = iota // something inside, and near, is smaller
	shutSoft             // nothing inside is smaller
	shutHard             // and there is enough inside
)

// needs says on which side, if any, r must grow.
func (p *planner) needs(r *region) (left, right bool) {
	if !r.moved {
		return false, false
	}
	last := r.last()
	bounded := last.closed
	open := bounded && !r.cutRight
	if open && (last.end.weight == 0 || last.end.delta < 0) {
		return false, true
	}
	var buf [MaxKeyBytes]byte
	before, hasBefore := r.first().keyBefore(buf[:0])
	if !hasBefore && !open {
		return false, false
	}
	// The usual case: a row more in a node, which is a lighter look than the walk.
	if open {
		switch p.shutRight(r) {
		case shutNot:
			return false, true
		case shutHard:
			open = false
		}
	}
	var beforePriority uint64
	openLeft := hasBefore && !r.cutLeft
	if hasBefore {
		beforePriority = priority(p.level, before)
	}
	if openLeft {
		switch p.shutLeft(r, beforePriority) {
		case shutNot:
			return true, false
		case shutHard:
			openLeft = false
		}
	}
	if r.delta >= 0 || !open && !openLeft {
		return false, false
	}
	if bounded && (!hasBefore || p.priorityOfLast(last) >= beforePriority) {
		return false, open && r.weight+last.end.weight <= p.maximum()
	}
	// The weight of the closer before is not known here, but for its key's part.
	return openLeft && r.weight+weight(p.level, len(before), 0) <= p.maximum(), false
}

// shutRight looks from the closer at the end of r to the left. Of equal priorities that of
// the closer is the greater, as it comes later.
func (p *planner) shutRight(r *region) shut {
	least, sum := p.priorityOfLast(r.last()), 0
	for k := len(r.parts) - 1; k >= 0; k-- {
		part := &r.parts[k]
		if k < len(r.parts)-1 {
			if p.priorityOfLast(part) <= least {
				return shutNot
			}
			sum += part.end.weight
		}
		if part.least <= least {
			return shutNot
		}
		if sum += part.weight; sum >= p.maximum() {
			return shutHard
		}
	}
	return shutSoft
}

// shutLeft looks from the closer before r, of priority least, to the right.
func (p *planner) shutLeft(r *region, least uint64) shut {
	sum := 0
	for k := range r.parts {
		part := &r.parts[k]
		if part.least < least {
			return shutNot
		}
		// The last item of a level may be a closer, or not.
		if !part.closed && !part.isEmpty() && p.priorityOfLast(part) < least {
			return shutNot
		}
		if sum += part.weight; sum >= p.maximum() {
			return shutHard
		}
		if k < len(r.parts)-1 {
			if p.priorityOfLast(part) < least {
				return shutNot
			}
			sum += part.end.weight
		}
	}
	return shutSoft
}

// growRight takes in the closer at the end and the node after it.
func (p *planner) growRight(ctx context.Context, r *region) error {
	s, err := p.tree.next(ctx, r.last().spot)
	if err == nil {
		p.add(r, s, false)
	}
	return err
}

// growLeft takes in the closer before r and its node.
func (p *planner) growLeft(ctx context.Context, r *region) error {
	s, err := p.tree.prev(ctx, r.first().spot)
	if err == nil {
		p.add(r, s, true)
	}
	return err
}

// farRight says whether more than twice the maximum weighs on r after its last edit.
func (p *planner) farRight(r *region) bool {
	key, sum := p.edits[r.hi-1].Key, 0
	for k := len(r.parts) - 1; k >= 0; k-- {
		n := r.parts[k].n
		for i := n.len() - 1; i >= 0; i-- {
			if n.compare(i, key) <= 0 {
				return false
			}
			if k == len(r.parts)-1 && i == n.len()-1 {
				continue // the closer at the end, whose value the next region may change
			}
			if sum += n.weight(i); sum > 2*p.maximum() {
				return true
			}
		}
	}
	return false
}

// farLeft says whether more than twice the maximum weighs on r before its first edit.
func (p *planner) farLeft(r *region) bool {
	key, sum := p.edits[r.lo].Key, 0
	for _, part := range r.parts {
		for i := range part.n.len() {
			if part.n.compare(i, key) >= 0 {
				return false
			}
			if sum += part.n.weight(i); sum > 2*p.maximum() {
				return true
			}
		}
	}
	return false
}
