package transfer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"

	"aergo/contract/value"
	"aergo/repo"
	"aergo/repo/key"
	"aergo/repo/lock"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/store/faultfs"
)

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

// world is repositories in memory, a server for them, and ways to it.
type world struct {
	t      testing.TB
	opts   repo.Options
	onDisk bool
	repos  map[string]*repo.Repo
	paths  map[string]billy.Filesystem
	locks  map[string]lock.Lock

	server *Server
	spools map[string]billy.Filesystem // of the server
	client ClientOptions

	lies    map[string]func(Repository) Repository
	mu      sync.Mutex
	denied  map[string]error // by "peer name verb"
	reports []Report
	serving sync.WaitGroup
	// dial begins a conversation with the server.
	dial func(peer string) Dialer
	// between may put something between the two ends of each stream.
	between func(Stream) Stream
	clients []*Client
}

func newWorld(t testing.TB) *world {
	t.Helper()
	random := seeded{&sync.Mutex{}, rand.New(rand.NewPCG(1, 2))}
	ring := key.NewKeyring(faultfs.New())
	for _, n := range []string{"ada", "bob", "mallory"} {
		if _, err := ring.Create(t.Context(), n, random); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var mu sync.Mutex
	clock := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Second)
		return now
	}
	w := &world{
		t: t, repos: map[string]*repo.Repo{}, paths: map[string]billy.Filesystem{}, locks: map[string]lock.Lock{}, spools: map[string]billy.Filesystem{}, denied: map[string]error{}, lies: map[string]func(Repository) Repository{},
		opts:    repo.Options{Keys: ring, Clock: clock, Random: random, Workers: 2},
		client:  ClientOptions{Spool: faultfs.New(), Attempts: -1, Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }},
		between: func(s Stream) Stream { return s },
	}
	w.dial = w.pipe
	var err error
	w.server, err = NewServer(ServerOptions{Host: w, Spool: w.spool, Report: w.report})
	must(t, err)
	t.Cleanup(w.serving.Wait)
	return w
}

// folder returns an empty one: on disk where several use it at once, which those in memory
// do not bear.
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

func (w *world) report(r Report) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reports = append(w.reports, r)
}

// ended returns what was reported of conversations so far.
func (w *world) ended() []Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.reports)
}

// Repository implements Host.
func (w *world) Repository(_ context.Context, name string) (Repository, error) {
	if r := w.repos[name]; r != nil {
		if as := w.lies[name]; as != nil {
			return as(repo.AsRemote(r)), nil
		}
		return repo.AsRemote(r), nil
	}
	return nil, fmt.Errorf("%s: %w", name, repo.ErrNoRepository)
}

// lie has something else answer by the name of a repository.
func (w *world) lie(name string, as func(Repository) Repository) { w.lies[name] = as }

// Allow implements Host.
func (w *world) Allow(_ context.Context, peer, name string, verb Verb, _ ref.Name) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.denied[fmt.Sprint(peer, " ", name, " ", verb)]
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
	o.OpenPath = func(_ context.Context, name string) (*repo.Repo, error) {
		if w.paths[name] == nil {
			return nil, fmt.Errorf("%s: %w", name, repo.ErrNoRepository)
		}
		o := w.options(who)
		o.Lock = w.locks[name]
		return repo.Open(w.paths[name], o)
	}
	return o
}

// pipe begins a conversation with the server through a pipe.
func (w *world) pipe(peer string) Dialer {
	return func(ctx context.Context) (Stream, error) {
		here, there := net.Pipe()
		w.serving.Go(func() { _ = w.server.Serve(context.WithoutCancel(ctx), there, peer) })
		return w.between(here), nil
	}
}

func (w *world) open(ctx context.Context, peer, name string) (*Client, error) {
	c, err := Open(ctx, w.dial(peer), name, w.client)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clients = append(w.clients, c)
	w.t.Cleanup(func() { _ = c.Close() })
	return c, nil
}

func (w *world) init(name, who string) *repo.Repo {
	w.t.Helper()
	o := w.options(who)
	w.locks[name], w.paths[name] = lock.NewMemory(name), w.folder()
	o.Lock = w.locks[name]
	r, err := repo.Init(w.t.Context(), w.paths[name], o)
	must(w.t, err)
	w.t.Cleanup(func() { _ = r.Close() })
	w.repos[name] = r
	return r
}

func (w *world) tryClone(from, who string) (*repo.Repo, repo.Cloned, error) {
	r, c, err := repo.Clone(w.t.Context(), w.folder(), w.options(who), repo.CloneRequest{From: from})
	if err == nil {
		w.t.Cleanup(func() { _ = r.Close() })
	}
	return r, c, err
}

func (w *world) clone(from, who string) *repo.Repo {
	w.t.Helper()
	r, _, err := w.tryClone(from, who)
	must(w.t, err)
	return r
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put sets a field of a row and commits.
func put(t testing.TB, r *repo.Repo, key string, n int) object.Hash {
	t.Helper()
	_, err := r.ApplyLines(t.Context(), strings.NewReader(fmt.Sprintf(`{"op":"put","table":"t","key":%q,"fields":{"n":%d}}`, key, n)))
	must(t, err)
	c, err := r.Commit(t.Context(), repo.CommitRequest{Message: fmt.Sprintf("%s = %d", key, n)})
	must(t, err)
	return c.Block
}

// fill commits many rows at once.
func fill(t testing.TB, r *repo.Repo, from, count int) {
	t.Helper()
	var csv strings.Builder
	csv.WriteString("key,n,text\n")
	for i := range count {
		fmt.Fprintf(&csv, "row-%07d,%d,%s\n", from+i, i*7919, object.Sum([]byte{byte(i), byte(i >> 8), byte(from)}).String()[:24])
	}
	_, err := r.Import(t.Context(), strings.NewReader(csv.String()), repo.ImportRequest{Table: "t", Format: "csv", Key: []string{"key"}})
	must(t, err)
	_, err = r.Commit(t.Context(), repo.CommitRequest{Message: "many rows"})
	must(t, err)
}

func wantRow(t testing.TB, r *repo.Repo, key, want string) {
	t.Helper()
	got := ""
	if row, err := r.Get(t.Context(), "t", key, ""); err == nil {
		for _, f := range row.Fields {
			if f.Name == "n" {
				got = string(value.AppendJSON(nil, f.Enc))
			}
		}
	}
	if got != want {
		t.Errorf("%s.n is %q, want %q", key, got, want)
	}
}

// unchanged checks that a repository holds as much as it did, and nothing that is broken.
func unchanged(t testing.TB, r *repo.Repo, before repo.FsckReport) {
	t.Helper()
	if after, err := r.Fsck(t.Context()); err != nil || after.Objects != before.Objects || len(after.Problems) > 0 {
		t.Errorf("holds %d objects, before %d; %v, %v", after.Objects, before.Objects, after.Problems, err)
	}
}

// nothingLeft checks that a spool is empty.
func nothingLeft(t testing.TB, spool billy.Filesystem) {
	t.Helper()
	if infos, err := spool.ReadDir(""); err == nil && len(infos) > 0 {
		t.Errorf("%d files are left in the spool", len(infos))
	}
}

// sound fails the test unless a repository verifies and checks without a fault.
func sound(t testing.TB, r *repo.Repo) {
	t.Helper()
	_, err := r.Verify(t.Context(), repo.VerifyRequest{All: true})
	must(t, err)
	f, err := r.Fsck(t.Context())
	must(t, err)
	if len(f.Problems) > 0 {
		t.Errorf("fsck: %+v", f.Problems)
	}
}

// headOf returns the newest block of what is checked out.
func headOf(t testing.TB, r *repo.Repo) object.Hash {
	t.Helper()
	b, err := r.Resolve(t.Context(), "HEAD")
	must(t, err)
	return b.ID
}
