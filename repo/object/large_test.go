package object_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"aergo/repo/object"
)

const pieceBytes = 512 << 10

var errAbsent = errors.New("absent")

// shelf is a Getter of what was put into it.
type shelf map[object.Hash][]byte

func (s shelf) Get(_ context.Context, h object.Hash) ([]byte, error) {
	data, ok := s[h]
	if !ok {
		return nil, fmt.Errorf("%s: %w", h.Short(), errAbsent)
	}
	return data, nil
}

func (s shelf) put(data []byte) object.Hash {
	h := object.Sum(data)
	s[h] = data
	return h
}

// largeBlob is a blob whose encoding has exactly sizeBytes.
func (g *gen) largeBlob(sizeBytes int) []byte {
	data := make([]byte, sizeBytes-3-5)
	for i := 0; i < len(data); i += 1000 {
		data[i] = byte(g.Uint32())
	}
	return (&object.Blob{Data: data}).Encode()
}

func TestSplitAndJoin(t *testing.T) {
	g := newGen(t)
	sizes := []int{70_000, pieceBytes, object.MaxSizeBytes, object.MaxSizeBytes + 1, 3*pieceBytes - 1, 3 * pieceBytes, 3*pieceBytes + 1, 5_000_000}
	for _, size := range sizes {
		data := g.largeBlob(size)
		if len(data) != size {
			t.Fatalf("made %d bytes, want %d", len(data), size)
		}
		pieces, err := object.Split(object.KindBlob, data)
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		want := 1
		if size > object.MaxSizeBytes {
			want = (size+pieceBytes-1)/pieceBytes + 1
		}
		if len(pieces) != want {
			t.Errorf("%d bytes: %d pieces, want %d", size, len(pieces), want)
		}
		s := shelf{}
		for _, p := range pieces {
			if h := s.put(p.Data); h != p.Hash || len(p.Data) > object.MaxSizeBytes {
				t.Errorf("%d bytes: piece %s has hash %s and %d bytes", size, p.Hash.Short(), h.Short(), len(p.Data))
			}
			if kind, err := object.KindOf(p.Data); err != nil || kind != p.Kind {
				t.Errorf("%d bytes: piece is a %s, not a %s, %v", size, kind, p.Kind, err)
			}
		}
		root := pieces[len(pieces)-1].Hash
		got, err := object.Join(t.Context(), s, root, size)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes: joined %d bytes, %v", size, len(got), err)
		}
		for _, limit := range []int{size - 1, 0, -1} {
			if _, err := object.Join(t.Context(), s, root, limit); !errors.Is(err, object.ErrMalformed) {
				t.Errorf("%d bytes with a limit of %d: %v", size, limit, err)
			}
		}
		leaves, err := object.BlobLeaves(pieces[len(pieces)-1].Data)
		if err != nil || len(leaves) != len(pieces)-1 {
			t.Errorf("%d bytes: %d leaves, %v", size, len(leaves), err)
		}
	}
}

func TestSplitOfLargeRecords(t *testing.T) {
	runs := make([]object.ReceiptRun, 300_000)
	for i := range runs {
		runs[i] = object.ReceiptRun{Count: 1, Receipt: object.Receipt{Cost: uint64(i)}}
	}
	data := (&object.Receipts{Runs: runs}).Encode()
	pieces, err := object.Split(object.KindReceipts, data)
	if err != nil || len(pieces) < 3 {
		t.Fatalf("%d pieces of %d bytes, %v", len(pieces), len(data), err)
	}
	s := shelf{}
	for _, p := range pieces {
		s.put(p.Data)
	}
	joined, err := object.Join(t.Context(), s, pieces[len(pieces)-1].Hash, object.MaxLargeBytes)
	if err != nil {
		t.Fatal(err)
	}
	if rs, err := object.DecodeReceipts(joined); err != nil || len(rs.Runs) != len(runs) {
		t.Errorf("joined receipts: %v", err)
	}
}

func TestSplitRefuses(t *testing.T) {
	g := newGen(t)
	tag := g.tag().Encode()
	padded := func(head ...byte) []byte { return append(head, make([]byte, object.MaxSizeBytes)...) }
	cases := []struct {
		name string
		kind object.Kind
		data []byte
		why  string
	}{
		{"no record", object.KindBlob, []byte("a plain value"), "not of major type"},
		{"nothing", object.KindBlob, nil, "input ends"},
		{"record of another kind", object.KindBody, tag, "it is a tag"},
		{"list of pieces", object.KindBlob, g.blobList().Encode(), "not a record"},
		{"chunk above an object's size", object.KindChunk, padded(0x84, 1, 2), "above the limit"},
	}
	for _, c := range cases {
		pieces, err := object.Split(c.kind, c.data)
		if pieces != nil || !errors.Is(err, object.ErrMalformed) || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %d pieces, error %q, want %q", c.name, len(pieces), err, c.why)
		}
	}
}

// TestJoinRefuses stores lists that a hostile peer could make: each object has the
// right hash, and they do not fit together.
func TestJoinRefuses(t *testing.T) {
	g := newGen(t)
	const size = 3*pieceBytes - 100
	s := shelf{}
	pieces, err := object.Split(object.KindBlob, g.largeBlob(size))
	if err != nil {
		t.Fatal(err)
	}
	var good []object.Hash
	for _, p := range pieces[:3] {
		good = append(good, s.put(p.Data))
	}
	list := func(sizeBytes uint64, hashes ...object.Hash) object.Hash {
		return s.put((&object.BlobList{SizeBytes: sizeBytes, Pieces: hashes}).Encode())
	}
	leaf := func(n int) object.Hash { return s.put((&object.Blob{Data: make([]byte, n)}).Encode()) }
	full := leaf(pieceBytes)
	tag := s.put(g.tag().Encode())
	batchHead := s.put((&object.Blob{Data: append([]byte{0x8c, 1, 1}, make([]byte, pieceBytes-3)...)}).Encode())
	listHead := s.put((&object.Blob{Data: append([]byte{0x84, 1, 7}, make([]byte, pieceBytes-3)...)}).Encode())
	cases := []struct {
		name string
		root object.Hash
		why  string
	}{
		{"pieces exchanged", list(size, good[1], good[0], good[2]), "not of major type"},
		{"last piece first", list(size, good[2], good[0], good[1]), "piece 0"},
		{"size one larger", list(size+1, good...), "piece 2"},
		{"size one smaller", list(size-1, good...), "piece 2"},
		{"piece too short", list(size, good[0], leaf(pieceBytes-1), good[2]), "piece 1"},
		{"piece too long", list(size, good[0], leaf(pieceBytes+1), good[2]), "above the limit"},
		{"piece is another record", list(size, good[0], tag, good[2]), "piece 1"},
		{"piece is a list", list(size, good[0], list(size, good...), good[2]), "piece 1"},
		{"not a record inside", list(size, full, full, leaf(pieceBytes-100)), "not of major type"},
		{"small record inside", list(size, batchHead, full, leaf(pieceBytes-100)), "above the limit"},
		{"list inside", list(size, listHead, full, leaf(pieceBytes-100)), "not a record"},
		{"size that fits an object", list(object.MaxSizeBytes, good[0], good[1]), "2 pieces"},
		{"not a record", s.put([]byte("plain")), "not of major type"},
	}
	for _, c := range cases {
		data, err := object.Join(t.Context(), s, c.root, object.MaxLargeBytes)
		if data != nil || !errors.Is(err, object.ErrMalformed) || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %d bytes, error %q, want %q", c.name, len(data), err, c.why)
		}
	}
}

func TestJoinPassesErrorsOn(t *testing.T) {
	g := newGen(t)
	s := shelf{}
	if _, err := object.Join(t.Context(), s, word("nowhere"), 1); !errors.Is(err, errAbsent) {
		t.Errorf("absent root: %v", err)
	}
	pieces, err := object.Split(object.KindBlob, g.largeBlob(2_000_000))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pieces[1:] {
		s.put(p.Data)
	}
	if _, err := object.Join(t.Context(), s, pieces[len(pieces)-1].Hash, object.MaxLargeBytes); !errors.Is(err, errAbsent) {
		t.Errorf("absent piece: %v", err)
	}
}

// TestJoinAllocatesWhatIsThere: a list of a gigabyte whose pieces are missing costs
// little more than the list.
func TestJoinAllocatesWhatIsThere(t *testing.T) {
	s := shelf{}
	root := s.put((&object.BlobList{SizeBytes: object.MaxLargeBytes, Pieces: make([]object.Hash, 2048)}).Encode())
	var err error
	got := allocatedBytes(func() { _, err = object.Join(t.Context(), s, root, object.MaxLargeBytes) })
	if !errors.Is(err, errAbsent) || got > 1<<20 {
		t.Errorf("%d bytes allocated, %v", got, err)
	}
}

func TestBlobLeavesRefuses(t *testing.T) {
	for name, data := range map[string][]byte{
		"nothing": nil, "three numbers": {0x83, 1, 1, 1}, "receipts": {0x83, 1, 10, 0x80}, "leaf and more": {0x83, 1, 7, 0x40, 0},
		"list without pieces": {0x84, 1, 7, 0, 0x80},
	} {
		if leaves, err := object.BlobLeaves(data); leaves != nil || !errors.Is(err, object.ErrMalformed) {
			t.Errorf("%s: %d leaves, %v", name, len(leaves), err)
		}
	}
	if leaves, err := object.BlobLeaves([]byte{0x83, 1, 7, 0x40}); leaves != nil || err != nil {
		t.Errorf("empty leaf: %d leaves, %v", len(leaves), err)
	}
}
