package format

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo/state/key"
)

func TestReadJSON(t *testing.T) {
	for _, c := range []struct {
		name, in     string
		opt          Options
		types, lines string
	}{
		{"array", "[\n {\"id\":1,\"b\":\"x\",\"a\":1.50},\n {\"id\":2}\n]\n", Options{Key: []string{"id"}}, "*id:integer a:decimal b:text",
			`{"key":"1","fields":{"a":1.50,"b":"x"}}` + "\n" + `{"key":"2","fields":{}}` + "\n"},
		{"lines", "{\"id\":\"a\",\"v\":null}\r\n\n{\"id\":\"b\",\"v\":[1,{\"x\":{}}]}", Options{Key: []string{"id"}}, "*id:text v:list",
			`{"key":"a","fields":{"v":null}}` + "\n" + `{"key":"b","fields":{"v":[1,{"x":{}}]}}` + "\n"},
		{"nested", `{"title":"x","licence":{"type":"MIT","a.b":{"c\\d":1}},"e":{}}`, Options{Key: []string{"title"}},
			`*title:text e:any licence.a\.b.c\\d:integer licence.type:text`,
			`{"key":"x","fields":{"e":{},"licence":{"a.b":{"c\\d":1},"type":"MIT"}}}` + "\n"},
		{"nested key", `{"id":{"a":5,"b":"x"},"v":true}`, Options{Key: []string{"id.b", "id.a"}}, "*id.b:text *id.a:integer v:bool",
			`{"key":["x","5"],"fields":{"v":true}}` + "\n"},
		{"mixed kinds", `[{"id":1,"v":1,"w":1},{"id":"x","v":2.5,"w":"a"}]`, Options{Key: []string{"id"}}, "*id:any v:decimal w:any",
			`{"key":"1","fields":{"v":1,"w":1}}` + "\n" + `{"key":"x","fields":{"v":2.5,"w":"a"}}` + "\n"},
		{"exact numbers", `{"id":123456789012345678901234567890,"v":0.10,"w":1e2}`, Options{Key: []string{"id"}}, "*id:integer v:decimal w:integer",
			`{"key":"123456789012345678901234567890","fields":{"v":0.10,"w":100}}` + "\n"},
		{"exported, inferred key", `{"key":"5","fields":{"v":1}}` + "\n" + `{"fields":{},"key":"-7"}`, Options{Key: []string{"id"}}, "*id:integer v:integer",
			`{"key":"5","fields":{"v":1}}` + "\n" + `{"key":"-7","fields":{}}` + "\n"},
		{"exported, text key", `{"key":"5","fields":{"v":1}}` + "\n" + `{"key":"05","fields":{}}`, Options{Key: []string{"id"}}, "*id:text v:integer",
			`{"key":"5","fields":{"v":1}}` + "\n" + `{"key":"05","fields":{}}` + "\n"},
		{"exported, composite", `{"key":["a",7],"fields":{}}` + "\n" + `{"key":["b","8"],"fields":{}}`, Options{Key: []string{"x", "y"}}, "*x:text *y:integer",
			`{"key":["a","7"],"fields":{}}` + "\n" + `{"key":["b","8"],"fields":{}}` + "\n"},
		{"exported, stated types", `{"key":["5","5","00ff"],"fields":{}}`, Options{Key: []string{"x", "y", "z"},
			Types: map[string]value.Type{"x": value.TypeText, "y": value.TypeInteger, "z": value.TypeBytes}}, "*x:text *y:integer *z:bytes",
			`{"key":["5","5",{"$bytes":"AP8="}],"fields":{}}` + "\n"},
		{"exported form as plain rows", `{"key":"k","fields":{"v":1}}`, Options{Key: []string{"key"}, Plain: true}, "*key:text fields.v:integer",
			`{"key":"k","fields":{"fields":{"v":1}}}` + "\n"},
		{"nearly exported", `{"key":"k","fields":1}`, Options{Key: []string{"key"}}, "*key:text fields:integer", `{"key":"k","fields":{"fields":1}}` + "\n"},
		{"decimal key column", `{"id":1.50}`, Options{Key: []string{"id"}, Types: map[string]value.Type{"id": value.TypeDecimal}}, "*id:decimal",
			`{"key":"1.50","fields":{}}` + "\n"},
		{"empty array", " [ ] ", Options{Key: []string{"id"}}, "*id:any", ""},
		{"nothing", "", Options{Key: []string{"id"}}, "*id:any", ""},
		{"byte order mark", "\ufeff{\"id\":1}", Options{Key: []string{"id"}}, "*id:integer", `{"key":"1","fields":{}}` + "\n"},
		{"braces in strings", `[{"id":"}]\"{","v":"\\"}]`, Options{Key: []string{"id"}}, "*id:text v:text", `{"key":"}]\"{","fields":{"v":"\\"}}` + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, r := range map[string]io.Reader{"whole": strings.NewReader(c.in), "bytewise": iotest.OneByteReader(strings.NewReader(c.in))} {
				tab, err := ReadJSON(r, c.opt)
				if err != nil {
					t.Fatal(err)
				}
				if got := typesOf(tab); got != c.types {
					t.Errorf("%s: types %s, want %s", name, got, c.types)
				}
				if got := lines(t, tab); got != c.lines {
					t.Errorf("%s: rows\n%swant\n%s", name, got, c.lines)
				}
			}
		})
	}
}

func TestInferredIntegersOfKAreSortedAsIntegers(t *testing.T) {
	in := `{"key":"10","fields":{}}` + "\n" + `{"key":"9","fields":{}}` + "\n" + `{"key":-1,"fields":{}}`
	tab, err := ReadJSON(strings.NewReader(in), Options{Key: []string{"id"}})
	if err == nil {
		err = tab.Sort()
	}
	if err != nil {
		t.Fatal(err)
	}
	want := []int64{-1, 9, 10}
	err = tab.Each(func(i int, tuple, _ []byte) error {
		comps, err := key.Decode(tuple)
		if n, ok := comps[0].Int(); err != nil || !ok || n != want[i] {
			t.Errorf("row %d is %v, %v", i, comps, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	tab, err = ReadJSON(strings.NewReader(in+"\n"+`{"key":"-1","fields":{}}`), Options{Key: []string{"id"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := tab.Sort(); err == nil || err.Error() != "line 4: key -1 stands on line 3 already" {
		t.Error(err)
	}
}

func TestReadJSONRefuses(t *testing.T) {
	integer := map[string]value.Type{"age": value.TypeInteger, "n.age": value.TypeInteger}
	for _, c := range []struct {
		name, in string
		opt      Options
		want     string
	}{
		{"no object", "\n 5\n", Options{}, "line 2, column 2: '5', want an object"},
		{"array of no objects", "[{\"id\":1},\n5]", Options{}, "line 2, column 1: want an object"},
		{"trailing comma", "[{\"id\":1},]", Options{}, "line 1, column 11: want an object"},
		{"no comma", "[{\"id\":1}\n{\"id\":2}]", Options{}, "line 2, column 1: want ',' or ']' after an object"},
		{"array without end", "[{\"id\":1}\n", Options{}, "line 2, column 1: want ',' or ']' after an object"},
		{"object without end", "[\n{\"id\":[1}\n", Options{}, "line 2, column 1: object has no end"},
		{"text after the array", "[{\"id\":1}]\nx", Options{}, "line 2, column 1: text after the array"},
		{"two objects on a line", "{\"id\":1} {\"id\":2}", Options{}, "line 1, column 10: '{' after the value"},
		{"bad syntax", "{\"id\":1}\n{\"id\":\"é\",\"v\":tru}\n", Options{}, "line 2, column 15: 't' begins no value"},
		{"bad syntax in an array", "[{\"id\":1,\n  \"v\":01}]", Options{}, "line 2, column 7: number with a leading zero"},
		{"not utf-8", "{\"id\":1}\n{\"id\":\"é\xff\"}\n", Options{}, "line 2, column 9: not valid UTF-8"},
		{"control character", "{\"id\":\"a\tb\"}", Options{}, "line 1, column 9: control character in a string"},
		{"bad escape", `{"id":"a\x"}`, Options{}, "line 1, column 9: bad escape in a string"},
		{"lone surrogate", `{"id":1,"v":"\ud800"}`, Options{}, "line 1, column 13: json: "},
		{"member twice", `{"id":1,"v":1,"v":2}`, Options{}, `line 1, column 15: member "v" stands twice`},
		{"member of a list's object twice", `{"id":1,"v":[{"a":1,"a":2}]}`, Options{}, "line 1, column 13: json: "},
		{"path twice", `{"id":1,"n":{"x":1,"a":2,"\u0061":3}}`, Options{}, `line 1, column 26: member "a" stands twice`},
		{"no key", `{"id":1}` + "\n" + ` {"v":1}`, Options{}, `line 2, column 1: object has no member "id", the key`},
		{"key of a wrong kind", `{"v":1,"id":true}`, Options{}, "line 1, column 13 (id): true is no key: want a text or an integer"},
		{"null key", `{"id":null}`, Options{}, "line 1, column 7 (id): null is no key: want a text or an integer"},
		{"stated text key is a number", `{"id":5}`, Options{Types: map[string]value.Type{"id": value.TypeText}}, "line 1, column 7 (id): 5 is not a text"},
		{"stated integer key is a text", `{"id":"5"}`, Options{Types: map[string]value.Type{"id": value.TypeInteger}}, `line 1, column 7 (id): "5" is not an integer`},
		{"wrong type", `{"id":1,"age":"n/a"}`, Options{Types: integer}, `line 1, column 15 (age): "n/a" is not an integer`},
		{"wrong type inside", "[{\"id\":1,\"n\":{\"x\":1,\n\"age\":1.5}}]", Options{Types: integer}, `line 2, column 7 (n.age): 1.5 is not an integer`},
		{"huge number", `{"id":1,"v":1e400}`, Options{}, "line 1, column 13: json: "},
		{"bad bytes", `{"id":1,"v":{"$bytes":"!"}}`, Options{}, "line 1, column 13: json: "},
		{"other form later", `{"key":"a","fields":{}}` + "\n" + `{"key":"a","v":1}`, Options{}, `line 2, column 1: object is not of the form {"key":K,"fields":{...}}, which the first is`},
		{"too few components", `{"key":["a"],"fields":{}}`, Options{Key: []string{"x", "y"}}, "line 1, column 8 (key): key has 1 components, the table's keys have 2"},
		{"empty K", `{"key":[],"fields":{}}`, Options{}, "line 1, column 8 (key): key is empty"},
		{"K of a wrong type", `{"key":"x","fields":{}}`, Options{Types: map[string]value.Type{"id": value.TypeInteger}}, `line 1, column 8 (key): "x" is not an integer`},
		{"fields of exported", `{"key":"x","fields":{"age":"1"}}`, Options{Types: integer}, `line 1, column 28 (age): "1" is not an integer`},
		{"deep", `{"id":1,"v":` + strings.Repeat("[", MaxJSONDepth) + "]}", Options{}, "line 1, column 108: nested deeper than 96"},
		{"nested lists", `{"id":1,"v":` + strings.Repeat("[", value.MaxDepth+1) + strings.Repeat("]", value.MaxDepth+1) + "}", Options{}, "line 1, column 13: json: "},
		{"long line", `{"id":1}` + "\n" + `{"id":2,"v":"` + strings.Repeat("x", MaxJSONBytes), Options{}, "line 2: line is above the limit of 1048576 bytes"},
		{"long object", `[{"id":1}` + ",\n" + `{"id":2,"v":"` + strings.Repeat("x", MaxJSONBytes), Options{}, "line 2, column 1: object is above the limit of 1048576 bytes"},
		{"long key", `{"id":"` + strings.Repeat("x", key.MaxTupleBytes) + `"}`, Options{}, "line 1, column 1: key: "},
		{"large row", `{"id":1,"v":"` + strings.Repeat("x", table.MaxRowBytes) + `"}`, Options{}, "line 1, column 13: json: "},
		{"no key named", "", Options{Key: []string{}}, "no key column is named"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.opt.Key == nil {
				c.opt.Key = []string{"id"}
			}
			_, err := ReadJSON(strings.NewReader(c.in), c.opt)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Fatalf("%v\nwant %s", err, c.want)
			}
			// What ends in ": " goes on in the words of another package.
			if !strings.HasSuffix(c.want, ": ") && err.Error() != c.want {
				t.Fatalf("%v\nwant %s", err, c.want)
			}
		})
	}
}

func TestJSONWriters(t *testing.T) {
	comps := key.Append(nil, key.Int(7), key.Text("x"))
	row := appendRow(t, []value.Field{
		{Name: "n.b", Enc: value.AppendUint(nil, 1)}, {Name: "n.a", Enc: value.AppendBytes(nil, []byte{0, 255})},
		{Name: "z", Enc: value.AppendNull(nil)}, {Name: "b", Enc: value.AppendText(nil, "<&\n\"")},
	})
	for name, c := range map[string]struct {
		open func(io.Writer) RowWriter
		rows int
		want string
	}{
		"lines": {NewJSONLinesWriter, 1, `{"key":["7","x"],"fields":{"b":"<&\n\"","n":{"a":{"$bytes":"AP8="},"b":1},"z":null}}` + "\n"},
		"array": {func(w io.Writer) RowWriter { return NewJSONWriter(w, nil) }, 2,
			"[\n" + `{"key":["7","x"],"fields":{"b":"<&\n\"","n":{"a":{"$bytes":"AP8="},"b":1},"z":null}}` + ",\n" +
				`{"key":["7","x"],"fields":{"b":"<&\n\"","n":{"a":{"$bytes":"AP8="},"b":1},"z":null}}` + "\n]\n"},
		"plain": {func(w io.Writer) RowWriter { return NewJSONWriter(w, []string{"id", "n.k"}) }, 1,
			"[\n" + `{"b":"<&\n\"","id":7,"n":{"a":{"$bytes":"AP8="},"b":1,"k":"x"},"z":null}` + "\n]\n"},
		"empty array": {func(w io.Writer) RowWriter { return NewJSONWriter(w, nil) }, 0, "[]\n"},
		"empty lines": {NewJSONLinesWriter, 0, ""},
	} {
		var b strings.Builder
		w := c.open(&b)
		for range c.rows {
			if err := w.WriteRow(comps, row); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(w.Close(), w.Close()); err != nil {
			t.Fatal(err)
		}
		if b.String() != c.want {
			t.Errorf("%s: %s\nwant %s", name, b.String(), c.want)
		}
	}
}

func TestWritersRefuse(t *testing.T) {
	id := key.Append(nil, key.Int(7))
	row := appendRow(t, []value.Field{{Name: "id", Enc: value.AppendUint(nil, 1)}})
	csvOf := func(columns ...Column) RowWriter {
		w, err := NewCSVWriter(io.Discard, columns, CSVOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	for name, c := range map[string]struct {
		w          RowWriter
		tuple, row []byte
		want       string
	}{
		"unknown field":   {csvOf(Column{Name: "k", Key: true}), id, row, `key 7: field "id" is no column`},
		"components":      {csvOf(Column{Name: "k", Key: true}, Column{Name: "l", Key: true}), id, row, "key 7: 1 components for 2 key columns"},
		"json components": {NewJSONWriter(io.Discard, []string{"a", "b"}), id, row, "key 7: 1 components for 2 key columns"},
		"name of the key": {NewJSONWriter(io.Discard, []string{"id"}), id, row, `key 7: field "id" has the name of a key column`},
	} {
		err := c.w.WriteRow(c.tuple, c.row)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		if again := c.w.Close(); again != err {
			t.Errorf("%s: Close says %v", name, again)
		}
		if again := c.w.WriteRow(id, row); again != err {
			t.Errorf("%s: the next row says %v", name, again)
		}
	}
	if _, err := NewCSVWriter(io.Discard, []Column{{Name: "a"}, {Name: "a"}}, CSVOptions{}); err == nil {
		t.Error("a column may stand twice")
	}
	for name, w := range map[string]RowWriter{"csv": csvOf(Column{Name: "k", Key: true}), "lines": NewJSONLinesWriter(io.Discard)} {
		if err := w.WriteRow([]byte{0xff}, nil); err == nil {
			t.Errorf("%s: a bad key is written", name)
		}
	}
}

func TestColumns(t *testing.T) {
	var s ColumnScan
	empty := appendRow(t, nil)
	row := appendRow(t, []value.Field{{Name: "z", Enc: value.AppendNull(nil)}, {Name: "a", Enc: value.AppendNull(nil)}})
	for _, r := range [][]byte{empty, row} {
		if err := s.Observe(key.Append(nil, key.Int(1), key.Int(2)), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Observe(key.Append(nil, key.Int(1)), row); err == nil {
		t.Error("keys of different lengths make columns")
	}
	if got := strings.Join(columnNames(s.Columns([]string{"id"})), " "); got != "id key2 a z" {
		t.Error(got)
	}
	schema := &table.Schema{Key: []string{"k2", "k1"}, Columns: []table.Column{
		{Name: "b", Position: 0, Type: value.TypeBool}, {Name: "k1", Position: 1, Type: value.TypeInteger}, {Name: "a", Position: 3},
	}}
	got := SchemaColumns(schema)
	if names := strings.Join(columnNames(got), " "); names != "k2 k1 b a" || got[1].Type != value.TypeInteger || !got[1].Key {
		t.Error(got)
	}
}
