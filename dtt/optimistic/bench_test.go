package optimistic

import (
	"context"
	"fmt"
	"testing"

	"aergo/dtt"
	"aergo/dtt/workload"
)

// openings is the ledger of the toy machine's first state.
type openings struct{ sums }

func (openings) Load(u dtt.Unit) (uint64, error) { return workload.Opening(u), nil }

// BenchmarkRun runs blocks of 10,000 transactions with 0 and 10 microseconds of work each.
// Package compare puts the engine beside others.
func BenchmarkRun(b *testing.B) {
	const n = 10_000
	loads, err := workload.Standard(n)
	if err != nil {
		b.Fatal(err)
	}
	perMicrosecond := workload.PerMicrosecond()
	for _, work := range []int{0, 10} {
		for _, l := range loads {
			for _, workers := range []int{1, 2} {
				b.Run(fmt.Sprintf("%s/%dus/%d", l.Name, work, workers), func(b *testing.B) {
					m := workload.NewMachine(l.Blocks[0], work*perMicrosecond)
					pool, e := newPool(b, workers), New[uint64](openings{})
					for b.Loop() {
						err := e.Run(context.Background(), pool, n, func(_ context.Context, tx int, v *View[uint64]) error { return m.RunOn(tx, v) })
						if err != nil {
							b.Fatal(err)
						}
					}
					stats := e.Stats()
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/tx")
					b.ReportMetric(float64(stats.Executions)/n, "executions/tx")
					b.ReportMetric(float64(stats.Blocked)/n, "blocked/tx")
					b.ReportMetric(float64(stats.Validations)/n, "validations/tx")
				})
			}
		}
	}
}
