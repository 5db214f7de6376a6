package ui

import "strings"

// ChangeKind says what became of a row.
type ChangeKind string

// The kinds of change, in the words that scripts see.
const (
	Added   ChangeKind = "added"
	Removed ChangeKind = "removed"
	Changed ChangeKind = "changed"
)

// RowDiff is one changed row.
type RowDiff struct {
	Table, Key string
	Kind       ChangeKind
	Fields     []FieldDiff
}

// FieldDiff is one field of a changed row. A nil value is absent, which is not the same
// as empty.
type FieldDiff struct {
	Name     string
	Old, New *string
}

// PrintRowDiff writes a row for people: one line that says which row, then a line for each
// field that is gone and each that is new, as in
//
//	~ people/42
//	  - city: Bern
//	  + city: Basel
func (s *Streams) PrintRowDiff(d RowDiff) error {
	st := s.outStyles()
	row := Clean(d.Table) + "/" + Clean(d.Key)
	switch d.Kind {
	case Added:
		row = st.green("+ " + row)
	case Removed:
		row = st.red("- " + row)
	default:
		row = st.yellow("~ " + row)
	}
	var b strings.Builder
	b.WriteString(row + "\n")
	for _, f := range d.Fields {
		if f.Old != nil {
			b.WriteString("  " + st.red("- "+Clean(f.Name)+": "+Clean(*f.Old)) + "\n")
		}
		if f.New != nil {
			b.WriteString("  " + st.green("+ "+Clean(f.Name)+": "+Clean(*f.New)) + "\n")
		}
	}
	return s.Printf("%s", b.String())
}
