package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aergo/net/transfer"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/ref"
)

// keeper is a remote that keeps what is submitted to it, and takes nothing.
type keeper struct {
	repo.Remote
	kept []repo.Submission
}

var errKept = errors.New("kept")

func (k *keeper) Submit(_ context.Context, s repo.Submission) (repo.Submitted, error) {
	k.kept = append(k.kept, s)
	return repo.Submitted{}, errKept
}

func (k *keeper) Submission(context.Context, ref.Name, object.Hash, bool) (repo.Submitted, error) {
	return repo.Submitted{}, errKept
}

func (k *keeper) Close() error { return nil }

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
	clone, err := w.clone(d, "ada", "ledger")
	must(b, err)
	keep := &keeper{}
	opts, err := w.options("")
	must(b, err)
	opts.Dial = func(context.Context, string) (repo.Remote, error) { return keep, nil }
	author, err := clone.As(b.Context(), opts)
	must(b, err)
	for i := range b.N {
		line := fmt.Sprintf(`{"op":"put","table":"t","key":"%d","fields":{"n":1}}`, i)
		if _, err := author.SubmitLines(b.Context(), strings.NewReader(line), repo.SubmitRequest{Remote: "origin", Branch: "master"}); !errors.Is(err, errKept) {
			b.Fatal(err)
		}
	}
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
				if _, err := peer.Submit(b.Context(), keep.kept[i]); err != nil {
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
