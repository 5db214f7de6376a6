package dtt

import (
	"cmp"
	"slices"
)

// turn is a place on the way through the nodes where a cut changes the marks of the units
// that it claims: a mark counts the children of a cut as if reversed, like those of a P,
// which for claimed units is wrong.
type turn struct {
	node  uint32 // right before it
	phase phase
	cut   uint32 // by number
}

type phase uint8

// The phases of a cut, in the order in which those of one node are gone through.
const (
	leaves phase = iota // behind the cut
	passes              // from the left half to the right
	enters              // to the left half
)

// turns returns the turns of all cuts in the order of the nodes.
func (t Tree) turns() []turn {
	if len(t.cuts) == 0 {
		return nil
	}
	turns := make([]turn, 0, 3*len(t.cuts))
	for k := range t.cuts {
		c := &t.cuts[k]
		turns = append(turns,
			turn{c.node, enters, uint32(k)}, turn{t.right(c), passes, uint32(k)}, turn{t.nodes[c.node].end, leaves, uint32(k)})
	}
	slices.SortFunc(turns, func(a, b turn) int {
		return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.phase, b.phase), cmp.Compare(a.cut, b.cut))
	})
	return turns
}

// shift returns what a turn adds to the marks, modulo 2^32.
func (t Tree) shift(at turn) uint32 {
	c := &t.cuts[at.cut]
	left, right := t.nodes[c.node+1].count, t.nodes[t.right(c)].count
	switch at.phase {
	case enters:
		return -right
	case passes:
		return right + left
	}
	return -left
}

// turn goes through a turn. In the middle of a cut, at the given mark, the claimed units
// are written: who accesses them beside the cut is not to see them on either side. It
// returns the first unit that someone earlier did access there, or none.
func (c *Checker) turn(t Tree, at turn, mark uint32) uint32 {
	shift := t.shift(at)
	for _, claim := range t.cuts[at.cut].claims {
		sum := &c.shifts[claim.Unit]
		*sum += shift
		if at.phase != passes {
			continue
		}
		if c.visit([]Access{access(claim.Unit, Write)}, mark+*sum, nil) >= 0 {
			return uint32(claim.Unit)
		}
	}
	return none
}

// turnsOf returns the turns of the cuts that claim a unit.
func (t Tree) turnsOf(u Unit) []turn {
	return slices.DeleteFunc(t.turns(), func(at turn) bool {
		_, claims := slices.BinarySearchFunc(t.cuts[at.cut].claims, u, func(c Claim, u Unit) int { return cmp.Compare(c.Unit, u) })
		return !claims
	})
}

// holder returns the transaction whose place is h as far as a unit is concerned, or -1.
func (t Tree) holder(u Unit, marks []uint32, h uint32) int {
	turns, shift := t.turnsOf(u), uint32(0)
	for i := range t.nodes {
		for len(turns) > 0 && turns[0].node == uint32(i) {
			shift += t.shift(turns[0])
			turns = turns[1:]
		}
		n := &t.nodes[i]
		if from := marks[i] + shift; n.kind == Leaf && h-from < n.count {
			return int(n.first + h - from)
		}
	}
	return -1
}

// middle returns the first transaction behind the cut that writes a unit at h, or -1.
func (t Tree) middle(u Unit, marks []uint32, h uint32) int {
	shift := uint32(0)
	for _, at := range t.turnsOf(u) {
		shift += t.shift(at)
		if at.phase == passes && marks[at.node]+shift == h {
			return int(t.nodes[at.node].first)
		}
	}
	return -1
}
