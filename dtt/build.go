package dtt

import (
	"math"
	"math/bits"
	"slices"
	"sort"
)

// Options steer the builders. The zero Options are the defaults. They never come from
// the machine at hand: the same lists, costs and options give the same tree everywhere.
type Options struct {
	// MinLeaf is the smallest cost that is worth a leaf of its own; 0 means 64. Choose it
	// so that it takes 5 microseconds or more.
	MinLeaf uint64
	// Workers is the number of workers to make room for; 0 means 16. A tree made for
	// more workers is good for fewer, not the other way round.
	Workers int
	// FreeOrder lets BuildReordering turn conflicting transactions around, too: any order
	// is as good as any other, as long as the block has one.
	FreeOrder bool
	// MaxClaims is how many units a cut may claim at most; 0 means 64.
	MaxClaims int
	// Claimable says which units a cut may claim; nil means all. A unit that stands for a
	// range has no one value, so that most executors cannot claim it.
	Claimable func(Unit) bool
}

func (o *Options) minLeaf() uint64 {
	if o.MinLeaf == 0 {
		return defaultMinLeaf
	}
	return min(o.MinLeaf, maxMinLeaf)
}

// small says whether a block of n transactions is too small to share: it is not worth two
// leaves.
func (o *Options) small(costs []uint32, n int) bool {
	least := 2 * o.minLeaf()
	sum := uint64(max(n-len(costs), 0))
	for part := range slices.Chunk(costs[:min(len(costs), n)], 64) {
		if sum >= least {
			return false
		}
		sum += total(part)
	}
	return sum < least
}

// total adds up costs. Two sums take half the time of one.
func total(costs []uint32) uint64 {
	even, odd := uint64(0), uint64(0)
	for len(costs) >= 2 {
		even += uint64(costs[0])
		odd += uint64(costs[1])
		costs = costs[2:]
	}
	for _, cost := range costs {
		even += uint64(cost)
	}
	return even + odd
}

const (
	defaultMinLeaf = 64
	defaultWorkers = 16
	maxWorkers     = 1 << 12
	maxMinLeaf     = 1 << 58 // some multiples of it fit in 64 bits

	branchesPerWorker = 4       // of a P, so that uneven ones even out
	visitsPerTx       = 16      // by scans, on the average; then the rest is serial
	maxLeaves         = 1 << 19 // about as many leaves as a tree gets at most
	buildLevels       = 2       // how often a P is looked for inside a branch of a P
	firstPatience     = 8       // smallest leaves to look at for a segment that pays
	leafBlock         = 1 << 10 // leaves that take their memory at once
	vainSearches      = 2       // of a whole range for one
)

// Build is Planner.Build with a planner of its own.
func Build(l *Lists, costs []uint32, opt Options) Tree {
	var p Planner
	return p.Build(l, costs, opt)
}

// Planner builds trees and keeps its memory, up to 40 bytes for each unit and about 50 for
// each transaction, from one build to the next. The zero Planner is ready. It is for one
// goroutine.
type Planner struct {
	lists   *Lists // reduced
	reducer reducer
	weights weights
	minLeaf uint64
	workers uint64

	visits, visitsMax int // of transactions, by scans

	units  []touched
	stamp  uint32   // of the current scan
	ranges []uint32 // of the current scan: where each range starts
	sums   []uint64 // memory of the weights
	chains chains
	leaves []node   // memory for leaves
	times  []uint64 // by transaction: how long the longest chain before it is
	waves  waves
	rounds rounds
}

// touched is what a scan knows of a unit.
type touched struct {
	tag   uint32 // the scan's stamp above the OR of the modes so far
	first uint32 // the position of the first access
}

const maxStamp = 1<<30 - 1

// Build returns a tree for the transactions in the order they have. Costs are by
// position; nil stands for 1 each, and so does a missing one. The tree always passes the
// check with the same lists.
//
// It takes the block apart from the top. A scan finds the finest division into ranges
// such that every two conflicting transactions are in one range: the ranges make a P. A
// range that is too large for a leaf is cut into segments, each as long as its own
// division pays, which make an S; and so on inside, a few levels deep. The time is in
// proportion to the number of accesses: what is left when the scans have taken their
// share runs serially.
func (p *Planner) Build(l *Lists, costs []uint32, opt Options) Tree {
	if opt.small(costs, l.Len()) {
		return Serial(l.Len())
	}
	p.begin(l, costs, opt)
	return p.given()
}

func (p *Planner) begin(l *Lists, costs []uint32, opt Options) {
	l = p.reducer.reduce(l)
	p.lists = l
	p.weights = weigh(p.sums, costs, l.Len())
	if p.weights.sums != nil {
		p.sums = p.weights.sums
	}
	p.workers = uint64(min(opt.Workers, maxWorkers))
	if opt.Workers <= 0 {
		p.workers = defaultWorkers
	}
	p.minLeaf = max(opt.minLeaf(), p.weights.between(0, l.Len())/maxLeaves+1)
	p.allow(visitsPerTx)
	if len(p.units) < l.Units() {
		p.units, p.stamp = make([]touched, l.Units()+l.Units()/4), 0
	}
}

// given returns the tree of the whole block in the order that it has. If there are so many
// leaves that a tree cannot hold them, it takes larger ones.
func (p *Planner) given() Tree {
	t := p.divide(0, p.lists.Len(), buildLevels)
	if t.Nodes() == 1 && t.Len() > MaxNodes/4 && p.minLeaf < maxMinLeaf {
		p.minLeaf *= 2
		p.visits = 0
		t = p.divide(0, p.lists.Len(), buildLevels)
		p.minLeaf /= 2
	}
	return t
}

// allow starts a count of visits: so many for each transaction, on the average.
func (p *Planner) allow(visits int) { p.visits, p.visitsMax = 0, visits*p.lists.Len() }

// divide returns the tree of the transactions a..b-1 as a P of the ranges that conflicts
// divide them into, if there are several.
func (p *Planner) divide(a, b, levels int) Tree {
	if p.weights.between(a, b) < 2*p.minLeaf {
		return Serial(b - a)
	}
	p.scan(a, b, unbounded)
	starts := slices.Clone(p.ranges)
	total := p.weights.between(a, b)
	target := max(p.minLeaf, total/(p.workers*branchesPerWorker))
	large := max(2*p.minLeaf, total/p.workers) // smaller ranges do not hold the P up
	var branches []Tree
	from := a // the start of the leaf being gathered
	flush := func(to int) {
		if to > from {
			branches = append(branches, p.leaf(to-from))
			from = to
		}
	}
	for i, start := range starts {
		end := b
		if i+1 < len(starts) {
			end = int(starts[i+1])
		}
		if p.weights.between(int(start), end) >= large && end-int(start) > 1 {
			flush(int(start))
			branches = append(branches, p.segment(int(start), end, levels-1))
			from = end
		} else if p.weights.between(from, end) >= target {
			flush(end)
		}
	}
	flush(b)
	return Par(branches...)
}

// leaf is Serial for a count that is right, with memory taken for many leaves at once.
func (p *Planner) leaf(count int) Tree {
	if len(p.leaves) == cap(p.leaves) {
		p.leaves = make([]node, 0, leafBlock)
	}
	p.leaves = append(p.leaves, node{count: uint32(count), end: 1, kind: Leaf})
	return Tree{nodes: p.leaves[len(p.leaves)-1 : len(p.leaves) : len(p.leaves)]}
}

// segment returns the tree of the transactions a..b-1, which are one range, as an S of
// segments that pay, each a P, and leaves between them.
func (p *Planner) segment(a, b, levels int) Tree {
	total := p.weights.between(a, b)
	if levels == 0 || total < 2*p.minLeaf || p.visits > p.visitsMax || p.longestChain(a, b) > total-total/8 {
		return p.leaf(b - a)
	}
	var s series
	p.walk(a, b, p.weights, p.scan, func(start, end int, pays bool) {
		if pays {
			s.add(p.divide(start, end, levels))
		} else {
			s.add(p.leaf(end - start))
		}
	})
	return s.tree()
}

// series gathers the parts of an S and joins neighbouring leaves.
type series struct {
	parts  []Tree
	serial int // transactions that wait to become a leaf
}

func (s *series) add(part Tree) {
	if part.Nodes() <= 1 {
		s.serial += part.Len()
		return
	}
	s.parts = append(s.parts, Serial(s.serial), part)
	s.serial = 0
}

func (s *series) tree() Tree { return Seq(append(s.parts, Serial(s.serial))...) }

// walk goes through the transactions a..b-1 and yields the segments that pay and what is
// between them. A segment starts where the last one ended or just behind, since the
// transaction at which that ended may be one that conflicts with all. The patience to
// find one grows by doubling, so that the time it takes is in proportion to the segment.
// After a few searches in vain up to the end it grows from one place to the next only,
// and the time is in proportion to what is passed over.
func (p *Planner) walk(a, b int, line weights, scan scanner, yield func(start, end int, pays bool)) {
	first := firstPatience * p.minLeaf
	patience, vain := first, 0
	for a < b && p.visits <= p.visitsMax {
		start, end, pays := p.search(a, b, patience, scan)
		for total := line.between(a, b); !pays && vain < vainSearches && patience < total; {
			patience *= 2
			start, end, pays = p.search(a, b, patience, scan)
		}
		if pays {
			yield(a, start, false)
			yield(start, end, true)
			a, patience = end, first
			continue
		}
		if vain++; vain <= vainSearches {
			patience = first
		}
		end = a + 1 + sort.Search(b-a-1, func(i int) bool { return line.between(a, a+1+i) >= patience/2 })
		yield(a, end, false)
		a, patience = end, min(2*patience, maxPatience)
	}
	yield(a, b, false)
}

// search looks for a segment that starts at a or just behind.
func (p *Planner) search(a, b int, patience uint64, scan scanner) (start, end int, pays bool) {
	for start = a; start < min(a+2, b) && !pays; start++ {
		end, pays = scan(start, b, patience)
	}
	return start - 1, end, pays
}

// scanner looks for the end of a segment that starts at a and ends at b at the latest. It
// gives up when no end that pays was found at a cost of patience. It returns the best
// end, and whether it pays.
type scanner func(a, b int, patience uint64) (end int, pays bool)

// unbounded is the patience of a scan of everything.
const unbounded = math.MaxUint64

// maxPatience can be doubled.
const maxPatience = 1 << 62

// scan goes through the transactions from a on and keeps in p.ranges where the ranges of
// those seen so far start. It is a scanner; with unbounded patience it goes to b.
//
// When a transaction conflicts with an earlier one, everything from there on becomes one
// range. For this it is enough to know, for each unit, its first access and the OR of its
// modes: when the OR becomes Write, the last access conflicts with some, and those with
// the first, so that all are in one range; and any later access conflicts with one of
// them.
func (p *Planner) scan(a, b int, patience uint64) (end int, pays bool) {
	if p.stamp == maxStamp {
		clear(p.units)
		p.stamp = 0
	}
	p.stamp++
	p.ranges = p.ranges[:0]
	largest := uint64(0) // cost of the largest range
	best := bestEnd{minLeaf: p.minLeaf, workers: p.workers, end: b}
	for tx := a; tx < b; tx++ {
		p.visits++
		start := p.touch(tx)
		if start < tx && patience != unbounded {
			total := p.weights.between(a, tx)
			best.consider(tx, total, largest)
			if best.passed(total, patience) {
				return best.end, best.total > 0
			}
		}
		for len(p.ranges) > 0 && int(p.ranges[len(p.ranges)-1]) > start {
			p.ranges = p.ranges[:len(p.ranges)-1]
		}
		if start == tx {
			p.ranges = append(p.ranges, uint32(tx))
		}
		top := int(p.ranges[len(p.ranges)-1])
		largest = max(largest, p.weights.between(top, tx+1))
	}
	best.consider(b, p.weights.between(a, b), largest)
	return best.end, best.total > 0
}

// touch notes the accesses of a transaction and returns the first position that has to be
// in one range with it.
func (p *Planner) touch(tx int) int {
	start := uint32(tx)
	for _, a := range p.lists.At(tx) {
		u, mode := &p.units[a.Unit()], uint32(a.Mode())
		if u.tag>>2 != p.stamp {
			*u = touched{tag: p.stamp<<2 | mode, first: uint32(tx)}
			continue
		}
		u.tag |= mode
		if Mode(u.tag&3) == Write {
			start = min(start, u.first)
		}
	}
	return int(start)
}

// bestEnd looks for the end of a segment: the last one whose division saves nearly as
// large a part of the segment's time as the best does.
type bestEnd struct {
	minLeaf, workers uint64
	end              int    // the best so far, or where the range ends
	total            uint64 // its cost; 0 as long as none pays
	share            uint64 // the largest part saved, in units of 1/shareUnit
}

const (
	shareUnit = 1 << 12
	minShare  = shareUnit / 8 // less does not pay
)

// consider accounts for a possible end, the cost up to it and that of its largest range.
func (e *bestEnd) consider(end int, total, largest uint64) {
	time := max(largest, total/e.workers, e.minLeaf)
	if total < time+e.minLeaf {
		return
	}
	hi, lo := bits.Mul64(total-time, shareUnit)
	share, _ := bits.Div64(hi, lo, total)
	if share < minShare || share < e.share-e.share/16 {
		return
	}
	e.end, e.total, e.share = end, total, max(share, e.share)
}

// passed says whether the scan has gone so far beyond the best end, or so far without
// one, that it should stop.
func (e *bestEnd) passed(total, patience uint64) bool {
	if e.total == 0 {
		return total > patience
	}
	return total > 2*e.total+4*e.minLeaf
}
