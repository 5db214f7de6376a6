package peer

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-billy/v5/util"
)

// everywhere runs a test in memory and on disk.
func everywhere(t *testing.T, test func(t *testing.T, fs billy.Filesystem)) {
	t.Run("memory", func(t *testing.T) { test(t, memfs.New()) })
	t.Run("disk", func(t *testing.T) { test(t, osfs.New(t.TempDir(), osfs.WithBoundOS())) })
}

func TestIdentityFile(t *testing.T) {
	everywhere(t, func(t *testing.T, fs billy.Filesystem) {
		if _, err := ReadIdentity(fs, "peer"); !errors.Is(err, ErrNoIdentity) {
			t.Errorf("nothing there: %v", err)
		}
		made, err := LoadIdentity(fs, "peer")
		must(t, err)
		read, err := LoadIdentity(fs, "peer")
		if err != nil || read.ID() != made.ID() {
			t.Errorf("made %s, read %s, %v", made, read, err)
		}
		if err := WriteIdentity(fs, "peer", newIdentity(t)); !errors.Is(err, ErrIdentityExists) {
			t.Errorf("overwrite: %v", err)
		}
		info, err := fs.Stat("peer")
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("mode %04o", info.Mode().Perm())
		}
		if _, err := fs.Stat("peer.new"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("something is left: %v", err)
		}
	})
}

func TestIdentityIsMadeOnce(t *testing.T) {
	fs := osfs.New(t.TempDir(), osfs.WithBoundOS())
	ids := make([]ID, 8)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			for ids[i] == "" {
				// A file that another one is just making is as good as none.
				if one, err := LoadIdentity(fs, "peer"); err == nil {
					ids[i] = one.ID()
				} else if !errors.Is(err, ErrNoIdentity) && !errors.Is(err, ErrIdentityExists) {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("%s beside %s", id, ids[0])
		}
	}
}

func TestIdentityOpenToOthers(t *testing.T) {
	dir := t.TempDir()
	fs := osfs.New(dir, osfs.WithBoundOS())
	_, err := LoadIdentity(fs, "peer")
	must(t, err)
	must(t, os.Chmod(dir+"/peer", 0o640))
	if _, err := ReadIdentity(fs, "peer"); !errors.Is(err, ErrBadIdentity) {
		t.Errorf("mode 0640: %v", err)
	}
}

func TestDamagedIdentity(t *testing.T) {
	good, err := encodeIdentity(newIdentity(t))
	must(t, err)
	text := string(good)
	secret := text[strings.Index(text, "seed ")+5 : len(text)-1]
	for name, bad := range map[string]string{
		"empty": "", "cut": text[:len(text)-1], "more": text + "\n", "header": strings.Replace(text, "peer 1", "peer 2", 1),
		"other id": strings.Replace(text, "id 12D3", "id 22D3", 1), "upper case": strings.ToUpper(text), "no hex": strings.Replace(text, secret[:2], "zz", 1),
		"windows": strings.ReplaceAll(text, "\n", "\r\n"), "long": text + strings.Repeat("x", 1000),
	} {
		fs := memfs.New()
		must(t, util.WriteFile(fs, "peer", []byte(bad), 0o600))
		_, err := ReadIdentity(fs, "peer")
		if !errors.Is(err, ErrBadIdentity) {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), secret[:16]) {
			t.Errorf("%s: the error shows the seed", name)
		}
	}
}

func TestIdentityHidesItsKey(t *testing.T) {
	i := newIdentity(t)
	text, err := encodeIdentity(i)
	must(t, err)
	secret := string(text[strings.Index(string(text), "seed ")+5:][:16])
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if shown := fmt.Sprintf(verb, i); strings.Contains(strings.ToLower(shown), secret) {
			t.Errorf("%s shows the seed", verb)
		}
	}
}

func FuzzIdentity(f *testing.F) {
	good, err := identityFromSeed([32]byte{1})
	must(f, err)
	text, err := encodeIdentity(good)
	must(f, err)
	f.Add(string(text))
	f.Add("aergo-peer 1\nid x\nseed y\n")
	f.Fuzz(func(t *testing.T, s string) {
		i, err := decodeIdentity(s)
		if err != nil {
			return
		}
		again, err := encodeIdentity(i)
		if err != nil || string(again) != s {
			t.Fatalf("%q encodes to %q, %v", s, again, err)
		}
	})
}
