package dtt

import (
	"aergo/repo/object"
)

const formatVersion = 1

// The first element of an inner node. Other numbers are for later formats.
const (
	tagSeries   = 0
	tagParallel = 1
)

// Append appends the tree's record: [1, 9, transactions, root], where a node is the
// count of a leaf or the array of a tag and its children. See FORMAT.md.
func (t Tree) Append(b []byte) []byte {
	b = object.AppendArray(b, 4)
	b = object.AppendUint(b, formatVersion)
	b = object.AppendUint(b, uint64(object.KindTree))
	b = object.AppendUint(b, uint64(t.Len()))
	if len(t.nodes) == 0 {
		return object.AppendUint(b, 0)
	}
	for i := range t.nodes {
		n := &t.nodes[i]
		if n.kind == Leaf {
			b = object.AppendUint(b, uint64(n.count))
			continue
		}
		children := 0
		for c := uint32(i) + 1; c < n.end; c = t.nodes[c].end {
			children++
		}
		b = object.AppendArray(b, 1+children)
		tag := uint64(tagSeries)
		if n.kind == Parallel {
			tag = tagParallel
		}
		b = object.AppendUint(b, tag)
	}
	return b
}

// Decode reads a record made by Append, and nothing else: what it accepts, Append turns
// into the same bytes. Errors wrap object.ErrMalformed. The tree shares nothing with b.
func Decode(b []byte) (Tree, error) {
	r := object.NewReader(b)
	r.ArrayOf(4)
	if v := r.Uint(); r.Err() == nil && v != formatVersion {
		r.Fail("tree of version %d", v)
	}
	if k := r.Uint(); r.Err() == nil && k != uint64(object.KindTree) {
		r.Fail("kind %d is not a tree", k)
	}
	d := decoder{Reader: r, total: uint32(r.UintMax(MaxTransactions))}
	if d.total == 0 {
		if count := r.Uint(); count != 0 {
			r.Fail("leaf of %d in a tree of no transactions", count)
		}
	} else {
		d.node(1, Leaf)
		if r.Err() == nil && d.read != d.total {
			r.Fail("leaves of %d in a tree of %d transactions", d.read, d.total)
		}
	}
	if err := r.End(); err != nil {
		return Tree{}, err
	}
	return Tree{d.nodes}, nil
}

type decoder struct {
	*object.Reader
	nodes       []node
	read, total uint32 // transactions in the leaves so far, and in the tree
}

// node reads the node at the given level under a parent of the given kind.
func (d *decoder) node(level int, parent NodeKind) {
	if level > MaxDepth || len(d.nodes) == MaxNodes {
		d.Fail("tree of more than %d levels or %d nodes", MaxDepth, MaxNodes)
		return
	}
	if d.Peek() != object.ItemArray {
		count := uint32(d.UintMax(uint64(d.total - d.read)))
		if d.Err() == nil && count == 0 {
			d.Fail("empty leaf")
		}
		d.nodes = append(d.nodes, node{first: d.read, count: count, end: uint32(len(d.nodes)) + 1, kind: Leaf})
		d.read += count
		return
	}
	children := d.Array(MaxNodes) - 1
	kind := Series + NodeKind(d.UintMax(tagParallel))
	if d.Err() == nil && children < 2 {
		d.Fail("%v of %d children", kind, children)
	}
	if d.Err() == nil && kind == parent {
		d.Fail("%v directly under %v", kind, parent)
	}
	at, first := len(d.nodes), d.read
	d.nodes = append(d.nodes, node{first: first, kind: kind})
	for ; children > 0 && d.Err() == nil; children-- {
		d.node(level+1, kind)
	}
	d.nodes[at].count, d.nodes[at].end = d.read-first, uint32(len(d.nodes))
}
