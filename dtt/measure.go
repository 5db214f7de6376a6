package dtt

import "slices"

// weights are the costs of a block's transactions, summed up. The zero weights are all 1.
type weights struct {
	sums []uint64 // sums[i] is the cost of the transactions before i
}

// weigh sums up the costs of n transactions. Costs that are missing count as 1, those too
// many not at all.
func weigh(sums []uint64, costs []uint32, n int) weights {
	if costs == nil {
		return weights{}
	}
	sums = append(slices.Grow(sums[:0], n+1), 0)
	sum := uint64(0)
	for i := range n {
		if i < len(costs) {
			sum += uint64(costs[i])
		} else {
			sum++
		}
		sums = append(sums, sum)
	}
	return weights{sums}
}

// between returns the cost of the transactions a..b-1.
func (w weights) between(a, b int) uint64 {
	if w.sums == nil {
		return uint64(b - a)
	}
	return w.sums[b] - w.sums[a]
}

// from returns the weights of the transactions a..b-1 alone.
func (w weights) from(a, b int) weights {
	if w.sums == nil {
		return w
	}
	return weights{w.sums[a : b+1]}
}

func (w weights) of(n *node) uint64 { return w.between(int(n.first), int(n.first+n.count)) }

// Work returns the cost of all transactions together: the time of one worker. Costs are
// by position; nil stands for 1 each, and so does a missing one.
func (t Tree) Work(costs []uint32) uint64 { return weigh(nil, costs, t.Len()).between(0, t.Len()) }

// CriticalPath returns the time that no number of workers can beat: the costs of a series
// added up, the largest of a parallel or cut. Costs are as for Work.
func (t Tree) CriticalPath(costs []uint32) uint64 { return t.criticalPath(weigh(nil, costs, t.Len())) }

func (t Tree) criticalPath(w weights) uint64 {
	if len(t.nodes) == 0 {
		return 0
	}
	return t.paths(w)[0]
}

// paths returns the critical path of each node.
func (t Tree) paths(w weights) []uint64 {
	times := make([]uint64, len(t.nodes))
	for i := len(t.nodes) - 1; i >= 0; i-- {
		n := &t.nodes[i]
		if n.kind == Leaf {
			times[i] = w.of(n)
			continue
		}
		for c := uint32(i) + 1; c < n.end; c = t.nodes[c].end {
			if n.kind == Series {
				times[i] += times[c]
			} else {
				times[i] = max(times[i], times[c])
			}
		}
	}
	return times
}

// Makespan returns the time that so many workers take if a free worker always takes the
// first leaf in block order that is ready, and nothing but leaves costs anything. It is
// within twice the best possible (Graham, 1966). Costs are as for Work; fewer workers
// than 1 count as 1.
func (t Tree) Makespan(costs []uint32, workers int) uint64 {
	return newPlan(t).makespan(weigh(nil, costs, t.Len()), workers)
}

func (p plan) makespan(w weights, workers int) uint64 {
	t := p.Tree
	if len(t.nodes) == 0 {
		return 0
	}
	s := schedule{plan: p}
	s.pending = make([]uint32, len(t.nodes))
	s.open(0)
	running := heap[event]{less: func(a, b event) bool { return a.time < b.time || a.time == b.time && a.leaf < b.leaf }}
	now := uint64(0)
	for free := max(workers, 1); ; {
		for free > 0 && s.ready.len() > 0 {
			leaf := s.ready.pop()
			running.push(event{now + w.of(&t.nodes[leaf]), leaf})
			free--
		}
		if running.len() == 0 {
			return now
		}
		done := running.pop()
		now = done.time
		free++
		s.done(done.leaf)
	}
}

// event is the end of a leaf.
type event struct {
	time uint64
	leaf uint32
}

// schedule follows which leaves are ready.
type schedule struct {
	plan
	pending []uint32 // the unfinished children of each open P or cut
	ready   heap[uint32]
}

func (s *schedule) open(i uint32) {
	for s.nodes[i].kind == Series {
		i++
	}
	if s.nodes[i].kind == Leaf {
		if s.ready.less == nil {
			s.ready.less = func(a, b uint32) bool { return a < b }
		}
		s.ready.push(i)
		return
	}
	children := s.children(i)
	s.pending[i] = uint32(len(children))
	for _, c := range children {
		s.open(c)
	}
}

func (s *schedule) done(i uint32) {
	for {
		p := s.links[i].parent
		if p == none {
			return
		}
		if s.nodes[p].kind == Series {
			if next := s.nodes[i].end; next != s.nodes[p].end {
				s.open(next)
				return
			}
		} else if s.pending[p]--; s.pending[p] > 0 {
			return
		}
		i = p
	}
}

// heap is a binary heap: the least comes out first.
type heap[T any] struct {
	items []T
	less  func(a, b T) bool
}

func (h *heap[T]) len() int { return len(h.items) }

func (h *heap[T]) push(x T) {
	h.items = append(h.items, x)
	for i := len(h.items) - 1; i > 0; {
		up := (i - 1) / 2
		if !h.less(h.items[i], h.items[up]) {
			return
		}
		h.items[i], h.items[up] = h.items[up], h.items[i]
		i = up
	}
}

func (h *heap[T]) pop() T {
	top, last := h.items[0], len(h.items)-1
	h.items[0] = h.items[last]
	h.items = h.items[:last]
	for i := 0; ; {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < last; c++ {
			if h.less(h.items[c], h.items[least]) {
				least = c
			}
		}
		if least == i {
			return top
		}
		h.items[i], h.items[least] = h.items[least], h.items[i]
		i = least
	}
}
