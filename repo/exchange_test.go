package repo

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"

	"aergo/branch"
	"aergo/merge"
	"aergo/repo/lock"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/store/faultfs"
)

// world is several repositories on one machine, with one clock and one keyring.
type world struct {
	t     testing.TB
	opts  Options
	dir   string // empty for repositories in memory
	paths map[string]billy.Filesystem
	locks map[string]lock.Lock
}

func newWorld(t testing.TB, onDisk bool) *world {
	w := &world{t: t, opts: testOptions(t, "bob", "mallory"), paths: map[string]billy.Filesystem{}, locks: map[string]lock.Lock{}}
	if onDisk {
		w.dir = t.TempDir()
	}
	return w
}

// options are those of somebody at work in the repository at a path, or anywhere.
func (w *world) options(who string, path ...string) Options {
	o := w.opts
	o.Identity, o.Who = who, who
	if len(path) > 0 {
		o.Lock = w.locks[path[0]]
	}
	o.OpenPath = func(_ context.Context, path string) (*Repo, error) {
		fs, ok := w.paths[path]
		if !ok {
			return nil, fmt.Errorf("%s: %w", path, ErrNoRepository)
		}
		return Open(fs, w.options(who, path))
	}
	return o
}

func (w *world) folder(path string) billy.Filesystem {
	if w.dir == "" {
		return faultfs.New()
	}
	return osfs.New(filepath.Join(w.dir, path), osfs.WithBoundOS())
}

func (w *world) init(path, who string) *Repo {
	w.t.Helper()
	fs := w.folder(path)
	w.locks[path] = lock.NewMemory(path)
	r, err := Init(w.t.Context(), fs, w.options(who, path))
	must(w.t, err)
	w.t.Cleanup(func() { _ = r.Close() })
	w.paths[path] = fs
	return r
}

func (w *world) clone(from, path, who string) *Repo {
	w.t.Helper()
	r, _, err := w.tryClone(from, path, who)
	must(w.t, err)
	return r
}

func (w *world) tryClone(from, path, who string) (*Repo, Cloned, error) {
	fs := w.folder(path)
	w.locks[path] = lock.NewMemory(path)
	r, c, err := Clone(w.t.Context(), fs, w.options(who, path), CloneRequest{From: from})
	if err == nil {
		w.t.Cleanup(func() { _ = r.Close() })
		w.paths[path] = fs
	}
	return r, c, err
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, r *Repo, key, field string, n int) object.Hash {
	t.Helper()
	apply(t, r, fmt.Sprintf(`{"op":"put","table":"t","key":%q,"fields":{%q:%d}}`, key, field, n))
	return commit(t, r, fmt.Sprintf("%s.%s = %d", key, field, n)).Block
}

func wantField(t testing.TB, r *Repo, key, name, want string) {
	t.Helper()
	if got := field(t, r, "t", key, name); got != want {
		t.Errorf("%s.%s is %q, want %q", key, name, got, want)
	}
}

func head(t testing.TB, r *Repo) object.Hash {
	t.Helper()
	b, err := r.current(t.Context())
	must(t, err)
	return b.Head
}

// sound fails the test unless a repository verifies and checks without a fault.
func sound(t testing.TB, r *Repo) Verified {
	t.Helper()
	v, err := r.Verify(t.Context(), VerifyRequest{All: true})
	must(t, err)
	f, err := r.Fsck(t.Context())
	must(t, err)
	if len(f.Problems) > 0 {
		t.Errorf("fsck: %+v", f.Problems)
	}
	return v
}

// everywhere runs a test in memory and on disk.
func everywhere(t *testing.T, test func(t *testing.T, w *world)) {
	t.Run("memory", func(t *testing.T) { test(t, newWorld(t, false)) })
	t.Run("disk", func(t *testing.T) { test(t, newWorld(t, true)) })
}

func TestCloneHasAllOfIt(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		up := w.init("up", "ada")
		put(t, up, "a", "n", 1)
		if _, err := up.CheckoutNew(ctx, "feature", ""); err != nil {
			t.Fatal(err)
		}
		tip := put(t, up, "b", "n", 2)
		_, err := up.CreateTag(ctx, "v1", "", "first")
		must(t, err)
		_, err = up.Checkout(ctx, "master")
		must(t, err)
		put(t, up, "c", "n", 3)

		r, c, err := w.tryClone("up", "down", "bob")
		must(t, err)
		if c.Branch != "master" || c.Head != head(t, up) || len(c.Branches) != 2 || len(c.Tags) != 1 {
			t.Errorf("cloned %+v", c)
		}
		wantField(t, r, "c", "n", "3")
		for rev, want := range map[string]object.Hash{"origin/feature": tip, "origin/master": head(t, up), "v1": tip} {
			if b, err := r.Resolve(ctx, rev); err != nil || b.ID != want {
				t.Errorf("%s is %s, %v", rev, b.ID.Short(), err)
			}
		}
		if v := sound(t, r); v.Foreign != 0 || v.Tags != 1 {
			t.Errorf("verified %+v", v)
		}
		// Bob's own commits stand on ada's.
		put(t, r, "d", "n", 4)
		sound(t, r)
		remotes, err := r.Remotes(ctx)
		must(t, err)
		if len(remotes) != 1 || remotes[0].Name != "origin" || remotes[0].URL != "up" || len(remotes[0].Branches) != 2 {
			t.Errorf("remotes %+v", remotes)
		}
	})
}

func TestFailedCloneLeavesNothing(t *testing.T) {
	w := newWorld(t, false)
	fs := faultfs.New()
	w.paths["empty"] = faultfs.New()
	for _, from := range []string{"nowhere", "empty"} {
		_, _, err := Clone(t.Context(), fs, w.options("bob"), CloneRequest{From: from})
		if !errors.Is(err, ErrNoRemote) && !errors.Is(err, ErrNoRepository) {
			t.Errorf("clone of %s: %v", from, err)
		}
	}
	if infos, _ := fs.ReadDir(""); len(infos) != 0 {
		t.Errorf("left behind: %v", infos)
	}
	w.init("up", "ada")
	f, err := fs.Create("precious")
	must(t, err)
	must(t, f.Close())
	if _, _, err := Clone(t.Context(), fs, w.options("bob"), CloneRequest{From: "up"}); !errors.Is(err, ErrExists) {
		t.Errorf("clone into a folder with something in it: %v", err)
	}
	if _, err := fs.Stat("precious"); err != nil {
		t.Error("what was there is gone")
	}
}

func TestPushMakesBothEqual(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		up := w.init("up", "ada")
		put(t, up, "a", "n", 1)
		own := w.clone("up", "own", "ada")
		bobs := w.clone("up", "bobs", "bob")

		// The same owner's push goes forward, and brings its tags.
		tip := put(t, own, "a", "n", 2)
		_, err := own.CreateTag(ctx, "v1", "", "")
		must(t, err)
		p, err := own.Push(ctx, PushRequest{})
		must(t, err)
		if !p.FastForward || p.Block != tip || head(t, up) != tip || len(p.Tags) != 1 || p.Behind != nil {
			t.Errorf("pushed %+v", p)
		}
		// Another owner's makes a merge, signed by ada, and bob goes forward to it.
		put(t, bobs, "b", "n", 3)
		p, err = bobs.Push(ctx, PushRequest{})
		must(t, err)
		if p.FastForward || p.Applied != 1 || !p.LocalMoved || head(t, up) != p.Block || head(t, bobs) != p.Block || p.Behind != nil {
			t.Errorf("pushed %+v", p)
		}
		wantField(t, bobs, "a", "n", "2")
		wantField(t, up, "b", "n", "3")
		if rb, err := bobs.Resolve(ctx, "origin/master"); err != nil || rb.ID != p.Block {
			t.Errorf("origin/master is %s, %v", rb.ID.Short(), err)
		}
		// Again there is nothing to do.
		if p, err = bobs.Push(ctx, PushRequest{}); err != nil || !p.UpToDate || p.Transfer.Objects != 0 {
			t.Errorf("pushed again: %+v, %v", p, err)
		}
		pulled, err := own.Pull(ctx, PullRequest{})
		must(t, err)
		if !pulled.FastForward || head(t, own) != head(t, up) {
			t.Errorf("pulled %+v", pulled)
		}
		for _, r := range []*Repo{up, own, bobs} {
			sound(t, r)
		}
	})
}

func TestPushOfWhatConflicts(t *testing.T) {
	w := newWorld(t, false)
	ctx := t.Context()
	up := w.init("up", "ada")
	put(t, up, "a", "n", 1)
	bobs := w.clone("up", "bobs", "bob")
	put(t, up, "a", "n", 2)
	put(t, bobs, "a", "n", 3)
	before := head(t, up)
	p, err := bobs.Push(ctx, PushRequest{Strict: true})
	if !errors.Is(err, ErrConflict) || len(p.Excluded) != 1 || head(t, up) != before {
		t.Errorf("strict push: %+v, %v", p, err)
	}
	p, err = bobs.Push(ctx, PushRequest{})
	must(t, err)
	if len(p.Excluded) != 1 || !p.LocalMoved {
		t.Errorf("pushed %+v", p)
	}
	wantField(t, up, "a", "n", "2")
	wantField(t, bobs, "a", "n", "2")
	sound(t, up)
	sound(t, bobs)
}

func TestPushToNewBranch(t *testing.T) {
	w := newWorld(t, false)
	ctx := t.Context()
	up := w.init("up", "ada")
	base := put(t, up, "a", "n", 1)
	bobs := w.clone("up", "bobs", "bob")
	tip := put(t, bobs, "b", "n", 2)
	p, err := bobs.Push(ctx, PushRequest{Branch: "review"})
	must(t, err)
	b, err := up.refs.Branch(ctx, "review")
	must(t, err)
	if !p.Created || p.Applied != 1 || b.Root != base || b.Head != p.Block || p.LocalMoved || head(t, bobs) != tip {
		t.Errorf("pushed %+v to %+v", p, b)
	}
	if head(t, up) != base {
		t.Error("master moved")
	}
	sound(t, up)
	own := w.clone("up", "own", "ada")
	tip = put(t, own, "c", "n", 3)
	if p, err = own.Push(ctx, PushRequest{Branch: "mine"}); err != nil || !p.Created || p.Block != tip {
		t.Errorf("pushed %+v, %v", p, err)
	}
	sound(t, up)
}

func TestPushKeepsWhatIsPendingThere(t *testing.T) {
	w := newWorld(t, false)
	ctx := t.Context()
	up := w.init("up", "ada")
	put(t, up, "a", "n", 1)
	bobs := w.clone("up", "bobs", "bob")
	apply(t, up, `{"op":"put","table":"t","key":"p","fields":{"n":7}}`)
	put(t, bobs, "b", "n", 2)
	_, err := bobs.Push(ctx, PushRequest{})
	must(t, err)
	if st, err := up.Status(ctx); err != nil || st.Pending != 1 {
		t.Errorf("status %+v, %v", st, err)
	}
	wantField(t, up, "p", "n", "7")
	commit(t, up, "pending")
	// What is pending here survives going forward as well.
	apply(t, bobs, `{"op":"put","table":"t","key":"q","fields":{"n":8}}`)
	if p, err := bobs.Pull(ctx, PullRequest{}); err != nil || !p.FastForward {
		t.Errorf("pulled %+v, %v", p, err)
	}
	wantField(t, bobs, "q", "n", "8")
	wantField(t, bobs, "p", "n", "7")
}

func TestCrissCross(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		up := w.init("up", "ada")
		apply(t, up, `{"op":"put","table":"t","key":"a","fields":{"n":0}}`)
		commit(t, up, "first")
		clones := []*Repo{w.clone("up", "one", "bob"), w.clone("up", "two", "mallory")}
		must(t, clones[0].AddRemote(ctx, "other", "two"))
		must(t, clones[1].AddRemote(ctx, "other", "one"))
		total := 0
		for round := range 4 {
			for i, r := range clones {
				n := 1 + round*2 + i
				total += n
				apply(t, r, fmt.Sprintf(`{"op":"incr","table":"t","key":"a","fields":{"n":%d}}`, n))
				commit(t, r, "add")
			}
			// Both take what the other had before either merged.
			heads := []object.Hash{head(t, clones[0]), head(t, clones[1])}
			for i, r := range clones {
				_, err := r.Fetch(ctx, "other", "")
				must(t, err)
				m, err := r.Merge(ctx, MergeRequest{Source: heads[1-i].String()})
				must(t, err)
				if m.Applied == 0 || len(m.Excluded) != 0 {
					t.Errorf("round %d: merged %+v", round, m)
				}
			}
			for _, r := range clones {
				wantField(t, r, "a", "n", fmt.Sprint(total))
			}
		}
		for _, r := range clones {
			p, err := r.Push(ctx, PushRequest{})
			must(t, err)
			if !p.LocalMoved || p.Behind != nil {
				t.Errorf("pushed %+v", p)
			}
		}
		wantField(t, up, "a", "n", fmt.Sprint(total))
		for _, r := range append(clones, up) {
			sound(t, r)
		}
	})
}

// TestForeignParentIsNotAdopted: a merge by ada of bob's chain may not take bob's blocks,
// which were never executed here, into ada's own chain.
func TestForeignParentIsNotAdopted(t *testing.T) {
	w := newWorld(t, false)
	ctx := t.Context()
	up := w.init("up", "ada")
	put(t, up, "a", "n", 1)
	bobs := w.clone("up", "bobs", "bob")
	put(t, bobs, "b", "n", 2)
	adas := w.clone("bobs", "adas", "ada") // bob's blocks are native there
	must(t, adas.AddRemote(ctx, "first", "up"))
	put(t, up, "c", "n", 3)
	_, err := adas.Pull(ctx, PullRequest{Remote: "first"})
	must(t, err)
	p, err := adas.Push(ctx, PushRequest{Remote: "first"})
	must(t, err)
	if p.FastForward {
		t.Errorf("pushed %+v: bob's blocks are in ada's chain", p)
	}
	wantField(t, up, "b", "n", "2")
	for _, r := range []*Repo{up, bobs, adas} {
		sound(t, r)
	}
}

// TestCloneOfClones: blocks that the owner of an upstream repository made in another clone
// stand in a stranger's clone.
func TestCloneOfClones(t *testing.T) {
	w := newWorld(t, false)
	ctx := t.Context()
	up := w.init("up", "ada")
	put(t, up, "a", "n", 1)
	own := w.clone("up", "own", "ada")
	put(t, own, "b", "n", 2)
	if p, err := own.Push(ctx, PushRequest{}); err != nil || !p.FastForward {
		t.Fatalf("pushed %+v, %v", p, err)
	}
	bobs := w.clone("up", "bobs", "bob")
	if v := sound(t, bobs); v.Foreign != 0 {
		t.Errorf("verified %+v", v)
	}
	thirds := w.clone("bobs", "thirds", "mallory")
	put(t, thirds, "c", "n", 3)
	_, err := thirds.Push(ctx, PushRequest{})
	must(t, err)
	_, err = bobs.Push(ctx, PushRequest{})
	must(t, err)
	wantField(t, up, "c", "n", "3")
	sound(t, thirds)
	sound(t, up)
}

func TestOwnersKeyIsNeededToMergeThere(t *testing.T) {
	w := newWorld(t, false)
	up := w.init("up", "ada")
	put(t, up, "a", "n", 1)
	bobs := w.clone("up", "bobs", "bob")
	put(t, bobs, "b", "n", 2)
	before := snapshotOf(t, w.paths["up"])
	opts := w.options("bob")
	opts.OpenPath = func(ctx context.Context, path string) (*Repo, error) {
		o := w.options("bob")
		o.Keys = emptyRing()
		return Open(w.paths[path], o)
	}
	r, err := Open(w.paths["bobs"], opts)
	must(t, err)
	defer r.Close()
	if _, err := r.Push(t.Context(), PushRequest{}); !errors.Is(err, ErrNotPermitted) {
		t.Errorf("push without the owner's key: %v", err)
	}
	if snapshotOf(t, w.paths["up"]) != before {
		t.Error("the refused push changed something")
	}
}

func TestForeignLineageIsRefused(t *testing.T) {
	w := newWorld(t, false)
	ctx := t.Context()
	r := w.init("one", "ada")
	w.init("two", "ada")
	must(t, r.AddRemote(ctx, "two", "two"))
	before := snapshotOf(t, w.paths["one"])
	_, err := r.Fetch(ctx, "two", "")
	if !errors.Is(err, branch.ErrForeign) {
		t.Errorf("fetch: %v", err)
	}
	if _, err = r.Pull(ctx, PullRequest{Remote: "two"}); !errors.Is(err, branch.ErrForeign) {
		t.Errorf("pull: %v", err)
	}
	if _, err = r.Push(ctx, PushRequest{Remote: "two"}); !errors.Is(err, branch.ErrForeign) {
		t.Errorf("push: %v", err)
	}
	if snapshotOf(t, w.paths["one"]) != before {
		t.Error("refused exchanges changed something")
	}
}

func TestFetchIsIncremental(t *testing.T) {
	w := newWorld(t, false)
	ctx := t.Context()
	up := w.init("up", "ada")
	for i := range 300 {
		apply(t, up, fmt.Sprintf(`{"op":"put","table":"t","key":"row %d","fields":{"n":%d,"text":"some words that take room %d"}}`, i, i, i))
	}
	commit(t, up, "many rows")
	r := w.clone("up", "down", "bob")
	f, err := r.Fetch(ctx, "origin", "")
	must(t, err)
	if f.Transfer != (Transfer{}) || len(f.Branches) != 1 || f.Branches[0].Before != f.Branches[0].Head {
		t.Errorf("fetched %+v", f)
	}
	tip := put(t, up, "row 7", "n", 8)
	var seen []Progress
	r.opts.Progress = func(p Progress) { seen = append(seen, p) }
	f, err = r.Fetch(ctx, "origin", "master")
	must(t, err)
	// Header, body, DTT, batch, chunk, and a path of nodes in each tree.
	if f.Transfer.Blocks != 1 || f.Transfer.Objects > 16 || f.Branches[0].Head != tip {
		t.Errorf("fetched %+v", f)
	}
	if len(seen) == 0 {
		t.Error("no progress was reported")
	}
	if f, err = r.Fetch(ctx, "origin", ""); err != nil || f.Transfer.Objects != 0 {
		t.Errorf("fetched again: %+v, %v", f, err)
	}
}

func TestFetchOfTags(t *testing.T) {
	w := newWorld(t, false)
	ctx := t.Context()
	up := w.init("up", "ada")
	put(t, up, "a", "n", 1)
	r := w.clone("up", "down", "bob")
	_, err := up.CreateTag(ctx, "v1", "", "theirs")
	must(t, err)
	_, err = up.CreateTag(ctx, "v2", "", "theirs too")
	must(t, err)
	put(t, r, "b", "n", 1)
	ours, err := r.CreateTag(ctx, "v1", "", "ours")
	must(t, err)
	f, err := r.Fetch(ctx, "origin", "")
	must(t, err)
	if len(f.Tags) != 1 || f.Tags[0].Name != "v2" || len(f.Conflicts) != 1 || f.Conflicts[0].Ours != ours.Block {
		t.Errorf("fetched %+v", f)
	}
	if got, err := r.refs.Tag(ctx, "v1"); err != nil || got != ours {
		t.Errorf("our tag is %+v, %v", got, err)
	}
	sound(t, r)
}

func TestUnknownRemotesAndBranches(t *testing.T) {
	w := newWorld(t, false)
	ctx := t.Context()
	up := w.init("up", "ada")
	put(t, up, "a", "n", 1)
	r := w.clone("up", "down", "bob")
	if _, err := r.Fetch(ctx, "nobody", ""); !errors.Is(err, ErrNoRemote) {
		t.Errorf("fetch: %v", err)
	}
	if _, err := r.Fetch(ctx, "origin", "no-such"); !errors.Is(err, ref.ErrNotFound) {
		t.Errorf("fetch: %v", err)
	}
	if err := r.AddRemote(ctx, "origin", "elsewhere"); !errors.Is(err, ErrRemoteExists) {
		t.Errorf("add: %v", err)
	}
	if err := r.AddRemote(ctx, "../x", "elsewhere"); !errors.Is(err, ref.ErrBadName) {
		t.Errorf("add: %v", err)
	}
	if _, err := r.RemoveRemote(ctx, "nobody"); !errors.Is(err, ErrNoRemote) {
		t.Errorf("remove: %v", err)
	}
	gone, err := r.RemoveRemote(ctx, "origin")
	must(t, err)
	if gone.URL != "up" || len(gone.Branches) != 1 {
		t.Errorf("removed %+v", gone)
	}
	if _, err := r.Resolve(ctx, "origin/master"); !errors.Is(err, ErrNoRevision) {
		t.Errorf("origin/master: %v", err)
	}
	// A path needs no remote.
	put(t, up, "a", "n", 2)
	if p, err := r.Pull(ctx, PullRequest{Remote: "up", Branch: "master"}); err != nil || !p.FastForward {
		t.Errorf("pull by path: %+v, %v", p, err)
	}
	_, err = r.Undo(ctx)
	must(t, err)
	wantField(t, r, "a", "n", "1")
}

// TestPushToEachOther: neither waits for the other for ever, and nothing is lost.
func TestPushToEachOther(t *testing.T) {
	w := newWorld(t, true)
	var ticks sync.Mutex
	tick := w.opts.Clock
	w.opts.Clock = func() time.Time {
		ticks.Lock()
		defer ticks.Unlock()
		return tick()
	}
	ctx := t.Context()
	one := w.init("one", "ada")
	apply(t, one, `{"op":"put","table":"t","key":"a","fields":{"n":0}}`)
	commit(t, one, "first")
	two := w.clone("one", "two", "bob")
	must(t, one.AddRemote(ctx, "origin", "two"))
	const rounds = 8
	work := func(r *Repo) error {
		for range rounds {
			if _, err := r.ApplyLines(ctx, strings.NewReader(`{"op":"incr","table":"t","key":"a","fields":{"n":1}}`)); err != nil {
				return err
			}
			if _, err := r.Commit(ctx, CommitRequest{Message: "add one"}); err != nil {
				return err
			}
			if _, err := r.Push(ctx, PushRequest{}); err != nil {
				return err
			}
		}
		return nil
	}
	done := make(chan error)
	for _, r := range []*Repo{one, two} {
		go func() { done <- work(r) }()
	}
	must(t, errors.Join(<-done, <-done))
	_, err := two.Push(ctx, PushRequest{})
	must(t, err)
	wantField(t, one, "a", "n", fmt.Sprint(2*rounds))
	_, err = two.Pull(ctx, PullRequest{})
	must(t, err)
	wantField(t, two, "a", "n", fmt.Sprint(2*rounds))
	sound(t, one)
	sound(t, two)
}

// TestManyExchanges: whatever two clones and their upstream do, nothing is lost, and the
// counters add up.
func TestManyExchanges(t *testing.T) {
	w := newWorld(t, false)
	ctx := t.Context()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := newRand(seed)
	up := w.init("up", "ada")
	apply(t, up, `{"op":"put","table":"t","key":"a","fields":{"n":0}}`)
	commit(t, up, "first")
	all := []*Repo{up, w.clone("up", "one", "bob"), w.clone("up", "two", "ada")}
	total := 0
	for range 40 {
		r := all[rng.IntN(3)]
		switch n := rng.IntN(4); {
		case n < 2:
			apply(t, r, `{"op":"incr","table":"t","key":"a","fields":{"n":1}}`)
			commit(t, r, "add one")
			total++
		case r == up:
		case n == 2:
			_, err := r.Push(ctx, PushRequest{})
			must(t, err)
		default:
			_, err := r.Pull(ctx, PullRequest{})
			must(t, err)
		}
	}
	for _, r := range all[1:] {
		_, err := r.Push(ctx, PushRequest{})
		must(t, err)
	}
	_, err := all[1].Pull(ctx, PullRequest{})
	must(t, err)
	for i, r := range all {
		wantField(t, r, "a", "n", fmt.Sprint(total))
		sound(t, r)
		if head(t, r) != head(t, up) {
			t.Errorf("repository %d stands elsewhere", i)
		}
	}
	// The graph has no block that any side counts twice.
	l, err := up.ledger(ctx)
	must(t, err)
	b, err := l.Block(ctx, head(t, up))
	must(t, err)
	if bases, err := merge.Base(ctx, l.Chain, b, b); err != nil || len(bases) != 1 {
		t.Errorf("bases %v, %v", bases, err)
	}
}
