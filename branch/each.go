package branch

import (
	"context"
	"sync"
	"sync/atomic"
)

// eachShare is how many calls are worth giving to another goroutine.
const eachShare = 64

// each calls fn for 0 to n-1, from so many goroutines if there is enough to share. The
// error is that of the lowest number that failed, as if they had been called in order.
func each(ctx context.Context, workers, n int, fn func(i int) error) error {
	shares := (n + eachShare - 1) / eachShare
	errs := make([]error, shares)
	var next atomic.Int64
	var failed atomic.Bool
	work := func() {
		for !failed.Load() {
			share := int(next.Add(1)) - 1
			if share >= shares {
				return
			}
			err := ctx.Err()
			for i := share * eachShare; err == nil && i < min(n, (share+1)*eachShare); i++ {
				err = fn(i)
			}
			if err != nil {
				errs[share] = err
				failed.Store(true)
			}
		}
	}
	var group sync.WaitGroup
	for range min(workers, shares) - 1 {
		group.Go(work)
	}
	work()
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
