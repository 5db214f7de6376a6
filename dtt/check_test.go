package dtt

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

// compare checks a tree and fails if the oracle says otherwise.
func compare(t *testing.T, c *Checker, tree Tree, txs [][]use) (refused bool) {
	t.Helper()
	bad := parallelConflicts(tree, txs)
	err := c.Check(lists(t, txs), tree)
	if err == nil {
		if len(bad) > 0 {
			t.Fatalf("%v with %v: accepted, but %v run side by side", tree, txs, bad)
		}
		return false
	}
	var found *ConflictError
	if !errors.As(err, &found) || !errors.Is(err, ErrConflict) {
		t.Fatalf("%v with %v: error %v is no conflict", tree, txs, err)
	}
	if !bad[[2]int{found.First, found.Second}] {
		t.Fatalf("%v with %v: refused for %v, but bad are %v", tree, txs, err, bad)
	}
	for pair := range bad {
		if pair[1] < found.Second {
			t.Fatalf("%v with %v: refused for %v, but %v comes first", tree, txs, err, pair)
		}
	}
	x, y := merged(txs[found.First]), merged(txs[found.Second])
	onUnit := func(u use) bool { return u.unit != found.Unit }
	if _, ok := conflict(slices.DeleteFunc(x, onUnit), slices.DeleteFunc(y, onUnit)); !ok {
		t.Fatalf("%v with %v: %v names a unit they do not conflict on", tree, txs, err)
	}
	return true
}

func TestCheckAgreesWithBruteForce(t *testing.T) {
	rng := source(t)
	var c Checker
	refused := 0
	const rounds = 20_000
	for range rounds {
		n := rng.IntN(24)
		if compare(t, &c, randomTree(rng, n, 4), randomTxs(rng, n, 1+rng.IntN(60))) {
			refused++
		}
	}
	if refused < rounds/10 || refused > rounds*9/10 {
		t.Errorf("%d of %d trees refused: the inputs prove nothing", refused, rounds)
	}
}

func TestCheckRefusesWrongLength(t *testing.T) {
	l := lists(t, [][]use{{{0, Read}}, {{0, Read}}})
	for _, tree := range []Tree{{}, Serial(1), Serial(3), Par(Serial(1), Serial(2))} {
		if err := Check(l, tree); !errors.Is(err, ErrLength) {
			t.Errorf("%v for 2 transactions: %v", tree, err)
		}
	}
	if err := Check(&Lists{}, Tree{}); err != nil {
		t.Errorf("empty tree for empty lists: %v", err)
	}
}

// A checker used for many checks judges each as a new one would, also when its marks
// run out.
func TestCheckerReuse(t *testing.T) {
	rng := source(t)
	var c Checker
	for i := range 2000 {
		if i%5 == 0 && c.base < MaxTransactions-40 {
			c.base = MaxTransactions - uint32(rng.IntN(40))
		}
		n := rng.IntN(16)
		compare(t, &c, randomTree(rng, n, 3), randomTxs(rng, n, 1+rng.IntN(40)))
	}
}

// Every mutation of a good tree that hides a conflict is refused with the pair and the
// unit, and every other one is accepted.
func TestMutatedTrees(t *testing.T) {
	rng := source(t)
	var c Checker
	refused, accepted := 0, 0
	for range 300 {
		txs := randomTxs(rng, 12+rng.IntN(12), 40)
		good := Build(lists(t, txs), nil, Options{MinLeaf: 1})
		for range 10 {
			if compare(t, &c, mutate(rng, good), txs) {
				refused++
			} else {
				accepted++
			}
		}
	}
	if refused < 100 || accepted < 100 {
		t.Errorf("%d refused, %d accepted: the mutations prove nothing", refused, accepted)
	}
}

// mutate turns one node of a tree into something else of the same length.
func mutate(rng *rand.Rand, t Tree) Tree {
	at, i := rng.IntN(max(t.Nodes(), 1)), -1
	var rebuild func(n Node) Tree
	rebuild = func(n Node) Tree {
		i++
		here := i == at
		if n.Kind() == Leaf {
			if !here || n.Len() < 2 {
				return Serial(n.Len())
			}
			cut := 1 + rng.IntN(n.Len()-1)
			return Par(Serial(cut), Serial(n.Len()-cut))
		}
		var parts []Tree
		for child := range n.Children() {
			parts = append(parts, rebuild(child))
		}
		if (n.Kind() == Series) != here {
			return Seq(parts...)
		}
		return Par(parts...)
	}
	return rebuild(t.Root())
}
