package store

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/go-git/go-billy/v5"

	"aergo/repo/object"
	"aergo/repo/store/faultfs"
)

// contents reads all files of fs.
func contents(t testing.TB, fs billy.Filesystem) map[string][]byte {
	t.Helper()
	infos, err := fs.ReadDir(".")
	check(t, err)
	files := map[string][]byte{}
	for _, info := range infos {
		f, err := fs.Open(info.Name())
		check(t, err)
		files[info.Name()], err = io.ReadAll(f)
		check(t, errors.Join(err, f.Close()))
	}
	return files
}

func writeFile(t testing.TB, fs billy.Filesystem, name string, data []byte) {
	t.Helper()
	f, err := fs.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	check(t, err)
	_, err = f.Write(data)
	check(t, errors.Join(err, f.Close()))
}

// severalPacks makes a store of sealed packs and an unsealed one, each commit a sample.
func severalPacks(t *testing.T) (*faultfs.FS, []sample) {
	t.Helper()
	rng := newRand(t)
	fs := faultfs.New()
	d := mustOpen(t, fs, tiny())
	var commits []sample
	for range 6 {
		past := history{sample{}, sample{}, sample{}}
		check(t, past.write(d, randomObjects(rng, 6), true))
		commits = append(commits, past.committed)
	}
	check(t, d.Close())
	return fs, commits
}

// checkDamaged checks that d serves nothing but the truth: each object is right or reported
// as damaged, or missing if it may: the last commit can look like a torn tail.
func checkDamaged(t *testing.T, d *Disk, commits []sample, mayMiss func(object.Hash) bool) (whole bool) {
	t.Helper()
	whole = true
	for i, all := range commits {
		for h, o := range all {
			got, err := d.Get(bg, h)
			switch {
			case err == nil && bytes.Equal(got, o.data):
				if seal, err := d.Seal(bg, h); err != nil || !bytes.Equal(seal, o.seal) {
					t.Fatalf("seal %x, %v; want %x", seal, err, o.seal)
				}
			case errors.Is(err, ErrCorrupt):
				whole = false
			case errors.Is(err, ErrNotFound) && mayMiss(h):
				whole = false
			default:
				t.Fatalf("commit %d: Get = %d bytes, %v", i, len(got), err)
			}
		}
	}
	return whole
}

func TestEveryDamageIsFound(t *testing.T) {
	fs, commits := severalPacks(t)
	rng := newRand(t)
	for name, data := range contents(t, fs) {
		for range 150 {
			clone := fs.Clone()
			bad := bytes.Clone(data)
			switch at := rng.IntN(len(bad)); rng.IntN(4) {
			case 0:
				bad = bad[:at]
			case 1:
				bad = append(bad, data[:at+1]...)
			case 2:
				clear(bad[at:min(len(bad), at+20)])
			default:
				bad[at] ^= byte(1 + rng.IntN(255))
			}
			if bytes.Equal(bad, data) {
				continue
			}
			writeFile(t, clone, name, bad)
			d := mustOpen(t, clone, tiny())
			if _, isPack := packNumber(name); isPack && shortened(bad, data) {
				// Whole commits that were cut off the last pack leave no trace.
				checkDamaged(t, d, commits, func(h object.Hash) bool { return true })
			} else {
				checkDamaged(t, d, commits, func(h object.Hash) bool { _, ok := commits[len(commits)-1][h]; return ok })
			}
			if found, stats := problems(t, d); len(found) == 0 && stats.TornBytes == 0 && !shortened(bad, data) {
				t.Fatalf("%s: damage not found by fsck", name)
			}
			check(t, d.Close())
		}
	}
}

// shortened says whether bad is data cut off.
func shortened(bad, data []byte) bool {
	return len(bad) < len(data) && bytes.Equal(bad, data[:len(bad)])
}

// TestIndexIsRebuilt: an index file that is missing or bad costs nothing but time.
func TestIndexIsRebuilt(t *testing.T) {
	fs, commits := severalPacks(t)
	files := contents(t, fs)
	for name, data := range files {
		if _, isPack := packNumber(name); isPack {
			continue
		}
		for _, bad := range [][]byte{nil, {}, data[:40], append(bytes.Clone(data), 0), bytes.Repeat([]byte{7}, len(data))} {
			clone := fs.Clone()
			if bad == nil {
				check(t, clone.Remove(name))
			} else {
				writeFile(t, clone, name, bad)
			}
			d := mustOpen(t, clone, tiny())
			if !checkDamaged(t, d, commits, func(object.Hash) bool { return false }) {
				t.Fatalf("without %s, objects are missing", name)
			}
			check(t, begin(t, d).Rollback())
			check(t, d.Close())
			if !bytes.Equal(contents(t, clone)[name], data) {
				t.Fatalf("%s has not been written anew", name)
			}
		}
	}
}

func TestDamageIsNamed(t *testing.T) {
	fs, commits := severalPacks(t)
	d := mustOpen(t, fs, tiny())
	defer func() { check(t, d.Close()) }()
	for h := range commits[0] {
		at, ok, err := d.find(h)
		if !ok {
			err = d.refresh()
			at, ok, _ = d.find(h)
		}
		check(t, err)
		if !ok {
			t.Fatal("object not found")
		}
		clone := fs.Clone()
		data := contents(t, fs)[at.pack.name]
		data[at.slot.offset+int64(at.slot.bytes)-10] ^= 1
		writeFile(t, clone, at.pack.name, data)
		bad := mustOpen(t, clone, tiny())
		_, err = bad.Get(bg, h)
		var damage *CorruptError
		if !errors.As(err, &damage) || damage.File != at.pack.name || damage.Offset != at.slot.offset {
			t.Fatalf("Get: %v, want damage of %s at %d", err, at.pack.name, at.slot.offset)
		}
		check(t, bad.Close())
	}
}

// TestWrongHashIsNeverServed: Put trusts its caller, Get does not.
func TestWrongHashIsNeverServed(t *testing.T) {
	fs := faultfs.New()
	d := mustOpen(t, fs, tiny())
	wrong := object.Sum([]byte("right"))
	w := begin(t, d)
	check(t, w.Put(object.KindBlob, wrong, []byte("wrong")))
	check(t, w.Commit(bg))
	_, err := d.Get(bg, wrong)
	var damage *CorruptError
	if !errors.As(err, &damage) || damage.Object != wrong || damage.Actual != object.Sum([]byte("wrong")) {
		t.Fatalf("Get: %v", err)
	}
	if found, _ := problems(t, d); len(found) != 1 || found[0].Object != wrong {
		t.Fatalf("fsck: %v", found)
	}
	if err := d.Compact(bg, func(object.Hash) bool { return true }); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("Compact: %v", err)
	}
	check(t, d.Close())
}

// TestOlderDamageIsNotHealed: a bad record before good commits is no torn tail.
func TestOlderDamageIsNotHealed(t *testing.T) {
	rng := newRand(t)
	fs := faultfs.New()
	opt := small()
	opt.SealPackBytes = 1 << 20
	d := mustOpen(t, fs, opt)
	past := history{sample{}, sample{}, sample{}}
	var ends []int64
	for range 4 {
		check(t, past.write(d, randomObjects(rng, 5), true))
		ends = append(ends, d.packs[0].end)
	}
	check(t, d.Close())
	data := contents(t, fs)[packName(1)]
	for _, at := range []int64{2, packHeaderBytes + 5, packHeaderBytes + 30, ends[0] - 20, ends[1] + 9, ends[2] - 1} {
		clone := fs.Clone()
		bad := bytes.Clone(data)
		bad[at] ^= 0x10
		writeFile(t, clone, packName(1), bad)
		d := mustOpen(t, clone, opt)
		if _, err := d.Begin(bg); !errors.Is(err, ErrCorrupt) {
			t.Errorf("bad byte at %d: Begin: %v, want damage", at, err)
		}
		if _, err := d.Get(bg, object.Hash{1}); !errors.Is(err, ErrCorrupt) {
			t.Errorf("bad byte at %d: Get of an absent object: %v, want damage", at, err)
		}
		check(t, d.Close())
		if !bytes.Equal(contents(t, clone)[packName(1)], bad) {
			t.Errorf("bad byte at %d: the pack was changed", at)
		}
	}
}
