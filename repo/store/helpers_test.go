package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	maps0 "maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5"

	"aergo/repo/object"
)

var bg = context.Background()

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustOpen(t testing.TB, fs billy.Filesystem, opt Options) *Disk {
	t.Helper()
	d, err := Open(fs, opt)
	check(t, err)
	return d
}

func begin(t testing.TB, s Store) Writer {
	t.Helper()
	w, err := s.Begin(bg)
	check(t, err)
	return w
}

type sampleObject struct {
	kind       object.Kind
	data, seal []byte
}

func (o sampleObject) hash() object.Hash { return object.Sum(o.data) }

func put(t testing.TB, w Writer, o sampleObject) {
	t.Helper()
	check(t, w.PutSealed(o.kind, o.hash(), o.data, o.seal))
}

// randomObjects makes n objects of mixed sizes; some compress and some do not.
func randomObjects(rng *rand.Rand, n int) []sampleObject {
	objects := make([]sampleObject, n)
	for i := range objects {
		size := 1 + rng.IntN(600)
		if rng.IntN(20) == 0 {
			size = 1 + rng.IntN(20000)
		}
		data := make([]byte, size)
		for j := range data {
			data[j] = byte(rng.Uint32())
		}
		if rng.IntN(2) == 0 {
			data = []byte(strings.Repeat(fmt.Sprintf("row %x ", data[:min(8, size)]), 1+size/20))
		}
		o := sampleObject{kind: object.Kind(1 + rng.IntN(8)), data: data}
		if rng.IntN(3) == 0 {
			o.seal = data[:min(len(data), 64)]
		}
		objects[i] = o
	}
	return objects
}

// sample is what a store should hold.
type sample map[object.Hash]sampleObject

func maps(s sample) sample {
	c := sample{}
	maps0.Copy(c, s)
	return c
}

// check checks that s holds exactly the sample.
func (all sample) check(t testing.TB, s Store) {
	t.Helper()
	all.checkReader(t, s)
	n := 0
	check(t, s.Each(bg, func(i Info) error {
		n++
		if _, ok := all[i.Hash]; !ok {
			return fmt.Errorf("store holds %s, which it should not", i.Hash)
		}
		if stat, err := s.Stat(bg, i.Hash); err != nil || stat != i {
			return fmt.Errorf("Stat gives %+v, %v; Each gives %+v", stat, err, i)
		}
		return nil
	}))
	if n != len(all) {
		t.Fatalf("store holds %d objects, want %d", n, len(all))
	}
}

// checkReader checks that r gives every object of the sample.
func (all sample) checkReader(t testing.TB, r Reader) {
	t.Helper()
	for h, o := range all {
		got, err := r.Get(bg, h)
		if err != nil || !bytes.Equal(got, o.data) {
			t.Fatalf("Get(%s) = %d bytes, %v; want %d", h.Short(), len(got), err, len(o.data))
		}
		seal, err := r.Seal(bg, h)
		if err != nil || !bytes.Equal(seal, o.seal) || (seal == nil) != (len(o.seal) == 0) {
			t.Fatalf("Seal(%s) = %x, %v; want %x", h.Short(), seal, err, o.seal)
		}
		if has, err := r.Has(bg, h); !has || err != nil {
			t.Fatalf("Has(%s) = %v, %v", h.Short(), has, err)
		}
	}
}

// prefix is Prefix by brute force.
func (all sample) prefix(hexPrefix string, limit int, kinds []object.Kind) []object.Hash {
	var hashes []object.Hash
	for h, o := range all {
		if strings.HasPrefix(h.String(), hexPrefix) && kindIn(o.kind, kinds) {
			hashes = append(hashes, h)
		}
	}
	return sortedPrefix(hashes, limit)
}

// problems runs Fsck.
func problems(t testing.TB, d *Disk) ([]*CorruptError, Stats) {
	t.Helper()
	var found []*CorruptError
	stats, err := d.Fsck(bg, func(e *CorruptError) error {
		if !errors.Is(e, ErrCorrupt) {
			return fmt.Errorf("%v does not match ErrCorrupt", e)
		}
		found = append(found, e)
		return nil
	})
	check(t, err)
	return found, stats
}

// newRand returns a generator with a printed seed.
func newRand(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
