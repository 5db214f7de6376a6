package repo

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-billy/v5/util"

	"aergo/repo/lock"
	"aergo/repo/oplog"
)

// asked are the options of somebody who comes to an open repository with a lock of his own,
// as every command does.
func asked(o Options, folder, who string) Options {
	o.Identity, o.Who = who, who
	o.Lock = lock.NewFile(filepath.Join(folder, "lock"), who)
	return o
}

// TestCallersActInTheirOwnNames lets several people work with one open repository at once.
func TestCallersActInTheirOwnNames(t *testing.T) {
	folder := t.TempDir()
	opts := testOptions(t, "bob", "carol")
	opts.Clock, opts.Random = nil, nil // those of tests are for one at a time
	r, err := Init(t.Context(), osfs.New(folder, osfs.WithBoundOS()), asked(opts, folder, "ada"))
	must(t, err)
	defer r.Close()
	const rounds = 10
	var wg sync.WaitGroup
	for _, who := range []string{"ada", "bob", "carol"} {
		wg.Go(func() {
			for i := range rounds {
				o := asked(opts, folder, who)
				o.Args = []string{"put", fmt.Sprint(i)}
				told := 0
				o.Progress = func(Progress) { told++ }
				d, err := r.As(t.Context(), o)
				if err != nil {
					t.Error(err)
					return
				}
				_, err = d.ApplyLines(t.Context(), strings.NewReader(fmt.Sprintf(`{"op":"put","table":"t","key":"%s%d","fields":{"n":%d}}`, who, i, i)))
				if err == nil && who == "ada" {
					_, err = d.Commit(t.Context(), CommitRequest{Message: "by " + who})
				}
				if err = errors.Join(ignore(err, ErrNothing), d.Close()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	_, err = r.Commit(t.Context(), CommitRequest{Message: "the rest"})
	must(t, ignore(err, ErrNothing))
	whose := map[string]int{}
	for e, err := range r.Operations(t.Context()) {
		must(t, err)
		if e.Verb != "commit" && e.Verb != "init" {
			whose[e.Who]++
		}
	}
	for _, who := range []string{"ada", "bob", "carol"} {
		if whose[who] != rounds {
			t.Errorf("%d operations of %s, want %d", whose[who], who, rounds)
		}
		for i := range rounds {
			if got := field(t, r, "t", fmt.Sprint(who, i), "n"); got != fmt.Sprint(i) {
				t.Errorf("%s%d is %q", who, i, got)
			}
		}
	}
	_, err = r.Verify(t.Context(), VerifyRequest{All: true})
	must(t, err)
}

// TestOpenRepositorySeesWhatOthersDo changes everything that a repository has from another
// process, while one stays open: each time a caller comes, it is there.
func TestOpenRepositorySeesWhatOthersDo(t *testing.T) {
	folder := t.TempDir()
	fs := osfs.New(folder, osfs.WithBoundOS())
	opts := testOptions(t, "bob")
	first, err := Init(t.Context(), fs, asked(opts, folder, "ada"))
	must(t, err)
	must(t, first.Close())
	open, err := Open(osfs.New(folder, osfs.WithBoundOS()), asked(opts, folder, "ada"))
	must(t, err)
	defer open.Close()
	last := ""
	for i, step := range []func(r *Repo) error{
		func(r *Repo) error { put(t, r, "a", "n", 1); return nil },
		func(r *Repo) error { apply(t, r, `{"op":"put","table":"t","key":"b","fields":{"n":2}}`); return nil },
		func(r *Repo) error { _, err := r.Commit(t.Context(), CommitRequest{Message: "b"}); return err },
		func(r *Repo) error { _, err := r.CheckoutNew(t.Context(), "feature", ""); return err },
		func(r *Repo) error { put(t, r, "c", "n", 3); return nil },
		func(r *Repo) error { _, err := r.CreateTag(t.Context(), "v1", "", "first"); return err },
		func(r *Repo) error { return r.AddRemote(t.Context(), "up", "/nowhere") },
		func(r *Repo) error { _, err := r.GC(t.Context()); return err },
		func(r *Repo) error { _, err := r.Checkout(t.Context(), "master"); return err },
		func(r *Repo) error { _, err := r.Merge(t.Context(), MergeRequest{Source: "feature"}); return err },
		func(r *Repo) error { put(t, r, "d", "n", 4); return nil },
		func(r *Repo) error { _, err := r.Undo(t.Context()); return err },
		func(r *Repo) error { _, err := r.DeleteBranch(t.Context(), "feature", true); return err },
		func(r *Repo) error { _, err := r.GC(t.Context()); return err },
	} {
		other, err := Open(osfs.New(folder, osfs.WithBoundOS()), asked(opts, folder, "bob"))
		must(t, err)
		must(t, step(other))
		want := portraitOf(t, other)
		must(t, other.Close())
		seen, err := open.As(t.Context(), asked(opts, folder, "ada"))
		must(t, err)
		got := portraitOf(t, seen)
		if got != want {
			t.Errorf("step %d: an open repository sees\n%s\nand a new one\n%s", i, got, want)
		}
		if got == last && i != 7 && i != 13 {
			t.Errorf("step %d: changes nothing", i)
		}
		last = got
	}
	put(t, open, "e", "n", 5) // after all that it can still be written to
	_, err = open.Verify(t.Context(), VerifyRequest{All: true})
	must(t, err)
}

// portraitOf is what a repository says of itself.
func portraitOf(t *testing.T, r *Repo) string {
	t.Helper()
	ctx := t.Context()
	st, err := r.Status(ctx)
	must(t, err)
	branches, current, err := r.Branches(ctx)
	must(t, err)
	tags, err := r.Tags(ctx)
	must(t, err)
	remotes, err := r.Remotes(ctx)
	must(t, err)
	out := fmt.Sprintln(st, branches, current, tags, remotes)
	if tables, err := r.Tables(ctx, ""); err != nil || len(tables) > 0 {
		must(t, err)
		must(t, r.Rows(ctx, "t", "", func(row Row) error {
			out += fmt.Sprintf("%x %x\n", row.Tuple, row.Data)
			return nil
		}))
	}
	must(t, r.Log(ctx, "", 0, func(b Block) error {
		out += fmt.Sprintln(b.ID, b.Height, len(b.Batches))
		return nil
	}))
	for e, err := range r.Operations(ctx) {
		must(t, err)
		out += fmt.Sprintln(e.N, e.Verb)
	}
	return out
}

// TestReplacedRepositoryIsNoticed puts another repository, and then none, in the place of
// one that is open.
func TestReplacedRepositoryIsNoticed(t *testing.T) {
	folder := t.TempDir()
	fs := osfs.New(folder, osfs.WithBoundOS())
	opts := testOptions(t)
	r, err := Init(t.Context(), fs, asked(opts, folder, "ada"))
	must(t, err)
	defer r.Close()
	clear := func(fs billy.Filesystem) {
		infos, err := fs.ReadDir("")
		must(t, err)
		for _, info := range infos {
			must(t, util.RemoveAll(fs, info.Name()))
		}
	}
	clear(fs)
	if _, err := r.As(t.Context(), asked(opts, folder, "ada")); !errors.Is(err, ErrNoRepository) {
		t.Errorf("of a repository that is gone: %v", err)
	}
	other, err := Init(t.Context(), fs, asked(opts, folder, "ada"))
	must(t, err)
	defer other.Close()
	if _, err := r.As(t.Context(), asked(opts, folder, "ada")); !errors.Is(err, ErrReplaced) {
		t.Errorf("of another repository: %v", err)
	}
}

// TestCallersTakeBackWhatWasStopped leaves the intent of a process that was killed: the next
// caller of an open repository takes it back, as one that opens it does.
func TestCallersTakeBackWhatWasStopped(t *testing.T) {
	folder := t.TempDir()
	fs := osfs.New(folder, osfs.WithBoundOS())
	opts := testOptions(t)
	r, err := Init(t.Context(), fs, asked(opts, folder, "ada"))
	must(t, err)
	defer r.Close()
	before, err := r.refs.Branch(t.Context(), DefaultBranch)
	must(t, err)
	after := before
	after.Head[0] ^= 1
	last, err := r.log.Last(t.Context())
	must(t, ignore(err, oplog.ErrNotFound))
	entry := &oplog.Entry{N: last.N + 1, Verb: "commit"}
	record(&entry.Refs, "branches/"+string(DefaultBranch), before, after)
	must(t, r.intend(entry))
	must(t, r.refs.SetBranch(context.Background(), before, after))
	seen, err := r.As(t.Context(), asked(opts, folder, "ada"))
	must(t, err)
	if now, err := seen.refs.Branch(t.Context(), DefaultBranch); err != nil || now != before {
		t.Errorf("the branch is %+v, %v; want %+v", now, err, before)
	}
}
