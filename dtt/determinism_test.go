package dtt

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// adversarial returns a random block of about n transactions: of a shape that is hard on
// builders, or of random accesses.
func adversarial(rng *rand.Rand, n int) [][]use {
	shapes := shapes()
	if i := rng.IntN(2 * len(shapes)); i < len(shapes) {
		return shapes[i].make(rng, n)
	}
	return randomTxs(rng, n, 1+rng.IntN(2*n))
}

// Random blocks have the same result as their serial run, in the order that the builder
// published, for 1 to 64 workers: in the given order, reordered, in a free order, and with
// checkpoints everywhere. The flag -blocks says how many blocks.
func TestDeterminism(t *testing.T) {
	rng, pools := source(t), pools(t)
	var p Planner
	for range *blockCount {
		n := 1 + rng.IntN(120)
		l := lists(t, adversarial(rng, n))
		costs := randomCosts(rng, n)
		opt := Options{MinLeaf: uint64(1 + rng.IntN(3)), Workers: 1 + rng.IntN(16), MaxClaims: 1 + rng.IntN(n)}
		determined(t, rng, pools, &p, l, identity(n), p.Build(l, costs, opt), costs, opt)
		for _, opt.FreeOrder = range []bool{false, true} {
			tree, order := p.BuildReordering(l, costs, opt)
			moved, err := l.Reorder(order)
			if err != nil {
				t.Fatal(err)
			}
			if order == nil {
				order = identity(n)
			}
			if !opt.FreeOrder && !serialIn(moved, order).equal(serial(l)) {
				t.Fatalf("order %v gives another result", order)
			}
			determined(t, rng, pools, &p, moved, order, tree, reordered(costs, order), opt)
		}
	}
}

// reordered returns the costs in another order.
func reordered(costs []uint32, order []uint32) []uint32 {
	if costs == nil {
		return nil
	}
	out := make([]uint32, len(order))
	for i, tx := range order {
		out[i] = costs[tx]
	}
	return out
}

// serialIn returns the machine after the transactions one after another, named by the
// order.
func serialIn(l *Lists, order []uint32) *machine {
	m := newMachine(l)
	m.run(l, order, 0, l.Len())
	return m
}

// determined runs a tree, what the transformations make of it, and random cuts.
func determined(t *testing.T, rng *rand.Rand, pools []*Pool, p *Planner, l *Lists, order []uint32, tree Tree, costs []uint32, opt Options) {
	t.Helper()
	want := serialIn(l, order)
	trees := []Tree{
		tree, Merge(tree, costs, opt.MinLeaf*4), p.Balance(tree, l, costs, opt), p.Split(Serial(l.Len()), l, costs, opt),
		p.Checkpoint(tree, l, costs, opt), randomCut(rng, l, 0, l.Len(), 5),
	}
	for _, tree := range trees {
		if err := Check(l, tree); err != nil {
			t.Fatalf("%v: %v", tree, err)
		}
		pool := pools[rng.IntN(len(pools))]
		if tree.Cuts() == 0 {
			runMachine(t, pool, "random", l, tree, order, want)
			continue
		}
		tree = recordClaims(t, pool, l, order, tree, want)
		for _, pool := range []*Pool{pools[0], pools[1], pools[rng.IntN(len(pools))]} {
			runLedger(t, pool, l, order, tree, want)
		}
	}
}

// Transformations keep trees valid, in normal form, in the order that they have, and no
// slower than they promise.
func TestTransformations(t *testing.T) {
	rng := source(t)
	var p Planner
	split, merged, cut := 0, 0, 0
	for range 500 {
		n := 1 + rng.IntN(100)
		l, costs := lists(t, adversarial(rng, n)), randomCosts(rng, n)
		opt := Options{MinLeaf: uint64(1 + rng.IntN(4)), Workers: 1 + rng.IntN(16), MaxClaims: 1 + rng.IntN(20)}
		tree := Seq(Serial(n/3), Build(lists(t, nil), nil, opt), p.span(l, n/3, n, opt))
		check := func(name string, got Tree, longest uint64) {
			t.Helper()
			checkNormal(t, got)
			if err := Check(l, got); err != nil {
				t.Fatalf("%s makes %v of %v: %v", name, got, tree, err)
			}
			if path := got.CriticalPath(costs); path > longest {
				t.Fatalf("%s makes %v of %v: critical path %d, want at most %d", name, got, tree, path, longest)
			}
		}
		path := tree.CriticalPath(costs)
		splitTree := p.Split(tree, l, costs, opt)
		check("Split", splitTree, path)
		mergedTree := Merge(splitTree, costs, opt.MinLeaf)
		check("Merge", mergedTree, tree.Work(costs))
		cutTree := p.Checkpoint(splitTree, l, costs, opt)
		check("Checkpoint", cutTree, splitTree.CriticalPath(costs))
		balanced := p.Balance(tree, l, costs, opt)
		check("Balance", balanced, tree.Work(costs))
		if balanced.Makespan(costs, 2)*2+balanced.Makespan(costs, 8)*8 > tree.Makespan(costs, 2)*2+tree.Makespan(costs, 8)*8+uint64(tree.Leaves())*opt.MinLeaf {
			t.Fatalf("Balance makes %v of %v", balanced, tree)
		}
		if splitTree.Leaves() > tree.Leaves() {
			split++
		}
		if mergedTree.Leaves() < splitTree.Leaves() {
			merged++
		}
		cut += cutTree.Cuts()
	}
	if split < 50 || merged < 50 || cut < 50 {
		t.Errorf("%d trees split, %d merged, %d cuts: the inputs prove nothing", split, merged, cut)
	}
}

// span builds the transactions a..b-1 alone.
func (p *Planner) span(l *Lists, a, b int, opt Options) Tree {
	part := &Lists{starts: slices.Clone(l.starts[a : b+1]), accesses: l.accesses, units: l.units}
	first := part.starts[0]
	part.accesses = l.accesses[first:part.starts[b-a]]
	for i := range part.starts {
		part.starts[i] -= first
	}
	return p.Build(part, nil, opt)
}

// Merge bounds the number of leaves, and leaves alone what is large.
func TestMerge(t *testing.T) {
	tests := []struct {
		tree Tree
		want string
	}{
		{Even(100, 100), "P(10,10,10,10,10,10,10,10,10,10)"},
		{Par(Serial(1), Serial(20), Serial(3), Serial(4)), "P(21,7)"},
		{Par(Serial(20), Serial(3)), "P(20,3)"},
		{Par(Serial(15), Serial(3)), "18"},
		{Par(Serial(20), Seq(Serial(1), Even(20, 2)), Serial(3)), "P(20,S(1,P(10,10)),3)"},
		{Seq(Serial(2), Even(4, 4), Even(20, 2), Serial(1)), "S(6,P(10,10),1)"},
		{Halves(Even(20, 2), Even(4, 4), []Claim{{Unit: 3}}), "C[3](P(10,10),4)"},
		{Halves(Serial(2), Even(4, 4), []Claim{{Unit: 3}}), "6"},
		{Tree{}, "0"},
	}
	for _, tt := range tests {
		if got := Merge(tt.tree, nil, 10); got.String() != tt.want {
			t.Errorf("%v becomes %v, want %s", tt.tree, got, tt.want)
		}
	}
}

// Checkpoint claims no more units than it may, and only those it may.
func TestCheckpointLimits(t *testing.T) {
	const n = 64
	txs := make([][]use, n)
	for i := range txs {
		txs[i] = []use{{0, Write}, {1, Write}, {2, Write}}
	}
	l := lists(t, txs)
	for claims := range 5 {
		tree := Checkpoint(Serial(n), l, nil, Options{MinLeaf: 1, MaxClaims: claims})
		if (tree.Cuts() > 0) != (claims == 0 || claims >= 3) {
			t.Errorf("at most %d claims: %v", claims, tree)
		}
	}
	tree := Checkpoint(Serial(n), l, nil, Options{MinLeaf: 1, Claimable: func(u Unit) bool { return u != 1 }})
	if tree.Cuts() > 0 {
		t.Errorf("unit 1 is not to be claimed: %v", tree)
	}
	for _, tree := range []Tree{Serial(n - 1), {}} {
		if got := Checkpoint(tree, l, nil, Options{}); !got.Equal(tree) {
			t.Errorf("tree of another length: %v", got)
		}
		if got := Split(tree, l, nil, Options{}); !got.Equal(tree) {
			t.Errorf("tree of another length: %v", got)
		}
		if got := Balance(tree, l, nil, Options{}); !got.Equal(tree) {
			t.Errorf("tree of another length: %v", got)
		}
	}
}
