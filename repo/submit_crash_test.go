package repo

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"aergo/repo/object"
	"aergo/repo/store/faultfs"
)

// shop is a life of submissions on a disk that fails: what each step hands over, and what was
// answered.
type shop struct {
	*disaster
	submissions []Submission
	answered    map[object.Hash]bool
	handed      map[object.Hash]bool
}

// newShop is a repository with one commit, and submissions that were signed on it.
func newShop(t *testing.T) *shop {
	s := &shop{disaster: newDisaster(t)}
	s.now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s.opts.Clock = concurrently(s.opts.Clock)
	r, err := Init(t.Context(), s.here, s.options("ada"))
	must(t, err)
	apply(t, r, putLine("a", 1))
	commit(t, r, "first")
	for i := range 5 {
		s.submissions = append(s.submissions, draft(t, r, "master", putLine("a", 10+i), putLine(fmt.Sprintf("row %d", i), i)))
	}
	must(t, r.Close())
	return s
}

// live submits, seals, and changes the branch in between. It stops at the first error.
func (s *shop) live() error {
	s.answered, s.handed = map[object.Hash]bool{}, map[object.Hash]bool{}
	ctx := s.t.Context()
	submit := func(r *Repo, which ...int) error {
		for _, i := range which {
			id := object.Sum(s.submissions[i].Batch)
			s.handed[id] = true
			if _, err := r.Submit(ctx, s.submissions[i]); err != nil {
				return err
			}
			s.answered[id] = true
		}
		return nil
	}
	seal := func(r *Repo) error {
		_, err := r.SealSubmissions(ctx, "master")
		return err
	}
	for _, step := range []func(r *Repo) error{
		func(r *Repo) error { return errors.Join(submit(r, 0, 1), seal(r)) },
		func(r *Repo) error { return submit(r, 2) },
		func(r *Repo) error {
			if _, err := r.ApplyLines(ctx, strings.NewReader(putLine("row 3", 99))); err != nil {
				return err
			}
			_, err := r.Commit(ctx, CommitRequest{Message: "between"})
			return err
		},
		func(r *Repo) error { return errors.Join(submit(r, 3), seal(r), submit(r, 4)) },
	} {
		if err := s.open(s.here, step); err != nil {
			return err
		}
	}
	return nil
}

// check looks at what a crash has left: everything that was answered is known, and after one
// more block each is in exactly one.
func (s *shop) check(disk *faultfs.FS) error {
	return s.open(disk, func(r *Repo) error {
		ctx := s.t.Context()
		known := map[object.Hash]bool{}
		for id := range s.handed {
			out, err := r.Submission(ctx, "master", id, false)
			switch {
			case errors.Is(err, ErrNoSubmission) && !s.answered[id]:
				continue
			case err != nil:
				return fmt.Errorf("batch %s: %w", id.Short(), err)
			case out.State != SubmissionAccepted && out.State != SubmissionSealed || out.Receipt == nil:
				return fmt.Errorf("batch %s is %+v", id.Short(), out)
			}
			known[id] = true
		}
		if _, err := r.SealSubmissions(ctx, "master"); err != nil {
			return fmt.Errorf("seal: %w", err)
		}
		held := map[object.Hash]int{}
		err := r.Log(ctx, "master", 0, func(b Block) error {
			for _, batch := range b.Batches {
				held[batch.ID]++
			}
			return nil
		})
		for id := range known {
			if held[id] != 1 {
				err = errors.Join(err, fmt.Errorf("batch %s is in %d blocks", id.Short(), held[id]))
			}
			if out, seeErr := r.Submission(ctx, "master", id, true); seeErr != nil || out.State != SubmissionSealed {
				err = errors.Join(err, fmt.Errorf("batch %s is %+v, %w", id.Short(), out, seeErr))
			}
		}
		return err
	})
}

// TestSubmissionsSurviveACrashAtEveryOperation stops the life at every write.
func TestSubmissionsSurviveACrashAtEveryOperation(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	s := newShop(t)
	before := s.here
	for n, done := 0, false; !done; n++ {
		s.here = before.Clone()
		s.here.SetPlan(faultfs.CrashAt(n))
		err := s.live()
		if done = s.here.Ops() <= n; done != (err == nil) {
			t.Fatalf("crash at %d: %v", n, err)
		}
		for _, crashed := range []*faultfs.FS{s.here.CrashClone(rng), s.here.SyncedClone()} {
			if err := s.check(crashed); err != nil {
				t.Fatalf("crash at %d: %v", n, err)
			}
			if n%10 == 0 || done {
				if err := s.usable(crashed); err != nil {
					t.Fatalf("crash at %d: %v", n, err)
				}
			}
		}
	}
}

// TestSubmissionsSurviveAFaultAtEveryOperation makes every write fail. What was answered with
// an error is not there, what was answered is.
func TestSubmissionsSurviveAFaultAtEveryOperation(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	before := s.here
	for n, done := 0, false; !done; n++ {
		s.here = before.Clone()
		s.here.SetPlan(faultfs.FailAt(n, syscall.EIO, n%3*7))
		err := s.live()
		done = s.here.Ops() <= n
		s.here.SetPlan(nil)
		if err != nil && !errors.Is(err, syscall.EIO) {
			t.Fatalf("fault at %d: %v", n, err)
		}
		must(t, s.open(s.here, func(r *Repo) error {
			for id := range s.handed {
				if _, err := r.Submission(t.Context(), "master", id, false); errors.Is(err, ErrNoSubmission) == s.answered[id] {
					t.Errorf("fault at %d: batch %s, answered %v: %v", n, id.Short(), s.answered[id], err)
				}
			}
			return nil
		}))
		if err := s.check(s.here); err != nil {
			t.Fatalf("fault at %d: %v", n, err)
		}
	}
}
