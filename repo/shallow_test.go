package repo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"aergo/consensus/directory"
	"aergo/contract/value"
	"aergo/repo/lock"
	"aergo/repo/object"
)

// tryCloneOf is tryClone of a part of a repository.
func (w *world) tryCloneOf(path, who string, req CloneRequest) (*Repo, Cloned, error) {
	fs := w.folder(path)
	w.locks[path] = lock.NewMemory(path)
	r, c, err := Clone(w.t.Context(), fs, w.options(who, path), req)
	if err == nil {
		w.t.Cleanup(func() { _ = r.Close() })
		w.paths[path] = fs
	}
	return r, c, err
}

func (w *world) cloneOf(path, who string, req CloneRequest) (*Repo, Cloned) {
	w.t.Helper()
	r, c, err := w.tryCloneOf(path, who, req)
	must(w.t, err)
	return r, c
}

// heights lists what log shows.
func heights(t testing.TB, r *Repo, rev string) string {
	t.Helper()
	var out []string
	must(t, r.Log(t.Context(), rev, 0, func(b Block) error {
		out = append(out, fmt.Sprint(b.Height))
		return nil
	}))
	return strings.Join(out, " ")
}

func TestShallowClone(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		up := w.init("up", "ada")
		for i := range 10 {
			put(t, up, fmt.Sprint("k", i), "n", i)
		}
		_, all, err := w.tryClone("up", "all", "bob")
		must(t, err)
		r, c := w.cloneOf("part", "bob", CloneRequest{From: "up", Depth: 3})
		if c.Transfer.Objects >= all.Transfer.Objects || c.Lacking == nil || len(c.Lacking.Boundary) != 1 {
			t.Errorf("cloned %+v; all of it is %+v", c, all.Transfer)
		}
		if got := heights(t, r, ""); got != "10 9 8" {
			t.Errorf("log shows %s", got)
		}
		wantField(t, r, "k0", "n", "0")
		v := sound(t, r)
		if v.Blocks != 3 || v.Beyond != 8 {
			t.Errorf("verified %+v", v)
		}
		if _, err := r.Get(t.Context(), "t", "k0", "master@4"); !errors.Is(err, ErrBeyond) {
			t.Errorf("a row beyond the boundary: %v", err)
		}

		// Both sides work, and each gets what the other has.
		put(t, up, "k0", "n", 100)
		put(t, r, "k1", "n", 101)
		p, err := r.Pull(t.Context(), PullRequest{})
		must(t, err)
		if p.Applied != 1 {
			t.Errorf("pulled %+v", p)
		}
		sound(t, r)
		pushed, err := r.Push(t.Context(), PushRequest{})
		must(t, err)
		if pushed.Behind != nil || pushed.Applied != 1 {
			t.Errorf("pushed %+v", pushed)
		}
		wantField(t, up, "k1", "n", "101")
		sound(t, up)
		_, err = r.GC(t.Context())
		must(t, err)
		sound(t, r)

		_, err = r.Deepen(t.Context(), DeepenRequest{Depth: 8})
		must(t, err)
		if v := sound(t, r); v.Beyond != 5 {
			t.Errorf("verified %+v, log %s", v, heights(t, r, ""))
		}
		_, err = r.Deepen(t.Context(), DeepenRequest{Depth: Unshallow})
		must(t, err)
		if v := sound(t, r); v.Beyond != 0 || r.Lacking() != nil {
			t.Errorf("verified %+v, lacks %+v", v, r.Lacking())
		}
		wantField(t, r, "k0", "n", "100")
		_, err = r.Undo(t.Context())
		must(t, err)
		if r.Lacking() == nil {
			t.Error("an undone fetch has not put the boundary back")
		}
		sound(t, r)
		_, err = r.GC(t.Context())
		must(t, err)
		sound(t, r)
	})
}

// rowsUp makes a repository with three tables of many rows, two small changes on top, and a
// tag between them.
func rowsUp(t testing.TB, w *world) *Repo {
	t.Helper()
	up := w.init("up", "ada")
	for _, name := range []string{"a", "b", "c"} {
		var csv strings.Builder
		csv.WriteString("key,n\n")
		for i := range 2000 {
			fmt.Fprintf(&csv, "row-%05d,%d\n", i, i*7919)
		}
		_, err := up.Import(t.Context(), strings.NewReader(csv.String()), ImportRequest{Table: name, Format: "csv", Key: []string{"key"}})
		must(t, err)
		commit(t, up, "rows of "+name)
	}
	// Blocks that come later cite a Directory of its own blocks, which every clone has all of.
	w.change(up, w.added("bob"), granted("bob", "*", directory.Write))
	apply(t, up, `{"op":"put","table":"b","key":"row-00007","fields":{"n":1}}`)
	commit(t, up, "a change")
	w.change(up, granted(directory.Anyone, "*", directory.Read))
	_, err := up.CreateTag(t.Context(), "v1", "", "first")
	must(t, err)
	apply(t, up, `{"op":"put","table":"b","key":"row-00008","fields":{"n":2}}`, `{"op":"put","table":"a","key":"row-00008","fields":{"n":2}}`)
	commit(t, up, "another change")
	return up
}

func TestFilteredClone(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		up := rowsUp(t, w)
		_, all, err := w.tryClone("up", "all", "bob")
		must(t, err)
		r, c := w.cloneOf("part", "bob", CloneRequest{From: "up", Tables: []string{"b"}})
		if 2*c.Transfer.Bytes >= all.Transfer.Bytes || c.Lacking == nil {
			t.Errorf("cloned %+v; all of it is %+v", c, all.Transfer)
		}
		if got := heights(t, r, ""); got != "5 4 3 2 1 0" {
			t.Errorf("log shows %s", got)
		}
		for at, want := range map[string]string{"": "1", "v1~1": "55433"} {
			row, err := r.Get(ctx, "b", "row-00007", at)
			must(t, err)
			if got := string(value.AppendJSON(nil, row.Fields[0].Enc)); got != want {
				t.Errorf("at %q: %s, want %s", at, got, want)
			}
		}
		n := 0
		must(t, r.Rows(ctx, "b", "", func(Row) error { n++; return nil }))
		tables, err := r.Tables(ctx, "")
		must(t, err)
		if n != 2000 || len(tables) != 1 || tables[0] != (Table{"b", 2000}) {
			t.Errorf("%d rows, tables %+v", n, tables)
		}
		var differ []string
		must(t, r.Diff(ctx, "master~4", "", "", func(d Difference) error { differ = append(differ, d.Table); return nil }))
		if len(differ) != 2001 { // and the table itself
			t.Errorf("%d rows differ", len(differ))
		}
		if _, err := r.Get(ctx, "a", "row-00007", ""); !errors.Is(err, ErrOtherTable) {
			t.Errorf("a row of another table: %v", err)
		}
		if _, err := r.ApplyLines(ctx, strings.NewReader(`{"op":"put","table":"b","key":"x","fields":{"n":1}}`)); !errors.Is(err, ErrFiltered) {
			t.Errorf("a change: %v", err)
		}
		if _, err := r.Commit(ctx, CommitRequest{Message: "empty", AllowEmpty: true}); !errors.Is(err, ErrFiltered) {
			t.Errorf("a commit: %v", err)
		}
		if v := sound(t, r); v.Blocks != 0 || v.Proved != 6 || v.Signatures == 0 {
			t.Errorf("verified %+v", v)
		}

		apply(t, up, `{"op":"put","table":"b","key":"row-00009","fields":{"n":3}}`, `{"op":"put","table":"c","key":"row-00008","fields":{"n":2}}`)
		commit(t, up, "yet another change")
		p, err := r.Pull(ctx, PullRequest{})
		must(t, err)
		if !p.FastForward {
			t.Errorf("pulled %+v", p)
		}
		if got := field(t, r, "b", "row-00009", "n"); got != "3" {
			t.Errorf("after a pull: %s", got)
		}
		sound(t, r)
		_, err = r.GC(ctx)
		must(t, err)
		if v := sound(t, r); v.Proved != 7 {
			t.Errorf("verified %+v", v)
		}
		if _, _, err := w.tryCloneOf("second", "bob", CloneRequest{From: "part"}); !errors.Is(err, ErrRemotePartial) {
			t.Errorf("a clone of it: %v", err)
		}
		both, _ := w.cloneOf("both", "bob", CloneRequest{From: "up", Tables: []string{"c", "b"}, Depth: 1})
		if v := sound(t, both); v.Proved != 1 || v.Beyond == 0 {
			t.Errorf("verified %+v", v)
		}
		if got := field(t, both, "c", "row-00008", "n"); got != "2" {
			t.Errorf("in a clone of two tables: %s", got)
		}
	})
}

func TestCloneThatEndsAtARevision(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		up := rowsUp(t, w)
		v1, err := up.Resolve(ctx, "v1")
		must(t, err)
		for i, at := range []string{"v1", "master~1", "master@4", "HEAD~", v1.ID.String(), v1.ID.Short()} {
			r, c := w.cloneOf(fmt.Sprint("part", i), "bob", CloneRequest{From: "up", At: at})
			if c.Head != v1.ID || c.Branch != "master" || len(c.Branches) != 0 || len(c.Tags) != 1 || head(t, r) != v1.ID {
				t.Errorf("at %s: %+v", at, c)
			}
			if has, err := r.led().Objects.Has(ctx, head(t, up)); has || err != nil {
				t.Errorf("at %s: what is later came, too", at)
			}
			if v := sound(t, r); v.Blocks != 5 {
				t.Errorf("at %s: verified %+v", at, v)
			}
			if i > 0 {
				continue
			}
			p, err := r.Pull(ctx, PullRequest{})
			must(t, err)
			if !p.FastForward || head(t, r) != head(t, up) {
				t.Errorf("pulled %+v", p)
			}
			sound(t, r)
		}
		for _, at := range []string{"v2", "master~9", "master@9", "master@x", "ffffffffff", "~"} {
			if _, _, err := w.tryCloneOf("none", "bob", CloneRequest{From: "up", At: at}); !errors.Is(err, ErrNoRevision) {
				t.Errorf("at %s: %v", at, err)
			}
		}
		r, c := w.cloneOf("shallow", "bob", CloneRequest{From: "up", At: "v1", Depth: 1})
		if c.Head != v1.ID || heights(t, r, "") != "4" {
			t.Errorf("cloned %+v", c)
		}
		sound(t, r)
	})
}

func TestShallowMerges(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		up := w.init("up", "ada")
		put(t, up, "a", "n", 1)
		_, err := up.CreateBranch(ctx, "old", "")
		must(t, err)
		_, err = up.CheckoutNew(ctx, "side", "")
		must(t, err)
		for i := range 4 {
			put(t, up, fmt.Sprint("s", i), "n", i)
		}
		put(t, up, "a", "n", 7)
		_, err = up.Checkout(ctx, "master")
		must(t, err)
		for i := range 4 {
			put(t, up, fmt.Sprint("m", i), "n", i)
		}
		put(t, up, "a", "n", 8)
		m, err := up.Merge(ctx, MergeRequest{Source: "side"})
		must(t, err)
		if m.Applied != 4 || len(m.Excluded) != 1 {
			t.Fatalf("merged %+v", m)
		}
		put(t, up, "last", "n", 1)

		// The boundary lies behind what the merge absorbed, or at it.
		for depth, want := range map[uint64]string{1: "8", 2: "8 7", 3: "8 7 6", 5: "8 7 6 5 4"} {
			r, c := w.cloneOf(fmt.Sprint("part", depth), "bob", CloneRequest{From: "up", Depth: depth})
			if got := heights(t, r, ""); got != want {
				t.Errorf("depth %d: log shows %s", depth, got)
			}
			v := sound(t, r)
			if v.Beyond == 0 || v.Blocks < depth {
				t.Errorf("depth %d: verified %+v of %+v", depth, v, c)
			}
			wantField(t, r, "s0", "n", "0")
			wantField(t, r, "a", "n", "8")
			_, err = r.GC(ctx)
			must(t, err)
			sound(t, r)
		}

		// A clone of the newest block knows what the merge excluded by the account, and merges
		// what goes on from what it has.
		r, _ := w.cloneOf("one", "bob", CloneRequest{From: "up", Depth: 1})
		if err := r.Excluded(ctx, "", func(Exclusion) error { return nil }); !errors.Is(err, ErrBeyond) {
			t.Errorf("why something was excluded before the boundary: %v", err)
		}
		_, err = r.Checkout(ctx, "master")
		must(t, err)
		put(t, up, "last", "n", 2)
		put(t, r, "last", "n", 3)
		put(t, r, "mine", "n", 3)
		p, err := r.Pull(ctx, PullRequest{})
		must(t, err)
		if p.Applied != 0 || len(p.Excluded) != 1 {
			t.Errorf("pulled %+v", p)
		}
		found, err := r.InTheWay(ctx, p.Merged, 5)
		must(t, err)
		if len(found) != 1 {
			t.Errorf("%d conflicts", len(found))
		}
		n := 0
		if err := r.Conflicts(ctx, "", func(Conflict) error { n++; return nil }); !errors.Is(err, ErrBeyond) || n != 1 {
			t.Errorf("%d conflicts, and then %v", n, err)
		}
		sound(t, r)
		pushed, err := r.Push(ctx, PushRequest{})
		must(t, err)
		if pushed.Behind != nil {
			t.Errorf("pushed %+v", pushed)
		}
		sound(t, r)
		sound(t, up)

		// A branch that goes on from beyond the boundary: what it was based on comes, too.
		_, err = up.Checkout(ctx, "old")
		must(t, err)
		put(t, up, "from-old", "n", 1)
		_, err = r.Fetch(ctx, "", "old")
		must(t, err)
		sound(t, r)
		merged, err := r.Merge(ctx, MergeRequest{Source: "origin/old"})
		must(t, err)
		if merged.Applied != 1 {
			t.Errorf("merged %+v", merged)
		}
		sound(t, r)
		// One that was merged before the boundary, where the reasons for exclusions are.
		if _, err := r.Merge(ctx, MergeRequest{Source: "origin/side"}); !errors.Is(err, ErrBeyond) {
			t.Errorf("merge of what is merged: %v", err)
		}
	})
}

func TestShallowCloneSaysWhatItCannotDo(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		up := w.init("up", "ada")
		put(t, up, "a", "n", 1)
		put(t, up, "z", "n", 1)
		far := w.clone("up", "far", "bob")
		for i := range 5 {
			put(t, up, "a", "n", 10+i)
		}
		_, err := up.CreateTag(ctx, "v1", "master~3", "old")
		must(t, err)
		_, err = up.CheckoutNew(ctx, "fork", "master~4")
		must(t, err)
		put(t, up, "b", "n", 1)
		put(t, up, "b", "n", 2)
		put(t, up, "b", "n", 3)
		r, c := w.cloneOf("part", "bob", CloneRequest{From: "up", Branch: "master", Depth: 1})
		if len(c.Tags) != 0 {
			t.Errorf("tags %+v, of which nothing is here", c.Tags)
		}
		_, err = r.CreateBranch(ctx, "past", "master~3")
		if _, tagErr := r.CreateTag(ctx, "past", "master~3", ""); !errors.Is(err, ErrBeyond) || !errors.Is(tagErr, ErrBeyond) {
			t.Errorf("a name for a block beyond the boundary: %v, %v", err, tagErr)
		}
		put(t, r, "c", "n", 1)
		var beyond []error
		_, err = r.Merge(ctx, MergeRequest{Source: "origin/fork"})
		beyond = append(beyond, err)
		_, err = r.Get(ctx, "t", "a", "master~3")
		beyond = append(beyond, err)
		_, err = r.Show(ctx, "master~3")
		beyond = append(beyond, err)
		_, err = r.Blame(ctx, "t", "z", "")
		beyond = append(beyond, err)
		beyond = append(beyond, r.Log(ctx, "master~3", 0, func(Block) error { return nil }))
		for i, err := range beyond {
			if !errors.Is(err, ErrBeyond) {
				t.Errorf("case %d: %v", i, err)
			}
		}
		// Others can get from it what it has.
		if _, err := far.Fetch(ctx, "part", "master"); !errors.Is(err, ErrRemotePartial) {
			t.Errorf("a fetch from it: %v", err)
		}
		if _, err := r.Push(ctx, PushRequest{Remote: "far", Branch: "mine"}); !errors.Is(err, ErrBeyond) || errors.Is(err, ErrRemotePartial) {
			t.Errorf("a push to who lacks the rest: %v", err)
		}
		if _, _, err := w.tryClone("part", "again", "bob"); !errors.Is(err, ErrRemotePartial) {
			t.Errorf("a clone of it: %v", err)
		}
		again, _ := w.cloneOf("less", "bob", CloneRequest{From: "part", Depth: 1})
		wantField(t, again, "c", "n", "1")
		sound(t, again)
		sound(t, far)
		_, err = r.CreateBranch(ctx, "edge", "origin/master~1")
		must(t, err)
		sound(t, r)

		_, err = r.Deepen(ctx, DeepenRequest{Depth: 6})
		must(t, err)
		if m, err := r.Merge(ctx, MergeRequest{Source: "origin/fork"}); err != nil || m.Applied != 3 {
			t.Errorf("merged %+v: %v", m, err)
		}
		if tags, err := r.Tags(ctx); err != nil || len(tags) != 1 {
			t.Errorf("tags %+v: %v", tags, err)
		}
		sound(t, r)
		if _, err := r.Deepen(ctx, DeepenRequest{}); !errors.Is(err, ErrDepth) {
			t.Errorf("depth 0: %v", err)
		}
	})
}

// A shallow clone is deepened, or not: what is stopped in the midst of it has changed neither
// the boundary nor anything else.
func TestDeepenCrash(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d := newDisaster(t)
	d.now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	far, err := Init(ctx, d.far, d.options("ada"))
	must(t, err)
	for i := range 6 {
		put(t, far, fmt.Sprint("k", i%3), "n", i)
	}
	must(t, far.Close())
	r, _, err := Clone(ctx, d.here, d.options("bob"), CloneRequest{From: "far", Depth: 2})
	must(t, err)
	must(t, r.Close())
	deepen := func(depth uint64) command {
		return do("deepen", func(ctx context.Context, r *Repo) error {
			_, err := r.Deepen(ctx, DeepenRequest{Depth: depth})
			return err
		})
	}
	all := []command{
		farApply(`{"op":"put","table":"t","key":"far","fields":{"n":1}}`), farCommit(),
		do("fetch", func(ctx context.Context, r *Repo) error {
			_, err := r.Fetch(ctx, "", "")
			return err
		}),
		do("merge", func(ctx context.Context, r *Repo) error {
			_, err := r.Merge(ctx, MergeRequest{Source: "origin/master"})
			return err
		}),
		deepen(5),
		deepen(Unshallow),
		do("undo", func(ctx context.Context, r *Repo) error {
			_, err := r.Undo(ctx)
			return err
		}),
		do("gc", func(ctx context.Context, r *Repo) error {
			_, err := r.GC(ctx)
			return err
		}),
		deepen(Unshallow),
	}
	d.crashEverywhere(all, d.goOn(all))
}

func TestWhatIsLackingIsStatedAndChecked(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t, false)
	up := w.init("up", "ada")
	for i := range 5 {
		put(t, up, "a", "n", i)
	}
	r, c := w.cloneOf("part", "bob", CloneRequest{From: "up", Depth: 2})
	fs := w.paths["part"]
	good, err := readConfig(fs)
	must(t, err)
	for name, bad := range map[string]*Partial{
		"nothing":     {},
		"zero":        {Boundary: []object.Hash{{}}},
		"twice":       {Boundary: []object.Hash{c.Head, c.Head}},
		"no table":    {Tables: []string{""}},
		"table twice": {Tables: []string{"t", "t"}},
		"order":       {Tables: []string{"t", "a"}},
		"too long":    {Boundary: make([]object.Hash, maxBoundary+1)},
	} {
		next := good
		next.Partial = bad
		must(t, writeConfig(fs, next))
		if _, err := Open(fs, w.options("bob", "part")); err == nil {
			t.Errorf("%s: a statement that nobody has written is taken", name)
		}
	}

	// A clone that forgets what it lacks is damaged, and says so rather than losing more.
	next := good
	next.Partial = nil
	must(t, writeConfig(fs, next))
	forgetful, err := Open(fs, w.options("bob", "part"))
	must(t, err)
	if f, err := forgetful.Fsck(ctx); err != nil || len(f.Problems) == 0 {
		t.Errorf("fsck finds %+v: %v", f.Problems, err)
	}
	if _, err := forgetful.GC(ctx); err == nil {
		t.Error("gc has cleaned up")
	}
	must(t, forgetful.Close())
	must(t, writeConfig(fs, good))
	sound(t, r)
}

// What is pushed to a shallow clone is taken as far as it is new there.
func TestPushToAShallowClone(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		up := w.init("up", "ada")
		for i := range 6 {
			put(t, up, "a", "n", i)
		}
		far := w.clone("up", "far", "bob")
		mine := w.clone("up", "mine", "mallory")
		r, _ := w.cloneOf("part", "bob", CloneRequest{From: "up", Depth: 2})
		put(t, far, "b", "n", 1)
		p, err := far.Push(ctx, PushRequest{Remote: "part"})
		must(t, err)
		if p.Applied != 1 || p.Behind != nil {
			t.Errorf("pushed %+v", p)
		}
		wantField(t, r, "b", "n", "1")
		sound(t, r)
		// A branch that begins before the boundary.
		_, err = far.CheckoutNew(ctx, "old", "master~5")
		must(t, err)
		put(t, far, "c", "n", 1)
		p, err = far.Push(ctx, PushRequest{Remote: "part", Branch: "old"})
		must(t, err)
		if !p.Created {
			t.Errorf("pushed %+v", p)
		}
		sound(t, r)
		// One of somebody else's, whose blocks are foreign there: it would begin beyond.
		_, err = mine.CheckoutNew(ctx, "theirs", "master~5")
		must(t, err)
		put(t, mine, "d", "n", 1)
		if _, err := mine.Push(ctx, PushRequest{Remote: "part", Branch: "theirs"}); !errors.Is(err, ErrRemotePartial) {
			t.Errorf("a branch that would begin beyond the boundary: %v", err)
		}
		if p, err = mine.Push(ctx, PushRequest{Remote: "part", Branch: "master"}); err != nil || p.Applied != 1 {
			t.Errorf("pushed %+v: %v", p, err)
		}
		wantField(t, r, "d", "n", "1")
		_, err = r.GC(ctx)
		must(t, err)
		sound(t, r)
	})
}

// That a header is here, since a batch is marked with its block, lets nothing by unexecuted.
func TestMarksMakeNoBoundary(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t, false)
	up := w.init("up", "ada")
	for i := range 4 {
		put(t, up, "a", "n", i)
	}
	_, err := up.CheckoutNew(ctx, "side", "")
	must(t, err)
	_, err = up.Checkout(ctx, "master")
	must(t, err)
	r, _ := w.cloneOf("part", "bob", CloneRequest{From: "up", Branch: "master", Depth: 1})
	_, err = up.Checkout(ctx, "side")
	must(t, err)
	marked := put(t, up, "b", "n", 1)
	picked := put(t, up, "c", "n", 1)
	_, err = up.Checkout(ctx, "master")
	must(t, err)
	_, err = up.CherryPick(ctx, picked.String(), "")
	must(t, err)
	_, err = r.Fetch(ctx, "", "master")
	must(t, err)
	if _, err := r.Show(ctx, marked.String()); !errors.Is(err, ErrBeyond) {
		t.Errorf("of the marked block there is more than a header: %v", err)
	}
	sound(t, r)
	_, err = r.Fetch(ctx, "", "side")
	must(t, err)
	if _, err := r.Show(ctx, marked.String()); err != nil {
		t.Errorf("the marked block, now that a branch leads to it: %v", err)
	}
	if v := sound(t, r); v.Blocks != 4 {
		t.Errorf("verified %+v", v)
	}
}
