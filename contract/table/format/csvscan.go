package format

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"

	"aergo/contract/value"
)

const (
	// MaxCellBytes is the length of the longest cell of CSV: a text of it is a value.
	MaxCellBytes = value.MaxBytes - 3
	// MaxRecordBytes is the length of the longest row of CSV, quotes and line ends included.
	MaxRecordBytes = 256 << 10
)

// cell is one cell of a record. data is valid until the scanner's next record.
type cell struct {
	data   []byte
	quoted bool
}

// csvScanner splits CSV into records. It is our own rather than encoding/csv because it
// tells quoted cells from bare ones, keeps \r\n inside them, bounds what it buffers, and
// takes half the time.
type csvScanner struct {
	in      *input
	line    int    // where the current record begins, from 1
	next    int    // where the next one does
	cells   []cell // of the current record
	scratch []byte // what cells with doubled quotes hold
	names   []string
}

func newCSVScanner(r io.Reader) (*csvScanner, error) {
	s := &csvScanner{in: newInput(r, MaxRecordBytes+2), next: 1}
	return s, s.in.begin()
}

// scan reads the next record that is not blank into s.cells. It returns false at the end.
func (s *csvScanner) scan() (bool, error) {
	for {
		raw, quotes, err := s.record()
		if raw == nil || err != nil {
			return false, err
		}
		if n := len(raw); n > 0 && raw[n-1] == '\r' {
			raw = raw[:n-1]
		}
		if len(raw) == 0 {
			continue
		}
		if quotes {
			err = s.splitQuoted(raw)
		} else {
			err = s.split(raw)
		}
		if err == nil && !utf8.Valid(raw) {
			err = s.invalidUTF8()
		}
		return err == nil, err
	}
}

// record returns the bytes up to a line end outside quotes, and whether there are quotes in
// them; nil at the end. As quotes stand in pairs, a line end is outside them if their number
// so far is even; where they do not, the record goes on too far, and splitting it fails at
// the first that is wrong.
func (s *csvScanner) record() (raw []byte, quotes bool, err error) {
	s.line = s.next
	open, lineStart, scanned := false, 0, 0
	for {
		w := s.in.window()
		for {
			i := bytes.IndexByte(w[scanned:], '\n')
			if i < 0 {
				break
			}
			end := scanned + i
			if n := bytes.Count(w[lineStart:end], quoteMark); n > 0 {
				quotes = true
				open = open != (n&1 == 1)
			}
			s.next++
			lineStart, scanned = end+1, end+1
			if !open {
				s.in.from += end + 1
				return w[:end:end], quotes, nil
			}
		}
		scanned = len(w)
		switch {
		case s.in.eof && len(w) == 0:
			return nil, false, nil
		case s.in.eof:
			s.in.from = s.in.to
			return w, quotes || bytes.IndexByte(w[lineStart:], '"') >= 0, nil
		case s.in.full():
			return nil, false, s.overlong(w)
		}
		if err := s.in.fill(); err != nil {
			return nil, false, err
		}
	}
}

var quoteMark = []byte{'"'}

// split takes a record without quotes apart.
func (s *csvScanner) split(raw []byte) error {
	s.cells = s.cells[:0]
	sizeBytes := len(raw)
	for {
		i := bytes.IndexByte(raw, ',')
		if i < 0 {
			break
		}
		s.cells = append(s.cells, cell{data: raw[:i]})
		raw = raw[i+1:]
	}
	s.cells = append(s.cells, cell{data: raw})
	if sizeBytes <= MaxCellBytes {
		return nil
	}
	return s.checkSizes()
}

// splitQuoted takes any record apart.
func (s *csvScanner) splitQuoted(raw []byte) error {
	s.cells, s.scratch = s.cells[:0], s.scratch[:0]
	for pos := 0; ; pos++ {
		var c cell
		var end int
		if pos < len(raw) && raw[pos] == '"' {
			data, length := s.quotedCell(raw[pos:])
			if length == 0 {
				return s.syntax(raw[:pos], fmt.Sprintf("quoted cell has no closing quote in %d bytes", len(raw)-pos))
			}
			c = cell{data: data, quoted: true}
			end = pos + length
		} else {
			if i := bytes.IndexByte(raw[pos:], ','); i >= 0 {
				end = pos + i
			} else {
				end = len(raw)
			}
			c = cell{data: raw[pos:end]}
			if i := bytes.IndexByte(c.data, '"'); i >= 0 {
				return s.syntax(raw[:pos+i], "bare quote: a cell with a quote in it stands in quotes, and doubles it")
			}
		}
		if end < len(raw) && raw[end] != ',' {
			return s.syntax(raw[:end], "text after the closing quote: a quote inside a quoted cell is doubled")
		}
		s.cells = append(s.cells, c)
		if end == len(raw) {
			return s.checkSizes()
		}
		pos = end
	}
}

// quotedCell reads the cell that begins with the quote raw[0] and returns what it holds and
// its length in raw, 0 if it has no closing quote.
func (s *csvScanner) quotedCell(raw []byte) (data []byte, length int) {
	mark := len(s.scratch)
	for pos := 1; ; {
		i := bytes.IndexByte(raw[pos:], '"')
		if i < 0 {
			return nil, 0
		}
		end := pos + i
		doubled := end+1 < len(raw) && raw[end+1] == '"'
		if !doubled && pos == 1 {
			return raw[1:end], end + 1
		}
		if !doubled {
			// An append may move scratch; cells before this one keep the old memory.
			s.scratch = append(s.scratch, raw[pos:end]...)
			return s.scratch[mark:], end + 1
		}
		s.scratch = append(s.scratch, raw[pos:end+1]...)
		pos = end + 2
	}
}

// syntax reports a mistake in the cell after those already split, right behind before.
func (s *csvScanner) syntax(before []byte, why string) error {
	column := len(s.cells) + 1
	return &Error{
		Line: s.line + bytes.Count(before, newline), Column: column, Name: s.name(column - 1),
		Err: because(ErrSyntax, "%s", why),
	}
}

// fault reports what is wrong with cell i of the current record.
func (s *csvScanner) fault(i int, err error) error {
	line := s.line
	for _, c := range s.cells[:i] {
		line += bytes.Count(c.data, newline)
	}
	return &Error{Line: line, Column: i + 1, Name: s.name(i), Err: err}
}

func (s *csvScanner) name(i int) string {
	if i < len(s.names) {
		return s.names[i]
	}
	return ""
}

func (s *csvScanner) checkSizes() error {
	for i, c := range s.cells {
		if len(c.data) > MaxCellBytes {
			return s.fault(i, because(ErrLimit, "cell of %d bytes is above the limit of %d", len(c.data), MaxCellBytes))
		}
	}
	return nil
}

func (s *csvScanner) invalidUTF8() error {
	for i, c := range s.cells {
		if !utf8.Valid(c.data) {
			return s.fault(i, because(ErrSyntax, "cell is not valid UTF-8"))
		}
	}
	return &Error{Line: s.line, Err: because(ErrSyntax, "row is not valid UTF-8")}
}

// overlong tells why a record that begins with w does not end.
func (s *csvScanner) overlong(w []byte) error {
	if err := s.splitQuoted(w); err != nil {
		return err
	}
	return &Error{Line: s.line, Err: because(ErrLimit, "row is above the limit of %d bytes", MaxRecordBytes)}
}
