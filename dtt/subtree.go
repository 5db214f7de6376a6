package dtt

// Tree returns the node and what is below it as a tree of its own, whose transactions are
// numbered from 0.
func (n Node) Tree() Tree {
	if len(n.nodes) == 0 {
		return Tree{}
	}
	me := n.node()
	part := make([]node, 0, me.end-n.index)
	for _, below := range n.nodes[n.index:me.end] {
		below.first -= me.first
		below.end -= n.index
		part = append(part, below)
	}
	return Tree{part}
}
