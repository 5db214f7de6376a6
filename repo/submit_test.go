package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/util"

	"aergo/branch"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/store/faultfs"
)

// draft signs lines for a branch as they are submitted, on its head.
func draft(t testing.TB, r *Repo, name ref.Name, lines ...string) Submission {
	t.Helper()
	ctx := t.Context()
	l, err := r.ledger(ctx)
	must(t, err)
	b, err := r.refs.Branch(ctx, name)
	must(t, err)
	head, err := l.Block(ctx, b.Head)
	must(t, err)
	var out SubmittedLines
	s, err := r.signLines(ctx, l, head, strings.NewReader(strings.Join(lines, "\n")), SubmitRequest{Branch: name}, &out)
	must(t, err)
	return s
}

func submit(t testing.TB, r *Repo, s Submission) Submitted {
	t.Helper()
	out, err := r.Submit(t.Context(), s)
	must(t, err)
	if out.State != SubmissionAccepted || out.Receipt == nil || out.Receipt.Verify() != nil || out.Receipt.Batch != object.Sum(s.Batch) {
		t.Fatalf("answer %+v", out)
	}
	return out
}

func putLine(key string, n int) string {
	return fmt.Sprintf(`{"op":"put","table":"t","key":%q,"fields":{"n":%d}}`, key, n)
}

func TestSubmissionsAreAnsweredBeforeTheirBlock(t *testing.T) {
	ctx := t.Context()
	r := initAt(t, faultfs.New())
	apply(t, r, putLine("a", 1))
	first := commit(t, r, "first")

	// Two that were written on the same head: the second one comes too late for row a.
	one, two := draft(t, r, "master", putLine("a", 2)), draft(t, r, "master", putLine("a", 3), putLine("b", 1))
	a, b := submit(t, r, one), submit(t, r, two)
	if a.Receipt.Base.Block != first.Block || a.Receipt.Position != 0 || !a.Receipt.Previous.IsZero() || b.Receipt.Position != 1 || b.Receipt.Previous != a.Receipt.ID {
		t.Errorf("receipts %+v, %+v", a.Receipt.PoolReceipt, b.Receipt.PoolReceipt)
	}
	if want := []object.Run{{Count: 1, Verdict: object.VerdictExcluded}, {First: 1, Count: 1}}; !slices.Equal(b.Receipt.Runs, want) ||
		len(b.Receipt.Excluded) != 1 || b.Receipt.Excluded[0].Reason != object.ReasonFieldChanged {
		t.Errorf("the second has %+v, %+v", b.Receipt.Runs, b.Receipt.Excluded)
	}
	if got := field(t, r, "t", "a", "n"); got != "1" {
		t.Errorf("before the block row a has %s", got)
	}
	if again := submit(t, r, two); again.Receipt.ID != b.Receipt.ID {
		t.Error("asked again, another receipt is given")
	}

	sealed, err := r.SealSubmissions(ctx, "master")
	must(t, err)
	if sealed.Batches != 2 || sealed.Changed != 0 || sealed.Refused != 0 || sealed.Height != 2 {
		t.Errorf("sealed %+v", sealed)
	}
	if field(t, r, "t", "a", "n") != "2" || field(t, r, "t", "b", "n") != "1" {
		t.Error("the block does not hold what was submitted")
	}
	for _, s := range []Submitted{a, b} {
		after, err := r.Submission(ctx, "master", s.Batch, false)
		must(t, err)
		if after.State != SubmissionSealed || after.Changed || after.Block != sealed.Block || after.Receipt.ID != s.Receipt.ID {
			t.Errorf("afterwards %+v", after)
		}
	}
	if after, err := r.Submit(ctx, two); err != nil || after.State != SubmissionSealed || after.Receipt.ID != b.Receipt.ID {
		t.Errorf("submitted again: %+v, %v", after, err)
	}
	if next := submit(t, r, draft(t, r, "master", putLine("c", 1))); next.Receipt.Base.Block != sealed.Block || next.Receipt.Position != 0 {
		t.Errorf("the next receipt is %+v", next.Receipt.PoolReceipt)
	}
	if _, err := r.Verify(ctx, VerifyRequest{All: true}); err != nil {
		t.Error(err)
	}
}

func TestABranchThatMovesChangesWhatWasPromised(t *testing.T) {
	ctx := t.Context()
	r := initAt(t, faultfs.New())
	apply(t, r, putLine("a", 1))
	commit(t, r, "first")
	s := submit(t, r, draft(t, r, "master", putLine("a", 2), putLine("b", 2)))
	apply(t, r, putLine("a", 9))
	commit(t, r, "in between")

	// What comes next is decided on the new head, behind what was accepted.
	next := submit(t, r, draft(t, r, "master", putLine("b", 3)))
	if next.Receipt.Position != 1 || len(next.Receipt.Excluded) != 1 {
		t.Errorf("the next receipt is %+v", next.Receipt.PoolReceipt)
	}
	sealed, err := r.SealSubmissions(ctx, "master")
	must(t, err)
	if sealed.Batches != 2 || sealed.Changed != 1 {
		t.Errorf("sealed %+v", sealed)
	}
	after, err := r.Submission(ctx, "master", s.Batch, true)
	must(t, err)
	if !after.Changed || len(after.Excluded) != 1 || after.Excluded[0].Index != 0 || len(after.Receipt.Excluded) != 0 {
		t.Errorf("afterwards %+v", after)
	}
	if field(t, r, "t", "a", "n") != "9" || field(t, r, "t", "b", "n") != "2" {
		t.Error("wrong rows")
	}
	for index, kept := range []bool{false, true} {
		story, err := r.Why(ctx, fmt.Sprintf("%s.%d", s.Batch, index))
		must(t, err)
		p := story.Fates[0].Promised
		if p == nil || p.Verdict != object.VerdictApplied || p.Receipt != s.Receipt.ID || (story.Fates[0].Verdict == p.Verdict) != kept {
			t.Errorf("of transaction %d is told %+v, promised was %+v", index, story.Fates[0], p)
		}
	}
}

func TestSubmissionsThatMayNotEnterAnyMoreAreRefused(t *testing.T) {
	ctx := t.Context()
	r := initAt(t, faultfs.New())
	apply(t, r, putLine("a", 1))
	commit(t, r, "first")
	expires := resign(t, r, draft(t, r, "master", putLine("b", 1)), func(b *object.Batch) { b.Expiry = 2 })
	late, fine := submit(t, r, expires), submit(t, r, draft(t, r, "master", putLine("c", 1)))
	apply(t, r, putLine("a", 2))
	commit(t, r, "in between")
	sealed, err := r.SealSubmissions(ctx, "master")
	must(t, err)
	if sealed.Batches != 1 || sealed.Refused != 1 {
		t.Errorf("sealed %+v", sealed)
	}
	after, err := r.Submission(ctx, "master", late.Batch, true)
	if err != nil || after.State != SubmissionRefused || !after.Changed || !strings.Contains(after.Refusal, "expired") {
		t.Errorf("the late one is %+v, %v", after, err)
	}
	after, err = r.Submission(ctx, "master", fine.Batch, true)
	if err != nil || after.State != SubmissionSealed || after.Changed {
		t.Errorf("the other one is %+v, %v", after, err)
	}
	if _, err := r.Submit(ctx, expires); !errors.Is(err, branch.ErrInvalid) {
		t.Errorf("submitted again: %v", err)
	}
}

func TestUndoTakesSubmissionsBack(t *testing.T) {
	ctx := t.Context()
	r := initAt(t, faultfs.New())
	apply(t, r, putLine("a", 1))
	commit(t, r, "first")
	s := draft(t, r, "master", putLine("b", 1))
	given := submit(t, r, s)
	_, err := r.SealSubmissions(ctx, "master")
	must(t, err)
	_, err = r.Undo(ctx)
	must(t, err)
	after, err := r.Submission(ctx, "master", given.Batch, true)
	if err != nil || after.State != SubmissionTakenBack || !after.Changed {
		t.Errorf("after undo it is %+v, %v", after, err)
	}
	if sealed, err := r.SealSubmissions(ctx, "master"); err != nil || sealed.Batches != 0 {
		t.Errorf("sealed %+v, %v", sealed, err)
	}
	submit(t, r, s)
	if sealed, err := r.SealSubmissions(ctx, "master"); err != nil || sealed.Batches != 1 || field(t, r, "t", "b", "n") != "1" {
		t.Errorf("submitted again, sealed %+v, %v", sealed, err)
	}
}

func TestBranchesWithSubmissionsAreNotDeleted(t *testing.T) {
	ctx := t.Context()
	r := initAt(t, faultfs.New())
	apply(t, r, putLine("a", 1))
	commit(t, r, "first")
	_, err := r.CreateBranch(ctx, "other", "")
	must(t, err)
	s := submit(t, r, draft(t, r, "other", putLine("a", 2)))
	if _, err := r.DeleteBranch(ctx, "other", false); !errors.Is(err, ErrUnmerged) {
		t.Errorf("deleted: %v", err)
	}
	_, err = r.DeleteBranch(ctx, "other", true)
	must(t, err)
	// Who makes a branch of the same name anew has nothing to do with it.
	_, err = r.CreateBranch(ctx, "other", "")
	must(t, err)
	after, err := r.Submission(ctx, "other", s.Batch, true)
	if err != nil || after.State != SubmissionRefused || after.Refusal != "its branch is gone" {
		t.Errorf("afterwards it is %+v, %v", after, err)
	}
}

// TestBugsStopWhoSubmits: a bug while something is accepted is its submitter's to recover from,
// and the next one is served.
func TestBugsStopWhoSubmits(t *testing.T) {
	r := initAt(t, faultfs.New())
	apply(t, r, putLine("a", 1))
	commit(t, r, "first")
	s, clock := draft(t, r, "master", putLine("a", 2)), r.opts.Clock
	r.opts.Clock = func() time.Time { panic("a bug") }
	func() {
		defer func() {
			if bug := recover(); bug != "a bug" {
				t.Errorf("recovered %v", bug)
			}
		}()
		_, _ = r.Submit(t.Context(), s)
	}()
	r.opts.Clock = clock
	submit(t, r, s)
}

func TestFsckReadsInboxes(t *testing.T) {
	fs := faultfs.New()
	r := initAt(t, fs)
	apply(t, r, putLine("a", 1))
	commit(t, r, "first")
	submit(t, r, draft(t, r, "master", putLine("a", 2)))
	clean, err := r.Fsck(t.Context())
	if err != nil || len(clean.Problems) > 0 {
		t.Fatalf("%+v, %v", clean.Problems, err)
	}
	name := InboxesFolder + "/master/00000001"
	data, err := util.ReadFile(fs, name)
	must(t, err)
	must(t, util.WriteFile(fs, name, slices.Concat(data, []byte{0, 0, 0}), 0o644))
	if f, err := r.Fsck(t.Context()); err != nil || len(f.Problems) > 0 || f.TornBytes != clean.TornBytes+3 {
		t.Errorf("with a torn tail: %+v, %v", f, err)
	}
	spoilt := slices.Concat(data, data)
	spoilt[40] ^= 1
	must(t, util.WriteFile(fs, name, spoilt, 0o644))
	if f, err := r.Fsck(t.Context()); err != nil || len(f.Problems) != 1 || f.Problems[0].File != InboxesFolder+"/master" {
		t.Errorf("damaged: %+v, %v", f, err)
	}
}

// TestPendingWorkDoesNotHoldUpSubmissions has unsigned work in the way of what was accepted.
func TestPendingWorkDoesNotHoldUpSubmissions(t *testing.T) {
	ctx := t.Context()
	r := initAt(t, faultfs.New())
	apply(t, r, putLine("a", 1))
	commit(t, r, "first")
	s := submit(t, r, draft(t, r, "master", putLine("a", 2)))
	apply(t, r, putLine("a", 3))
	after, err := r.Submission(ctx, "master", s.Batch, true)
	if err != nil || after.State != SubmissionSealed || after.Changed {
		t.Fatalf("it is %+v, %v", after, err)
	}
	if _, err := r.Commit(ctx, CommitRequest{}); !errors.Is(err, branch.ErrStale) {
		t.Errorf("what was pending commits: %v", err)
	}
	if _, err := r.Status(ctx); err != nil {
		t.Errorf("status: %v", err)
	}
}

// TestKeepSealing has many submit at the same time while a loop makes blocks.
func TestKeepSealing(t *testing.T) {
	const clients, each = 8, 5
	r := initAt(t, faultfs.New())
	r.opts.Clock = concurrently(r.opts.Clock)
	apply(t, r, putLine("a", 1))
	commit(t, r, "first")
	left := submit(t, r, draft(t, r, "master", putLine("left", 1))) // by an earlier process

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.KeepSealing(ctx, SealPolicy{Interval: 1, Batches: 3}) }()
	answers := make(chan error, clients)
	for c := range clients {
		var drafts []Submission
		for i := range each {
			drafts = append(drafts, draft(t, r, "master", putLine(fmt.Sprintf("%d.%d", c, i), i)))
		}
		go func() {
			for _, s := range drafts {
				out, err := r.Submit(t.Context(), s)
				if err == nil {
					out, err = r.Submission(t.Context(), "master", out.Batch, true)
				}
				if err == nil && (out.State != SubmissionSealed || out.Changed) {
					err = fmt.Errorf("became %+v", out)
				}
				if err != nil {
					answers <- err
					return
				}
			}
			answers <- nil
		}()
	}
	for range clients {
		must(t, <-answers)
	}
	stop()
	must(t, <-ended)
	if out, err := r.Submission(t.Context(), "master", left.Batch, false); err != nil || out.State != SubmissionSealed {
		t.Errorf("what was left is %+v, %v", out, err)
	}
	checkOnce(t, r, clients*each+2)
}

// checkOnce checks that the branch that is checked out is sound, and that its blocks hold so
// many batches, none of them twice.
func checkOnce(t *testing.T, r *Repo, batches int) {
	t.Helper()
	held := map[object.Hash]int{}
	must(t, r.Log(t.Context(), "", 0, func(b Block) error {
		for _, batch := range b.Batches {
			held[batch.ID]++
		}
		return nil
	}))
	for id, n := range held {
		if n != 1 {
			t.Errorf("batch %s is in %d blocks", id.Short(), n)
		}
	}
	if len(held) != batches {
		t.Errorf("%d batches are in blocks, not %d", len(held), batches)
	}
	if _, err := r.Verify(t.Context(), VerifyRequest{All: true}); err != nil {
		t.Error(err)
	}
}
