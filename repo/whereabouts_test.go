package repo

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"aergo/repo/store/faultfs"
)

// Why says the same with an index, without one, and with one that was lost or damaged.
func TestWhyWithAndWithoutAnIndex(t *testing.T) {
	r := initAt(t, faultfs.New())
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":1}}`)
	first := commit(t, r, "first")
	checkoutNew(t, r, "feature")
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":2}}`)
	theirs := commit(t, r, "theirs")
	checkout(t, r, "master")
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":3}}`)
	commit(t, r, "ours")
	if _, err := r.Merge(t.Context(), MergeRequest{Source: "feature"}); err != nil {
		t.Fatal(err)
	}
	ask := func() []Story {
		t.Helper()
		var all []Story
		for _, b := range []Committed{first, theirs} {
			s, err := r.Why(t.Context(), TxID{b.Batch, 0}.String())
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, s)
		}
		return all
	}
	want := ask()
	if len(want[1].Fates) != 2 || want[1].Fates[1].Reason == nil {
		t.Fatalf("why says %+v", want[1])
	}
	r.opts.DerivedPath = filepath.Join(t.TempDir(), "derived")
	check := func(what string) {
		t.Helper()
		if got := ask(); !reflect.DeepEqual(got, want) {
			t.Errorf("with %s index why says %+v, want %+v", what, got, want)
		}
	}
	check("a new")
	check("an old")
	files, err := filepath.Glob(filepath.Join(r.opts.DerivedPath, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal("there is no index", err)
	}
	for _, f := range files {
		if err := os.WriteFile(f, []byte("damage"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check("a damaged")
	if err := os.RemoveAll(r.opts.DerivedPath); err != nil {
		t.Fatal(err)
	}
	check("a lost")
}
