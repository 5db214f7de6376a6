package dtt

import (
	"cmp"
	"slices"
)

const (
	maxStages = 64 // of a reordered block, before the rest runs serially
	maxJoin   = 64 // groups that a transaction may unite; the first of a stage always fits
	fewPart   = 64 // a stage that takes less than 1/fewPart of what is left does not pay
)

// BuildReordering is Planner.BuildReordering with a planner of its own.
func BuildReordering(l *Lists, costs []uint32, opt Options) (Tree, []uint32) {
	var p Planner
	return p.BuildReordering(l, costs, opt)
}

// BuildReordering returns a tree for the transactions in an order of its own choice, and
// that order: the transaction at position i of the tree is transaction order[i] of the
// lists. Conflicting transactions keep their relative order, so that the serial result is
// the same; the tree always passes the check with l.Reorder(order).
//
// It runs the block in stages. A stage takes the transactions in order and gathers those
// that conflict in groups, which run side by side, as long as a group stays below a cap;
// what would outgrow it, or conflicts with what was left out, is left to the next stage.
// If the given order does about as well, it is kept.
func (p *Planner) BuildReordering(l *Lists, costs []uint32, opt Options) (Tree, []uint32) {
	given := p.Build(l, costs, opt)
	w := &p.waves
	w.begin(p)
	bound := w.score(p.weights.between(0, l.Len()), func(int) uint64 { return w.longestChainOf(w.left) })
	score := func(t Tree, weights weights) uint64 {
		return w.score(weights.between(0, l.Len()), func(workers int) uint64 { return t.makespan(weights, workers) })
	}
	order := slices.Clone(w.left)
	givenScore := score(given, p.weights)
	if near(givenScore, bound) || l.Len() == 0 {
		return given, order
	}
	staged, stagedOrder := w.build()
	if near(givenScore, score(staged, w.reordered(stagedOrder))) {
		return given, order
	}
	return staged, stagedOrder
}

// near says whether a is at most an eighth above b.
func near(a, b uint64) bool { return a <= b+b/8 }

// waves builds the stages.
type waves struct {
	*Planner
	left    []uint32  // the transactions to come, in the given order
	units   []claimed // what the current stage knows of each unit
	stage   uint32
	groups  []group
	placed  []placed // the transactions of the current stage
	joining []uint32 // groups that the current transaction joins
	cap     uint64
}

// claimed is what a stage knows of a unit.
type claimed struct {
	stage    uint32
	group    uint32 // of one of its accesses
	placed   Mode   // OR of the modes in the stage
	deferred Mode   // OR of the modes of what was left out
	spread   bool   // it may be accessed from several groups
}

// group is a set of transactions of a stage, in a forest of unions.
type group struct {
	parent uint32
	bin    uint32 // of a root, once assigned; 0 is none
	load   uint64 // of a root
}

// placed is a transaction of a stage.
type placed struct{ tx, group uint32 }

func (w *waves) begin(p *Planner) {
	w.Planner = p
	n := p.lists.Len()
	w.left = slices.Grow(w.left[:0], n)
	for tx := range n {
		w.left = append(w.left, uint32(tx))
	}
	if len(w.units) < p.lists.Units() {
		w.units, w.stage = make([]claimed, p.lists.Units()), 0
	} else if w.stage >= maxStamp {
		clear(w.units)
		w.stage = 0
	}
}

// score weighs a time for two workers and one for many as processor time, added up.
func (w *waves) score(work uint64, time func(workers int) uint64) uint64 {
	score := uint64(0)
	for _, workers := range []uint64{2, w.workers} {
		score += max(time(int(workers))*workers, work)
	}
	return score
}

func (w *waves) cost(tx uint32) uint64 { return w.weights.between(int(tx), int(tx)+1) }

// reordered returns the weights in another order.
func (w *waves) reordered(order []uint32) weights {
	if w.weights.sums == nil {
		return weights{}
	}
	sums := make([]uint64, 1, len(order)+1)
	for i, tx := range order {
		sums = append(sums, sums[i]+w.cost(tx))
	}
	return weights{sums}
}

// build returns the stages as a tree, and the order.
func (w *waves) build() (Tree, []uint32) {
	order := make([]uint32, 0, len(w.left))
	total := w.weights.between(0, len(w.left))
	var stages []Tree
	serial := 0 // transactions at the end of order that wait to become a leaf
	for range maxStages {
		if total < 2*w.minLeaf {
			break
		}
		w.cap = max(total/w.workers, w.longestChainOf(w.left), w.minLeaf)
		load := w.gather()
		part := w.pack(load, &order)
		if part.Leaves() > 1 {
			stages = append(stages, Serial(serial), part)
			serial = 0
		} else {
			serial += part.Len()
		}
		total -= load
		if load < max(w.minLeaf, total/fewPart) {
			break
		}
	}
	order = append(order, w.left...)
	return Seq(append(stages, Serial(serial+len(w.left)))...), order
}

// gather fills a stage from what is left and returns its cost.
func (w *waves) gather() uint64 {
	w.stage++
	w.groups, w.placed = w.groups[:0], w.placed[:0]
	load := uint64(0)
	deferred := w.left[:0]
	for _, tx := range w.left {
		run, cost := w.lists.At(int(tx)), w.cost(tx)
		if !w.fits(run, cost) {
			deferred = append(deferred, tx)
			for _, a := range run {
				w.unit(a).deferred |= a.Mode()
			}
			continue
		}
		g := w.join(cost)
		for _, a := range run {
			u := w.unit(a)
			u.spread = u.spread || u.placed != 0 && w.root(u.group) != g
			u.placed |= a.Mode()
			u.group = g
		}
		w.placed = append(w.placed, placed{tx, g})
		load += cost
	}
	w.left = deferred
	return load
}

// unit returns what the stage knows of an accessed unit.
func (w *waves) unit(a Access) *claimed {
	u := &w.units[a.Unit()]
	if u.stage != w.stage {
		*u = claimed{stage: w.stage}
	}
	return u
}

// fits says whether a transaction can be in the stage, and sets the groups it joins.
func (w *waves) fits(run []Access, cost uint64) bool {
	w.joining = w.joining[:0]
	load := cost
	for _, a := range run {
		u := w.unit(a)
		if u.deferred != 0 && u.deferred.Conflicts(a.Mode()) {
			return false
		}
		if u.placed == 0 || !u.placed.Conflicts(a.Mode()) {
			continue
		}
		if u.spread {
			return false
		}
		if g := w.root(u.group); !slices.Contains(w.joining, g) {
			if len(w.joining) == maxJoin {
				return false
			}
			w.joining = append(w.joining, g)
			load += w.groups[g].load
		}
	}
	return len(w.joining) == 0 || load <= w.cap
}

// join unites the groups to join, or starts one, and adds the cost to it.
func (w *waves) join(cost uint64) uint32 {
	if len(w.joining) == 0 {
		g := uint32(len(w.groups))
		w.groups = append(w.groups, group{parent: g, load: cost})
		return g
	}
	g := slices.Min(w.joining)
	for _, other := range w.joining {
		if other != g {
			w.groups[other].parent = g
			w.groups[g].load += w.groups[other].load
		}
	}
	w.groups[g].load += cost
	return g
}

func (w *waves) root(g uint32) uint32 {
	for w.groups[g].parent != g {
		up := w.groups[g].parent
		w.groups[g].parent = w.groups[up].parent
		g = up
	}
	return g
}

// bin is one branch of a stage's P.
type bin struct {
	load        uint64
	count, next uint32 // transactions, and where the next one goes
}

// pack turns the stage into a P whose branches are one large group or some small ones,
// and appends its transactions to the order. A branch keeps the given order. The largest
// branches come first, since they are started first.
func (w *waves) pack(load uint64, order *[]uint32) Tree {
	target := max(w.minLeaf, load/(w.workers*branchesPerWorker))
	bins := make([]bin, 1) // bins[0] is none
	filling := 0           // the bin for small groups
	for i := range w.placed {
		g := w.root(w.placed[i].group)
		root := &w.groups[g]
		if root.bin == 0 {
			switch {
			case root.load >= target:
				bins = append(bins, bin{})
				root.bin = uint32(len(bins) - 1)
			case filling == 0 || bins[filling].load >= target:
				bins = append(bins, bin{})
				filling = len(bins) - 1
				root.bin = uint32(filling)
			default:
				root.bin = uint32(filling)
			}
			bins[root.bin].load += root.load
		}
		w.placed[i].group = g
		bins[root.bin].count++
	}
	sorted := make([]uint32, 0, len(bins))
	for b := 1; b < len(bins); b++ {
		sorted = append(sorted, uint32(b))
	}
	slices.SortStableFunc(sorted, func(a, b uint32) int {
		return cmp.Compare(bins[b].load/(2*target), bins[a].load/(2*target))
	})
	branches := make([]Tree, 0, len(sorted))
	next := uint32(len(*order))
	for _, b := range sorted {
		bins[b].next = next
		next += bins[b].count
		branches = append(branches, Serial(int(bins[b].count)))
	}
	*order = (*order)[:next]
	for _, p := range w.placed {
		b := &bins[w.groups[p.group].bin]
		(*order)[b.next] = p.tx
		b.next++
	}
	return Par(branches...)
}
