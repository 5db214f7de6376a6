package daemon

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/osfs"

	"aergo/net/peer"
	"aergo/net/transfer"
	"aergo/repo"
	"aergo/repo/key"
	"aergo/repo/lock"
	"aergo/repo/store/faultfs"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is a root with repositories that ada owns, and those who use them.
type world struct {
	t    testing.TB
	root string
	ring *key.Keyring
	log  *logged
}

// logged is what a daemon has logged.
type logged struct {
	mu sync.Mutex
	b  strings.Builder
}

// Write implements io.Writer.
func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, root: t.TempDir(), ring: key.NewKeyring(faultfs.New()), log: &logged{}}
	for _, name := range []string{"ada", "bob"} {
		_, err := w.ring.Create(t.Context(), name, nil)
		must(t, err)
	}
	return w
}

func (w *world) options(folder string) (repo.Options, error) {
	return repo.Options{Keys: w.ring, Identity: "ada", Who: "ada", Workers: 2, Lock: lock.NewFile(filepath.Join(folder, "lock"), "test")}, nil
}

// init makes a repository with a row.
func (w *world) init(name string) string {
	w.t.Helper()
	folder := filepath.Join(w.root, filepath.FromSlash(name), repositoryFolder)
	must(w.t, os.MkdirAll(folder, 0o777))
	opts, err := w.options(folder)
	must(w.t, err)
	r, err := repo.Init(w.t.Context(), osfs.New(folder, osfs.WithBoundOS()), opts)
	must(w.t, err)
	put(w.t, r, "from "+name)
	must(w.t, r.Close())
	return folder
}

// put commits a row.
func put(t testing.TB, r *repo.Repo, k string) {
	t.Helper()
	_, err := r.ApplyLines(t.Context(), strings.NewReader(fmt.Sprintf(`{"op":"put","table":"t","key":%q,"fields":{"n":1}}`, k)))
	must(t, err)
	_, err = r.Commit(t.Context(), repo.CommitRequest{Message: k})
	must(t, err)
}

func (w *world) settings() Settings {
	s := Defaults()
	s.Root, s.Listen, s.Status, s.LogLevel = w.root, []string{"127.0.0.1:0"}, "127.0.0.1:0", "debug"
	return s
}

func (w *world) start(change func(*Options)) *Daemon {
	w.t.Helper()
	opts := Options{Settings: w.settings(), Repository: w.options, Log: w.log}
	if change != nil {
		change(&opts)
	}
	d, err := Start(w.t.Context(), opts)
	must(w.t, err)
	w.t.Cleanup(func() { _ = d.Stop(context.Background()) })
	return d
}

// connect returns a repository of a daemon as somebody sees it.
func (w *world) connect(d *Daemon, who, name string) (*transfer.Client, error) {
	w.t.Helper()
	private, err := w.ring.Load(w.t.Context(), who)
	must(w.t, err)
	identity, err := peer.IdentityOf(private)
	must(w.t, err)
	h, err := peer.New(peer.Options{Identity: identity, Known: peer.OpenKnown(faultfs.New(), "known")})
	must(w.t, err)
	w.t.Cleanup(func() { _ = h.Close() })
	c, err := transfer.Open(w.t.Context(), func(ctx context.Context) (transfer.Stream, error) {
		s, _, err := h.Open(ctx, d.Addresses()[0], transfer.Protocol)
		return s, err
	}, name, transfer.ClientOptions{Spool: faultfs.New(), Attempts: -1})
	if err == nil {
		w.t.Cleanup(func() { _ = c.Close() })
	}
	return c, err
}

// clone clones a repository of a daemon into memory.
func (w *world) clone(d *Daemon, who, name string) (*repo.Repo, error) {
	w.t.Helper()
	opts, err := w.options("")
	must(w.t, err)
	opts.Identity, opts.Who, opts.Lock = who, who, lock.NewMemory(who)
	opts.Dial = func(context.Context, string) (repo.Remote, error) { return w.connect(d, who, name) }
	r, _, err := repo.Clone(w.t.Context(), faultfs.New(), opts, repo.CloneRequest{From: "aergo://d/" + name})
	if err == nil {
		w.t.Cleanup(func() { _ = r.Close() })
	}
	return r, err
}

// within fails the test if something does not happen soon.
func within(t testing.TB, what string, done <-chan struct{}) {
	t.Helper()
	timer := time.NewTimer(20 * time.Second)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		t.Fatalf("not within 20 seconds: %s", what)
	}
}
