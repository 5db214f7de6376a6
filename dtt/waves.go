package dtt

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

const (
	waveMisses  = 6  // transactions looked at in vain in a wave, for each lane
	waveGroups  = 8  // that one transaction may join
	waveParts   = 64 // waves that a block is worth at least if it is wide
	widerAfter  = 16 // wide waves in a row
	laneUnit    = 16 // lanes are counted in this part of one
	severalOnes = none - 1
)

// waves builds the tree of a block in which conflicting transactions keep their order. The
// transactions queue up by their time; see timeline. A wave goes through the queue and takes
// what it can: a transaction joins the groups that it conflicts with into one, as long as
// that takes no longer than a wave may. What is left waits, and so do those further back
// that conflict with it. A wave is a P of its groups, and the waves are an S.
//
// A wave takes no more than fills its lanes: as many as the block keeps busy on the average
// while its longest chain of conflicts goes on, and some more. How long it may take follows
// from how it went so far: twice as long after some waves that were as wide as that, half as
// long after a narrow one.
type waves struct {
	*Planner
	order  []uint32 // placed so far
	tree   flat
	queue  []waiting
	taken  []taken   // by the current wave
	held   []waiting // and what it left
	groups []group
	units  []waveUnit
	wave   uint32
	lanes  uint64 // in parts of one
	room   uint64 // lanes that are filled at most
	bins   []bin  // of the current wave; bins[0] is none
	sorted []uint32
}

// waiting is a transaction in the queue.
type waiting struct{ tx, cost uint32 }

// taken is a transaction in a wave.
type taken struct {
	waiting
	in uint32 // its group, in the end its bin
}

// waveUnit is what the current wave knows of a unit.
type waveUnit struct {
	wave  uint32
	group uint32 // of those that access it, or none or severalOnes
	taken Mode   // OR of the modes of those taken
	held  Mode   // OR of the modes of those that wait
}

// group is a set of transactions, in a forest of unions.
type group struct {
	parent uint32
	bin    uint32 // of a root
	load   uint64 // of a root
}

// bin is a branch of a wave's P.
type bin struct {
	load  uint64
	count uint32
	next  uint32 // where the next transaction goes
	side  uint8  // of two workers, the one to run it
	full  bool   // nothing more can be taken out
}

// build returns a tree and its order. The chain is the length of the longest one, which
// Planner.earliest has found last.
func (s *waves) build(p *Planner, chain uint64) (Tree, []uint32) {
	s.begin(p, chain)
	work := p.weights.between(0, p.lists.Len())
	if s.whole(chain + chain/8) {
		s.pack(max(chain, p.minLeaf, work/(p.workers*branchesPerWorker)))
		s.arrange()
		return s.tree.series(), s.order
	}
	longest := max(work/p.workers/waveParts, p.minLeaf)
	limit, wide := longest, 0
	for len(s.queue) > 0 && p.visits <= p.visitsMax && len(s.tree.nodes) < MaxNodes-MaxNodes/16 {
		seen := s.gather(limit)
		total, most := s.emit()
		s.putBack(seen)
		if total < scale(most, s.lanes*7/8, laneUnit) {
			limit, wide = max(limit/2, p.minLeaf), 0
		} else if wide++; wide >= widerAfter {
			limit, wide = min(2*limit, longest), 0
		}
	}
	for _, w := range s.queue {
		s.order = append(s.order, w.tx)
	}
	s.tree.leaf(len(s.queue))
	return s.tree.series(), s.order
}

func (s *waves) begin(p *Planner, chain uint64) {
	s.Planner = p
	n, units := p.lists.Len(), p.lists.Units()
	if len(s.units) < units || s.wave > maxStamp {
		s.units, s.wave = make([]waveUnit, units+units/4), 0
	}
	p.allow(visitsPerTx)
	s.order = make([]uint32, 0, n)
	s.tree.reset()
	work := p.weights.between(0, n)
	s.lanes = min(scale(laneUnit, work, max(chain, 1)), laneUnit*p.workers)
	s.room = max(min(s.lanes+s.lanes/3, laneUnit*p.workers), 2*laneUnit)
	s.queue = slices.Grow(s.queue[:0], n)
	for _, tx := range p.timeline(chain) {
		s.queue = append(s.queue, waiting{tx, uint32(p.weights.between(int(tx), int(tx)+1))})
	}
}

// next begins a wave.
func (s *waves) next() {
	s.wave++
	s.taken, s.held, s.groups = s.taken[:0], s.held[:0], s.groups[:0]
}

// whole gathers a wave of the whole block, if all of its groups are within the limit.
func (s *waves) whole(limit uint64) bool {
	s.next()
	for _, w := range s.queue {
		s.visits++
		if !s.join(w, limit) {
			return false
		}
	}
	return true
}

// gather gathers a wave that takes no longer than the limit, or than the first transaction,
// and returns how much of the queue it has seen.
func (s *waves) gather(limit uint64) int {
	s.next()
	limit = max(limit, uint64(s.queue[0].cost))
	total, enough := uint64(0), scale(limit, s.room, laneUnit)
	misses := int(waveMisses * s.room / laneUnit)
	for i, w := range s.queue {
		s.visits++
		if s.join(w, limit) {
			if total += uint64(w.cost); total >= enough {
				return i + 1
			}
			continue
		}
		s.held = append(s.held, w)
		for _, a := range s.lists.At(int(w.tx)) {
			s.unit(a).held |= a.Mode()
		}
		if len(s.held) > len(s.taken)+misses {
			return i + 1
		}
	}
	return len(s.queue)
}

// unit returns what the wave knows of the unit of an access.
func (s *waves) unit(a Access) *waveUnit {
	u := &s.units[a.Unit()]
	if u.wave != s.wave {
		*u = waveUnit{wave: s.wave, group: none}
	}
	return u
}

// join takes a transaction into the wave, if that can be.
func (s *waves) join(w waiting, limit uint64) bool {
	var roots [waveGroups]uint32
	count, load := 0, uint64(w.cost)
	run := s.lists.At(int(w.tx))
	for _, a := range run {
		u := s.unit(a)
		if u.held|a.Mode() == Write && u.held != 0 {
			return false
		}
		if u.group == none || u.taken|a.Mode() != Write {
			continue
		}
		if u.group == severalOnes {
			return false
		}
		g := s.root(u.group)
		if slices.Contains(roots[:count], g) {
			continue
		}
		if count == waveGroups {
			return false
		}
		roots[count] = g
		count++
		load += s.groups[g].load
	}
	if load > limit {
		return false
	}
	g := uint32(len(s.groups))
	if count == 0 {
		s.groups = append(s.groups, group{parent: g})
	} else {
		g = roots[0]
	}
	for _, root := range roots[:count] {
		s.groups[root].parent = g
	}
	s.groups[g].load = load
	s.enter(run, g)
	s.taken = append(s.taken, taken{w, g})
	return true
}

// enter notes the accesses of a transaction of a group.
func (s *waves) enter(run []Access, g uint32) {
	for _, a := range run {
		u := &s.units[a.Unit()]
		u.taken |= a.Mode()
		if u.group == none || u.taken == Write {
			u.group = g
		} else if u.group != severalOnes && s.root(u.group) != g {
			u.group = severalOnes
		}
	}
}

func (s *waves) root(g uint32) uint32 {
	for s.groups[g].parent != g {
		up := s.groups[g].parent
		s.groups[g].parent = s.groups[up].parent
		g = up
	}
	return g
}

// emit makes a P of the wave and returns its cost and that of its longest branch.
func (s *waves) emit() (total, longest uint64) {
	for i := range s.groups {
		if g := &s.groups[i]; g.parent == uint32(i) {
			longest = max(longest, g.load)
			total += g.load
		}
	}
	s.pack(max(longest, s.minLeaf))
	s.trim()
	s.arrange()
	return total, longest
}

// pack puts the groups into bins, small ones together as long as they fit in the room of
// one, and sorts the bins: long ones are started first.
func (s *waves) pack(room uint64) {
	s.bins = append(s.bins[:0], bin{})
	open := uint32(0) // the bin for small groups, or none
	for i := range s.groups {
		g := &s.groups[i]
		if g.parent != uint32(i) {
			continue
		}
		g.bin = open
		if open == 0 || s.bins[open].load+g.load > room {
			g.bin = uint32(len(s.bins))
			s.bins = append(s.bins, bin{})
		}
		s.bins[g.bin].load += g.load
		if open == 0 || s.bins[g.bin].load < s.bins[open].load {
			open = g.bin
		}
	}
	for i := range s.taken {
		t := &s.taken[i]
		t.in = s.groups[s.root(t.in)].bin
		s.bins[t.in].count++
	}
	s.sorted = s.sorted[:0]
	for x := range s.bins[1:] {
		s.sorted = append(s.sorted, uint32(x+1))
	}
	slices.SortFunc(s.sorted, func(x, y uint32) int { return cmp.Or(cmp.Compare(s.bins[y].load, s.bins[x].load), cmp.Compare(x, y)) })
}

// trim takes transactions out of the wave so that two workers finish it at about the same
// time: the last ones of a branch, but none of the longest. They are then in no bin.
func (s *waves) trim() {
	var sides [2]uint64
	for _, x := range s.sorted {
		b := &s.bins[x]
		if sides[1] < sides[0] {
			b.side = 1
		}
		sides[b.side] += b.load
	}
	heavy := uint8(0)
	if sides[1] > sides[0] {
		heavy = 1
	}
	excess := sides[heavy] - sides[1-heavy]
	s.bins[s.sorted[0]].full = true
	for i := len(s.taken) - 1; i >= 0 && excess > 0; i-- {
		t := &s.taken[i]
		b := &s.bins[t.in]
		if b.side != heavy || b.full {
			continue
		}
		if uint64(t.cost) > excess || t.cost == 0 {
			b.full = true
			continue
		}
		excess -= uint64(t.cost)
		b.load -= uint64(t.cost)
		b.count--
		t.in = 0
	}
}

// arrange puts the transactions of the wave into their order.
func (s *waves) arrange() {
	next := uint32(len(s.order))
	for _, x := range s.sorted {
		b := &s.bins[x]
		b.next = next
		next += b.count
		s.tree.branch(int(b.count))
	}
	s.tree.close()
	s.order = s.order[:next]
	for _, t := range s.taken {
		if t.in != 0 {
			b := &s.bins[t.in]
			s.order[b.next] = t.tx
			b.next++
		}
	}
}

// putBack puts what the wave has seen but not taken at the head of the queue. What was
// taken out again conflicts with nothing ahead of it that waits.
func (s *waves) putBack(seen int) {
	seen -= len(s.held)
	copy(s.queue[seen:], s.held)
	for i := len(s.taken) - 1; i >= 0; i-- {
		if t := &s.taken[i]; t.in == 0 {
			seen--
			s.queue[seen] = t.waiting
		}
	}
	s.queue = s.queue[seen:]
}

// timeline returns the transactions in the order of their time. Unlimited workers could
// start a transaction at the earliest when the longest chain of conflicts before it is
// done, and at the latest so that the longest one behind it is done in time; its time is
// between the two, the nearer to the latest the later it is in the block. So a chain that
// determines the length of the block takes all of the time, the rest is spread evenly
// beside it, and conflicting transactions keep their order: of two, the second has the
// later earliest and latest times, and the larger part of the way between them.
//
// The earliest times are those that earliest has found last.
func (p *Planner) timeline(chain uint64) []uint32 {
	n := p.lists.Len()
	times := p.times
	p.chains.reset(p.lists.Units())
	for tx := n - 1; tx >= 0; tx-- {
		latest := chain - p.chains.add(p.lists.At(tx), p.weights.between(tx, tx+1))
		times[tx] += scale(latest-times[tx], uint64(tx), uint64(n))
	}
	// Sort by counting, into as many classes of time as there are transactions.
	starts := make([]uint32, n+1)
	for tx := range times {
		times[tx] = scale(uint64(n-1), times[tx], chain+1)
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

// scale returns x*part/whole, or the largest number if that is larger still.
func scale(x, part, whole uint64) uint64 {
	hi, lo := bits.Mul64(x, part)
	if hi >= whole {
		return math.MaxUint64
	}
	q, _ := bits.Div64(hi, lo, whole)
	return q
}
