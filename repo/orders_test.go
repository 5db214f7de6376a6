package repo

import (
	"errors"
	"fmt"
	"testing"

	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/store/faultfs"
)

func checkout(t testing.TB, r *Repo, name ref.Name) {
	t.Helper()
	if _, err := r.Checkout(t.Context(), name); err != nil {
		t.Fatal(err)
	}
}

func checkoutNew(t testing.TB, r *Repo, name ref.Name) {
	t.Helper()
	if _, err := r.CheckoutNew(t.Context(), name, ""); err != nil {
		t.Fatal(err)
	}
}

// validateAll executes every block of the current branch again.
func validateAll(t testing.TB, r *Repo) {
	t.Helper()
	b, err := r.Resolve(t.Context(), "")
	for err == nil {
		if err = r.led().Validate(t.Context(), b); err != nil || b.Parent.IsZero() {
			break
		}
		b, err = r.led().Block(t.Context(), b.Parent)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestCherryPickOnceAndThenMergeTheRest(t *testing.T) {
	r := initAt(t, faultfs.New())
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":1}}`)
	commit(t, r, "first")
	checkoutNew(t, r, "feature")
	apply(t, r, `{"op":"put","table":"t","key":"b","fields":{"n":2}}`, `{"op":"put","table":"t","key":"c","fields":{"n":3}}`)
	batch := commit(t, r, "two rows").Batch
	checkout(t, r, "master")
	apply(t, r, `{"op":"put","table":"t","key":"z","fields":{"n":9}}`)
	commit(t, r, "elsewhere")

	one := TxID{batch, 1}.String()
	picked, err := r.CherryPick(t.Context(), one, "")
	if err != nil || picked.Applied != 1 {
		t.Fatalf("picked %+v, %v", picked, err)
	}
	if field(t, r, "t", "c", "n") != "3" || field(t, r, "t", "b", "n") != "" {
		t.Error("not just the one was picked")
	}
	again, err := r.CherryPick(t.Context(), one, "")
	if err != nil || !again.UpToDate || again.Already != 1 || again.Block != picked.Block {
		t.Errorf("picked again: %+v, %v", again, err)
	}
	merged, err := r.Merge(t.Context(), MergeRequest{Source: "feature"})
	if err != nil || merged.Applied != 1 || merged.Already != 1 || len(merged.Excluded) != 0 {
		t.Errorf("merged %+v, %v", merged, err)
	}
	validateAll(t, r)
}

func TestCherryPickNamesWhatIsInTheWay(t *testing.T) {
	r := initAt(t, faultfs.New())
	checkoutNew(t, r, "feature")
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":1}}`)
	commit(t, r, "row")
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":2}}`)
	edit := commit(t, r, "edit of the row")
	checkout(t, r, "master")
	before, err := r.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m, err := r.CherryPick(t.Context(), edit.Batch.String(), "")
	if !errors.Is(err, ErrConflict) || len(m.Excluded) != 1 || m.Excluded[0].Reason != object.ReasonRowGone || m.Excluded[0].Table != "t" {
		t.Errorf("picked %+v, %v", m, err)
	}
	after, err := r.Status(t.Context())
	if err != nil || after.Head != before.Head {
		t.Errorf("the branch moved: %v", err)
	}
}

func TestExcludedIsListedReplayedAndDropped(t *testing.T) {
	ctx := t.Context()
	r := initAt(t, faultfs.New())
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":1}}`, `{"op":"put","table":"t","key":"b","fields":{"n":1}}`)
	commit(t, r, "first")
	checkoutNew(t, r, "feature")
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":2}}`, `{"op":"put","table":"t","key":"b","fields":{"n":2}}`)
	commit(t, r, "theirs")
	checkout(t, r, "master")
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":5}}`, `{"op":"put","table":"t","key":"b","fields":{"n":5}}`)
	commit(t, r, "ours")
	m, err := r.Merge(ctx, MergeRequest{Source: "feature"})
	if err != nil || len(m.Excluded) != 2 {
		t.Fatalf("merged %+v, %v", m, err)
	}
	var listed []Exclusion
	if err := r.Excluded(ctx, "", func(x Exclusion) error { listed = append(listed, x); return nil }); err != nil || len(listed) != 2 {
		t.Fatalf("excluded lists %v, %v", listed, err)
	}
	first := listed[0].Transaction.String()
	if _, err := r.ReplayExcluded(ctx, first, ""); !errors.Is(err, ErrConflict) {
		t.Errorf("a replay that still conflicts gives %v", err)
	}
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":1}}`)
	commit(t, r, "make way")
	replayed, err := r.ReplayExcluded(ctx, first, "")
	if err != nil || replayed.Applied != 1 || field(t, r, "t", "a", "n") != "2" {
		t.Errorf("replayed %+v, %v", replayed, err)
	}
	story, err := r.Why(ctx, first)
	if err != nil || len(story.Fates) != 2 || story.Fates[1].Verdict != object.VerdictApplied {
		t.Errorf("why says %+v, %v", story, err)
	}
	if dropped, err := r.DropExcluded(ctx, "", ""); err != nil || dropped.Dropped != 1 {
		t.Errorf("dropped %+v, %v", dropped, err)
	}
	left := 0
	if err := r.Excluded(ctx, "", func(Exclusion) error { left++; return nil }); err != nil || left != 0 {
		t.Errorf("%d are still excluded, %v", left, err)
	}
	validateAll(t, r)
}

func TestRevert(t *testing.T) {
	ctx := t.Context()
	r := initAt(t, faultfs.New())
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":1,"m":"x","l":["p"]}}`, `{"op":"put","table":"t","key":"gone","fields":{"n":1}}`)
	commit(t, r, "first")
	apply(t, r,
		`{"op":"incr","table":"t","key":"a","fields":{"n":5}}`, `{"op":"put","table":"t","key":"a","fields":{"m":"y"}}`,
		`{"op":"append","table":"t","key":"a","fields":{"l":"q"}}`, `{"op":"append","table":"t","key":"a","fields":{"l":"p"}}`,
		`{"op":"del","table":"t","key":"gone"}`, `{"op":"put","table":"t","key":"new","fields":{"n":7}}`)
	second := commit(t, r, "second")
	apply(t, r, `{"op":"incr","table":"t","key":"a","fields":{"n":100}}`)
	commit(t, r, "meanwhile")
	if _, err := r.Revert(ctx, second.Batch.String(), ""); err != nil {
		t.Fatal(err)
	}
	for _, want := range [][3]string{{"a", "n", "101"}, {"a", "m", `"x"`}, {"a", "l", `["p"]`}, {"gone", "n", "1"}, {"new", "n", ""}} {
		if got := field(t, r, "t", want[0], want[1]); got != want[2] {
			t.Errorf("row %s field %s is %s, want %s", want[0], want[1], got, want[2])
		}
	}
	// Deltas can be taken back any number of times; the rest is back already.
	if _, err := r.Revert(ctx, second.Batch.String(), ""); err != nil || field(t, r, "t", "a", "n") != "96" {
		t.Errorf("reverting twice gives n = %s, %v", field(t, r, "t", "a", "n"), err)
	}
	validateAll(t, r)
}

func TestRevertOfWhatChangedSince(t *testing.T) {
	r := initAt(t, faultfs.New())
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":1}}`)
	commit(t, r, "first")
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":2}}`)
	second := commit(t, r, "second")
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":3}}`)
	commit(t, r, "third")
	if _, err := r.Revert(t.Context(), second.Block.String(), ""); !errors.Is(err, ErrConflict) {
		t.Errorf("error is %v", err)
	}
	if field(t, r, "t", "a", "n") != "3" {
		t.Error("the row changed all the same")
	}
}

func TestMergeModes(t *testing.T) {
	for _, test := range []struct {
		mode   object.Mode
		want   string
		reason object.Reason
		forced uint64
	}{
		{object.ModeExclude, "5", object.ReasonFieldChanged, 0},
		{object.ModeOurs, "5", object.ReasonOurs, 0},
		{object.ModeTheirs, "2", object.ReasonSuperseded, 1},
	} {
		t.Run(test.mode.String(), func(t *testing.T) {
			r := initAt(t, faultfs.New())
			apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":1}}`)
			commit(t, r, "first")
			checkoutNew(t, r, "feature")
			apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":2}}`)
			commit(t, r, "theirs")
			checkout(t, r, "master")
			apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":5}}`)
			commit(t, r, "ours")
			dry, err := r.Merge(t.Context(), MergeRequest{Source: "feature", Mode: test.mode, DryRun: true})
			if err != nil || len(dry.Excluded) != 1 || field(t, r, "t", "a", "n") != "5" {
				t.Fatalf("dry run: %+v, %v", dry, err)
			}
			strict, err := r.Merge(t.Context(), MergeRequest{Source: "feature", Mode: test.mode, Strict: true})
			if !errors.Is(err, ErrConflict) || len(strict.Excluded) != 1 || field(t, r, "t", "a", "n") != "5" {
				t.Fatalf("strict: %+v, %v", strict, err)
			}
			m, err := r.Merge(t.Context(), MergeRequest{Source: "feature", Mode: test.mode})
			if err != nil || len(m.Excluded) != 1 || m.Excluded[0].Reason != test.reason || m.Forced != test.forced {
				t.Fatalf("merged %+v, %v", m, err)
			}
			if got := field(t, r, "t", "a", "n"); got != test.want {
				t.Errorf("n is %s, want %s", got, test.want)
			}
			validateAll(t, r)
		})
	}
}

func TestScheduleShowsTheTree(t *testing.T) {
	r := initAt(t, faultfs.New())
	var ops []string
	for i := range 1000 {
		ops = append(ops, fmt.Sprintf(`{"op":"put","table":"t","key":"k%d","fields":{"n":%d}}`, i, i))
	}
	apply(t, r, ops...)
	c := commit(t, r, "a thousand rows")
	s, err := r.Schedule(t.Context(), "")
	if err != nil || s.Block != c.Block || s.Transactions != 1000 || s.Root.Kind != "parallel" || s.Leaves < 2 {
		t.Fatalf("schedule %+v, %v", s, err)
	}
	total := 0
	for _, child := range s.Root.Children {
		total += child.Count
	}
	if total != 1000 || s.CriticalPath >= s.Work || s.Makespan[2]*3 > s.Work*2 {
		t.Errorf("%d transactions below the root, critical path %d of %d, makespan %v", total, s.CriticalPath, s.Work, s.Makespan)
	}
}
