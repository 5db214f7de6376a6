package replay

import (
	"fmt"
	"strings"
	"text/tabwriter"

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
	HandEdits  int // transactions that people's own work beyond the merge comes to
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
		t.Applied += m.Account.Applied
		t.Noop += m.Account.Noop
		t.Inherited += m.Account.Inherited
		t.Excluded += len(m.Account.Excluded)
		t.HandEdits += m.HandEdits
	}
	return t
}

// String returns a table of the totals, and of the merges that were not clean or that
// people went beyond.
func (r *Report) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	t := r.Totals()
	fmt.Fprintln(w, "case\tcommits\tbranches\ttransactions\tmerges\tclean\tfast-forward\tapplied\tno-op\texcluded\tinherited\thand edits")
	fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", r.Name, r.Commits, r.Branches, r.Transactions,
		t.Merges, t.Clean, t.FastForward, t.Applied, t.Noop, t.Excluded, t.Inherited, t.HandEdits)
	_ = w.Flush() // to memory
	for i := range r.Merges {
		r.Merges[i].describe(&b)
	}
	return strings.TrimRight(b.String(), "\n")
}

// describe writes a line of what is worth a look, or nothing.
func (m *Merge) describe(b *strings.Builder) {
	if m.Clean() && m.HandEdits == 0 && len(m.Cells.Differ) == 0 && m.BasesAgree {
		return
	}
	fmt.Fprintf(b, "merge %d: %d excluded, %d hand edits, %d rows in conflict by cell", m.Commit, len(m.Account.Excluded), m.HandEdits, m.Cells.Conflicts)
	for _, x := range m.Account.Excluded {
		fmt.Fprintf(b, "\n  excluded %s: %s, %s %v %s", x.Transaction, x.Reason, x.Table, x.Key, x.Field)
	}
	for _, d := range m.Cells.Differ {
		fmt.Fprintf(b, "\n  differs from the merge by cell: %s", d)
	}
	if !m.BasesAgree {
		fmt.Fprintf(b, "\n  its bases are not those of the history")
	}
	b.WriteByte('\n')
}
