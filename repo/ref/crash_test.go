package ref

import (
	"errors"
	"os"
	"testing"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/memfs"
)

// killFS fails for good from the n-th changing operation on, as if the process had died;
// the write that it dies in is torn.
type killFS struct {
	billy.Filesystem
	left int
}

var errKilled = errors.New("killed")

func (k *killFS) step() error {
	if k.left--; k.left < 0 {
		return errKilled
	}
	return nil
}

func (k *killFS) OpenFile(name string, flag int, perm os.FileMode) (billy.File, error) {
	if flag&os.O_CREATE != 0 {
		if err := k.step(); err != nil {
			return nil, err
		}
	}
	f, err := k.Filesystem.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &killFile{f, k}, nil
}

func (k *killFS) Rename(from, to string) error {
	if err := k.step(); err != nil {
		return err
	}
	return k.Filesystem.Rename(from, to)
}

func (k *killFS) Remove(name string) error {
	if err := k.step(); err != nil {
		return err
	}
	return k.Filesystem.Remove(name)
}

func (k *killFS) MkdirAll(name string, perm os.FileMode) error {
	if err := k.step(); err != nil {
		return err
	}
	return k.Filesystem.MkdirAll(name, perm)
}

type killFile struct {
	billy.File
	fs *killFS
}

func (f *killFile) Write(p []byte) (int, error) {
	if err := f.fs.step(); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

func (f *killFile) Sync() error { return f.fs.step() }

func TestKilledAtEveryOperation(t *testing.T) {
	ctx := t.Context()
	one, two := branch("master", "1"), branch("master", "2")
	scenario := func(s *Store) (acknowledged []Branch) {
		if s.SetBranch(ctx, Branch{}, one) != nil {
			return nil
		}
		if s.SetBranch(ctx, one, two) != nil {
			return []Branch{one}
		}
		if s.DeleteBranch(ctx, two) != nil {
			return []Branch{one, two}
		}
		return []Branch{one, two, {}}
	}
	order := []Branch{{}, one, two, {}}
	for at := 0; ; at++ {
		disk := memfs.New()
		done := scenario(NewStore(&killFS{disk, at}))
		s := NewStore(disk)
		got, err := s.Branch(ctx, "master")
		if err != nil && !errors.Is(err, ErrNotFound) {
			t.Fatalf("killed at %d: %v", at, err)
		}
		// What was acknowledged is there; what was under way is there whole or not at all.
		if got != order[len(done)] && got != order[min(len(done)+1, 3)] {
			t.Errorf("killed at %d after %d changes: %+v", at, len(done), got)
		}
		if _, err := s.Clean(ctx); err != nil {
			t.Errorf("killed at %d: clean: %v", at, err)
		}
		if n, err := s.Clean(ctx); n != 0 || err != nil {
			t.Errorf("killed at %d: clean twice: %d, %v", at, n, err)
		}
		if err := s.SetBranch(ctx, got, one); err != nil {
			t.Errorf("killed at %d: next change: %v", at, err)
		}
		if len(done) == 3 {
			if at < 10 {
				t.Fatalf("only %d operations were tried", at)
			}
			return
		}
	}
}
