package object

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// The encoding is the subset of deterministic CBOR (RFC 8949, section 4.2.1) that has
// unsigned integers, byte strings, text strings and definite-length arrays, each with
// the shortest head. There is exactly one encoding of a value, and the Reader accepts
// no other.

const (
	majorUint  = 0 << 5
	majorBytes = 2 << 5
	majorText  = 3 << 5
	majorArray = 4 << 5
)

// ErrMalformed is wrapped by every decoding error of this package.
var ErrMalformed = errors.New("malformed record")

func appendHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n <= 0xff:
		return append(b, major|24, byte(n))
	case n <= 0xffff:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n <= 0xffffffff:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

// AppendUint appends an unsigned integer.
func AppendUint(b []byte, n uint64) []byte { return appendHead(b, majorUint, n) }

// AppendBytes appends a byte string.
func AppendBytes(b, s []byte) []byte {
	return append(appendHead(b, majorBytes, uint64(len(s))), s...)
}

// AppendText appends a text string; s must be valid UTF-8, or no reader will take it.
func AppendText(b []byte, s string) []byte {
	return append(appendHead(b, majorText, uint64(len(s))), s...)
}

// AppendArray appends the head of an array; its n elements follow.
func AppendArray(b []byte, n int) []byte { return appendHead(b, majorArray, uint64(n)) }

// AppendHash appends a hash as a byte string of HashSize bytes.
func AppendHash(b []byte, h Hash) []byte { return AppendBytes(b, h[:]) }

// HeadSize returns the number of bytes that the head of an integer n, or of a string or
// array of length n, takes.
func HeadSize(n uint64) int {
	switch {
	case n < 24:
		return 1
	case n <= 0xff:
		return 2
	case n <= 0xffff:
		return 3
	case n <= 0xffffffff:
		return 5
	}
	return 9
}

// ItemType is the type of the next item in a Reader.
type ItemType byte

// The four types of item, and none at the end of the input.
const (
	ItemNone ItemType = iota
	ItemUint
	ItemBytes
	ItemText
	ItemArray
)

// Reader reads items of the canonical encoding from a byte slice, in order. The first
// error sticks: later calls return zero values, and Err or End reports it. Byte strings
// are returned as slices of the input, not copies. Reader never allocates according to
// a length found in the input: lengths are checked against what is left of it first.
type Reader struct {
	buf []byte
	pos int
	err error
}

// NewReader returns a reader of buf, which it keeps.
func NewReader(buf []byte) *Reader { return &Reader{buf: buf} }

// ReaderOf is NewReader by value, for loops that must not allocate.
func ReaderOf(buf []byte) Reader { return Reader{buf: buf} }

// Err returns the first error.
func (r *Reader) Err() error { return r.err }

// Pos returns the offset of the next item.
func (r *Reader) Pos() int { return r.pos }

// Rest returns what has not been read yet.
func (r *Reader) Rest() []byte { return r.buf[r.pos:] }

// More says whether there is anything left to read and no error.
func (r *Reader) More() bool { return r.err == nil && r.pos < len(r.buf) }

// Fail records an error of the caller's own at the current position, unless there is
// one already. It wraps ErrMalformed.
func (r *Reader) Fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w at byte %d: %s", ErrMalformed, r.pos, fmt.Sprintf(format, args...))
	}
}

// End reports the first error, or that input is left over.
func (r *Reader) End() error {
	if r.err == nil && r.pos != len(r.buf) {
		r.Fail("%d bytes left over", len(r.buf)-r.pos)
	}
	return r.err
}

// Peek returns the type of the next item without reading it.
func (r *Reader) Peek() ItemType {
	if !r.More() {
		return ItemNone
	}
	switch r.buf[r.pos] & 0xe0 {
	case majorUint:
		return ItemUint
	case majorBytes:
		return ItemBytes
	case majorText:
		return ItemText
	case majorArray:
		return ItemArray
	}
	return ItemNone
}

// head reads the head of an item of the given major type and returns its argument.
func (r *Reader) head(major byte) uint64 {
	if r.err != nil {
		return 0
	}
	if r.pos >= len(r.buf) {
		r.Fail("input ends where an item should begin")
		return 0
	}
	first := r.buf[r.pos]
	if first&0xe0 != major {
		r.Fail("item 0x%02x is not of major type %d", first, major>>5)
		return 0
	}
	info := first & 0x1f
	if info < 24 {
		r.pos++
		return uint64(info)
	}
	if info > 27 {
		r.Fail("head 0x%02x is reserved or indefinite", first)
		return 0
	}
	size := 1 << (info - 24)
	if len(r.buf)-r.pos-1 < size {
		r.Fail("input ends inside a head")
		return 0
	}
	var n uint64
	for _, c := range r.buf[r.pos+1 : r.pos+1+size] {
		n = n<<8 | uint64(c)
	}
	if HeadSize(n) != 1+size {
		r.Fail("head is not the shortest for %d", n)
		return 0
	}
	r.pos += 1 + size
	return n
}

// Uint reads an unsigned integer.
func (r *Reader) Uint() uint64 { return r.head(majorUint) }

// UintMax reads an unsigned integer of at most max.
func (r *Reader) UintMax(max uint64) uint64 {
	n := r.Uint()
	if n > max {
		r.Fail("%d is above the limit of %d", n, max)
		return 0
	}
	return n
}

func (r *Reader) str(major byte, maxBytes int) []byte {
	n := r.head(major)
	if r.err != nil {
		return nil
	}
	if n > uint64(maxBytes) {
		r.Fail("string of %d bytes is above the limit of %d", n, maxBytes)
		return nil
	}
	if n > uint64(len(r.buf)-r.pos) {
		r.Fail("string of %d bytes runs past the end of the input", n)
		return nil
	}
	s := r.buf[r.pos : r.pos+int(n) : r.pos+int(n)]
	r.pos += int(n)
	return s
}

// Bytes reads a byte string of at most maxBytes; the result is a slice of the input.
func (r *Reader) Bytes(maxBytes int) []byte { return r.str(majorBytes, maxBytes) }

// TextBytes reads a text string of at most maxBytes as a slice of the input.
func (r *Reader) TextBytes(maxBytes int) []byte {
	s := r.str(majorText, maxBytes)
	if r.err == nil && !utf8.Valid(s) {
		r.Fail("text is not valid UTF-8")
		return nil
	}
	return s
}

// Text reads a text string of at most maxBytes.
func (r *Reader) Text(maxBytes int) string { return string(r.TextBytes(maxBytes)) }

// Hash reads a byte string of exactly HashSize bytes.
func (r *Reader) Hash() Hash {
	b := r.Bytes(HashSize)
	if r.err == nil && len(b) != HashSize {
		r.Fail("hash of %d bytes", len(b))
	}
	if r.err != nil {
		return Hash{}
	}
	return Hash(b)
}

// Array reads the head of an array of at most max elements and returns their number.
// Every element takes at least one byte, so the number never exceeds what is left of
// the input: it is safe to allocate by.
func (r *Reader) Array(max int) int {
	n := r.head(majorArray)
	if r.err != nil {
		return 0
	}
	if n > uint64(max) {
		r.Fail("array of %d elements is above the limit of %d", n, max)
		return 0
	}
	if n > uint64(len(r.buf)-r.pos) {
		r.Fail("array of %d elements runs past the end of the input", n)
		return 0
	}
	return int(n)
}

// ArrayOf reads the head of an array that must have exactly n elements.
func (r *Reader) ArrayOf(n int) {
	if got := r.Array(n); r.err == nil && got != n {
		r.Fail("array of %d elements, want %d", got, n)
	}
}

// Skip reads one whole item of any type, with at most maxDepth arrays around its
// innermost item, and returns its bytes. It checks the encoding of everything inside.
func (r *Reader) Skip(maxDepth int) []byte {
	start := r.pos
	r.skip(maxDepth)
	if r.err != nil {
		return nil
	}
	return r.buf[start:r.pos:r.pos]
}

// counted reads the head of an array of at most max elements that take minBytes each at
// the least, so that what a caller allocates by the result is a bounded multiple of what
// is left of the input.
func (r *Reader) counted(max, minBytes int) int {
	n := r.Array(max)
	if n > (len(r.buf)-r.pos)/minBytes {
		r.Fail("array of %d elements runs past the end of the input", n)
		return 0
	}
	return n
}

func (r *Reader) skip(depth int) {
	switch r.Peek() {
	case ItemUint:
		r.Uint()
	case ItemBytes:
		r.Bytes(len(r.buf))
	case ItemText:
		r.TextBytes(len(r.buf))
	case ItemArray:
		if depth <= 0 {
			r.Fail("nested too deep")
			return
		}
		for n := r.Array(len(r.buf)); n > 0 && r.err == nil; n-- {
			r.skip(depth - 1)
		}
	default:
		if r.err == nil && r.pos < len(r.buf) {
			r.Fail("item 0x%02x has no place in this encoding", r.buf[r.pos])
		} else {
			r.Fail("input ends where an item should begin")
		}
	}
}
