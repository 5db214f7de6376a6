package branch

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"aergo/contract/table"
	"aergo/dtt"
	"aergo/repo/store"
)

// cutBlock returns transactions that wait for each other at a few rows, and a tree for
// them with cuts.
func cutBlock(t *testing.T) (*book, Block, []Span, dtt.Tree) {
	t.Helper()
	rng := source(t)
	b, head := seeded(t, rng)
	p := NewPending(head)
	b.write(func(w store.Writer) { (&crowd{rng: rng, rows: 50, hot: 10, line: true}).fill(b, w, p, head, 600) })
	batch := b.sign(b.ada, head, p, nil)
	spans := []Span{{Batch: batch, Count: batch.Count}}
	x := b.executor(head, 2)
	x.cutTransactions, x.options.MinLeaf = 8, 16
	must(t, x.Propose(t.Context(), spans))
	if x.Tree().Cuts() == 0 {
		t.Fatal("the tree has no cuts")
	}
	return b, head, spans, x.Tree()
}

// What a cut claims is either so, or nobody accepts the block.
func TestFalseClaimsAreRefusedByAnyNumberOfWorkers(t *testing.T) {
	b, head, spans, tree := cutBlock(t)
	var claims []dtt.Claim
	for c := range tree.Claims() {
		claims = append(claims, c)
	}
	last := claims[len(claims)-1]
	for name, forge := range map[string]func(c *dtt.Claim){
		"another row":  func(c *dtt.Claim) { c.Value = append([]byte(nil), claims[0].Value...); c.Value[len(c.Value)-1] ^= 7 },
		"no row":       func(c *dtt.Claim) { c.Value = nil },
		"not a row":    func(c *dtt.Claim) { c.Value = []byte("not a row") },
		"a unit twice": func(c *dtt.Claim) { c.Unit |= maxClaimedAt },
		"none there":   func(c *dtt.Claim) { c.Unit = dtt.MaxUnits - 1 },
	} {
		forged, err := withClaims(tree, func(c *dtt.Claim) {
			if c.Unit == last.Unit {
				forge(c)
			}
		})
		must(t, err)
		for _, workers := range []int{1, 2, 5} {
			if _, err := b.followed(head, spans, forged, workers); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s, %d workers: %v", name, workers, err)
			}
		}
	}
	for _, workers := range []int{1, 2, 5} {
		_, err := b.followed(head, spans, tree, workers)
		must(t, err)
	}
}

// withClaims returns a copy of a tree with other claims.
func withClaims(t dtt.Tree, change func(*dtt.Claim)) (dtt.Tree, error) {
	var walk func(n dtt.Node) dtt.Tree
	walk = func(n dtt.Node) dtt.Tree {
		var parts []dtt.Tree
		for child := range n.Children() {
			parts = append(parts, walk(child))
		}
		switch n.Kind() {
		case dtt.Series:
			return dtt.Seq(parts...)
		case dtt.Parallel:
			return dtt.Par(parts...)
		case dtt.Cut:
			var claims []dtt.Claim
			for _, c := range n.Claims() {
				change(&c)
				claims = append(claims, c)
			}
			return dtt.Halves(parts[0], parts[1], claims)
		}
		return dtt.Serial(n.Len())
	}
	out := walk(t.Root())
	if out.Cuts() == 0 {
		return out, errors.New("the cuts are gone")
	}
	return out, nil
}

// A row that two transactions may change side by side is not one that a cut may copy.
func TestRowsThatAreSharedAreNotClaimed(t *testing.T) {
	b := newBook(t, 2)
	head := b.commit(b.root, put("x", num("a", 0), num("n", 0)), put("y", num("a", 0)))
	for name, other := range map[string][]table.Spec{
		"another field":   one(table.Put, "x", 0, num("b", 1)),
		"a delta":         one(table.Incr, "x", 0, num("n", 1)),
		"a list":          one(table.Append, "x", 0, text("tags", "red")),
		"a row made once": one(table.Incr, "x", table.Create, num("n", 1)),
	} {
		var txs [][]table.Spec
		for i := range 40 {
			txs = append(txs, one(table.Put, "x", table.Force, num("a", uint64(i))))
		}
		batch := b.stranded(b.ada, head, nil, append(txs, other)...)
		spans := []Span{{Batch: batch, Count: batch.Count}}
		x := b.executor(head, 2)
		x.cutTransactions, x.options.MinLeaf = 8, 4
		must(t, x.Propose(t.Context(), spans))
		if n := x.Tree().Cuts(); n > 0 {
			t.Errorf("%s: the tree has %d cuts", name, n)
		}
		// Nor may somebody else's tree.
		tree := dtt.Halves(dtt.Serial(20), dtt.Serial(21), []dtt.Claim{{Unit: 2, Value: []byte{0xa0}}})
		if _, err := b.followed(head, spans, tree, 2); !errors.Is(err, ErrInvalid) || !strings.Contains(fmt.Sprint(err), "may not be claimed") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
