package format

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"aergo/contract/table"
)

// benchCSV is rows of about 62 bytes: an integer key in order, text, integer, decimal, date.
func benchCSV(rows int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := []byte("id,name,city,amount,price,since\n")
	for i := range rows {
		b = fmt.Appendf(b, "%d,customer-%07d,%s,%d,%d.%02d,20%02d-%02d-%02d\n", 1000000+i, r.IntN(1e7),
			[]string{"Seoul", "Busan", "Incheon", "Daejeon"}[r.IntN(4)], r.IntN(1e6), r.IntN(1000), r.IntN(100),
			r.IntN(26), 1+r.IntN(12), 1+r.IntN(28))
	}
	return b
}

const benchRows = 200_000

func BenchmarkReadCSVAndEach(b *testing.B) {
	in := benchCSV(benchRows)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		t := benchRead(b, in)
		if err := t.Each(func(int, []byte, []byte) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

func benchRead(b *testing.B, in []byte) *Table {
	t, err := ReadCSV(bytes.NewReader(in), Options{Key: []string{"id"}})
	if err == nil {
		err = t.Sort()
	}
	if err != nil || t.Len() != benchRows {
		b.Fatal(t.Len(), err)
	}
	return t
}

func BenchmarkReadCSV(b *testing.B) {
	in := benchCSV(benchRows)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadCSV(bytes.NewReader(in), Options{Key: []string{"id"}}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSplitCSV(b *testing.B) {
	in := benchCSV(benchRows)
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		s, err := newCSVScanner(bytes.NewReader(in))
		for more := true; more && err == nil; {
			more, err = s.scan()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodingCSV(b *testing.B) {
	in := benchCSV(benchRows)
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		r := csv.NewReader(bytes.NewReader(in))
		r.ReuseRecord = true
		for {
			if _, err := r.Read(); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkEach(b *testing.B) {
	t := benchRead(b, benchCSV(benchRows))
	b.ReportAllocs()
	for b.Loop() {
		if err := t.Each(func(int, []byte, []byte) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
}

func BenchmarkSortUnordered(b *testing.B) {
	in := benchCSV(benchRows)
	for b.Loop() {
		t, err := ReadCSV(bytes.NewReader(in), Options{Key: []string{"name", "id"}})
		if err == nil {
			err = t.Sort()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// benchJSONLines is the same rows as an export.
func benchJSONLines(b *testing.B) []byte {
	var out bytes.Buffer
	w := NewJSONLinesWriter(&out)
	if err := errors.Join(benchRead(b, benchCSV(benchRows)).Each(func(_ int, tuple, row []byte) error { return w.WriteRow(tuple, row) }), w.Close()); err != nil {
		b.Fatal(err)
	}
	return out.Bytes()
}

func BenchmarkReadJSONLines(b *testing.B) {
	in := benchJSONLines(b)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if t, err := ReadJSON(bytes.NewReader(in), Options{Key: []string{"id"}}); err != nil || t.Len() != benchRows {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadOps(b *testing.B) {
	in := bytes.ReplaceAll(benchJSONLines(b), []byte(`{"key":`), []byte(`{"op":"put","table":"t","key":`))
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if err := ReadOps(bytes.NewReader(in), nil, func(int, []table.Spec) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	t := benchRead(b, benchCSV(benchRows))
	for name, open := range map[string]func() (RowWriter, error){
		"csv":   func() (RowWriter, error) { return NewCSVWriter(io.Discard, t.Columns(), CSVOptions{}) },
		"jsonl": func() (RowWriter, error) { return NewJSONLinesWriter(io.Discard), nil },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w, err := open()
				if err == nil {
					err = t.Each(func(_ int, tuple, row []byte) error { return w.WriteRow(tuple, row) })
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
		})
	}
}
