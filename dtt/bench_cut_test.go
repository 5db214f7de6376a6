package dtt

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
)

// spinning is a ledger whose transactions take about 10 microseconds each.
type spinning struct {
	*ledger
	sinks []uint64 // by worker
}

func (m *spinning) RunLeaf(ctx context.Context, worker int, s Space, first, count int) error {
	sink := m.sinks[worker]
	for range count {
		sink = spin(sink)
	}
	m.sinks[worker] = sink
	return m.ledger.RunLeaf(ctx, worker, s, first, count)
}

// BenchmarkCheckpoints runs a block of 10,000 transfers between two accounts, of about 10
// microseconds each: the one that no tree without cuts can run in parallel.
func BenchmarkCheckpoints(b *testing.B) {
	const n = 10_000
	l := loads()[4].lists(n)
	costs, opt := tenMicroseconds(n)
	plain := Build(l, costs, opt)
	for _, tree := range []struct {
		name string
		Tree
	}{{"plain", plain}, {"cut", Checkpoint(plain, l, costs, opt)}} {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/%d", tree.name, workers), func(b *testing.B) {
				pool := NewPool(workers)
				defer pool.Close()
				machine := func() *spinning {
					return &spinning{newLedger(l, identity(n), tree.Cuts()), make([]uint64, workers)}
				}
				filled, err := pool.Record(context.Background(), tree.Tree, machine())
				if err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if err := Check(l, filled); err != nil {
						b.Fatal(err)
					}
					if err := pool.RunCheckpoints(context.Background(), filled, machine()); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(filled.Cuts()), "cuts")
			})
		}
	}
}

// BenchmarkCheckpoint measures how long it takes to make cuts.
func BenchmarkCheckpoint(b *testing.B) {
	const n = 100_000
	for _, load := range loads() {
		b.Run(load.name, func(b *testing.B) {
			l := load.lists(n)
			costs, opt := tenMicroseconds(n)
			opt.Workers = 8
			var p Planner
			plain := p.Build(l, costs, opt)
			tree := plain
			for b.Loop() {
				tree = p.Checkpoint(plain, l, costs, opt)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/tx")
			b.ReportMetric(float64(tree.Cuts()), "cuts")
			b.ReportMetric(float64(plain.Makespan(costs, 2))/float64(tree.Makespan(costs, 2)), "gain@2")
		})
	}
}

// BenchmarkRanges measures points among overlapping intervals.
func BenchmarkRanges(b *testing.B) {
	for _, count := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			var r Ranges
			key := func(i int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(i)*0x9e3779b1) }
			for i := range count {
				r.Declare(key(2*i), key(2*i+1), Read)
			}
			if _, err := r.Number(0); err != nil {
				b.Fatal(err)
			}
			const n = 10_000
			var builder ListBuilder
			keys := make([][]byte, n)
			for i := range keys {
				keys[i] = key(3 * i)
			}
			for b.Loop() {
				builder.Reset()
				for _, key := range keys {
					builder.Begin()
					r.AddPoint(&builder, key, Write)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/point")
		})
	}
}
