package faultfs

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"

	"github.com/go-git/go-billy/v5"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, fs *FS, name, text string, sync bool) {
	t.Helper()
	f, err := fs.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	check(t, err)
	_, err = io.WriteString(f, text)
	check(t, err)
	if sync {
		check(t, f.(*file).Sync())
	}
	check(t, f.Close())
}

func syncDir(t testing.TB, fs *FS, name string) {
	t.Helper()
	f, err := fs.Open(name)
	check(t, err)
	check(t, f.(*file).Sync())
	check(t, f.Close())
}

// read returns the contents of a file, or "-" if there is none.
func read(t testing.TB, fs billy.Filesystem, name string) string {
	t.Helper()
	f, err := fs.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return "-"
	}
	check(t, err)
	b, err := io.ReadAll(f)
	check(t, errors.Join(err, f.Close()))
	return string(b)
}

func TestOnlySyncedSurvives(t *testing.T) {
	fs := New()
	write(t, fs, "d/both", "old", true)
	syncDir(t, fs, "d")
	write(t, fs, "d/both", "new", false)
	write(t, fs, "d/contents only", "text", true)
	c := fs.SyncedClone()
	if got := read(t, c, "d/both"); got != "old" {
		t.Errorf("overwritten file holds %q", got)
	}
	if got := read(t, c, "d/contents only"); got != "-" {
		t.Errorf("file whose folder was not synced holds %q", got)
	}
	check(t, fs.Rename("d/both", "d/moved"))
	if c := fs.SyncedClone(); read(t, c, "d/moved") != "-" || read(t, c, "d/both") != "old" {
		t.Error("rename survives without a sync of the folder")
	}
	syncDir(t, fs, "d")
	if c := fs.SyncedClone(); read(t, c, "d/moved") != "old" || read(t, c, "d/both") != "-" || read(t, c, "d/contents only") != "text" {
		t.Error("rename does not survive a sync of the folder")
	}
}

func TestCrashClonesDiffer(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	fs := New()
	write(t, fs, "log", "synced", true)
	syncDir(t, fs, ".")
	f, err := fs.OpenFile("log", os.O_RDWR|os.O_APPEND, 0)
	check(t, err)
	_, err = f.Write([]byte(", not synced"))
	check(t, err)
	seen := map[string]bool{}
	for range 200 {
		got := read(t, fs.CrashClone(rng), "log")
		if len(got) < 6 || got[:6] != "synced" {
			t.Fatalf("crash clone holds %q", got)
		}
		seen[got] = true
	}
	if !seen["synced"] || !seen["synced, not synced"] || len(seen) < 4 {
		t.Fatalf("crash clones hold only %v", seen)
	}
}

func TestFaults(t *testing.T) {
	fs := New()
	f, err := fs.Create("file")
	check(t, err)
	fs.SetPlan(FailAt(1, syscall.EIO, 2))
	if n, err := f.Write([]byte("abc")); n != 2 || !errors.Is(err, syscall.EIO) {
		t.Fatalf("Write = %d, %v", n, err)
	}
	if n, err := f.Write([]byte("cd")); n != 2 || err != nil {
		t.Fatalf("Write = %d, %v", n, err)
	}
	if got := read(t, fs, "file"); got != "abcd" {
		t.Fatalf("file holds %q", got)
	}
	fs.SetCapacity(6)
	if n, err := f.Write([]byte("efgh")); n != 2 || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("Write to a full disk = %d, %v", n, err)
	}
	fs.SetPlan(CrashAt(fs.Ops()))
	if err := fs.Remove("file"); !errors.Is(err, ErrCrashed) {
		t.Fatalf("Remove: %v", err)
	}
	if _, err := fs.Open("file"); !errors.Is(err, ErrCrashed) {
		t.Fatalf("Open after a crash: %v", err)
	}
	if got := read(t, fs.Clone(), "file"); got != "abcdef" {
		t.Fatalf("file holds %q", got)
	}
}

func TestChrootShares(t *testing.T) {
	fs := New()
	sub, err := fs.Chroot("a/b")
	check(t, err)
	write(t, fs, "a/b/c", "text", false)
	if got := read(t, sub, "../../../c"); got != "text" {
		t.Fatalf("file holds %q", got)
	}
	infos, err := sub.ReadDir(".")
	check(t, err)
	if len(infos) != 1 || infos[0].Name() != "c" || infos[0].Size() != 4 {
		t.Fatalf("ReadDir gives %v", infos)
	}
}
