package format

import "encoding/binary"

const (
	arenaBits  = 20
	arenaBytes = 1 << arenaBits
)

// arena keeps the rows of a table as bytes in a few large pieces, so that a million rows
// are neither a million objects nor copied when there come to be more.
type arena struct {
	pieces [][]byte
	starts []arenaRef // of the rows, in order
}

// arenaRef is the number of a piece and, in the low arenaBits, an offset in it.
type arenaRef uint64

// room returns a slice of length 0 and a capacity of at least n <= arenaBytes, where the
// next row is put by appending. Nothing is kept before commit.
func (a *arena) room(n int) []byte {
	last := len(a.pieces) - 1
	if last < 0 || cap(a.pieces[last])-len(a.pieces[last]) < n {
		a.pieces = append(a.pieces, make([]byte, 0, arenaBytes))
		last++
	}
	p := a.pieces[last]
	return p[len(p):]
}

// commit keeps a row that was appended to what room returned.
func (a *arena) commit(row []byte) {
	last := len(a.pieces) - 1
	from := len(a.pieces[last])
	a.starts = append(a.starts, arenaRef(last)<<arenaBits|arenaRef(from))
	a.pieces[last] = a.pieces[last][:from+len(row)]
}

// at returns the bytes from the start of a row on, to the end of its piece.
func (a *arena) at(ref arenaRef) []byte { return a.pieces[ref>>arenaBits][ref&(arenaBytes-1):] }

// A row in the arena is the number of its first line, its cells, the key's first, and
// perhaps a body. Each is preceded by its length; a cell's has a bit for null.

// appendUvarint appends a line number.
func appendUvarint(dst []byte, n int) []byte { return binary.AppendUvarint(dst, uint64(n)) }

func appendCell(dst []byte, c []byte, null bool) []byte {
	if null {
		return append(dst, 1)
	}
	dst = binary.AppendUvarint(dst, uint64(len(c))<<1)
	return append(dst, c...)
}

// takeCell splits the first cell off row.
func takeCell(row []byte) (c []byte, null bool, rest []byte) {
	if row[0] < 0x80 { // nearly all
		end := 1 + int(row[0]>>1)
		return row[1:end], row[0]&1 == 1, row[end:]
	}
	head, n := binary.Uvarint(row)
	end := n + int(head>>1)
	return row[n:end], head&1 == 1, row[end:]
}

// takeLine splits the line number off row.
func takeLine(row []byte) (line int, rest []byte) {
	n, size := binary.Uvarint(row)
	return int(n), row[size:]
}

// maxUvarint is the longest length or number in front of a cell or row.
const maxUvarint = binary.MaxVarintLen64
