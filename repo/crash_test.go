package repo

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5"

	"aergo/branch"
	"aergo/repo/ref"
	"aergo/repo/store"
	"aergo/repo/store/faultfs"
)

// disaster runs commands on repositories whose disk fails.
type disaster struct {
	t    *testing.T
	opts Options
	now  time.Time
	here *faultfs.FS // the disk that fails
	far  *faultfs.FS // of a repository that the remotes "origin" and "far" lead to
}

// command is one operation as a process of its own does it.
type command struct {
	name string
	run  func(d *disaster) error
	// atFar says that the far disk is the one that fails.
	atFar bool
}

func newDisaster(t *testing.T) *disaster {
	d := &disaster{t: t, opts: testOptions(t, "bob"), here: faultfs.New(), far: faultfs.New()}
	// Every command of some size fills several packs, and may be stopped between two.
	d.opts.packs = store.Options{FrameBytes: 512, SealPackBytes: 3 << 10}
	d.opts.Clock = func() time.Time {
		d.now = d.now.Add(time.Second)
		return d.now
	}
	return d
}

func (d *disaster) options(who string) Options {
	o := d.opts
	o.Identity, o.Who = who, who
	o.Random = seeded{rand.New(rand.NewPCG(3, 4))}
	o.OpenPath = func(_ context.Context, path string) (*Repo, error) {
		switch path {
		case "far":
			return Open(d.far, d.options(who))
		case "here":
			return Open(d.here, d.options(who))
		}
		return nil, ErrNoRepository
	}
	return o
}

// open runs fn on a repository as a process of its own.
func (d *disaster) open(fs billy.Filesystem, fn func(r *Repo) error) error {
	r, err := Open(fs, d.options("ada"))
	if err != nil {
		return err
	}
	return errors.Join(fn(r), r.Close())
}

// do makes a command of a function on the repository here.
func do(name string, fn func(ctx context.Context, r *Repo) error) command {
	return command{name: name, run: func(d *disaster) error {
		return d.open(d.here, func(r *Repo) error { return fn(d.t.Context(), r) })
	}}
}

func doApply(lines ...string) command {
	return do("apply", func(ctx context.Context, r *Repo) error {
		_, err := r.ApplyLines(ctx, strings.NewReader(strings.Join(lines, "\n")))
		return err
	})
}

func doCommit(message string) command {
	return do("commit", func(ctx context.Context, r *Repo) error {
		_, err := r.Commit(ctx, CommitRequest{Message: message})
		return err
	})
}

func doCheckout(name ref.Name) command {
	return do("checkout", func(ctx context.Context, r *Repo) error {
		_, err := r.Checkout(ctx, name)
		return err
	})
}

// doFar makes a command of a function on the far repository.
func doFar(name string, fn func(ctx context.Context, r *Repo) error) command {
	return command{name: name, atFar: true, run: func(d *disaster) error {
		return d.open(d.far, func(r *Repo) error { return fn(d.t.Context(), r) })
	}}
}

func farApply(line string) command {
	return doFar("far apply", func(ctx context.Context, r *Repo) error {
		_, err := r.ApplyLines(ctx, strings.NewReader(line))
		return err
	})
}

func farCommit() command {
	return doFar("far commit", func(ctx context.Context, r *Repo) error {
		_, err := r.Commit(ctx, CommitRequest{Message: "far"})
		return err
	})
}

// commands is a life of two repositories.
func commands() []command {
	var many []string
	for i := range branch.MaterialiseTransactions + 10 {
		many = append(many, fmt.Sprintf(`{"op":"put","table":"many","key":"row %d","fields":{"n":%d}}`, i, i))
	}
	return []command{
		doApply(`{"op":"put","table":"t","key":"a","fields":{"n":1,"m":1}}`),
		doApply(`{"op":"put","table":"t","key":"b","fields":{"n":1}}`),
		doCommit("first"),
		doApply(`{"op":"put","table":"t","key":"b","fields":{"n":2}}`),
		do("checkout new, pool along", func(ctx context.Context, r *Repo) error {
			_, err := r.CheckoutNew(ctx, "side", "")
			return err
		}),
		doCommit("on the side"),
		doCheckout("master"),
		doApply(`{"op":"put","table":"t","key":"a","fields":{"n":3}}`),
		doCommit("on master"),
		doApply(`{"op":"put","table":"t","key":"pending","fields":{"n":9}}`),
		do("merge with something pending", func(ctx context.Context, r *Repo) error {
			_, err := r.Merge(ctx, MergeRequest{Source: "side"})
			return err
		}),
		do("undo", func(ctx context.Context, r *Repo) error {
			_, err := r.Undo(ctx)
			return err
		}),
		do("undo the undo", func(ctx context.Context, r *Repo) error {
			_, err := r.Undo(ctx)
			return err
		}),
		do("tag", func(ctx context.Context, r *Repo) error {
			_, err := r.CreateTag(ctx, "v1", "", "a tag")
			return err
		}),
		do("delete branch", func(ctx context.Context, r *Repo) error {
			_, err := r.DeleteBranch(ctx, "side", false)
			return err
		}),
		doApply(many...),
		doCommit("many"),
		{name: "clone to far", atFar: true, run: func(d *disaster) error {
			r, _, err := Clone(d.t.Context(), d.far, d.options("ada"), CloneRequest{From: "here"})
			if err != nil {
				return err
			}
			return r.Close()
		}},
		do("remote", func(ctx context.Context, r *Repo) error { return r.AddRemote(ctx, "far", "far") }),
		farApply(`{"op":"put","table":"t","key":"c","fields":{"n":1}}`), farCommit(),
		do("fetch", func(ctx context.Context, r *Repo) error {
			_, err := r.Fetch(ctx, "far", "")
			return err
		}),
		do("pull, forward", func(ctx context.Context, r *Repo) error {
			_, err := r.Pull(ctx, PullRequest{Remote: "far"})
			return err
		}),
		doApply(`{"op":"put","table":"t","key":"d","fields":{"n":1}}`),
		doCommit("here"),
		farApply(`{"op":"put","table":"t","key":"e","fields":{"n":1}}`), farCommit(),
		{name: "push, far disk", atFar: true, run: func(d *disaster) error {
			return d.open(d.here, func(r *Repo) error {
				b, err := r.current(d.t.Context())
				if err != nil {
					return err
				}
				return d.open(d.far, func(far *Repo) error {
					_, err := far.Receive(d.t.Context(), offered{r}, RemoteMerge{Branch: "master", Head: b.Head})
					return err
				})
			})
		}},
		do("push, our disk", func(ctx context.Context, r *Repo) error {
			p, err := r.Push(ctx, PushRequest{Remote: "far"})
			return errors.Join(err, p.Behind)
		}),
		do("remove remote", func(ctx context.Context, r *Repo) error {
			_, err := r.RemoveRemote(ctx, "far")
			return err
		}),
		do("gc", func(ctx context.Context, r *Repo) error {
			_, err := r.GC(ctx)
			return err
		}),
	}
}

// observe says all that a user can see of a repository.
func (d *disaster) observe(fs billy.Filesystem) (string, error) {
	var out strings.Builder
	err := d.open(fs, func(r *Repo) error {
		ctx := d.t.Context()
		st, err := r.Status(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(&out, "%s%s at %s, height %d, %d pending %v\n", st.Branch, st.Tag, st.Head.Short(), st.Height, st.Pending, st.Others)
		branches, _, err := r.Branches(ctx)
		if err != nil {
			return err
		}
		tags, err := r.Tags(ctx)
		if err != nil {
			return err
		}
		remotes, err := r.Remotes(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(&out, "%v\n%v\n%v\n%v\n", branches, tags, remotes, r.Lacking())
		for e, err := range r.Operations(ctx) {
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, "%d %s\n", e.N, e.Verb)
		}
		err = r.Log(ctx, "", 0, func(b Block) error {
			fmt.Fprintf(&out, "%d %s\n", b.Height, b.ID.Short())
			return nil
		})
		if err != nil {
			return err
		}
		tables, err := r.Tables(ctx, "")
		if err != nil {
			return err
		}
		for _, tab := range tables {
			sum := sha256.New()
			err := r.Rows(ctx, tab.Name, "", func(row Row) error {
				fmt.Fprintf(sum, "%x %x\n", row.Tuple, row.Data)
				return nil
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, "%s: %d rows, %x\n", tab.Name, tab.Rows, sum.Sum(nil)[:4])
		}
		return nil
	})
	if errors.Is(err, ErrNoRepository) {
		return "nothing", nil
	}
	return out.String(), err
}

// again does the command once more, if it has not happened, and checks that all is well.
func (d *disaster) again(c command, s stage, crashed *faultfs.FS, doIt bool) error {
	if c.atFar {
		d.here, d.far = s.here.Clone(), crashed
	} else {
		d.here, d.far = crashed, s.far.Clone()
	}
	if doIt {
		if err := c.run(d); err != nil {
			return fmt.Errorf("again: %w", err)
		}
	}
	return d.usable(crashed)
}

// usable checks that a repository is whole, and that work can go on.
func (d *disaster) usable(fs billy.Filesystem) error {
	return d.open(fs, func(r *Repo) error {
		ctx := d.t.Context()
		f, err := r.Fsck(ctx)
		if err != nil || len(f.Problems) > 0 {
			return fmt.Errorf("fsck: %v, %+v", err, f.Problems)
		}
		if _, err := r.Verify(ctx, VerifyRequest{All: true}); err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		if _, err := r.ApplyLines(ctx, strings.NewReader(`{"op":"put","table":"after","key":"x","fields":{"n":1}}`)); err != nil {
			return fmt.Errorf("apply: %w", err)
		}
		if _, err := r.Commit(ctx, CommitRequest{Message: "after"}); err != nil {
			return fmt.Errorf("commit: %w", err)
		}
		if _, err := r.Undo(ctx); err != nil {
			return fmt.Errorf("undo: %w", err)
		}
		if _, err := r.GC(ctx); err != nil {
			return fmt.Errorf("gc: %w", err)
		}
		return nil
	})
}

// stage is the disks before a command, and what is seen on the one that will fail before
// and after it.
type stage struct {
	here, far     *faultfs.FS
	now           time.Time
	before, after string
}

// set puts the disks and the clock as they were, and returns the disk that fails.
func (d *disaster) set(s stage, c command) *faultfs.FS {
	d.here, d.far, d.now = s.here.Clone(), s.far.Clone(), s.now
	if c.atFar {
		return d.far
	}
	return d.here
}

// live runs the commands without trouble and returns the stage of each.
func (d *disaster) live(all []command) []stage {
	t := d.t
	d.now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r, err := Init(t.Context(), d.here, d.options("ada"))
	must(t, err)
	must(t, r.Close())
	return d.goOn(all)
}

// goOn is live for a repository that is there.
func (d *disaster) goOn(all []command) []stage {
	t := d.t
	var stages []stage
	var err error
	for i, c := range all {
		d.now = time.Date(2026, 1, 2, 4+i, 0, 0, 0, time.UTC)
		s := stage{here: d.here.Clone(), far: d.far.Clone(), now: d.now}
		disk := d.here
		if c.atFar {
			disk = d.far
		}
		s.before, err = d.observe(disk)
		must(t, err)
		d.now = s.now
		if err := c.run(d); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		s.after, err = d.observe(disk)
		must(t, err)
		stages = append(stages, s)
	}
	return stages
}

// TestCrashAtEveryOperation stops every command at every write, as a power cut does. What
// is there afterwards is what was there before the command, or after it.
func TestCrashAtEveryOperation(t *testing.T) {
	t.Parallel()
	d := newDisaster(t)
	all := commands()
	d.crashEverywhere(all, d.live(all))
}

// crashEverywhere stops commands at every write.
func (d *disaster) crashEverywhere(all []command, stages []stage) {
	t := d.t
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for i, s := range stages {
		c := all[i]
		for n, done := 0, false; !done; n++ {
			disk := d.set(s, c)
			disk.SetPlan(faultfs.CrashAt(n))
			err := c.run(d)
			done = disk.Ops() <= n
			for k, crashed := range []*faultfs.FS{disk.CrashClone(rng), disk.SyncedClone()} {
				d.now = s.now
				got, seeErr := d.observe(crashed)
				switch {
				case seeErr != nil:
					t.Fatalf("%s, crash at %d: %v", c.name, n, seeErr)
				case err == nil && got != s.after:
					t.Fatalf("%s, crash at %d, succeeded and is lost: %s", c.name, n, got)
				case got != s.before && got != s.after:
					t.Fatalf("%s, crash at %d (%v):\n%s\n\nis neither before:\n%s\n\nnor after:\n%s", c.name, n, err, got, s.before, s.after)
				}
				if n%6 != k*3 && !done { // all of them would take long
					continue
				}
				if err := d.again(c, s, crashed, got == s.before); err != nil {
					t.Fatalf("%s, crash at %d: %v", c.name, n, err)
				}
			}
		}
	}
}

// TestFaultAtEveryOperation makes every write of every command fail. A command that says
// that it failed has changed nothing, and one that says nothing has done it all.
func TestFaultAtEveryOperation(t *testing.T) {
	t.Parallel()
	d := newDisaster(t)
	all := commands()
	stages := d.live(all)
	for _, fault := range []struct {
		err   error
		short int
	}{{syscall.EIO, 0}, {faultfs.ErrNoSpace, 20}} {
		for i, s := range stages {
			c := all[i]
			for n, done := 0, false; !done; n++ {
				disk := d.set(s, c)
				disk.SetPlan(faultfs.FailAt(n, fault.err, fault.short))
				err := c.run(d)
				done = disk.Ops() <= n
				disk.SetPlan(nil)
				d.now = s.now
				got, seeErr := d.observe(disk)
				want := s.before
				if err == nil {
					want = s.after
				}
				if seeErr != nil || got != want {
					t.Fatalf("%s, %v at %d, says %v: %v\n%s\n\nwant:\n%s", c.name, fault.err, n, err, seeErr, got, want)
				}
				if err != nil && !errors.Is(err, fault.err) {
					t.Errorf("%s, %v at %d: the error is %v", c.name, fault.err, n, err)
				}
				if got != "nothing" && (n%13 == 0 || done) {
					if err := d.usable(disk); err != nil {
						t.Fatalf("%s, %v at %d: %v", c.name, fault.err, n, err)
					}
				}
			}
		}
	}
}

// TestInitCrash: whatever is left of an init that was stopped, the next one works.
func TestInitCrash(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	d := newDisaster(t)
	for n, done := 0, false; !done; n++ {
		fs := faultfs.New()
		fs.SetPlan(faultfs.CrashAt(n))
		r, err := Init(t.Context(), fs, d.options("ada"))
		if done = err == nil; done {
			must(t, r.Close())
		}
		after := fs.CrashClone(rng)
		r, err = Init(t.Context(), after, d.options("ada"))
		switch {
		case errors.Is(err, ErrExists):
		case err != nil:
			t.Fatalf("crash at %d: %v", n, err)
		default:
			must(t, r.Close())
		}
		if done != errors.Is(err, ErrExists) && done {
			t.Errorf("init succeeded and is lost")
		}
		if err := d.usable(after); err != nil {
			t.Fatalf("crash at %d: %v", n, err)
		}
	}
}
