package dtt

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// load is a block of transfers between two accounts, as benchmarks of parallel execution
// use it.
type load struct {
	name string
	pick func(rng *rand.Rand, i int) [2]Unit
}

func loads() []load {
	zipf := zipfTable(10_000)
	return []load{
		{"free", func(_ *rand.Rand, i int) [2]Unit { return [2]Unit{Unit(2 * i), Unit(2*i + 1)} }},
		{"uniform", func(rng *rand.Rand, _ int) [2]Unit { return [2]Unit{Unit(rng.IntN(10_000)), Unit(rng.IntN(10_000))} }},
		{"zipf", func(rng *rand.Rand, _ int) [2]Unit { return [2]Unit{zipf(rng), zipf(rng)} }},
		{"hot100", func(rng *rand.Rand, _ int) [2]Unit { return [2]Unit{Unit(rng.IntN(100)), Unit(rng.IntN(100))} }},
		{"hot2", func(*rand.Rand, int) [2]Unit { return [2]Unit{0, 1} }},
		{"authors", func(rng *rand.Rand, i int) [2]Unit { return [2]Unit{Unit(i / 1000), Unit(1000 + rng.IntN(1_000_000))} }},
	}
}

// zipfTable returns a source of units with probabilities in proportion to 1/rank.
func zipfTable(n int) func(*rand.Rand) Unit {
	sums := make([]float64, n)
	sum := 0.0
	for i := range sums {
		sum += 1 / float64(i+1)
		sums[i] = sum
	}
	return func(rng *rand.Rand) Unit {
		x := rng.Float64() * sum
		low, high := 0, n-1
		for low < high {
			if mid := (low + high) / 2; sums[mid] < x {
				low = mid + 1
			} else {
				high = mid
			}
		}
		return Unit(low)
	}
}

func (l load) lists(n int) *Lists {
	rng := rand.New(rand.NewPCG(7, 7))
	var b ListBuilder
	for i := range n {
		b.Begin()
		pair := l.pick(rng, i)
		b.Add(pair[0], Write)
		b.Add(pair[1], Write)
	}
	lists, err := b.Lists()
	if err != nil {
		panic(err)
	}
	return lists
}

// tenMicroseconds is a cost for each transaction with the microsecond as the unit, and
// options that fit.
func tenMicroseconds(n int) ([]uint32, Options) {
	costs := make([]uint32, n)
	for i := range costs {
		costs[i] = 10
	}
	return costs, Options{MinLeaf: 20}
}

// report reports the time of a tree for some numbers of workers over the lower bound: the
// work divided by them, or the longest chain of conflicts; with a free order, the work
// on one unit.
func report(b *testing.B, l *Lists, tree Tree, order, costs []uint32, free bool) {
	var p Planner
	p.begin(l, costs, Options{})
	chain := p.longestChain(0, l.Len())
	if free {
		chain = p.heaviest()
	}
	w := p.weigh(order)
	for _, workers := range []int{2, 8, 16} {
		bound := max(chain, tree.Work(costs)/uint64(workers))
		b.ReportMetric(float64(newPlan(tree).makespan(w, workers))/float64(bound), fmt.Sprintf("x@%d", workers))
	}
	b.ReportMetric(float64(tree.Leaves()), "leaves")
}

func BenchmarkBuild(b *testing.B) {
	for _, l := range loads() {
		for _, n := range []int{10_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/%d", l.name, n), func(b *testing.B) {
				lists := l.lists(n)
				costs, opt := tenMicroseconds(n)
				var p Planner
				var tree Tree
				for b.Loop() {
					tree = p.Build(lists, costs, opt)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/tx")
				report(b, lists, tree, identity(n), costs, false)
			})
		}
	}
}

func BenchmarkBuildReordering(b *testing.B) { benchmarkReordering(b, false) }

func BenchmarkBuildFreeOrder(b *testing.B) { benchmarkReordering(b, true) }

func benchmarkReordering(b *testing.B, free bool) {
	for _, l := range loads() {
		for _, n := range []int{10_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/%d", l.name, n), func(b *testing.B) {
				lists := l.lists(n)
				costs, opt := tenMicroseconds(n)
				opt.FreeOrder = free
				var p Planner
				var tree Tree
				var order []uint32
				for b.Loop() {
					tree, order = p.BuildReordering(lists, costs, opt)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/tx")
				report(b, lists, tree, order, costs, free)
			})
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	for _, l := range loads() {
		for _, n := range []int{10_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/%d", l.name, n), func(b *testing.B) {
				lists := l.lists(n)
				costs, opt := tenMicroseconds(n)
				tree := Build(lists, costs, opt)
				var c Checker
				for b.Loop() {
					if err := c.Check(lists, tree); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*lists.Accesses()), "ns/access")
			})
		}
	}
}

func BenchmarkLists(b *testing.B) {
	const n = 1_000_000
	var builder ListBuilder
	for b.Loop() {
		builder.Reset()
		for i := range n {
			builder.Begin()
			builder.Add(Unit(i), Write)
			builder.Add(Unit(n-i), Read)
		}
		if _, err := builder.Lists(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*2*n), "ns/access")
}

// BenchmarkRun measures what a leaf costs beyond its own work, which is nothing here.
func BenchmarkRun(b *testing.B) {
	barriers := make([]Tree, 1000)
	for i := range barriers {
		barriers[i] = Even(2, 2)
	}
	for _, tree := range []struct {
		name string
		Tree
	}{{"wide", Even(10_000, 10_000)}, {"barriers", Seq(barriers...)}, {"small", Even(8, 8)}} {
		for _, workers := range []int{1, 2, 16} {
			b.Run(fmt.Sprintf("%s/%d", tree.name, workers), func(b *testing.B) {
				pool := NewPool(workers)
				defer pool.Close()
				for b.Loop() {
					err := pool.Run(context.Background(), tree.Tree, func(context.Context, int, int, int) error { return nil })
					if err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*tree.Leaves()), "ns/leaf")
			})
		}
	}
}

// spin works for about 10 microseconds. It counts steps, not time: a processor that is
// taken away must not count as work.
func spin(sink uint64) uint64 {
	for range 12_000 {
		sink = sink*0x9e3779b97f4a7c15 + 1
	}
	return sink
}

// BenchmarkBlock runs a block of 10,000 transfers of about 10 microseconds each, building
// and checking of the tree included.
func BenchmarkBlock(b *testing.B) {
	const n = 10_000
	for _, l := range loads() {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/%d", l.name, workers), func(b *testing.B) {
				lists := l.lists(n)
				costs, opt := tenMicroseconds(n)
				pool := NewPool(workers)
				defer pool.Close()
				var p Planner
				var c Checker
				for b.Loop() {
					tree, order := p.BuildReordering(lists, costs, opt)
					moved, err := lists.Reorder(order)
					if err != nil {
						b.Fatal(err)
					}
					if err := c.Check(moved, tree); err != nil {
						b.Fatal(err)
					}
					err = pool.Run(context.Background(), tree, func(_ context.Context, _, first, count int) error {
						sink := uint64(math.MaxUint32)
						for range count {
							sink = spin(sink)
						}
						if sink == 0 {
							return errSink
						}
						return nil
					})
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

var errSink = fmt.Errorf("a sum came out as 0")
