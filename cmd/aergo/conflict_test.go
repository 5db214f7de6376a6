package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"aergo/cmd/aergo/ui"
	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/shape"
	rowkey "aergo/repo/state/key"
)

// conflicting makes a desk on which merging feature excludes as many transactions.
func conflicting(t *testing.T, rows int) *desk {
	d := newDesk(t)
	d.must("init")
	all := func(n int) {
		for i := range rows {
			d.must("put", "t", fmt.Sprintf("row%02d", i), fmt.Sprintf("n=%d", n))
		}
		d.must("commit", "-m", fmt.Sprintf("All are %d", n))
	}
	all(1)
	d.must("checkout", "-b", "feature")
	all(2)
	d.must("checkout", "master")
	all(3)
	return d
}

// TestMergeTellsOnATerminal shows what a merge left out, and ends with what to type.
func TestMergeTellsOnATerminal(t *testing.T) {
	d := conflicting(t, 22)
	d.streams = ui.Streams{IsTerminal: true, Width: 100}
	for _, trial := range []string{"--dry-run", "--strict"} {
		want := 0
		if trial == "--strict" {
			want = 1
		}
		if code := d.run(t.Context(), "merge", "feature", trial); code != want {
			t.Fatalf("%s: exit code %d: %s", trial, code, d.err.String())
		}
		out := d.out.String()
		if !strings.HasPrefix(out, "Would merge 0 transactions into master, 22 excluded\n\nTX ") ||
			!strings.HasSuffix(out, "\nand 2 more\n\nnext: aergo merge feature to take what applies; the rest is kept, excluded\n") {
			t.Errorf("%s prints\n%s", trial, out)
		}
	}
	out := d.must("merge", "feature")
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != 1+1+1+exclusionRowsMax+1+2 {
		t.Fatalf("printed\n%s", out)
	}
	if got := strings.Join(strings.Fields(lines[2]), " "); got != "TX AUTHOR ROW FIELD REASON OURS BY" {
		t.Errorf("the header is %q", got)
	}
	tx, _, _ := strings.Cut(lines[3], " ")
	if got, want := strings.Join(strings.Fields(lines[3])[1:], " "), "ada t/row00 n field-changed ada, 2026-01-02"; !strings.HasPrefix(got, want) {
		t.Errorf("the first row is %q, want %q", got, want)
	}
	for i, line := range lines[3 : 3+exclusionRowsMax] {
		if !strings.Contains(line, fmt.Sprintf("t/row%02d", i)) {
			t.Errorf("row %d is %q", i, line)
		}
	}
	if lines[len(lines)-1] != "next: aergo excluded show "+tx {
		t.Errorf("the last line is %q", lines[len(lines)-1])
	}
	// What it says to type works, and scripts get the same as ever.
	d.must(strings.Fields(strings.TrimPrefix(lines[len(lines)-1], "next: aergo "))...)
	d.streams = ui.Streams{}
	d.must("undo")
	if out := d.must("merge", "feature"); !strings.Contains(out, "\nTX           REASON         TABLE  KEY    FIELD\n") {
		t.Errorf("for a script it prints\n%s", out)
	}
}

// TestLeftOutIsCut writes the table of a merge where nobody is known, and hostile names.
func TestLeftOutIsCut(t *testing.T) {
	var out bytes.Buffer
	s := &ui.Streams{Out: &out, IsTerminal: true, Width: 60}
	c := repo.Conflict{Exclusion: repo.Exclusion{Reason: object.ReasonMalformed}, Author: object.Identity{Name: "a\x1b[31m"}}
	if err := printLeftOut(s, []repo.Conflict{c}, 1); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Contains(got, "\x1b") || !strings.Contains(got, "malformed") || strings.Contains(got, "more") {
		t.Errorf("printed %q", got)
	}
}

// TestCellsInWords writes what each side may have.
func TestCellsInWords(t *testing.T) {
	one := value.AppendInt(nil, 1)
	by := &repo.Writer{Author: object.Identity{Name: "bob"}, Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)}
	for want, v := range map[string]repo.Version{
		"(a value that is not here)": {},
		"(no value)":                 {Known: true},
		"1":                          {Known: true, Exists: true, Value: one},
		"incr 1":                     {Known: true, Exists: true, Value: one, Delta: table.Incr},
	} {
		if got := versionText(v, "n"); got != want {
			t.Errorf("%+v is %q, want %q", v, got, want)
		}
	}
	if got := versionText(repo.Version{Known: true}, ""); got != "(no row)" {
		t.Errorf("no row is %q", got)
	}
	cells := make([]repo.Cell, shownMax+2)
	for i := range cells {
		cells[i] = repo.Cell{Table: "t", Key: []rowkey.Component{rowkey.Text("a\n")}, Reason: object.ReasonRowGone, Base: repo.Version{By: by}}
	}
	var out bytes.Buffer
	if err := printCells(&ui.Streams{Out: &out}, cells); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	if !strings.HasSuffix(got, "\n  and 2 more in the way\n") || strings.Count(got, `t/a\n  the row that the author saw is not there`) != shownMax ||
		!strings.Contains(got, "    base    (a value that is not here)  bob  2026-01-02 03:04\n") {
		t.Errorf("printed\n%s", got)
	}
	text := inTheWay(repo.Conflict{Cells: cells})
	if !strings.HasSuffix(text, "  and 2 more in the way\n") {
		t.Errorf("in the way:\n%s", text)
	}
	if text := inTheWay(repo.Conflict{Exclusion: repo.Exclusion{Reason: object.ReasonMalformed}}); text != "  the transaction cannot be read\n" {
		t.Errorf("in the way: %q", text)
	}
}

// TestRulesHaveWords finds a sentence for every reason.
func TestRulesHaveWords(t *testing.T) {
	seen := map[string]bool{}
	for r := object.ReasonNone + 1; r.Valid(); r++ {
		words := shape.Rule(r)
		if words == r.String() || seen[words] {
			t.Errorf("%s: %q", r, words)
		}
		seen[words] = true
	}
}

// TestRowsThatSetMeans tells rows apart whose names hold what the syntax uses.
func TestRowsThatSetMeans(t *testing.T) {
	rows := func(keys ...string) []changedRow {
		var ops []repo.Operation
		for _, k := range keys {
			ops = append(ops, repo.Operation{Table: "t", Key: []rowkey.Component{rowkey.Text(k)}})
		}
		return changedRows(ops)
	}
	for _, c := range []struct {
		rows []changedRow
		arg  string
		at   int
		rest string
	}{
		{rows("a"), "n=5", 0, "n=5"},
		{rows("a"), "t/a:n=5", 0, "n=5"},
		{rows("a"), "n=t/a:5", 0, "n=t/a:5"},
		{rows("a"), `n:={"x":1}`, 0, `n:={"x":1}`},
		{rows("a"), "t/b:n=5", -1, "t/b:n=5"},
		{rows("a", "a"), "n=5", 0, "n=5"},
		{rows("a", "b"), "n=5", -1, "n=5"},
		{rows("a", "b"), "t/b:n:=5", 1, "n:=5"},
		{rows("a", "a:b"), "t/a:b:n=5", 1, "n=5"},
		{rows("a=1", "b"), "t/a=1:n=5", 0, "n=5"},
		{nil, "n=5", -1, "n=5"},
	} {
		if at, rest := rowMeant(c.rows, c.arg); at != c.at || rest != c.rest {
			t.Errorf("%q means row %d and %q, want %d and %q", c.arg, at, rest, c.at, c.rest)
		}
	}
}
