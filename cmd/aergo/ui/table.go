package ui

import (
	"bufio"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Table writes rows in aligned columns. The widths are settled by the first rows, up to
// tableSampleRows of them, so that a table of any length takes bounded memory; a later
// cell that is wider than its column moves the rest of its row. On a terminal, columns
// that do not fit are cut, the widest first; elsewhere nothing is cut.
type Table struct {
	streams *Streams
	columns []Column
	sample  [][]string // rows that wait for the widths
	widths  []int      // nil until they are settled
	out     *bufio.Writer
	err     error
}

// Column is one column of a Table.
type Column struct {
	Title string
	Right bool // aligned to the right, for numbers
}

const (
	tableSampleRows = 1000
	columnGap       = "  "
	columnMinWidth  = 4
)

// Table returns a table that writes to Out. If no column has a title there is no header.
func (s *Streams) Table(columns ...Column) *Table {
	s.bar.hide()
	return &Table{streams: s, columns: columns, out: bufio.NewWriter(s.Out)}
}

// Row adds a row. Missing cells are empty; cells beyond the columns are not shown.
func (t *Table) Row(cells ...string) {
	row := make([]string, len(t.columns))
	for i := range min(len(row), len(cells)) {
		row[i] = Clean(cells[i])
	}
	if t.widths != nil {
		t.write(row, nil)
		return
	}
	t.sample = append(t.sample, row)
	if len(t.sample) == tableSampleRows {
		t.settle()
	}
}

// Close writes what has not been written and returns the first error. A table without
// rows writes nothing.
func (t *Table) Close() error {
	if t.widths == nil && len(t.sample) > 0 {
		t.settle()
	}
	if t.err == nil {
		t.err = t.out.Flush()
	}
	return t.err
}

// settle fixes the widths and writes the header and the rows so far.
func (t *Table) settle() {
	header := make([]string, len(t.columns))
	titled := false
	for i, c := range t.columns {
		header[i] = Clean(c.Title)
		titled = titled || c.Title != ""
	}
	t.widths = make([]int, len(t.columns))
	for _, row := range append(t.sample, header) {
		for i, cell := range row {
			t.widths[i] = max(t.widths[i], displayWidth(cell))
		}
	}
	if t.streams.IsTerminal && t.streams.Width > 0 {
		shrink(t.widths, t.streams.Width-len(columnGap)*(len(t.widths)-1))
	}
	if titled {
		t.write(header, t.streams.outStyles().bold)
	}
	for _, row := range t.sample {
		t.write(row, nil)
	}
	t.sample = nil
}

// shrink takes columns off the widest until the sum is at most total, or all are as
// narrow as may be.
func shrink(widths []int, total int) {
	for {
		sum, widest := 0, 0
		for i, w := range widths {
			sum += w
			if w > widths[widest] {
				widest = i
			}
		}
		if sum <= total || len(widths) == 0 || widths[widest] <= columnMinWidth {
			return
		}
		// Down to the next widest at once, not one by one.
		next := columnMinWidth
		for i, w := range widths {
			if i != widest && w < widths[widest] {
				next = max(next, w)
			}
		}
		widths[widest] = max(next, widths[widest]-(sum-total), columnMinWidth)
	}
}

// write writes one line, without spaces at its end. paint, if given, colours each cell.
func (t *Table) write(row []string, paint func(string) string) {
	if t.err != nil {
		return
	}
	var line strings.Builder
	pending := 0 // spaces that are due before the next visible cell
	for i, cell := range row {
		width := displayWidth(cell)
		if t.streams.IsTerminal && t.streams.Width > 0 && width > t.widths[i] {
			cell = ansi.Truncate(cell, t.widths[i], "…")
			width = displayWidth(cell)
		}
		if i > 0 {
			pending += len(columnGap)
		}
		pad := max(t.widths[i]-width, 0)
		if t.columns[i].Right {
			pending += pad
			pad = 0
		}
		if cell != "" {
			line.WriteString(strings.Repeat(" ", pending))
			pending = 0
			if paint != nil {
				cell = paint(cell)
			}
			line.WriteString(cell)
		}
		pending += pad
	}
	line.WriteByte('\n')
	_, t.err = t.out.WriteString(line.String())
}

// displayWidth returns the columns that a cleaned cell takes on a terminal.
func displayWidth(s string) int {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return ansi.StringWidth(s)
		}
	}
	return len(s)
}
