package daemon

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"aergo/net/transfer"
)

// BenchmarkSubmit is how long peers wait for the receipts of single rows, each over a
// connection of its own, while the daemon makes blocks.
func BenchmarkSubmit(b *testing.B) {
	for _, clients := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) { benchSubmit(b, clients) })
	}
}

func benchSubmit(b *testing.B, clients int) {
	w := newWorld(b)
	w.init("ledger")
	d := w.start(func(o *Options) { o.Settings.Conversations = 256 })
	drafts := w.drafts(d, b.N)
	var err error
	peers := make([]*transfer.Client, clients)
	for i := range peers {
		peers[i], err = w.connect(d, "ada", "ledger")
		must(b, err)
	}
	took := make([]time.Duration, b.N)
	var all sync.WaitGroup
	b.ResetTimer()
	for c, peer := range peers {
		all.Go(func() {
			for i := c; i < b.N; i += clients {
				began := time.Now()
				if _, err := peer.Submit(b.Context(), drafts[i]); err != nil {
					b.Error(err)
				}
				took[i] = time.Since(began)
			}
		})
	}
	all.Wait()
	b.StopTimer()
	slices.Sort(took)
	at := func(percent int) float64 { return float64(took[(len(took)-1)*percent/100].Microseconds()) / 1000 }
	b.ReportMetric(at(50), "ms-median")
	b.ReportMetric(at(99), "ms-p99")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "/s")
}
