package branch

import (
	"testing"

	"aergo/dtt"
	"aergo/repo/object"
)

// part says which record of a block a fuzzer changes.
type part byte

const (
	partBody part = iota
	partTree
	partReceipts
	partOrder
	partBatch
	partChunk
	partState
	partCount
)

// relink changes bytes of one record of a merge block and links everything that names it
// anew, each record signed by whom it says. It returns nil if no block can be made of it.
func (w *world) relink(t *testing.T, s *Scratch, which part, data []byte) *Block {
	t.Helper()
	d := w.open(w.merged)
	put := func(kind object.Kind, data []byte) object.Hash {
		h := object.Sum(data)
		must(t, s.Put(kind, h, data))
		return h
	}
	batch := func(data []byte) {
		h := object.Sum(data)
		sig := w.ada.Private.Sign("aergo/batch/v1", w.Directory.Lineage, h)
		must(t, s.PutSealed(object.KindBatch, h, data, sig[:]))
		for i := range d.body.Entries {
			if d.body.Entries[i].Batch == w.theirsBatch.ID {
				d.body.Entries[i].Batch = h
			}
		}
		d.header.Entries = put(object.KindBody, d.body.Encode())
	}
	switch which {
	case partBody:
		d.header.Entries = put(object.KindBody, data)
	case partTree:
		d.header.Tree = put(object.KindTree, data)
	case partReceipts:
		d.header.Receipts = put(object.KindReceipts, data)
	case partState:
		d.header.State = put(object.KindStateNode, data)
	case partOrder:
		h := object.Sum(data)
		sig := w.ada.Private.Sign("aergo/order/v1", w.Directory.Lineage, h)
		must(t, s.PutSealed(object.KindOrder, h, data, sig[:]))
		d.body.Orders[0] = h
		d.header.Entries = put(object.KindBody, d.body.Encode())
	case partBatch:
		batch(data)
	case partChunk:
		record := *w.theirsBatch.Batch
		record.Chunks = []object.ChunkRef{{Hash: put(object.KindChunk, data), Count: record.Count}}
		batch(record.Encode())
	}
	id := object.Sum(d.header.Encode())
	sig := w.ada.Private.Sign("aergo/block/v1", w.Directory.Lineage, id)
	must(t, s.PutSealed(object.KindHeader, id, d.header.Encode(), sig[:]))
	return &Block{ID: id, Header: &d.header}
}

// record returns the bytes of a part of the merge block.
func (w *world) record(t testing.TB, which part) []byte {
	t.Helper()
	d := w.open(w.merged)
	h := map[part]object.Hash{
		partBody: w.merged.Entries, partTree: w.merged.Tree, partReceipts: w.merged.Receipts, partState: w.merged.Header.State,
		partOrder: d.body.Orders[0], partBatch: w.theirsBatch.ID, partChunk: w.theirsBatch.Chunks[0].Hash,
	}[which]
	data, err := w.mem.Get(t.Context(), h)
	must(t, err)
	return data
}

// Validate takes anything under the sun without a panic, and what it takes is a block
// with the very verdicts, state and account: another body, batch or chunk never is one.
func FuzzValidate(f *testing.F) {
	w := newWorld(f)
	for which := range partCount {
		data := w.record(f, which)
		f.Add(byte(which), data)
		for at := 0; at < len(data); at += 1 + len(data)/8 {
			bad := append([]byte(nil), data...)
			bad[at] ^= 1
			f.Add(byte(which), bad)
		}
		f.Add(byte(which), data[:len(data)/2])
	}
	shared := w
	f.Fuzz(func(t *testing.T, which byte, data []byte) {
		again, w := *shared.book, *shared
		again.t, w.book = t, &again
		p := part(which) % partCount
		if len(data) == 0 || len(data) > object.MaxSizeBytes {
			return
		}
		s := w.scratch()
		block := w.relink(t, s, p, data)
		l := *w.Ledger
		l.Objects = s
		err := l.Validate(t.Context(), *block)
		same := string(data) == string(w.record(t, p))
		switch {
		case same && err != nil:
			t.Errorf("the block as it was is refused: %v", err)
		case err == nil && !same && p != partTree && p != partOrder:
			t.Errorf("another record of part %d is accepted", p)
		case err == nil && p == partTree:
			tree, err := dtt.Decode(data)
			if err != nil || tree.Len() != len(verdicts(w.open(w.merged).body.Entries)) {
				t.Errorf("a tree that cannot be is accepted: %v", err)
			}
		}
	})
}

func FuzzAccountRuns(f *testing.F) {
	f.Add(object.AppendRuns(nil, []object.Run{{First: 0, Count: 3}, {First: 3, Count: 1, Verdict: object.VerdictExcluded}}), uint64(0))
	f.Add(object.AppendRuns(nil, []object.Run{{First: 5000, Count: 1}}), uint64(1))
	f.Add(object.AppendRuns(nil, []object.Run{{First: 4000, Count: 200}}), uint64(0))
	f.Fuzz(func(t *testing.T, data []byte, span uint64) {
		span %= 1 << 32
		runs, err := decodeRuns(data, span)
		if err != nil {
			return
		}
		if string(object.AppendRuns(nil, runs)) != string(data) {
			t.Error("what was accepted is encoded otherwise")
		}
		if _, twice := overlap(runs); twice {
			t.Error("runs that overlap are accepted")
		}
		if len(runs) > 0 && (runs[0].First/accountSpan != span || (endOf(runs[len(runs)-1])-1)/accountSpan != span) {
			t.Error("runs outside the span are accepted")
		}
	})
}
