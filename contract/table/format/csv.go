package format

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo/object"
)

// ReadCSV reads a table from CSV. It parses the input once. It fails with an *Error where
// the input is not as it should be; an input without a header is one.
func ReadCSV(r io.Reader, opt Options) (*Table, error) {
	s, err := newCSVScanner(r)
	if err != nil {
		return nil, err
	}
	c := &csvReader{scanner: s, trim: opt.Trim}
	if opt.Null != nil {
		c.hasNull, c.null = true, []byte(*opt.Null)
		if err := checkNull(*opt.Null); err != nil {
			return nil, err
		}
	}
	if err := c.header(opt); err != nil {
		return nil, err
	}
	for {
		more, err := s.scan()
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		if err := c.row(); err != nil {
			return nil, err
		}
	}
	return c.finish()
}

// checkNull says whether a null word can stand in a cell without quotes.
func checkNull(word string) error {
	if strings.ContainsAny(word, "\",\n\r") || !utf8.ValidString(word) {
		return because(ErrSyntax, "null word %q would need quotes", word)
	}
	return nil
}

// csvReader puts records into a table.
type csvReader struct {
	scanner *csvScanner
	trim    bool
	hasNull bool
	null    []byte

	t        *Table
	order    []int // for each cell in a row of the table, its place in a record
	stated   []bool
	guesses  []table.ColumnGuess
	overhead int        // by which an encoded row may be longer than its cells
	large    []arenaRef // rows that may be above the limit
	checked  []byte
}

// header takes the columns' names from the options or the first record.
func (c *csvReader) header(opt Options) error {
	if err := checkKey(opt.Key); err != nil {
		return err
	}
	names := opt.Header
	if names == nil {
		more, err := c.scanner.scan()
		if err != nil {
			return err
		}
		if !more {
			return &Error{Line: 1, Err: because(ErrSyntax, "input is empty, want a header line with the columns' names")}
		}
		for _, cell := range c.scanner.cells {
			names = append(names, string(c.content(cell)))
		}
	}
	for i, name := range names {
		if err := checkColumn(names, i); err != nil {
			return &Error{Line: c.scanner.line, Column: i + 1, Name: name, Err: err}
		}
	}
	if len(names) > table.MaxFields {
		return &Error{Line: c.scanner.line, Err: because(ErrLimit, "%d columns are above the limit of %d", len(names), table.MaxFields)}
	}
	c.scanner.names = names
	return c.layOut(names, opt)
}

func checkColumn(names []string, i int) error {
	name := names[i]
	if name == "" {
		return because(ErrSyntax, "column has no name")
	}
	if first := slices.Index(names[:i], name); first >= 0 {
		return because(ErrSyntax, "column %q stands in column %d already", name, first+1)
	}
	return value.CheckName(name)
}

// layOut decides how rows lie in the table: the key's cells first, then the others by name.
func (c *csvReader) layOut(names []string, opt Options) error {
	t := &Table{keys: len(opt.Key)}
	for _, name := range opt.Key {
		i := slices.Index(names, name)
		if i < 0 {
			return &Error{Line: c.scanner.line, Err: because(ErrSyntax, "no column is called %q, the key: the columns are %q", name, names)}
		}
		t.columns = append(t.columns, Column{Name: name, Position: i, Key: true})
	}
	for i, name := range names {
		if !slices.Contains(opt.Key, name) {
			t.columns = append(t.columns, Column{Name: name, Position: i})
		}
	}
	slices.SortFunc(t.columns[t.keys:], func(a, b Column) int { return strings.Compare(a.Name, b.Name) })
	c.t = t
	c.guesses = make([]table.ColumnGuess, len(names))
	for i := range t.columns {
		col := &t.columns[i]
		stated, ok := opt.Types[col.Name]
		col.Type = stated
		c.stated = append(c.stated, ok)
		c.order = append(c.order, col.Position)
		if !col.Key {
			name := object.AppendText(nil, col.Name)
			t.names = append(t.names, name)
			t.nameBytes += len(name)
		}
	}
	t.nameBytes += object.HeadSize(uint64(2 * len(t.names)))
	c.overhead = t.nameBytes + len(t.names)*maxCellOverhead
	return nil
}

// maxCellOverhead is how much longer than its plain form an encoded value may be, which a
// short decimal is: head, tag, scale, sign and the head of its digits.
const maxCellOverhead = 6

// content returns what a cell holds.
func (c *csvReader) content(cell cell) []byte {
	if c.trim && !cell.quoted {
		return bytes.Trim(cell.data, " \t")
	}
	return cell.data
}

// row keeps the scanner's current record.
func (c *csvReader) row() error {
	s := c.scanner
	if len(s.cells) != len(c.order) {
		return &Error{Line: s.line, Err: because(ErrSyntax, "cells in the row: %d, in the header: %d", len(s.cells), len(c.order))}
	}
	sizeBytes := 0
	for i := range s.cells {
		sizeBytes += len(s.cells[i].data)
	}
	dst := c.t.rows.room(sizeBytes + 4*len(s.cells) + maxUvarint)
	dst = appendUvarint(dst, s.line)
	for i, at := range c.order {
		cell := s.cells[at]
		data := c.content(cell)
		null := c.hasNull && !cell.quoted && bytes.Equal(data, c.null)
		if !null || i < c.t.keys {
			if err := c.observe(i, data, null); err != nil {
				return s.fault(at, err)
			}
		}
		dst = appendCell(dst, data, null)
	}
	c.t.rows.commit(dst)
	if sizeBytes+c.overhead > table.MaxRowBytes {
		c.large = append(c.large, c.t.rows.starts[c.t.Len()-1])
	}
	return nil
}

// observe checks a cell of a stated type, or learns from one whose type is to be inferred.
func (c *csvReader) observe(i int, data []byte, null bool) error {
	if null {
		return because(ErrType, "null has no place in a key")
	}
	if !c.stated[i] {
		c.guesses[i].Observe(data)
		return nil
	}
	t := c.t.columns[i].Type
	if t == value.TypeText {
		return nil
	}
	var err error
	if c.checked, err = value.ParsePlain(c.checked[:0], t, data); err == nil {
		return nil
	}
	err = misfit(t, data)
	if len(data) == 0 && !c.hasNull {
		err = fmt.Errorf("%w; if an empty cell is to be null, state the empty word as the null word", err)
	}
	return err
}

// finish settles the types and checks what could not be checked before.
func (c *csvReader) finish() (*Table, error) {
	t := c.t
	for i := range t.columns {
		col := &t.columns[i]
		if !c.stated[i] {
			col.Type = c.guesses[i].Type()
			if col.Key && col.Type != value.TypeInteger {
				col.Type = value.TypeText
			}
		}
		t.types = append(t.types, col.Type)
	}
	e := rowEncoder{t: t}
	for _, ref := range c.large {
		if _, _, err := e.encode(ref); err != nil {
			return nil, err
		}
	}
	return t, nil
}
