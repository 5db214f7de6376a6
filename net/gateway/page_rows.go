package gateway

import (
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"

	"aergo/contract/table"
	"aergo/contract/table/format"
	"aergo/contract/value"
	"aergo/repo"
	"aergo/repo/object"
	rowkey "aergo/repo/state/key"
)

// cell is a value on a page. Kind is what it is: "none" if there is nothing.
type cell struct {
	Text string
	Kind string
}

func cellOf(enc []byte) cell {
	if enc == nil {
		return cell{Kind: "none"}
	}
	kind := value.KindOf(enc)
	switch kind {
	case value.KindNull:
		return cell{"null", "null"}
	case value.KindAbsent:
		return cell{Kind: "none"}
	}
	return cell{shown(string(value.AppendPlain(nil, enc))), kind.String()}
}

// tableDiff is what differs in a table: rows, with the fields that differ as columns.
type tableDiff struct {
	Table   string
	Columns []string
	Rows    []rowDiff
	Schema  []fieldDiff // of the table's schema
	Wide    bool        // there are more columns than are shown
}

type rowDiff struct {
	Key   string // as people write it
	Kind  repo.DifferenceKind
	Cells []fieldDiff // one for each column
}

type fieldDiff struct {
	Name     string
	Old, New cell
	Differs  bool
}

// maxDiffColumns bounds the columns of a difference.
const maxDiffColumns = 40

type changes struct {
	tables []tableDiff
	more   bool
}

// changes returns what differs between two blocks: rows after skip, at most so many.
func (v *visit) changes(from, to, tableName string, skip, most int) (changes, error) {
	var out changes
	var list []repo.Difference
	n := 0
	err := v.repo.Diff(v.ctx, from, to, tableName, func(d repo.Difference) error {
		if n++; n <= skip {
			return nil
		}
		if len(list) == most {
			return errFull
		}
		list = append(list, d)
		return nil
	})
	if err != nil && !errors.Is(err, errFull) {
		return out, err
	}
	out.more = errors.Is(err, errFull)
	// Schemas come after all rows, so that a table may come twice.
	slices.SortStableFunc(list, func(a, b repo.Difference) int { return strings.Compare(a.Table, b.Table) })
	for len(list) > 0 {
		end := 1
		for end < len(list) && list[end].Table == list[0].Table {
			end++
		}
		out.tables = append(out.tables, tableDiffOf(list[:end]))
		list = list[end:]
	}
	return out, nil
}

// tableDiffOf lays differences of one table out as rows and columns.
func tableDiffOf(list []repo.Difference) tableDiff {
	out := tableDiff{Table: list[0].Table}
	place := map[string]int{}
	for _, d := range list {
		for _, f := range d.Fields {
			if _, known := place[f.Name]; known || d.Schema {
				continue
			}
			if len(out.Columns) == maxDiffColumns {
				out.Wide = true
				continue
			}
			place[f.Name] = len(out.Columns)
			out.Columns = append(out.Columns, f.Name)
		}
	}
	for _, d := range list {
		if d.Schema {
			for _, f := range d.Fields {
				out.Schema = append(out.Schema, fieldDiff{Name: f.Name, Old: cellOf(f.Old), New: cellOf(f.New), Differs: true})
			}
			continue
		}
		row := rowDiff{Key: format.FormatKey(d.Key), Kind: d.Kind, Cells: make([]fieldDiff, len(out.Columns))}
		for _, f := range d.Fields {
			if at, ok := place[f.Name]; ok {
				row.Cells[at] = fieldDiff{Name: f.Name, Old: cellOf(f.Old), New: cellOf(f.New), Differs: true}
			}
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

type diffMain struct {
	From, To       string // as asked
	FromID, ToID   object.Hash
	Table          string
	Counts         []countItem
	Changes        []tableDiff
	Next, Previous string
	First          int
}

type countItem struct {
	Table                   string
	Added, Removed, Changed uint64
}

func (v *visit) diffPage() (answer, error) {
	a, err := v.beginPage()
	if err != nil {
		return a, err
	}
	m := diffMain{From: v.query["from"], To: v.query["to"], Table: v.query["table"]}
	c, goesOn, err := v.readCursor(2)
	if err != nil {
		return answer{}, err
	}
	if goesOn {
		v.query["from"], v.query["to"] = c.Blocks[0], c.Blocks[1]
	}
	skip, err := counted(c.Place)
	if err != nil {
		return answer{}, err
	}
	from, to, err := v.between()
	if err != nil {
		return answer{}, err
	}
	if m.FromID, err = object.ParseHash(from); err != nil {
		return answer{}, err
	}
	if m.ToID, err = object.ParseHash(to); err != nil {
		return answer{}, err
	}
	found, err := v.changes(from, to, m.Table, skip, diffPageSize)
	if err != nil {
		return answer{}, err
	}
	m.Changes = found.tables
	if found.more {
		m.Next = cursor{[]string{from, to}, strconv.Itoa(skip + diffPageSize)}.String()
	}
	if skip == 0 {
		counts, err := v.diffCounts(from, to, m.Table)
		if err != nil {
			return answer{}, err
		}
		for _, s := range counts {
			m.Counts = append(m.Counts, countItem{s.Table, s.Added, s.Removed, s.Changed})
		}
	}
	m.First = skip + 1
	return v.render(a, "diff", frame{Title: "Changes", Main: m})
}

type tableMain struct {
	Table   string
	At      string // as asked
	Block   object.Hash
	Count   uint64
	From    string
	Columns []columnItem
	Rows    []rowItem
	Next    string
	Wide    bool
}

type columnItem struct {
	Name string
	Type string
	Key  bool
}

type rowItem struct {
	Key   string // as people type it
	Cells []cell
}

// Limits of a page of rows.
const (
	tablePageSize   = 100
	maxTableColumns = 60
)

func (v *visit) tablePage() (answer, error) {
	a, err := v.beginPage()
	if err != nil {
		return a, err
	}
	name, err := v.mandatory("table")
	if err != nil {
		return answer{}, err
	}
	m := tableMain{Table: name, At: v.query["at"], From: v.query["from"]}
	c, goesOn, err := v.readCursor(1)
	if err != nil {
		return answer{}, err
	}
	if goesOn {
		v.query["at"] = c.Blocks[0]
	}
	id, at, err := v.at("at")
	if err != nil {
		return answer{}, err
	}
	m.Block = id
	if m.Count, err = v.rowCount(name, at); err != nil {
		return answer{}, err
	}
	schema, err := v.schemaOf(name, at)
	if err != nil {
		return answer{}, err
	}
	from, err := v.startOf(name, at, c.Place)
	if err != nil {
		return answer{}, err
	}
	last, err := v.readRows(&m, name, at, from, schema)
	if err != nil {
		return answer{}, err
	}
	if last != nil {
		m.Next = cursor{[]string{at}, hex.EncodeToString(last)}.String()
	}
	return v.render(a, "table", frame{Title: name, At: m.At, Page: "overview", Main: m})
}

func (v *visit) rowCount(name, at string) (uint64, error) {
	tables, err := v.repo.Tables(v.ctx, at)
	for _, t := range tables {
		if t.Name == name {
			return t.Rows, err
		}
	}
	return 0, err
}

// readRows fills a page of a table in, and returns the last key if the table goes on.
func (v *visit) readRows(m *tableMain, name, at string, from []byte, schema *table.Schema) (last []byte, err error) {
	type read struct{ tuple, data []byte }
	var rows []read
	var scan format.ColumnScan
	full := false
	err = v.repo.RowsFrom(v.ctx, name, at, from, func(row repo.Row) error {
		if full = len(rows) == tablePageSize; full {
			return errFull
		}
		rows = append(rows, read{slices.Clone(row.Tuple), slices.Clone(row.Data)})
		return scan.Observe(row.Tuple, row.Data)
	})
	if err != nil && !errors.Is(err, errFull) {
		return nil, err
	}
	columns := scan.Columns(schema.Key)
	if len(schema.Columns) > 0 && len(schema.Key) > 0 {
		columns = format.SchemaColumns(schema)
	}
	if len(columns) > maxTableColumns {
		columns, m.Wide = columns[:maxTableColumns], true
	}
	place := map[string]int{}
	keys := 0
	for i, c := range columns {
		m.Columns = append(m.Columns, columnItem{c.Name, c.Type.String(), c.Key})
		if c.Key {
			keys++
		} else {
			place[c.Name] = i
		}
	}
	for _, row := range rows {
		comps, err := rowkey.Decode(row.tuple)
		if err != nil {
			return nil, err
		}
		item := rowItem{Key: format.FormatKey(comps), Cells: make([]cell, len(columns))}
		for i, c := range comps[:min(len(comps), keys)] {
			item.Cells[i] = cell{shown(c.String()), c.Type().String()}
		}
		for _, f := range table.FieldList(row.data) {
			if i, ok := place[f.Name]; ok {
				item.Cells[i] = cellOf(f.Enc)
			}
		}
		m.Rows = append(m.Rows, item)
	}
	if full {
		last = rows[len(rows)-1].tuple
	}
	return last, nil
}

type rowMain struct {
	Table, Key, At string
	Block          object.Hash
	Fields         []blamedItem
}

type blamedItem struct {
	repo.Blamed
	Cell cell
}

func (v *visit) rowPage() (answer, error) {
	a, err := v.beginPage()
	if err != nil {
		return a, err
	}
	name, err := v.mandatory("table")
	if err != nil {
		return answer{}, err
	}
	key, err := v.mandatory("key")
	if err != nil {
		return answer{}, err
	}
	id, at, err := v.at("at")
	if err != nil {
		return answer{}, err
	}
	row, err := v.repo.Get(v.ctx, name, key, at)
	if err != nil {
		return answer{}, err
	}
	blamed, err := v.repo.Blame(v.ctx, name, key, at)
	if isLacking(err) {
		blamed, err = nil, nil
		for _, f := range row.Fields {
			blamed = append(blamed, repo.Blamed{Field: f.Name, Value: f.Enc})
		}
	}
	if err != nil {
		return answer{}, err
	}
	m := rowMain{Table: name, Key: format.FormatKey(row.Key), At: v.query["at"], Block: id}
	for _, b := range blamed {
		m.Fields = append(m.Fields, blamedItem{b, fullCell(b.Value)})
	}
	return v.render(a, "row", frame{Title: name + "/" + shown(m.Key), At: m.At, Page: "overview", Main: m})
}

// fullCell is a value with its lines, of which pages show the first ones.
func fullCell(enc []byte) cell {
	c := cellOf(enc)
	if c.Kind == "null" || c.Kind == "none" {
		return c
	}
	c.Text = cleanLines(string(value.AppendPlain(nil, enc)))
	return c
}
