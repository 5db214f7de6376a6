package branch

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"aergo/contract/table"
	"aergo/repo/object"
	"aergo/repo/state"
	"aergo/repo/store"
)

func (b *book) commitPool(w store.Writer, p *Pending, head Block) Block {
	b.t.Helper()
	block, _, err := b.Commit(b.t.Context(), w, p, Commitment{
		Branch: b.branch, Head: head, Author: b.ada, Sealer: b.ada, Message: "pool", Authored: 1, Now: b.tick(),
	})
	must(b.t, err)
	return block
}

// numbered returns transactions on rows of their own and on one that they share.
func numbered(n int) [][]table.Spec {
	var out [][]table.Spec
	for i := range n {
		out = append(out, put(fmt.Sprintf("row%06d", i%(n/2+1)), num("n", uint64(i))))
		if i%10 == 0 {
			out = append(out, one(table.Incr, "count", 0, num("n", 1)))
		}
	}
	return out
}

// However a pool is executed on the way, in parts or at the end, the block is the same.
func TestCommitDoesNotDependOnWhatWasDoneBefore(t *testing.T) {
	rng := source(t)
	b := newBook(t, 3)
	txs := numbered(700)
	type roots struct{ state, receipts object.Hash }
	seen := map[roots]bool{}
	for try := range 8 {
		p := NewPending(b.root)
		desk := NewDesk(t.Context(), b.Runtime, b.State(b.root))
		for from := 0; from < len(txs); {
			n := min(len(txs)-from, 1+rng.IntN(400))
			b.author(p, desk, txs[from:from+n]...)
			from += n
			b.write(func(w store.Writer) {
				if try > 0 && rng.IntN(2) == 0 {
					must(t, p.CloseChunk(w, true))
				}
				if try > 1 && rng.IntN(2) == 0 {
					must(t, b.Materialise(t.Context(), w, p, b.root))
				}
			})
		}
		pending, err := b.PendingState(t.Context(), p, b.root)
		must(t, err)
		var block Block
		b.write(func(w store.Writer) { block = b.commitPool(w, p, b.root) })
		if block.Header.State != pending.Root() {
			t.Error("the pending state is not that of the block")
		}
		must(t, b.Validate(t.Context(), block))
		// The account names the batch, which is another with other chunks.
		seen[roots{block.Header.State, block.Receipts}] = true
		body := b.open(block).body
		if len(body.Entries) != 1 || len(body.Entries[0].Runs) != 1 || body.Entries[0].Runs[0].Count != uint64(len(txs)) {
			t.Errorf("the entries are %+v", body.Entries)
		}
	}
	if len(seen) != 1 {
		t.Errorf("%d different blocks came of one pool", len(seen))
	}
}

// A pool that was prepared on another head is executed on the new one, or refused as a whole.
func TestPoolsMoveToAnotherHead(t *testing.T) {
	b := newBook(t, 2)
	base := b.commit(b.root, put("a", num("n", 1)), put("b", num("n", 1)))
	p := NewPending(base)
	b.author(p, NewDesk(t.Context(), b.Runtime, b.State(base)), put("a", num("n", 2)), put("c", num("n", 2)))
	b.write(func(w store.Writer) { must(t, b.Materialise(t.Context(), w, p, base)) })
	harmless, fatal := b.commit(base, put("b", num("n", 9))), b.commit(base, put("a", num("n", 9)))

	b.write(func(w store.Writer) {
		moved := b.commitPool(w, p, harmless)
		if moved.Parent != harmless.ID {
			t.Error("the block is not on the new head")
		}
	})
	_, err := b.PendingState(t.Context(), p, fatal)
	stale := new(ExcludedError)
	if !errors.Is(err, ErrStale) || !errors.As(err, &stale) || len(stale.Exclusions) != 1 || stale.Exclusions[0].Index != 0 {
		t.Errorf("error is %v", err)
	}
	b.write(func(w store.Writer) {
		if _, _, err := b.Commit(t.Context(), w, p, Commitment{Branch: b.branch, Head: fatal, Author: b.ada, Sealer: b.ada}); !errors.Is(err, ErrStale) {
			t.Errorf("commit: %v", err)
		}
	})
}

// Somebody who may not write is let in by an order of who may.
func TestCommitForAnother(t *testing.T) {
	b := newBook(t, 2)
	block, batch := b.commitOn(b.branch, b.root, person("ben"), put("a", num("n", 1)))
	must(t, b.Validate(t.Context(), block))
	body := b.open(block).body
	if len(body.Orders) != 1 || body.Entries[0].Order != 1 || body.Entries[0].Batch != batch.ID || batch.Author.Name != "ben" {
		t.Errorf("the body is %+v", body)
	}
	empty, _ := b.commitOn(b.branch, block, person("ben"))
	must(t, b.Validate(t.Context(), empty))
	if empty.Header.State != block.Header.State || empty.Header.Account != block.Header.Account {
		t.Error("a commit of nothing changes something")
	}
}

// An import through Ingest is what authoring one by one gives, chunk by chunk.
func TestIngestIsAuthoringOneByOne(t *testing.T) {
	for _, n := range []int{0, 1, 300, 6000} {
		b := newBook(t, 3)
		head := b.commit(b.root, put("count", num("n", 0)))
		p, q := NewPending(head), NewPending(head)
		b.author(p, NewDesk(t.Context(), b.Runtime, b.State(head)), put("before", num("n", 1)))
		b.author(q, NewDesk(t.Context(), b.Runtime, b.State(head)), put("before", num("n", 1)))
		var one, other Block
		b.write(func(w store.Writer) {
			in, err := b.NewIngest(t.Context(), w, p, head)
			must(t, err)
			b.feed(in, n)
			must(t, in.Finish(t.Context()))
			if p.Done.Count != uint64(n)+1 || p.Count() != uint64(n)+1 {
				t.Fatalf("%d transactions are done, %d pending", p.Done.Count, p.Count())
			}
			one = b.commitPool(w, p, head)
		})
		b.write(func(w store.Writer) {
			must(t, q.CloseChunk(w, true))
			for i := range n {
				q.Open.Add(&object.Transaction{Payload: payloadOf(t, q.Open, i)})
				must(t, q.CloseChunk(w, false))
			}
			must(t, q.CloseChunk(w, true))
			other = b.commitPool(w, q, head)
		})
		must(t, b.Validate(t.Context(), one))
		if one.Header.State != other.Header.State || one.Header.Account != other.Header.Account || one.Receipts != other.Receipts || one.Entries != other.Entries {
			t.Errorf("%d transactions: the blocks differ", n)
		}
	}
}

// payloadOf makes the payload of the i-th transaction of an import.
func payloadOf(t testing.TB, names table.Namer, i int) []byte {
	t.Helper()
	builder := table.NewBuilder(names)
	s := spec(table.Insert, fmt.Sprintf("imported %07d", i), 0, num("n", uint64(i)), text("word", strings.Repeat("word", 100)))
	if i%1000 == 7 {
		s = spec(table.Incr, "count", 0, num("n", 1))
	}
	op, err := table.Draft(believer{rowKey(t, "count")}, &s)
	must(t, err)
	must(t, builder.Add(&op))
	return builder.AppendPayload(nil)
}

// believer is a view of one row.
type believer struct{ key []byte }

func (v believer) Exists(k []byte) (bool, error)                 { return slices.Equal(k, v.key), nil }
func (v believer) Field([]byte, string) ([]byte, bool, error)    { return nil, false, nil }
func (v believer) Row(k []byte) (row []byte, ok bool, err error) { return nil, false, nil }

func (b *book) feed(in *Ingest, n int) {
	b.t.Helper()
	for i := range n {
		_, err := in.Add(b.t.Context(), &object.Transaction{Payload: payloadOf(b.t, in.Names(), i)})
		must(b.t, err)
	}
}

func TestIngestReportsWhatDoesNotApply(t *testing.T) {
	b := newBook(t, 3)
	head := b.commit(b.root, put("count", num("n", 0)), put("imported 0000005", num("n", 0)))
	b.write(func(w store.Writer) {
		p := NewPending(head)
		in, err := b.NewIngest(t.Context(), w, p, head)
		must(t, err)
		b.feed(in, 7000)
		b.feed(in, 3) // again, which is harmless
		builder := table.NewBuilder(in.Names())
		s := spec(table.Insert, "imported 0000001", 0, num("n", 77))
		op, err := table.Draft(believer{}, &s)
		must(t, err)
		must(t, builder.Add(&op))
		_, err = in.Add(t.Context(), &object.Transaction{Payload: builder.AppendPayload(nil)})
		must(t, err)
		why := new(ExcludedError)
		if err := in.Finish(t.Context()); !errors.As(err, &why) || len(why.Exclusions) != 2 {
			t.Fatalf("error is %v", err)
		}
		for i, want := range []uint64{5, 7003} {
			if x := why.Exclusions[i]; x.Index != want || x.Reason != object.ReasonRowExists {
				t.Errorf("exclusion %d is %+v", i, x)
			}
		}
	})
}

func TestIngestCanBeAborted(t *testing.T) {
	b := newBook(t, 3)
	head := b.commit(b.root, put("count", num("n", 0)))
	w, err := b.mem.Begin(t.Context())
	must(t, err)
	in, err := b.NewIngest(t.Context(), w, NewPending(head), head)
	must(t, err)
	b.feed(in, 8000)
	in.Abort()
	in.Abort()
	must(t, w.Rollback())
	if in.running != nil {
		t.Error("something runs still")
	}
	after := b.commit(head, put("count", num("n", 1)))
	must(t, b.Validate(t.Context(), after))
}

// Every applied transaction is traced, with the rows before and after it, and they lead
// from the state before the block to the one after it.
func TestTraceLeadsFromStateToState(t *testing.T) {
	rng := source(t)
	b, head := seeded(t, rng)
	p := NewPending(head)
	b.write(func(w store.Writer) { (&crowd{rng: rng, rows: 60, hot: 2, wild: true}).fill(b, w, p, head, 400) })
	batch := b.sign(b.ada, head, p, nil)
	block := b.make(plan{parent: &head, spans: []Span{{Batch: batch, Count: batch.Count}}})
	must(t, b.Validate(t.Context(), block))
	b.traces(t, head, block)
	w := newWorld(t)
	w.traces(t, w.ours, w.merged)
	limit := w.commit(w.merged, put("r", num("a", 1)))
	growing := w.growing(limit, 300, 300)
	full := w.make(plan{parent: &limit, spans: []Span{{Batch: growing, Count: growing.Count}}})
	must(t, w.Validate(t.Context(), full))
	w.traces(t, limit, full)
}

func (b *book) traces(t *testing.T, parent, block Block) {
	t.Helper()
	rows := map[string][]byte{}
	var applied []txID
	must(t, b.Trace(t.Context(), block, func(tr Traced) error {
		applied = append(applied, txID{tr.Batch.ID, tr.Index})
		for i := range tr.Effects {
			k := string(tr.Effects[i].Key)
			before, known := rows[k]
			if !known {
				var err error
				if before, _, err = b.State(parent).Get(t.Context(), []byte(k)); err != nil {
					return err
				}
			}
			if (before == nil) != (tr.Before[i] == nil) || !slices.Equal(before, tr.Before[i]) {
				t.Errorf("transaction %d: the row before is %x, want %x", tr.Index, tr.Before[i], before)
			}
			rows[k] = tr.After[i]
		}
		return nil
	}))
	var want []txID
	for _, e := range b.open(block).body.Entries {
		for _, run := range e.Runs {
			for i := run.First; run.Verdict == object.VerdictApplied && i < endOf(run); i++ {
				want = append(want, txID{e.Batch, i})
			}
		}
	}
	if !slices.Equal(applied, want) {
		t.Errorf("traced are %d transactions, applied were %d", len(applied), len(want))
	}
	must(t, state.Diff(t.Context(), b.State(parent), b.State(block), func(k, old, new []byte) error {
		if after, ok := rows[string(k)]; !ok || !slices.Equal(after, new) {
			t.Errorf("row %x ends as %x, the trace says %x", k, new, after)
		}
		delete(rows, string(k))
		return nil
	}))
	for k, after := range rows {
		if before, _, err := b.State(parent).Get(t.Context(), []byte(k)); err != nil || !slices.Equal(before, after) {
			t.Errorf("row %x was changed in the trace alone", k)
		}
	}
}

func TestTouchesNamesWhatABatchChanged(t *testing.T) {
	w := newWorld(t)
	body := w.open(w.merged).body
	for _, e := range body.Entries {
		if e.Batch != w.theirsBatch.ID {
			continue
		}
		for k, want := range map[string]bool{"a": false, "b": true, "d": true, "three": false} {
			touched, err := w.Touches(t.Context(), w.theirsBatch, e.Runs, rowKey(t, k))
			must(t, err)
			if touched["n"] != want {
				t.Errorf("row %s: %v", k, touched)
			}
		}
	}
}
