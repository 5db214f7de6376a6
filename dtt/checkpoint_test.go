package dtt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
)

// ledger is the machine with checkpoints: each space has copies of some units.
type ledger struct {
	*machine
	lists  *Lists
	order  []uint32
	spaces []copies // by space; that of 0 is empty
	before func(s Space, first int) error
}

type copies struct {
	outer  Space
	values map[Unit]*uint64
}

func newLedger(l *Lists, order []uint32, cuts int) *ledger {
	return &ledger{machine: newMachine(l), lists: l, order: order, spaces: make([]copies, cuts+1)}
}

// at returns where a unit's value is for those who run in a space.
func (m *ledger) at(s Space, u Unit) *uint64 {
	for ; s != 0; s = m.spaces[s].outer {
		if value, ok := m.spaces[s].values[u]; ok {
			return value
		}
	}
	return &m.units[u]
}

func (m *ledger) RunLeaf(_ context.Context, _ int, s Space, first, count int) error {
	if m.before != nil {
		if err := m.before(s, first); err != nil {
			return err
		}
	}
	for tx := first; tx < first+count; tx++ {
		sum := uint64(m.order[tx]) + 1
		for _, a := range m.lists.At(tx) {
			if a.Mode() != Delta {
				sum = sum*0x9e3779b97f4a7c15 + *m.at(s, a.Unit())
			}
		}
		for _, a := range m.lists.At(tx) {
			switch a.Mode() {
			case Delta:
				atomic.AddUint64(m.at(s, a.Unit()), uint64(m.order[tx])*3+1)
			case Write:
				*m.at(s, a.Unit()) = sum ^ uint64(a.Unit())
			}
		}
		m.out[m.order[tx]] = sum
	}
	return nil
}

func (m *ledger) Install(s, outer Space, claims []Claim) error {
	m.spaces[s] = copies{outer, map[Unit]*uint64{}}
	for _, c := range claims {
		if len(c.Value) != 8 {
			return fmt.Errorf("value of %d bytes", len(c.Value))
		}
		value := binary.BigEndian.Uint64(c.Value)
		m.spaces[s].values[c.Unit] = &value
	}
	return nil
}

func (m *ledger) Snapshot(b []byte, s Space, u Unit) ([]byte, error) {
	return binary.BigEndian.AppendUint64(b, *m.at(s, u)), nil
}

func (m *ledger) Adopt(s, outer Space, claims []Claim) error {
	for _, c := range claims {
		*m.at(outer, c.Unit) = *m.at(s, c.Unit)
	}
	return nil
}

// crossingUnits returns the units on which transactions of a..m-1 and m..b-1 conflict.
func crossingUnits(l *Lists, a, m, b int) []Claim {
	c := cutter{lists: l, units: make([]crossing, l.Units()), most: MaxClaims}
	claims, _ := c.claims(a, m, b)
	return claims
}

// randomCut returns a valid tree of the transactions a..b-1 with cuts at random places.
func randomCut(rng *rand.Rand, l *Lists, a, b, levels int) Tree {
	if b-a < 2 || levels == 0 || rng.IntN(8) == 0 {
		return Serial(b - a)
	}
	m := a + 1 + rng.IntN(b-a-1)
	left, right := randomCut(rng, l, a, m, levels-1), randomCut(rng, l, m, b, levels-1)
	claims := crossingUnits(l, a, m, b)
	if len(claims) == 0 {
		return Par(left, right)
	}
	if rng.IntN(3) == 0 {
		return Seq(left, right)
	}
	return Halves(left, right, claims)
}

// record returns the tree with the claims that hold.
func recordClaims(t *testing.T, pool *Pool, l *Lists, order []uint32, tree Tree, want *machine) Tree {
	t.Helper()
	m := newLedger(l, order, tree.Cuts())
	filled, err := pool.Record(context.Background(), tree, m)
	if err != nil {
		t.Fatal(err)
	}
	if !m.equal(want) {
		t.Fatalf("recording %v gives another result than the serial run", tree)
	}
	return filled
}

func runLedger(t *testing.T, pool *Pool, l *Lists, order []uint32, tree Tree, want *machine) {
	t.Helper()
	m := newLedger(l, order, tree.Cuts())
	if err := pool.RunCheckpoints(context.Background(), tree, m); err != nil {
		t.Fatalf("%v with %d workers: %v", tree, pool.Workers(), err)
	}
	if !m.equal(want) {
		t.Fatalf("%v with %d workers: result differs from the serial one", tree, pool.Workers())
	}
}

func pools(t *testing.T) []*Pool {
	t.Helper()
	var pools []*Pool
	for _, workers := range workerCounts {
		pool := NewPool(workers)
		t.Cleanup(pool.Close)
		pools = append(pools, pool)
	}
	return pools
}

// Whatever is cut where, recording and running give the result of the serial run, for any
// number of workers.
func TestCheckpointsEqualSerial(t *testing.T) {
	rng, pools, cuts := source(t), pools(t), 0
	for range 100 {
		n := 2 + rng.IntN(60)
		l := lists(t, randomTxs(rng, n, 1+rng.IntN(40)))
		tree := randomCut(rng, l, 0, n, 6)
		if err := Check(l, tree); err != nil {
			t.Fatalf("%v: %v", tree, err)
		}
		checkNormal(t, tree)
		cuts += tree.Cuts()
		want := serial(l)
		tree = recordClaims(t, pools[rng.IntN(len(pools))], l, identity(n), tree, want)
		for _, pool := range pools {
			runLedger(t, pool, l, identity(n), tree, want)
		}
	}
	if cuts < 100 {
		t.Errorf("%d cuts prove nothing", cuts)
	}
}

// Two accounts that take every transfer: no order lets any two transactions run side by
// side, but two workers need half the time.
func TestCheckpointHotAccounts(t *testing.T) {
	const n = 1000
	txs := make([][]use, n)
	for i := range txs {
		txs[i] = []use{{0, Write}, {1, Write}}
	}
	l := lists(t, txs)
	tree := Build(l, nil, Options{})
	if !tree.Equal(Serial(n)) {
		t.Fatalf("built %v", tree)
	}
	for _, workers := range []int{2, 8} {
		tree := Checkpoint(tree, l, nil, Options{MinLeaf: 10, Workers: workers})
		if err := Check(l, tree); err != nil {
			t.Fatal(err)
		}
		if got, most := tree.Makespan(nil, workers), uint64(n/workers+1); got > most {
			t.Errorf("%d workers take %d for %d: %v", workers, got, n, tree)
		}
		want := serial(l)
		for _, pool := range pools(t) {
			runLedger(t, pool, l, identity(n), recordClaims(t, pool, l, identity(n), tree, want), want)
		}
	}
}

// The two halves of a cut do run at the same time: each waits for the other to start.
func TestCutIsParallel(t *testing.T) {
	l := lists(t, [][]use{{{0, Write}}, {{0, Write}}})
	pool := NewPool(2)
	defer pool.Close()
	tree := recordClaims(t, pool, l, identity(2), Halves(Serial(1), Serial(1), []Claim{{Unit: 0}}), serial(l))
	m := newLedger(l, identity(2), 1)
	started, both := new(atomic.Int32), make(chan struct{})
	m.before = func(s Space, first int) error {
		if int(s) != first {
			t.Errorf("transaction %d in space %d", first, s)
		}
		if started.Add(1) == 2 {
			close(both)
		}
		<-both
		return nil
	}
	if err := pool.RunCheckpoints(context.Background(), tree, m); err != nil || !m.equal(serial(l)) {
		t.Error(err)
	}
}

// A false claim is refused by its unit and place, the first in block order, whatever
// fails behind it and for any number of workers.
func TestFalseClaims(t *testing.T) {
	rng, pools, refused := source(t), pools(t), 0
	for range 200 {
		n := 2 + rng.IntN(40)
		l := lists(t, randomTxs(rng, n, 1+rng.IntN(10)))
		tree := randomCut(rng, l, 0, n, 6)
		if tree.Cuts() == 0 {
			continue
		}
		tree = recordClaims(t, pools[0], l, identity(n), tree, serial(l))
		want := &CheckpointError{Position: n}
		for range 1 + rng.IntN(2) {
			c := &tree.cuts[rng.IntN(tree.Cuts())]
			i := rng.IntN(len(c.claims))
			c.claims[i].Value = binary.BigEndian.AppendUint64(nil, rng.Uint64())
			at := CheckpointError{int(tree.nodes[tree.right(c)].first), c.claims[i].Unit}
			if at.Position < want.Position || at.Position == want.Position && at.Unit < want.Unit {
				want = &at
			}
		}
		refused++
		for _, pool := range pools {
			m := newLedger(l, identity(n), tree.Cuts())
			m.before = func(_ Space, first int) error {
				if first >= want.Position {
					panic("the values are wrong")
				}
				return nil
			}
			err := pool.RunCheckpoints(context.Background(), tree, m)
			if got := new(CheckpointError); !errors.As(err, &got) || *got != *want || !errors.Is(err, ErrCheckpoint) {
				t.Fatalf("%v with %d workers: error %v, want %v", tree, pool.Workers(), err, want)
			}
		}
	}
	if refused < 50 {
		t.Errorf("%d refusals prove nothing", refused)
	}
}

// With cuts, too, the error is the one that a serial run meets first.
func TestCheckpointFirstError(t *testing.T) {
	rng, pools := source(t), pools(t)
	for range 100 {
		n := 2 + rng.IntN(40)
		l := lists(t, randomTxs(rng, n, 1+rng.IntN(10)))
		tree := recordClaims(t, pools[0], l, identity(n), randomCut(rng, l, 0, n, 6), serial(l))
		bad := make([]bool, n)
		for i := range bad {
			bad[i] = rng.IntN(10) == 0
		}
		var want error
		for i := range tree.nodes {
			if leaf := &tree.nodes[i]; leaf.kind == Leaf && bad[leaf.first] && want == nil {
				want = leafError(leaf.first)
			}
		}
		for _, pool := range pools {
			m := newLedger(l, identity(n), tree.Cuts())
			m.before = func(_ Space, first int) error {
				if bad[first] {
					return leafError(first)
				}
				return nil
			}
			if err := pool.RunCheckpoints(context.Background(), tree, m); err != want {
				t.Fatalf("%v with %d workers: error %v, want %v", tree, pool.Workers(), err, want)
			}
		}
	}
}

func TestCheckpointRefusals(t *testing.T) {
	l := lists(t, [][]use{{{0, Write}}, {{0, Write}}})
	tree := Halves(Serial(1), Serial(1), []Claim{{Unit: 0, Value: []byte("no")}})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, pool := range pools(t) {
		if err := pool.Run(context.Background(), tree, nil); !errors.Is(err, ErrCheckpoint) {
			t.Errorf("Run of a tree with a cut: %v", err)
		}
		if err := pool.RunCheckpoints(context.Background(), tree, newLedger(l, identity(2), 1)); !errors.Is(err, ErrCheckpoint) {
			t.Errorf("value that cannot be: %v", err)
		}
		if err := pool.RunCheckpoints(ctx, tree, newLedger(l, identity(2), 1)); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	}
}

func TestHalves(t *testing.T) {
	claims := []Claim{{7, []byte("x")}, {0, nil}}
	long := make([]byte, MaxClaimBytes+1)
	tests := []struct {
		tree Tree
		want string
	}{
		{Halves(Serial(2), Serial(3), claims), "C[0 7](2,3)"},
		{Halves(Serial(2), Halves(Serial(3), Serial(4), claims[:1]), claims), "C[0 7](2,C[7](3,4))"},
		{Seq(Serial(1), Halves(Serial(2), Seq(Serial(3), Serial(1)), claims)), "S(1,C[0 7](2,S(3,1)))"},
		{Halves(Serial(2), Tree{}, claims), "2"},
		{Halves(Tree{}, Serial(2), claims), "2"},
		{Halves(Serial(2), Serial(3), nil), "S(2,3)"},
		{Halves(Serial(2), Serial(3), []Claim{{7, nil}, {7, nil}}), "S(2,3)"},
		{Halves(Serial(2), Serial(3), []Claim{{MaxUnits, nil}}), "S(2,3)"},
		{Halves(Serial(2), Serial(3), []Claim{{1, long}}), "S(2,3)"},
		{Halves(Serial(MaxTransactions), Serial(3), claims), "1073741823"},
	}
	for _, tt := range tests {
		if got := tt.tree.String(); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
		checkNormal(t, tt.tree)
	}
	tree := tests[2].tree
	cut := slices.Collect(tree.Root().Children())[1]
	if !cut.Tree().Equal(Halves(Serial(2), Seq(Serial(3), Serial(1)), claims)) || len(cut.Claims()) != 2 || tree.Root().Claims() != nil {
		t.Errorf("the cut of %v is %v", tree, cut.Tree())
	}
}
