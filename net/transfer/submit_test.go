package transfer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"aergo/branch"
	"aergo/repo"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/ref"
)

func putLine(key string, n int) string {
	return fmt.Sprintf(`{"op":"put","table":"t","key":%q,"fields":{"n":%d}}`, key, n)
}

// keepSealing has a loop make blocks of what a repository accepts, until the test is over.
func keepSealing(t *testing.T, r *repo.Repo) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.KeepSealing(ctx, repo.SealPolicy{Interval: 1}) }()
	t.Cleanup(func() {
		stop()
		must(t, <-ended)
	})
}

// submission is a signed batch that puts a row, written by the owner of a clone.
func (w *world) submission(from *repo.Repo, line string) repo.Submission {
	w.t.Helper()
	keep := &keeper{}
	o := w.options("ada")
	o.Dial = func(context.Context, string) (repo.Remote, error) { return keep, nil }
	as, err := from.As(w.t.Context(), o)
	must(w.t, err)
	if _, err := as.SubmitLines(w.t.Context(), strings.NewReader(line), repo.SubmitRequest{Remote: "origin", Branch: "master"}); !errors.Is(err, errKept) {
		w.t.Fatal(err)
	}
	return keep.kept
}

var errKept = errors.New("kept")

// keeper is a remote that keeps what is submitted to it, and takes nothing.
type keeper struct {
	repo.Remote
	kept repo.Submission
}

func (k *keeper) Submit(_ context.Context, s repo.Submission) (repo.Submitted, error) {
	k.kept = s
	return repo.Submitted{}, errKept
}

func (k *keeper) Submission(context.Context, ref.Name, object.Hash, bool) (repo.Submitted, error) {
	return repo.Submitted{}, errKept
}

func (k *keeper) Close() error { return nil }

func TestSubmissionsOverAStream(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	w.onDisk = true
	up := w.init("up", "ada")
	put(t, up, "a", 1)
	clone := w.clone("test://up", "ada")

	// Nobody seals: it is sealed at once.
	out, err := clone.SubmitLines(ctx, strings.NewReader(putLine("a", 2)), repo.SubmitRequest{Remote: "origin", Branch: "master"})
	if err != nil || out.State != repo.SubmissionSealed || out.Changed || out.Receipt == nil {
		t.Fatalf("submitted %+v, %v", out, err)
	}
	keepSealing(t, up)
	out, err = clone.SubmitLines(ctx, strings.NewReader(putLine("a", 3)+"\n"+putLine("b", 1)), repo.SubmitRequest{Remote: "origin", Branch: "master"})
	must(t, err)
	if x := out.Exclusions(); len(x) != 1 || x[0].Reason != object.ReasonFieldChanged || x[0].Table != "t" {
		t.Errorf("excluded are %+v", x)
	}
	after, err := clone.Followed(ctx, "origin", "master", out.Batch, true)
	if err != nil || after.State != repo.SubmissionSealed || after.Changed || after.Receipt.ID != out.Receipt.ID || len(after.Excluded) != 1 {
		t.Errorf("afterwards %+v, %v", after, err)
	}
	if _, err := clone.Followed(ctx, "origin", "master", object.Hash{1}, true); !errors.Is(err, repo.ErrNoSubmission) {
		t.Errorf("what was never submitted: %v", err)
	}
	wantRow(t, up, "a", "2")
	wantRow(t, up, "b", "1")
	sound(t, up)
}

// TestSubmissionsAreTakenOnce loses the stream at every byte of a submission.
func TestSubmissionsAreTakenOnce(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	w.onDisk = true
	up := w.init("up", "ada")
	put(t, up, "a", 1)
	clone := w.clone("test://up", "ada")
	keepSealing(t, up)
	s := w.submission(clone, putLine("b", 1))
	w.client.Attempts = 2
	var first repo.Submitted
	for n := 1; n < 1200; n += 60 {
		count := 0
		once := func() int {
			if count++; count > 2 { // both directions of the first stream
				return plenty
			}
			return n
		}
		w.cutAfter(once, once)
		c, err := w.open(ctx, "ada", "up")
		if err != nil {
			continue // lost while it greets: the next one is another conversation
		}
		out, err := c.Submit(ctx, s)
		if err != nil {
			t.Fatalf("lost after %d bytes: %v", n, err)
		}
		if first.Receipt == nil {
			first = out
		}
		if out.Batch != first.Batch || out.Receipt == nil || out.Receipt.ID != first.Receipt.ID || out.Receipt.Verify() != nil {
			t.Errorf("lost after %d bytes: %+v", n, out)
		}
	}
	if first.Receipt == nil {
		t.Fatal("nothing came through")
	}
	if out, err := up.Submission(ctx, "master", first.Batch, true); err != nil || out.State != repo.SubmissionSealed || out.Changed {
		t.Fatalf("it is %+v, %v", out, err)
	}
	batches := 0
	must(t, up.Log(ctx, "", 0, func(b repo.Block) error { batches += len(b.Batches); return nil }))
	if batches != 2 {
		t.Errorf("%d batches are in blocks", batches)
	}
}

// TestSubmissionsAreRefusedInTheirWords: errors cross, the conversation goes on, and who may
// not read learns nothing.
func TestSubmissionsAreRefusedInTheirWords(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	up := w.init("up", "ada")
	put(t, up, "a", 1)
	clone := w.clone("test://up", "ada")
	good := w.submission(clone, putLine("b", 1))
	c, err := w.open(ctx, "ada", "up")
	must(t, err)
	bad := func(change func(*repo.Submission)) repo.Submission {
		s := good
		change(&s)
		return s
	}
	for what, test := range map[string]struct {
		s  repo.Submission
		is error
	}{
		"another seal":   {bad(func(s *repo.Submission) { s.Seal = make([]byte, 64) }), key.ErrBadSignature},
		"no chunk":       {bad(func(s *repo.Submission) { s.Chunks = nil }), branch.ErrInvalid},
		"no batch":       {bad(func(s *repo.Submission) { s.Batch = []byte{1} }), object.ErrMalformed},
		"another branch": {bad(func(s *repo.Submission) { s.Branch = "nowhere" }), ref.ErrNotFound},
		"too large":      {bad(func(s *repo.Submission) { s.Chunks = make([][]byte, 6); fillChunks(s.Chunks) }), repo.ErrTooLarge},
		"far too large":  {bad(func(s *repo.Submission) { s.Chunks = make([][]byte, 9); fillChunks(s.Chunks) }), ErrTooLarge},
	} {
		if out, err := c.Submit(ctx, test.s); !errors.Is(err, test.is) {
			t.Errorf("%s: %+v, %v", what, out, err)
		}
	}
	if out, err := c.Submit(ctx, good); err != nil || out.State != repo.SubmissionSealed {
		t.Errorf("then a good one is %+v, %v", out, err)
	}
	w.mu.Lock()
	w.denied["eve up read"] = ErrDenied
	w.mu.Unlock()
	if _, err := w.open(ctx, "eve", "up"); !errors.Is(err, repo.ErrNoRepository) {
		t.Errorf("who may not read: %v", err)
	}
	// A repository that takes none says so.
	w.lie("up", func(r Repository) Repository { return onlyMerges{r} })
	c, err = w.open(ctx, "ada", "up")
	must(t, err)
	if _, err := c.Submit(ctx, good); !errors.Is(err, ErrProtocol) {
		t.Errorf("where none are taken: %v", err)
	}
}

func fillChunks(chunks [][]byte) {
	for i := range chunks {
		chunks[i] = make([]byte, object.MaxSizeBytes)
	}
}

// onlyMerges is a repository without the rest of it.
type onlyMerges struct{ Repository }
