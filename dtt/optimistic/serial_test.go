package optimistic

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"aergo/dtt"
)

// This file holds random blocks, and the slow and obvious run of them.

// source returns a random source and logs how to get it again.
func source(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// hands is what a transaction of the tests uses of a view.
type hands interface {
	Read(u dtt.Unit) (uint64, error)
	Write(u dtt.Unit, value uint64)
	Delta(u dtt.Unit, delta uint64)
}

// sums is a ledger of numbers that begin as a mix of their unit.
type sums struct{}

func (sums) Load(u dtt.Unit) (uint64, error) { return mix(uint64(u), 77), nil }
func (sums) Add(a, b uint64) uint64          { return a + b }
func (sums) Equal(a, b uint64) bool          { return a == b }

func mix(a, b uint64) uint64 {
	x := (a ^ b*0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9
	return x ^ x>>29
}

// program is a random transaction. What it touches depends on what it read.
type program struct {
	seed   uint64
	steps  int
	units  uint64
	reads  uint64 // out of 8 steps
	deltas uint64 // out of 8 steps
	fails  bool   // if what it read is odd
	blind  bool   // it does not look at what it reads
	yields bool   // to other goroutines, midway
}

var errOdd = errors.New("odd")

func (p *program) run(h hands) error {
	state := p.seed
	for i := range p.steps {
		if p.yields {
			runtime.Gosched()
		}
		dice := mix(state, uint64(i))
		u := dtt.Unit(dice >> 40 % p.units)
		switch op := dice % 8; {
		case op < p.reads:
			value, err := h.Read(u)
			if err != nil {
				return err
			}
			if !p.blind {
				state = mix(state, value)
			}
		case op < p.reads+p.deltas:
			h.Delta(u, dice>>8)
		default:
			h.Write(u, mix(state, uint64(u)))
		}
	}
	if p.fails && state&1 == 1 {
		return errOdd
	}
	return nil
}

// block is a random block.
type block []program

func randomBlock(rng *rand.Rand) block {
	b := make(block, rng.IntN(60))
	units := 1 + rng.Uint64N(1+rng.Uint64N(100))
	reads, deltas := rng.Uint64N(8), rng.Uint64N(6)
	longest := 1 + rng.IntN(10)
	yields := rng.IntN(2) == 0
	for i := range b {
		b[i] = program{
			seed: rng.Uint64(), steps: rng.IntN(longest), units: units, reads: reads, deltas: deltas,
			blind: rng.IntN(3) == 0, yields: yields && rng.IntN(4) == 0,
		}
		if rng.IntN(50) == 0 {
			b[i].steps *= 20 // more units than are looked at one by one
		}
	}
	return b
}

func (b block) execute(_ context.Context, tx int, v *View[uint64]) error { return b[tx].run(v) }

// serial is the state of a run of one transaction after another.
type serial struct {
	values map[dtt.Unit]uint64
	lists  dtt.ListBuilder
	order  []dtt.Unit // as first changed
	failed int        // or -1
}

func (s *serial) get(u dtt.Unit) uint64 {
	if v, ok := s.values[u]; ok {
		return v
	}
	return mix(uint64(u), 77)
}

// one is the part of a serial run that is one transaction. A unit that it set itself is
// not one that it reads.
type one struct {
	*serial
	own map[dtt.Unit]bool
}

func (o one) Read(u dtt.Unit) (uint64, error) {
	if !o.own[u] {
		o.lists.Add(u, dtt.Read)
	}
	return o.get(u), nil
}

func (o one) set(u dtt.Unit, value uint64) {
	if _, ok := o.values[u]; !ok {
		o.order = append(o.order, u)
	}
	o.values[u] = value
}

func (o one) Write(u dtt.Unit, value uint64) {
	o.lists.Add(u, dtt.Write)
	o.set(u, value)
	o.own[u] = true
}

func (o one) Delta(u dtt.Unit, delta uint64) {
	if !o.own[u] {
		o.lists.Add(u, dtt.Delta)
	}
	o.set(u, o.get(u)+delta)
}

func runSerial(b block) *serial {
	s := &serial{values: map[dtt.Unit]uint64{}, failed: -1}
	for i := range b {
		s.lists.Begin()
		if err := b[i].run(one{s, map[dtt.Unit]bool{}}); err != nil {
			s.failed = i
			return s
		}
	}
	return s
}

// same fails unless the last run of an engine ended as the serial run.
func same(t *testing.T, e *Engine[uint64], s *serial) {
	t.Helper()
	var b dtt.ListBuilder
	got, err := e.Lists(&b)
	if err != nil {
		t.Fatal(err)
	}
	want, err := s.lists.Lists()
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(rows(got)) != fmt.Sprint(rows(want)) {
		t.Fatalf("accesses %v, want %v", rows(got), rows(want))
	}
	seen := map[dtt.Unit]bool{}
	err = e.Changes(func(u dtt.Unit, value uint64) error {
		if seen[u] || value != s.get(u) {
			t.Errorf("unit %d ends as %d, want %d (twice: %v)", u, value, s.values[u], seen[u])
		}
		seen[u] = true
		return nil
	})
	if err != nil || len(seen) != len(s.values) {
		t.Fatalf("%d units changed, want %d; %v", len(seen), len(s.values), err)
	}
}

func rows(l *dtt.Lists) [][]dtt.Access {
	var out [][]dtt.Access
	for i := range l.Len() {
		out = append(out, l.At(i))
	}
	return out
}
