package table

import (
	"fmt"
	"testing"

	"aergo/contract"
	"aergo/contract/value"
	"aergo/repo/object"
	"aergo/repo/state/key"
)

// benchView is one row of state and no schema, without a map on the way.
type benchView struct {
	row, field []byte
	exists     bool
}

func (v *benchView) Exists([]byte) (bool, error) { return v.exists, nil }
func (v *benchView) Field([]byte, string) ([]byte, bool, error) {
	return v.field, v.exists, nil
}
func (v *benchView) Row(k []byte) ([]byte, bool, error) {
	return v.row, v.exists && k[0] == byte(key.KindRow), nil
}

func benchPayload(b *testing.B, code Code) (*Dict, []byte, *benchView) {
	b.Helper()
	s := stateOf(b, rows{"key-000001": `{"name":"a","n":1}`})
	do := spec(b, code, "key-000002", `{"name":"somebody","mail":"somebody@example.org","n":123456,"x":1.50,"y":true,"z":"some text"}`, 0)
	if code == Put || code == Incr {
		do = spec(b, code, "key-000001", `{"n":2}`, 0)
	}
	names, payload := author(b, s, do)
	row := s[string(stateKey(b, "key-000001"))]
	n, _ := Lookup(row, "n")
	return NewDict(names), payload, &benchView{row: row, field: n, exists: code != Insert}
}

func benchEach(b *testing.B, fn func(b *testing.B, dict *Dict, payload []byte, view *benchView)) {
	for name, code := range map[string]Code{"put1": Put, "incr1": Incr, "insert6": Insert} {
		b.Run(name, func(b *testing.B) {
			dict, payload, view := benchPayload(b, code)
			b.ReportAllocs()
			fn(b, dict, payload, view)
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	benchEach(b, func(b *testing.B, dict *Dict, payload []byte, _ *benchView) {
		d := NewDecoder(dict)
		for b.Loop() {
			if _, err := d.Decode(payload); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkDeclare(b *testing.B) {
	benchEach(b, func(b *testing.B, dict *Dict, payload []byte, _ *benchView) {
		ops, err := NewDecoder(dict).Decode(payload)
		if err != nil {
			b.Fatal(err)
		}
		var list []contract.Access
		for b.Loop() {
			list = Declare(ops, list[:0])
		}
	})
}

func BenchmarkRun(b *testing.B) {
	benchEach(b, func(b *testing.B, dict *Dict, payload []byte, view *benchView) {
		ops, err := NewDecoder(dict).Decode(payload)
		if err != nil {
			b.Fatal(err)
		}
		r := NewRunner()
		var out contract.Outcome
		for b.Loop() {
			if err := r.Run(ops, view, &out); err != nil || out.Verdict != object.VerdictApplied {
				b.Fatal(err, out.Verdict)
			}
		}
	})
}

func BenchmarkApply(b *testing.B) {
	benchEach(b, func(b *testing.B, dict *Dict, payload []byte, view *benchView) {
		ops, err := NewDecoder(dict).Decode(payload)
		if err != nil {
			b.Fatal(err)
		}
		var out contract.Outcome
		if err := NewRunner().Run(ops, view, &out); err != nil {
			b.Fatal(err)
		}
		var row []byte
		for b.Loop() {
			if row, _, err = Apply(row[:0], view.row, view.exists, &out.Effects[0]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkImport is the way of one imported row: encode, decode, declare, run, apply.
func BenchmarkImport(b *testing.B) {
	d := newDictionary()
	columns := []string{"a", "b", "c", "d", "e", "f"}
	template, err := NewTemplate(d, "t", columns)
	if err != nil {
		b.Fatal(err)
	}
	decoder, runner := NewDecoder(NewDict(d.Names())), NewRunner()
	var out contract.Outcome
	cell := []byte("1234567")
	var tuple, values, payload, row []byte
	var list []contract.Access
	view := &benchView{}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		tuple = key.Append(tuple[:0], key.Int(int64(i)))
		values = values[:0]
		for range columns {
			values, _ = value.ParsePlain(values, value.TypeInteger, cell)
		}
		payload, _ = template.AppendPayload(payload[:0], tuple, values)
		ops, err := decoder.Decode(payload)
		if err != nil {
			b.Fatal(err)
		}
		list = Declare(ops, list[:0])
		if err := runner.Run(ops, view, &out); err != nil {
			b.Fatal(err)
		}
		row, _, _ = Apply(row[:0], nil, false, &out.Effects[0])
	}
}

func BenchmarkAuthor(b *testing.B) {
	s := stateOf(b, rows{"k": `{"a":1,"b":2,"c":"x"}`})
	specs := []Spec{spec(b, Put, "k", `{"b":3}`, 0)}
	a := NewAuthor(newDictionary())
	var payload []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if payload, err = a.AppendPayload(payload[:0], s, specs); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHotRow is one transaction of many operations on one row: it must be linear.
func BenchmarkHotRow(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var specs []Spec
			for i := range n {
				specs = append(specs, spec(b, Append, "k", fmt.Sprintf(`{"l":%d}`, i), Create))
			}
			names, payload := author(b, state{}, specs...)
			ops, err := NewDecoder(NewDict(names)).Decode(payload)
			if err != nil {
				b.Fatal(err)
			}
			r := NewRunner()
			var out contract.Outcome
			for b.Loop() {
				if err := r.Run(ops, &benchView{}, &out); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/operation")
		})
	}
}
