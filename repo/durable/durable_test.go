package durable_test

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/osfs"

	"aergo/repo/durable"
)

// counted counts the syncs of files and folders.
type counted struct {
	billy.Filesystem
	syncs *int
}

type countedFile struct {
	billy.File
	syncs *int
	err   error
}

func (f countedFile) Sync() error { *f.syncs++; return f.err }

func (c counted) Open(name string) (billy.File, error) {
	f, err := c.Filesystem.Open(name)
	return countedFile{f, c.syncs, nil}, err
}

func TestOnDisk(t *testing.T) {
	fs := osfs.New(t.TempDir(), osfs.WithBoundOS())
	syncs := 0
	if err := durable.Folder(counted{fs, &syncs}, "."); err != nil || syncs != 1 {
		t.Errorf("a folder: %d syncs, %v", syncs, err)
	}
	if err := durable.Folder(fs, "absent"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an absent folder: error is %v", err)
	}
	f, err := fs.Create("file")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := durable.File(f); err != nil {
		t.Errorf("a file: %v", err)
	}
	if err := durable.File(countedFile{f, &syncs, syscall.EIO}); !errors.Is(err, syscall.EIO) {
		t.Errorf("a file that cannot be synced: error is %v", err)
	}
}

// What has nothing to sync is as durable as it can be.
func TestInMemory(t *testing.T) {
	fs := memfs.New()
	f, err := fs.Create("folder/file")
	if err != nil {
		t.Fatal(err)
	}
	if err := durable.File(f); err != nil {
		t.Errorf("a file: %v", err)
	}
	for _, folder := range []string{".", "folder"} {
		if err := durable.Folder(fs, folder); err != nil {
			t.Errorf("folder %s: %v", folder, err)
		}
	}
}
