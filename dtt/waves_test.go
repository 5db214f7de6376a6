package dtt

import (
	"slices"
	"testing"
)

// With conflicting transactions in order, the time of the tree is near what no tree can
// beat: the work divided by the workers, or the longest chain of conflicts.
func TestWavesNearTheBound(t *testing.T) {
	const n = 10_000
	for _, tt := range []struct {
		load       string
		two, eight float64
	}{
		{"free", 1.01, 1.01},
		{"uniform", 1.01, 1.03},
		{"zipf", 1.02, 1.06},
		{"hot100", 1.01, 1.17},
		{"hot2", 1, 1},
		{"authors", 1.03, 1.1},
	} {
		i := slices.IndexFunc(loads(), func(l load) bool { return l.name == tt.load })
		l := loads()[i].lists(n)
		costs, opt := tenMicroseconds(n)
		var p Planner
		tree, order := p.BuildReordering(l, costs, opt)
		moved, err := l.Reorder(order)
		if err != nil {
			t.Fatal(err)
		}
		if err := Check(moved, tree); err != nil {
			t.Fatal(err)
		}
		p.begin(l, costs, opt)
		chain := p.longestChain(0, n)
		for workers, most := range map[int]float64{2: tt.two, 8: tt.eight} {
			bound := max(chain, tree.Work(costs)/uint64(workers))
			if over := float64(tree.Makespan(costs, workers)) / float64(bound); over > most {
				t.Errorf("%s: %.3f of the bound with %d workers", tt.load, over, workers)
			}
		}
	}
}

// What is not worth two leaves is one, in the order that it has, however it conflicts.
func TestSmallBlocks(t *testing.T) {
	for _, s := range shapes() {
		l := lists(t, s.make(source(t), 500))
		for _, tt := range []struct {
			costs []uint32
			least uint64
			small bool
		}{
			{nil, 251, true},
			{nil, 250, false},
			{make([]uint32, 500), 0, true},
			{make([]uint32, 100), 201, true}, // those missing cost 1
			{make([]uint32, 100), 200, false},
			{make([]uint32, 900), 1, true},
		} {
			opt := Options{MinLeaf: tt.least}
			if got := opt.small(tt.costs, l.Len()); got != tt.small {
				t.Errorf("%d costs, least %d: small is %v", len(tt.costs), tt.least, got)
			}
			for _, opt.FreeOrder = range []bool{false, true} {
				tree, order := BuildReordering(l, tt.costs, opt)
				if tt.small && (!tree.Equal(Serial(500)) || order != nil || !Build(l, tt.costs, opt).Equal(tree)) {
					t.Errorf("%s: %v in order %v", s.name, tree, order)
				}
				if order != nil && slices.IsSorted(order) {
					t.Errorf("%s: the given order is not nil", s.name)
				}
			}
		}
		same, err := l.Reorder(nil)
		if err != nil || same != l {
			t.Errorf("%s: the same order gives %p of %p, %v", s.name, same, l, err)
		}
	}
}

// A block whose smallest leaves would not fit into a tree gets larger ones.
func TestWavesStayWithinTheLimit(t *testing.T) {
	const n = 1_000_000
	l := loads()[3].lists(n)
	tree, order := BuildReordering(l, nil, Options{MinLeaf: 1})
	checkNormal(t, tree)
	if tree.CriticalPath(nil) > n/8 {
		t.Errorf("%d on the critical path", tree.CriticalPath(nil))
	}
	moved, err := l.Reorder(order)
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(moved, tree); err != nil {
		t.Fatal(err)
	}
}

func TestFlat(t *testing.T) {
	var f flat
	for _, tt := range []struct {
		parts [][]int // a leaf, or the branches of a P
		want  string
	}{
		{nil, "0"},
		{[][]int{{3}}, "3"},
		{[][]int{{3}, {0}, {4}}, "7"},
		{[][]int{{1, 2}}, "P(1,2)"},
		{[][]int{{0, 2}}, "2"},
		{[][]int{{0, 0}}, "0"},
		{[][]int{{1}, {0, 2}, {3}}, "6"},
		{[][]int{{1, 1}, {0, 2}, {3}, {2, 0, 2}}, "S(P(1,1),5,P(2,2))"},
	} {
		f.reset()
		for _, part := range tt.parts {
			if len(part) == 1 {
				f.leaf(part[0])
				continue
			}
			for _, count := range part {
				f.branch(count)
			}
			f.close()
		}
		tree := f.series()
		if tree.String() != tt.want {
			t.Errorf("%v: %v, want %s", tt.parts, tree, tt.want)
		}
		checkNormal(t, tree)
	}
}
