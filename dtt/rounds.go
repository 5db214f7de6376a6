package dtt

import (
	"cmp"
	"slices"
)

const (
	groupedCount = 16 // accesses that a unit needs to be in a group
	maxPasses    = 6  // of a tournament
	minLanesFull = 5  // quarters of a lane that a round must be worth
	roundWindow  = 48 // transactions looked at in a round, for each lane
)

// rounds builds the tree of a block whose order is free, also that of transactions that
// conflict. It works in rounds: in each, every lane owns some units, and takes only
// transactions that touch no unit of another lane. A round is a P, its lanes are leaves.
//
// Which lane owns a unit that many touch is set by a tournament. The units are put in two
// groups for each lane, of even load, by taking the heaviest first (Graham's LPT rule).
// Every two groups meet in a lane of one of the rounds, as teams do in a round robin (the
// 1-factorisation of a complete graph): there all that touches the two can run. What
// touches one group runs in any round and evens the lanes out, and units that few touch
// belong to who comes first. What finds no place goes to the next pass, with groups of
// its own, and in the end to short rounds without groups.
type rounds struct {
	*Planner
	lanes   int
	stats   []stat
	owners  []owner
	round   uint32
	order   []uint32 // the transactions placed so far
	parts   []Tree
	lane    []lane
	loads   []uint64 // by group: of what is not placed yet
	pending []item   // not placed in this pass, in the next one its input
	classes []uint32 // where each class of the pass starts in sorted; see class
	sorted  []item
}

// item is a transaction. Its cost is at hand, since its place in the block is far from
// that of its neighbours in a class.
type item struct {
	tx, cost uint32
	class    uint32
	loose    bool // it accesses units outside the groups
}

// stat is what a pass knows of a unit.
type stat struct {
	load   uint64
	count  uint32
	writes uint32
	group  uint16 // 1 more than its number; 0 is none
}

// owner is what a round knows of a unit outside the groups.
type owner struct {
	round uint32
	mode  Mode
	lane  int16 // or several
}

const several = -1

type lane struct {
	load   uint64
	txs    []uint32
	groups [2]int // or none
	fixed  []item // what touches both
}

const noGroup = -1

// build returns a tree and its order.
func (s *rounds) build(p *Planner, lanes int) (Tree, []uint32) {
	s.begin(p, lanes)
	for pass := 0; pass < maxPasses && len(s.pending) > 0; pass++ {
		left := cost(s.pending)
		if left < 4*s.minLeaf*uint64(s.lanes) || !s.tournament() {
			break
		}
		if cost(s.pending) > left-left/4 {
			break
		}
	}
	s.finish()
	return Seq(s.parts...), s.order
}

func (s *rounds) begin(p *Planner, lanes int) {
	s.Planner, s.lanes = p, lanes
	n, units := p.lists.Len(), p.lists.Units()
	if len(s.stats) < units {
		s.stats = make([]stat, units+units/4)
	}
	if len(s.owners) < units || s.round > maxStamp {
		s.owners, s.round = make([]owner, units+units/4), 0
	}
	s.order, s.parts = make([]uint32, 0, n), s.parts[:0]
	s.lane = make([]lane, s.lanes)
	s.loads = make([]uint64, 2*s.lanes)
	s.pending = slices.Grow(s.pending[:0], n)
	for tx := range n {
		s.pending = append(s.pending, item{tx: uint32(tx), cost: uint32(s.weights.between(tx, tx+1))})
	}
}

func cost(items []item) uint64 {
	sum := uint64(0)
	for i := range items {
		sum += uint64(items[i].cost)
	}
	return sum
}

// count fills the stats from the pending transactions and returns their cost and the
// largest load of a unit.
func (s *rounds) count() (total, largest uint64) {
	clear(s.stats[:s.lists.Units()])
	for i := range s.pending {
		tx := &s.pending[i]
		total += uint64(tx.cost)
		for _, a := range s.lists.At(int(tx.tx)) {
			u := &s.stats[a.Unit()]
			u.count++
			if a.Mode() == Write {
				u.load += uint64(tx.cost)
				u.writes++
				largest = max(largest, u.load)
			}
		}
	}
	return total, largest
}

// offer puts a transaction in a lane, or makes it wait if another one owns a unit.
func (s *rounds) offer(k int, tx *item) {
	if tx.loose {
		if at, ok := s.owner(tx.tx); !ok || at != none && int(at) != k {
			s.pending = append(s.pending, *tx)
			return
		}
	}
	s.take(k, tx)
}

// owner returns the lane that owns units of a transaction, none if no lane does, and
// false if several do. Units in groups do not count.
func (s *rounds) owner(tx uint32) (uint32, bool) {
	at := none
	for _, a := range s.lists.At(int(tx)) {
		if s.stats[a.Unit()].group != 0 {
			continue
		}
		o := &s.owners[a.Unit()]
		if o.round != s.round || o.mode|a.Mode() != Write {
			continue
		}
		if o.lane == several || at != none && at != uint32(o.lane) {
			return none, false
		}
		at = uint32(o.lane)
	}
	return at, true
}

func (s *rounds) take(k int, tx *item) {
	l := &s.lane[k]
	l.load += uint64(tx.cost)
	l.txs = append(l.txs, tx.tx)
	if !tx.loose {
		return
	}
	for _, a := range s.lists.At(int(tx.tx)) {
		o := &s.owners[a.Unit()]
		if o.round != s.round {
			*o = owner{s.round, a.Mode(), int16(k)}
			continue
		}
		o.mode |= a.Mode()
		if o.lane != int16(k) {
			o.lane = several
		}
	}
}

// fill fills the lanes up to the target, and all together up to total, with transactions
// that touch no group, and returns how many it looked at. Those that find no place wait.
func (s *rounds) fill(txs []item, target, total uint64) int {
	misses, taken, sum := 0, 0, uint64(0)
	for k := range s.lane {
		sum += s.lane[k].load
	}
	for i := range txs {
		tx := &txs[i]
		if sum >= total {
			return i
		}
		at, ok := s.owner(tx.tx)
		if ok && at == none {
			at = s.emptiest()
			if s.lane[at].load >= target {
				return i
			}
		}
		if ok && s.lane[at].load < target {
			s.take(int(at), tx)
			sum += uint64(tx.cost)
			taken++
			continue
		}
		s.pending = append(s.pending, *tx)
		if misses++; misses > taken+roundWindow*s.lanes {
			return i + 1
		}
	}
	return len(txs)
}

func (s *rounds) emptiest() uint32 {
	least := 0
	for k := range s.lane {
		if s.lane[k].load < s.lane[least].load {
			least = k
		}
	}
	return uint32(least)
}

// emit makes a P of the lanes, the longest first, and returns the time of the longest and
// that of all.
func (s *rounds) emit() (longest, total uint64) {
	slices.SortStableFunc(s.lane, func(a, b lane) int { return cmp.Compare(b.load, a.load) })
	longest = s.lane[0].load
	leaves := make([]Tree, 0, len(s.lane))
	for k := range s.lane {
		l := &s.lane[k]
		total += l.load
		leaves = append(leaves, Serial(len(l.txs)))
		s.order = append(s.order, l.txs...)
		l.load, l.txs = 0, l.txs[:0]
	}
	s.append(Par(leaves...))
	return longest, total
}

// trim takes transactions out of a round so that two workers finish its lanes, the
// longest first, at about the same time. The longest lane stays as it is.
func (s *rounds) trim() {
	slices.SortStableFunc(s.lane, func(a, b lane) int { return cmp.Compare(b.load, a.load) })
	var sides [2]uint64
	side := make([]int, len(s.lane))
	for k := range s.lane {
		if sides[1] < sides[0] {
			side[k] = 1
		}
		sides[side[k]] += s.lane[k].load
	}
	heavy := 0
	if sides[1] > sides[0] {
		heavy = 1
	}
	excess := sides[heavy] - sides[1-heavy]
	for k := len(s.lane) - 1; k > 0; k-- {
		l := &s.lane[k]
		for side[k] == heavy && len(l.txs) > 0 {
			last := l.txs[len(l.txs)-1]
			tx := item{tx: last, cost: uint32(s.weights.between(int(last), int(last)+1))}
			if uint64(tx.cost) > excess || tx.cost == 0 {
				break
			}
			excess -= uint64(tx.cost)
			l.load -= uint64(tx.cost)
			l.txs = l.txs[:len(l.txs)-1]
			s.pending = append(s.pending, tx)
		}
	}
}

// append adds a part to the series. Neighbouring leaves become one.
func (s *rounds) append(t Tree) {
	if n := len(s.parts); n > 0 && s.parts[n-1].Nodes() == 1 && t.Nodes() == 1 {
		s.parts[n-1] = Serial(s.parts[n-1].Len() + t.Len())
	} else if t.Len() > 0 {
		s.parts = append(s.parts, t)
	}
}

// finish places what is left in short rounds without groups, as long as they are worth
// it, and the rest in a leaf.
func (s *rounds) finish() {
	clear(s.stats[:s.lists.Units()])
	queue := slices.Clone(s.pending)
	for i := range queue {
		queue[i].loose = true
	}
	for budget := visitsPerTx * s.lists.Len(); len(queue) > 0; {
		s.pending = s.pending[:0]
		s.round++
		seen := s.fill(queue, s.minLeaf, unbounded)
		budget -= seen
		copy(queue[seen-len(s.pending):], s.pending)
		queue = queue[seen-len(s.pending):]
		if longest, total := s.emit(); total < longest*minLanesFull/4 || budget < 0 {
			break
		}
	}
	for i := range queue {
		s.order = append(s.order, queue[i].tx)
	}
	s.append(Serial(len(queue)))
}
