package format

import (
	"errors"
	"fmt"
	"slices"

	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo/object"
	"aergo/repo/state/key"
)

// Options say how a table is read.
type Options struct {
	// Key names the key's columns in order, at least one.
	Key []string
	// Types states columns' types; those of the others are inferred. A name that is no column
	// is ignored.
	Types map[string]value.Type
	// Null is CSV's null word; nil if there is none.
	Null *string
	// Header names CSV's columns if the file has no header line; nil if it has one.
	Header []string
	// Trim takes spaces and tabs away around CSV's names and unquoted cells.
	Trim bool
	// Plain keeps a JSON file of {"key":...,"fields":{...}} from being taken as exported
	// rows: key and fields are ordinary members.
	Plain bool
}

// Column is a column of a table.
type Column struct {
	Name string
	Type value.Type
	// Key says whether the column is part of the key; such columns are not fields.
	Key bool
	// Position is the column's place in the input, from 0: in CSV the place in the header;
	// in JSON, which has no order, that in Columns.
	Position int
}

// Table is what was read, held compactly: the bytes of the input and about 8 per row. It
// may be read by several goroutines at once, except during Sort.
type Table struct {
	columns   []Column
	keys      int          // the first columns are the key's, in its order
	types     []value.Type // of the cells in a row: the key's, then fields
	names     [][]byte     // encoded names of the fields in cells, ascending
	nameBytes int          // of them and of the head of a row
	rows      arena

	// bodied says that rows hold their key and their fields encoded instead of in cells, and
	// retyped which text components of the key are integers after all.
	bodied  bool
	retyped []bool
}

// FieldNames returns the names of the fields in ascending order if all rows have the same,
// as those of CSV have; EachValues needs that.
func (t *Table) FieldNames() (names []string, uniform bool) {
	if t.bodied {
		return nil, false
	}
	for _, c := range t.columns[t.keys:] {
		names = append(names, c.Name)
	}
	return names, true
}

// Len returns the number of rows.
func (t *Table) Len() int { return len(t.rows.starts) }

// Columns returns the key's columns in order, then the others: those of CSV by position,
// those of JSON by name.
func (t *Table) Columns() []Column {
	columns := slices.Clone(t.columns)
	slices.SortStableFunc(columns[t.keys:], func(a, b Column) int { return a.Position - b.Position })
	return columns
}

// Line returns the line of the input on which row i begins.
func (t *Table) Line(i int) int {
	line, _ := takeLine(t.rows.at(t.rows.starts[i]))
	return line
}

// Each calls fn for every row with its number, its encoded key (see key.Encode) and its
// encoded fields (see table.CheckRow): in the order of the input, or of the keys after Sort.
// Both slices are valid until fn returns. It stops at the first error and returns it.
func (t *Table) Each(fn func(i int, tuple, row []byte) error) error {
	return t.EachIn(0, t.Len(), fn)
}

// EachIn is Each for the rows from <= i < to, so that several goroutines may share the work.
func (t *Table) EachIn(from, to int, fn func(i int, tuple, row []byte) error) error {
	return t.each(from, to, rowEncoder{t: t}, fn)
}

// EachValues is EachIn with the joined encoded values of the fields, in the order of
// FieldNames, in place of the row: what table.Template takes.
func (t *Table) EachValues(from, to int, fn func(i int, tuple, values []byte) error) error {
	if t.bodied {
		return errors.New("rows of this table do not have the same fields")
	}
	return t.each(from, to, rowEncoder{t: t, valuesOnly: true}, fn)
}

func (t *Table) each(from, to int, e rowEncoder, fn func(i int, tuple, row []byte) error) error {
	for i := from; i < to; i++ {
		tuple, row, err := e.encode(t.rows.starts[i])
		if err != nil {
			return err
		}
		if err := fn(i, tuple, row); err != nil {
			return err
		}
	}
	return nil
}

// rowEncoder turns rows of the arena into encoded ones, reusing its memory.
type rowEncoder struct {
	t          *Table
	valuesOnly bool
	number     numberEncoder
	tuple, row []byte
}

func (e *rowEncoder) encode(ref arenaRef) (tuple, row []byte, err error) {
	line, rest := takeLine(e.t.rows.at(ref))
	e.tuple, rest, err = e.t.appendTuple(e.tuple[:0], line, rest)
	if err != nil {
		return nil, nil, err
	}
	if e.t.bodied {
		body, _, _ := takeCell(rest)
		return e.tuple, body, nil
	}
	e.row, err = e.appendRow(e.row[:0], line, rest)
	return e.tuple, e.row, err
}

// appendRow appends the encoded fields, or their values only, that the cells in rest hold.
func (e *rowEncoder) appendRow(dst []byte, line int, rest []byte) ([]byte, error) {
	t := e.t
	sizeBytes := len(dst)
	if e.valuesOnly {
		sizeBytes -= t.nameBytes
	} else {
		dst = object.AppendArray(dst, 2*len(t.names))
	}
	for i, name := range t.names {
		var c []byte
		var null bool
		c, null, rest = takeCell(rest)
		if !e.valuesOnly {
			dst = append(dst, name...)
		}
		if null {
			dst = value.AppendNull(dst)
			continue
		}
		var err error
		if dst, err = e.number.appendValue(dst, t.types[t.keys+i], c); err != nil {
			return dst, t.fault(line, t.keys+i, misfit(t.types[t.keys+i], c))
		}
	}
	if sizeBytes = len(dst) - sizeBytes; sizeBytes > table.MaxRowBytes {
		return dst, &Error{Line: line, Err: because(ErrLimit, "row of %d bytes is above the limit of %d", sizeBytes, table.MaxRowBytes)}
	}
	return dst, nil
}

// appendTuple appends the encoded key that the first cells of rest hold, and returns what
// follows them.
func (t *Table) appendTuple(dst []byte, line int, rest []byte) ([]byte, []byte, error) {
	start := len(dst)
	if t.bodied {
		tuple, _, rest := takeCell(rest)
		dst, err := t.appendRetyped(dst, line, tuple)
		return dst, rest, err
	}
	for i := range t.keys {
		var c []byte
		c, _, rest = takeCell(rest)
		var ok bool
		if dst, ok = appendComponent(dst, t.types[i], c); !ok {
			return dst, rest, t.fault(line, i, misfit(t.types[i], c))
		}
	}
	if n := len(dst) - start; n > key.MaxTupleBytes {
		return dst, rest, &Error{Line: line, Err: because(ErrLimit, "key of %d bytes is above the limit of %d", n, key.MaxTupleBytes)}
	}
	return dst, rest, nil
}

// appendRetyped appends an encoded key, with integers for the texts that are to be ones.
func (t *Table) appendRetyped(dst []byte, line int, tuple []byte) ([]byte, error) {
	if t.retyped == nil {
		return append(dst, tuple...), nil
	}
	comps, err := key.Decode(tuple)
	if err != nil {
		return dst, &Error{Line: line, Err: err}
	}
	for i := range comps {
		if s, ok := comps[i].Text(); ok && i < len(t.retyped) && t.retyped[i] {
			if comps[i], ok = parseComponent(value.TypeInteger, []byte(s)); !ok {
				return dst, t.fault(line, i, misfit(value.TypeInteger, []byte(s)))
			}
		}
	}
	return key.Append(dst, comps...), nil
}

// fault reports what is wrong with cell i of the rows' own order.
func (t *Table) fault(line, i int, err error) error {
	c := t.columns[i]
	e := &Error{Line: line, Name: c.Name, Err: err}
	if !t.bodied {
		e.Column = c.Position + 1
	}
	return e
}

// checkKey says whether the names can be those of a key.
func checkKey(names []string) error {
	if len(names) == 0 {
		return because(ErrSyntax, "no key column is named")
	}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return because(ErrSyntax, "key column %q is named twice", name)
		}
		if err := value.CheckName(name); err != nil {
			return fmt.Errorf("key column: %w", err)
		}
	}
	return nil
}
