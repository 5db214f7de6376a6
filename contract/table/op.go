package table

import (
	"fmt"

	"aergo/contract/value"
	"aergo/repo/object"
	"aergo/repo/state/key"
)

// Code says what an operation does.
type Code uint8

// The operations. Numbers are part of the format.
const (
	Put     Code = 0 // set the fields listed, make the row if absent
	Insert  Code = 1 // make the row, which must be absent
	Replace Code = 2 // the row becomes these fields
	Del     Code = 3 // the row goes
	Incr    Code = 4 // add a number to each field listed
	Append  Code = 5 // add an element to the list in each field listed, as a set
	Remove  Code = 6 // take an element from it
	Define  Code = 7 // put on the table's schema

	codeCount = 8
)

var codeNames = [codeCount]string{"put", "insert", "replace", "del", "incr", "append", "remove", "define"}

func (c Code) String() string {
	if c < codeCount {
		return codeNames[c]
	}
	return fmt.Sprintf("operation %d", uint8(c))
}

// ParseCode returns the operation of a name.
func ParseCode(name string) (Code, error) {
	for i, n := range codeNames {
		if n == name {
			return Code(i), nil
		}
	}
	return 0, fmt.Errorf("no operation is called %.40q: want put, insert, replace, del, incr, append, remove or define", name)
}

// delta says whether c changes fields without a precondition on their values.
func (c Code) delta() bool { return c == Incr || c == Append || c == Remove }

// wholeRow says whether c touches the row as one.
func (c Code) wholeRow() bool { return c == Insert || c == Replace || c == Del }

// fieldwise says whether c sets fields one by one, each with its precondition.
func (c Code) fieldwise() bool { return c == Put || c == Define }

// Flags change how an operation is taken.
type Flags uint8

// The flags. Numbers are part of the format.
const (
	// Create lets Incr, Append and Remove make the row if there is none.
	Create Flags = 1
	// Exact forbids convergence: what another transaction did already does not stand in
	// for the operation. An exact Append wants the element absent, an exact Remove present.
	Exact Flags = 2
	// Force drops the preconditions of Put, Define, Insert, Replace and Del.
	Force Flags = 4
)

// Limits of a transaction.
const (
	MaxOps = 1 << 16
	// MaxTupleBytes is the length of the longest encoded row key.
	MaxTupleBytes = key.MaxTupleBytes
)

// Op is one table operation.
type Op struct {
	Code  Code
	Flags Flags
	Table string
	// Tuple is the row's key as package key encodes it; empty with Define.
	Tuple []byte
	// Key is the state key of the row. The decoder fills it in; a Builder does not read it.
	Key []byte
	// Fields ascend strictly by name. Del has none; Incr, Append and Remove have some.
	Fields []Arg
	// SawRow says, with Put and Define without Force, whether the author saw the row.
	SawRow bool
	// RowSeen, with Replace and Del without Force, is the Version that the author saw.
	RowSeen []byte

	table *entry // in the dictionary; nil if the operation was not decoded
}

// Arg is one field of an operation.
type Arg struct {
	Name string
	// Value is encoded: a stored value; with Put and Define perhaps absent, which unsets the
	// field; with Append and Remove an element.
	Value []byte
	// Seen, with Put and Define, is the value.Seen of what the author saw in the field, nil
	// if it was absent.
	Seen []byte

	entry *entry // in the dictionary; nil if the operation was not decoded
}

// appendName appends the encoded name.
func (a *Arg) appendName(dst []byte) []byte {
	if a.entry != nil {
		return append(dst, a.entry.text...)
	}
	return object.AppendText(dst, a.Name)
}

// typeUnit names the unit that keeps Incr apart from Append and Remove on one field.
func (a *Arg) typeUnit() string {
	if a.entry != nil {
		return a.entry.typeUnit
	}
	return a.Name + typeSuffix
}

const (
	typeSuffix    = "\x01type"
	elementMarker = "\x00"
)

// Dict is the dictionary of names of a chunk, prepared for decoding. It is immutable and
// may be shared.
type Dict struct {
	entries []entry
}

// entry is a name in its two possible uses.
type entry struct {
	name     string
	text     []byte // encoded as text
	typeUnit string
	asField  error // why it may not name a field
	asTable  error // why it may not name a table
	prefix   []byte
	schema   []byte
}

// NewDict prepares the names of a chunk. A name that may stand for neither a table nor a
// field is refused only where it is used.
func NewDict(names []string) *Dict {
	d := &Dict{entries: make([]entry, len(names))}
	for i, name := range names {
		e := &d.entries[i]
		e.name = name
		e.asTable = key.CheckTable(name)
		if e.asTable == nil {
			e.prefix = key.TablePrefix(name)
			e.schema, e.asTable = key.Schema(name)
		}
		if e.asField = value.CheckName(name); e.asField == nil {
			e.text = object.AppendText(nil, name)
			e.typeUnit = name + typeSuffix
		}
	}
	return d
}
