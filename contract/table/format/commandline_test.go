package format

import (
	"slices"
	"strings"
	"testing"

	"aergo/contract/value"
	"aergo/repo/state/key"
)

func TestParseKey(t *testing.T) {
	text, integer := value.TypeText, value.TypeInteger
	for _, c := range []struct {
		in    string
		types []value.Type
		want  []key.Component
	}{
		{"a", nil, []key.Component{key.Text("a")}},
		{"5", nil, []key.Component{key.Text("5")}},
		{"", nil, []key.Component{key.Text("")}},
		{`["a",5]`, nil, []key.Component{key.Text("a"), key.Int(5)}},
		{"[x]", nil, []key.Component{key.Text("[x]")}},
		{"[]", nil, []key.Component{key.Text("[]")}},
		{"[true]", nil, []key.Component{key.Text("[true]")}},
		{`["a"]`, []value.Type{text}, []key.Component{key.Text(`["a"]`)}},
		{"5", []value.Type{text}, []key.Component{key.Text("5")}},
		{"5", []value.Type{value.TypeAny}, []key.Component{key.Text("5")}},
		{"-5", []value.Type{integer}, []key.Component{key.Int(-5)}},
		{"00ff", []value.Type{value.TypeBytes}, []key.Component{key.Bytes([]byte{0, 255})}},
		{"1.50", []value.Type{value.TypeDecimal}, []key.Component{key.Text("1.50")}},
		{` ["a","5"]`, []value.Type{text, integer}, []key.Component{key.Text("a"), key.Int(5)}},
		{`["a",5]`, []value.Type{text, integer}, []key.Component{key.Text("a"), key.Int(5)}},
	} {
		got, err := ParseKey(c.in, c.types)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s as %v is %v, %v", c.in, c.types, got, err)
		}
	}
	for _, c := range []struct {
		in    string
		types []value.Type
		want  string
	}{
		{"x", []value.Type{integer}, `key: "x" is not an integer`},
		{"05", []value.Type{integer}, `key: "05" is not an integer`},
		{"a,b", []value.Type{text, text}, `key a,b: want a JSON array of 2, as in '["a","b"]'`},
		{`["a"`, []value.Type{text, text}, `key ["a": want a JSON array of 2, as in '["a","b"]'`},
		{`["a"]`, []value.Type{text, text}, "key has 1 components, the table's keys have 2"},
		{`["a",5]`, []value.Type{text, text}, "5 is not a text"},
		{"\xff", nil, "key is not valid UTF-8"},
	} {
		if got, err := ParseKey(c.in, c.types); err == nil || err.Error() != c.want {
			t.Errorf("%s as %v is %v, %v, want %s", c.in, c.types, got, err, c.want)
		}
	}
}

func TestFormatKeyParsesBack(t *testing.T) {
	r := newRand(t)
	for range 2000 {
		types := make([]value.Type, 1+r.IntN(3))
		for i := range types {
			types[i] = keyTypeChoices[r.IntN(3)]
		}
		comps, err := key.Decode(randomTuple(r, types))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseKey(FormatKey(comps), types); err != nil || !slices.Equal(got, comps) {
			t.Fatalf("%v is written %s and read as %v, %v", comps, FormatKey(comps), got, err)
		}
	}
}

func TestParseFields(t *testing.T) {
	fields, err := ParseFields([]byte("{\"b\":{\"x\":1},\n\"a\":null}\n"))
	if got := string(value.AppendJSONObject(nil, fields)); err != nil || got != `{"a":null,"b":{"x":1}}` {
		t.Error(got, err)
	}
	for in, want := range map[string]string{
		"[]":                           "line 1, column 1: '[', want an object",
		"{\"a\":1,\n \"a\":2}":         `line 2, column 2: member "a" stands twice`,
		"{\"a\":1}}":                   "line 1, column 8: '}' after the value",
		strings.Repeat(" ", 1+(1<<20)): "object of 1048577 bytes is above the limit of 1048576",
	} {
		if _, err := ParseFields([]byte(in)); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", short(in), err, want)
		}
	}
}

func TestParseField(t *testing.T) {
	typeOf := func(name string) (value.Type, bool) {
		t, ok := map[string]value.Type{"n": value.TypeInteger, "s": value.TypeText, "b": value.TypeBytes, "l": value.TypeList}[name]
		return t, ok
	}
	for in, want := range map[string]string{
		"a=x": `{"a":"x"}`, "a=": `{"a":""}`, "a=5": `{"a":5}`, "a=-1.50": `{"a":-1.50}`, "a=05": `{"a":"05"}`,
		"a=true": `{"a":true}`, "a=null": `{"a":null}`, "a=[1,2]": `{"a":[1,2]}`, "a={": `{"a":"{"}`, "a=x=y": `{"a":"x=y"}`,
		"n=5": `{"n":5}`, "s=5": `{"s":"5"}`, "s=null": `{"s":"null"}`, "b=ff": `{"b":{"$bytes":"/w=="}}`, "l=[]": `{"l":[]}`,
		"s:=null": `{"s":null}`, "a:=1e2": `{"a":100}`, `a:="x"`: `{"a":"x"}`, `a:={"x":1,"y":{"z":[]}}`: `{"a":{"x":1,"y":{"z":[]}}}`,
		"a:={}": `{"a":{}}`, `a:={"$bytes":"/w=="}`: `{"a":{"$bytes":"/w=="}}`, "p.q=1": `{"p":{"q":1}}`,
		`p\.q=1`: `{"p.q":1}`, `p\=q=1`: `{"p=q":1}`, `p\\=1`: `{"p\\":1}`, "a:b=1": `{"a:b":1}`, `p:\==1`: `{"p:=":1}`,
	} {
		fields, err := ParseField(in, typeOf)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := string(value.AppendJSONObject(nil, fields)); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
	if fields, err := ParseField("n=5", nil); err != nil || fields[0].Name != "n" {
		t.Error(fields, err)
	}
	for in, want := range map[string]string{
		"a":       `"a": want FIELD=VALUE or FIELD:=JSON`,
		"n=x":     `field n: "x" is not an integer`,
		"b=FF":    `field b: "FF" is not bytes in lower-case hex`,
		"l=x":     `field l: "x" is not a list in JSON`,
		"a=\xff":  "field a: value is not valid UTF-8",
		"a:=[1,]": "field a: line 1, column 4: ']' begins no value",
	} {
		if fields, err := ParseField(in, typeOf); err == nil || err.Error() != want {
			t.Errorf("%s: %v, %v, want %s", in, fields, err, want)
		}
	}
	for _, in := range []string{"=x", ":=1", `a\b=1`, "a:=1e999", `a:={"":1,"":2}`, "a:="} {
		if fields, err := ParseField(in, typeOf); err == nil {
			t.Errorf("%s: %v", in, fields)
		}
	}
}
