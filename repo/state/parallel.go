package state

import (
	"context"
	"sync"
	"sync/atomic"
)

// parallel calls fn for 0 to n-1 from at most the given number of goroutines, the caller's
// among them, and returns the error of the lowest index that failed. After a failure it
// starts no more calls. worker is below workers, for scratch space.
func parallel(ctx context.Context, workers, n int, fn func(worker, i int) error) error {
	workers = max(1, min(workers, n))
	var (
		next   atomic.Int64
		failed atomic.Bool
		mu     sync.Mutex
		first  error
		at     int
	)
	run := func(worker int) {
		for !failed.Load() {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			err := ctx.Err()
			if err == nil {
				err = fn(worker, i)
			}
			if err != nil {
				mu.Lock()
				if first == nil || i < at {
					first, at = err, i
				}
				mu.Unlock()
				failed.Store(true)
			}
		}
	}
	var group sync.WaitGroup
	for w := 1; w < workers; w++ {
		group.Go(func() { run(w) })
	}
	run(0)
	group.Wait()
	return first
}
