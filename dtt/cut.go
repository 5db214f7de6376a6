package dtt

import (
	"bytes"
	"cmp"
	"slices"
	"sort"
)

// The limits of claims.
const (
	MaxClaims     = 1 << 20 // of a tree
	MaxClaimBytes = 1 << 20 // of a value
)

// Claim says which value a unit has at a cut. What the bytes mean, and how they tell that
// there is no value, is the executor's business.
type Claim struct {
	Unit  Unit
	Value []byte
}

// cut is what belongs to a node of kind Cut.
type cut struct {
	node   uint32
	claims []Claim // in the order of the units
}

func (c *cut) equal(o *cut) bool {
	return c.node == o.node && slices.EqualFunc(c.claims, o.claims, func(a, b Claim) bool {
		return a.Unit == b.Unit && bytes.Equal(a.Value, b.Value)
	})
}

// Halves returns the tree that runs the right tree after the left one, or at the same
// time from the values that are claimed: a checkpoint. The claims hold, for each unit on
// which the halves conflict, the value that it has between them; whoever runs the tree
// compares. The order of the claims does not matter, and their values are shared.
//
// Without claims, and with claims that no tree may have (a unit twice or beyond
// MaxUnits, a value beyond MaxClaimBytes), the result is that of Seq, which is always
// right. A result beyond the limits of trees is serial, as with Seq.
func Halves(left, right Tree, claims []Claim) Tree {
	claims = slices.Clone(claims)
	slices.SortFunc(claims, func(a, b Claim) int { return cmp.Compare(a.Unit, b.Unit) })
	if left.Len() == 0 || right.Len() == 0 || len(claims) == 0 || !validClaims(claims) {
		return Seq(left, right)
	}
	if left.claimed()+right.claimed()+len(claims) > MaxClaims {
		return Seq(left, right)
	}
	t := compose(Cut, []Tree{left, right})
	if t.Root().Kind() == Cut {
		t.cuts = slices.Insert(t.cuts, 0, cut{0, claims})
	}
	return t
}

func validClaims(claims []Claim) bool {
	for i, c := range claims {
		if c.Unit >= MaxUnits || len(c.Value) > MaxClaimBytes || i > 0 && claims[i-1].Unit == c.Unit {
			return false
		}
	}
	return true
}

// Cuts returns the number of cuts.
func (t Tree) Cuts() int { return len(t.cuts) }

// claimed returns the number of claims.
func (t Tree) claimed() int {
	claims := 0
	for i := range t.cuts {
		claims += len(t.cuts[i].claims)
	}
	return claims
}

// cutsBefore returns the number of cuts among the nodes before the given one, which is
// the number of the cut that it is.
func (t Tree) cutsBefore(node uint32) int {
	return sort.Search(len(t.cuts), func(i int) bool { return t.cuts[i].node >= node })
}

// right returns the node that is the right half of a cut.
func (t Tree) right(c *cut) uint32 { return t.nodes[c.node+1].end }
