package dtt

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// machine is a toy ledger. A read takes a unit's value in, a delta adds to it, a write
// sets it to something that depends on all that the transaction read. It reaches its
// units without locks, so that the race detector sees whatever a tree fails to order.
type machine struct {
	units []uint64
	out   []uint64 // by position: what the transaction saw
}

func newMachine(l *Lists) *machine {
	return &machine{units: make([]uint64, l.Units()), out: make([]uint64, l.Len())}
}

// shared is a machine whose deltas are atomic, as those of a real one have to be.
func (m *machine) run(l *Lists, order []uint32, first, count int) {
	for tx := first; tx < first+count; tx++ {
		sum := uint64(order[tx]) + 1
		for _, a := range l.At(tx) {
			if a.Mode() != Delta {
				sum = sum*0x9e3779b97f4a7c15 + m.units[a.Unit()]
			}
		}
		for _, a := range l.At(tx) {
			switch a.Mode() {
			case Delta:
				atomic.AddUint64(&m.units[a.Unit()], uint64(order[tx])*3+1)
			case Write:
				m.units[a.Unit()] = sum ^ uint64(a.Unit())
			}
		}
		m.out[order[tx]] = sum
	}
}

func identity(n int) []uint32 {
	order := make([]uint32, n)
	for i := range order {
		order[i] = uint32(i)
	}
	return order
}

// serial returns the machine after all transactions in order.
func serial(l *Lists) *machine {
	m := newMachine(l)
	m.run(l, identity(l.Len()), 0, l.Len())
	return m
}

func (m *machine) equal(o *machine) bool {
	return slices.Equal(m.units, o.units) && slices.Equal(m.out, o.out)
}

var workerCounts = []int{1, 2, 3, 4, 7, 8, 16, 64}

// The result of a run is that of the serial run, for both builders, every shape of
// conflicts and any number of workers.
func TestParallelEqualsSerial(t *testing.T) {
	rng := source(t)
	shapes := shapes()
	for range 4 {
		shapes = append(shapes, shape{"random", func(rng *rand.Rand, n int) [][]use { return randomTxs(rng, n, n) }})
	}
	for _, workers := range workerCounts {
		pool := NewPool(workers)
		for _, s := range shapes {
			for _, n := range []int{5, 400} {
				l := lists(t, s.make(rng, n))
				want := serial(l)
				tree := Build(l, nil, Options{MinLeaf: 1})
				runMachine(t, pool, s.name, l, tree, identity(n), want)
				tree, order := BuildReordering(l, nil, Options{MinLeaf: 1})
				moved, err := l.Reorder(order)
				if err != nil {
					t.Fatal(err)
				}
				if order == nil {
					order = identity(n)
				}
				runMachine(t, pool, s.name, moved, tree, order, want)
			}
		}
		pool.Close()
	}
}

func runMachine(t *testing.T, pool *Pool, name string, l *Lists, tree Tree, order []uint32, want *machine) {
	t.Helper()
	m := newMachine(l)
	err := pool.Run(context.Background(), tree, func(_ context.Context, _, first, count int) error {
		m.run(l, order, first, count)
		return nil
	})
	if err != nil {
		t.Fatalf("%s with %d workers: %v", name, pool.Workers(), err)
	}
	if !m.equal(want) {
		t.Fatalf("%s with %d workers: result of %v differs from the serial one", name, pool.Workers(), tree)
	}
}

// journal records when leaves start and end, on a clock that ticks with each of both.
type journal struct {
	mu     sync.Mutex
	clock  int
	starts map[int]int // by first position
	ends   map[int]int
	counts map[int]int
	busy   map[int]bool // by worker
	fault  string
}

func newJournal() *journal {
	return &journal{starts: map[int]int{}, ends: map[int]int{}, counts: map[int]int{}, busy: map[int]bool{}}
}

func (j *journal) leaf(_ context.Context, worker, first, count int) error {
	j.mu.Lock()
	j.clock++
	if _, again := j.starts[first]; again || j.busy[worker] {
		j.fault = fmt.Sprintf("leaf %d on worker %d: run twice, or worker busy", first, worker)
	}
	j.starts[first], j.counts[first], j.busy[worker] = j.clock, count, true
	j.mu.Unlock()
	for range first % 300 {
		_ = fmt.Sprint(first) // let others overtake
	}
	j.mu.Lock()
	j.clock++
	j.ends[first], j.busy[worker] = j.clock, false
	j.mu.Unlock()
	return nil
}

// verify fails if a leaf was not run once, or did not wait for those before it in the
// tree.
func (j *journal) verify(t *testing.T, tree Tree) {
	t.Helper()
	if j.fault != "" {
		t.Fatalf("%v: %s", tree, j.fault)
	}
	ordered, total := before(tree), 0
	for first, start := range j.starts {
		total += j.counts[first]
		for other, end := range j.ends {
			if other < first && ordered[other][first] && end > start {
				t.Fatalf("%v: leaf at %d started at %d, before the one at %d ended at %d", tree, first, start, other, end)
			}
		}
	}
	if total != tree.Len() || len(j.starts) != tree.Leaves() {
		t.Fatalf("%v: %d transactions in %d leaves were run", tree, total, len(j.starts))
	}
}

func TestRunOrder(t *testing.T) {
	rng := source(t)
	for _, workers := range workerCounts {
		pool := NewPool(workers)
		for range 60 {
			tree := randomTree(rng, rng.IntN(60), 6)
			j := newJournal()
			if err := pool.Run(context.Background(), tree, j.leaf); err != nil {
				t.Fatal(err)
			}
			j.verify(t, tree)
		}
		pool.Close()
	}
}

// With several workers the children of a P do run at the same time: here each leaf waits
// for all others to have started.
func TestRunIsParallel(t *testing.T) {
	const workers = 8
	pool := NewPool(workers)
	defer pool.Close()
	for _, tree := range []Tree{
		Even(workers, workers),
		Par(Serial(1), Seq(Par(Serial(1), Serial(1)), Serial(1)), Serial(1)),
	} {
		wide := tree.Leaves()
		if tree.Depth() > 2 {
			wide-- // the last leaf of the S comes later
		}
		var started atomic.Int32
		all := make(chan struct{})
		err := pool.Run(context.Background(), tree, func(context.Context, int, int, int) error {
			if started.Add(1) == int32(wide) {
				close(all)
			}
			<-all
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

type leafError int

func (e leafError) Error() string { return fmt.Sprintf("leaf at %d", int(e)) }

// Whatever the workers do, the error is the one that a serial run meets first, and every
// leaf before it is run.
func TestRunFirstError(t *testing.T) {
	rng := source(t)
	for _, workers := range workerCounts {
		pool := NewPool(workers)
		for range 100 {
			n := 1 + rng.IntN(80)
			tree := randomTree(rng, n, 6)
			bad := make([]bool, n)
			for i := range bad {
				bad[i] = rng.IntN(6) == 0
			}
			fails := func(first, count int) bool { return slices.Contains(bad[first:first+count], true) }
			ran := make([]atomic.Bool, n)
			err := pool.Run(context.Background(), tree, func(_ context.Context, _, first, count int) error {
				ran[first].Store(true)
				if fails(first, count) {
					return leafError(first)
				}
				return nil
			})
			var want error
			for i := range tree.nodes {
				if leaf := tree.nodes[i]; leaf.kind == Leaf && want == nil {
					if fails(int(leaf.first), int(leaf.count)) {
						want = leafError(leaf.first)
					}
					if !ran[leaf.first].Load() {
						t.Fatalf("%v: leaf at %d was left out, error %v", tree, leaf.first, err)
					}
				}
			}
			if err != want {
				t.Fatalf("%v with %d workers: error %v, want %v", tree, workers, err, want)
			}
		}
		pool.Close()
	}
}

// A leaf that is not started yet when a later one fails is still run, and its failure is
// the one reported.
func TestRunEarlierErrorComesLater(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	for range 100 {
		failing := make(chan struct{})
		tree := Par(Seq(Serial(1), Serial(1)), Serial(1))
		err := pool.Run(context.Background(), tree, func(_ context.Context, _, first, _ int) error {
			switch first {
			case 0:
				<-failing
				for range 1000 {
					runtime.Gosched() // the other failure gets noted in the meantime
				}
				return nil
			case 2:
				close(failing)
			}
			return leafError(first)
		})
		if err != leafError(1) {
			t.Fatalf("error %v", err)
		}
	}
}

func TestRunPanic(t *testing.T) {
	for _, workers := range []int{1, 4} {
		pool := NewPool(workers)
		for range 20 {
			err := pool.Run(context.Background(), Even(20, 10), func(_ context.Context, _, first, _ int) error {
				if first >= 6 {
					panic(fmt.Sprint("at ", first))
				}
				return nil
			})
			var p *PanicError
			if !errors.As(err, &p) || p.First != 6 || p.Count != 2 || p.Value != "at 6" || len(p.Stack) == 0 {
				t.Fatalf("%d workers: %v", workers, err)
			}
			if p.Error() != "transactions 6 to 7 panicked: at 6" {
				t.Errorf("message %q", p.Error())
			}
		}
		pool.Close()
	}
}

func TestRunCancelled(t *testing.T) {
	for _, workers := range []int{1, 4} {
		pool := NewPool(workers)
		ctx, cancel := context.WithCancel(context.Background())
		var ran atomic.Int32
		err := pool.Run(ctx, Seq(Even(20, 10), Serial(1)), func(context.Context, int, int, int) error {
			ran.Add(1)
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) || ran.Load() > int32(workers) {
			t.Errorf("%d workers: %v after %d leaves", workers, err, ran.Load())
		}
		err = pool.Run(ctx, Serial(5), func(context.Context, int, int, int) error {
			t.Error("a leaf was run")
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%d workers: %v", workers, err)
		}
		// A run that had nothing left to do is complete.
		ctx, cancel = context.WithCancel(context.Background())
		if err := pool.Run(ctx, Serial(5), func(context.Context, int, int, int) error { cancel(); return nil }); err != nil {
			t.Errorf("%d workers: %v after the last leaf", workers, err)
		}
		cancel()
		pool.Close()
	}
}

func TestRunEmpty(t *testing.T) {
	for _, workers := range []int{-1, 0, 1, 4} {
		pool := NewPool(workers)
		if err := pool.Run(context.Background(), Tree{}, nil); err != nil {
			t.Errorf("%d workers: %v", workers, err)
		}
		if pool.Workers() != max(workers, 1) {
			t.Errorf("pool of %d has %d workers", workers, pool.Workers())
		}
		pool.Close()
		pool.Close()
		if err := pool.Run(context.Background(), Serial(1), nil); !errors.Is(err, ErrClosed) {
			t.Errorf("%d workers: run after close: %v", workers, err)
		}
	}
}

// Several goroutines may use one pool: their runs wait for each other.
func TestPoolShared(t *testing.T) {
	pool := NewPool(4)
	defer pool.Close()
	var running, leaves atomic.Int32
	var wg sync.WaitGroup
	for id := range 6 {
		wg.Go(func() {
			for range 50 {
				var mine, done atomic.Int32
				err := pool.Run(context.Background(), Seq(Even(8, 8), Even(8, 8)), func(context.Context, int, int, int) error {
					if mine.Add(1) == 1 {
						if running.Add(1) != 1 {
							t.Error("two runs at once")
						}
					}
					if done.Add(1) == 16 {
						running.Add(-1)
					}
					leaves.Add(1)
					return nil
				})
				if err != nil {
					t.Errorf("goroutine %d: %v", id, err)
				}
			}
		})
	}
	wg.Wait()
	if leaves.Load() != 6*50*16 {
		t.Errorf("%d leaves were run", leaves.Load())
	}
}
