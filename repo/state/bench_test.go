package state

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"aergo/repo/object"
)

const benchRows = 1_000_000

func benchKey(i int) []byte { return fmt.Appendf(nil, "\x03\x02accounts\x00\x02account-%07d\x00", i) }

func benchValue(dst []byte, i, version int) []byte {
	for len(dst) < 56 {
		dst = binary.BigEndian.AppendUint64(dst, uint64(i)*0x9e3779b97f4a7c15+uint64(version)+uint64(len(dst)))
	}
	return append(dst, "1234"...)
}

var million = sync.OnceValues(func() (Tree, *Overlay) {
	store := NewOverlay(nil)
	root, err := WriteEmpty(store)
	if err != nil {
		panic(err)
	}
	tree := New(store, root)
	const batch = 10000
	for lo := 0; lo < benchRows; lo += batch {
		tree, err = tree.Update(context.Background(), store, benchBatch(lo, batch), 2)
		if err != nil {
			panic(err)
		}
	}
	return tree, store
})

func benchBatch(lo, n int) []Edit {
	edits := make([]Edit, n)
	for i := range edits {
		edits[i] = Edit{Key: benchKey(2 * (lo + i)), Value: benchValue(nil, lo+i, 0)}
	}
	return edits
}

// discard hashes are made, nodes go nowhere; it counts them.
type discard struct {
	mu           sync.Mutex
	nodes, bytes int
}

func (d *discard) Put(_ object.Kind, _ object.Hash, data []byte) error {
	d.mu.Lock()
	d.nodes++
	d.bytes += len(data)
	d.mu.Unlock()
	return nil
}

// BenchmarkImport appends a million rows in batches of 10,000.
func BenchmarkImport(b *testing.B) {
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			batches := make([][]Edit, benchRows/10000)
			for i := range batches {
				batches[i] = benchBatch(i*10000, 10000)
			}
			b.ReportAllocs()
			var written *discard
			for b.Loop() {
				tree, store := emptyTree(b)
				written = &discard{}
				for _, edits := range batches {
					tree = update(b, tree, both{store, written}, edits, workers)
				}
			}
			perRow(b, benchRows)
			report(b, written)
		})
	}
}

type both struct{ a, b NodeWriter }

func (w both) Put(k object.Kind, h object.Hash, data []byte) error {
	if err := w.a.Put(k, h, data); err != nil {
		return err
	}
	return w.b.Put(k, h, data)
}

func perRow(b *testing.B, rows int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
}

func report(b *testing.B, d *discard) {
	b.ReportMetric(float64(d.nodes), "nodes")
	b.ReportMetric(float64(d.bytes)/1e6, "MB")
	b.ReportMetric(float64(d.bytes)/float64(max(1, d.nodes)), "B/node")
}

// BenchmarkHashing is the raw cost of the hashes that BenchmarkImport makes.
func BenchmarkHashing(b *testing.B) {
	data := make([]byte, 1200)
	key := benchKey(1)
	for b.Loop() {
		for i := range benchRows {
			if i%15 == 0 {
				object.Sum(data)
			}
			object.Sum(key)
		}
	}
	perRow(b, benchRows)
}

func scattered(n int, kind string, version int) []Edit {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	byKey := make(map[string]Edit, n)
	for len(byKey) < n {
		i := r.IntN(benchRows)
		e := Edit{Key: benchKey(2 * i), Value: benchValue(nil, i, version)}
		switch kind {
		case "insert":
			e.Key = benchKey(2*i + 1)
		case "delete":
			e = Edit{Key: e.Key, Delete: true}
		case "resize":
			e.Value = append(e.Value, bytes.Repeat([]byte{'x'}, r.IntN(20))...)
		}
		byKey[string(e.Key)] = e
	}
	return sortEdits(byKey)
}

func BenchmarkScattered(b *testing.B) {
	tree, store := million()
	for _, kind := range []string{"change", "resize", "insert", "delete"} {
		for _, n := range []int{1, 1000, 10000, 100000} {
			edits := scattered(n, kind, 1)
			for _, workers := range []int{1, 2} {
				b.Run(fmt.Sprintf("%s/n=%d/workers=%d", kind, n, workers), func(b *testing.B) {
					b.ReportAllocs()
					t := New(store, tree.Root())
					var written *discard
					for b.Loop() {
						written = &discard{}
						update(b, t, written, edits, workers)
					}
					perRow(b, n)
					report(b, written)
				})
			}
		}
	}
}

func BenchmarkDiff(b *testing.B) {
	tree, store := million()
	for _, n := range []int{1, 1000, 100000} {
		changed := update(b, tree, store, scattered(n, "change", 2), 2)
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				found := 0
				err := Diff(b.Context(), tree, changed, func(_, _, _ []byte) error { found++; return nil })
				if err != nil || found != n {
					b.Fatal(found, err)
				}
			}
		})
	}
}

func BenchmarkGet(b *testing.B) {
	tree, store := million()
	for name, reader := range map[string]NodeReader{"bare": store, "cached": NewCache(store, 512<<20)} {
		b.Run(name, func(b *testing.B) {
			t := New(reader, tree.Root())
			r := rand.New(rand.NewPCG(1, 1))
			var buf []byte
			b.ReportAllocs()
			for b.Loop() {
				buf = append(buf[:0], benchKey(2*r.IntN(benchRows))...)
				if _, ok, err := t.Get(b.Context(), buf); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	}
}

func BenchmarkGetMany(b *testing.B) {
	tree, _ := million()
	for _, n := range []int{1000, 100000} {
		var keys [][]byte
		for _, e := range scattered(n, "change", 0) {
			keys = append(keys, e.Key)
		}
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("n=%d/workers=%d", n, workers), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					err := tree.GetMany(b.Context(), keys, workers, func(int, []byte, bool) error { return nil })
					if err != nil {
						b.Fatal(err)
					}
				}
				perRow(b, n)
			})
		}
	}
}

func BenchmarkRange(b *testing.B) {
	tree, _ := million()
	b.ReportAllocs()
	for b.Loop() {
		rows := 0
		if err := tree.Range(b.Context(), nil, nil, func(_, _ []byte) error { rows++; return nil }); err != nil || rows != benchRows {
			b.Fatal(rows, err)
		}
	}
	perRow(b, benchRows)
}

// BenchmarkBlocks is blocks one after another, each of scattered changes of rows whose
// nodes are in memory.
func BenchmarkBlocks(b *testing.B) {
	tree, store := million()
	for _, n := range []int{20_000, 100_000} {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("n=%d/workers=%d", n, workers), func(b *testing.B) {
				cache := NewCache(store, 1<<30)
				t := New(cache, tree.Root())
				if err := t.Range(b.Context(), nil, nil, func(_, _ []byte) error { return nil }); err != nil {
					b.Fatal(err)
				}
				version := 3
				b.ReportAllocs()
				for b.Loop() {
					b.StopTimer()
					version++
					edits := scattered(n, "change", version)
					b.StartTimer()
					t = update(b, t, cache.Through(&discard{}), edits, workers)
				}
				perRow(b, n)
			})
		}
	}
}
