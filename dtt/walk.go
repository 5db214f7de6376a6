package dtt

import (
	"fmt"
	"iter"
	"strings"
)

// Node is a place in a tree, for walking it. The zero Node is an empty leaf.
type Node struct {
	tree  Tree
	index uint32
}

// Root returns the whole tree as a node.
func (t Tree) Root() Node { return Node{tree: t} }

func (n Node) node() node {
	if len(n.tree.nodes) == 0 {
		return node{}
	}
	return n.tree.nodes[n.index]
}

// Kind returns what the node is.
func (n Node) Kind() NodeKind { return n.node().kind }

// First returns the position of the first transaction below the node.
func (n Node) First() int { return int(n.node().first) }

// Len returns the number of transactions below the node.
func (n Node) Len() int { return int(n.node().count) }

// Children yields the node's children in block order; a leaf has none.
func (n Node) Children() iter.Seq[Node] {
	return func(yield func(Node) bool) {
		me := n.node()
		if me.kind == Leaf {
			return
		}
		for i := n.index + 1; i < me.end; i = n.tree.nodes[i].end {
			if !yield(Node{n.tree, i}) {
				return
			}
		}
	}
}

// Claims returns what a cut claims, in the order of the units; other nodes claim nothing.
// The result is shared: it is not to be changed.
func (n Node) Claims() []Claim {
	if n.Kind() != Cut {
		return nil
	}
	return n.tree.cuts[n.tree.cutsBefore(n.index)].claims
}

// Tree returns the node and what is below it as a tree of its own, whose transactions are
// numbered from 0.
func (n Node) Tree() Tree {
	if len(n.tree.nodes) == 0 {
		return Tree{}
	}
	me := n.node()
	part := Tree{nodes: make([]node, 0, me.end-n.index)}
	for _, below := range n.tree.nodes[n.index:me.end] {
		below.first -= me.first
		below.end -= n.index
		part.nodes = append(part.nodes, below)
	}
	for _, c := range n.tree.cuts[n.tree.cutsBefore(n.index):n.tree.cutsBefore(me.end)] {
		c.node -= n.index
		part.cuts = append(part.cuts, c)
	}
	return part
}

// String writes the tree as in "S(3,P(4,5),1)": a number is a leaf of so many. A cut is
// a C with the units that it claims, as in "C[0 7](20,20)".
func (t Tree) String() string {
	if len(t.nodes) == 0 {
		return "0"
	}
	var b strings.Builder
	t.Root().write(&b)
	return b.String()
}

func (n Node) write(b *strings.Builder) {
	switch n.Kind() {
	case Leaf:
		fmt.Fprint(b, n.Len())
		return
	case Series:
		b.WriteString("S(")
	case Parallel:
		b.WriteString("P(")
	case Cut:
		units := make([]Unit, 0, len(n.Claims()))
		for _, c := range n.Claims() {
			units = append(units, c.Unit)
		}
		fmt.Fprintf(b, "C%d(", units)
	}
	first := true
	for child := range n.Children() {
		if !first {
			b.WriteByte(',')
		}
		first = false
		child.write(b)
	}
	b.WriteByte(')')
}

// Equal says whether two trees are the same, claims and all.
func (t Tree) Equal(o Tree) bool {
	if len(t.nodes) != len(o.nodes) || len(t.cuts) != len(o.cuts) {
		return false
	}
	for i := range t.nodes {
		if t.nodes[i] != o.nodes[i] {
			return false
		}
	}
	for i := range t.cuts {
		if !t.cuts[i].equal(&o.cuts[i]) {
			return false
		}
	}
	return true
}
