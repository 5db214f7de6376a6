package diagram

import (
	"cmp"
	"container/heap"

	"aergo/repo"
)

// Shift is a leaf that a worker runs. Times are units from the beginning of the block.
type Shift struct {
	Leaf       *repo.ScheduleNode
	Claimed    bool // it begins from what a cut claims
	Worker     int
	Start, End uint64
}

// Shifts returns what each of so many workers does, in the order in which it begins, if a
// free worker always takes the first leaf in block order that is ready: as
// dtt.Tree.Makespan counts. Of several free workers the first one takes it.
func Shifts(root *repo.ScheduleNode, workers int) []Shift {
	var r roster
	r.add(root, -1, false)
	free := &least[int]{less: cmp.Compare[int]}
	for w := range workers {
		heap.Push(free, w)
	}
	running := &least[int]{less: func(a, b int) int { return cmp.Or(cmp.Compare(r.shifts[a].End, r.shifts[b].End), cmp.Compare(a, b)) }}
	r.ready.less = cmp.Compare[int]
	r.open(0)
	for now := uint64(0); ; {
		for free.Len() > 0 && r.ready.Len() > 0 {
			place := heap.Pop(&r.ready).(int)
			p := &r.places[place]
			r.shifts = append(r.shifts, Shift{p.node, p.claimed, heap.Pop(free).(int), now, now + p.node.Cost})
			r.where = append(r.where, place)
			heap.Push(running, len(r.shifts)-1)
		}
		if running.Len() == 0 {
			return r.shifts
		}
		done := heap.Pop(running).(int)
		now = r.shifts[done].End
		heap.Push(free, r.shifts[done].Worker)
		r.done(r.where[done])
	}
}

// roster follows which leaves are ready.
type roster struct {
	places []place // in depth-first order
	ready  least[int]
	shifts []Shift
	where  []int // the place of each shift
}

// place is a node of the tree.
type place struct {
	node    *repo.ScheduleNode
	parent  int
	end     int // the first place that is not below
	open    int // children that are not done
	claimed bool
}

func (r *roster) add(n *repo.ScheduleNode, parent int, claimed bool) {
	at := len(r.places)
	r.places = append(r.places, place{node: n, parent: parent, claimed: claimed})
	for i := range n.Children {
		// What begins a branch begins from the branch's claims.
		first := i == 0 || n.Kind == "parallel"
		r.add(&n.Children[i], at, first && claimed || i > 0 && n.Kind == "cut")
	}
	r.places[at].end = len(r.places)
}

// open readies what may run first of a place.
func (r *roster) open(at int) {
	p := &r.places[at]
	p.open = len(p.node.Children)
	if p.open == 0 {
		heap.Push(&r.ready, at)
		return
	}
	for c := at + 1; c < p.end; c = r.places[c].end {
		r.open(c)
		if p.node.Kind == "series" {
			return
		}
	}
}

// done follows from what is done what may run next.
func (r *roster) done(at int) {
	for p := r.places[at].parent; p >= 0; at, p = p, r.places[p].parent {
		if r.places[p].open--; r.places[p].open > 0 {
			if r.places[p].node.Kind == "series" {
				r.open(r.places[at].end)
			}
			return
		}
	}
}

// least is a heap of which the least comes out first.
type least[T any] struct {
	items []T
	less  func(a, b T) int
}

func (h *least[T]) Len() int           { return len(h.items) }
func (h *least[T]) Swap(i, j int)      { h.items[i], h.items[j] = h.items[j], h.items[i] }
func (h *least[T]) Less(i, j int) bool { return h.less(h.items[i], h.items[j]) < 0 }
func (h *least[T]) Push(x any)         { h.items = append(h.items, x.(T)) }
func (h *least[T]) Pop() any {
	last := h.items[len(h.items)-1]
	h.items = h.items[:len(h.items)-1]
	return last
}
