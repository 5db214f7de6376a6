package dtt

import "slices"

// visitsIfGiven is how often a transaction is visited, on the average, to see whether the
// given order will do.
const visitsIfGiven = 2

// BuildReordering is Planner.BuildReordering with a planner of its own.
func BuildReordering(l *Lists, costs []uint32, opt Options) (Tree, []uint32) {
	var p Planner
	return p.BuildReordering(l, costs, opt)
}

// BuildReordering returns a tree for the transactions in an order of its own choice, and
// that order: the transaction at position i of the tree is transaction order[i] of the
// lists. If the order is the given one it is nil, so that nobody has to copy the lists:
// that is so for every block that is not worth sharing. Conflicting transactions keep
// their relative order, so that the serial result is the same, unless opt.FreeOrder says
// that they need not; the tree always passes the check with l.Reorder(order).
//
// If conflicts divide the block well as it is, it keeps its order. Otherwise transactions
// queue up by the time at which they should run, and waves take from the queue what does
// not conflict. With a free order it plays tournaments between groups of units, and takes
// the way that should take the least time with two and with eight workers.
func (p *Planner) BuildReordering(l *Lists, costs []uint32, opt Options) (Tree, []uint32) {
	if opt.small(costs, l.Len()) {
		return Serial(l.Len()), nil
	}
	p.begin(l, costs, opt)
	best := p.reordered(opt.FreeOrder)
	if slices.IsSorted(best.order) {
		return best.tree, nil
	}
	return best.tree, best.order
}

// reordered returns the best candidate.
func (p *Planner) reordered(free bool) candidate {
	n := p.lists.Len()
	work := p.weights.between(0, n)
	best := candidate{Serial(n), nil, work, work}
	loose := p.loose(work)
	if loose {
		p.allow(visitsIfGiven)
		best = p.candidate(p.given(), nil)
	}
	if free {
		return p.free(best, work)
	}
	chain := p.earliest()
	if chain > work-work/8 || p.near(best, max(chain, work/2), max(chain, work/8)) {
		return best
	}
	return p.inWaves(best, chain, loose)
}

// inWaves returns the better one of a candidate and the tree by waves. That of a block
// that is not loose is worse.
func (p *Planner) inWaves(best candidate, chain uint64, loose bool) candidate {
	tree, order := p.waves.build(p, chain)
	if !loose {
		return candidate{tree: tree, order: order}
	}
	return p.better(best, p.candidate(tree, order))
}

// free returns the best candidate in any order, given one in the order that the block has.
func (p *Planner) free(best candidate, work uint64) candidate {
	heaviest := p.heaviest()
	two, eight := max(work/2, heaviest), max(work/8, heaviest)
	if p.near(best, two, eight) || heaviest > work-work/8 {
		return best
	}
	for _, lanes := range [...]int{16, 8, 32} {
		best = p.better(best, p.candidate(p.rounds.build(p, lanes)))
		if p.near(best, two, eight) {
			return best
		}
	}
	return p.inWaves(best, p.earliest(), true)
}

// loose says whether the given order leaves no range with much of the work.
func (p *Planner) loose(work uint64) bool {
	p.scan(0, p.lists.Len(), unbounded)
	for i, start := range p.ranges {
		end := p.lists.Len()
		if i+1 < len(p.ranges) {
			end = int(p.ranges[i+1])
		}
		if p.weights.between(int(start), end) > work/8 {
			return false
		}
	}
	return true
}

// heaviest returns the cost of the transactions that write the unit for which it is the
// largest: no order lets them run side by side.
func (p *Planner) heaviest() uint64 {
	loads, heaviest := make([]uint64, p.lists.Units()), uint64(0)
	for tx := range p.lists.Len() {
		for _, a := range p.lists.At(tx) {
			if a.Mode() == Write {
				loads[a.Unit()] += p.weights.between(tx, tx+1)
				heaviest = max(heaviest, loads[a.Unit()])
			}
		}
	}
	return heaviest
}

// candidate is a tree with the time that it takes two and eight workers.
type candidate struct {
	tree       Tree
	order      []uint32 // nil for the given one
	two, eight uint64
}

func (p *Planner) candidate(t Tree, order []uint32) candidate {
	w, plan := p.weigh(order), newPlan(t)
	return candidate{t, order, plan.makespan(w, 2), plan.makespan(w, 8)}
}

// better returns the candidate that takes less processor time, with something for each
// leaf. If there is not much in it, it is the first.
func (p *Planner) better(a, b candidate) candidate {
	score := func(c candidate) uint64 { return 2*c.two + 8*c.eight + uint64(c.tree.Leaves())*p.minLeaf/8 }
	if x := score(a); x <= score(b)+x/64 {
		return a
	}
	return b
}

// near says whether a candidate is near the given bounds of the time with two and with
// eight workers.
func (p *Planner) near(c candidate, two, eight uint64) bool {
	return c.two <= two+two/64 && c.eight <= eight+eight/8
}

// weigh returns the weights of the transactions in another order, or in the given one for
// nil.
func (p *Planner) weigh(order []uint32) weights {
	if p.weights.sums == nil || order == nil {
		return p.weights
	}
	sums := make([]uint64, 1, len(order)+1)
	for i, tx := range order {
		sums = append(sums, sums[i]+p.weights.between(int(tx), int(tx)+1))
	}
	return weights{sums}
}
