package repo

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5"

	"aergo/branch"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/store"
)

// forge stores objects in a repository behind its back.
func forge(t *testing.T, fs billy.Filesystem, fn func(w store.Writer)) {
	t.Helper()
	packs, err := fs.Chroot(packsFolder)
	must(t, err)
	disk, err := store.Open(packs, store.Options{})
	must(t, err)
	w, err := disk.Begin(t.Context())
	must(t, err)
	fn(w)
	must(t, w.Commit(t.Context()))
	must(t, disk.Close())
}

// forgeHead makes a changed copy of a repository's head, signed by who, its head.
func (w *world) forgeHead(path, who string, change func(h *object.Header)) object.Hash {
	t := w.t.(*testing.T)
	t.Helper()
	r, err := Open(w.paths[path], w.options("ada"))
	must(t, err)
	defer r.Close()
	l, err := r.ledger(t.Context())
	must(t, err)
	b, err := l.Block(t.Context(), head(t, r))
	must(t, err)
	forged := *b.Header
	change(&forged)
	data := forged.Encode()
	id := object.Sum(data)
	priv, err := w.opts.Keys.Load(t.Context(), who)
	must(t, err)
	sig := priv.Sign(key.DomainBlock, forged.Lineage, id)
	forge(t, w.paths[path], func(w store.Writer) { must(t, w.PutSealed(object.KindHeader, id, data, sig[:])) })
	w.moveHead(path, id)
	return id
}

func (w *world) moveHead(path string, id object.Hash) {
	t := w.t.(*testing.T)
	t.Helper()
	r, err := Open(w.paths[path], w.options("ada"))
	must(t, err)
	defer r.Close()
	old, err := r.current(t.Context())
	must(t, err)
	moved := old
	moved.Head = id
	must(t, r.refs.SetBranch(t.Context(), old, moved))
}

func (w *world) identity(name string) object.Identity {
	t := w.t.(*testing.T)
	t.Helper()
	priv, err := w.opts.Keys.Load(t.Context(), name)
	must(t, err)
	return object.Identity{Key: priv.Public(), Name: name}
}

// exchanges are the ways in which a block comes from "evil" into another repository.
func exchanges(w *world) map[string]func(ctx context.Context, r *Repo) error {
	return map[string]func(ctx context.Context, r *Repo) error{
		"fetch": func(ctx context.Context, r *Repo) error {
			_, err := r.Fetch(ctx, "evil", "")
			return err
		},
		"pull": func(ctx context.Context, r *Repo) error {
			_, err := r.Pull(ctx, PullRequest{Remote: "evil"})
			return err
		},
		"receive": func(ctx context.Context, r *Repo) error {
			evil, err := Open(w.paths["evil"], w.options("ada"))
			if err != nil {
				return err
			}
			defer evil.Close()
			b, err := evil.current(ctx)
			if err != nil {
				return err
			}
			_, err = r.Receive(ctx, offered{evil}, RemoteMerge{Branch: "master", Head: b.Head})
			return err
		},
		"clone": func(ctx context.Context, _ *Repo) error {
			fs := w.folder("fresh clone")
			_, _, err := Clone(ctx, fs, w.options("bob"), CloneRequest{From: "evil"})
			if infos, _ := fs.ReadDir(""); err != nil && len(infos) != 0 {
				return errors.New("the failed clone left something behind")
			}
			return err
		},
	}
}

func TestTamperedHistoryIsRefused(t *testing.T) {
	other := object.Sum([]byte("something else"))
	cases := map[string]struct {
		tamper func(t *testing.T, w *world) object.Hash // the block at fault, or zero
		want   error
	}{
		"wrong state root, signed by the owner": {want: branch.ErrInvalid, tamper: func(t *testing.T, w *world) object.Hash {
			return w.forgeHead("evil", "ada", func(h *object.Header) { h.State = h.Account })
		}},
		"wrong state root, signed by a stranger": {want: branch.ErrInvalid, tamper: func(t *testing.T, w *world) object.Hash {
			return w.forgeHead("evil", "mallory", func(h *object.Header) {
				h.State, h.Producer = h.Account, w.identity("mallory")
			})
		}},
		"seal of another key": {want: branch.ErrInvalid, tamper: func(t *testing.T, w *world) object.Hash {
			return w.forgeHead("evil", "mallory", func(h *object.Header) { h.State = h.Account })
		}},
		"wrong account": {want: branch.ErrInvalid, tamper: func(t *testing.T, w *world) object.Hash {
			return w.forgeHead("evil", "ada", func(h *object.Header) { h.Account = h.State })
		}},
		"wrong height": {want: branch.ErrInvalid, tamper: func(t *testing.T, w *world) object.Hash {
			return w.forgeHead("evil", "ada", func(h *object.Header) { h.Height += 5 })
		}},
		"another lineage": {want: branch.ErrForeign, tamper: func(t *testing.T, w *world) object.Hash {
			return w.forgeHead("evil", "ada", func(h *object.Header) { h.Lineage = other })
		}},
		"state that is not there": {want: branch.ErrInvalid, tamper: func(t *testing.T, w *world) object.Hash {
			return w.forgeHead("evil", "ada", func(h *object.Header) { h.State = other })
		}},
		"state that is no tree": {want: branch.ErrInvalid, tamper: func(t *testing.T, w *world) object.Hash {
			return w.forgeHead("evil", "ada", func(h *object.Header) { h.State = h.Entries })
		}},
		"missing chunk": {want: store.ErrCorrupt, tamper: func(t *testing.T, w *world) object.Hash {
			packs, err := w.paths["evil"].Chroot(packsFolder)
			must(t, err)
			disk, err := store.Open(packs, store.Options{})
			must(t, err)
			drop := map[object.Hash]bool{}
			must(t, disk.Each(t.Context(), func(i store.Info) error {
				drop[i.Hash] = i.Kind == object.KindChunk
				return nil
			}))
			must(t, disk.Compact(t.Context(), func(h object.Hash) bool { return !drop[h] }))
			must(t, disk.Close())
			return object.Hash{}
		}},
		"batch of another author": {want: branch.ErrInvalid, tamper: func(t *testing.T, w *world) object.Hash {
			return forgeBatch(t, w)
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, false)
			up := w.init("up", "ada")
			put(t, up, "a", "n", 1)
			evil := w.clone("up", "evil", "ada")
			put(t, evil, "a", "n", 2)
			must(t, evil.Close())
			bobs := w.clone("up", "bobs", "bob")
			must(t, bobs.AddRemote(t.Context(), "evil", "evil"))
			fault := c.tamper(t, w)
			before := snapshotOf(t, w.paths["bobs"])
			for way, exchange := range exchanges(w) {
				err := exchange(t.Context(), bobs)
				if !errors.Is(err, c.want) {
					t.Errorf("%s: %v, want %v", way, err, c.want)
				}
				if err != nil && !fault.IsZero() && !strings.Contains(err.Error(), fault.Short()) {
					t.Errorf("%s: %v: does not name block %s", way, err, fault.Short())
				}
				if snapshotOf(t, w.paths["bobs"]) != before {
					t.Fatalf("%s changed something", way)
				}
			}
			sound(t, bobs)
			// The honest history still comes in.
			if _, err := bobs.Pull(t.Context(), PullRequest{}); err != nil {
				t.Error(err)
			}
		})
	}
}

// forgeBatch makes a block, sealed as it should be, with a batch that names ada as author
// and is signed by mallory.
func forgeBatch(t *testing.T, w *world) object.Hash {
	t.Helper()
	ctx := t.Context()
	r, err := Open(w.paths["evil"], w.options("ada"))
	must(t, err)
	defer r.Close()
	l, err := r.ledger(ctx)
	must(t, err)
	at, err := l.Block(ctx, head(t, r))
	must(t, err)
	mallory, err := w.opts.Keys.Load(ctx, "mallory")
	must(t, err)
	owner, err := r.owner(ctx, l)
	must(t, err)
	apply(t, r, `{"op":"put","table":"t","key":"b","fields":{"n":9}}`)
	current, err := r.current(ctx)
	must(t, err)
	pool, err := r.pool(ctx, current)
	must(t, err)
	writer, err := r.disk.Begin(ctx)
	must(t, err)
	impostor := branch.Signer{Identity: w.identity("ada"), Private: mallory}
	b, _, err := l.Commit(ctx, writer, live(pool), branch.Commitment{
		Branch: at.Branch, Head: at, Author: impostor, Sealer: owner, Message: "forged", Now: r.now(),
	})
	must(t, err)
	must(t, writer.Commit(ctx))
	w.moveHead("evil", b.ID)
	return b.ID
}

// TestFlippedBytesAreRefused: whatever byte of the other side's packs is changed, what
// comes is what was there, or nothing.
func TestFlippedBytesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, false)
	up := w.init("up", "ada")
	put(t, up, "a", "n", 1)
	bobs := w.clone("up", "bobs", "bob")
	tip := put(t, up, "a", "n", 2)
	must(t, up.Close())
	packs, err := w.paths["up"].Chroot(packsFolder)
	must(t, err)
	infos, err := packs.ReadDir("")
	must(t, err)
	before := snapshotOf(t, w.paths["bobs"])
	refused := 0
	for _, info := range infos {
		whole := readAll(t, packs, info.Name())
		for at := 0; at < len(whole); at += 29 {
			bent := append([]byte(nil), whole...)
			bent[at] ^= 0x55
			writeAll(t, packs, info.Name(), bent)
			_, err := bobs.Fetch(t.Context(), "origin", "")
			if err != nil {
				refused++
				if snapshotOf(t, w.paths["bobs"]) != before {
					t.Fatalf("%s, byte %d: a refused fetch changed something", info.Name(), at)
				}
				continue
			}
			if b, err := bobs.Resolve(t.Context(), "origin/master"); err != nil || b.ID != tip {
				t.Fatalf("%s, byte %d: origin/master is %s, %v", info.Name(), at, b.ID.Short(), err)
			}
			sound(t, bobs)
			_, err = bobs.Undo(t.Context())
			must(t, err)
			_, err = bobs.GC(t.Context())
			must(t, err)
			before = snapshotOf(t, w.paths["bobs"])
		}
		writeAll(t, packs, info.Name(), whole)
	}
	if refused == 0 {
		t.Error("no damage was refused")
	}
}

func writeAll(t testing.TB, fs billy.Filesystem, name string, data []byte) {
	t.Helper()
	f, err := fs.Create(name)
	must(t, err)
	_, err = f.Write(data)
	must(t, err)
	must(t, f.Close())
}

// TestForgedForeignStateHarmsNobody: a stranger may say of his own chain what he likes.
// What comes here are signed transactions, which run anew.
func TestForgedForeignStateHarmsNobody(t *testing.T) {
	w := newWorld(t, false)
	ctx := t.Context()
	up := w.init("up", "ada")
	put(t, up, "a", "n", 1)
	evil := w.clone("up", "evil", "mallory")
	put(t, evil, "b", "n", 2)
	root := head(t, up)
	l, err := evil.ledger(ctx)
	must(t, err)
	old, err := l.Block(ctx, root)
	must(t, err)
	must(t, evil.Close())
	// He claims the state before his own transaction.
	w.forgeHead("evil", "mallory", func(h *object.Header) { h.State = old.Header.State })
	must(t, up.AddRemote(ctx, "evil", "evil"))
	p, err := up.Pull(ctx, PullRequest{Remote: "evil"})
	must(t, err)
	if p.FastForward || p.Applied != 1 {
		t.Errorf("pulled %+v", p)
	}
	wantField(t, up, "b", "n", "2")
	if v := sound(t, up); v.Foreign != 1 {
		t.Errorf("verified %+v", v)
	}
}

func TestForgedTagIsRefused(t *testing.T) {
	w := newWorld(t, false)
	ctx := t.Context()
	up := w.init("up", "ada")
	put(t, up, "a", "n", 1)
	r := w.clone("up", "down", "bob")
	tag, err := up.CreateTag(ctx, "v1", "", "")
	must(t, err)
	put(t, up, "a", "n", 2)
	moved := tag
	moved.Block = head(t, up)
	must(t, up.refs.SetTag(ctx, tag, moved))
	before := snapshotOf(t, w.paths["down"])
	if _, err := r.Fetch(ctx, "origin", ""); !errors.Is(err, branch.ErrInvalid) {
		t.Errorf("fetch: %v", err)
	}
	if _, err := up.Verify(ctx, VerifyRequest{All: true}); !errors.Is(err, branch.ErrInvalid) {
		t.Errorf("verify: %v", err)
	}
	bare := ref.Tag{Name: "v1", Block: moved.Block}
	must(t, up.refs.SetTag(ctx, moved, bare))
	if _, err := r.Fetch(ctx, "origin", ""); err == nil {
		t.Error("an unsigned tag came in")
	}
	if snapshotOf(t, w.paths["down"]) != before {
		t.Error("the refused fetch changed something")
	}
}

// TestWhatAStoppedFetchLeftIsNotTrusted: objects that came in and were never checked, since
// the transfer was stopped, do not vouch for themselves later.
func TestWhatAStoppedFetchLeftIsNotTrusted(t *testing.T) {
	w := newWorld(t, false)
	ctx := t.Context()
	up := w.init("up", "ada")
	put(t, up, "a", "n", 1)
	evil := w.clone("up", "evil", "ada")
	put(t, evil, "a", "n", 2)
	must(t, evil.Close())
	bobs := w.clone("up", "bobs", "bob")
	must(t, bobs.AddRemote(ctx, "evil", "evil"))
	bad := w.forgeHead("evil", "ada", func(h *object.Header) { h.State = h.Account })

	// All of it is here, as after a power cut between two packs.
	must(t, bobs.Close())
	theirs, err := Open(w.paths["evil"], w.options("ada"))
	must(t, err)
	defer theirs.Close()
	forge(t, w.paths["bobs"], func(to store.Writer) {
		c := closure{from: offered{theirs}, known: to.Has, found: func(ctx context.Context, kind object.Kind, h object.Hash) error {
			data, err := offered{theirs}.Get(ctx, h)
			must(t, err)
			seal, err := offered{theirs}.Seal(ctx, h)
			must(t, err)
			return to.PutSealed(kind, h, data, seal)
		}}
		must(t, c.blocks(ctx, bad))
	})
	must(t, markIncoming(w.paths["bobs"]))

	bobs, err = Open(w.paths["bobs"], w.options("bob"))
	must(t, err)
	defer bobs.Close()
	if _, err := bobs.Fetch(ctx, "evil", ""); !errors.Is(err, branch.ErrInvalid) {
		t.Errorf("fetch: %v", err)
	}
	if marked, err := isIncoming(w.paths["bobs"]); err != nil || marked {
		t.Errorf("the mark is still there: %v", err)
	}
	if _, err := bobs.Resolve(ctx, bad.String()); !errors.Is(err, ErrNoRevision) {
		t.Errorf("the bad block is still there: %v", err)
	}
	sound(t, bobs)
}
