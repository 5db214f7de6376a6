package dtt

import (
	"cmp"
	"math/bits"
	"slices"
)

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
// lists. Conflicting transactions keep their relative order, so that the serial result is
// the same, unless opt.FreeOrder says that they need not; the tree always passes the
// check with l.Reorder(order).
//
// It puts the transactions on a timeline, cuts that into stages that run one after
// another, and makes of each stage a P of groups that do not conflict. With a free order
// it plays tournaments between groups of units. If the given order does about as well, it
// is kept; otherwise the way that should take the least time with two and with eight
// workers.
func (p *Planner) BuildReordering(l *Lists, costs []uint32, opt Options) (Tree, []uint32) {
	p.begin(l, costs, opt)
	n := l.Len()
	order := make([]uint32, n)
	for i := range order {
		order[i] = uint32(i)
	}
	work := p.weights.between(0, n)
	if opt.FreeOrder {
		return p.buildFree(order, work)
	}
	p.allow(visitsIfGiven)
	best := p.candidate(p.given(), order)
	chain := p.longestChain(0, n)
	if chain > work-work/8 || p.near(best, max(chain, work/2), max(chain, work/8)) {
		return best.tree, best.order
	}
	return p.staged(best, chain)
}

// staged returns the better one of a tree and that by stages.
func (p *Planner) staged(best candidate, chain uint64) (Tree, []uint32) {
	s := &p.stages
	s.begin(p, chain)
	tree := s.build()
	best = p.better(best, p.candidate(tree, s.order))
	return best.tree, slices.Clone(best.order)
}

// buildFree builds a tree in any order; the given one is the identity.
func (p *Planner) buildFree(order []uint32, work uint64) (Tree, []uint32) {
	best := candidate{Serial(len(order)), order, work, work}
	if p.loose(work) {
		best = p.candidate(p.given(), order)
	}
	heaviest := p.heaviest()
	two, eight := max(work/2, heaviest), max(work/8, heaviest)
	if p.near(best, two, eight) || heaviest > work-work/8 {
		return best.tree, best.order
	}
	for _, lanes := range [...]int{16, 8, 32} {
		best = p.better(best, p.candidate(p.rounds.build(p, lanes)))
		if p.near(best, two, eight) {
			return best.tree, best.order
		}
	}
	return p.staged(best, p.longestChain(0, len(order)))
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
	order      []uint32
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

// stages builds the tree of a reordered block.
type stages struct {
	*Planner
	order   []uint32 // first the timeline, in the end the block's order
	line    weights  // of the timeline
	units   []shared // what the current scan knows of each unit
	scans   uint32
	groups  []group
	members []member
	bins    []bin    // of the current stage; bins[0] is none
	moved   []uint32 // memory of pack
}

// shared is what a scan knows of a unit.
type shared struct {
	tag    uint32 // the scan's number above the OR of the modes so far
	member uint32 // the last access, or one that stands for all if the OR is Write
}

// member is an access of a unit that was only read, or only changed by deltas, so far.
type member struct{ group, next uint32 }

// group is a set of transactions, in a forest of unions.
type group struct {
	parent uint32
	bin    uint32 // of a root, once assigned; 0 is none
	load   uint64 // of a root
}

func (s *stages) begin(p *Planner, chain uint64) {
	s.Planner = p
	if len(s.units) < p.lists.Units() {
		s.units, s.scans = make([]shared, p.lists.Units()), 0
	}
	p.allow(visitsPerTx)
	s.order = s.timeline(chain)
	s.line = s.weigh(s.order)
}

// weigh returns the weights of the transactions in another order.
func (p *Planner) weigh(order []uint32) weights {
	if p.weights.sums == nil {
		return weights{}
	}
	sums := make([]uint64, 1, len(order)+1)
	for i, tx := range order {
		sums = append(sums, sums[i]+p.weights.between(int(tx), int(tx)+1))
	}
	return weights{sums}
}

// timeline returns the transactions in the order of their time. Unlimited workers could
// start a transaction at the earliest when the longest chain of conflicts before it is
// done, and at the latest so that the longest one behind it is done in time; its time is
// between the two, the nearer to the latest the later it is in the block. So a chain that
// determines the length of the block takes all of the time, the rest is spread evenly
// beside it, and conflicting transactions keep their order: of two, the second has the
// later earliest and latest times, and the larger part of the way between them.
func (s *stages) timeline(chain uint64) []uint32 {
	n := s.lists.Len()
	times := make([]uint64, n)
	s.chains.reset(s.lists.Units())
	for tx := range n {
		cost := s.weights.between(tx, tx+1)
		times[tx] = s.chains.add(s.lists.At(tx), cost) - cost
	}
	s.chains.reset(s.lists.Units())
	for tx := n - 1; tx >= 0; tx-- {
		latest := chain - s.chains.add(s.lists.At(tx), s.weights.between(tx, tx+1))
		times[tx] += portion(latest-times[tx], uint64(tx), uint64(n))
	}
	// Sort by counting, into as many classes of time as there are transactions.
	starts := make([]uint32, n+1)
	for tx := range times {
		times[tx] = portion(uint64(n-1), times[tx], chain+1)
		starts[times[tx]+1]++
	}
	for i := 1; i <= n; i++ {
		starts[i] += starts[i-1]
	}
	order := make([]uint32, n)
	for tx, time := range times {
		order[starts[time]] = uint32(tx)
		starts[time]++
	}
	return order
}

// portion returns x*part/whole; part must be below whole.
func portion(x, part, whole uint64) uint64 {
	hi, lo := bits.Mul64(x, part)
	q, _ := bits.Div64(hi, lo, whole)
	return q
}

// build cuts the timeline into stages and returns the tree.
func (s *stages) build() Tree {
	var parts series
	s.walk(0, len(s.order), s.line, s.scan, func(start, end int, pays bool) {
		if pays {
			parts.add(s.pack(start, end))
		} else {
			parts.add(Serial(end - start))
		}
	})
	return parts.tree()
}

// scan is a scanner of the timeline: a stage is divided into groups, the connected
// components of the conflicts in it.
func (s *stages) scan(a, b int, patience uint64) (end int, pays bool) {
	if s.scans == maxStamp {
		clear(s.units)
		s.scans = 0
	}
	s.scans++
	s.groups, s.members = s.groups[:0], s.members[:0]
	largest := uint64(0) // cost of the largest group
	best := bestEnd{minLeaf: s.minLeaf, workers: s.workers, end: b}
	for i := a; i < b; i++ {
		s.visits++
		g := uint32(len(s.groups))
		s.groups = append(s.groups, group{parent: g, load: s.line.between(i, i+1)})
		for _, access := range s.lists.At(int(s.order[i])) {
			g = s.connect(g, access)
		}
		if load := s.groups[g].load; load > largest {
			if patience != unbounded {
				total := s.line.between(a, i)
				best.consider(i, total, largest)
				if best.passed(total, patience) {
					return best.end, best.total > 0
				}
			}
			largest = load
		}
	}
	best.consider(b, s.line.between(a, b), largest)
	return best.end, best.total > 0
}

// connect accounts for an access by a transaction of group g and returns the group that
// it is in then.
func (s *stages) connect(g uint32, a Access) uint32 {
	u := &s.units[a.Unit()]
	if u.tag>>2 != s.scans {
		*u = shared{tag: s.scans<<2 | uint32(a.Mode()), member: s.member(g, none)}
		return g
	}
	u.tag |= uint32(a.Mode())
	if Mode(u.tag&3) != Write {
		u.member = s.member(g, u.member)
		return g
	}
	for m := u.member; m != none; m = s.members[m].next {
		g = s.unite(g, s.root(s.members[m].group))
	}
	s.members[u.member].next = none
	return g
}

func (s *stages) member(g, next uint32) uint32 {
	s.members = append(s.members, member{g, next})
	return uint32(len(s.members) - 1)
}

// unite unites two groups, given by their roots. The older one stays the root.
func (s *stages) unite(a, b uint32) uint32 {
	if a == b {
		return a
	}
	a, b = min(a, b), max(a, b)
	s.groups[b].parent = a
	s.groups[a].load += s.groups[b].load
	return a
}

func (s *stages) root(g uint32) uint32 {
	for s.groups[g].parent != g {
		up := s.groups[g].parent
		s.groups[g].parent = s.groups[up].parent
		g = up
	}
	return g
}

// bin is one branch of a stage's P.
type bin struct {
	load        uint64
	count, next uint32 // transactions, and where the next one goes
}

// pack turns a stage of the timeline into a P whose branches are one large group or some
// small ones, and puts its transactions into their final order. A branch keeps the order
// of the timeline. Large branches come first, since they are started first.
func (s *stages) pack(a, b int) Tree {
	s.scan(a, b, unbounded)
	target := max(s.minLeaf, s.line.between(a, b)/(s.workers*branchesPerWorker))
	bins := make([]bin, 1, 2*s.workers*branchesPerWorker) // bins[0] is none
	filling := uint32(0)                                  // the bin for small groups
	for i := range s.groups {
		root := &s.groups[s.root(uint32(i))]
		if root.bin == 0 {
			root.bin = filling
			if large := root.load >= target; large || bins[filling].load >= target || filling == 0 {
				bins = append(bins, bin{})
				root.bin = uint32(len(bins) - 1)
				if !large {
					filling = root.bin
				}
			}
			bins[root.bin].load += root.load
		}
		bins[root.bin].count++
	}
	s.bins = bins
	return s.arrange(a, b, 2*target)
}

// arrange puts the transactions of a stage, whose groups are in bins, into their final
// order, the bins by how many times the cost large fits in them, and returns the P.
func (s *stages) arrange(a, b int, large uint64) Tree {
	bins := s.bins
	sorted := make([]uint32, 0, len(bins))
	for x := 1; x < len(bins); x++ {
		sorted = append(sorted, uint32(x))
	}
	slices.SortStableFunc(sorted, func(x, y uint32) int {
		return cmp.Compare(bins[y].load/large, bins[x].load/large)
	})
	branches := make([]Tree, 0, len(sorted))
	next := uint32(a)
	for _, x := range sorted {
		bins[x].next = next
		next += bins[x].count
		branches = append(branches, Serial(int(bins[x].count)))
	}
	s.moved = append(s.moved[:0], s.order[a:b]...)
	for i, tx := range s.moved {
		to := &bins[s.groups[s.root(uint32(i))].bin]
		s.order[to.next] = tx
		to.next++
	}
	return Par(branches...)
}
