package store

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"aergo/repo/object"
	"aergo/repo/store/faultfs"
)

// large is a chunk that is stored by itself and can be compressed.
func large(n int) (object.Hash, []byte) {
	c := object.NewChunkBuilder()
	for i := range 400 {
		c.Add(&object.Transaction{Payload: fmt.Appendf(nil, "transaction %d of chunk %d", i, n)})
	}
	data := c.Encode()
	return object.Sum(data), data
}

// What one store has compressed another one takes as it is.
func TestPackedObjectsGoFromStoreToStore(t *testing.T) {
	from, fs := mustOpen(t, faultfs.New(), small()), faultfs.New()
	to := mustOpen(t, fs, small())
	w := begin(t, from)
	for i := range 20 {
		h, data := large(i)
		check(t, w.Put(object.KindChunk, h, data))
	}
	check(t, w.Commit(t.Context()))
	out := begin(t, to).(PackedWriter)
	for i := range 20 {
		h, data := large(i)
		zstd, size := from.Packed(t.Context(), h)
		if zstd == nil || size != len(data) || len(zstd) >= size {
			t.Fatalf("packed in %d bytes of %d, want %d", len(zstd), size, len(data))
		}
		check(t, out.PutPacked(object.KindChunk, h, zstd, size))
		if got, err := out.Get(t.Context(), h); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("before the commit: %v", err)
		}
	}
	check(t, out.Commit(t.Context()))
	check(t, to.Close())
	to = mustOpen(t, fs, small())
	for i := range 20 {
		h, data := large(i)
		if got, err := to.Get(t.Context(), h); err != nil || !bytes.Equal(got, data) {
			t.Fatal(err)
		}
		ours, _ := from.Packed(t.Context(), h)
		if theirs, _ := to.Packed(t.Context(), h); !bytes.Equal(ours, theirs) {
			t.Error("it was compressed again")
		}
	}
}

func TestPackedIsForWhatIsStoredAlone(t *testing.T) {
	d := mustOpen(t, faultfs.New(), small())
	w := begin(t, d)
	little := []byte("a little object")
	check(t, w.Put(object.KindBlob, object.Sum(little), little))
	h, sealed := large(1)
	check(t, w.PutSealed(object.KindChunk, h, sealed, []byte("seal")))
	check(t, w.Commit(t.Context()))
	for _, h := range []object.Hash{h, object.Sum(little), object.Sum([]byte("absent"))} {
		if zstd, size := d.Packed(t.Context(), h); zstd != nil || size != 0 {
			t.Errorf("%s is packed in %d bytes of %d", h.Short(), len(zstd), size)
		}
	}
}

func TestPutPackedTrustsNothing(t *testing.T) {
	d := mustOpen(t, faultfs.New(), small())
	h, data := large(1)
	other, _ := large(2)
	w := begin(t, d)
	check(t, w.Put(object.KindChunk, h, data))
	check(t, w.Commit(t.Context()))
	zstd, size := d.Packed(t.Context(), h)
	bent := bytes.Clone(zstd)
	bent[len(bent)/2] ^= 1
	into := begin(t, mustOpen(t, faultfs.New(), small())).(PackedWriter)
	for name, c := range map[string]struct {
		kind object.Kind
		hash object.Hash
		zstd []byte
		size int
	}{
		"bent":         {object.KindChunk, h, bent, size},
		"cut":          {object.KindChunk, h, zstd[:len(zstd)-3], size},
		"no frame":     {object.KindChunk, h, []byte("nothing"), size},
		"empty":        {object.KindChunk, h, nil, size},
		"more":         {object.KindChunk, h, zstd, size + 1},
		"less":         {object.KindChunk, h, zstd, size - 1},
		"much":         {object.KindChunk, h, zstd, MaxObjectBytes + 1},
		"none":         {object.KindChunk, h, zstd, 0},
		"no smaller":   {object.KindChunk, h, data, size},
		"another hash": {object.KindChunk, other, zstd, size},
		"another kind": {object.KindBlob, h, zstd, size},
	} {
		if err := into.PutPacked(c.kind, c.hash, c.zstd, c.size); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if has, err := into.Has(t.Context(), h); err != nil || has {
		t.Errorf("it is there: %v, %v", has, err)
	}
	check(t, into.PutPacked(object.KindChunk, h, zstd, size))
	check(t, into.Rollback())
}
