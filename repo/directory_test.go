package repo

import (
	"errors"
	"testing"

	"aergo/consensus/directory"
	"aergo/repo/object"
)

// keyNamed returns a public key of the world's keyring.
func (w *world) keyNamed(name string) directory.Key {
	w.t.Helper()
	priv, err := w.opts.Keys.Load(w.t.Context(), name)
	must(w.t, err)
	return priv.Public()
}

func (w *world) change(r *Repo, changes ...directory.Change) DirectoryChanged {
	w.t.Helper()
	out, err := r.ChangeDirectory(w.t.Context(), DirectoryChange{Changes: changes})
	must(w.t, err)
	return out
}

func (w *world) added(name string) directory.Change {
	return directory.Change{Add: &directory.Identity{Name: name, Kind: directory.Client, Key: w.keyNamed(name)}}
}

func granted(subject, pattern string, may directory.Permission) directory.Change {
	return directory.Change{Grant: &directory.Grant{Subject: subject, Pattern: pattern, May: may}}
}

// A Directory goes where its repository goes: with clones, fetches, verification, clean-up
// and undo.
func TestDirectoryGoesAlong(t *testing.T) {
	w := newWorld(t, false)
	origin := w.init("origin", "ada")
	w.change(origin, w.added("bob"), granted("bob", "*", directory.Write))
	apply(t, origin, `{"op":"put","table":"t","key":"a","fields":{"n":1}}`)
	commit(t, origin, "first")
	clone := w.clone("origin", "clone", "bob")
	before, err := clone.Directory(t.Context())
	must(t, err)
	info, err := origin.Directory(t.Context())
	must(t, err)
	if before.Upstream != info.Block || before.Height != 0 || before.Owner.Name != "bob" || info.Height != 1 || len(info.Identities) != 1 {
		t.Errorf("the origin's is %+v, the clone's %+v", info, before)
	}
	// What comes later cites later blocks.
	w.change(origin, granted(directory.Anyone, "*", directory.Read))
	apply(t, origin, `{"op":"put","table":"t","key":"b","fields":{"n":2}}`)
	commit(t, origin, "second")
	if _, err := clone.Pull(t.Context(), PullRequest{}); err != nil {
		t.Fatal(err)
	}
	apply(t, clone, `{"op":"put","table":"t","key":"c","fields":{"n":3}}`)
	commit(t, clone, "in the clone")
	if _, err := clone.Push(t.Context(), PushRequest{}); err != nil {
		t.Fatal(err)
	}
	if got := field(t, origin, "t", "c", "n"); got != "3" {
		t.Errorf("c is %q at the origin", got)
	}
	for _, r := range []*Repo{origin, clone} {
		if _, err := r.GC(t.Context()); err != nil {
			t.Fatal(err)
		}
		if v, err := r.Verify(t.Context(), VerifyRequest{All: true}); err != nil || v.Blocks < 3 {
			t.Errorf("verified %+v, %v", v, err)
		}
		if f, err := r.Fsck(t.Context()); err != nil || len(f.Problems) > 0 {
			t.Errorf("fsck: %+v, %v", f.Problems, err)
		}
	}
}

func TestDirectoryChangesAreUndone(t *testing.T) {
	w := newWorld(t, false)
	r := w.init("origin", "ada")
	w.change(r, w.added("bob"))
	second := w.change(r, granted("bob", "*", directory.Read))
	if _, err := r.Undo(t.Context()); err != nil {
		t.Fatal(err)
	}
	if info, err := r.Directory(t.Context()); err != nil || info.Height != 1 || len(info.Grants) != 0 {
		t.Errorf("after undo: %+v, %v", info, err)
	}
	if _, err := r.GC(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Undo(t.Context()); err != nil {
		t.Fatal(err)
	}
	if info, err := r.Directory(t.Context()); err != nil || info.Block != second.Block || len(info.Grants) != 1 {
		t.Errorf("after undo of undo: %+v, %v", info, err)
	}
}

func TestWhoMayChangeTheDirectory(t *testing.T) {
	w := newWorld(t, false)
	r := w.init("origin", "ada")
	as := func(who string, changes ...directory.Change) error {
		_, err := r.ChangeDirectory(t.Context(), DirectoryChange{Changes: changes, As: who})
		return err
	}
	if err := as("bob", w.added("bob")); !errors.Is(err, ErrNotPermitted) {
		t.Errorf("a stranger adds himself: %v", err)
	}
	w.change(r, w.added("bob"), granted("bob", "*", directory.Write))
	if err := as("bob", granted("bob", "*", directory.Admin)); !errors.Is(err, ErrNotPermitted) {
		t.Errorf("a writer makes himself an administrator: %v", err)
	}
	w.change(r, granted("bob", "*", directory.Admin))
	must(t, as("bob", w.added("mallory")))
	if err := as("bob", w.added("mallory")); !errors.Is(err, ErrNothing) {
		t.Errorf("the same again: %v", err)
	}
	if err := as("bob", directory.Change{Revoke: "ada"}); !errors.Is(err, directory.ErrBadChange) {
		t.Errorf("the owner is revoked: %v", err)
	}
	if err := as("", granted("nobody", "*", directory.Read)); !errors.Is(err, directory.ErrUnknown) {
		t.Errorf("a grant to nobody: %v", err)
	}
	if err := as("", directory.Change{Add: &directory.Identity{Name: "other", Kind: directory.Client, Key: w.keyNamed("bob")}}); !errors.Is(err, directory.ErrKeyTaken) {
		t.Errorf("a key twice: %v", err)
	}
	if info, err := r.Directory(t.Context()); err != nil || info.Height != 3 {
		t.Errorf("refused changes left %+v, %v", info, err)
	}
}

// The rights that a host asks for on behalf of who comes over a network.
func TestRightsOfPeers(t *testing.T) {
	w := newWorld(t, false)
	r := w.init("origin", "ada")
	ada, bob, mallory := w.keyNamed("ada"), w.keyNamed("bob"), w.keyNamed("mallory")
	must(t, r.MayPush(t.Context(), ada, "master"))
	for _, k := range []directory.Key{bob, mallory} {
		if err := r.MayRead(t.Context(), k); !errors.Is(err, ErrNoRepository) {
			t.Errorf("a private repository shows itself: %v", err)
		}
		if err := r.MayPush(t.Context(), k, "master"); !errors.Is(err, ErrNoRepository) || errors.Is(err, ErrNotPermitted) {
			t.Errorf("a private repository shows itself: %v", err)
		}
	}
	w.change(r, w.added("bob"), granted("bob", "*", directory.Propose), granted(directory.Anyone, "*", directory.Read))
	must(t, r.MayRead(t.Context(), mallory))
	must(t, r.MayPush(t.Context(), bob, "bob+fix"))
	for k, name := range map[directory.Key]string{bob: "master", mallory: "mallory"} {
		if err := r.MayPush(t.Context(), k, name); !errors.Is(err, ErrNotPermitted) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.change(r, directory.Change{Revoke: "bob"})
	if err := r.MayRead(t.Context(), bob); !errors.Is(err, ErrNoRepository) {
		t.Errorf("a revoked key may still read: %v", err)
	}
}

// The work of somebody whose key is revoked is left out of later merges, with the reason, and
// what was merged before stays.
func TestRevokedWorkIsLeftOut(t *testing.T) {
	w := newWorld(t, false)
	r := w.init("origin", "ada")
	w.change(r, w.added("bob"), granted("bob", "*", directory.Write))
	work := func(k string) Committed {
		apply(t, r, `{"op":"put","table":"t","key":"`+k+`","fields":{"n":1}}`)
		c, err := r.Commit(t.Context(), CommitRequest{As: "bob"})
		must(t, err)
		return c
	}
	work("before")
	if _, err := r.CheckoutNew(t.Context(), "feature", ""); err != nil {
		t.Fatal(err)
	}
	work("after")
	_, err := r.Checkout(t.Context(), "master")
	must(t, err)
	w.change(r, directory.Change{Revoke: "bob"})
	apply(t, r, `{"op":"put","table":"t","key":"own","fields":{"n":1}}`)
	commit(t, r, "own")
	m, err := r.Merge(t.Context(), MergeRequest{Source: "feature"})
	must(t, err)
	if m.Applied != 0 || len(m.Excluded) != 1 || m.Excluded[0].Reason != object.ReasonRevoked {
		t.Errorf("merged %+v", m)
	}
	if field(t, r, "t", "before", "n") != "1" || field(t, r, "t", "after", "n") != "" {
		t.Error("the rows are not what they should be")
	}
	if _, err := r.Verify(t.Context(), VerifyRequest{All: true}); err != nil {
		t.Error(err)
	}
	apply(t, r, `{"op":"put","table":"t","key":"x","fields":{"n":1}}`)
	if _, err := r.Commit(t.Context(), CommitRequest{As: "bob"}); !errors.Is(err, ErrNotPermitted) {
		t.Errorf("a revoked key commits: %v", err)
	}
}

// The owner's key is rotated: the new one seals from then on, and history holds.
func TestOwnersKeyIsRotated(t *testing.T) {
	w := newWorld(t, false)
	r := w.init("origin", "ada")
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":1}}`)
	commit(t, r, "first")
	_, err := r.ChangeDirectory(t.Context(), DirectoryChange{
		Changes: []directory.Change{{Rotate: &directory.Rotation{Name: "ada", Key: w.keyNamed("bob")}}}, Owner: "bob",
	})
	must(t, err)
	apply(t, r, `{"op":"put","table":"t","key":"b","fields":{"n":1}}`)
	_, err = r.Commit(t.Context(), CommitRequest{Message: "second", As: "bob"})
	must(t, err)
	if v, err := r.Verify(t.Context(), VerifyRequest{All: true}); err != nil || v.Blocks != 3 {
		t.Errorf("verified %+v, %v", v, err)
	}
	clone := w.clone("origin", "clone", "mallory")
	if v, err := clone.Verify(t.Context(), VerifyRequest{All: true}); err != nil || v.Foreign != 0 {
		t.Errorf("verified %+v, %v", v, err)
	}
}
