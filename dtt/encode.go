package dtt

import (
	"bytes"

	"aergo/repo/object"
)

const formatVersion = 1

// The first element of an inner node. Other numbers are for later formats.
const (
	tagSeries   = 0
	tagParallel = 1
	tagCut      = 2
)

// Append appends the tree's record: [1, 9, transactions, root], where a node is the
// count of a leaf or the array of a tag, its children and, for a cut, its claims. See
// FORMAT.md.
func (t Tree) Append(b []byte) []byte {
	b = object.AppendArray(b, 4)
	b = object.AppendUint(b, formatVersion)
	b = object.AppendUint(b, uint64(object.KindTree))
	b = object.AppendUint(b, uint64(t.Len()))
	if len(t.nodes) == 0 {
		return object.AppendUint(b, 0)
	}
	a := appender{Tree: t, b: b}
	a.node(0)
	return a.b
}

type appender struct {
	Tree
	b    []byte
	done int // cuts
}

func (a *appender) node(i uint32) {
	n := &a.nodes[i]
	if n.kind == Leaf {
		a.b = object.AppendUint(a.b, uint64(n.count))
		return
	}
	elements, tag := 1, uint64(tagSeries)
	for c := i + 1; c < n.end; c = a.nodes[c].end {
		elements++
	}
	var claims []Claim
	switch n.kind {
	case Parallel:
		tag = tagParallel
	case Cut:
		tag, claims = tagCut, a.cuts[a.done].claims
		elements++
		a.done++
	}
	a.b = object.AppendArray(a.b, elements)
	a.b = object.AppendUint(a.b, tag)
	for c := i + 1; c < n.end; c = a.nodes[c].end {
		a.node(c)
	}
	if n.kind != Cut {
		return
	}
	a.b = object.AppendArray(a.b, 2*len(claims))
	for _, c := range claims {
		a.b = object.AppendUint(a.b, uint64(c.Unit))
		a.b = object.AppendBytes(a.b, c.Value)
	}
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
	return Tree{d.nodes, d.cuts}, nil
}

type decoder struct {
	*object.Reader
	nodes       []node
	cuts        []cut
	claimed     int    // claims so far
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
	elements := d.Array(MaxNodes)
	kind := Series + NodeKind(d.UintMax(tagCut))
	children := elements - 1
	if kind == Cut {
		children--
	}
	if d.Err() == nil && (children < 2 || kind == Cut && children > 2) {
		d.Fail("%v of %d children", kind, children)
	}
	if d.Err() == nil && kind == parent && kind != Cut {
		d.Fail("%v directly under %v", kind, parent)
	}
	at, first, number := len(d.nodes), d.read, len(d.cuts)
	d.nodes = append(d.nodes, node{first: first, kind: kind})
	if kind == Cut {
		d.cuts = append(d.cuts, cut{node: uint32(at)})
	}
	for ; children > 0 && d.Err() == nil; children-- {
		d.node(level+1, kind)
	}
	d.nodes[at].count, d.nodes[at].end = d.read-first, uint32(len(d.nodes))
	if kind == Cut && d.Err() == nil {
		d.cuts[number].claims = d.claims()
	}
}

// claims reads the claims of a cut: the unit and the value of each in turn.
func (d *decoder) claims() []Claim {
	count := d.Array(2 * (MaxClaims - d.claimed))
	if d.Err() == nil && (count < 2 || count%2 != 0) {
		d.Fail("claims of %d elements", count)
	}
	var claims []Claim
	for ; count > 0 && d.Err() == nil; count -= 2 {
		c := Claim{Unit: Unit(d.UintMax(MaxUnits - 1)), Value: bytes.Clone(d.Bytes(MaxClaimBytes))}
		if n := len(claims); n > 0 && claims[n-1].Unit >= c.Unit {
			d.Fail("claims of units %d and %d out of order", claims[n-1].Unit, c.Unit)
		}
		claims = append(claims, c)
	}
	d.claimed += len(claims)
	return claims
}
