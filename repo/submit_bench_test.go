package repo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/osfs"

	"aergo/repo/lock"
)

// percentiles reports the median and the 99th percentile of what something took.
func percentiles(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	at := func(percent int) float64 {
		return float64(took[(len(took)-1)*percent/100].Microseconds()) / 1000
	}
	b.ReportMetric(at(50), "ms-median")
	b.ReportMetric(at(99), "ms-p99")
	b.ReportMetric(float64(len(took))/b.Elapsed().Seconds(), "/s")
}

// BenchmarkSubmit is how long submitters of one row wait for their receipts, while a loop makes
// blocks, beside what an append and a sync of as many bytes take on the same disk.
func BenchmarkSubmit(b *testing.B) {
	b.Run("sync alone", func(b *testing.B) {
		f, err := os.Create(filepath.Join(b.TempDir(), "file"))
		must(b, err)
		defer f.Close()
		data := make([]byte, 900)
		took := make([]time.Duration, 0, b.N)
		for b.Loop() {
			began := time.Now()
			_, err := f.Write(data)
			must(b, err)
			must(b, f.Sync())
			took = append(took, time.Since(began))
		}
		percentiles(b, took)
	})
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) { benchSubmit(b, clients) })
	}
}

func benchSubmit(b *testing.B, clients int) {
	dir := b.TempDir()
	opts := testOptions(b)
	opts.Clock = time.Now
	opts.Lock, opts.Intake = lock.NewFile(filepath.Join(dir, "lock"), "bench"), lock.NewFile(filepath.Join(dir, "intake"), "bench")
	r, err := Init(b.Context(), osfs.New(dir, osfs.WithBoundOS()), opts)
	must(b, err)
	defer r.Close()
	apply(b, r, putLine("a", 1))
	commit(b, r, "first")
	drafts := make([]Submission, b.N)
	for i := range drafts {
		drafts[i] = draft(b, r, "master", putLine(fmt.Sprint(i), i))
	}
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	blocks := 0
	go func() {
		ended <- r.KeepSealing(ctx, SealPolicy{Report: func(s SealedSubmissions, err error) {
			if err != nil || s.Changed+s.Refused > 0 {
				b.Errorf("sealed %+v, %v", s, err)
			}
			blocks++
		}})
	}()
	took := make([]time.Duration, b.N)
	var all sync.WaitGroup
	b.ResetTimer()
	for c := range clients {
		all.Go(func() {
			for i := c; i < b.N; i += clients {
				began := time.Now()
				if _, err := r.Submit(b.Context(), drafts[i]); err != nil {
					b.Error(err)
				}
				took[i] = time.Since(began)
			}
		})
	}
	all.Wait()
	b.StopTimer()
	percentiles(b, took)
	stop()
	must(b, <-ended)
	b.ReportMetric(float64(blocks), "blocks")
}
