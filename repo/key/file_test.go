package key

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/osfs"
)

// onEveryFS runs a test on disk and in memory.
func onEveryFS(t *testing.T, test func(t *testing.T, fs billy.Filesystem)) {
	t.Run("disk", func(t *testing.T) {
		// A folder that does not exist yet, as on the first use of a repository.
		test(t, osfs.New(filepath.Join(t.TempDir(), "keys"), osfs.WithBoundOS()))
	})
	t.Run("memory", func(t *testing.T) { test(t, memfs.New()) })
}

func put(t *testing.T, fs billy.Filesystem, path, text string, mode os.FileMode) {
	t.Helper()
	f, err := fs.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeSynced(f, []byte(text)); err != nil {
		t.Fatal(err)
	}
	// The process's mask must not hide what the test is about.
	if err := fs.(billy.Chmod).Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestKeyring(t *testing.T) {
	onEveryFS(t, func(t *testing.T, fs billy.Filesystem) {
		ctx, ring := t.Context(), NewKeyring(fs)
		if names, err := ring.List(ctx); err != nil || len(names) != 0 {
			t.Fatalf("an absent keyring lists %v, %v", names, err)
		}
		if _, err := ring.Load(ctx, "alice"); !errors.Is(err, ErrNoKey) {
			t.Fatalf("error is %v", err)
		}
		made := map[string]Public{}
		for _, name := range []string{"zoe", "alice", "a@b.example+x", "x.key"} {
			priv, err := ring.Create(ctx, name, nil)
			if err != nil {
				t.Fatal(err)
			}
			made[name] = priv.Public()
		}
		put(t, fs, ".hidden.key", "not listed", 0o600)
		put(t, fs, "notes.txt", "not listed", 0o600)
		names, err := ring.List(ctx)
		if got := strings.Join(names, " "); err != nil || got != "a@b.example+x alice x.key zoe" {
			t.Errorf("list is %q, %v", got, err)
		}
		for name, pub := range made {
			priv, err := NewKeyring(fs).Load(ctx, name)
			if err != nil || priv.Public() != pub {
				t.Errorf("%s: loads %v, %v", name, priv, err)
			}
			info, err := fs.Stat(name + keySuffix)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: mode is %v, %v", name, info.Mode(), err)
			}
		}
		if _, err := ring.Create(ctx, "alice", nil); !errors.Is(err, ErrExists) {
			t.Errorf("second Create: %v", err)
		}
		if priv, err := ring.Load(ctx, "alice"); err != nil || priv.Public() != made["alice"] {
			t.Errorf("second Create changed the key: %v", err)
		}
	})
}

func TestKeyFilesThatAreRefused(t *testing.T) {
	good := string(encodeFile("alice", FromSeed([SeedSize]byte([]byte("an example of a seed, 32 bytes..")))))
	seed := strings.TrimSpace(good[strings.Index(good, "seed ")+5:])
	other := string(encodeFile("alice", testKey(2)))
	tests := []struct {
		name, text string
		mode       os.FileMode
		line       string
		want       error
	}{
		{"group reads", good, 0o640, "mode is 0640", ErrPermissions},
		{"others read", good, 0o604, "mode is 0604", ErrPermissions},
		{"others write", good, 0o602, "mode is 0602", ErrPermissions},
		{"empty", "", 0o600, ":1:", ErrBadKeyFile},
		{"other version", strings.Replace(good, "key 1", "key 2", 1), 0o600, ":1:", ErrBadKeyFile},
		{"longer version", strings.Replace(good, "key 1", "key 10", 1), 0o600, ":1:", ErrBadKeyFile},
		{"no name", strings.Replace(good, "name alice\n", "", 1), 0o600, ":2:", ErrBadKeyFile},
		{"bad name", strings.Replace(good, "alice", "../alice", 1), 0o600, ":2:", ErrBadKeyFile},
		{"bad public", strings.Replace(good, "public ", "public z", 1), 0o600, ":3:", ErrBadKeyFile},
		{"upper case seed", strings.Replace(good, seed, strings.ToUpper(seed), 1), 0o600, ":4:", ErrBadKeyFile},
		{"short seed", strings.Replace(good, seed, seed[2:], 1), 0o600, ":4:", ErrBadKeyFile},
		{"no hex", strings.Replace(good, seed, "x"+seed[1:], 1), 0o600, ":4:", ErrBadKeyFile},
		{"seed of another", good[:strings.Index(good, "seed")] + other[strings.Index(other, "seed"):], 0o600, ":4:", ErrBadKeyFile},
		{"torn", good[:len(good)-1], 0o600, ":4:", ErrBadKeyFile},
		{"longer", good + "\n", 0o600, ":5:", ErrBadKeyFile},
		{"carriage returns", strings.ReplaceAll(good, "\n", "\r\n"), 0o600, ":1:", ErrBadKeyFile},
		{"huge", strings.Repeat("a", 1<<20), 0o600, ":1:", ErrBadKeyFile},
		{"of another identity", string(encodeFile("bob", testKey(1))), 0o600, ":2:", ErrBadKeyFile},
	}
	onEveryFS(t, func(t *testing.T, fs billy.Filesystem) {
		for i, tt := range tests {
			name := fmt.Sprintf("alice%d", i)
			text := strings.Replace(tt.text, "name alice", "name "+name, 1)
			put(t, fs, name+keySuffix, text, tt.mode)
			priv, err := NewKeyring(fs).Load(t.Context(), name)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.line) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: error is %v, want %v with %q", tt.name, err, tt.want, tt.line)
			}
			if !priv.IsZero() {
				t.Errorf("%s: gives a key all the same", tt.name)
			}
			if err != nil && strings.Contains(strings.ToLower(err.Error()), seed[8:24]) {
				t.Errorf("%s: the error shows the seed: %v", tt.name, err)
			}
		}
	})
}

func TestCheckName(t *testing.T) {
	good := []string{"a", "Z", "0", "alice", "alice.smith", "a_b-c", "a@b.c+d", "+1", "@", "_", strings.Repeat("x", 64), "a.", "a-"}
	bad := []string{"", ".", "..", ".a", "-a", "a..b", "a/b", `a\b`, "a b", "a\n", "a\x00", "é", "\xff", "a:b", "~", "*",
		strings.Repeat("x", 65), strings.Repeat("é", 64)}
	for _, name := range good {
		if err := CheckName(name); err != nil {
			t.Errorf("%q is refused: %v", name, err)
		}
	}
	ring := NewKeyring(memfs.New())
	for _, name := range bad {
		_, createErr := ring.Create(t.Context(), name, nil)
		_, loadErr := ring.Load(t.Context(), name)
		for _, err := range []error{CheckName(name), createErr, loadErr} {
			if !errors.Is(err, ErrBadName) {
				t.Errorf("%q: error is %v", name, err)
			}
		}
	}
}

func TestOneOfManyCreatorsWins(t *testing.T) {
	fs := osfs.New(t.TempDir(), osfs.WithBoundOS())
	const n = 8
	var privs [n]Private
	var errs [n]error
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { privs[i], errs[i] = NewKeyring(fs).Create(t.Context(), "alice", nil) })
	}
	wg.Wait()
	stored, err := NewKeyring(fs).Load(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	winners := 0
	for i := range n {
		switch {
		case errs[i] == nil && privs[i].Public() == stored.Public():
			winners++
		case !errors.Is(errs[i], ErrExists):
			t.Errorf("creator %d: %v", i, errs[i])
		}
	}
	if winners != 1 {
		t.Errorf("%d creators won", winners)
	}
}

// brokenFS fails at one operation that changes something, counted over all files, and
// at all of them afterwards if dead is set, as if the process had been killed.
type brokenFS struct {
	billy.Filesystem
	left int
	dead bool
}

var errBroken = errors.New("broken disk")

func (b *brokenFS) step() error {
	b.left--
	if b.left == 0 || (b.dead && b.left < 0) {
		return errBroken
	}
	return nil
}

func (b *brokenFS) OpenFile(name string, flag int, perm os.FileMode) (billy.File, error) {
	if flag&os.O_CREATE != 0 {
		if err := b.step(); err != nil {
			return nil, err
		}
	}
	f, err := b.Filesystem.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &brokenFile{f, b}, nil
}

func (b *brokenFS) Open(name string) (billy.File, error) { return b.OpenFile(name, os.O_RDONLY, 0) }

func (b *brokenFS) Rename(from, to string) error {
	if err := b.step(); err != nil {
		return err
	}
	return b.Filesystem.Rename(from, to)
}

func (b *brokenFS) Remove(name string) error {
	if err := b.step(); err != nil {
		return err
	}
	return b.Filesystem.Remove(name)
}

type brokenFile struct {
	billy.File
	fs *brokenFS
}

func (f *brokenFile) Write(p []byte) (int, error) {
	if err := f.fs.step(); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

func (f *brokenFile) Sync() error { return f.fs.step() }

func (f *brokenFile) Stat() (os.FileInfo, error) { return f.fs.Stat(f.Name()) }

// At whichever operation the disk fails, there is a whole key and no error, or an error
// and no key; after a failure (though not after a kill) the next try succeeds.
func TestCreateOnABrokenDisk(t *testing.T) {
	for _, dead := range []bool{false, true} {
		for at := 1; ; at++ {
			disk := memfs.New()
			broken := &brokenFS{Filesystem: disk, left: at, dead: dead}
			priv, err := NewKeyring(broken).Create(t.Context(), "alice", nil)
			if err == nil && broken.left > 0 {
				if at < 4 {
					t.Fatalf("only %d operations were tried", at-1)
				}
				break
			}
			loaded, loadErr := NewKeyring(disk).Load(t.Context(), "alice")
			switch {
			case err == nil && (loadErr != nil || loaded.Public() != priv.Public()):
				t.Errorf("operation %d: Create succeeds, Load gives %v", at, loadErr)
			case err != nil && !errors.Is(loadErr, ErrNoKey):
				// Only a kill between rename and the sync of the folder may leave the key.
				if !dead || loadErr != nil {
					t.Errorf("operation %d: Create fails with %v, Load gives %v", at, err, loadErr)
				}
			}
			if err != nil && !dead {
				if _, err := NewKeyring(disk).Create(t.Context(), "alice", nil); err != nil {
					t.Errorf("operation %d: the next try fails: %v", at, err)
				}
			}
		}
	}
}

func FuzzKeyFile(f *testing.F) {
	f.Add(encodeFile("alice", testKey(1)))
	f.Add([]byte("aergo-key 1\nname a\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		name, priv, err := decodeFile(text)
		if err != nil {
			if !errors.Is(err, ErrBadKeyFile) {
				t.Fatal(err)
			}
			return
		}
		if again := encodeFile(name, priv); !bytes.Equal(again, text) {
			t.Fatalf("%q comes back as %q", text, again)
		}
	})
}
