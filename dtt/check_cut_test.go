package dtt

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

// randomCutTree returns a tree of n transactions with cuts that claim any units.
func randomCutTree(rng *rand.Rand, n, levels, units int) Tree {
	if n <= 1 || levels == 0 || rng.IntN(6) == 0 {
		return Serial(n)
	}
	if rng.IntN(2) == 0 {
		m := 1 + rng.IntN(n-1)
		var claims []Claim
		for u := range units {
			if rng.IntN(3) > 0 {
				claims = append(claims, Claim{Unit(u), make([]byte, rng.IntN(3))})
			}
		}
		return Halves(randomCutTree(rng, m, levels-1, units), randomCutTree(rng, n-m, levels-1, units), claims)
	}
	var parts []Tree
	for n > 0 {
		count := 1 + rng.IntN(n)
		parts = append(parts, randomCutTree(rng, count, levels-1, units))
		n -= count
	}
	if rng.IntN(2) == 0 {
		return Seq(parts...)
	}
	return Par(parts...)
}

func claimsUnit(n Node, u Unit) bool {
	return slices.ContainsFunc(n.Claims(), func(c Claim) bool { return c.Unit == u })
}

// inOrder says whether positions x < y are in order for unit u, going down from n.
func inOrder(n Node, x, y int, u Unit) bool {
	for child := range n.Children() {
		end := child.First() + child.Len()
		switch {
		case x >= end:
			continue
		case y < end:
			return inOrder(child, x, y, u)
		}
		return n.Kind() == Series || n.Kind() == Cut && claimsUnit(n, u)
	}
	return true
}

// clash is what the check has to refuse: the two positions, the unit, and when it is
// found: at 2y for a cut before y, at 2y+1 for an access of y.
type clash struct {
	first, second int
	unit          Unit
	at            int
}

// clashes returns all clashes of a tree.
func clashes(t Tree, txs [][]use) []clash {
	var all []clash
	for y := range txs {
		for x := range y {
			for _, a := range merged(txs[x]) {
				for _, b := range merged(txs[y]) {
					if a.unit == b.unit && a.mode|b.mode == Write && !inOrder(t.Root(), x, y, a.unit) {
						all = append(all, clash{x, y, a.unit, 2*y + 1})
					}
				}
			}
		}
	}
	var cuts func(n Node)
	cuts = func(n Node) {
		for child := range n.Children() {
			cuts(child)
		}
		if n.Kind() != Cut {
			return
		}
		middle := slices.Collect(n.Children())[1].First()
		for _, c := range n.Claims() {
			for x := range txs {
				uses := slices.ContainsFunc(txs[x], func(u use) bool { return u.unit == c.Unit })
				switch {
				case !uses || x >= n.First() && x < n.First()+n.Len():
				case x < middle && !inOrder(t.Root(), x, middle, c.Unit):
					all = append(all, clash{x, middle, c.Unit, 2 * middle})
				case x > middle && !inOrder(t.Root(), middle, x, c.Unit):
					all = append(all, clash{middle, x, c.Unit, 2*x + 1})
				}
			}
		}
		// Cuts beside each other that claim the same unit clash, too.
		for _, c := range n.Claims() {
			var others func(o Node)
			others = func(o Node) {
				for child := range o.Children() {
					others(child)
				}
				if o.Kind() != Cut || !claimsUnit(o, c.Unit) {
					return
				}
				theirs := slices.Collect(o.Children())[1].First()
				apart := o.First()+o.Len() <= n.First() || n.First()+n.Len() <= o.First()
				if apart && theirs < middle && !inOrder(t.Root(), theirs, middle, c.Unit) {
					all = append(all, clash{theirs, middle, c.Unit, 2 * middle})
				}
			}
			others(t.Root())
		}
	}
	cuts(t.Root())
	return all
}

func TestCheckOfCutsAgreesWithBruteForce(t *testing.T) {
	rng := source(t)
	var c Checker
	const rounds = 5_000
	refused, ofCuts, valid := 0, 0, 0
	for range rounds {
		n, units := 1+rng.IntN(14), 1+rng.IntN(4)
		tree, txs := randomCutTree(rng, n, 4, units), randomTxs(rng, n, units)
		for u := range units {
			txs[0] = append(txs[0], use{Unit(u), Read}) // so that all units are known
		}
		if rng.IntN(2) == 0 {
			tree = Seq(Serial(1), randomCutTree(rng, n-1, 4, units))
		}
		want := clashes(tree, txs)
		err := c.Check(lists(t, txs), tree)
		if err == nil {
			if len(want) > 0 {
				t.Fatalf("%v with %v: accepted, but %v", tree, txs, want)
			}
			valid += tree.Cuts()
			continue
		}
		refused++
		var got *ConflictError
		if !errors.As(err, &got) || len(want) == 0 {
			t.Fatalf("%v with %v: %v", tree, txs, err)
		}
		if got.Cut {
			ofCuts++
		}
		first := slices.MinFunc(want, func(a, b clash) int { return a.at - b.at })
		at := slices.IndexFunc(want, func(w clash) bool {
			return w.first == got.First && w.second == got.Second && w.unit == got.Unit && w.at == first.at
		})
		if at < 0 {
			t.Fatalf("%v with %v: refused for %+v, but first is %+v of %+v", tree, txs, *got, first, want)
		}
	}
	t.Logf("%d refused, %d for cuts; %d cuts accepted", refused, ofCuts, valid)
	if refused < rounds/10 || ofCuts < 100 || valid < rounds/10 {
		t.Errorf("%d of %d trees refused, %d for cuts, %d cuts accepted: the inputs prove nothing", refused, rounds, ofCuts, valid)
	}
}

func TestCheckRefusesUnknownClaim(t *testing.T) {
	l := lists(t, [][]use{{{0, Write}}, {{0, Write}}})
	if err := Check(l, Halves(Serial(1), Serial(1), []Claim{{Unit: 0}, {Unit: 1}})); !errors.Is(err, ErrClaim) {
		t.Errorf("claim of a unit that no one accesses: %v", err)
	}
	if err := Check(l, Halves(Serial(1), Serial(1), []Claim{{Unit: 0}})); err != nil {
		t.Error(err)
	}
}

func TestEncodingOfCuts(t *testing.T) {
	rng := source(t)
	for range 500 {
		tree := randomCutTree(rng, rng.IntN(60), 8, 5)
		checkNormal(t, tree)
		b := tree.Append(nil)
		back, err := Decode(b)
		if err != nil || !back.Equal(tree) || back.String() != tree.String() {
			t.Fatalf("%v: decoded as %v, %v", tree, back, err)
		}
		for range 5 {
			bijective(t, damage(rng, slices.Clone(b)))
		}
	}
	tests := []struct {
		name, record string
		accepted     bool
	}{
		{"a cut", "84 01 09 07 84 02 03 04 82 05 41ff", true},
		{"a cut in a cut", "84 01 09 07 84 02 03 84 02 03 01 82 05 40 82 05 41ff", true},
		{"no claims", "84 01 09 07 84 02 03 04 80", false},
		{"claims left out", "84 01 09 07 83 02 03 04", false},
		{"one half", "84 01 09 07 83 02 07 82 05 40", false},
		{"three parts", "84 01 09 07 85 02 03 03 01 82 05 40", false},
		{"a unit without a value", "84 01 09 07 84 02 03 04 83 05 40 06", false},
		{"units out of order", "84 01 09 07 84 02 03 04 84 05 40 04 40", false},
		{"a unit twice", "84 01 09 07 84 02 03 04 84 05 40 05 40", false},
		{"a unit beyond the limit", "84 01 09 07 84 02 03 04 82 1a04000000 40", false},
		{"a value that is a number", "84 01 09 07 84 02 03 04 82 05 06", false},
		{"claims of a series", "84 01 09 07 84 00 03 04 82 05 40", false},
		{"the next tag", "84 01 09 07 84 03 03 04 82 05 40", false},
	}
	for _, tt := range tests {
		if tree, err := Decode(record(t, tt.record)); (err == nil) != tt.accepted {
			t.Errorf("%s: %v, %v", tt.name, tree, err)
		}
	}
}
