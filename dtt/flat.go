package dtt

// flat builds a series of leaves and of Ps of leaves, without trees for the parts.
type flat struct {
	nodes []node // the series, and the parts so far
	open  int    // the P that branches go to, or 0
	parts int
	count uint32 // transactions
}

func (f *flat) reset() { *f = flat{nodes: append(f.nodes[:0], node{kind: Series})} }

// leaf adds a leaf. Neighbouring leaves become one.
func (f *flat) leaf(count int) {
	if count == 0 {
		return
	}
	if last := &f.nodes[len(f.nodes)-1]; f.parts > 0 && f.open == 0 && last.end == 0 {
		last.count += uint32(count)
	} else {
		f.nodes = append(f.nodes, node{first: f.count, count: uint32(count), kind: Leaf})
		f.parts++
	}
	f.count += uint32(count)
}

// branch adds a leaf to the P at the end.
func (f *flat) branch(count int) {
	if count == 0 {
		return
	}
	if f.open == 0 {
		f.open = len(f.nodes)
		f.nodes = append(f.nodes, node{first: f.count, kind: Parallel})
	}
	f.nodes = append(f.nodes, node{first: f.count, count: uint32(count), end: 1, kind: Leaf})
	f.count += uint32(count)
}

// close ends the P at the end. A P of one branch is a leaf.
func (f *flat) close() {
	if f.open == 0 {
		return
	}
	p := &f.nodes[f.open]
	p.count = f.count - p.first
	if p.end = uint32(len(f.nodes)); int(p.end) == f.open+2 {
		f.nodes = f.nodes[:f.open]
		f.open, f.count = 0, p.first
		f.leaf(int(p.count))
		return
	}
	f.open = 0
	f.parts++
}

// series returns the tree.
func (f *flat) series() Tree {
	nodes := append([]node(nil), f.nodes...)
	if f.parts <= 1 {
		nodes = nodes[1:]
		for i := range nodes {
			nodes[i].end = max(nodes[i].end, 1) - 1
		}
	}
	for i := range nodes {
		if nodes[i].kind == Leaf {
			nodes[i].end = uint32(i + 1)
		}
	}
	if f.parts > 1 {
		nodes[0].count, nodes[0].end = f.count, uint32(len(nodes))
	}
	return Tree{nodes: nodes}
}
