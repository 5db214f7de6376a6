package hostile

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"

	"aergo/branch"
	"aergo/net/transfer"
	"aergo/repo"
	"aergo/repo/key"
	"aergo/repo/lock"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/store/faultfs"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// seeded gives the same random bytes in every run.
type seeded struct {
	mu *sync.Mutex
	r  *rand.Rand
}

func (s seeded) Read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range b {
		b[i] = byte(s.r.Uint32())
	}
	return len(b), nil
}

// world is repositories in memory, and a server for them that is reached through pipes.
type world struct {
	t     testing.TB
	ring  *key.Keyring
	clock func() time.Time
	opts  repo.Options
	repos map[string]*repo.Repo
	paths map[string]billy.Filesystem
	// onDisk is for what does not fit in memory.
	onDisk bool

	// lies are what answers by a name instead of the repository.
	lies    map[string]transfer.Repository
	server  *transfer.Server
	mu      sync.Mutex
	spools  map[string]billy.Filesystem
	serving sync.WaitGroup
}

func newWorld(t testing.TB) *world {
	t.Helper()
	random := seeded{&sync.Mutex{}, rand.New(rand.NewPCG(1, 2))}
	w := &world{
		t: t, ring: key.NewKeyring(faultfs.New()), repos: map[string]*repo.Repo{}, paths: map[string]billy.Filesystem{},
		lies: map[string]transfer.Repository{}, spools: map[string]billy.Filesystem{},
	}
	for _, name := range []string{"ada", "bob", "carol", "mallory"} {
		_, err := w.ring.Create(t.Context(), name, random)
		must(t, err)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	w.clock = func() time.Time {
		w.mu.Lock()
		defer w.mu.Unlock()
		now = now.Add(time.Second)
		return now
	}
	w.opts = repo.Options{Keys: w.ring, Clock: w.clock, Random: random, Workers: 2}
	var err error
	w.server, err = transfer.NewServer(transfer.ServerOptions{Host: w, Spool: w.spool})
	must(t, err)
	t.Cleanup(w.serving.Wait)
	return w
}

// folder returns an empty one.
func (w *world) folder() billy.Filesystem {
	if !w.onDisk {
		return faultfs.New()
	}
	return osfs.New(w.t.TempDir(), osfs.WithBoundOS())
}

func (w *world) spool(name string) (billy.Filesystem, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.spools[name] == nil {
		w.spools[name] = w.folder()
	}
	return w.spools[name], nil
}

// Repository implements transfer.Host.
func (w *world) Repository(_ context.Context, name string) (transfer.Repository, error) {
	if lie := w.lies[name]; lie != nil {
		return lie, nil
	}
	if r := w.repos[name]; r != nil {
		return repo.AsRemote(r), nil
	}
	return nil, fmt.Errorf("%s: %w", name, repo.ErrNoRepository)
}

// Allow implements transfer.Host.
func (w *world) Allow(context.Context, string, string, transfer.Verb, ref.Name) error { return nil }

// open begins a conversation with the server about a repository.
func (w *world) open(ctx context.Context, peer, name string) (*transfer.Client, error) {
	dial := func(ctx context.Context) (transfer.Stream, error) {
		here, there := net.Pipe()
		w.serving.Go(func() { _ = w.server.Serve(context.WithoutCancel(ctx), there, peer) })
		return here, nil
	}
	return transfer.Open(ctx, dial, name, transfer.ClientOptions{
		Spool: w.folder(), Attempts: -1, Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	})
}

func (w *world) options(who string) repo.Options {
	o := w.opts
	o.Identity, o.Who = who, who
	o.Dial = func(ctx context.Context, address string) (repo.Remote, error) {
		name, ok := strings.CutPrefix(address, "test://")
		if !ok {
			return nil, errors.New("not an address of this world")
		}
		return w.open(ctx, who, name)
	}
	return o
}

func (w *world) init(name, who string) *repo.Repo {
	w.t.Helper()
	o := w.options(who)
	w.paths[name], o.Lock = w.folder(), lock.NewMemory(name)
	r, err := repo.Init(w.t.Context(), w.paths[name], o)
	must(w.t, err)
	w.t.Cleanup(func() { _ = r.Close() })
	w.repos[name] = r
	return r
}

func (w *world) clone(from, name, who string) *repo.Repo {
	w.t.Helper()
	w.paths[name] = w.folder()
	r, _, err := repo.Clone(w.t.Context(), w.paths[name], w.options(who), repo.CloneRequest{From: "test://" + from})
	must(w.t, err)
	w.t.Cleanup(func() { _ = r.Close() })
	w.repos[name] = r
	return r
}

// signer returns who signs with a key of the world's keyring.
func (w *world) signer(name string) branch.Signer {
	w.t.Helper()
	private, err := w.ring.Load(w.t.Context(), name)
	must(w.t, err)
	return branch.Signer{Identity: object.Identity{Key: private.Public(), Name: name}, Private: private}
}

// apply does operations and commits them.
func apply(t testing.TB, r *repo.Repo, lines ...string) object.Hash {
	t.Helper()
	_, err := r.ApplyLines(t.Context(), strings.NewReader(strings.Join(lines, "\n")))
	must(t, err)
	c, err := r.Commit(t.Context(), repo.CommitRequest{Message: "work"})
	must(t, err)
	return c.Block
}

// line is an operation that sets a number.
func line(key string, n int) string {
	return fmt.Sprintf(`{"op":"put","table":"t","key":%q,"fields":{"n":%d}}`, key, n)
}

// standing is what a repository holds and where its branches and tags stand.
type standing struct {
	objects uint64
	refs    string
}

// standingOf checks that nothing in a repository is broken.
func standingOf(t testing.TB, r *repo.Repo) standing {
	t.Helper()
	report, err := r.Fsck(t.Context())
	must(t, err)
	if len(report.Problems) > 0 {
		t.Fatalf("fsck: %v", report.Problems)
	}
	refs, err := r.Offer(t.Context())
	must(t, err)
	return standing{report.Objects, fmt.Sprintf("%+v", refs)}
}
