package sql

import (
	"errors"
	"math/big"
	"testing"

	"aergo/contract/table"
	"aergo/contract/value"
)

// TestBuiltins tells what each logic makes of base, ours and theirs. Where it can't decide,
// the error says what it met.
func TestBuiltins(t *testing.T) {
	const never = "" // no row
	for _, test := range []struct {
		logic, base, ours, theirs string
		at                        [2]int64 // ours, theirs
		want                      string
	}{
		{logic: "ours", base: `{"v":1}`, ours: `{"v":2}`, theirs: `{"v":3}`, want: "2"},
		{logic: "ours", base: `{"v":1}`, ours: `{}`, theirs: `{"v":3}`, want: "unset"},
		{logic: "theirs", base: `{"v":1}`, ours: `{"v":2}`, theirs: `{"v":3}`, want: "3"},
		{logic: "theirs", base: `{"v":1}`, ours: `{"v":2}`, theirs: `{"v":null}`, want: "null"},
		{logic: "theirs", base: `{"v":1}`, ours: `{"v":2}`, theirs: `{}`, want: "unset"},

		{logic: "newest", ours: `{"v":2}`, theirs: `{"v":3}`, at: [2]int64{5, 6}, want: "3"},
		{logic: "newest", ours: `{"v":2}`, theirs: `{"v":3}`, at: [2]int64{6, 5}, want: "2"},
		{logic: "newest", ours: `{"v":2}`, theirs: `{"v":3}`, at: [2]int64{5, 5}, want: "2"},
		{logic: "newest", base: `{"v":1}`, ours: `{}`, theirs: `{"v":3}`, at: [2]int64{6, 5}, want: "unset"},

		{logic: "sum", base: `{"v":10}`, ours: `{"v":8}`, theirs: `{"v":13}`, want: "11"},
		{logic: "sum", base: `{"v":10}`, ours: `{"v":2}`, theirs: `{"v":1}`, want: "-7"},
		{logic: "sum", base: never, ours: `{"v":3}`, theirs: `{"v":4}`, want: "7"},
		{logic: "sum", base: `{"v":10}`, ours: `{}`, theirs: `{"v":12}`, want: "2"},
		{logic: "sum", base: `{"v":10}`, ours: `{"v":12}`, theirs: `{}`, want: "2"},
		{logic: "sum", base: `{"v":10.50}`, ours: `{"v":8}`, theirs: `{"v":13.125}`, want: "10.625"},
		{logic: "sum", base: `{"v":1}`, ours: `{"v":18446744073709551615}`, theirs: `{"v":18446744073709551615}`, want: "36893488147419103229"},
		{logic: "sum", base: `{"v":1}`, ours: `{"v":null}`, theirs: `{"v":2}`, want: "line 1, column 7: on *: the rule can't go on: sum is for numbers, and here is null"},
		{logic: "sum", base: `{"v":1}`, ours: `{"v":2}`, theirs: `{"v":"two"}`, want: `line 1, column 7: on *: the rule can't go on: sum is for numbers, and here is "two"`},
		{logic: "sum", base: `{"v":[]}`, ours: `{"v":2}`, theirs: `{"v":3}`, want: "line 1, column 7: on *: the rule can't go on: sum is for numbers, and here is []"},

		{logic: "union", base: `{"v":["a","b"]}`, ours: `{"v":["a","b","c"]}`, theirs: `{"v":["b","d"]}`, want: `["b","c","d"]`},
		{logic: "union", base: never, ours: `{"v":["b"]}`, theirs: `{"v":["a","b"]}`, want: `["a","b"]`},
		{logic: "union", base: `{"v":["a"]}`, ours: `{}`, theirs: `{"v":["a","b"]}`, want: `["b"]`},
		{logic: "union", base: `{"v":["a"]}`, ours: `{"v":[]}`, theirs: `{"v":[]}`, want: `[]`},
		{logic: "union", base: `{"v":["a"]}`, ours: `{"v":"a"}`, theirs: `{"v":[]}`, want: `line 1, column 7: on *: the rule can't go on: union is for lists, and here is "a"`},
		{logic: "union", base: `{"v":1}`, ours: `{"v":[]}`, theirs: `{"v":["x"]}`, want: "line 1, column 7: on *: the rule can't go on: union is for lists, and here is 1"},

		{logic: "min", ours: `{"v":2}`, theirs: `{"v":-3}`, want: "-3"},
		{logic: "min", ours: `{"v":1.0}`, theirs: `{"v":1.00}`, want: "1.0"},
		{logic: "max", ours: `{"v":1.0}`, theirs: `{"v":1.00}`, want: "1.0"},
		{logic: "max", ours: `{"v":2.5}`, theirs: `{"v":18446744073709551616}`, want: "18446744073709551616"},
		{logic: "max", ours: `{"v":"b"}`, theirs: `{"v":"a"}`, want: `"b"`},
		{logic: "min", ours: `{"v":"b"}`, theirs: `{"v":"a"}`, want: `"a"`},
		{logic: "min", ours: `{}`, theirs: `{"v":5}`, want: "5"},
		{logic: "max", ours: `{"v":5}`, theirs: `{}`, want: "5"},
		{logic: "max", ours: `{"v":5}`, theirs: `{"v":"5"}`, want: `line 1, column 7: on *: the rule can't go on: max: it is for two numbers or two texts, and here are 5 and "5"`},
		{logic: "min", ours: `{"v":true}`, theirs: `{"v":false}`, want: "line 1, column 7: on *: the rule can't go on: min: it is for two numbers or two texts, and here are true and false"},
	} {
		source, ok := BuiltinSource(test.logic)
		if !ok {
			t.Fatalf("no logic %s", test.logic)
		}
		c := cell(t, test.base, test.ours, test.theirs)
		c.OursMillis, c.TimeMillis = test.at[0], test.at[1]
		answer, err := resolve(t, string(source), c)
		if got := say(answer, err); got != test.want {
			t.Errorf("%s of %s, %s, %s\n got %s\nwant %s", test.logic, test.base, test.ours, test.theirs, got, test.want)
		}
		if err != nil && !errors.Is(err, ErrRun) || err == nil && answer.Steps != builtinSteps {
			t.Errorf("%s: %v after %d steps", test.logic, err, answer.Steps)
		}
	}
}

// Numbers beyond what a value may be are an error of the rule, not a wrong number.
func TestSumOverflows(t *testing.T) {
	n := new(big.Int).Lsh(big.NewInt(1), value.StoredBits-1)
	enc, err := value.AppendBigInt(nil, n)
	if err != nil {
		t.Fatal(err)
	}
	c := cell(t, "", "", "")
	if c.Ours, err = table.AppendRow(nil, []value.Field{{Name: "v", Enc: enc}}); err != nil {
		t.Fatal(err)
	}
	c.Theirs = c.Ours
	source, _ := BuiltinSource("sum")
	if answer, err := resolve(t, string(source), c); !errors.Is(err, ErrRun) {
		t.Errorf("%s", say(answer, err))
	}
}

func TestBuiltinSources(t *testing.T) {
	for _, name := range Builtins() {
		source, ok := BuiltinSource(name)
		r, err := Compile(source)
		if !ok || err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if rule, ok := r.Rule("any table", "any field"); !ok || len(rule.Columns()) > 0 || r.NeedsTimes() != (name == "newest") {
			t.Errorf("%s: rule %v, looks at times %v", name, ok, r.NeedsTimes())
		}
	}
	for _, name := range []string{"", "Sum", "sum ", "SUM", "last"} {
		if source, ok := BuiltinSource(name); ok {
			t.Errorf("%q is %q", name, source)
		}
	}
}

// A word is a built-in logic where it is the whole body; in an expression it is a name like
// any other.
func TestBuiltinWords(t *testing.T) {
	for _, test := range []struct{ source, want string }{
		{"on stock.v: SUM;", "11"},
		{"on stock.v: /* both */ Max -- of them", "13"},
		{"on stock: theirs; on *.v: sum", "13"},
		{"sum", "11"},
		{"(ours)", "8"},
		{"max(ours, base)", "10"},
		{"(sum)", "line 1, column 2: on *: not a resolver: no such column: sum: of a row it is ours.sum, theirs.sum or base.sum"},
		{"newest + 1", "line 1, column 1: on *: not a resolver: no such column: newest: of a row it is ours.newest, theirs.newest or base.newest"},
	} {
		r, err := Compile([]byte(test.source))
		var got string
		if err == nil {
			s := r.NewSession()
			got = say(s.Resolve(t.Context(), cell(t, `{"v":10}`, `{"v":8}`, `{"v":13}`)))
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		} else {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.source, got, test.want)
		}
	}
}
