package compare

import (
	"slices"

	"aergo/dtt"
)

// grouper finds the connected components of a block's conflicts, and keeps its memory. It
// is the way of grouping that chains with parallel execution by declared keys take, with
// reads beside reads and deltas beside deltas.
type grouper struct {
	parents []uint32 // of transactions, in a forest of unions
	units   []usage
	loads   []uint64 // of components, by root
	bins    []uint32 // of components, by root
	next    []uint32 // of bins: where the next transaction goes
}

// usage is what is known of a unit: the first transaction of each mode.
type usage struct{ first [4]uint32 }

const noOne = ^uint32(0)

// group returns a tree that runs the components side by side, each serially, spread over
// the workers, the largest first; and the order of the transactions in it.
func (g *grouper) group(l *dtt.Lists, costs []uint32, workers int) (dtt.Tree, []uint32) {
	g.connect(l)
	n := l.Len()
	g.loads = append(g.loads[:0], make([]uint64, n)...)
	for tx := range n {
		g.loads[g.root(uint32(tx))] += uint64(costs[tx]) + 1
	}
	g.spread(n, workers)
	counts := make([]int, workers)
	for tx := range n {
		counts[g.bins[g.root(uint32(tx))]]++
	}
	g.next = g.next[:0]
	branches, at := make([]dtt.Tree, 0, workers), 0
	for _, count := range counts {
		g.next = append(g.next, uint32(at))
		branches = append(branches, dtt.Serial(count))
		at += count
	}
	order := make([]uint32, n)
	for tx := range n {
		bin := g.bins[g.root(uint32(tx))]
		order[g.next[bin]] = uint32(tx)
		g.next[bin]++
	}
	return dtt.Par(branches...), order
}

// connect unites the transactions that conflict. All that read a unit conflict with each
// that writes it, and so on: it is enough to unite everyone with the first of each mode
// that conflicts, and, once that makes all of them one, with the first of one's own.
func (g *grouper) connect(l *dtt.Lists) {
	g.parents = g.parents[:0]
	g.units = append(g.units[:0], slices.Repeat([]usage{{[4]uint32{noOne, noOne, noOne, noOne}}}, l.Units())...)
	for tx := range uint32(l.Len()) {
		g.parents = append(g.parents, tx)
		for _, a := range l.At(int(tx)) {
			g.units[a.Unit()].add(a.Mode(), tx)
		}
	}
	for tx := range uint32(l.Len()) {
		for _, a := range l.At(int(tx)) {
			u := &g.units[a.Unit()]
			for mode := dtt.Read; mode <= dtt.Write; mode++ {
				if first := u.first[mode]; first != noOne && a.Mode().Conflicts(mode) {
					g.unite(tx, first)
				}
			}
		}
	}
}

func (u *usage) add(m dtt.Mode, tx uint32) { u.first[m] = min(u.first[m], tx) }

func (g *grouper) unite(a, b uint32) {
	a, b = g.root(a), g.root(b)
	g.parents[max(a, b)] = min(a, b)
}

func (g *grouper) root(tx uint32) uint32 {
	for g.parents[tx] != tx {
		g.parents[tx] = g.parents[g.parents[tx]]
		tx = g.parents[tx]
	}
	return tx
}

// spread gives each component a worker: the largest first, each to the one who has least.
func (g *grouper) spread(n, workers int) {
	var roots []uint32
	for tx := range uint32(n) {
		if g.parents[tx] == tx {
			roots = append(roots, tx)
		}
	}
	slices.SortStableFunc(roots, func(a, b uint32) int {
		switch {
		case g.loads[a] > g.loads[b]:
			return -1
		case g.loads[a] < g.loads[b]:
			return 1
		}
		return 0
	})
	g.bins = append(g.bins[:0], make([]uint32, n)...)
	have := make([]uint64, workers)
	for _, root := range roots {
		least := 0
		for w := range have {
			if have[w] < have[least] {
				least = w
			}
		}
		g.bins[root] = uint32(least)
		have[least] += g.loads[root]
	}
}
