package ui

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// capture returns streams whose output is in the two buffers.
func capture() (s *Streams, out, err *bytes.Buffer) {
	out, err = new(bytes.Buffer), new(bytes.Buffer)
	return &Streams{In: strings.NewReader(""), Out: out, Err: err}, out, err
}

func terminal(width int) (s *Streams, out, err *bytes.Buffer) {
	s, out, err = capture()
	s.IsTerminal, s.ErrIsTerminal, s.Width = true, true, width
	return s, out, err
}

func TestEnvironment(t *testing.T) {
	tests := []struct {
		name            string
		terminal        bool
		env             map[string]string
		color, errColor bool
		pager           string
	}{
		{"terminal", true, nil, true, true, "less"},
		{"no terminal", false, map[string]string{"PAGER": "more"}, false, false, ""},
		{"NO_COLOR", true, map[string]string{"NO_COLOR": "1"}, false, false, "less"},
		{"empty NO_COLOR", true, map[string]string{"NO_COLOR": ""}, true, true, "less"},
		{"dumb", true, map[string]string{"TERM": "dumb"}, false, false, ""},
		{"PAGER", true, map[string]string{"PAGER": "more -x"}, true, true, "more -x"},
		{"AERGO_PAGER wins", true, map[string]string{"PAGER": "more", "AERGO_PAGER": "most"}, true, true, "most"},
		{"cat", true, map[string]string{"PAGER": "cat"}, true, true, ""},
		{"none", true, map[string]string{"PAGER": "more", "AERGO_PAGER": " "}, true, true, ""},
	}
	for _, tt := range tests {
		s := &Streams{IsTerminal: tt.terminal, ErrIsTerminal: tt.terminal}
		s.FromEnvironment(func(name string) string { return tt.env[name] })
		if s.Color != tt.color || s.ErrColor != tt.errColor || s.Pager != tt.pager {
			t.Errorf("%s: color %v, %v, pager %q", tt.name, s.Color, s.ErrColor, s.Pager)
		}
	}
}

func TestErrors(t *testing.T) {
	problem := Problem{Code: "not_found", Message: "branch \x1b[2Jx\nerror: <b> is \"gone\"", Hint: "run aergo branch"}
	s, out, err := capture()
	s.Quiet = true
	s.Error(problem)
	s.Error(Problem{Message: "no hint"})
	want := "error: branch \\x1b[2Jx\n  error: <b> is \"gone\"\nhint: run aergo branch\nerror: no hint\n"
	if err.String() != want || out.Len() != 0 {
		t.Errorf("text is %q, out is %q", err, out)
	}

	s, out, err = capture()
	s.JSON = true
	s.Error(problem)
	want = `{"error":{"code":"not_found","message":"branch \u001b[2Jx\nerror: <b> is \"gone\"","hint":"run aergo branch"}}` + "\n"
	if err.String() != want || out.Len() != 0 {
		t.Errorf("JSON is %s, out is %q", err, out)
	}

	s, _, err = capture()
	s.ErrColor = true
	s.Error(Problem{Message: "m", Hint: "h"})
	if want := "\x1b[31merror:\x1b[0m m\n\x1b[36mhint:\x1b[0m h\n"; err.String() != want {
		t.Errorf("colours are %q", err)
	}
}

func TestNotes(t *testing.T) {
	for _, tt := range []struct {
		quiet, verbose bool
		want           string
	}{{false, false, "note 1\n  two\n"}, {false, true, "note 1\n  two\ndetail\n"}, {true, false, ""}, {true, true, ""}} {
		s, out, err := capture()
		s.Quiet, s.Verbose = tt.quiet, tt.verbose
		s.Note("note %d\ntwo\n", 1)
		s.Detail("detail")
		if err.String() != tt.want || out.Len() != 0 {
			t.Errorf("quiet %v, verbose %v: %q, %q", tt.quiet, tt.verbose, err, out)
		}
	}
}

func TestPrintJSON(t *testing.T) {
	s, out, _ := capture()
	for _, v := range []any{map[string]any{"a": "<&>\u2028", "b": nil}, []int{1}} {
		if err := s.PrintJSON(v); err != nil {
			t.Fatal(err)
		}
	}
	if want := "{\"a\":\"<&>\\u2028\",\"b\":null}\n[1]\n"; out.String() != want {
		t.Errorf("JSON is %q", out)
	}
	if err := s.PrintJSON(func() {}); err == nil {
		t.Error("a function is JSON")
	}
}

func TestFormats(t *testing.T) {
	for got, want := range map[string]string{
		Count(0): "0", Count(999): "999", Count(1000): "1,000", Count(-1234567): "-1,234,567",
		Count(-9223372036854775808): "-9,223,372,036,854,775,808",
		Plural(1, "block", ""):      "1 block", Plural(2, "batch", "batches"): "2 batches", Plural(0, "row", ""): "0 rows",
		Bytes(0): "0 B", Bytes(999): "999 B", Bytes(1000): "1.0 kB", Bytes(61_700_000): "61.7 MB", Bytes(999_949): "999.9 kB",
		Bytes(999_950): "1.0 MB", Bytes(-1500): "-1.5 kB", Bytes(9223372036854775807): "9.2 EB", Bytes(-9223372036854775808): "-9.2 EB",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestSuggest(t *testing.T) {
	commands := []string{"branch", "checkout", "cherry-pick", "commit", "merge", "status", "log", "x", "Überblick"}
	for word, want := range map[string]string{
		"brnach": "branch", "comit": "commit", "stauts": "status", "MERGE": "merge", "lgo": "log", "cherrypick": "cherry-pick",
		"check": "checkout", "überblik": "Überblick", "": "", "z": "", "zzzzzz": "", "frobnicate": "", "merge": "",
		strings.Repeat("a", 1000): "",
	} {
		if got, ok := Suggest(word, commands); got != want || ok != (want != "") {
			t.Errorf("%.20q: %q, %v, want %q", word, got, ok, want)
		}
	}
}

func TestTables(t *testing.T) {
	fill := func(table *Table) error {
		table.Row("a", "1", "x")
		table.Row("日本", "1,000", "evil\x1b[31m\nrow")
		table.Row("a longer name indeed", "", "")
		table.Row("short")
		table.Row("1", "2", "3", "too many")
		return table.Close()
	}
	columns := []Column{{Title: "NAME"}, {Title: "ROWS", Right: true}, {Title: "NOTE"}}
	s, out, _ := capture()
	s.Width = 10 // not a terminal: it does not matter
	if err := fill(s.Table(columns...)); err != nil {
		t.Fatal(err)
	}
	want := "NAME                   ROWS  NOTE\n" +
		"a                         1  x\n" +
		"日本                  1,000  evil\\x1b[31m\\nrow\n" +
		"a longer name indeed\n" +
		"short\n" +
		"1                         2  3\n"
	if out.String() != want {
		t.Errorf("table is\n%s\nwant\n%s", out, want)
	}

	s, out, _ = terminal(24)
	if err := fill(s.Table(columns...)); err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(out.String(), "\n"), "\n") {
		if w := displayWidth(line); w > 24 || strings.HasSuffix(line, " ") {
			t.Errorf("line of %d columns: %q", w, line)
		}
	}
	if !strings.Contains(out.String(), "…") {
		t.Errorf("nothing is cut:\n%s", out)
	}

	s, out, _ = capture()
	if err := s.Table(columns...).Close(); err != nil || out.Len() != 0 {
		t.Errorf("empty table is %q, %v", out, err)
	}
	table := s.Table(Column{}, Column{Right: true})
	table.Row("a", "10")
	table.Row("b", "9")
	if err := table.Close(); err != nil || out.String() != "a  10\nb   9\n" {
		t.Errorf("table without titles is %q, %v", out, err)
	}
}

// A long table streams: what it holds back does not grow with it.
func TestLongTable(t *testing.T) {
	s, out, _ := capture()
	table := s.Table(Column{Title: "N", Right: true}, Column{Title: "WORD"})
	const n = 3 * tableSampleRows
	for i := range n {
		table.Row(fmt.Sprint(i), "w")
		if len(table.sample) > tableSampleRows {
			t.Fatalf("%d rows are held back", len(table.sample))
		}
	}
	table.Row("a number that is wide", "w")
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != n+2 || lines[1] != "  0  w" || lines[n] != "2999  w" || lines[n+1] != "a number that is wide  w" {
		t.Errorf("%d lines: %q, %q, %q", len(lines), lines[1], lines[n], lines[n+1])
	}
}

type failingWriter struct{}

var errGone = errors.New("gone")

func (failingWriter) Write([]byte) (int, error) { return 0, errGone }

func TestWriteErrorsAreReported(t *testing.T) {
	s := &Streams{Out: failingWriter{}, Err: failingWriter{}}
	table := s.Table(Column{})
	for range 2 * tableSampleRows {
		table.Row("some words")
	}
	for name, err := range map[string]error{"table": table.Close(), "JSON": s.PrintJSON(1), "text": s.Printf("x"),
		"diff": s.PrintRowDiff(RowDiff{})} {
		if !errors.Is(err, errGone) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	s.Note("nobody reads this")
	s.Error(Problem{Message: "nor this"})
}

func TestRowDiff(t *testing.T) {
	text := func(s string) *string { return &s }
	diffs := []RowDiff{
		{"people", "42", Changed, []FieldDiff{{"city", text("Bern"), text("Basel")}, {"note", nil, text("")}, {"x\n", text("1"), nil}}},
		{"people", "7\x1b", Added, []FieldDiff{{"city", nil, text("Chur")}}},
		{"people", "8", Removed, nil},
	}
	want := "~ people/42\n  - city: Bern\n  + city: Basel\n  + note: \n  - x\\n: 1\n+ people/7\\x1b\n  + city: Chur\n- people/8\n"
	for _, color := range []bool{false, true} {
		s, out, _ := capture()
		s.Color = color
		for _, d := range diffs {
			if err := s.PrintRowDiff(d); err != nil {
				t.Fatal(err)
			}
		}
		got := out.String()
		if color {
			if !strings.Contains(got, "  \x1b[31m- city: Bern\x1b[0m\n  \x1b[32m+ city: Basel\x1b[0m\n") {
				t.Errorf("colours are %q", got)
			}
			for _, code := range []string{"\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"} {
				got = strings.ReplaceAll(got, code, "")
			}
		}
		if got != want {
			t.Errorf("color %v: diff is %q", color, got)
		}
	}
}

func BenchmarkTable(b *testing.B) {
	s := &Streams{Out: io.Discard}
	table := s.Table(Column{Title: "KEY"}, Column{Title: "N", Right: true}, Column{Title: "CITY"})
	for b.Loop() {
		table.Row("key-000001", "12,345", "Zürich")
	}
	if err := table.Close(); err != nil {
		b.Fatal(err)
	}
}
