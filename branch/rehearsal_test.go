package branch

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/store"
)

// submissions are batches of random transactions whose authors do not see each other, signed
// by ada on a head.
func submissions(b *book, rng *rand.Rand, head Block, n int) []*Accepted {
	b.t.Helper()
	c := &crowd{rng: rng, rows: 40, hot: 4, wild: true}
	var out []*Accepted
	for range n {
		p := NewPending(head)
		b.write(func(w store.Writer) { c.fill(b, w, p, head, 1+rng.IntN(30)) })
		out = append(out, b.accepted(b.sign(b.ada, head, p, nil)))
	}
	return out
}

// accepted reads a batch that is stored.
func (b *book) accepted(batch Batch) *Accepted {
	b.t.Helper()
	ctx := context.Background()
	record, err := b.mem.Get(ctx, batch.ID)
	must(b.t, err)
	seal, err := b.mem.Seal(ctx, batch.ID)
	must(b.t, err)
	var data [][]byte
	for _, ref := range batch.Chunks {
		chunk, err := b.mem.Get(ctx, ref.Hash)
		must(b.t, err)
		data = append(data, chunk)
	}
	a, err := ReadAccepted(record, seal, data)
	must(b.t, err)
	return a
}

// TestRehearsalsGiveTheVerdictsOfTheBlock runs batches one by one, and then as one block.
func TestRehearsalsGiveTheVerdictsOfTheBlock(t *testing.T) {
	rng := source(t)
	b, head := seeded(t, rng)
	all := submissions(b, rng, head, 30)

	// Of the first batch a block decides a part beforehand.
	first := all[0].Batch
	for first.Count < 2 {
		all = submissions(b, rng, head, 30)
		first = all[0].Batch
	}
	b.write(func(w store.Writer) {
		x := b.NewExecutor(w, head.Header.State)
		must(t, x.Propose(t.Context(), []Span{{Batch: first, First: 1, Count: 1}}))
		var err error
		head, err = b.Seal(t.Context(), w, Draft{Branch: b.branch, Parent: &head, Now: b.tick(), Run: x}, b.ada)
		must(t, err)
	})
	re := b.Rehearse(t.Context(), b.branch, head)
	var spans []Span
	want := map[object.Hash]object.Entry{}
	for i, a := range all {
		open, err := re.Admit(t.Context(), a.Batch)
		must(t, err)
		if undecided := CountRuns(open); (i == 0) != (undecided == a.Batch.Count-1) {
			t.Fatalf("batch %d: %d of %d transactions are undecided", i, undecided, a.Batch.Count)
		}
		runs, excluded, err := re.Run(a.Batch, a.Chunks, open)
		must(t, err)
		want[a.Batch.ID] = object.Entry{Runs: runs, Excluded: excluded}
		for _, run := range open {
			spans = append(spans, Span{Batch: a.Batch, First: run.First, Count: run.Count})
		}
	}
	x := b.executor(head, 3)
	must(t, x.Propose(t.Context(), spans))
	if len(x.Entries()) != len(all) {
		t.Fatalf("%d entries of %d batches", len(x.Entries()), len(all))
	}
	for _, e := range x.Entries() {
		receipt := PoolReceipt{PoolReceipt: &object.PoolReceipt{Runs: want[e.Batch].Runs, Excluded: want[e.Batch].Excluded}}
		if !receipt.Kept(e.Runs, e.Excluded) {
			t.Errorf("batch %s: rehearsed\n%+v, in the block\n%+v", e.Batch.Short(), want[e.Batch], e)
		}
	}
	if again, err := re.Admit(t.Context(), all[1].Batch); err != nil || CountRuns(again) != all[1].Batch.Count {
		t.Errorf("a rehearsal decides: %v, %v", again, err)
	}
}

// TestRehearsalsAdmitWhatABlockTakes: what checkDirect and the rest refuse in a block is
// refused before.
func TestRehearsalsAdmitWhatABlockTakes(t *testing.T) {
	b := newBook(t, 1)
	head := b.commit(b.root, put("a", num("n", 1)))
	elsewhere, _ := b.commitOn(object.Hash{9}, b.root, b.ada, put("b", num("n", 1)))
	for what, change := range map[string]func(*object.Batch){
		"another lineage":              func(r *object.Batch) { r.Lineage[0] ^= 1 },
		"expired":                      func(r *object.Batch) { r.Expiry = head.Height },
		"scope of another branch":      func(r *object.Batch) { r.Scope = object.Hash{9} },
		"mark on another branch":       func(r *object.Batch) { r.Mark = object.Mark{Block: elsewhere.ID, Height: elsewhere.Height} },
		"mark that is not there":       func(r *object.Batch) { r.Mark.Block[0] ^= 1 },
		"mark of another height":       func(r *object.Batch) { r.Mark.Height-- },
		"a critical extension":         func(r *object.Batch) { r.Extensions = []object.Extension{{ID: 1, Critical: true}} },
		"expired, and a mark as known": func(r *object.Batch) { r.Expiry = 1 },
	} {
		re := b.Rehearse(t.Context(), b.branch, head)
		if what == "expired, and a mark as known" {
			good := b.stranded(b.ada, head, nil, put("c", num("n", 1)))
			_, err := re.Admit(t.Context(), good)
			must(t, err)
		}
		batch := b.stranded(b.ada, head, change, put("c", num("n", 1)))
		if open, err := re.Admit(t.Context(), batch); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v, %v", what, open, err)
		}
	}
}

// TestRehearsalsKnowTheWindow goes far beyond a mark.
func TestRehearsalsKnowTheWindow(t *testing.T) {
	w := newWorld(t)
	for beyond, old := range map[uint64]bool{0: false, 1: true} {
		far := *w.merged.Header
		far.Height = w.root.Height + markWindow - 1 + beyond
		var head Block
		w.write(func(sw store.Writer) { head = w.sealHeader(sw, &far, w.ada) })
		batch := w.stranded(w.ada, w.root, nil, put("new", num("n", 1)))
		_, err := w.Rehearse(t.Context(), w.branch, head).Admit(t.Context(), batch)
		if got := err != nil && strings.Contains(err.Error(), "outside the window"); got != old {
			t.Errorf("%d beyond: %v", beyond, err)
		}
	}
}

func TestRehearsalsTellWhoNeedsAnOrder(t *testing.T) {
	b := newBook(t, 1)
	head := b.commit(b.root, put("a", num("n", 1)))
	re := b.Rehearse(t.Context(), b.branch, head)
	for who, want := range map[string]bool{"ada": true, "eve": false} {
		direct, err := re.Direct(t.Context(), b.stranded(person(who), head, nil, put("c", num("n", 1))), b.tick())
		if err != nil || direct != want {
			t.Errorf("%s: %v, %v", who, direct, err)
		}
	}
}

func TestPoolReceiptsAreSealed(t *testing.T) {
	ada := person("ada")
	signed, err := SignPoolReceipt(&object.PoolReceipt{Lineage: object.Hash{1}, Runs: []object.Run{{Count: 1}}}, ada)
	must(t, err)
	read, err := ReadPoolReceipt(signed.Record, signed.Seal[:])
	must(t, err)
	if err := read.Verify(); err != nil || read.ID != signed.ID || read.Producer != ada.Identity {
		t.Errorf("read %+v, %v", read, err)
	}
	read.Seal[3] ^= 1
	if err := read.Verify(); !errors.Is(err, key.ErrBadSignature) {
		t.Errorf("another seal: %v", err)
	}
	for what, change := range map[string]func(runs []object.Run) []object.Run{
		"another verdict": func(runs []object.Run) []object.Run { runs[0].Verdict = object.VerdictNoop; return runs },
		"more":            func(runs []object.Run) []object.Run { return append(runs, object.Run{First: 4, Count: 1}) },
	} {
		if signed.Kept(change(slices.Clone(signed.Runs)), nil) {
			t.Errorf("%s keeps the promise", what)
		}
	}
	many := make([]object.Exclusion, 20_000)
	for i := range many {
		many[i] = object.Exclusion{Index: uint64(i), Reason: object.ReasonMalformed, Key: make([]byte, 60)}
	}
	if _, err := SignPoolReceipt(&object.PoolReceipt{Excluded: many}, ada); !errors.Is(err, ErrInvalid) {
		t.Errorf("a receipt that is too large: %v", err)
	}
}
