package state

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"sort"
	"sync/atomic"

	"aergo/repo/object"
)

const (
	// MaxKeyBytes is the length of the longest key. The shortest is one byte.
	MaxKeyBytes = 1024
	// MaxValueBytes is the length of the longest value. Larger ones belong in blobs.
	MaxValueBytes = 64 << 10
	// MaxNodeBytes is above the length of every node: a full run, each of its items with
	// two heads, a last item as large as can be, and the node's own head and prefix.
	MaxNodeBytes = MaxLeafWeight*(leafUnitBytes+8) + 2*MaxKeyBytes + MaxValueBytes + 64

	maxLevel    = 255
	nodeVersion = 1
	headItems   = 4 // version, kind, level, prefix
)

// ErrCorrupt is wrapped by every error that means that nodes are not those of a tree.
var ErrCorrupt = errors.New("state tree is corrupt")

// node is a decoded node: the node's bytes, and where its items are in them. It is
// immutable and keeps the bytes.
type node struct {
	level    int
	rows     uint64 // in the whole subtree
	data     []byte
	prefix   []byte // of every key
	prefixAt int    // in data
	spans    []span
	counts   []uint64        // rows below each item; nil in leaves
	sound    []atomic.Uint64 // a bit for each child that has been found to be what n says; nil in leaves
}

// patched returns n with other bytes in which every item is where it was. counts are those
// of the new node.
func (n *node) patched(data []byte, rows uint64, counts []uint64) *node {
	at := n.prefixAt
	p := &node{level: n.level, rows: rows, data: data, prefixAt: at, prefix: data[at : at+len(n.prefix)], spans: n.spans, counts: counts}
	if n.level > 0 {
		p.sound = make([]atomic.Uint64, len(n.sound))
	}
	return p
}

// isSound says whether child i was found to be what n says, which hashes make true for
// good; setSound notes that it was.
func (n *node) isSound(i int) bool { return n.sound[i/64].Load()&(1<<(i%64)) != 0 }
func (n *node) setSound(i int)     { n.sound[i/64].Or(1 << (i % 64)) }

// span is where an item is in a node's bytes: the key without the prefix, and the value or
// the child's hash.
type span struct{ key, keyEnd, val, valEnd uint32 }

func (n *node) len() int            { return len(n.spans) }
func (n *node) suffix(i int) []byte { s := n.spans[i]; return n.data[s.key:s.keyEnd] }

// value returns the value, or the bytes of the child's hash, of item i.
func (n *node) value(i int) []byte {
	s := n.spans[i]
	return n.data[s.val:s.valEnd:s.valEnd]
}

func (n *node) hash(i int) object.Hash { return object.Hash(n.value(i)) }

func (n *node) count(i int) uint64 {
	if n.counts == nil {
		return 1
	}
	return n.counts[i]
}

func (n *node) appendKey(dst []byte, i int) []byte {
	return append(append(dst, n.prefix...), n.suffix(i)...)
}

// lastKey returns a copy of the last key, nil in an empty node.
func (n *node) lastKey() []byte {
	if n.len() == 0 {
		return nil
	}
	return n.appendKey(make([]byte, 0, len(n.prefix)+len(n.suffix(n.len()-1))), n.len()-1)
}

// keyBytes returns the length of all keys together.
func (n *node) keyBytes() int {
	sum := n.len() * len(n.prefix)
	for _, s := range n.spans {
		sum += int(s.keyEnd - s.key)
	}
	return sum
}

func (n *node) weight(i int) int {
	s := n.spans[i]
	return weight(n.level, len(n.prefix)+int(s.keyEnd-s.key), int(s.valEnd-s.val))
}

// compare compares item i's key with key.
func (n *node) compare(i int, key []byte) int {
	if len(key) < len(n.prefix) || !bytes.Equal(key[:len(n.prefix)], n.prefix) {
		return bytes.Compare(n.prefix, key)
	}
	return bytes.Compare(n.suffix(i), key[len(n.prefix):])
}

// find returns the first item whose key is not below key, or len, and whether it is key.
func (n *node) find(key []byte) (int, bool) {
	if !bytes.HasPrefix(key, n.prefix) {
		if bytes.Compare(key, n.prefix) < 0 {
			return 0, false
		}
		return n.len(), false
	}
	rest := key[len(n.prefix):]
	i, j := 0, n.len()
	for i < j {
		mid := int(uint(i+j) >> 1)
		switch c := bytes.Compare(n.suffix(mid), rest); {
		case c < 0:
			i = mid + 1
		case c > 0:
			j = mid
		default:
			return mid, true
		}
	}
	return i, false
}

// findAfter returns the first item whose key is above key, or len.
func (n *node) findAfter(key []byte) int {
	i, found := n.find(key)
	if found {
		i++
	}
	return i
}

// decode reads a node, strictly: what it accepts encodes again to the same bytes. Errors
// wrap ErrCorrupt.
func decode(data []byte) (*node, error) {
	if len(data) > MaxNodeBytes {
		return nil, fmt.Errorf("%w: node of %d bytes", ErrCorrupt, len(data))
	}
	r := object.ReaderOf(data)
	elements := r.Array(len(data))
	if v := r.Uint(); r.Err() == nil && v != nodeVersion {
		r.Fail("node of version %d", v)
	}
	if k := r.Uint(); r.Err() == nil && k != uint64(object.KindStateNode) {
		r.Fail("object of kind %d is not a state node", k)
	}
	n := &node{data: data, level: int(r.UintMax(maxLevel))}
	n.prefix = r.Bytes(MaxKeyBytes)
	n.prefixAt = r.Pos() - len(n.prefix)
	perItem := 2
	if n.level > 0 {
		perItem = 3
	}
	if r.Err() == nil && (elements < headItems || (elements-headItems)%perItem != 0) {
		r.Fail("node of level %d with %d elements", n.level, elements)
	}
	if r.Err() == nil {
		n.readItems(&r, (elements-headItems)/perItem)
	}
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("%w: node: %w", ErrCorrupt, err)
	}
	return n, nil
}

// readItems reads count items, each of which takes two bytes at least.
func (n *node) readItems(r *object.Reader, count int) {
	if count == 0 && (n.level > 0 || len(n.prefix) > 0) {
		r.Fail("node of level %d without items", n.level)
		return
	}
	n.spans = make([]span, count)
	if n.level > 0 {
		n.counts = make([]uint64, count)
		n.sound = make([]atomic.Uint64, (count+63)/64)
	}
	n.rows = uint64(count)
	last := []byte(nil)
	for i := range n.spans {
		key := r.Bytes(MaxKeyBytes - len(n.prefix))
		s := span{key: uint32(r.Pos() - len(key)), keyEnd: uint32(r.Pos())}
		if i > 0 && bytes.Compare(last, key) >= 0 {
			r.Fail("key %d is not above the one before", i)
		}
		last = key
		if n.level == 0 {
			val := r.Bytes(MaxValueBytes)
			s.val, s.valEnd = uint32(r.Pos()-len(val)), uint32(r.Pos())
		} else {
			n.readChild(r, &s, i)
		}
		if r.Err() != nil {
			return
		}
		n.spans[i] = s
	}
	n.checkItems(r)
}

func (n *node) readChild(r *object.Reader, s *span, i int) {
	r.Hash()
	s.val, s.valEnd = uint32(r.Pos()-object.HashSize), uint32(r.Pos())
	c := r.Uint()
	switch {
	case r.Err() != nil:
		return
	case c == 0:
		r.Fail("child %d has no rows", i)
		return
	case i == 0:
		n.rows = 0
	case n.rows > math.MaxUint64-c:
		r.Fail("rows below the node overflow")
		return
	}
	n.rows += c
	n.counts[i] = c
}

// checkItems checks what takes all items to see: that the prefix is all that the first
// and the last key have in common, that the keys are not empty, and the run's weight.
func (n *node) checkItems(r *object.Reader) {
	count := n.len()
	if count == 0 {
		return
	}
	first, last := n.suffix(0), n.suffix(count-1)
	switch {
	case len(n.prefix)+len(first) == 0:
		r.Fail("key 0 is empty")
	case count == 1 && len(first) > 0, count > 1 && len(first) > 0 && first[0] == last[0]:
		r.Fail("prefix of the keys is not the longest")
	}
	sum := 0
	for i := range count - 1 {
		sum += n.weight(i)
	}
	if sum > maxWeight(n.level) {
		r.Fail("run weighs %d, at most %d", sum, maxWeight(n.level))
	}
}

// item is an item of a level on its way into a node.
type item struct {
	key, val []byte // the value, or the bytes of the child's hash
	rows     uint64 // at or below it
	from     int32  // the old node of the region that it comes from unchanged, or -1
}

// appendNode appends the encoding of a node of items, in key order, to dst, and returns
// the rows below it.
func appendNode(dst []byte, level int, items []item) (data []byte, rows uint64) {
	prefix := 0
	perItem := 2
	if level > 0 {
		perItem = 3
	}
	if len(items) > 0 {
		prefix = commonPrefix(items[0].key, items[len(items)-1].key)
	}
	dst = object.AppendArray(dst, headItems+perItem*len(items))
	dst = object.AppendUint(dst, nodeVersion)
	dst = object.AppendUint(dst, uint64(object.KindStateNode))
	dst = object.AppendUint(dst, uint64(level))
	if len(items) == 0 {
		return object.AppendBytes(dst, nil), 0
	}
	dst = object.AppendBytes(dst, items[0].key[:prefix])
	for i := range items {
		it := &items[i]
		dst = object.AppendBytes(dst, it.key[prefix:])
		dst = object.AppendBytes(dst, it.val)
		if level > 0 {
			dst = object.AppendUint(dst, it.rows)
		}
		rows += it.rows
	}
	return dst, rows
}

func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	return sort.Search(n, func(i int) bool { return !bytes.Equal(a[:i+1], b[:i+1]) })
}
