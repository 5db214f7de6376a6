package dtt

import "fmt"

// The limits of trees.
const (
	MaxDepth = 64      // levels of a tree; a single leaf is one
	MaxNodes = 1 << 20 // leaves and inner nodes of a tree
)

// NodeKind says what a node of a tree is.
type NodeKind uint8

// The kinds of node.
const (
	Leaf     NodeKind = iota // transactions one after another
	Series                   // children one after another
	Parallel                 // children side by side, in any order
	Cut                      // two halves in order that may run at once: see Halves
)

func (k NodeKind) String() string {
	switch k {
	case Leaf:
		return "leaf"
	case Series:
		return "series"
	case Parallel:
		return "parallel"
	case Cut:
		return "cut"
	}
	return fmt.Sprintf("node kind %d", uint8(k))
}

// Tree is a transaction tree. It is immutable and in normal form: a series or parallel
// has two children or more and none of its own kind, a cut has two children and claims,
// and no leaf is empty, but for the tree of no transactions, which is the zero Tree.
type Tree struct {
	nodes []node // in depth-first order
	cuts  []cut  // the claims of every cut, in the order of the nodes
}

// node is one node. Its children, if it is not a leaf, are the node after it, the node
// at that one's end, and so on up to its own end.
type node struct {
	first, count uint32 // the transactions below
	end          uint32 // the index of the first node that is not below this one
	kind         NodeKind
}

// Serial returns the tree of one leaf of n transactions. An n below 0 counts as 0, one
// above MaxTransactions as MaxTransactions.
func Serial(n int) Tree {
	if n <= 0 {
		return Tree{}
	}
	return Tree{nodes: []node{{count: uint32(min(n, MaxTransactions)), end: 1, kind: Leaf}}}
}

// Even returns the tree that runs n transactions in that many leaves of even size side by
// side, or in fewer if there are not enough transactions.
func Even(n, leaves int) Tree {
	n = min(max(n, 0), MaxTransactions)
	leaves = min(max(leaves, 1), max(n, 1), MaxNodes-1)
	parts := make([]Tree, leaves)
	for i := range parts {
		from, to := uint64(i)*uint64(n)/uint64(leaves), uint64(i+1)*uint64(n)/uint64(leaves)
		parts[i] = Serial(int(to - from))
	}
	return Par(parts...)
}

// Seq returns the tree that runs the given trees one after another. Empty trees vanish,
// series inside the series are spliced in. A result beyond MaxDepth or MaxNodes falls
// back to the serial tree of as many transactions, which is always right.
func Seq(trees ...Tree) Tree { return compose(Series, trees) }

// Par returns the tree that runs the given trees side by side, with the normalisation
// and limits of Seq.
func Par(trees ...Tree) Tree { return compose(Parallel, trees) }

func compose(kind NodeKind, trees []Tree) Tree {
	total, size, used, depth, cuts := 0, 1, 0, 0, 0
	var only Tree
	for _, t := range trees {
		if len(t.nodes) == 0 {
			continue
		}
		only = t
		used++
		total = min(total+t.Len(), MaxTransactions+1)
		size += len(t.nodes)
		cuts += len(t.cuts)
		below := t.Depth()
		if t.nodes[0].kind == kind && kind != Cut {
			below--
		}
		depth = max(depth, below)
	}
	if used <= 1 {
		return only
	}
	if total > MaxTransactions || size > MaxNodes || depth >= MaxDepth {
		return Serial(total)
	}
	out := append(make([]node, 0, size), node{count: uint32(total), kind: kind})
	claims := make([]cut, 0, cuts)
	first := uint32(0)
	for _, t := range trees {
		part := t.nodes
		drop := uint32(0)
		if len(part) > 0 && part[0].kind == kind && kind != Cut {
			part, drop = part[1:], 1
		}
		shift := uint32(len(out)) - drop
		for _, n := range part {
			n.first += first
			n.end += shift
			out = append(out, n)
		}
		for _, c := range t.cuts {
			c.node += shift
			claims = append(claims, c)
		}
		first += uint32(t.Len())
	}
	out[0].end = uint32(len(out))
	return Tree{out, claims}
}

// Len returns the number of transactions.
func (t Tree) Len() int {
	if len(t.nodes) == 0 {
		return 0
	}
	return int(t.nodes[0].count)
}

// Nodes returns the number of leaves and inner nodes.
func (t Tree) Nodes() int { return len(t.nodes) }

// Leaves returns the number of leaves.
func (t Tree) Leaves() int {
	leaves := 0
	for i := range t.nodes {
		if t.nodes[i].kind == Leaf {
			leaves++
		}
	}
	return leaves
}

// Depth returns the number of levels: 0 for the empty tree, 1 for a leaf.
func (t Tree) Depth() int {
	depth := 0
	var open [MaxDepth]uint32 // the ends of the nodes around the current one
	level := 0
	for i := range t.nodes {
		for level > 0 && open[level-1] == uint32(i) {
			level--
		}
		open[level] = t.nodes[i].end
		level++
		depth = max(depth, level)
	}
	return depth
}
