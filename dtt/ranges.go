package dtt

import (
	"bytes"
	"fmt"
	"math/bits"
	"slices"
	"sort"
)

// MaxRangeBounds is how many different bounds the ranges of a block may have together.
const MaxRangeBounds = 1 << 23

// Ranges gives units to intervals of an ordered space of keys, so that an access of an
// interval conflicts with what happens inside. First all intervals of a block are
// declared, then the accesses are added to a ListBuilder: those of intervals, and of each
// single key besides the key's own unit.
//
//	r.Reset()
//	for each range { r.Declare(from, to, mode) }
//	next, err := r.Number(unit)
//	for each transaction { b.Begin(); r.AddRange(&b, from, to, mode) ...; r.AddPoint(&b, key, mode) ... }
//
// The bounds of the intervals cut the keys into segments, and a binary tree over these
// has two units for each of its nodes. An interval is the union of a few nodes, at most
// two on each level; a point is in one node of each level. Inside of a node, changes are
// deltas as far as the node is concerned: they conflict with reads of the whole, not with
// each other. So lists grow by a logarithm of the number of intervals, however these
// overlap. Nodes that no interval consists of get no access.
//
// The zero Ranges is ready. After Number any number of goroutines may add, each to a
// builder of its own.
type Ranges struct {
	bounds [][]byte
	spans  []span      // declared
	whole  []wholeness // by node: how intervals access it
	leaves int         // a power of two, 0 before Number; node 1 is the root, leaf i is node leaves+i
	first  Unit
}

type span struct {
	from, to []byte
	mode     Mode
}

// wholeness says which accesses of a node by intervals were declared.
type wholeness uint8

const (
	wholeRead   wholeness = 1 << iota
	wholeChange           // by a delta or write
)

// Reset forgets all intervals.
func (r *Ranges) Reset() { *r = Ranges{bounds: r.bounds[:0], spans: r.spans[:0], whole: r.whole[:0]} }

// Declare notes that some transaction accesses the keys from the first bound on and below
// the second; nil for that means no end. The bounds are not copied. An empty interval
// counts for nothing.
func (r *Ranges) Declare(from, to []byte, m Mode) {
	if !holds(from, to) {
		return
	}
	r.leaves = 0
	r.spans = append(r.spans, span{from, to, m})
	r.bounds = append(r.bounds, from)
	if to != nil {
		r.bounds = append(r.bounds, to)
	}
}

func holds(from, to []byte) bool { return to == nil || bytes.Compare(from, to) < 0 }

// Number ends the declarations. The units of the ranges begin with the given one; it
// returns the one after the last. Errors wrap ErrAccess.
func (r *Ranges) Number(first Unit) (Unit, error) {
	slices.SortFunc(r.bounds, bytes.Compare)
	r.bounds = slices.CompactFunc(r.bounds, bytes.Equal)
	r.leaves, r.first, r.whole = 0, first, r.whole[:0]
	if len(r.bounds) == 0 {
		return first, nil
	}
	r.leaves = 1 << bits.Len(uint(len(r.bounds)-1))
	if units := 4 * r.leaves; len(r.bounds) > MaxRangeBounds || int(first)+units > MaxUnits {
		return 0, fmt.Errorf("ranges with %d bounds after %d units: %w", len(r.bounds), first, ErrAccess)
	}
	r.whole = append(r.whole, make([]wholeness, 2*r.leaves)...)
	for _, s := range r.spans {
		w := wholeRead
		if s.mode != Read {
			w = wholeChange
		}
		from, to, _ := r.segments(s.from, s.to)
		r.nodes(from, to, func(node int) { r.whole[node] |= w })
	}
	return first + Unit(4*r.leaves), nil
}

// segments returns the leaves that an interval consists of; segment i begins at bound i.
// It returns false if the bounds were not declared.
func (r *Ranges) segments(from, to []byte) (first, end int, declared bool) {
	first, ok := slices.BinarySearchFunc(r.bounds, from, bytes.Compare)
	if to == nil {
		return first, len(r.bounds), ok
	}
	end, also := slices.BinarySearchFunc(r.bounds, to, bytes.Compare)
	return first, end, ok && also
}

// nodes yields the fewest nodes that cover the leaves first..end-1.
func (r *Ranges) nodes(first, end int, yield func(node int)) {
	for a, b := first+r.leaves, end+r.leaves; a < b; a, b = a/2, b/2 {
		if a&1 == 1 {
			yield(a)
			a++
		}
		if b&1 == 1 {
			b--
			yield(b)
		}
	}
}

// The two units of a node. Of the first, the whole is read or written, and what changes
// inside is a delta; of the second, the whole is written and what is inside is read.
func (r *Ranges) changes(node int) Unit { return r.first + Unit(2*node) }
func (r *Ranges) reads(node int) Unit   { return r.first + Unit(2*node+1) }

// AddRange adds the access of an interval to the current transaction. Its bounds must
// have been declared, and it in this mode; if not, the error comes out of the builder. An
// empty interval adds nothing. A delta counts as a write.
func (r *Ranges) AddRange(b *ListBuilder, from, to []byte, m Mode) {
	if !holds(from, to) {
		return
	}
	first, end, declared := r.segments(from, to)
	want := wholeRead
	if m != Read {
		want = wholeChange
	}
	if declared = declared && r.leaves > 0; declared {
		r.nodes(first, end, func(node int) {
			declared = declared && r.whole[node]&want != 0
			b.Add(r.changes(node), mode(m == Read))
			if m != Read {
				b.Add(r.reads(node), Write)
			}
			r.inside(b, node/2, m)
		})
	}
	if !declared {
		b.fail("range from %x to %x in mode %v is not declared", from, to, m)
	}
}

func mode(reads bool) Mode {
	if reads {
		return Read
	}
	return Write
}

// AddPoint adds the access of a single key to the current transaction, as far as the
// declared intervals are concerned.
func (r *Ranges) AddPoint(b *ListBuilder, key []byte, m Mode) {
	if r.leaves == 0 && len(r.bounds) > 0 {
		b.fail("key %x before the ranges are numbered", key)
		return
	}
	segment := sort.Search(len(r.bounds), func(i int) bool { return bytes.Compare(r.bounds[i], key) > 0 }) - 1
	if segment >= 0 {
		r.inside(b, r.leaves+segment, m)
	}
}

// inside adds an access of something inside a node and of all above it.
func (r *Ranges) inside(b *ListBuilder, node int, m Mode) {
	for ; node > 0; node /= 2 {
		w := r.whole[node]
		if w == 0 {
			continue
		}
		if m != Read {
			b.Add(r.changes(node), Delta)
		}
		if m != Delta && w&wholeChange != 0 {
			b.Add(r.reads(node), Read)
		}
	}
}
