package branch

import (
	"fmt"
	"testing"

	"aergo/contract/table"
	"aergo/dtt"
	"aergo/repo/object"
	"aergo/repo/state"
	"aergo/repo/store"
)

// bookOf returns a book with a table of rows, and a batch on it.
func bookOf(b *testing.B, rows, n int, tx func(i int) []table.Spec) (*book, Block, []Span) {
	b.Helper()
	bk := newBook(b, 1)
	head := bk.root
	for from := 0; from < rows; from += 5000 {
		var base [][]table.Spec
		for i := from; i < min(from+5000, rows); i++ {
			base = append(base, put(fmt.Sprintf("row %07d", i), num("n", uint64(i)), text("word", "some text of an ordinary length")))
		}
		head = bk.commit(head, base...)
	}
	p := NewPending(head)
	desk := NewDesk(b.Context(), bk.Runtime, bk.State(head))
	bk.write(func(w store.Writer) {
		for i := range n {
			payload, err := table.NewAuthor(p.Open).AppendPayload(nil, desk, tx(i))
			must(b, err)
			p.Open.Add(&object.Transaction{Payload: payload})
			must(b, p.CloseChunk(w, false))
		}
	})
	batch := bk.sign(bk.ada, head, p, nil)
	return bk, head, []Span{{Batch: batch, Count: batch.Count}}
}

func perTransaction(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n)/float64(b.N), "ns/tx")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkExecute is all that a block takes: decoding, declaring, reading, ordering,
// running and writing the new state, into memory.
func BenchmarkExecute(b *testing.B) {
	const rows, n = 50_000, 20_000
	for name, tx := range map[string]func(i int) []table.Spec{
		"scattered puts": func(i int) []table.Spec { return put(fmt.Sprintf("row %07d", i*7919%rows), num("n", uint64(i)+1)) },
		"new rows": func(i int) []table.Spec {
			return put(fmt.Sprintf("new %07d", i), num("n", uint64(i)), text("word", "some text"))
		},
		"hot puts":                func(i int) []table.Spec { return one(table.Put, "row 0000001", table.Force, num("n", uint64(i))) },
		"hot increments":          func(i int) []table.Spec { return one(table.Incr, "row 0000001", 0, num("n", 1)) },
		"increments of a hundred": func(i int) []table.Spec { return one(table.Incr, fmt.Sprintf("row %07d", i%100), 0, num("n", 1)) },
	} {
		bk, head, spans := bookOf(b, rows, n, tx)
		for _, workers := range []int{1, 2} {
			pool := dtt.NewPool(workers)
			b.Run(fmt.Sprintf("%s/%d", name, workers), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					l := *bk.Ledger
					l.Workers = pool
					x := l.NewExecutor(bk.scratch(), head.Header.State)
					must(b, x.Propose(b.Context(), spans))
				}
				perTransaction(b, n)
			})
			pool.Close()
		}
	}
}

// BenchmarkStage is the parts of it that are this package's own.
func BenchmarkStage(b *testing.B) {
	const rows, n = 50_000, 20_000
	bk, head, spans := bookOf(b, rows, n, func(i int) []table.Spec {
		return put(fmt.Sprintf("row %07d", i*7919%rows), num("n", uint64(i)+1))
	})
	s := newStage(bk.Runtime, 1)
	fill := func() {
		s.reset()
		bk.fill(s, spans)
	}
	cache := state.New(state.NewCache(bk.mem, 64<<20), head.Header.State)
	var planner dtt.Planner
	for _, part := range []struct {
		name string
		run  func()
	}{
		{"decode and declare", fill},
		{"load", func() { must(b, s.load(b.Context(), cache, 1)) }},
		{"order", func() {
			lists, err := s.lists(true)
			must(b, err)
			planner.Build(lists, nil, dtt.Options{})
		}},
		{"run", func() {
			for _, sl := range s.table.all() {
				sl.row, sl.exists = sl.before, sl.existed
			}
			must(b, s.runLeaf(b.Context(), spans, 0, 0, 0, n))
		}},
	} {
		fill()
		must(b, s.load(b.Context(), cache, 1))
		b.Run(part.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				part.run()
			}
			perTransaction(b, n)
		})
	}
}

// BenchmarkIngest is an import: 200,000 transactions, executed as they come.
func BenchmarkIngest(b *testing.B) {
	const n = 200_000
	bk := newBook(b, 2)
	head := bk.commit(bk.root, put("count", num("n", 0)))
	for b.Loop() {
		s := bk.scratch()
		p := NewPending(head)
		in, err := bk.NewIngest(b.Context(), s, p, head)
		must(b, err)
		bk.feed(in, n)
		must(b, in.Finish(b.Context()))
	}
	perTransaction(b, n)
}
