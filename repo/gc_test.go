package repo

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"aergo/branch"
	"aergo/repo/object"
	"aergo/repo/store"
	"aergo/repo/store/faultfs"
)

func collect(t testing.TB, r *Repo) GCReport {
	t.Helper()
	g, err := r.GC(t.Context())
	must(t, err)
	return g
}

func TestGCRemovesWhatNothingLeadsTo(t *testing.T) {
	ctx := t.Context()
	fs := faultfs.New()
	r := initAt(t, fs)
	put(t, r, "a", "n", 1)
	_, err := r.CheckoutNew(ctx, "side", "")
	must(t, err)
	lost := put(t, r, "b", "n", 2)
	tip := put(t, r, "b", "n", 3)
	_, err = r.CreateTag(ctx, "kept", lost.String(), "")
	must(t, err)
	_, err = r.Checkout(ctx, "master")
	must(t, err)
	_, err = r.DeleteBranch(ctx, "side", true)
	must(t, err)
	apply(t, r, `{"op":"put","table":"t","key":"p","fields":{"n":7}}`)

	// The deletion can still be undone, so nothing of it goes.
	collect(t, r)
	if b, err := r.Resolve(ctx, tip.String()); err != nil || b.ID != tip {
		t.Fatalf("the head of a branch that can come back is %s, %v", b.ID.Short(), err)
	}
	forget(t, r)
	g := collect(t, r)
	if g.ObjectsAfter >= g.ObjectsBefore || g.BytesAfter >= g.BytesBefore {
		t.Errorf("collected %+v", g)
	}
	if _, err := r.Resolve(ctx, tip.String()); !errors.Is(err, ErrNoRevision) {
		t.Errorf("what nothing leads to: %v", err)
	}
	if b, err := r.Resolve(ctx, "kept"); err != nil || b.ID != lost {
		t.Errorf("tag: %v", err)
	}
	wantField(t, r, "p", "n", "7")
	sound(t, r)
	before := snapshotOf(t, fs)
	g = collect(t, r)
	if g.ObjectsBefore != g.ObjectsAfter || g.BytesBefore != g.BytesAfter || snapshotOf(t, fs) != before {
		t.Errorf("collecting twice changed something: %+v", g)
	}
	commit(t, r, "after")
	sound(t, r)
}

// forget makes a repository forget its operations.
func forget(t testing.TB, r *Repo) {
	t.Helper()
	must(t, r.fs.Remove(operationsFile))
}

func TestGCKeepsWhatUndoNeeds(t *testing.T) {
	ctx := t.Context()
	r := initAt(t, faultfs.New())
	put(t, r, "a", "n", 1)
	apply(t, r, `{"op":"put","table":"t","key":"p","fields":{"n":7}}`)
	commit(t, r, "to be taken back")
	collect(t, r)
	_, err := r.Undo(ctx)
	must(t, err)
	wantField(t, r, "p", "n", "7")
	if st, err := r.Status(ctx); err != nil || st.Pending != 1 || st.Height != 1 {
		t.Errorf("status %+v, %v", st, err)
	}
	collect(t, r)
	_, err = r.Undo(ctx) // do it again
	must(t, err)
	if st, err := r.Status(ctx); err != nil || st.Pending != 0 || st.Height != 2 {
		t.Errorf("status %+v, %v", st, err)
	}
	sound(t, r)
}

func TestGCKeepsLargePools(t *testing.T) {
	r := initAt(t, faultfs.New())
	put(t, r, "a", "n", 1)
	var lines []string
	for i := range 2 * branch.MaterialiseTransactions {
		lines = append(lines, fmt.Sprintf(`{"op":"put","table":"t","key":"row %d","fields":{"n":%d}}`, i, i))
	}
	apply(t, r, lines...)
	forget(t, r)
	collect(t, r)
	sound(t, r)
	wantField(t, r, "row 99", "n", "99")
	commit(t, r, "large")
	sound(t, r)
}

func TestGCRefusesWhereSomethingIsMissing(t *testing.T) {
	fs := faultfs.New()
	r := initAt(t, fs)
	put(t, r, "a", "n", 1)
	loseObjects(t, r, object.KindChunk)
	before := snapshotOf(t, fs)
	if _, err := r.GC(t.Context()); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("gc: %v", err)
	}
	if snapshotOf(t, fs) != before {
		t.Error("the refused collection changed something")
	}
}

// loseObjects removes all objects of a kind behind the repository's back.
func loseObjects(t testing.TB, r *Repo, kind object.Kind) (lost []object.Hash) {
	t.Helper()
	disk, err := r.objects()
	must(t, err)
	gone := map[object.Hash]bool{}
	must(t, disk.Each(t.Context(), func(i store.Info) error {
		if i.Kind == kind {
			gone[i.Hash] = true
			lost = append(lost, i.Hash)
		}
		return nil
	}))
	must(t, disk.(compacter).Compact(t.Context(), func(h object.Hash) bool { return !gone[h] }))
	return lost
}

func TestFsckNamesWhatIsWrong(t *testing.T) {
	cases := map[string]struct {
		damage func(t *testing.T, r *Repo)
		want   []string // in some problem each
	}{
		"missing chunk":    {func(t *testing.T, r *Repo) { loseObjects(t, r, object.KindChunk) }, []string{"chunk", "is missing"}},
		"missing batch":    {func(t *testing.T, r *Repo) { loseObjects(t, r, object.KindBatch) }, []string{"batch", "not found"}},
		"missing body":     {func(t *testing.T, r *Repo) { loseObjects(t, r, object.KindBody) }, []string{"body", "not found"}},
		"missing receipts": {func(t *testing.T, r *Repo) { loseObjects(t, r, object.KindReceipts) }, []string{"not found"}},
		"missing state":    {func(t *testing.T, r *Repo) { loseObjects(t, r, object.KindStateNode) }, []string{"state node", "not found"}},
		"missing headers":  {func(t *testing.T, r *Repo) { loseObjects(t, r, object.KindHeader) }, []string{"block", "not found"}},
		"damaged ref": {func(t *testing.T, r *Repo) {
			writeAll(t, r.fs, "refs/branches/master", []byte("nonsense"))
		}, []string{"refs", "master"}},
		"damaged HEAD":          {func(t *testing.T, r *Repo) { writeAll(t, r.fs, "refs/HEAD", []byte("nonsense")) }, []string{"HEAD"}},
		"damaged operation log": {func(t *testing.T, r *Repo) { bend(t, r, operationsFile, 20) }, []string{"oplog", "byte"}},
		"damaged pack":          {func(t *testing.T, r *Repo) { bend(t, r, "packs/pack-00000001.aergo", 200) }, []string{"packs/pack-00000001.aergo"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			fs := faultfs.New()
			r := initAt(t, fs)
			put(t, r, "a", "n", 1)
			put(t, r, "a", "n", 2)
			c.damage(t, r)
			must(t, r.Close())
			r, err := Open(fs, testOptions(t))
			must(t, err)
			defer r.Close()
			before := snapshotOf(t, fs)
			f, err := r.Fsck(t.Context())
			must(t, err)
			all := fmt.Sprintf("%+v", f.Problems)
			if len(f.Problems) == 0 {
				t.Fatal("no problem was found")
			}
			for _, want := range c.want {
				if !strings.Contains(all, want) {
					t.Errorf("%s: does not say %q", all, want)
				}
			}
			if snapshotOf(t, fs) != before {
				t.Error("fsck changed something")
			}
		})
	}
}

func bend(t testing.TB, r *Repo, name string, at int) {
	t.Helper()
	data := readAll(t, r.fs, name)
	data[at] ^= 0x55
	writeAll(t, r.fs, name, data)
}

func TestVerifyCounts(t *testing.T) {
	ctx := t.Context()
	r := initAt(t, faultfs.New())
	put(t, r, "a", "n", 1)
	_, err := r.CheckoutNew(ctx, "side", "")
	must(t, err)
	put(t, r, "a", "n", 2)
	_, err = r.Checkout(ctx, "master")
	must(t, err)
	put(t, r, "a", "n", 3)
	_, err = r.Merge(ctx, MergeRequest{Source: "side"})
	must(t, err)
	v, err := r.Verify(ctx, VerifyRequest{})
	must(t, err)
	// Genesis, root and four more; a merge decides what the source had once more.
	if want := (Verified{Blocks: 5, Transactions: 4, Signatures: 11, Excluded: 1}); v != want {
		t.Errorf("verified %+v, want %+v", v, want)
	}
	v, err = r.Verify(ctx, VerifyRequest{Rev: "side"})
	must(t, err)
	if v.Blocks != 3 || v.Transactions != 2 {
		t.Errorf("verified %+v", v)
	}
}
