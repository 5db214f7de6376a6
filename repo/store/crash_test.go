package store

import (
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"

	"aergo/repo/object"
	"aergo/repo/store/faultfs"
)

// tiny makes even a short scenario write several packs and frames.
func tiny() Options {
	return Options{FrameBytes: 512, SealPackBytes: 3 << 10, CacheBytes: 4 << 10, bufferBytes: 700}
}

// history is what a scenario has done to a store.
type history struct {
	committed sample // acknowledged, and not dropped by a compaction
	dropped   sample // given to a compaction to drop
	tried     sample // put, but never acknowledged
}

func keepMost(h object.Hash) bool { return h[7]%4 != 0 }

// scenario commits, rolls back and compacts, and stops at the first error.
func scenario(fs *faultfs.FS, seed uint64) (history, error) {
	rng := rand.New(rand.NewPCG(seed, 1))
	past := history{sample{}, sample{}, sample{}}
	for step := range 9 {
		d, err := Open(fs, tiny())
		if err != nil {
			return past, err
		}
		if step == 5 {
			err = past.compact(d)
		} else {
			err = past.write(d, randomObjects(rng, 1+rng.IntN(12)), step%3 != 2)
		}
		if err = errors.Join(err, d.Close()); err != nil {
			return past, err
		}
	}
	return past, nil
}

func (past *history) compact(d *Disk) error {
	for h, o := range past.committed {
		if !keepMost(h) {
			past.dropped[h] = o
			delete(past.committed, h)
		}
	}
	return d.Compact(bg, keepMost)
}

func (past *history) write(d *Disk, objects []sampleObject, commit bool) error {
	w, err := d.Begin(bg)
	if err != nil {
		return err
	}
	for _, o := range objects {
		past.tried[o.hash()] = o
		if err := w.PutSealed(o.kind, o.hash(), o.data, o.seal); err != nil {
			return errors.Join(err, w.Rollback())
		}
	}
	if !commit {
		return w.Rollback()
	}
	if err := w.Commit(bg); err != nil {
		return errors.Join(err, w.Rollback())
	}
	for _, o := range objects {
		past.committed[o.hash()] = o
		delete(past.tried, o.hash())
	}
	return nil
}

// checkAfter checks a store after trouble: what was committed is there, what was not is
// absent or whole, and the store can be written to, and is sound then.
func (past history) checkAfter(t *testing.T, fs *faultfs.FS) {
	t.Helper()
	d := mustOpen(t, fs, tiny())
	defer func() { check(t, d.Close()) }()
	past.committed.checkReader(t, d)
	check(t, d.Each(bg, func(i Info) error {
		if past.tried[i.Hash].data == nil && past.dropped[i.Hash].data == nil && past.committed[i.Hash].data == nil {
			t.Errorf("%s comes from nowhere", i.Hash)
		}
		_, err := d.Get(bg, i.Hash)
		return err
	}))
	after := history{maps(past.committed), sample{}, sample{}}
	check(t, after.write(d, randomObjects(rand.New(rand.NewPCG(9, 9)), 5), true))
	after.committed.checkReader(t, d)
	if found, stats := problems(t, d); len(found) > 0 || stats.TornBytes != 0 {
		t.Fatalf("fsck: %v, %+v", found, stats)
	}
	again := mustOpen(t, fs, tiny())
	after.committed.checkReader(t, again)
	check(t, again.Close())
}

func TestCrashAtEveryOperation(t *testing.T) {
	rng := newRand(t)
	seed := rng.Uint64()
	for n, done := 0, false; !done; n++ {
		fs := faultfs.New()
		fs.SetPlan(faultfs.CrashAt(n))
		past, err := scenario(fs, seed)
		done = err == nil
		if err != nil && !errors.Is(err, faultfs.ErrCrashed) {
			t.Fatalf("operation %d: %v", n, err)
		}
		for range 3 {
			past.checkAfter(t, fs.CrashClone(rng))
		}
		past.checkAfter(t, fs.SyncedClone())
		if t.Failed() {
			t.Fatalf("after a crash at operation %d", n)
		}
	}
}

func TestFaultAtEveryOperation(t *testing.T) {
	seed := newRand(t).Uint64()
	for _, fault := range []struct {
		err   error
		short int
	}{{syscall.EIO, 0}, {faultfs.ErrNoSpace, 100}} {
		for n := 0; ; n++ {
			fs := faultfs.New()
			fs.SetPlan(faultfs.FailAt(n, fault.err, fault.short))
			past, err := scenario(fs, seed)
			fs.SetPlan(nil)
			if err != nil && !errors.Is(err, fault.err) {
				t.Fatalf("operation %d: %v, want %v", n, err, fault.err)
			}
			past.checkAfter(t, fs)
			if n > fs.Ops() {
				break
			}
			if t.Failed() {
				t.Fatalf("after %v at operation %d", fault.err, n)
			}
		}
	}
}

// TestFullDisk: a commit that does not fit fails whole, and fits once there is room.
func TestFullDisk(t *testing.T) {
	rng := newRand(t)
	fs := faultfs.New()
	d := mustOpen(t, fs, tiny())
	past := history{sample{}, sample{}, sample{}}
	check(t, past.write(d, randomObjects(rng, 10), true))
	objects := randomObjects(rng, 50)
	for capacity := int64(1000); ; capacity += 5000 {
		fs.SetCapacity(capacity)
		err := past.write(d, objects, true)
		past.committed.check(t, d)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
	check(t, d.Close())
}

// TestFailedCommitMayBeRetried: the writer that failed does not hinder the next one.
func TestFailedSync(t *testing.T) {
	rng := newRand(t)
	fs := faultfs.New()
	d := mustOpen(t, fs, small())
	past := history{sample{}, sample{}, sample{}}
	objects := randomObjects(rng, 30)
	fs.SetPlan(faultfs.FailOp(faultfs.OpSync, syscall.EIO))
	if err := past.write(d, objects, true); !errors.Is(err, syscall.EIO) {
		t.Fatalf("commit without sync: %v", err)
	}
	sample{}.check(t, d)
	fs.SetPlan(nil)
	check(t, past.write(d, objects, true))
	past.committed.check(t, d)
	check(t, d.Close())
}

// TestFailedWrite: a reader of what has not been written yet hears why that failed, the next
// ones hear the same, and nothing of it is committed. Part of the write is in the file, so that
// to write again would put everything in the wrong place.
func TestFailedWrite(t *testing.T) {
	rng := newRand(t)
	for short := range 40 {
		fs := faultfs.New()
		opt := tiny()
		opt.bufferBytes = 1 << 20
		opt.SealPackBytes = 1 << 20
		d := mustOpen(t, fs, opt)
		past := history{sample{}, sample{}, sample{}}
		check(t, past.write(d, randomObjects(rng, 10), true))
		first := true
		fs.SetPlan(func(_ int, op faultfs.Op, _ string) faultfs.Fault {
			if op != faultfs.OpWrite || !first {
				return faultfs.Fault{}
			}
			first = false
			return faultfs.Fault{Err: faultfs.ErrNoSpace, Drop: true, Short: short}
		})
		w := begin(t, d)
		objects := randomObjects(rng, 50)
		for _, o := range objects {
			put(t, w, o)
		}
		for first { // until one is read that is in no frame of the writer's any more
			for _, o := range objects {
				if _, err := w.Get(bg, o.hash()); err != nil && !errors.Is(err, faultfs.ErrNoSpace) {
					t.Fatalf("%d bytes: %v", short, err)
				}
			}
		}
		for _, o := range objects {
			if _, err := w.Get(bg, o.hash()); !errors.Is(err, faultfs.ErrNoSpace) {
				t.Fatalf("%d bytes are in the file: the next reader hears %v", short, err)
			}
		}
		if err := w.Commit(bg); !errors.Is(err, faultfs.ErrNoSpace) {
			t.Fatalf("%d bytes are in the file: commit says %v", short, err)
		}
		check(t, w.Rollback())
		past.committed.check(t, d)
		check(t, past.write(d, objects, true))
		past.committed.check(t, d)
		check(t, d.Close())
	}
}
