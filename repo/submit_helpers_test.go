package repo

import (
	"sync"
	"testing"
	"time"

	"aergo/branch"
	"aergo/repo/object"
)

// resign changes the batch of a submission and signs it again, as ada.
func resign(t testing.TB, r *Repo, s Submission, change func(b *object.Batch)) Submission {
	t.Helper()
	return resignAs(t, r, "ada", s, change)
}

func resignAs(t testing.TB, r *Repo, who string, s Submission, change func(b *object.Batch)) Submission {
	t.Helper()
	b, err := object.DecodeBatch(s.Batch)
	must(t, err)
	change(b)
	signer, err := r.signer(t.Context(), who)
	must(t, err)
	_, record, seal, err := branch.SignBatch(b, signer)
	must(t, err)
	s.Batch, s.Seal = record, seal[:]
	return s
}

// concurrently makes a clock safe for concurrent use.
func concurrently(clock func() time.Time) func() time.Time {
	var mu sync.Mutex
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return clock()
	}
}
