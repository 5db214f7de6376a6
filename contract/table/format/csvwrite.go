package format

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo/state/key"
)

// RowWriter writes the rows of a table in one format. A row is given by its encoded key and
// its encoded fields, which it does not keep. Close writes what is left, and does not close
// the writer beneath; without it the output is incomplete. After an error nothing more is
// written, and Close returns the error again.
type RowWriter interface {
	WriteRow(tuple, row []byte) error
	Close() error
}

// writeBufBytes is how much a writer gathers before it writes.
const writeBufBytes = 64 << 10

// CSVOptions say how CSV is written.
type CSVOptions struct {
	// Null is the null word; nil writes null as an empty cell.
	Null *string
}

// NewCSVWriter returns a writer of CSV with these columns, in this order; SchemaColumns and
// ColumnScan.Columns return them with the key's first. The columns marked Key are, in order,
// the components of the key. A row with a field that is no column is refused.
func NewCSVWriter(w io.Writer, columns []Column, opt CSVOptions) (RowWriter, error) {
	c := &csvWriter{w: bufio.NewWriterSize(w, writeBufBytes), null: opt.Null, columns: columns}
	if opt.Null != nil {
		if err := checkNull(*opt.Null); err != nil {
			return nil, err
		}
	}
	for i, col := range columns {
		if err := checkColumn(columnNames(columns), i); err != nil {
			return nil, &Error{Column: i + 1, Name: col.Name, Err: err}
		}
		if col.Key {
			c.keys++
		} else {
			c.byName = append(c.byName, i)
		}
	}
	slices.SortFunc(c.byName, func(a, b int) int { return strings.Compare(columns[a].Name, columns[b].Name) })
	c.cells = make([]outCell, len(columns))
	for i, col := range columns {
		c.line = c.appendCell(c.line, i, cellText, []byte(col.Name))
	}
	c.line = append(c.line, '\n')
	_, c.err = c.w.Write(c.line)
	return c, c.err
}

func columnNames(columns []Column) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return names
}

type csvWriter struct {
	w       *bufio.Writer
	null    *string
	columns []Column
	keys    int
	byName  []int // the columns that are fields
	cells   []outCell
	text    []byte // that cells hold
	line    []byte
	err     error
}

// outCell is a cell to be written: a part of the writer's text, unless it has none.
type outCell struct {
	state cellState
	text  span
}

type cellState uint8

const (
	cellMissing cellState = iota
	cellNull
	cellText
)

func (c *csvWriter) WriteRow(tuple, row []byte) error {
	if c.err != nil {
		return c.err
	}
	if c.err = c.fill(tuple, row); c.err != nil {
		return c.err
	}
	c.line = c.line[:0]
	for i, cell := range c.cells {
		c.line = c.appendCell(c.line, i, cell.state, cell.text.of(c.text))
	}
	c.line = append(c.line, '\n')
	_, c.err = c.w.Write(c.line)
	return c.err
}

// fill puts the plain forms of a row into the cells.
func (c *csvWriter) fill(tuple, row []byte) error {
	comps, err := key.Decode(tuple)
	if err != nil {
		return err
	}
	if len(comps) != c.keys {
		return fmt.Errorf("key %s: %d components for %d key columns", short(FormatKey(comps)), len(comps), c.keys)
	}
	c.text = c.text[:0]
	for i := range c.cells {
		c.cells[i] = outCell{}
		if c.columns[i].Key {
			from := len(c.text)
			c.text = append(c.text, comps[0].String()...)
			c.cells[i] = outCell{cellText, span{from, len(c.text)}}
			comps = comps[1:]
		}
	}
	at := 0
	for name, enc := range table.Fields(row) {
		for at < len(c.byName) && c.columns[c.byName[at]].Name < string(name) {
			at++
		}
		if at == len(c.byName) || c.columns[c.byName[at]].Name != string(name) {
			return fmt.Errorf("key %s: field %q is no column", describe(tuple), name)
		}
		cell := &c.cells[c.byName[at]]
		if cell.state = cellNull; value.KindOf(enc) != value.KindNull {
			from := len(c.text)
			if n, ok := value.AsUint(enc); ok {
				c.text = strconv.AppendUint(c.text, n, 10)
			} else {
				c.text = value.AppendPlain(c.text, enc)
			}
			*cell = outCell{cellText, span{from, len(c.text)}}
		}
	}
	return nil
}

// appendCell appends cell i of a row, in quotes if it would else be read as something else.
func (c *csvWriter) appendCell(dst []byte, i int, state cellState, text []byte) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	alone := len(c.columns) == 1 // then an empty cell makes a blank line, which is no row
	switch {
	case state == cellNull && c.null != nil && !(alone && *c.null == ""):
		return append(dst, *c.null...)
	case state != cellText && !alone:
		return dst
	case c.null != nil && string(text) == *c.null,
		len(text) == 0 && alone,
		bytes.ContainsAny(text, "\",\n\r"),
		i == 0 && bytes.HasPrefix(text, byteOrderMark):
		return appendQuoted(dst, text)
	}
	return append(dst, text...)
}

func appendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	for {
		i := bytes.IndexByte(text, '"')
		if i < 0 {
			break
		}
		dst = append(append(dst, text[:i+1]...), '"')
		text = text[i+1:]
	}
	return append(append(dst, text...), '"')
}

func (c *csvWriter) Close() error {
	if c.err == nil {
		c.err = c.w.Flush()
	}
	return c.err
}

// SchemaColumns returns the columns that a schema states, the key's first, the others in the
// order of their positions.
func SchemaColumns(s *table.Schema) []Column {
	var columns []Column
	for _, name := range s.Key {
		columns = append(columns, Column{Name: name, Type: value.TypeAny, Key: true})
	}
	for _, c := range s.Columns {
		if i := slices.Index(s.Key, c.Name); i >= 0 {
			columns[i].Type, columns[i].Position = c.Type, int(c.Position)
			continue
		}
		columns = append(columns, Column{Name: c.Name, Type: c.Type, Position: int(c.Position)})
	}
	return columns
}

// ColumnScan finds the columns of a table that states none: all rows are shown to it before
// the first is written.
type ColumnScan struct {
	fields map[string]struct{}
	keys   int
}

// Observe takes a row into account.
func (s *ColumnScan) Observe(tuple, row []byte) error {
	comps, err := key.Decode(tuple)
	if err != nil {
		return err
	}
	if s.fields == nil {
		s.fields, s.keys = map[string]struct{}{}, len(comps)
	}
	if len(comps) != s.keys {
		return fmt.Errorf("key %s has %d components, others have %d", short(FormatKey(comps)), len(comps), s.keys)
	}
	for name := range table.Fields(row) {
		if _, ok := s.fields[string(name)]; !ok {
			s.fields[string(name)] = struct{}{}
		}
	}
	return nil
}

// Columns returns the key's columns and then the fields by name. keyNames names the first;
// those it does not name are called key, or key1, key2 and so on.
func (s *ColumnScan) Columns(keyNames []string) []Column {
	var columns []Column
	for i := range max(s.keys, 1) {
		c := Column{Name: "key", Key: true, Position: i}
		switch {
		case i < len(keyNames):
			c.Name = keyNames[i]
		case s.keys > 1:
			c.Name = fmt.Sprintf("key%d", i+1)
		}
		columns = append(columns, c)
	}
	var names []string
	for name := range s.fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		columns = append(columns, Column{Name: name, Position: len(columns)})
	}
	return columns
}
