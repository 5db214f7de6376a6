package dtt

import (
	"math/rand/v2"
	"testing"
)

// This file holds what the tests measure the package against: slow and obvious versions
// of its rules, written without its data structures, and random inputs.

// source returns a random source and logs how to get it again.
func source(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// use is one access as a test writes it.
type use struct {
	unit Unit
	mode Mode
}

func lists(t testing.TB, txs [][]use) *Lists {
	t.Helper()
	var b ListBuilder
	for _, tx := range txs {
		b.Begin()
		for _, u := range tx {
			b.Add(u.unit, u.mode)
		}
	}
	l, err := b.Lists()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// conflict returns the lowest unit that keeps x and y in order.
func conflict(x, y []use) (Unit, bool) {
	found, lowest := false, Unit(0)
	for _, a := range merged(x) {
		for _, b := range merged(y) {
			free := a.mode == Read && b.mode == Read || a.mode == Delta && b.mode == Delta
			if a.unit == b.unit && !free && (!found || a.unit < lowest) {
				found, lowest = true, a.unit
			}
		}
	}
	return lowest, found
}

// merged returns one use for each unit.
func merged(tx []use) []use {
	modes := map[Unit]Mode{}
	for _, u := range tx {
		if old, ok := modes[u.unit]; ok && old != u.mode {
			modes[u.unit] = Write
		} else {
			modes[u.unit] = u.mode
		}
	}
	var out []use
	for unit, mode := range modes {
		out = append(out, use{unit, mode})
	}
	return out
}

// before returns, for every two positions, whether the tree puts them in order: they are
// unless the lowest node above both is a P.
func before(t Tree) [][]bool {
	order := make([][]bool, t.Len())
	for i := range order {
		order[i] = make([]bool, t.Len())
		for j := range order {
			order[i][j] = i < j
		}
	}
	var visit func(n Node)
	visit = func(n Node) {
		for a := range n.Children() {
			visit(a)
			for b := range n.Children() {
				if n.Kind() != Parallel || a.First() >= b.First() {
					continue
				}
				for x := range a.Len() {
					for y := range b.Len() {
						order[a.First()+x][b.First()+y] = false
					}
				}
			}
		}
	}
	visit(t.Root())
	return order
}

// parallelConflicts returns the pairs that conflict and are not in order.
func parallelConflicts(t Tree, txs [][]use) map[[2]int]bool {
	ordered, bad := before(t), map[[2]int]bool{}
	for y := range txs {
		for x := range y {
			if _, ok := conflict(txs[x], txs[y]); ok && !ordered[x][y] {
				bad[[2]int{x, y}] = true
			}
		}
	}
	return bad
}

// randomTree returns a tree of n transactions.
func randomTree(rng *rand.Rand, n, levels int) Tree {
	if n <= 1 || levels == 0 || rng.IntN(5) == 0 {
		return Serial(n)
	}
	var parts []Tree
	for n > 0 {
		count := 1 + rng.IntN(n)
		parts = append(parts, randomTree(rng, count, levels-1))
		n -= count
	}
	if rng.IntN(2) == 0 {
		return Seq(parts...)
	}
	return Par(parts...)
}

// randomTxs returns the accesses of n transactions on about so many units. A part of the
// blocks is mostly of one mode, a part has neighbours on the same units.
func randomTxs(rng *rand.Rand, n, units int) [][]use {
	txs := make([][]use, n)
	usual, local := Mode(1+rng.IntN(3)), rng.IntN(3) == 0
	for i := range txs {
		for range rng.IntN(4) {
			u := use{Unit(rng.IntN(units)), Mode(1 + rng.IntN(3))}
			if rng.IntN(4) > 0 {
				u.mode = usual
			}
			if local {
				u.unit = Unit(min(units-1, i*units/n+rng.IntN(2)))
			}
			txs[i] = append(txs[i], u)
		}
	}
	return txs
}

// shape is a kind of block that is hard on builders.
type shape struct {
	name string
	make func(rng *rand.Rand, n int) [][]use
}

func shapes() []shape {
	each := func(f func(rng *rand.Rand, n, i int) []use) func(*rand.Rand, int) [][]use {
		return func(rng *rand.Rand, n int) [][]use {
			txs := make([][]use, n)
			for i := range txs {
				txs[i] = f(rng, n, i)
			}
			return txs
		}
	}
	return []shape{
		{"free", each(func(_ *rand.Rand, _, i int) []use { return []use{{Unit(i), Write}} })},
		{"no access", each(func(_ *rand.Rand, _, _ int) []use { return nil })},
		{"one key", each(func(_ *rand.Rand, _, _ int) []use { return []use{{0, Write}} })},
		{"one key read", each(func(_ *rand.Rand, _, _ int) []use { return []use{{0, Read}} })},
		{"one key delta", each(func(_ *rand.Rand, _, _ int) []use { return []use{{0, Delta}} })},
		{"one writer among readers", each(func(_ *rand.Rand, n, i int) []use {
			if i == n/2 {
				return []use{{0, Write}, {1, Write}}
			}
			return []use{{0, Read}, {Unit(2 + i), Write}}
		})},
		{"chain", each(func(_ *rand.Rand, _, i int) []use { return []use{{Unit(i), Write}, {Unit(i + 1), Write}} })},
		{"backward chain", each(func(_ *rand.Rand, n, i int) []use {
			return []use{{Unit(n - i), Write}, {Unit(n - i - 1), Read}}
		})},
		{"star", each(func(rng *rand.Rand, n, i int) []use {
			if i%(n/4+1) == 0 {
				return []use{{0, Write}}
			}
			return []use{{Unit(1 + i), Write}}
		})},
		{"hot key", each(func(rng *rand.Rand, n, i int) []use {
			if rng.IntN(3) == 0 {
				return []use{{0, Write}, {Unit(1 + rng.IntN(n)), Write}}
			}
			return []use{{Unit(1 + rng.IntN(n)), Write}, {Unit(1 + rng.IntN(n)), Read}}
		})},
		{"authors in turn", each(func(_ *rand.Rand, _, i int) []use { return []use{{Unit(i % 7), Write}} })},
		{"authors in runs", each(func(_ *rand.Rand, n, i int) []use { return []use{{Unit(i * 7 / n), Write}} })},
		{"transfers", each(func(rng *rand.Rand, n, _ int) []use {
			return []use{{Unit(rng.IntN(n)), Write}, {Unit(rng.IntN(n)), Write}}
		})},
		{"wide", each(func(rng *rand.Rand, n, _ int) []use {
			tx := make([]use, rng.IntN(100))
			for i := range tx {
				tx[i] = use{Unit(rng.IntN(100 * n)), Write}
			}
			return tx
		})},
		{"ping-pong", each(func(rng *rand.Rand, _, i int) []use {
			return []use{{Unit(rng.IntN(2)), Mode(1 + i%2)}}
		})},
	}
}
