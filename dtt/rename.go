package dtt

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
)

// Claims returns the claims of all cuts, in the order of the cuts and of the units.
func (t Tree) Claims() iter.Seq[Claim] {
	return func(yield func(Claim) bool) {
		for i := range t.cuts {
			for _, c := range t.cuts[i].claims {
				if !yield(c) {
					return
				}
			}
		}
	}
}

// Rename returns t with other numbers for the units of its claims. Whoever publishes a tree
// beside access lists that readers derive for themselves names units by something that does
// not depend on how they are numbered. It fails if name does, or gives two units of a cut
// one number, or one beyond MaxUnits.
func (t Tree) Rename(name func(Unit) (Unit, error)) (Tree, error) {
	out := Tree{nodes: t.nodes, cuts: make([]cut, len(t.cuts))}
	for i := range t.cuts {
		claims := slices.Clone(t.cuts[i].claims)
		for j := range claims {
			u, err := name(claims[j].Unit)
			if err != nil {
				return Tree{}, fmt.Errorf("claim of unit %d: %w", claims[j].Unit, err)
			}
			claims[j].Unit = u
		}
		slices.SortFunc(claims, func(a, b Claim) int { return cmp.Compare(a.Unit, b.Unit) })
		if !validClaims(claims) {
			return Tree{}, fmt.Errorf("cut of node %d: two units have one number, or one that is too large: %w", t.cuts[i].node, ErrAccess)
		}
		out.cuts[i] = cut{t.cuts[i].node, claims}
	}
	return out, nil
}
