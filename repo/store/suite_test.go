package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"

	"aergo/repo/object"
	"aergo/repo/store/faultfs"
)

// small makes frames and packs small, so that a test has many of them.
func small() Options {
	return Options{FrameBytes: 2 << 10, SealPackBytes: 32 << 10, CacheBytes: 16 << 10, Verify: true}
}

// compacter is what both stores offer beyond Store.
type compacter interface {
	Store
	Compact(context.Context, func(object.Hash) bool) error
}

// implementations gives each implementation, and a way to open it again: nil where what
// was committed is gone with the store.
func implementations() map[string]func(*testing.T) (compacter, func() compacter) {
	onDisk := func(t *testing.T, open func() *Disk) (compacter, func() compacter) {
		t.Helper()
		return open(), func() compacter { return open() }
	}
	return map[string]func(*testing.T) (compacter, func() compacter){
		"memory": func(*testing.T) (compacter, func() compacter) { return NewMemory(), nil },
		"osfs": func(t *testing.T) (compacter, func() compacter) {
			path := t.TempDir()
			return onDisk(t, func() *Disk { return mustOpen(t, osfs.New(path, osfs.WithBoundOS()), small()) })
		},
		"memfs": func(t *testing.T) (compacter, func() compacter) {
			fs := faultfs.New()
			return onDisk(t, func() *Disk { return mustOpen(t, fs, small()) })
		},
		"quick": func(t *testing.T) (compacter, func() compacter) {
			fs, quick := faultfs.New(), small()
			quick.Quick = true
			return onDisk(t, func() *Disk { return mustOpen(t, fs, quick) })
		},
		"faultfs": func(t *testing.T) (compacter, func() compacter) {
			fs := faultfs.New()
			return onDisk(t, func() *Disk { return mustOpen(t, fs, small()) })
		},
	}
}

func TestConformance(t *testing.T) {
	tests := map[string]func(*testing.T, compacter, func() compacter){
		"empty":       testEmpty,
		"round trip":  testRoundTrip,
		"rollback":    testRollback,
		"pending":     testPending,
		"refusals":    testRefusals,
		"one writer":  testOneWriter,
		"prefix":      testPrefix,
		"each":        testEach,
		"compact":     testCompact,
		"concurrency": testConcurrency,
		"cancelled":   testCancelled,
		"closed":      testClosed,
	}
	for name, open := range implementations() {
		for test, run := range tests {
			t.Run(name+"/"+test, func(t *testing.T) {
				s, reopen := open(t)
				defer func() { check(t, s.Close()) }()
				run(t, s, reopen)
			})
		}
	}
}

func testEmpty(t *testing.T, s compacter, reopen func() compacter) {
	w := begin(t, s)
	check(t, w.Commit(bg))
	check(t, w.Rollback())
	check(t, begin(t, s).Rollback())
	h := object.Sum([]byte("absent"))
	if _, err := s.Get(bg, h); !errors.Is(err, ErrNotFound) {
		t.Fatalf("Get of an absent object: %v", err)
	}
	if _, err := s.Seal(bg, h); !errors.Is(err, ErrNotFound) {
		t.Fatalf("Seal of an absent object: %v", err)
	}
	if _, err := s.Stat(bg, h); !errors.Is(err, ErrNotFound) {
		t.Fatalf("Stat of an absent object: %v", err)
	}
	if has, err := s.Has(bg, h); has || err != nil {
		t.Fatalf("Has of an absent object: %v, %v", has, err)
	}
}

func testRoundTrip(t *testing.T, s compacter, reopen func() compacter) {
	rng, all := newRand(t), sample{}
	for range 6 {
		w := begin(t, s)
		for _, o := range randomObjects(rng, rng.IntN(60)) {
			put(t, w, o)
			put(t, w, o)
			all[o.hash()] = o
		}
		check(t, w.Commit(bg))
		all.check(t, s)
	}
	if reopen != nil {
		again := reopen()
		defer func() { check(t, again.Close()) }()
		all.check(t, again)
	}
	// The first seal stays.
	for _, o := range all {
		w := begin(t, s)
		o.seal = []byte("another seal")
		put(t, w, o)
		check(t, w.Commit(bg))
		break
	}
	all.check(t, s)
}

func testRollback(t *testing.T, s compacter, reopen func() compacter) {
	rng, all := newRand(t), sample{}
	for i := range 8 {
		w := begin(t, s)
		objects := randomObjects(rng, rng.IntN(100))
		for _, o := range objects {
			put(t, w, o)
		}
		if i%2 == 0 {
			check(t, w.Commit(bg))
			for _, o := range objects {
				all[o.hash()] = o
			}
		} else {
			check(t, w.Rollback())
			for _, o := range objects {
				if has, err := s.Has(bg, o.hash()); has || err != nil {
					t.Fatalf("after rollback: Has = %v, %v", has, err)
				}
			}
		}
		if err := w.Put(object.KindBlob, object.Sum([]byte("x")), []byte("x")); !errors.Is(err, ErrClosed) {
			t.Fatalf("Put after the end: %v", err)
		}
		if err := w.Commit(bg); !errors.Is(err, ErrClosed) {
			t.Fatalf("Commit after the end: %v", err)
		}
		check(t, w.Rollback())
	}
	all.check(t, s)
	if reopen != nil {
		again := reopen()
		defer func() { check(t, again.Close()) }()
		all.check(t, again)
	}
}

// testPending: a writer sees what it has put, others do not.
func testPending(t *testing.T, s compacter, _ func() compacter) {
	rng, before, during := newRand(t), sample{}, sample{}
	w := begin(t, s)
	for _, o := range randomObjects(rng, 20) {
		put(t, w, o)
		before[o.hash()] = o
	}
	check(t, w.Commit(bg))
	w = begin(t, s)
	for _, o := range randomObjects(rng, 200) {
		put(t, w, o)
		during[o.hash()] = o
		if rng.IntN(8) == 0 {
			during.checkReader(t, w)
		}
	}
	during.checkReader(t, w)
	before.checkReader(t, w)
	before.check(t, s)
	for h := range during {
		if has, err := s.Has(bg, h); has || err != nil {
			t.Fatalf("before commit: Has = %v, %v", has, err)
		}
	}
	if _, err := w.Get(bg, object.Sum([]byte("absent"))); !errors.Is(err, ErrNotFound) {
		t.Fatalf("Get of an absent object: %v", err)
	}
	check(t, w.Commit(bg))
	during.checkReader(t, s)
	before.checkReader(t, s)
}

func testRefusals(t *testing.T, s compacter, _ func() compacter) {
	w := begin(t, s)
	data := []byte("some data")
	big := make([]byte, MaxObjectBytes+1)
	for name, err := range map[string]error{
		"kind 0":       w.Put(0, object.Sum(data), data),
		"unknown kind": w.Put(200, object.Sum(data), data),
		"empty":        w.Put(object.KindBlob, object.Sum(nil), nil),
		"too large":    w.Put(object.KindBlob, object.Sum(big), big),
		"large seal":   w.PutSealed(object.KindBlob, object.Sum(data), data, make([]byte, MaxSealBytes+1)),
		"wrong hash":   w.Put(object.KindBlob, object.Sum(big), data),
	} {
		if !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v, want ErrRefused", name, err)
		}
	}
	largest := sampleObject{object.KindBlob, big[1:], make([]byte, MaxSealBytes)}
	put(t, w, largest)
	check(t, w.Commit(bg))
	sample{largest.hash(): largest}.check(t, s)
}

func testOneWriter(t *testing.T, s compacter, _ func() compacter) {
	w := begin(t, s)
	if _, err := s.Begin(bg); !errors.Is(err, ErrBusy) {
		t.Fatalf("second Begin: %v, want ErrBusy", err)
	}
	if err := s.Compact(bg, func(object.Hash) bool { return true }); !errors.Is(err, ErrBusy) {
		t.Fatalf("Compact beside a writer: %v, want ErrBusy", err)
	}
	check(t, w.Rollback())
	check(t, begin(t, s).Rollback())
}

func testPrefix(t *testing.T, s compacter, _ func() compacter) {
	rng, all := newRand(t), sample{}
	w := begin(t, s)
	for _, o := range randomObjects(rng, 300) {
		put(t, w, o)
		all[o.hash()] = o
	}
	check(t, w.Commit(bg))
	for h, o := range all {
		for _, digits := range []int{0, 1, 2, 3, 9, 64} {
			for _, kinds := range [][]object.Kind{nil, {o.kind}, {object.KindTag, object.KindBlob}} {
				for _, limit := range []int{0, 1, 5} {
					prefix := h.String()[:digits]
					want := all.prefix(prefix, limit, kinds)
					got, err := s.Prefix(bg, prefix, limit, kinds...)
					check(t, err)
					if !slices.Equal(got, want) {
						t.Fatalf("Prefix(%q, %d, %v) = %v, want %v", prefix, limit, kinds, got, want)
					}
				}
			}
		}
		if rng.IntN(10) == 0 {
			break
		}
	}
	for _, bad := range []string{"g", "AB", "0 ", h64() + "0"} {
		if _, err := s.Prefix(bg, bad, 0); !errors.Is(err, object.ErrBadHash) {
			t.Errorf("Prefix(%q): %v, want ErrBadHash", bad, err)
		}
	}
}

func h64() string { return object.Sum(nil).String() }

func testEach(t *testing.T, s compacter, _ func() compacter) {
	rng, all := newRand(t), sample{}
	w := begin(t, s)
	for _, o := range randomObjects(rng, 100) {
		put(t, w, o)
		all[o.hash()] = o
	}
	check(t, w.Commit(bg))
	seen := map[object.Hash]bool{}
	check(t, s.Each(bg, func(i Info) error {
		o := all[i.Hash]
		if seen[i.Hash] || i.Kind != o.kind || i.SizeBytes != len(o.data) || i.SealSizeBytes != len(o.seal) {
			t.Fatalf("Each gives %+v", i)
		}
		seen[i.Hash] = true
		_, err := s.Get(bg, i.Hash) // the store can be used inside
		return err
	}))
	if len(seen) != len(all) {
		t.Fatalf("Each gives %d objects, want %d", len(seen), len(all))
	}
	stop := errors.New("stop")
	if err := s.Each(bg, func(Info) error { return stop }); !errors.Is(err, stop) {
		t.Fatalf("Each: %v, want the error of fn", err)
	}
}

func testCompact(t *testing.T, s compacter, reopen func() compacter) {
	rng, all := newRand(t), sample{}
	for range 5 {
		w := begin(t, s)
		for _, o := range randomObjects(rng, rng.IntN(120)) {
			put(t, w, o)
			all[o.hash()] = o
		}
		check(t, w.Commit(bg))
		keep := func(h object.Hash) bool { return h[5]%3 != 0 }
		for range 2 {
			check(t, s.Compact(bg, keep))
			for h := range all {
				if !keep(h) {
					if has, err := s.Has(bg, h); has || err != nil {
						t.Fatalf("after Compact: Has = %v, %v", has, err)
					}
					delete(all, h)
				}
			}
			all.check(t, s)
		}
	}
	if reopen != nil {
		again := reopen()
		defer func() { check(t, again.Close()) }()
		all.check(t, again)
		check(t, again.Compact(bg, func(object.Hash) bool { return false }))
		sample{}.check(t, again)
	}
}

func testConcurrency(t *testing.T, s compacter, _ func() compacter) {
	rng, all := newRand(t), sample{}
	for range 3 {
		w := begin(t, s)
		old := maps(all)
		var group sync.WaitGroup
		for part := range 4 {
			objects := randomObjects(rng, 80)
			for _, o := range objects {
				all[o.hash()] = o
			}
			group.Go(func() {
				for i, o := range objects {
					if err := w.PutSealed(o.kind, o.hash(), o.data, o.seal); err != nil {
						t.Error(part, err)
					}
					if got, err := w.Get(bg, objects[i/2].hash()); err != nil || !bytes.Equal(got, objects[i/2].data) {
						t.Error(part, err)
					}
				}
			})
		}
		for range 2 {
			group.Go(func() {
				for h, o := range old {
					if got, err := s.Get(bg, h); err != nil || !bytes.Equal(got, o.data) {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		check(t, w.Commit(bg))
		all.check(t, s)
	}
}

func testCancelled(t *testing.T, s compacter, _ func() compacter) {
	w := begin(t, s)
	o := sampleObject{kind: object.KindTag, data: []byte("tag")}
	put(t, w, o)
	ctx, cancel := context.WithCancel(bg)
	cancel()
	_, errGet := s.Get(ctx, o.hash())
	_, errHas := s.Has(ctx, o.hash())
	_, errPending := w.Get(ctx, o.hash())
	for i, err := range []error{errGet, errHas, errPending, w.Commit(ctx)} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("call %d with a cancelled context: %v", i, err)
		}
	}
	check(t, w.Commit(bg))
	sample{o.hash(): o}.check(t, s)
}

func testClosed(t *testing.T, s compacter, _ func() compacter) {
	w := begin(t, s)
	check(t, s.Close())
	_, errGet := s.Get(bg, object.Hash{})
	_, errBegin := s.Begin(bg)
	_, errPrefix := s.Prefix(bg, "", 0)
	errPut := w.Put(object.KindTag, object.Sum([]byte("x")), []byte("x"))
	for i, err := range []error{errGet, errBegin, errPrefix, errPut, w.Commit(bg)} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("call %d after Close: %v", i, err)
		}
	}
	check(t, w.Rollback())
}

func ExampleStore() {
	ctx := context.Background()
	s := NewMemory()
	w, err := s.Begin(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = w.Rollback() }()
	data := []byte("a tag record")
	if err := w.Put(object.KindTag, object.Sum(data), data); err != nil {
		fmt.Println(err)
	}
	if err := w.Commit(ctx); err != nil {
		fmt.Println(err)
	}
	got, err := s.Get(ctx, object.Sum(data))
	fmt.Println(string(got), err)
	// Output: a tag record <nil>
}
