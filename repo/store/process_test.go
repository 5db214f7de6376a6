package store

import (
	"bytes"
	"errors"
	maps0 "maps"
	"slices"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"

	"aergo/repo/object"
	"aergo/repo/store/faultfs"
)

// Two Disks over one folder stand for two processes.

func TestReaderFollowsWriter(t *testing.T) {
	rng := newRand(t)
	fs := osfs.New(t.TempDir(), osfs.WithBoundOS())
	writer, reader := mustOpen(t, fs, small()), mustOpen(t, fs, Options{ReadOnly: true})
	if _, err := reader.Begin(bg); !errors.Is(err, ErrReadOnly) {
		t.Fatalf("Begin: %v, want ErrReadOnly", err)
	}
	sample{}.check(t, reader)
	all := sample{}
	for step := range 30 {
		past := history{sample{}, sample{}, sample{}}
		check(t, past.write(writer, randomObjects(rng, 1+rng.IntN(80)), step%4 != 1))
		past.committed.checkReader(t, reader)
		maps0.Copy(all, past.committed)
		if step%10 == 9 {
			for h := range all {
				if !keepMost(h) {
					delete(all, h)
				}
			}
			check(t, writer.Compact(bg, keepMost))
			all.checkReader(t, reader)
		}
	}
	fresh := mustOpen(t, fs, small())
	all.check(t, fresh)
	check(t, errors.Join(writer.Close(), reader.Close(), fresh.Close()))
}

// TestReaderDuringWrite: a reader that looks while a large commit is under way, and goes
// on to read after its rollback, is not misled.
func TestReaderDuringWrite(t *testing.T) {
	rng := newRand(t)
	fs := faultfs.New()
	opt := tiny()
	writer, reader := mustOpen(t, fs, opt), mustOpen(t, fs, opt)
	all := sample{}
	for range 20 {
		w := begin(t, writer)
		objects := randomObjects(rng, 40)
		for _, o := range objects {
			put(t, w, o)
			if rng.IntN(10) == 0 {
				all.checkReader(t, reader)
				_, err := reader.Has(bg, o.hash())
				check(t, err)
			}
		}
		if rng.IntN(2) == 0 {
			check(t, w.Rollback())
			for _, o := range objects {
				if data, err := reader.Get(bg, o.hash()); err == nil && !bytes.Equal(data, o.data) ||
					err != nil && !errors.Is(err, ErrNotFound) {
					t.Fatalf("Get of a rolled back object: %v", err)
				}
			}
		} else {
			check(t, w.Commit(bg))
			for _, o := range objects {
				all[o.hash()] = o
			}
		}
		all.checkReader(t, reader)
	}
	all.check(t, writer)
	check(t, errors.Join(writer.Close(), reader.Close()))
}

// TestCompactTwice: the second time nothing changes on disk.
func TestCompactTwice(t *testing.T) {
	rng := newRand(t)
	fs := faultfs.New()
	d := mustOpen(t, fs, tiny())
	past := history{sample{}, sample{}, sample{}}
	for range 10 {
		check(t, past.write(d, randomObjects(rng, 8), true))
	}
	check(t, d.Compact(bg, keepMost))
	before, ops := contents(t, fs), fs.Ops()
	check(t, d.Compact(bg, keepMost))
	after := contents(t, fs)
	if len(before) != len(after) || fs.Ops() != ops {
		t.Fatalf("%d files before, %d after, %d operations", len(before), len(after), fs.Ops()-ops)
	}
	for name := range before {
		if !bytes.Equal(before[name], after[name]) {
			t.Fatalf("%s has changed", name)
		}
	}
	if found, stats := problems(t, d); len(found) > 0 || stats.Packs != stats.Indexes || stats.TornBytes > 0 {
		t.Fatalf("%v, %+v", found, stats)
	}
	check(t, d.Compact(bg, func(object.Hash) bool { return false }))
	if files := contents(t, fs); len(files) != 0 {
		t.Fatalf("%d files are left of nothing", len(files))
	}
	check(t, d.Close())
}

// TestCacheIsBounded: however much is read, no more stays than the option says.
func TestCacheIsBounded(t *testing.T) {
	rng := newRand(t)
	d := mustOpen(t, faultfs.New(), small())
	past := history{sample{}, sample{}, sample{}}
	check(t, past.write(d, randomObjects(rng, 400), true))
	for range 3 {
		past.committed.checkReader(t, d)
	}
	held := int64(0)
	for _, p := range d.packs {
		for _, s := range p.slots {
			if f := s.frame.Load(); f != nil {
				held += f.memoryBytes()
			}
		}
	}
	if held != d.cache.bytes || held > d.opt.CacheBytes+MaxObjectBytes || len(d.cache.queue) == 0 {
		t.Fatalf("cache holds %d bytes and counts %d", held, d.cache.bytes)
	}
	check(t, d.Close())
}

// TestOldPacksAreClosed: a store that stays open while packs come and go holds few of those
// that are gone.
func TestOldPacksAreClosed(t *testing.T) {
	rng := newRand(t)
	fs := osfs.New(t.TempDir(), osfs.WithBoundOS())
	writer, reader := mustOpen(t, fs, tiny()), mustOpen(t, fs, tiny())
	all := sample{}
	dropped := map[*pack]bool{}
	for range 5 * keptGenerations {
		past := history{sample{}, sample{}, sample{}}
		check(t, past.write(writer, randomObjects(rng, 20), true))
		maps0.Copy(all, past.committed)
		all.checkReader(t, reader)
		for _, p := range append(slices.Clone(writer.packs), reader.packs...) {
			dropped[p] = true
		}
		for h := range all {
			if !keepMost(h) {
				delete(all, h)
			}
		}
		check(t, writer.Compact(bg, keepMost))
		all.checkReader(t, reader)
	}
	for _, d := range []*Disk{writer, reader} {
		if len(d.retired) > keptGenerations {
			t.Errorf("%d generations are kept", len(d.retired))
		}
		for _, p := range slices.Concat(append(d.retired, d.packs)...) {
			delete(dropped, p)
		}
	}
	if len(dropped) == 0 {
		t.Error("no pack was forgotten")
	}
	for p := range dropped {
		if p.file != nil {
			t.Errorf("%s is open", p.name)
		}
	}
	check(t, errors.Join(writer.Close(), reader.Close()))
}
