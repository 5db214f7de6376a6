package dtt

import (
	"cmp"
	"slices"
)

// groups puts the units that many touch in groups.
func (s *rounds) groups() {
	type heavy struct {
		load uint64
		unit Unit
	}
	var units []heavy
	for u := range s.stats[:s.lists.Units()] {
		if st := &s.stats[u]; st.count >= groupedCount && st.writes >= st.count/2 {
			units = append(units, heavy{st.load, Unit(u)})
		}
	}
	slices.SortFunc(units, func(a, b heavy) int { return cmp.Or(cmp.Compare(b.load, a.load), cmp.Compare(a.unit, b.unit)) })
	loads := make([]uint64, 2*s.lanes)
	for _, u := range units {
		least := 0
		for g := range loads {
			if loads[g] < loads[least] {
				least = g
			}
		}
		loads[least] += u.load
		s.stats[u.unit].group = uint16(least + 1)
	}
}

// The classes of transactions in a pass: by the groups that they touch.
//
//	0               none
//	1 + g           g alone
//	1 + G + g*G + h g and h, g < h
//	1 + G + G*G     more
func (s *rounds) class(tx *item) {
	var g, h uint16
	groups := uint32(2 * s.lanes)
	tx.loose = false
	for _, a := range s.lists.At(int(tx.tx)) {
		switch x := s.stats[a.Unit()].group; {
		case x == 0:
			tx.loose = true
		case x == g || x == h:
		case g == 0:
			g = x
		case h == 0:
			h = x
		default:
			tx.class = 1 + groups + groups*groups
			return
		}
	}
	tx.class = uint32(g)
	if g > 0 {
		s.loads[g-1] += uint64(tx.cost)
	}
	if h > 0 {
		s.loads[h-1] += uint64(tx.cost)
		tx.class = 1 + groups + uint32(min(g, h)-1)*groups + uint32(max(g, h)-1)
	}
}

// classify sorts the pending transactions by class, each class in block order.
func (s *rounds) classify() {
	groups := 2 * s.lanes
	clear(s.loads)
	s.classes = append(s.classes[:0], make([]uint32, 3+groups+groups*groups)...)
	for i := range s.pending {
		s.class(&s.pending[i])
		s.classes[s.pending[i].class+1]++
	}
	for c := 1; c < len(s.classes); c++ {
		s.classes[c] += s.classes[c-1]
	}
	s.sorted = slices.Grow(s.sorted[:0], len(s.pending))[:len(s.pending)]
	next := slices.Clone(s.classes)
	for i := range s.pending {
		tx := &s.pending[i]
		s.sorted[next[tx.class]] = *tx
		next[tx.class]++
	}
	s.pending = s.pending[:0]
}

func (s *rounds) members(class int) []item { return s.sorted[s.classes[class]:s.classes[class+1]] }

// tournament goes through the rounds of one pass over the pending transactions. It says
// whether there was anything to gain.
func (s *rounds) tournament() bool {
	total, largest := s.count()
	if largest > total-total/8 {
		return false
	}
	s.groups()
	s.classify()
	groups := 2 * s.lanes
	cold, flexible := s.members(0), make([][]item, groups)
	for g := range flexible {
		flexible[g] = s.members(1 + g)
	}
	s.pending = append(s.pending, s.members(1+groups+groups*groups)...)
	total -= cost(s.pending)
	bound := max(total/uint64(s.lanes), largest)
	for r := range groups - 1 {
		left := uint64(groups - 1 - r)
		target := max(bound/left, s.minLeaf)
		s.round++
		s.meet(r)
		for k := range s.lane {
			s.play(k, flexible, target, left, total/left/uint64(s.lanes))
		}
		cold = cold[s.fill(cold, target, total/left):]
		s.trim()
		longest, all := s.emit()
		bound -= min(bound, longest)
		total -= min(total, all)
	}
	s.pending = append(s.pending, cold...)
	for _, left := range flexible {
		s.pending = append(s.pending, left...)
	}
	slices.SortFunc(s.pending, func(a, b item) int { return cmp.Compare(a.tx, b.tx) })
	return true
}

// play fills a lane with what touches its groups: with what touches both up to the target
// of the round, then, with what touches one, up to the group's part of what is left.
func (s *rounds) play(k int, flexible [][]item, target, left, even uint64) {
	l := &s.lane[k]
	level, fixed := even, cost(l.fixed)
	for _, g := range l.groups {
		if g != noGroup {
			level = max(level, (s.loads[g]+fixed)/left)
		}
	}
	for i := range l.fixed {
		if l.load >= target {
			s.pending = append(s.pending, l.fixed[i:]...)
			break
		}
		s.offer(k, &l.fixed[i])
	}
	for level = min(max(level, s.minLeaf), target); l.load < level; {
		x := noGroup
		for _, g := range l.groups {
			if g != noGroup && len(flexible[g]) > 0 && (x == noGroup || s.loads[g] > s.loads[x]) {
				x = g
			}
		}
		if x == noGroup {
			break
		}
		s.loads[x] -= uint64(flexible[x][0].cost)
		s.offer(k, &flexible[x][0])
		flexible[x] = flexible[x][1:]
	}
}

// meet gives the lanes their groups for a round. If nothing touches both groups of a
// lane, one of them may have an idle lane for itself.
func (s *rounds) meet(round int) {
	groups := 2 * s.lanes
	var idle []int
	for k := range s.lane {
		g, h := meeting(round, k, groups)
		l := &s.lane[k]
		l.fixed = s.members(1 + groups + min(g, h)*groups + max(g, h))
		s.loads[g] -= cost(l.fixed)
		s.loads[h] -= cost(l.fixed)
		if s.loads[g] < s.loads[h] {
			g, h = h, g
		}
		l.groups = [2]int{g, h}
		if s.loads[h] == 0 {
			l.groups[1] = noGroup
		}
		if s.loads[g] == 0 && len(l.fixed) == 0 {
			l.groups[0] = noGroup
			idle = append(idle, k)
		}
	}
	for _, k := range idle {
		from := -1
		for j := range s.lane {
			l := &s.lane[j]
			if len(l.fixed) == 0 && l.groups[1] != noGroup && (from < 0 || s.loads[l.groups[1]] > s.loads[s.lane[from].groups[1]]) {
				from = j
			}
		}
		if from < 0 {
			return
		}
		s.lane[k].groups[0], s.lane[from].groups[1] = s.lane[from].groups[1], noGroup
	}
}

// meeting returns the groups that meet in a lane of a round: the last one stays, the
// others move on by one place around a circle.
func meeting(round, lane, groups int) (int, int) {
	if lane == 0 {
		return round, groups - 1
	}
	return (round + lane) % (groups - 1), (round - lane + groups - 1) % (groups - 1)
}
