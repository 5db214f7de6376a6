package table

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"aergo/contract"
	"aergo/contract/value"
	"aergo/repo/object"
	"aergo/repo/state/key"
)

// fuzzNames are the dictionary of the fuzzed payloads, a table and fields.
var fuzzNames = []string{"t", "a", "b", "c", "\x01"}

// indexNamer is a Namer of a fixed dictionary.
type indexNamer []string

func (n indexNamer) Name(name string) int {
	for i, s := range n {
		if s == name {
			return i
		}
	}
	return -1
}

// payloadsOfEveryKind are good ones, with every code and flag.
func payloadsOfEveryKind(t testing.TB) [][]byte {
	s := stateOf(t, rows{"k": `{"a":1,"c":["x"]}`})
	var payloads [][]byte
	for _, specs := range [][]Spec{
		{spec(t, Put, "k", `{"a":2,"b":-5}`, 0, "c")},
		{spec(t, Put, "n", `{"a":1.50}`, Exact)},
		{spec(t, Put, "k", `{"a":null}`, Force), spec(t, Incr, "k", `{"b":12345678901234567890123}`, 0)},
		{spec(t, Insert, "n", `{"a":true,"b":{},"c":[1,{"z":[null]}]}`, 0), spec(t, Del, "k", ``, 0)},
		{spec(t, Replace, "k", `{}`, Exact), spec(t, Del, "k", ``, Force)},
		{spec(t, Append, "n", `{"c":{"$bytes":"AAE="}}`, 0), spec(t, Remove, "k", `{"c":"x"}`, Exact)},
		{spec(t, Define, "", ``, 0, "a")},
	} {
		payload, err := NewAuthor(indexNamer(fuzzNames)).AppendPayload(nil, s, specs)
		if err != nil {
			t.Fatal(err)
		}
		payloads = append(payloads, payload)
	}
	return payloads
}

func FuzzDecode(f *testing.F) {
	for _, p := range payloadsOfEveryKind(f) {
		f.Add(p)
	}
	dict := NewDict(fuzzNames)
	s := stateOf(f, rows{"k": `{"a":1,"c":["x"]}`})
	f.Fuzz(func(t *testing.T, payload []byte) {
		ops, err := NewDecoder(dict).Decode(payload)
		if err != nil {
			if !errors.Is(err, object.ErrMalformed) {
				t.Fatalf("error %v is not ErrMalformed", err)
			}
			return
		}
		b := NewBuilder(indexNamer(fuzzNames))
		for i := range ops {
			if ops[i].Code == Incr && !value.IsNumber(ops[i].Fields[0].Value) {
				return // read, so that it is excluded, but never written
			}
			if err := b.Add(&ops[i]); err != nil {
				if strings.Contains(err.Error(), "increment") {
					return
				}
				t.Fatalf("decoded but not encoded: %v", err)
			}
		}
		if again := b.AppendPayload(nil); !bytes.Equal(again, payload) {
			t.Fatalf("%x encodes to %x", payload, again)
		}
		var out contract.Outcome
		if err := NewRunner().Run(ops, confine(s, Declare(ops, nil)), &out); err != nil {
			t.Fatalf("run: %v", err)
		}
		s.clone().apply(t, &out)
	})
}

// TestDecodeRefuses damages good payloads: no mutant is taken unless it is another good one.
func TestDecodeRefuses(t *testing.T) {
	dict := NewDict(fuzzNames)
	d := NewDecoder(dict)
	for _, payload := range payloadsOfEveryKind(t) {
		if _, err := d.Decode(payload); err != nil {
			t.Fatalf("good payload %x: %v", payload, err)
		}
		for n := range payload {
			if _, err := d.Decode(payload[:n]); !errors.Is(err, object.ErrMalformed) {
				t.Errorf("%x cut to %d bytes: %v", payload, n, err)
			}
		}
		if _, err := d.Decode(append(bytes.Clone(payload), 0)); !errors.Is(err, object.ErrMalformed) {
			t.Errorf("%x with a byte more: %v", payload, err)
		}
	}
	tuple := key.Append(nil, key.Text("k"))
	good := Op{Code: Put, Table: "t", Tuple: tuple, Fields: []Arg{{Name: "a", Value: []byte{1}}, {Name: "b", Value: []byte{2}}}}
	bad := map[string]func(op *Op){
		"descending fields": func(op *Op) { op.Fields[0], op.Fields[1] = op.Fields[1], op.Fields[0] },
		"a field twice":     func(op *Op) { op.Fields[1].Name = "a" },
		"control in a name": func(op *Op) { op.Fields[0].Name = "\x01" },
		"no key":            func(op *Op) { op.Tuple = nil },
		"a bad key":         func(op *Op) { op.Tuple = []byte{0x02, 'k'} },
		"create on put":     func(op *Op) { op.Flags = Create },
		"exact and force":   func(op *Op) { op.Flags = Exact | Force },
		"absent in insert":  func(op *Op) { op.Code, op.Fields[0].Value = Insert, []byte{0x80} },
		"del with fields":   func(op *Op) { op.Code, op.RowSeen = Del, make([]byte, 16) },
		"a short version":   func(op *Op) { op.Code, op.RowSeen = Replace, make([]byte, 15) },
		"a long hash":       func(op *Op) { op.SawRow, op.Fields[0].Seen = true, make([]byte, 17) },
		"an unknown code":   func(op *Op) { op.Code = codeCount },
		"a large value": func(op *Op) {
			op.Fields[0].Value = value.AppendBytes(nil, make([]byte, MaxRowBytes))
		},
		"a large row": func(op *Op) {
			op.Fields[0].Value = value.AppendBytes(nil, make([]byte, MaxRowBytes/2))
			op.Fields[1].Value = op.Fields[0].Value
		},
		"define with a key": func(op *Op) { op.Code = Define },
	}
	for name, spoil := range bad {
		op := good
		op.Fields = append([]Arg{}, good.Fields...)
		spoil(&op)
		b := NewBuilder(indexNamer(fuzzNames))
		if err := b.Add(&op); err == nil {
			t.Errorf("%s: the builder takes it", name)
		}
		payload := append(object.AppendArray(nil, 1), b.appendOp(nil, &op)...)
		if _, err := d.Decode(payload); !errors.Is(err, object.ErrMalformed) {
			t.Errorf("%s: the decoder says %v", name, err)
		}
	}
	if _, err := d.Decode(object.AppendArray(nil, 0)); !errors.Is(err, object.ErrMalformed) {
		t.Errorf("no operations: %v", err)
	}
}

func TestBuilderLimits(t *testing.T) {
	b := NewBuilder(indexNamer(fuzzNames))
	op := Op{Code: Insert, Table: "t", Tuple: key.Append(nil, key.Int(1)),
		Fields: []Arg{{Name: "a", Value: value.AppendBytes(nil, make([]byte, MaxRowBytes-64))}}}
	var err error
	for err == nil {
		err = b.Add(&op)
	}
	if !errors.Is(err, ErrTooManyOps) {
		t.Fatalf("error %v", err)
	}
	payload := b.AppendPayload(nil)
	if len(payload) > object.MaxPayloadBytes {
		t.Errorf("payload of %d bytes", len(payload))
	}
	if ops, err := NewDecoder(NewDict(fuzzNames)).Decode(payload); err != nil || len(ops) != b.Count() {
		t.Errorf("%d operations, %v", len(ops), err)
	}
}

func TestTupleFastWayAgrees(t *testing.T) {
	for a := range 256 {
		for c := range 256 {
			for _, tuple := range [][]byte{{byte(a)}, {byte(a), byte(c)}, {byte(a), byte(c), 0}, {byte(a), byte(c), 'x', 0}, {byte(a), byte(c), 1, 2, 3, 4, 5, 6, 7}} {
				_, want := key.Decode(tuple)
				if got := checkTuple(tuple); (got == nil) != (want == nil) {
					t.Fatalf("%x: %v, want %v", tuple, got, want)
				}
			}
		}
	}
}

func FuzzCheckRow(f *testing.F) {
	f.Add(rowOf(f, `{"a":1,"b":[1,"x"],"c":{}}`))
	f.Add([]byte{0x80})
	f.Fuzz(func(t *testing.T, row []byte) {
		for range Fields(row) { // whatever it is, it ends
		}
		if CheckRow(row) != nil {
			return
		}
		fields := FieldList(row)
		again, err := AppendRow(nil, fields)
		if err != nil || !bytes.Equal(again, row) || len(fields) != FieldCount(row) {
			t.Fatalf("%x encodes to %x, %v", row, again, err)
		}
		for _, field := range fields {
			if v, ok := Lookup(row, field.Name); !ok || !bytes.Equal(v, field.Enc) {
				t.Fatalf("%x: field %q is %x, %v", row, field.Name, v, ok)
			}
		}
		text := value.AppendJSONObject(nil, fields)
		back, err := value.ParseJSONObject(text)
		if err != nil {
			if errors.Is(err, value.ErrLimit) || errors.Is(err, value.ErrRange) {
				return // numbers beyond what an author writes
			}
			t.Fatalf("%s: %v", text, err)
		}
		if again, err := AppendRow(nil, back); err != nil || !bytes.Equal(again, row) {
			t.Fatalf("%x is %s in JSON and then %x, %v", row, text, again, err)
		}
	})
}

func TestTemplate(t *testing.T) {
	d := newDictionary()
	template, err := NewTemplate(d, "t", []string{"a", "b"})
	if err != nil {
		t.Fatal(err)
	}
	tuple := key.Append(nil, key.Text("k"))
	values := value.AppendText(value.AppendUint(nil, 5), "x")
	got, err := template.AppendPayload(nil, tuple, values)
	if err != nil {
		t.Fatal(err)
	}
	b := NewBuilder(d)
	op := Op{Code: Insert, Table: "t", Tuple: tuple, Fields: []Arg{{Name: "a", Value: values[:1]}, {Name: "b", Value: values[1:]}}}
	if err := b.Add(&op); err != nil || !bytes.Equal(got, b.AppendPayload(nil)) {
		t.Errorf("template makes %x, builder %x, %v", got, b.AppendPayload(nil), err)
	}
	if _, err := template.AppendPayload(nil, tuple, make([]byte, MaxRowBytes)); !errors.Is(err, ErrRowTooLarge) {
		t.Errorf("large row: %v", err)
	}
	if _, err := NewTemplate(d, "t", []string{"b", "a"}); err == nil {
		t.Error("descending fields are taken")
	}
}

func TestApplyLimits(t *testing.T) {
	big := value.AppendBytes(nil, make([]byte, MaxRowBytes/2))
	row, err := AppendRow(nil, []value.Field{{Name: "a", Enc: big}})
	if err != nil {
		t.Fatal(err)
	}
	e := contract.Effect{Kind: contract.EffectFields, Fields: []contract.FieldEffect{{Name: "b", Kind: contract.FieldSet, Value: big}}}
	dst := []byte("before")
	got, exists, err := Apply(dst, row, true, &e)
	if !errors.Is(err, ErrRowTooLarge) || !exists || string(got) != "before" {
		t.Errorf("%d bytes, %v, %v", len(got), exists, err)
	}
	if _, _, err := Apply(nil, nil, false, &e); !errors.Is(err, ErrNoRow) {
		t.Errorf("no row: %v", err)
	}
}

func TestSchema(t *testing.T) {
	s := &Schema{Key: []string{"id"}, Columns: []Column{
		{Name: "id", Type: value.TypeInteger}, {Name: "b", Type: value.TypeAny, Position: 1}, {Name: "a.x", Type: value.TypeList, Position: 2}}}
	row, err := AppendRow(nil, s.Fields())
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseSchema(row)
	if err != nil || len(back.Columns) != 3 || back.Columns[2] != s.Columns[2] || back.Columns[0].Name != "id" || back.Key[0] != "id" {
		t.Fatalf("%+v, %v", back, err)
	}
	for _, bad := range []string{`{"x":1}`, `{"key":[]}`, `{"key":["a","a"]}`, `{"key":[1]}`, `{"col":{"a":["number",1]}}`, `{"col":{"a":["text"]}}`, `{"col":{"a":["text",-1]}}`} {
		if _, err := ParseSchema(rowOf(t, bad)); err == nil {
			t.Errorf("%s is taken", bad)
		}
		b := newBench()
		d := newDictionary()
		builder := NewBuilder(d)
		op := Op{Code: Define, Table: "t"}
		for _, f := range jsonFields(t, bad) {
			op.Fields = append(op.Fields, Arg{Name: f.Name, Value: f.Enc})
		}
		if err := builder.Add(&op); err != nil {
			t.Fatal(err)
		}
		if out := b.run(t, d.Names(), builder.AppendPayload(nil)); out.Verdict != object.VerdictExcluded || out.Exclusion.Reason != object.ReasonType {
			t.Errorf("define %s: %v", bad, out.Verdict)
		}
	}
}

func TestInfer(t *testing.T) {
	tests := []struct {
		cells string
		want  value.Type
	}{
		{"1|-2|0", value.TypeInteger}, {"1|01", value.TypeText}, {"1|+1", value.TypeText}, {"-0", value.TypeText},
		{"1|1.50", value.TypeDecimal}, {"1.5|-0.05", value.TypeDecimal}, {"-0.0", value.TypeText}, {"1.", value.TypeText}, {".5", value.TypeText},
		{"1e5", value.TypeText}, {"true|false", value.TypeBool}, {"true|True", value.TypeText}, {"1|true", value.TypeText},
		{"1|", value.TypeText}, {"", value.TypeText}, {"1|NULL", value.TypeText}, {strings.Repeat("9", 77), value.TypeInteger},
		{strings.Repeat("9", 78), value.TypeText}, {"0." + strings.Repeat("1", 65), value.TypeText},
	}
	for _, test := range tests {
		cells := bytes.Split([]byte(test.cells), []byte("|"))
		got := Infer(cells...)
		if got != test.want {
			t.Errorf("%s is %v, want %v", test.cells, got, test.want)
		}
		for _, cell := range cells {
			enc, err := value.ParsePlain(nil, got, cell)
			if err != nil || string(value.AppendPlain(nil, enc)) != string(cell) {
				t.Errorf("%s of type %v comes back as %s, %v", cell, got, value.AppendPlain(nil, enc), err)
			}
		}
	}
	g := NewColumnGuess("NULL", true)
	for _, cell := range []string{"NULL", "5", "NULL"} {
		g.Observe([]byte(cell))
	}
	if g.Type() != value.TypeInteger {
		t.Errorf("with nulls it is %v", g.Type())
	}
}
