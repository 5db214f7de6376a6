package branch

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"aergo/contract/table"
	"aergo/dtt"
	"aergo/repo/object"
	"aergo/repo/store"
)

// growing returns transactions that each lengthen the row "r" by about so many bytes, in
// fields of their own, all authored on the same state.
func (b *book) growing(head Block, n, sizeBytes int) Batch {
	b.t.Helper()
	p := NewPending(head)
	for i := range n {
		specs := put("r", text(fmt.Sprintf("f%05d", i), strings.Repeat("x", sizeBytes)))
		if i%7 == 3 {
			specs = one(table.Append, "r", 0, text("tags", strings.Repeat("y", sizeBytes)+fmt.Sprint(i)))
		}
		payload, err := table.NewAuthor(p.Open).AppendPayload(nil, NewDesk(b.t.Context(), b.Runtime, b.State(head)), specs)
		must(b.t, err)
		p.Open.Add(&object.Transaction{Payload: payload})
	}
	return b.sign(b.ada, head, p, nil)
}

func limited(entries []object.Entry) (n int) {
	for _, e := range entries {
		for _, x := range e.Excluded {
			if x.Reason == object.ReasonLimit {
				n++
			}
		}
	}
	return n
}

// Who fits into a row that is nearly full depends on who comes first, so the changes of
// such a row keep their order.
func TestRowsGrowToTheirLimitInBlockOrder(t *testing.T) {
	b := newBook(t, 2)
	head := b.commit(b.root, put("r", num("a", 1)))
	batch := b.growing(head, 400, 300) // 120 KB for a row of at most 63
	spans := []Span{{Batch: batch, Count: batch.Count}}
	serial, err := b.followed(head, spans, dtt.Serial(400), 1)
	must(t, err)
	if n := limited(serial.Entries()); n < 150 || n > 250 {
		t.Fatalf("%d transactions do not fit", n)
	}
	if v := verdicts(serial.Entries()); v[0] != object.VerdictApplied || v[399] != object.VerdictExcluded {
		t.Error("it is not the first ones that fit")
	}
	for workers := 1; workers <= 16; workers *= 2 {
		x := b.executor(head, workers)
		x.options = dtt.Options{MinLeaf: 1, Workers: 16}
		must(t, x.Propose(t.Context(), spans))
		if !resultOf(x).equal(resultOf(serial)) {
			t.Errorf("%d workers come to another result", workers)
		}
	}
	if _, err := b.followed(head, spans, dtt.Even(400, 2), 4); !errors.Is(err, dtt.ErrConflict) {
		t.Errorf("side by side: error is %v", err)
	}
}

// Changes of a row that all fit commute, up to the last byte that is sure to fit.
func TestRowsThatStayBelowTheirLimitGrowInAnyOrder(t *testing.T) {
	b := newBook(t, 2)
	head := b.commit(b.root, put("r", num("a", 1)))
	batch := b.growing(head, 100, 300)
	spans := []Span{{Batch: batch, Count: batch.Count}}
	serial, err := b.followed(head, spans, dtt.Serial(100), 1)
	must(t, err)
	if limited(serial.Entries()) != 0 {
		t.Fatal("some do not fit")
	}
	side, err := b.followed(head, spans, dtt.Even(100, 20), 8)
	must(t, err)
	if !resultOf(side).equal(resultOf(serial)) {
		t.Error("side by side they come to another result")
	}
}

// A pool is executed in parts, each of which may find that a row has room for all its
// changes. The block with all of them is valid all the same.
func TestRowsThatGrowInEveryPartOfABlock(t *testing.T) {
	b := newBook(t, 4)
	head := b.commit(b.root, put("r", num("n", 1)))
	for _, parts := range []int{2, 3, 7} {
		var block Block
		b.write(func(w store.Writer) {
			p := NewPending(head)
			for range parts {
				for range 600 { // 54 KB by declaration, a few bytes in truth
					b.author(p, NewDesk(t.Context(), b.Runtime, b.State(head)), one(table.Incr, "r", 0, num("n", 1)))
				}
				must(t, b.Materialise(t.Context(), w, p, head))
			}
			if p.Done.Tree.Leaves() < 2*parts {
				t.Fatalf("a tree of %d leaves: nothing runs side by side", p.Done.Tree.Leaves())
			}
			var err error
			block, _, err = b.Commit(t.Context(), w, p, Commitment{Branch: b.branch, Head: head, Author: b.ada, Sealer: b.ada, Now: b.tick()})
			must(t, err)
		})
		must(t, b.Validate(t.Context(), block))
		if n, _ := b.field(block, "r", "n"); n != uint64(1+600*parts) {
			t.Errorf("n is %d", n)
		}
	}
}

// The desk and the executor exclude alike what does not fit, and half of a transaction
// is never made.
func TestWhatDoesNotFitIsLeftOutAsAWhole(t *testing.T) {
	b := newBook(t, 2)
	head := b.commit(b.root, put("r", text("a", strings.Repeat("x", 40<<10))), put("small", num("n", 1)))
	p := NewPending(head)
	specs := []table.Spec{
		spec(table.Put, "small", 0, num("n", 2)),
		spec(table.Append, "r", 0, text("tags", strings.Repeat("y", 30<<10))),
		spec(table.Put, "small", 0, num("m", 2)),
	}
	payload, err := table.NewAuthor(p.Open).AppendPayload(nil, NewDesk(t.Context(), b.Runtime, b.State(head)), specs)
	must(t, err)
	tx := object.Transaction{Payload: payload}
	desk := NewDesk(t.Context(), b.Runtime, b.State(head))
	changed, x, err := desk.Try(&tx, b.Runtime.Prepare(p.Open.Names()))
	if err != nil || changed || x == nil || x.Reason != object.ReasonLimit || x.Op != 1 || string(x.Key) != string(rowKey(t, "r")) {
		t.Fatalf("desk says %v, %+v, %v", changed, x, err)
	}
	if v, _, _ := desk.Field(rowKey(t, "small"), "n"); string(v) != "\x01" {
		t.Error("the desk made half of it")
	}
	p.Open.Add(&tx)
	batch := b.sign(b.ada, head, p, nil)
	run, err := b.followed(head, []Span{{Batch: batch, Count: 1}}, dtt.Serial(1), 1)
	must(t, err)
	got := run.Entries()[0].Excluded
	if len(got) != 1 || !sameExclusion(&got[0], x) || run.State().Root() != head.Header.State {
		t.Errorf("the executor says %+v", got)
	}
}
