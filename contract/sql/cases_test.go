package sql

import (
	"errors"
	"strings"
	"testing"
)

func TestCasesInComments(t *testing.T) {
	const rules = "on stock.v: ours + theirs - base;\r\non *.note: newest;\non *.who: CASE WHEN has_role('boss') THEN author.name ELSE exclude('nobody answers') END;\non *.gone: unset();\n"
	for _, test := range []struct{ line, text, want, got string }{
		{`-- case: stock.v base {"v":10} ours {"v":8} theirs {"v":13} answers 11`, `stock.v base {"v":10} ours {"v":8} theirs {"v":13}`, "11", "11"},
		{"\t --  case: no", "", "", ""},
		{`	-- case:   stock.v   base {"v":10}  ours {"v":8}  theirs {"v":13}   answers   12  `, `stock.v   base {"v":10}  ours {"v":8}  theirs {"v":13}`, "12", "11"},
		{`-- case: stock.v base none ours {"v":8} theirs {"v":13} answers error: not an answer: NULL`, "", "error: not an answer: NULL", ""},
		{`-- case: t.note base none ours {"note":"a } ours {"} theirs {"note":"b"} at 5/6 answers "b"`, "", `"b"`, `"b"`},
		{`-- case: t.note base {} ours {"note":"a"} theirs none at 6/5 answers "a"`, "", `"a"`, `"a"`},
		{`-- case: t.note base {} ours {"note":"a"} theirs none answers "a"`, "", `"a"`, `"a"`},
		{`-- case: t.who base none ours {"who":"x"} theirs {"who":"y"} by Ada (boss) at 1/2 answers "Ada"`, "", `"Ada"`, `"Ada"`},
		{`-- case: t.who base none ours {"who":"x"} theirs {"who":"y"} by Ada (clerk) answers exclude: nobody answers`,
			`t.who base none ours {"who":"x"} theirs {"who":"y"} by Ada (clerk)`, "exclude: nobody answers", "exclude: nobody answers"},
		{`-- case: t.gone base none ours {"gone":1} theirs {"gone":2} answers unset`, "", "unset", "unset"},
		{`-- case: t.other base none ours none theirs none answers error: no rule`, "", "error: no rule", "error: no rule for this cell"},
	} {
		r, err := Compile([]byte(rules + test.line + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		tried, err := r.Try(t.Context())
		if err != nil || len(tried) != 1 {
			if test.want != "" || err != nil {
				t.Errorf("%s: %v, %d tried", test.line, err, len(tried))
			}
			continue
		}
		one := tried[0]
		holds := test.got == "" || test.got == test.want || strings.HasPrefix(test.got, test.want)
		if one.Line != 5 || one.Want != test.want || test.text != "" && one.Case != test.text || test.got != "" && one.Got != test.got || one.Holds() != holds {
			t.Errorf("%s\nis line %d: %q answers %q, not %q; holds: %v", test.line, one.Line, one.Case, one.Got, one.Want, one.Holds())
		}
	}
}

// Try says where what looks like a case is none.
func TestCasesThatAreNone(t *testing.T) {
	for _, text := range []string{
		"", "stock.v", `stock.v base {} ours {} answers 1`, `stock base {} ours {} theirs {} answers 1`, `stock.v base {} ours {} theirs {} by Ada answers 1`,
		`stock.v base {"v":} ours {} theirs {} answers 1`, `stock.v base {"v":1,"v":2} ours {} theirs {} answers 1`,
		`stock.v base {} ours {} theirs {} at 99999999999999999999/1 answers 1`, `stock.v base {} ours {} theirs {}`,
	} {
		r, err := Compile([]byte("ours;\n-- case: " + text + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		tried, err := r.Try(t.Context())
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, ErrProgram) || e.Line != 2 || e.Column != 1 {
			t.Errorf("%q: %v, %+v", text, err, tried)
		}
	}
}

func TestTriedHolds(t *testing.T) {
	for _, test := range []struct {
		want, got string
		holds     bool
	}{
		{"1", "1", true}, {"1", "1.0", false}, {"error: steps", "error: line 1: out of steps", true}, {"error: steps", "steps", false},
		{"error: ", "error: anything", true}, {"exclude: a", "exclude: ab", false}, {"unset", "null", false},
	} {
		if got := (Tried{Want: test.want, Got: test.got}).Holds(); got != test.holds {
			t.Errorf("%q for %q: %v", test.got, test.want, got)
		}
	}
}

// FuzzCases takes any comment without a panic, and a case that is taken has what it says.
func FuzzCases(f *testing.F) {
	f.Add(`stock.v base {"v":10} ours {"v":8} theirs {"v":13} answers 11`)
	f.Add(`t.a.b base none ours none theirs {"a.b":null} by Ada (boss) at 1/2 answers exclude: x`)
	r, err := Compile([]byte("on *: ours; on *.n: sum; on *.l: union; on *.t: newest; on *.m: max"))
	if err != nil {
		f.Fatal(err)
	}
	form := caseForm()
	f.Fuzz(func(t *testing.T, text string) {
		s := r.NewSession()
		defer s.Close()
		tried, err := s.try(t.Context(), form, text)
		if err == nil && (tried.Got == "" || !strings.HasPrefix(text, tried.Case) || !strings.Contains(text, tried.Want)) {
			t.Errorf("%q became %+v", text, tried)
		}
	})
}
