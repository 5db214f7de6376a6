package object_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"aergo/repo/object"
)

// allocatedBytes returns how many bytes f allocates.
func allocatedBytes(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Decoding allocates at most this multiple of the input, and so much besides: the
// smallest transaction of 7 bytes is the worst, at 88 bytes in memory.
const (
	maxAllocatedPerByte = 20
	maxAllocatedBesides = 8 << 10
)

func checkAllocated(t *testing.T, what string, data []byte, decode func([]byte) (encoder, error)) {
	t.Helper()
	var err error
	got := allocatedBytes(func() { _, err = decode(data) })
	if bound := uint64(maxAllocatedPerByte*len(data) + maxAllocatedBesides); got > bound {
		t.Errorf("%s: %d bytes allocated for an input of %d, bound %d (%v)", what, got, len(data), bound, err)
	}
}

// TestAnnouncedLengthsAllocateNothing puts the head of a huge string or array in place
// of every byte of good records.
func TestAnnouncedLengthsAllocateNothing(t *testing.T) {
	goods := goodCases()
	tails := [][]byte{
		{0x1a, 0x00, 0x0f, 0xff, 0xff}, {0x1a, 0x3f, 0xff, 0xff, 0xff}, {0x1a, 0xff, 0xff, 0xff, 0xff}, {0x19, 0xff, 0xff},
		{0x1b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	}
	for _, c := range codecs() {
		for _, g := range goods[c.name] {
			data := g.record.Encode()
			for i := range data {
				tail := tails[i%len(tails)]
				for _, major := range []byte{0x40, 0x60, 0x80} {
					hostile := append(append([]byte(nil), data[:i]...), major|tail[0])
					hostile = append(append(hostile, tail[1:]...), data[i:]...)
					checkAllocated(t, fmt.Sprintf("%s, %s, head %02x at %d", c.name, g.name, major|tail[0], i), hostile, c.decode)
				}
			}
		}
	}
}

// TestLongArraysAllocateByTheirInput announces arrays that the length of the input
// allows, with elements that are not what they should be.
func TestLongArraysAllocateByTheirInput(t *testing.T) {
	const n = 60_000
	zeros := make([]byte, n)
	array := func(prefix ...byte) []byte { return append(object.AppendArray(prefix, n), zeros...) }
	bodyEntry := append(append([]byte{0x84, 1, 4, 0x80, 0x81, 0x84, 0x58, 0x20}, zeros[:32]...), 0)
	cases := []struct {
		name   string
		data   []byte
		decode func([]byte) (encoder, error)
	}{
		{"names", array(0x84, 1, 2), codecNamed("chunk").decode},
		{"transactions", array(0x84, 1, 2, 0x80), codecNamed("chunk").decode},
		{"orders", array(0x84, 1, 4), codecNamed("body").decode},
		{"entries", array(0x84, 1, 4, 0x80), codecNamed("body").decode},
		{"runs", array(bodyEntry...), codecNamed("body").decode},
		{"exclusions", array(append(bodyEntry, 0x81, 0x83, 0, 1, 0)...), codecNamed("body").decode},
		{"receipts", array(0x83, 1, 10), codecNamed("receipts").decode},
	}
	for _, c := range cases {
		checkAllocated(t, c.name, c.data, c.decode)
	}
}

// TestRefusalAllocatesLittle: a reader's error is all that a hostile head costs, however
// much it announces. (The race detector adds an allocation or two.)
func TestRefusalAllocatesLittle(t *testing.T) {
	hostile := []byte{0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	reads := map[string]func(*object.Reader){
		"array": func(r *object.Reader) { r.Array(1 << 40) },
		"skip":  func(r *object.Reader) { r.Skip(8) },
		"runs":  func(r *object.Reader) { r.Runs() },
	}
	for name, read := range reads {
		allocs := testing.AllocsPerRun(100, func() {
			r := object.ReaderOf(hostile)
			read(&r)
		})
		if allocs > 16 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
	data := (&object.Receipts{}).Encode()
	if allocs := testing.AllocsPerRun(100, func() {
		r := object.ReaderOf(data)
		r.Skip(4)
	}); allocs != 0 {
		t.Errorf("skip of a good record: %v allocations", allocs)
	}
}

// TestMutantsAllocateByTheirInput checks the bound on random damage of every record.
func TestMutantsAllocateByTheirInput(t *testing.T) {
	g := newGen(t)
	for _, c := range codecs() {
		for range 20 {
			data := c.random(g).Encode()
			for range 10 {
				checkAllocated(t, c.name, g.mutate(data), c.decode)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	text := func(n int) string { return strings.Repeat("a", n) }
	many := func(n int) []object.Extension {
		exts := make([]object.Extension, n)
		for i := range exts {
			exts[i].ID = uint64(i)
		}
		return exts
	}
	oneTx := func(change func(*object.Transaction)) encoder {
		c := &object.Chunk{Transactions: make([]object.Transaction, 1)}
		change(&c.Transactions[0])
		return c
	}
	cases := []struct {
		name  string
		limit int
		codec string
		make  func(n int) encoder
	}{
		{"message", object.MaxMessageBytes, "batch", func(n int) encoder { return &object.Batch{Message: text(n)} }},
		{"author's name", object.MaxNameBytes, "batch", func(n int) encoder { return &object.Batch{Author: object.Identity{Name: text(n)}} }},
		{"chunks", object.MaxChunks, "batch", func(n int) encoder {
			b := &object.Batch{Count: uint64(n), Chunks: make([]object.ChunkRef, n)}
			for i := range b.Chunks {
				b.Chunks[i].Count = 1
			}
			return b
		}},
		{"transactions of a chunk", object.MaxSizeBytes, "batch", func(n int) encoder {
			return &object.Batch{Count: uint64(n), Chunks: []object.ChunkRef{{Count: uint64(n)}}}
		}},
		{"extensions", object.MaxExtensions, "batch", func(n int) encoder { return &object.Batch{Extensions: many(n)} }},
		{"extension", object.MaxExtensionBytes, "tag", func(n int) encoder {
			return &object.Tag{Extensions: []object.Extension{{Data: make([]byte, n)}}}
		}},
		{"tag's name", object.MaxNameBytes, "tag", func(n int) encoder { return &object.Tag{Name: text(n)} }},
		{"tag's message", object.MaxMessageBytes, "tag", func(n int) encoder { return &object.Tag{Message: text(n)} }},
		{"consensus", object.MaxConsensusBytes, "header", func(n int) encoder { return &object.Header{Consensus: make([]byte, n)} }},
		{"order's message", object.MaxMessageBytes, "order", func(n int) encoder {
			return &object.Order{Source: word("source"), Message: text(n)}
		}},
		{"order's items", object.MaxOrderItems, "order", func(n int) encoder {
			o := &object.Order{Kind: object.OrderDrop, Items: make([]object.Selection, n)}
			for i := range o.Items {
				o.Items[i].Count = 1
			}
			return o
		}},
		{"body's orders", object.MaxOrderItems, "body", func(n int) encoder { return &object.Body{Orders: make([]object.Hash, n)} }},
		{"exclusion's key", object.MaxStateKeyBytes, "body", func(n int) encoder {
			return excludedBody(object.Exclusion{Reason: 1, Key: make([]byte, n)})
		}},
		{"exclusion's field", object.MaxNameBytes, "body", func(n int) encoder { return excludedBody(object.Exclusion{Reason: 1, Field: text(n)}) }},
		{"exclusion's operation", object.MaxSizeBytes, "body", func(n int) encoder { return excludedBody(object.Exclusion{Reason: 1, Op: uint64(n)}) }},
		{"payload", object.MaxPayloadBytes, "chunk", func(n int) encoder {
			return oneTx(func(t *object.Transaction) { t.Payload = make([]byte, n) })
		}},
		{"chunk's names", object.MaxChunkNames, "chunk", func(n int) encoder {
			c := &object.Chunk{}
			for i := range n {
				c.Names = append(c.Names, fmt.Sprint(i))
			}
			return c
		}},
		{"chunk", object.MaxSizeBytes, "chunk", func(n int) encoder {
			c := &object.Chunk{Transactions: make([]object.Transaction, 2)}
			c.Transactions[0].Payload = make([]byte, object.MaxPayloadBytes)
			c.Transactions[1].Payload = make([]byte, n-object.MaxPayloadBytes-27)
			return c
		}},
		{"bytes of a list", object.MaxLargeBytes, "bloblist", func(n int) encoder {
			return &object.BlobList{SizeBytes: uint64(n), Pieces: make([]object.Hash, 2048)}
		}},
	}
	for _, c := range cases {
		decode := codecNamed(c.codec).decode
		if _, err := decode(c.make(c.limit).Encode()); err != nil {
			t.Errorf("%s of %d: %v", c.name, c.limit, err)
		}
		if _, err := decode(c.make(c.limit + 1).Encode()); !errors.Is(err, object.ErrMalformed) {
			t.Errorf("%s of %d: %v", c.name, c.limit+1, err)
		}
	}
}

func excludedBody(x object.Exclusion) *object.Body {
	return &object.Body{Entries: []object.Entry{{
		Runs: []object.Run{{Count: 1, Verdict: object.VerdictExcluded}}, Excluded: []object.Exclusion{x},
	}}}
}

// TestObjectsAboveTheirSizeAreRefused: the parts of a batch can be within their limits
// and the whole above its own.
func TestObjectsAboveTheirSizeAreRefused(t *testing.T) {
	exts := make([]object.Extension, 20)
	for i := range exts {
		exts[i] = object.Extension{ID: uint64(i), Data: make([]byte, object.MaxExtensionBytes)}
	}
	small := map[string]encoder{
		"batch": &object.Batch{Extensions: exts}, "tag": &object.Tag{Extensions: exts}, "header": &object.Header{Extensions: exts},
		"order": &object.Order{Source: word("source"), Extensions: exts},
	}
	for _, c := range codecs() {
		if rec := small[c.name]; rec != nil {
			if _, err := c.decode(rec.Encode()); !errors.Is(err, object.ErrMalformed) || !strings.Contains(err.Error(), "above the limit") {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
}
