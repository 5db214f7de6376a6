package format

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"aergo/contract/table"
	"aergo/contract/value"
)

// testKeyTypes states the key columns of the tables ints and pairs.
func testKeyTypes(name string) ([]value.Type, error) {
	switch name {
	case "ints":
		return []value.Type{value.TypeInteger}, nil
	case "pairs":
		return []value.Type{value.TypeText, value.TypeInteger}, nil
	}
	return nil, nil
}

// render writes a Spec for comparison.
func render(s table.Spec) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %s ", s.Code, s.Table)
	for _, c := range s.Key {
		fmt.Fprintf(&b, "%v:%s ", c.Type(), c)
	}
	b.Write(value.AppendJSONObject(nil, s.Fields))
	if len(s.Unset) > 0 {
		fmt.Fprintf(&b, " unset %q", s.Unset)
	}
	if s.Flags != 0 {
		fmt.Fprintf(&b, " flags %d", s.Flags)
	}
	return b.String()
}

func TestReadOps(t *testing.T) {
	in := "\ufeff" + `{"op":"put","table":"t","key":"k","fields":{"b":1.50,"a":{"x":null}},"unset":["c","d.e"]}` + "\r\n\n" +
		`{"tx":[{"op":"insert","table":"t","key":["a","5"]} , {"op":"replace","table":"ints","key":"5","fields":{"v":[]},"force":true}]}` + "\n" +
		` { "key" : 7 , "op" : "del" , "table" : "ints" , "exact" : true , "force" : false } ` + "\n" +
		`{"op":"incr","table":"pairs","key":["5","5"],"fields":{"n":-3},"create":true}` + "\n" +
		`{"op":"append","table":"t","key":5,"fields":{"l":"\u0061"}}` + "\n" +
		`{"op":"remove","table":"t","key":"5","fields":{"l":{"$bytes":"AA=="}}}`
	want := []string{
		`1: put t text:k {"a":{"x":null},"b":1.50} unset ["c" "d.e"]`,
		`3: insert t text:a text:5 {}; replace ints integer:5 {"v":[]} flags 4`,
		`4: del ints integer:7 {} flags 2`,
		`5: incr pairs text:5 integer:5 {"n":-3} flags 1`,
		`6: append t integer:5 {"l":"a"}`,
		`7: remove t text:5 {"l":{"$bytes":"AA=="}}`,
	}
	var got []string
	err := ReadOps(strings.NewReader(in), testKeyTypes, func(line int, specs []table.Spec) error {
		var parts []string
		for _, s := range specs {
			parts = append(parts, render(s))
		}
		got = append(got, fmt.Sprintf("%d: %s", line, strings.Join(parts, "; ")))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestReadOpsRefuses(t *testing.T) {
	for in, want := range map[string]string{
		`x`:                                     "line 1, column 1: 'x' begins no value",
		`[]`:                                    "line 1, column 1: '[', want an object",
		`{}`:                                    `line 1, column 1: operation has no member "op"`,
		`{"op":"put"}`:                          `line 1, column 1: operation has no member "table"`,
		"\n" + ` {"op":"put",}`:                 "line 2, column 14: '}', want a member's name in quotes",
		`{"op":"put","table":"t"}`:              `line 1, column 1: operation has no member "key"`,
		`{"op":"upsert","table":"t","key":"k"}`: `line 1, column 7 (op): no operation is called "upsert": want put, insert, replace, del, incr, append or remove`,
		`{"op":"define","table":"t","key":"k"}`: `line 1, column 7 (op): no operation is called "define": want put, insert, replace, del, incr, append or remove`,
		`{"op":5,"table":"t","key":"k"}`:        "line 1, column 7 (op): want a text",
		`{"op":"put","table":"a/b","key":"k"}`:  `line 1, column 21 (table): table name "a/b": name is not allowed: contains '/'`,
		`{"op":"put","table":"t","key":"k","filds":{}}`:                                                   `line 1, column 35: unknown member "filds"`,
		`{"op":"put","op":"put"}`:                                                                         `line 1, column 13: member "op" stands twice`,
		`{"op":"put","table":"t","key":"k","fields":{"a":1,"a":2}}`:                                       `line 1, column 51: member "a" stands twice`,
		`{"op":"put","table":"t","key":"k","fields":[]}`:                                                  `line 1, column 44: '[', want an object`,
		`{"op":"put","table":"t","key":"k","unset":"a"}`:                                                  "line 1, column 43 (unset): want an array of field names",
		`{"op":"put","table":"t","key":"k","unset":["a",5]}`:                                              "line 1, column 48 (unset): want a text",
		`{"op":"put","table":"t","key":"k","unset":["a","a"]}`:                                            `line 1, column 1: field "a" stands twice`,
		`{"op":"put","table":"t","key":"k","fields":{"a":1},"unset":["a"]}`:                               `line 1, column 1: field "a" stands twice`,
		`{"op":"insert","table":"t","key":"k","unset":["a"]}`:                                             "line 1, column 1: unset goes with put only",
		`{"op":"put","table":"t","key":"k","create":1}`:                                                   "line 1, column 44 (create): want true or false",
		`{"op":"put","table":"t","key":"k","create":true}`:                                                "line 1, column 1: create goes with incr, append and remove only",
		`{"op":"incr","table":"t","key":"k","fields":{"a":1},"force":true}`:                               "line 1, column 1: force does not go with incr, which has no preconditions",
		`{"op":"put","table":"t","key":"k","exact":true,"force":true}`:                                    "line 1, column 1: exact and force do not go together",
		`{"op":"incr","table":"t","key":"k"}`:                                                             "line 1, column 1: incr needs fields",
		`{"op":"incr","table":"t","key":"k","fields":{"a":"1"}}`:                                          `line 1, column 1: incr: field "a": "1" is not a number`,
		`{"op":"del","table":"t","key":"k","fields":{}}`:                                                  "line 1, column 1: del takes no fields",
		`{"op":"put","table":"t","key":null}`:                                                             "line 1, column 31 (key): null is no key: want a text or an integer",
		`{"op":"put","table":"t","key":[]}`:                                                               "line 1, column 31 (key): key is empty",
		`{"op":"put","table":"t","key":["a",1.5]}`:                                                        "line 1, column 31 (key): 1.5 is no key: want a text or an integer",
		`{"op":"put","table":"ints","key":"x"}`:                                                           `line 1, column 34 (key): "x" is not an integer`,
		`{"op":"put","table":"pairs","key":"x"}`:                                                          "line 1, column 35 (key): key has 1 components, the table's keys have 2",
		`{"tx":[]}`:                                                                                       "line 1, column 7 (tx): want an array of one or more operations",
		`{"tx":{}}`:                                                                                       "line 1, column 7 (tx): want an array of one or more operations",
		`{"tx":[{"op":"del","table":"t","key":"k"}],"op":"put"}`:                                          `line 1, column 44: member "op" stands beside tx`,
		`{"op":"put","tx":[]}`:                                                                            `line 1, column 13: unknown member "tx"`,
		`{"tx":[{"op":"del","table":"t","key":"k"},{"tx":[]}]}`:                                           `line 1, column 44: unknown member "tx"`,
		`{"tx":[{"op":"del","table":"t","key":"k"},7]}`:                                                   "line 1, column 43: '7', want an object",
		`{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1}`:                                         `line 1, column 50: unknown member "i"`,
		`{"op":"put","table":"t","key":"` + strings.Repeat("k", 1000) + `"}`:                              "line 1, column 31 (key): key component 0 of 1000 bytes: too long",
		`{"op":"put","table":"t","key":"k","fields":{"a":` + strings.Repeat("[", MaxJSONDepth):            "line 1, column 143: nested deeper than 96",
		`{"op":"put","table":"t","key":"k","fields":{"a":"` + strings.Repeat("x", MaxJSONBytes):           "line 1: line is above the limit of 1048576 bytes",
		`{"tx":[` + strings.Repeat("{},", table.MaxOps) + `{}]}`:                                          fmt.Sprintf("line 1, column 7 (tx): %d operations are above the limit of %d", table.MaxOps+1, table.MaxOps),
		`{"op":"put","table":"t","key":"k","unset":[` + strings.Repeat(`"x",`, table.MaxFields) + `"x"]}`: fmt.Sprintf("line 1, column 43 (unset): %d fields are above the limit of %d", table.MaxFields+1, table.MaxFields),
	} {
		err := ReadOps(strings.NewReader(in), testKeyTypes, func(int, []table.Spec) error { return nil })
		if err == nil || err.Error() != want {
			t.Errorf("%s\n%v\nwant %s", short(in), err, want)
		}
		var place *Error
		if !errors.As(err, &place) || place.Line == 0 {
			t.Errorf("%s: %v has no place", short(in), err)
		}
	}
}

func TestReadOpsStops(t *testing.T) {
	good := `{"op":"del","table":"t","key":"k"}` + "\n"
	stop := errors.New("stop")
	calls := 0
	fn := func(line int, _ []table.Spec) error {
		if calls++; line == 2 {
			return stop
		}
		return nil
	}
	if err := ReadOps(strings.NewReader(good+good+good), nil, fn); err != stop || calls != 2 {
		t.Error(err, calls)
	}
	keyTypes := func(string) ([]value.Type, error) { return nil, stop }
	if err := ReadOps(strings.NewReader(good), keyTypes, fn); !errors.Is(err, stop) {
		t.Error(err)
	}
}
