package branch

import (
	"context"
	"slices"
	"testing"

	"aergo/contract/table"
	"aergo/dtt"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/state"
	"aergo/repo/store"
)

// draft is a block taken apart, to be put together differently.
type draft struct {
	header   object.Header
	body     object.Body
	tree     dtt.Tree
	receipts object.Receipts
}

// open takes a block apart. Changing the parts changes nothing of the block.
func (b *book) open(block Block) *draft {
	b.t.Helper()
	body, err := b.Body(b.t.Context(), block)
	must(b.t, err)
	tree, err := b.Tree(b.t.Context(), block)
	must(b.t, err)
	data, err := object.Join(b.t.Context(), b.Objects, block.Receipts, object.MaxLargeBytes)
	must(b.t, err)
	receipts, err := object.DecodeReceipts(data)
	must(b.t, err)
	header, err := object.DecodeHeader(block.Encode())
	must(b.t, err)
	return &draft{*header, *body, tree, *receipts}
}

// seal puts a block together and seals it, by the rules of encoding alone.
func (b *book) seal(d *draft, by Signer) (block Block) {
	b.t.Helper()
	b.write(func(w store.Writer) {
		var err error
		d.header.Entries, err = putLarge(w, object.KindBody, d.body.Encode())
		must(b.t, err)
		d.header.Tree, err = putLarge(w, object.KindTree, d.tree.Append(nil))
		must(b.t, err)
		d.header.Receipts, err = putLarge(w, object.KindReceipts, d.receipts.Encode())
		must(b.t, err)
		block = b.sealHeader(w, &d.header, by)
	})
	return block
}

func (b *book) sealHeader(w store.Writer, h *object.Header, by Signer) Block {
	b.t.Helper()
	id := object.Sum(h.Encode())
	sig := by.Private.Sign(key.DomainBlock, b.Directory.Lineage, id)
	must(b.t, w.PutSealed(object.KindHeader, id, h.Encode(), sig[:]))
	return Block{ID: id, Header: h}
}

// plan is a block to be made of spans, whether that is allowed or not.
type plan struct {
	parent   *Block
	branch   object.Hash // zero is the book's
	absorbed *Block
	mode     object.Mode
	orders   []object.Hash
	spans    []Span
}

// make executes and seals a plan. Everything in the block fits together.
func (b *book) make(p plan) (block Block) {
	b.t.Helper()
	b.write(func(w store.Writer) {
		root := state.EmptyRoot()
		if p.parent != nil {
			root = p.parent.Header.State
		}
		x := b.NewExecutor(w, root)
		must(b.t, SettleSpans(b.t.Context(), Chain{w}, b.Runtime, x.State(), p.spans, 2))
		must(b.t, x.Propose(b.t.Context(), p.spans))
		if p.branch.IsZero() {
			p.branch = b.branch
		}
		var err error
		block, err = b.Seal(b.t.Context(), w, Draft{
			Branch: p.branch, Parent: p.parent, Absorbed: p.absorbed, Mode: p.mode, Orders: p.orders, Now: b.tick(), Run: x,
		}, b.ada)
		must(b.t, err)
	})
	return block
}

// order signs an order for a block on head.
func (b *book) order(head Block, kind object.OrderKind, by Signer, change func(*object.Order)) (id object.Hash) {
	b.t.Helper()
	o := &object.Order{
		Lineage: b.Directory.Lineage, Kind: kind, Branch: b.branch, TimeMillis: b.tick(),
		Mark: object.Mark{Block: head.ID, Height: head.Height},
	}
	if change != nil {
		change(o)
	}
	b.write(func(w store.Writer) {
		var err error
		id, err = PutOrder(w, o, by)
		must(b.t, err)
	})
	return id
}

func from(source Block) func(*object.Order) {
	return func(o *object.Order) { o.Source = source.ID }
}

func items(selections ...object.Selection) func(*object.Order) {
	return func(o *object.Order) { o.Items = selections }
}

// mergeSpans returns what a merge takes, found the slow way: one transaction at a time, by
// walking the source's chain back.
func (b *book) mergeSpans(target, source Block) []Span {
	b.t.Helper()
	type tx struct {
		batch object.Hash
		index uint64
	}
	open := map[tx]bool{}
	must(b.t, Missing(b.t.Context(), b.Account(target), b.Account(source), func(e AccountEntry) error {
		for _, run := range e.Runs {
			for i := range run.Count {
				open[tx{e.Batch, run.First + i}] = true
			}
		}
		return nil
	}))
	var spans []Span
	for at := source; len(open) > 0; {
		body, err := b.Body(b.t.Context(), at)
		must(b.t, err)
		var here []Span
		for i := range body.Entries {
			e := &body.Entries[i]
			batch, err := b.Batch(b.t.Context(), e.Batch)
			must(b.t, err)
			for _, run := range e.Runs {
				for index := run.First; index < run.First+run.Count; index++ {
					if !open[tx{e.Batch, index}] {
						continue
					}
					delete(open, tx{e.Batch, index})
					s := Span{Batch: batch, Order: 1, First: index, Count: 1, Merged: true}
					s.Decided = !run.Verdict.Applied()
					if s.Decided {
						s.Verdict = run.Verdict
					}
					for _, x := range e.Excluded {
						if x.Index == index && s.Decided {
							s.Block = at.ID
							if x.Reason == object.ReasonInherited {
								s.Block = x.Block
							}
						}
					}
					here = append(here, s)
				}
			}
		}
		spans = append(here, spans...)
		if at.Parent.IsZero() {
			break
		}
		at, err = b.Block(b.t.Context(), at.Parent)
		must(b.t, err)
	}
	return spans
}

// mergePlan is a merge of source into target.
func (b *book) mergePlan(target, source Block) plan {
	b.t.Helper()
	return plan{
		parent: &target, absorbed: &source, orders: []object.Hash{b.order(target, object.OrderMerge, b.ada, from(source))},
		spans: b.mergeSpans(target, source),
	}
}

// world is a small history in which everything happened once:
//
//	root - base - ours ------------ merged     the book's branch
//	         \__ theirs - dropped __/          merged from a third branch, then dropped one
//	         \__ third _/
type world struct {
	*book
	ben                Signer // may not write
	base, ours, merged Block
	third, theirs      Block
	dropped            Block
	oursBatch          Batch
	thirdBatch         Batch // 0 applied, 1 and 2 excluded on theirs; 2 dropped there
	theirsBatch        Batch // 0 to 2 applied there; 1 excluded by the merge
	pickBatch          Batch // of ben: not on the branch
}

func newWorld(t testing.TB) *world {
	w := &world{book: newBook(t, 2), ben: person("ben")}
	w.base = w.commit(w.root, put("a", num("n", 1)), put("b", num("n", 1)), put("c", num("n", 1)), put("d", num("n", 1)))
	feature, third := object.Hash{1}, object.Hash{2}
	w.ours, w.oursBatch = w.commitOn(w.branch, w.base, w.ada, put("a", num("n", 5)), put("mine", num("n", 5)))
	w.third, w.thirdBatch = w.commitOn(third, w.base, w.ben, put("three", num("n", 3)), put("b", num("n", 3)), put("c", num("n", 3)))
	var theirs Block
	theirs, w.theirsBatch = w.commitOn(feature, w.base, w.ada,
		put("b", num("n", 7)), put("a", num("n", 7)), put("c", num("n", 7)), put("d", num("n", 7)))
	p := w.mergePlan(theirs, w.third)
	p.branch, p.orders = feature, []object.Hash{w.order(theirs, object.OrderMerge, w.ada, func(o *object.Order) { o.Source, o.Branch = w.third.ID, feature })}
	w.theirs = w.make(p)
	w.dropped = w.make(plan{parent: &w.theirs, branch: feature,
		orders: []object.Hash{w.order(w.theirs, object.OrderDrop, w.ada, func(o *object.Order) {
			o.Branch, o.Items = feature, []object.Selection{{Batch: w.thirdBatch.ID, First: 2, Count: 1}}
		})},
		spans: []Span{{Batch: w.thirdBatch, Order: 1, First: 2, Count: 1, Decided: true, Verdict: object.VerdictDropped}},
	})
	w.merged = w.make(w.mergePlan(w.ours, w.dropped))
	w.pickBatch = w.stranded(w.ben, w.base, nil, put("p", num("n", 1)), put("q", num("n", 1)), put("a", num("n", 2)), put("p", num("n", 2)))
	return w
}

func TestTheWorldIsValid(t *testing.T) {
	w := newWorld(t)
	for _, block := range []Block{w.root, w.base, w.ours, w.third, w.theirs, w.dropped, w.merged} {
		must(t, w.Validate(context.Background(), block))
	}
	var got []object.Exclusion
	body := w.open(w.merged).body
	for _, e := range body.Entries {
		got = append(got, e.Excluded...)
	}
	if len(got) != 2 || got[0].Reason != object.ReasonFieldChanged || got[1].Reason != object.ReasonInherited || got[1].Block != w.theirs.ID {
		t.Errorf("excluded are %+v", got)
	}
	if !slices.Contains(verdicts(body.Entries), object.VerdictDropped) {
		t.Error("nothing is dropped")
	}
	pick := w.make(plan{parent: &w.merged,
		orders: []object.Hash{w.order(w.merged, object.OrderPick, w.ada, items(object.Selection{Batch: w.pickBatch.ID, First: 0, Count: 4}))},
		spans:  []Span{{Batch: w.pickBatch, Order: 1, Count: 4}},
	})
	must(t, w.Validate(t.Context(), pick))
	w.replay(t, pick)
}

// replay tries what the merge and the pick excluded again, after making way for it.
func (w *world) replay(t *testing.T, head Block) {
	t.Helper()
	way := w.commit(head, put("a", num("n", 1)))
	again := w.make(plan{parent: &way,
		orders: []object.Hash{w.order(way, object.OrderReplay, w.ada, items(
			object.Selection{Batch: w.pickBatch.ID, First: 2, Count: 1}, object.Selection{Batch: w.theirsBatch.ID, First: 1, Count: 1}))},
		spans: []Span{{Batch: w.pickBatch, Order: 1, First: 2, Count: 1}, {Batch: w.theirsBatch, Order: 1, First: 1, Count: 1}},
	})
	must(t, w.Validate(t.Context(), again))
	if n, _ := w.field(again, "a", "n"); n != 2 {
		t.Errorf("a is %d after the replay", n)
	}
	for batch, want := range map[*Batch]object.Verdict{&w.pickBatch: object.VerdictApplied, &w.theirsBatch: object.VerdictExcluded} {
		runs, err := w.Account(again).Runs(t.Context(), batch.Mark.Height, batch.ID)
		must(t, err)
		index := uint64(2)
		if batch == &w.theirsBatch {
			index = 1
		}
		if v, ok := VerdictOf(runs, index); !ok || v != want {
			t.Errorf("the account says %v of %s.%d", v, batch.ID.Short(), index)
		}
	}
	forced := w.commit(again, one(table.Put, "a", table.Force, num("n", 9)))
	must(t, w.Validate(t.Context(), forced))
}
