package object_test

import (
	"fmt"
	"testing"

	"aergo/repo/object"
)

const benchTransactions = 1000

// benchChunk is a chunk as an import writes it: one operation of about 60 bytes a
// transaction.
func benchChunk() *object.Chunk {
	c := &object.Chunk{Names: []string{"people", "first", "last", "city", "amount", "date"}}
	for i := range benchTransactions {
		row := object.AppendArray(nil, 5)
		row = object.AppendBytes(row, fmt.Appendf(nil, "k%07d", i))
		for _, s := range []string{"Margaret", "Hamilton", "Cambridge", "1234.50", "1969-07-20"} {
			row = object.AppendText(row, s)
		}
		c.Transactions = append(c.Transactions, object.Transaction{Payload: row})
	}
	return c
}

func perTransaction(b *testing.B, sizeBytes int) {
	b.SetBytes(int64(sizeBytes))
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchTransactions, "ns/tx")
	b.ReportAllocs()
}

func BenchmarkChunkEncode(b *testing.B) {
	c := benchChunk()
	builder := object.NewChunkBuilder()
	var data []byte
	for b.Loop() {
		builder.Reset()
		for _, name := range c.Names {
			builder.Name(name)
		}
		for i := range c.Transactions {
			builder.Add(&c.Transactions[i])
		}
		data = builder.Encode()
	}
	perTransaction(b, len(data))
}

func BenchmarkChunkDecode(b *testing.B) {
	data := benchChunk().Encode()
	for b.Loop() {
		if _, err := object.DecodeChunk(data); err != nil {
			b.Fatal(err)
		}
	}
	perTransaction(b, len(data))
}

// BenchmarkChunkHash is what hashing costs, to compare the encoding with.
func BenchmarkChunkHash(b *testing.B) {
	data := benchChunk().Encode()
	for b.Loop() {
		object.Sum(data)
	}
	perTransaction(b, len(data))
}

func BenchmarkChunkSkip(b *testing.B) {
	data := benchChunk().Encode()
	for b.Loop() {
		r := object.ReaderOf(data)
		if r.Skip(8); r.End() != nil {
			b.Fatal(r.End())
		}
	}
	perTransaction(b, len(data))
}

func BenchmarkHeader(b *testing.B) {
	h := goodHeaders()[2].record.(*object.Header)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := object.DecodeHeader(h.Encode()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBodyDecode reads a body of 100,000 single runs, as a merge of scattered rows
// with many exclusions has.
func BenchmarkBodyDecode(b *testing.B) {
	e := object.Entry{Batch: word("batch")}
	for i := range uint64(100_000) {
		e.Runs = append(e.Runs, object.Run{First: 2 * i, Count: 1})
	}
	data := (&object.Body{Entries: []object.Entry{e}}).Encode()
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := object.DecodeBody(data); err != nil {
			b.Fatal(err)
		}
	}
}
