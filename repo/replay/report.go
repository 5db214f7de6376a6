package replay

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"aergo/contract/value"
	"aergo/repo"
	"aergo/repo/object"
)

// Report says what a replay came to.
type Report struct {
	Name         string
	Commits      int
	Branches     int // beside the first
	Transactions uint64
	Merges       []Merge
	Head         object.Hash // of the last commit
}

// Merge says what became of one merge.
type Merge struct {
	Commit     int
	Account    repo.Merged
	KnownAs    MergeFacts // what the history says of it
	BasesAgree bool       // the repository finds the bases that the history names
	Cells      Cells
	HandEdits  []string // the transactions that people's own work beyond the merge comes to, in words
}

// Cells compares a merge with a three-way merge by cell.
type Cells struct {
	Conflicts int      // rows that the three-way merge cannot decide
	Differ    []string // rows decided by both, and differently: table and key
}

// Clean says whether nothing was excluded. What the source had excluded already is not
// counted.
func (m *Merge) Clean() bool { return len(m.Account.Excluded) == 0 }

// Totals sums up the merges of a report.
type Totals struct {
	Merges, Clean, FastForward int
	LinesClash                 int // merges that git's merge by lines left to people
	CellsClash                 int // merges that a merge by cell leaves to people
	Applied, Noop, Inherited   uint64
	Excluded, HandEdits        int
}

// Totals sums up the merges.
func (r *Report) Totals() Totals {
	t := Totals{Merges: len(r.Merges)}
	for i := range r.Merges {
		m := &r.Merges[i]
		if m.Clean() {
			t.Clean++
		}
		if m.Account.FastForward {
			t.FastForward++
		}
		if m.KnownAs.LinesClash {
			t.LinesClash++
		}
		if m.KnownAs.Conflicts > 0 {
			t.CellsClash++
		}
		t.Applied += m.Account.Applied
		t.Noop += m.Account.Noop
		t.Inherited += m.Account.Inherited
		t.Excluded += len(m.Account.Excluded)
		t.HandEdits += len(m.HandEdits)
	}
	return t
}

// String returns a table of the totals, and of the merges that were not clean, that people
// went beyond, or that conflict by lines.
func (r *Report) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	t := r.Totals()
	fmt.Fprintln(w, "case\tcommits\tbranches\ttransactions\tmerges\tclash by lines\tclash by cell\tclean\tfast-forward\tapplied\tno-op\texcluded\tinherited\thand edits")
	fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", r.Name, r.Commits, r.Branches, r.Transactions,
		t.Merges, t.LinesClash, t.CellsClash, t.Clean, t.FastForward, t.Applied, t.Noop, t.Excluded, t.Inherited, t.HandEdits)
	_ = w.Flush() // to memory
	for i := range r.Merges {
		r.Merges[i].describe(&b)
	}
	return strings.TrimRight(b.String(), "\n")
}

// maxEdits is how many edits by hand a report lists for a merge.
const maxEdits = 8

// edit says in words what makes one row of another.
func edit(t *Table, now, want *Row) string {
	at := t.Name + " " + want.Key.String()
	switch {
	case !now.Exists:
		return at + " is added"
	case !want.Exists:
		return at + " is taken out"
	}
	names := map[string]bool{}
	for _, f := range append(slices.Clip(now.Fields), want.Fields...) {
		names[f.Name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if from, to := now.field(name), want.field(name); !bytes.Equal(from, to) {
			at += fmt.Sprintf(", %s: %s -> %s", name, inWords(from), inWords(to))
		}
	}
	return at
}

func inWords(v []byte) string {
	if len(v) == 0 {
		return "nothing"
	}
	return string(value.AppendJSON(nil, v))
}

// describe writes a line of what is worth a look, or nothing.
func (m *Merge) describe(b *strings.Builder) {
	if m.Clean() && len(m.HandEdits) == 0 && len(m.Cells.Differ) == 0 && m.BasesAgree && !m.KnownAs.LinesClash {
		return
	}
	lines := "clean by lines"
	if m.KnownAs.LinesClash {
		lines = "clashes by lines"
	}
	fmt.Fprintf(b, "merge %d: %s; %d applied, %d of them no-ops, %d excluded, %d hand edits, %d rows in conflict by cell",
		m.Commit, lines, m.Account.Applied, m.Account.Noop, len(m.Account.Excluded), len(m.HandEdits), m.Cells.Conflicts)
	for _, x := range m.Account.Excluded {
		fmt.Fprintf(b, "\n  excluded %s: %s, %s %v %s", x.Transaction, x.Reason, x.Table, x.Key, x.Field)
	}
	for _, d := range m.Cells.Differ {
		fmt.Fprintf(b, "\n  differs from the merge by cell: %s", d)
	}
	for i, e := range m.HandEdits {
		if i == maxEdits {
			fmt.Fprintf(b, "\n  and %d more by hand", len(m.HandEdits)-i)
			break
		}
		fmt.Fprintf(b, "\n  by hand: %s", e)
	}
	if !m.BasesAgree {
		fmt.Fprintf(b, "\n  its bases are not those of the history")
	}
	b.WriteByte('\n')
}
