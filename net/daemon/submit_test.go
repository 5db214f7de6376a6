package daemon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"aergo/repo"
	"aergo/repo/lock"
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

// drafts are submissions of a row each to the repository ledger, signed by ada.
func (w *world) drafts(d *Daemon, n int) []repo.Submission {
	w.t.Helper()
	clone, err := w.clone(d, "ada", "ledger")
	must(w.t, err)
	keep := &keeper{}
	opts, err := w.options("")
	must(w.t, err)
	opts.Dial = func(context.Context, string) (repo.Remote, error) { return keep, nil }
	author, err := clone.As(w.t.Context(), opts)
	must(w.t, err)
	for i := range n {
		line := fmt.Sprintf(`{"op":"put","table":"t","key":"%d","fields":{"n":1}}`, i)
		if _, err := author.SubmitLines(w.t.Context(), strings.NewReader(line), repo.SubmitRequest{Remote: "origin", Branch: "master"}); !errors.Is(err, errKept) {
			w.t.Fatal(err)
		}
	}
	return keep.kept
}

// brokenOnce is a bug that shows once.
type brokenOnce struct{ was atomic.Bool }

// lockWith is a lock with a bug.
type lockWith struct {
	lock.Lock
	bug *brokenOnce
}

// Acquire implements lock.Lock.
func (l lockWith) Acquire(ctx context.Context, wait func(string)) (func(), error) {
	if l.bug.was.CompareAndSwap(false, true) {
		panic("a broken lock")
	}
	return l.Lock.Acquire(ctx, wait)
}

// TestBugsWhileSealing: a bug in making a block is logged, and the repository is opened anew;
// what was accepted is in its next block.
func TestBugsWhileSealing(t *testing.T) {
	w := newWorld(t)
	w.init("ledger")
	broken := &brokenOnce{}
	d := w.start(func(o *Options) {
		options := o.Repository
		o.Repository = func(folder string) (repo.Options, error) {
			opts, err := options(folder)
			opts.Lock = lockWith{opts.Lock, broken}
			return opts, err
		}
	})
	drafts := w.drafts(d, 1)
	c, err := w.connect(d, "ada", "ledger")
	must(t, err)
	out, err := c.Submit(t.Context(), drafts[0])
	must(t, err)
	after, err := c.Submission(t.Context(), "master", out.Batch, true)
	if err != nil || after.State != repo.SubmissionSealed || after.Changed {
		t.Errorf("it is %+v, %v", after, err)
	}
	if !broken.was.Load() || !strings.Contains(w.log.String(), "a broken lock") {
		t.Error("the log does not tell of it")
	}
}
