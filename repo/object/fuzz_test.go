package object_test

import (
	"bytes"
	"errors"
	"testing"

	"aergo/repo/object"
)

// fuzzCodec checks of one decoder that what it accepts encodes to the same bytes, and
// that what it refuses is malformed. It starts from the golden vectors.
func fuzzCodec(f *testing.F, name string) {
	c := codecNamed(name)
	for _, g := range goodCases()[name] {
		f.Add(g.record.Encode())
	}
	for _, b := range badCases()[name] {
		f.Add(b.data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rec, err := c.decode(data)
		if err != nil {
			if !errors.Is(err, object.ErrMalformed) {
				t.Fatalf("error %q does not wrap ErrMalformed", err)
			}
			return
		}
		if again := rec.Encode(); !bytes.Equal(again, data) {
			t.Fatalf("two encodings of one record\n%x\n%x", data, again)
		}
		if kind, err := object.KindOf(data); err != nil || kind != c.kind {
			t.Fatalf("KindOf: %s, %v", kind, err)
		}
	})
}

func FuzzBatch(f *testing.F)       { fuzzCodec(f, "batch") }
func FuzzBlob(f *testing.F)        { fuzzCodec(f, "blob") }
func FuzzBlobList(f *testing.F)    { fuzzCodec(f, "bloblist") }
func FuzzBody(f *testing.F)        { fuzzCodec(f, "body") }
func FuzzChunk(f *testing.F)       { fuzzCodec(f, "chunk") }
func FuzzHeader(f *testing.F)      { fuzzCodec(f, "header") }
func FuzzOrder(f *testing.F)       { fuzzCodec(f, "order") }
func FuzzPoolReceipt(f *testing.F) { fuzzCodec(f, "poolreceipt") }
func FuzzReceipts(f *testing.F)    { fuzzCodec(f, "receipts") }
func FuzzTag(f *testing.F)         { fuzzCodec(f, "tag") }

// FuzzItem checks that whatever Skip accepts is the only encoding of the items in it.
func FuzzItem(f *testing.F) {
	for _, c := range heads {
		f.Add(unhex(f, c.hex))
	}
	for _, goods := range goodCases() {
		f.Add(goods[0].record.Encode())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := object.NewReader(data)
		item := r.Skip(16)
		if r.Err() != nil {
			if item != nil || !errors.Is(r.Err(), object.ErrMalformed) {
				t.Fatalf("item %x with error %v", item, r.Err())
			}
			return
		}
		in := object.NewReader(item)
		if again := copyItem(nil, in); in.End() != nil || !bytes.Equal(again, item) {
			t.Fatalf("%x encoded anew as %x, %v", item, again, in.End())
		}
	})
}

// copyItem reads an item and appends its encoding.
func copyItem(b []byte, r *object.Reader) []byte {
	switch r.Peek() {
	case object.ItemUint:
		return object.AppendUint(b, r.Uint())
	case object.ItemBytes:
		return object.AppendBytes(b, r.Bytes(1<<30))
	case object.ItemText:
		return object.AppendText(b, r.Text(1<<30))
	}
	n := r.Array(1 << 30)
	b = object.AppendArray(b, n)
	for ; n > 0 && r.Err() == nil; n-- {
		b = copyItem(b, r)
	}
	return b
}

func FuzzParseHash(f *testing.F) {
	f.Add(object.Sum(nil).String())
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		h, err := object.ParseHash(s)
		if err == nil && h.String() != s {
			t.Fatalf("%q became %s", s, h)
		}
		if err != nil && !errors.Is(err, object.ErrBadHash) {
			t.Fatal(err)
		}
	})
}
