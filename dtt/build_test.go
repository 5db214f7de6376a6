package dtt

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func randomCosts(rng *rand.Rand, n int) []uint32 {
	switch rng.IntN(4) {
	case 0:
		return nil
	case 1:
		return make([]uint32, n) // free of cost
	}
	costs := make([]uint32, n)
	for i := range costs {
		costs[i] = uint32(rng.IntN(100))
		if rng.IntN(10) == 0 {
			costs[i] = ^uint32(0)
		}
	}
	return costs
}

// checkBuild builds trees both ways and checks everything that is promised of them.
func checkBuild(t *testing.T, p *Planner, txs [][]use, costs []uint32, opt Options) {
	t.Helper()
	l := lists(t, txs)
	tree := p.Build(l, costs, opt)
	if err := Check(l, tree); err != nil {
		t.Fatalf("Build of %v gives %v: %v", txs, tree, err)
	}
	checkNormal(t, tree)
	if again := Build(l, costs, opt); !again.Equal(tree) {
		t.Fatalf("Build of %v gives %v, then %v", txs, tree, again)
	}
	opt.FreeOrder = false
	checkReordering(t, p, l, costs, opt)
	opt.FreeOrder = true
	checkReordering(t, p, l, costs, opt)
}

func checkReordering(t *testing.T, p *Planner, l *Lists, costs []uint32, opt Options) {
	t.Helper()
	tree, order := p.BuildReordering(l, costs, opt)
	if againTree, againOrder := BuildReordering(l, costs, opt); !againTree.Equal(tree) || !slices.Equal(order, againOrder) {
		t.Fatalf("BuildReordering of %v gives %v, then %v", l, tree, againTree)
	}
	checkNormal(t, tree)
	moved, err := l.Reorder(order)
	if err != nil {
		t.Fatalf("BuildReordering of %v: %v", l, err)
	}
	if err := Check(moved, tree); err != nil {
		t.Fatalf("BuildReordering of %v gives %v in order %v: %v", l, tree, order, err)
	}
	if !opt.FreeOrder {
		checkOrder(t, l, order)
	}
}

// checkOrder fails if the order turns a conflicting pair around. It suffices to look at
// neighbours on a unit: the order of one epoch's accesses before those of the next.
func checkOrder(t *testing.T, l *Lists, order []uint32) {
	t.Helper()
	type last struct{ read, delta, write int }
	seen := map[Unit]last{}
	for _, tx := range order {
		for _, a := range l.At(int(tx)) {
			s, ok := seen[a.Unit()]
			if !ok {
				s = last{-1, -1, -1}
			}
			earlier := s.write
			if a.Mode() != Read {
				earlier = max(earlier, s.read)
			}
			if a.Mode() != Delta {
				earlier = max(earlier, s.delta)
			}
			if earlier > int(tx) {
				t.Fatalf("transaction %d comes before %d, which it conflicts with on unit %d", earlier, tx, a.Unit())
			}
			switch a.Mode() {
			case Read:
				s.read = max(s.read, int(tx))
			case Delta:
				s.delta = max(s.delta, int(tx))
			default:
				s.write = max(s.write, int(tx))
			}
			seen[a.Unit()] = s
		}
	}
}

// checkNormal fails if a tree is not in normal form or its positions are wrong.
func checkNormal(t *testing.T, tree Tree) {
	t.Helper()
	next, depth := 0, 0
	var visit func(n Node, level int)
	visit = func(n Node, level int) {
		depth = max(depth, level)
		if n.First() != next {
			t.Fatalf("%v: a node starts at %d, not %d", tree, n.First(), next)
		}
		if n.Kind() == Leaf {
			if n.Len() == 0 {
				t.Fatalf("%v: empty leaf", tree)
			}
			next += n.Len()
			return
		}
		children := 0
		for child := range n.Children() {
			if child.Kind() == n.Kind() && n.Kind() != Cut {
				t.Fatalf("%v: %v under %v", tree, child.Kind(), n.Kind())
			}
			children++
			visit(child, level+1)
		}
		if claims := n.Claims(); (n.Kind() == Cut) != (len(claims) > 0) || len(claims) > 0 && (children != 2 || !validClaims(claims)) {
			t.Fatalf("%v: %v with %d claims", tree, n.Kind(), len(claims))
		}
		if children < 2 || n.First()+n.Len() != next {
			t.Fatalf("%v: node of %d children and %d transactions", tree, children, n.Len())
		}
	}
	if tree.Len() > 0 {
		visit(tree.Root(), 1)
	}
	if next != tree.Len() || depth != tree.Depth() || depth > MaxDepth || tree.Nodes() > MaxNodes {
		t.Fatalf("%v: %d of %d transactions, depth %d, Depth %d", tree, next, tree.Len(), depth, tree.Depth())
	}
}

func TestBuildRandom(t *testing.T) {
	rng := source(t)
	var p Planner
	for range 1500 {
		n := rng.IntN(60)
		opt := Options{MinLeaf: uint64(rng.IntN(5)), Workers: rng.IntN(20)}
		checkBuild(t, &p, randomTxs(rng, n, 1+rng.IntN(200)), randomCosts(rng, n), opt)
	}
}

func TestBuildShapes(t *testing.T) {
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) {
			rng := source(t)
			var p Planner
			for _, n := range []int{0, 1, 2, 3, 64, 1200} {
				for _, opt := range []Options{{}, {MinLeaf: 1}, {MinLeaf: 1, Workers: 2}, {Workers: 1 << 20}} {
					checkBuild(t, &p, s.make(rng, n), randomCosts(rng, n), opt)
				}
			}
		})
	}
}

// What the builders find in blocks whose best tree is plain.
func TestBuildFindsParallelism(t *testing.T) {
	const n = 4096
	tests := []struct {
		shape       string
		given, free float64 // at most this part of the work is on the critical path
	}{
		{"free", 0.02, 0.02},
		{"no access", 0.02, 0.02},
		{"one key", 1, 1},
		{"one key read", 0.02, 0.02},
		{"one key delta", 0.02, 0.02},
		{"one writer among readers", 0.05, 0.13},
		{"authors in turn", 1, 0.15},
		{"authors in runs", 0.15, 0.15},
		{"chain", 1, 1},
		{"hot key", 1, 0.6},
		{"transfers", 1, 0.5},
	}
	for _, tt := range tests {
		t.Run(tt.shape, func(t *testing.T) {
			rng := source(t)
			i := slices.IndexFunc(shapes(), func(s shape) bool { return s.name == tt.shape })
			l := lists(t, shapes()[i].make(rng, n))
			tree := Build(l, nil, Options{MinLeaf: 16})
			if part := float64(tree.CriticalPath(nil)) / n; part > tt.given {
				t.Errorf("Build leaves %.3f on the critical path: %.200v", part, tree)
			}
			tree, _ = BuildReordering(l, nil, Options{MinLeaf: 16})
			if part := float64(tree.CriticalPath(nil)) / n; part > tt.free {
				t.Errorf("BuildReordering leaves %.3f on the critical path: %.200v", part, tree)
			}
		})
	}
}

// A block without parallelism is one leaf, one without conflicts keeps its order.
func TestBuildPlainTrees(t *testing.T) {
	for _, s := range shapes() {
		l := lists(t, s.make(source(t), 1000))
		tree, order := BuildReordering(l, nil, Options{MinLeaf: 10})
		switch s.name {
		case "one key", "chain":
			if !tree.Equal(Serial(1000)) {
				t.Errorf("%s: %v", s.name, tree)
			}
		case "free", "no access", "one key read", "one key delta":
			if !slices.IsSorted(order) || tree.Depth() != 2 {
				t.Errorf("%s: %v in order %v", s.name, tree, order)
			}
		}
	}
}

// No leaf but for the last ones of a branch is smaller than asked for, and no tree is
// larger than a tree may be.
func TestBuildLeafSize(t *testing.T) {
	l := lists(t, shapes()[0].make(source(t), 300_000))
	for _, opt := range []Options{{MinLeaf: 1, Workers: 1 << 30}, {MinLeaf: 1 << 63}, {MinLeaf: 1<<64 - 1}, {Workers: -1}} {
		tree := Build(l, nil, opt)
		checkNormal(t, tree)
		smallest := l.Len()
		for leaf := range tree.Root().Children() {
			smallest = min(smallest, leaf.Len())
		}
		if tree.Leaves() > 1 && uint64(smallest) < min(opt.MinLeaf, 2) {
			t.Errorf("%+v: smallest of %d leaves has %d", opt, tree.Leaves(), smallest)
		}
	}
}

// The work of building is in proportion to the block, whatever its conflicts.
func TestBuildWork(t *testing.T) {
	const n = 20_000
	for _, s := range shapes() {
		if s.name == "wide" {
			continue // the same as others, but large
		}
		rng := source(t)
		l := lists(t, s.make(rng, n))
		for _, minLeaf := range []uint64{1, 4, 64} {
			var p Planner
			p.Build(l, nil, Options{MinLeaf: minLeaf})
			if p.visits > (visitsPerTx+8)*n {
				t.Errorf("%s: Build visits a transaction %d times", s.name, p.visits/n)
			}
			p.BuildReordering(l, nil, Options{MinLeaf: minLeaf})
			if p.visits > (visitsPerTx+8)*n {
				t.Errorf("%s: BuildReordering visits a transaction %d times", s.name, p.visits/n)
			}
		}
	}
}

func ExampleBuild() {
	var b ListBuilder
	for _, account := range []Unit{0, 0, 1, 1, 1, 2} {
		b.Begin()
		b.Add(account, Write)
	}
	l, err := b.Lists()
	if err != nil {
		fmt.Println(err)
		return
	}
	tree := Build(l, nil, Options{MinLeaf: 1})
	fmt.Println(tree, Check(l, tree))
	fmt.Println(Check(l, Par(Serial(1), Serial(5))))
	// Output:
	// P(2,3,1) <nil>
	// transactions 0 and 1 run side by side but conflict on unit 0
}
