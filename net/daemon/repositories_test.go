package daemon

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"aergo/repo"
)

func TestNames(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"b", "a/deep/one", "a/deep", "Größe"} {
		w.init(name)
	}
	outside := newWorld(t)
	outside.init("secret")
	must(t, os.Symlink(filepath.Join(outside.root, "secret"), filepath.Join(w.root, "link")))
	must(t, os.Symlink(outside.root, filepath.Join(w.root, "a", "outside")))
	must(t, os.Mkdir(filepath.Join(w.root, "c"), 0o777))
	must(t, os.Symlink(filepath.Join(w.root, "b", repositoryFolder), filepath.Join(w.root, "c", repositoryFolder)))
	must(t, os.MkdirAll(filepath.Join(w.root, "d"), 0o777))
	must(t, os.WriteFile(filepath.Join(w.root, "d", repositoryFolder), nil, 0o666))
	all := NewRepositories(w.root, 2, w.options)
	names, err := all.Names()
	must(t, err)
	if want := []string{"Größe", "a/deep", "a/deep/one", "b"}; !slices.Equal(names, want) {
		t.Errorf("names %v, want %v", names, want)
	}
	for _, name := range []string{
		"", ".", "..", "../b", "a/../b", "/b", "b/", "link", "a/outside/secret", "c", "d", "a", "b/.aergo", ".daemon", "b\x00", "a/deep/one/../../../b",
		"a\\deep", "no", filepath.Join(w.root, "b"),
	} {
		err := all.Use(t.Context(), name, func(*repo.Repo) error { t.Errorf("%q is a repository", name); return nil })
		if !errors.Is(err, repo.ErrNoRepository) || !errors.Is(all.Check(name), repo.ErrNoRepository) {
			t.Errorf("%q: %v", name, err)
		}
	}
	must(t, all.Close())
}

// However many repositories are used by however many at once, each use finds its own one
// open, and few stay open.
func TestFewStayOpen(t *testing.T) {
	w := newWorld(t)
	const repositories, limit, users = 6, 2, 8
	for i := range repositories {
		w.init(fmt.Sprint("r", i))
	}
	var opens atomic.Int64
	all := NewRepositories(w.root, limit, func(folder string) (repo.Options, error) {
		opens.Add(1)
		return w.options(folder)
	})
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var done sync.WaitGroup
	for user := range users {
		done.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(user)))
			for range 30 {
				name := fmt.Sprint("r", r.IntN(repositories))
				err := all.Use(t.Context(), name, func(r *repo.Repo) error {
					row, err := r.Get(t.Context(), "t", "from "+name, "")
					if err == nil && len(row.Fields) != 1 {
						err = fmt.Errorf("row %v", row)
					}
					return err
				})
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if r.IntN(8) == 0 {
					all.Forget(name)
				}
			}
		})
	}
	done.Wait()
	if open := all.Open(); len(open) > limit {
		t.Errorf("%v are open, want %d at most", open, limit)
	}
	t.Logf("opened %d times", opens.Load())
	must(t, all.Close())
	if err := all.Use(t.Context(), "r0", func(*repo.Repo) error { return nil }); !errors.Is(err, errClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// What cannot be opened now may be opened later.
func TestFailureToOpenDoesNotStay(t *testing.T) {
	w := newWorld(t)
	w.init("a")
	broken := errors.New("broken")
	fail := true
	all := NewRepositories(w.root, 1, func(folder string) (repo.Options, error) {
		if fail {
			return repo.Options{}, broken
		}
		return w.options(folder)
	})
	use := func(ctx context.Context) error { return all.Use(ctx, "a", func(*repo.Repo) error { return nil }) }
	if err := use(t.Context()); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	fail = false
	must(t, use(t.Context()))
	must(t, all.Close())
}
