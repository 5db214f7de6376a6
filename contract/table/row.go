package table

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strings"

	"aergo/contract/value"
	"aergo/repo/object"
)

// A row is one flat array, [name, value, name, value, ...], whose names ascend strictly as
// bytes. It is what the state holds under the row's key. A row may be empty.

// Limits of a row.
const (
	MaxRowBytes = value.MaxBytes // of an encoded row, which bounds its fields too
	MaxFields   = 4096           // of an operation
)

// ErrRowTooLarge is wrapped when a row is above a limit.
var ErrRowTooLarge = errors.New("row is too large")

// CheckRow says whether row is an encoded row within the limits.
func CheckRow(row []byte) error {
	if len(row) > MaxRowBytes {
		return fmt.Errorf("row of %d bytes: %w: at most %d", len(row), ErrRowTooLarge, MaxRowBytes)
	}
	r := object.ReaderOf(row)
	n := r.Array(MaxRowBytes)
	if n%2 != 0 {
		r.Fail("row has a name without a value")
	}
	var last []byte
	for i := 0; i < n && r.Err() == nil; i += 2 {
		name := r.TextBytes(value.MaxNameBytes)
		if i > 0 && bytes.Compare(last, name) >= 0 {
			r.Fail("names of a row do not ascend")
		}
		if err := value.CheckName(string(name)); r.Err() == nil && err != nil {
			r.Fail("%v", err)
		}
		last = name
		value.ReadStored(&r)
	}
	if err := r.End(); err != nil {
		return fmt.Errorf("row: %w", err)
	}
	return nil
}

// AppendRow appends the encoded row of fields, which ascend by name. It fails with
// ErrRowTooLarge, or if names do not ascend or values are no stored values.
func AppendRow(dst []byte, fields []value.Field) ([]byte, error) {
	start := len(dst)
	dst = object.AppendArray(dst, 2*len(fields))
	for _, f := range fields {
		dst = append(object.AppendText(dst, f.Name), f.Enc...)
	}
	if err := CheckRow(dst[start:]); err != nil {
		return dst[:start], err
	}
	return dst, nil
}

// Fields returns the names and encoded values of a row, in order, as slices of row.
func Fields(row []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, v []byte) bool) {
		c := cursorOf(row)
		for c.next() && yield(c.name, c.value) {
		}
	}
}

// FieldList returns the fields of a row, in order. Values are slices of row.
func FieldList(row []byte) []value.Field {
	fields := make([]value.Field, 0, FieldCount(row))
	for name, v := range Fields(row) {
		fields = append(fields, value.Field{Name: string(name), Enc: v})
	}
	return fields
}

// FieldCount returns the number of fields of a row.
func FieldCount(row []byte) int {
	r := object.ReaderOf(row)
	return r.Array(MaxRowBytes) / 2
}

// Lookup returns the encoded value of a field, a slice of row, and whether it is there.
func Lookup(row []byte, name string) ([]byte, bool) {
	c := cursorOf(row)
	for c.next() {
		switch strings.Compare(string(c.name), name) {
		case 0:
			return c.value, true
		case 1:
			return nil, false
		}
	}
	return nil, false
}

// Version returns the hash by which preconditions name a row as a whole.
func Version(row []byte) [value.HashSize]byte { return value.Seen(row) }

// cursor walks over a row that the state holds, or that CheckRow has accepted, without
// checking it again. A damaged row ends early.
type cursor struct {
	rest        []byte
	left        int
	name, value []byte
	// entry is the encoding of the name and the value together.
	entry []byte
}

func cursorOf(row []byte) cursor {
	r := object.ReaderOf(row)
	n := r.Array(MaxRowBytes) / 2
	return cursor{rest: r.Rest(), left: n}
}

func (c *cursor) next() bool {
	if c.left == 0 {
		return false
	}
	c.left--
	head, size := itemSize(c.rest)
	if size == 0 {
		c.left = 0
		return false
	}
	_, valueSize := itemSize(c.rest[size:])
	if valueSize == 0 {
		c.left = 0
		return false
	}
	end := size + valueSize
	c.entry = c.rest[:end:end]
	c.name, c.value = c.rest[head:size:size], c.rest[size:end:end]
	c.rest = c.rest[end:]
	return true
}

// itemSize returns the sizes of the head and of the whole of the item that b begins with,
// and 0 if b holds no whole item.
func itemSize(b []byte) (head, size int) {
	if len(b) == 0 {
		return 0, 0
	}
	major, n := b[0]>>5, uint64(b[0]&0x1f)
	head = 1
	if n >= 24 {
		if n > 27 || len(b) < 1+1<<(n-24) {
			return 0, 0
		}
		head += 1 << (n - 24)
		n = 0
		for _, c := range b[1:head] {
			n = n<<8 | uint64(c)
		}
	}
	switch {
	case major == 0:
		return head, head
	case major == 4:
		size = head
		for ; n > 0; n-- {
			_, s := itemSize(b[size:])
			if s == 0 {
				return 0, 0
			}
			size += s
		}
		return head, size
	case n > uint64(len(b)-head):
		return 0, 0
	}
	return head, head + int(n)
}
