package key

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Kind is the first byte of a state key and says what the value under it is.
type Kind uint8

// The kinds of state key. Numbers are part of the format and never reused.
const (
	KindSchema   Kind = 0x01 // a table's schema: the table
	KindRow      Kind = 0x03 // a row: the table, then the components of its key
	KindToken    Kind = 0x10 // reserved for token accounts
	KindContract Kind = 0x20 // reserved for contract code and storage
	KindSystem   Kind = 0x30 // reserved for the system's own
)

func (k Kind) String() string {
	switch k {
	case KindSchema:
		return "schema"
	case KindRow:
		return "row"
	case KindToken:
		return "token"
	case KindContract:
		return "contract"
	case KindSystem:
		return "system"
	}
	return fmt.Sprintf("kind 0x%02x", uint8(k))
}

const (
	// MaxBytes is the length of the longest state key.
	MaxBytes = 1024
	// MaxTableBytes is the length of the longest table name.
	MaxTableBytes = 128
	// MaxTupleBytes is the length of the longest encoded row key: with the longest table
	// name it makes a state key of MaxBytes, so that what fits one table fits them all.
	MaxTupleBytes = MaxBytes - MaxTableBytes - 3
)

var (
	// ErrTooLong is wrapped when a key or a name is above its limit.
	ErrTooLong = errors.New("too long")
	// ErrBadName is wrapped when a table name is not allowed.
	ErrBadName = errors.New("name is not allowed")
)

// CheckTable says whether name may name a table: 1 to MaxTableBytes bytes of UTF-8 with
// no '/', '\\' or ':', no control character, no white space but single bytes of space
// inside, nothing invisible or that turns the direction of writing, and no '.' or '-' in
// front, so that a name is never a path, an option or part of another name.
func CheckTable(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("table name is empty: %w", ErrBadName)
	case len(name) > MaxTableBytes:
		return fmt.Errorf("table name of %d bytes: %w: at most %d", len(name), ErrTooLong, MaxTableBytes)
	case !utf8.ValidString(name):
		return fmt.Errorf("table name %q: %w: not valid UTF-8", name, ErrBadName)
	case name[0] == ' ' || name[len(name)-1] == ' ':
		return fmt.Errorf("table name %q: %w: space at an end", name, ErrBadName)
	case name[0] == '.' || name[0] == '-':
		return fmt.Errorf("table name %q: %w: begins with %q", name, ErrBadName, name[0])
	}
	for _, r := range name {
		if forbidden(r) {
			return fmt.Errorf("table name %q: %w: contains %q", name, ErrBadName, r)
		}
	}
	return nil
}

// forbidden spells its ranges out, for the answer must be the same with every version of
// the Unicode tables.
func forbidden(r rune) bool {
	switch {
	case r < ' ', r == '/', r == '\\', r == ':':
		return true
	case r >= 0x7f && r <= 0xa0, r == 0xad:
		return true
	case r == 0x1680, r == 0x180e, r >= 0x2000 && r <= 0x200f, r >= 0x2028 && r <= 0x202f:
		return true
	case r >= 0x205f && r <= 0x206f, r == 0x3000, r == 0xfeff, r >= 0xfff0 && r <= 0xffff:
		return true
	}
	return r >= 0xe0000 && r <= 0xe007f
}

// Schema returns the state key of the schema of table.
func Schema(table string) ([]byte, error) {
	if err := CheckTable(table); err != nil {
		return nil, err
	}
	return appendHead(nil, KindSchema, table), nil
}

// Row returns the state key of the row of table whose key is comps, at least one.
func Row(table string, comps ...Component) ([]byte, error) {
	if err := CheckTable(table); err != nil {
		return nil, err
	}
	if len(comps) == 0 {
		return nil, fmt.Errorf("row of table %q: key has no components", table)
	}
	tuple, err := Encode(comps...)
	if err != nil {
		return nil, fmt.Errorf("row of table %q: %w", table, err)
	}
	return RowFromEncoded(table, tuple), nil
}

// RowFromEncoded returns the state key of the row of table whose key is the encoded
// tuple. It checks nothing: the table has passed CheckTable, and tuple comes from Encode
// or has passed Decode, is not empty and is at most MaxTupleBytes long.
func RowFromEncoded(table string, tuple []byte) []byte {
	return AppendRow(make([]byte, 0, len(table)+3+len(tuple)), table, tuple)
}

// AppendRow is RowFromEncoded that appends to dst.
func AppendRow(dst []byte, table string, tuple []byte) []byte {
	return append(appendHead(dst, KindRow, table), tuple...)
}

// TablePrefix returns the prefix that the keys of all rows of table have, and no others.
// The table has passed CheckTable.
func TablePrefix(table string) []byte { return appendHead(nil, KindRow, table) }

// PrefixEnd returns the smallest key above all keys with the prefix, or nil if there is
// none, which Range takes for the end.
func PrefixEnd(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			end := bytes.Clone(prefix[:i+1])
			end[i]++
			return end
		}
	}
	return nil
}

// Split takes a state key of a schema or a row apart. The tuple is a slice of stateKey,
// empty for a schema; it is not decoded, and may still be refused by Decode.
func Split(stateKey []byte) (kind Kind, table string, tuple []byte, err error) {
	if len(stateKey) > MaxBytes {
		return 0, "", nil, fmt.Errorf("state key of %d bytes: %w: at most %d", len(stateKey), ErrTooLong, MaxBytes)
	}
	if len(stateKey) < 2 || stateKey[1] != tagText {
		return 0, "", nil, fmt.Errorf("%w: state key has no table", ErrMalformed)
	}
	kind = Kind(stateKey[0])
	end := bytes.IndexByte(stateKey[2:], 0)
	if end < 0 {
		return 0, "", nil, fmt.Errorf("%w: table name has no end", ErrMalformed)
	}
	table, tuple = string(stateKey[2:2+end]), stateKey[3+end:]
	if err := CheckTable(table); err != nil {
		return 0, "", nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	switch {
	case kind != KindSchema && kind != KindRow:
		return 0, "", nil, fmt.Errorf("%w: %v is not of a table", ErrMalformed, kind)
	case kind == KindSchema && len(tuple) > 0:
		return 0, "", nil, fmt.Errorf("%w: schema key goes on after the table", ErrMalformed)
	case kind == KindRow && len(tuple) == 0:
		return 0, "", nil, fmt.Errorf("%w: row key has no components", ErrMalformed)
	case len(tuple) > MaxTupleBytes:
		return 0, "", nil, fmt.Errorf("%w: row key of %d bytes: %w", ErrMalformed, len(tuple), ErrTooLong)
	}
	return kind, table, tuple, nil
}

func appendHead(dst []byte, kind Kind, table string) []byte {
	dst = append(dst, byte(kind), tagText)
	return append(append(dst, table...), 0)
}
