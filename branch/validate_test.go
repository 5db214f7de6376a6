package branch

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"aergo/contract/table"
	"aergo/dtt"
	"aergo/repo/key"
	"aergo/repo/object"
	rowkey "aergo/repo/state/key"
	"aergo/repo/store"
)

// refused says whether an error is of the kinds that a block is refused with.
func refused(err error) bool {
	for _, kind := range []error{ErrInvalid, ErrForeign, object.ErrMalformed, key.ErrBadSignature, store.ErrNotFound} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

func wantRefusal(t *testing.T, err error, says string) {
	t.Helper()
	if !refused(err) || !strings.Contains(err.Error(), says) {
		t.Errorf("error is %v, want one that says %q", err, says)
	}
}

// What a header says is checked: each of these is sealed by the one who may, and all but
// the one thing is as it was.
func TestHeadersThatBreakARuleAreRefused(t *testing.T) {
	w := newWorld(t)
	stranger := person("mallory")
	other := object.Hash{9}
	for _, test := range []struct {
		name string
		of   Block
		says string // nothing: the block stays valid
		do   func(h *object.Header)
	}{
		{"nothing", w.ours, "", func(*object.Header) {}},
		{"lineage", w.ours, "lineage", func(h *object.Header) { h.Lineage = other }},
		{"height too high", w.ours, "height", func(h *object.Header) { h.Height++ }},
		{"height too low", w.ours, "height", func(h *object.Header) { h.Height-- }},
		{"time of the parent", w.ours, "time", func(h *object.Header) { h.TimeMillis = w.base.TimeMillis }},
		{"later time", w.ours, "", func(h *object.Header) { h.TimeMillis++ }},
		{"time of what it absorbs", w.merged, "not later than what it absorbs", func(h *object.Header) { h.TimeMillis = w.dropped.TimeMillis }},
		{"parent that is not there", w.ours, "not found", func(h *object.Header) { h.Parent = other }},
		{"another parent", w.ours, "mark", func(h *object.Header) { h.Parent, h.Height = w.root.ID, 1 }},
		{"later parent", w.ours, "time", func(h *object.Header) { h.Parent, h.Height = w.third.ID, w.third.Height+1 }},
		{"no branch", w.ours, "no branch", func(h *object.Header) { h.Branch = object.Hash{} }},
		{"another branch, directly", w.ours, "", func(h *object.Header) { h.Branch = other }},
		{"another branch, by an order", w.merged, "for another branch", func(h *object.Header) { h.Branch = other }},
		{"slot", w.ours, "one delegate", func(h *object.Header) { h.Slot = 1 }},
		{"consensus", w.ours, "one delegate", func(h *object.Header) { h.Consensus = []byte{1} }},
		{"access lists", w.ours, "one delegate", func(h *object.Header) { h.Access = other }},
		{"resolver", w.ours, "names a resolver", func(h *object.Header) { h.Resolver = other }},
		{"directory that is not here", w.ours, "not found", func(h *object.Header) { h.Directory = other }},
		{"producer who may not", w.ours, "may not make blocks", func(h *object.Header) { h.Producer = stranger.Identity }},
		{"producer who may not, by another directory", w.ours, "not found",
			func(h *object.Header) { h.Producer, h.Directory = stranger.Identity, other }},
		{"producer by another name", w.ours, "", func(h *object.Header) { h.Producer.Name = "someone" }},
		{"delegates", w.ours, "delegates", func(h *object.Header) { h.Delegates = other }},
		{"next delegates", w.ours, "delegates", func(h *object.Header) { h.NextDelegates = other }},
		{"state root", w.ours, "state root", func(h *object.Header) { h.State = w.base.Header.State }},
		{"account root", w.ours, "account root", func(h *object.Header) { h.Account = w.base.Header.Account }},
		{"receipts of another block", w.ours, "receipts", func(h *object.Header) { h.Receipts = w.root.Receipts }},
		{"body of another block", w.ours, "tree", func(h *object.Header) { h.Entries = w.root.Entries }},
		{"body that is not there", w.ours, "body", func(h *object.Header) { h.Entries = other }},
		{"body that is none", w.ours, "body", func(h *object.Header) { h.Entries = h.Tree }},
		{"tree of another block", w.ours, "tree", func(h *object.Header) { h.Tree = w.merged.Tree }},
		{"tree that is not there", w.ours, "tree", func(h *object.Header) { h.Tree = other }},
		{"tree that is none", w.ours, "tree", func(h *object.Header) { h.Tree = h.Entries }},
		{"critical extension", w.ours, "critical extension 7", func(h *object.Header) { h.Extensions = []object.Extension{{ID: 7, Critical: true}} }},
		{"extension", w.ours, "", func(h *object.Header) { h.Extensions = []object.Extension{{ID: 7}} }},
		{"mode without an order", w.ours, "without an order", func(h *object.Header) { h.MergeMode = object.ModeOurs }},
		{"mode that the order does not say", w.merged, "merges by", func(h *object.Header) { h.MergeMode = object.ModeOurs }},
		{"mode of a resolver", w.merged, "resolver", func(h *object.Header) { h.MergeMode = object.ModeResolve }},
		{"absorbs without an order", w.ours, "no order merges", func(h *object.Header) { h.Absorbed = w.base.ID }},
		{"absorbs something else", w.merged, "no order merges", func(h *object.Header) { h.Absorbed = w.theirs.ID }},
		{"absorbs what is not there", w.merged, "not found", func(h *object.Header) { h.Absorbed = other }},
		{"absorbs nothing", w.merged, "", func(h *object.Header) { h.Absorbed = object.Hash{} }},
		{"root of a branch with transactions", w.ours, "mark", func(h *object.Header) { h.Parent, h.Height = object.Hash{}, 0 }},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := w.open(test.of)
			test.do(&d.header)
			var block Block
			w.write(func(sw store.Writer) { block = w.sealHeader(sw, &d.header, w.ada) })
			err := w.Validate(t.Context(), block)
			if test.says == "" {
				must(t, err)
				return
			}
			wantRefusal(t, err, test.says)
		})
	}
}

func TestSealsThatAreNotTheProducersAreRefused(t *testing.T) {
	w := newWorld(t)
	seal, err := w.Objects.Seal(t.Context(), w.ours.ID)
	must(t, err)
	other, err := w.Objects.Seal(t.Context(), w.base.ID)
	must(t, err)
	flipped := slices.Clone(seal)
	flipped[40] ^= 4
	batch := w.ada.Private.Sign(key.DomainBatch, w.Directory.Lineage, w.ours.ID)
	lineage := w.ada.Private.Sign(key.DomainBlock, object.Hash{1}, w.ours.ID)
	for name, bad := range map[string][]byte{
		"none": nil, "short": seal[:63], "long": append(slices.Clone(seal), 0), "flipped": flipped, "of another block": other,
		"of a batch": batch[:], "for another lineage": lineage[:],
	} {
		t.Run(name, func(t *testing.T) {
			fresh := store.NewMemory()
			sw, err := fresh.Begin(t.Context())
			must(t, err)
			must(t, sw.PutSealed(object.KindHeader, w.ours.ID, w.ours.Encode(), bad))
			must(t, sw.Commit(t.Context()))
			l := *w.Ledger
			l.Objects = both{fresh, w.mem}
			block, err := l.Block(t.Context(), w.ours.ID)
			must(t, err)
			wantRefusal(t, l.Validate(t.Context(), block), "")
		})
	}
}

// both reads from the first store that has an object.
type both struct{ first, second store.Reader }

func (b both) of(ctx context.Context, h object.Hash) store.Reader {
	if has, err := b.first.Has(ctx, h); has && err == nil {
		return b.first
	}
	return b.second
}
func (b both) Get(ctx context.Context, h object.Hash) ([]byte, error) {
	return b.of(ctx, h).Get(ctx, h)
}
func (b both) Seal(ctx context.Context, h object.Hash) ([]byte, error) {
	return b.of(ctx, h).Seal(ctx, h)
}
func (b both) Has(ctx context.Context, h object.Hash) (bool, error) { return b.of(ctx, h).Has(ctx, h) }

// What a block did is executed again: no other verdict, reason, order or receipt stands.
func TestBodiesThatExecutionDoesNotGiveAreRefused(t *testing.T) {
	w := newWorld(t)
	entryOf := func(d *draft, batch Batch) *object.Entry {
		for i := range d.body.Entries {
			if d.body.Entries[i].Batch == batch.ID {
				return &d.body.Entries[i]
			}
		}
		t.Fatal("no such entry")
		return nil
	}
	conflict := func(d *draft) *object.Exclusion { return &entryOf(d, w.theirsBatch).Excluded[0] }
	for _, test := range []struct {
		name string
		of   Block
		says string
		do   func(d *draft)
	}{
		{"nothing", w.merged, "", func(*draft) {}},
		{"applied becomes no-op", w.ours, "verdict", func(d *draft) { d.body.Entries[0].Runs[0].Verdict = object.VerdictNoop }},
		{"applied becomes resolved", w.ours, "verdict", func(d *draft) { d.body.Entries[0].Runs[0].Verdict = object.VerdictResolved }},
		{"applied becomes dropped", w.ours, "not by the order", func(d *draft) { d.body.Entries[0].Runs[0].Verdict = object.VerdictDropped }},
		{"applied becomes dropped by a merge", w.merged, "applied on the source",
			func(d *draft) { entryOf(d, w.thirdBatch).Runs[0].Verdict = object.VerdictDropped }},
		{"dropped becomes applied", w.merged, "dropped on the source", func(d *draft) {
			e := entryOf(d, w.thirdBatch)
			e.Runs[len(e.Runs)-1].Verdict = object.VerdictApplied
		}},
		{"applied becomes excluded", w.ours, "verdict", func(d *draft) {
			e := &d.body.Entries[0]
			e.Runs = []object.Run{{First: 0, Count: 1, Verdict: object.VerdictExcluded}, {First: 1, Count: 1}}
			e.Excluded = []object.Exclusion{{Index: 0, Reason: object.ReasonFieldChanged}}
		}},
		{"excluded becomes applied", w.merged, "verdict", func(d *draft) {
			e := entryOf(d, w.theirsBatch)
			e.Runs, e.Excluded = []object.Run{{First: 0, Count: 4}}, nil
		}},
		{"reason", w.merged, "reason", func(d *draft) { conflict(d).Reason = object.ReasonRowGone }},
		{"reason of the merge's mode", w.merged, "reason", func(d *draft) { conflict(d).Reason = object.ReasonOurs }},
		{"operation in the way", w.merged, "reason", func(d *draft) { conflict(d).Op++ }},
		{"row in the way", w.merged, "reason", func(d *draft) { conflict(d).Key = []byte("x") }},
		{"field in the way", w.merged, "reason", func(d *draft) { conflict(d).Field = "m" }},
		{"hash in the way", w.merged, "reason", func(d *draft) { conflict(d).Found = make([]byte, object.FoundSize) }},
		{"no hash in the way", w.merged, "reason", func(d *draft) { conflict(d).Found = nil }},
		{"inherited that was made here", w.merged, "reason", func(d *draft) {
			conflict(d).Reason, conflict(d).Block = object.ReasonInherited, w.theirs.ID
		}},
		{"inherited from a block that did not exclude it", w.merged, "did not exclude", func(d *draft) {
			entryOf(d, w.thirdBatch).Excluded[0].Block = w.third.ID
		}},
		{"inherited from a block that is not there", w.merged, "not found", func(d *draft) {
			entryOf(d, w.thirdBatch).Excluded[0].Block = object.Hash{3}
		}},
		{"made here that was inherited", w.merged, "was on the source already", func(d *draft) {
			x := &entryOf(d, w.thirdBatch).Excluded[0]
			x.Reason, x.Block = object.ReasonFieldChanged, object.Hash{}
		}},
		{"entry left out", w.merged, "tree", func(d *draft) { d.body.Entries = d.body.Entries[1:] }},
		{"entry twice", w.merged, "taken twice", func(d *draft) { d.body.Entries = append(d.body.Entries, d.body.Entries[0]) }},
		{"transaction twice in an entry", w.ours, "taken twice", func(d *draft) {
			d.body.Entries[0].Runs = []object.Run{{First: 1, Count: 1}, {First: 0, Count: 2}}
		}},
		{"transaction that the batch does not have", w.ours, "has no transaction 2", func(d *draft) { d.body.Entries[0].Runs[0].Count++ }},
		{"transactions beyond all numbers", w.ours, "has no transaction", func(d *draft) { d.body.Entries[0].Runs[0].Count = object.MaxBatchItems }},
		{"batch that is not there", w.ours, "not found", func(d *draft) { d.body.Entries[0].Batch = object.Hash{3} }},
		{"batch that is none", w.ours, "malformed", func(d *draft) { d.body.Entries[0].Batch = w.ours.Entries }},
		{"other order of entries", w.merged, "receipts", func(d *draft) { slices.Reverse(d.body.Entries) }},
		{"one entry as two", w.ours, "goes on with the one before", func(d *draft) {
			e := d.body.Entries[0]
			d.body.Entries = []object.Entry{{Batch: e.Batch, Runs: []object.Run{{First: 0, Count: 1}}}, {Batch: e.Batch, Runs: []object.Run{{First: 1, Count: 1}}}}
		}},
		{"other order of runs", w.ours, "receipts", func(d *draft) {
			d.body.Entries[0].Runs = []object.Run{{First: 1, Count: 1}, {First: 0, Count: 1}}
			d.receipts.Add(1, object.Receipt{Cost: 1})
		}},
		{"order left out", w.merged, "may not write", func(d *draft) {
			d.body.Orders, d.header.Absorbed = nil, object.Hash{}
			for i := range d.body.Entries {
				d.body.Entries[i].Order = 0
				d.body.Entries[i].Excluded = nil
				d.body.Entries[i].Runs = []object.Run{{First: 0, Count: 1}}
			}
		}},
		{"order that is not there", w.merged, "not found", func(d *draft) { d.body.Orders[0] = object.Hash{4} }},
		{"order that is none", w.merged, "malformed", func(d *draft) { d.body.Orders[0] = w.ours.Entries }},
		{"order twice", w.merged, "stands twice", func(d *draft) { d.body.Orders = append(d.body.Orders, d.body.Orders[0]) }},
		{"tree that is needlessly serial", w.merged, "", func(d *draft) { d.tree = dtt.Serial(d.tree.Len()) }},
		{"tree that hides a conflict", w.conflicting(), "side by side", func(d *draft) { d.tree = dtt.Even(2, 2) }},
		{"tree that is too short", w.merged, "differ in length", func(d *draft) { d.tree = dtt.Serial(d.tree.Len() - 1) }},
		{"tree that is too long", w.merged, "differ in length", func(d *draft) { d.tree = dtt.Serial(d.tree.Len() + 1) }},
		{"cost in a receipt", w.ours, "receipts", func(d *draft) { d.receipts.Runs[0].Receipt.Cost++ }},
		{"verdict in a receipt", w.ours, "receipts", func(d *draft) { d.receipts.Runs[0].Receipt.Verdict++ }},
		{"events in a receipt", w.ours, "receipts", func(d *draft) { d.receipts.Runs[0].Receipt.Events = object.Hash{1} }},
		{"number of receipts", w.ours, "receipts", func(d *draft) { d.receipts.Runs[0].Count++ }},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := w.open(test.of)
			test.do(d)
			err := w.Validate(t.Context(), w.seal(d, w.ada))
			if test.says == "" {
				must(t, err)
				return
			}
			wantRefusal(t, err, test.says)
		})
	}
}

// conflicting returns a block of two transactions on one field.
func (w *world) conflicting() Block {
	return w.commit(w.merged, put("a", num("n", 20)), put("a", num("n", 21)))
}

// Blocks in which everything fits together, but for the right of one thing to be there.
func TestWhatMayNotEnterIsRefused(t *testing.T) {
	w := newWorld(t)
	head := w.merged
	all := func(b Batch, order uint64) Span { return Span{Batch: b, Order: order, Count: b.Count} }
	direct := func(by Signer, mark Block, change func(*object.Batch)) plan {
		return plan{parent: &head, spans: []Span{all(w.stranded(by, mark, change, put("new", num("n", 1))), 0)}}
	}
	// ordered is a block that takes one of ben's transactions under an order.
	ordered := func(kind object.OrderKind, by Signer, change func(*object.Order)) plan {
		sel := items(object.Selection{Batch: w.pickBatch.ID, First: 0, Count: 1})
		order := w.order(head, kind, by, func(o *object.Order) {
			sel(o)
			if change != nil {
				change(o)
			}
		})
		return plan{parent: &head, orders: []object.Hash{order}, spans: []Span{{Batch: w.pickBatch, Order: 1, Count: 1}}}
	}
	with := func(p plan, change func(p *plan)) plan {
		change(&p)
		return p
	}
	for _, test := range []struct {
		name string
		plan plan
		says string
	}{
		{"own work", direct(w.ada, head, nil), ""},
		{"expires later", direct(w.ada, head, func(b *object.Batch) { b.Expiry = head.Height + 1 }), ""},
		{"expired", direct(w.ada, head, func(b *object.Batch) { b.Expiry = head.Height }), "expired"},
		{"scope is here", direct(w.ada, head, func(b *object.Batch) { b.Scope = w.branch }), ""},
		{"scope is elsewhere", direct(w.ada, head, func(b *object.Batch) { b.Scope = object.Hash{1} }), "scope"},
		{"another lineage", direct(w.ada, head, func(b *object.Batch) { b.Lineage = object.Hash{1} }), "lineage"},
		{"critical extension", direct(w.ada, head, func(b *object.Batch) { b.Extensions = []object.Extension{{ID: 3, Critical: true}} }), "critical extension 3"},
		{"extension", direct(w.ada, head, func(b *object.Batch) { b.Extensions = []object.Extension{{ID: 3}} }), ""},
		{"author who may not write", direct(w.ben, head, nil), "may not write"},
		{"author who pretends", direct(Signer{Identity: w.ada.Identity, Private: w.ben.Private}, head, nil), "bad signature"},
		{"mark on another branch", direct(w.ada, w.third, nil), "not a block of this branch"},
		{"mark of another height", direct(w.ada, head, func(b *object.Batch) { b.Mark.Height-- }), "mark"},
		{"mark that is not there", direct(w.ada, head, func(b *object.Batch) { b.Mark.Block = object.Hash{8} }), "mark"},
		{"mark that is no block", direct(w.ada, head, func(b *object.Batch) { b.Mark.Block = head.Entries }), "mark"},
		{"chunks that hold less than they say", plan{parent: &head, spans: []Span{all(w.boastful(), 0)}}, "holds 1"},

		{"pick", ordered(object.OrderPick, w.ada, nil), ""},
		{"order by who may not write", ordered(object.OrderPick, w.ben, nil), "may not write"},
		{"order of who pretends", ordered(object.OrderPick, Signer{Identity: w.ada.Identity, Private: w.ben.Private}, nil), "bad signature"},
		{"order for another branch", ordered(object.OrderPick, w.ada, func(o *object.Order) { o.Branch = object.Hash{1} }), "another branch"},
		{"order for another lineage", ordered(object.OrderPick, w.ada, func(o *object.Order) { o.Lineage = object.Hash{1} }), "lineage"},
		{"order that expired", ordered(object.OrderPick, w.ada, func(o *object.Order) { o.Expiry = head.Height }), "expired"},
		{"order that expires later", ordered(object.OrderPick, w.ada, func(o *object.Order) { o.Expiry = head.Height + 1 }), ""},
		{"order marked on another branch", ordered(object.OrderPick, w.ada, func(o *object.Order) { o.Mark = object.Mark{Block: w.third.ID, Height: w.third.Height} }), "mark"},
		{"order marked in the future", ordered(object.OrderPick, w.ada, func(o *object.Order) { o.Mark.Height += 10 }), "mark"},
		{"order with a critical extension", ordered(object.OrderPick, w.ada, func(o *object.Order) { o.Extensions = []object.Extension{{ID: 5, Critical: true}} }), "critical extension 5"},
		{"order of another mode", ordered(object.OrderPick, w.ada, func(o *object.Order) { o.Mode = object.ModeOurs }), "merges by"},
		{"order that names another transaction", with(ordered(object.OrderPick, w.ada, nil), func(p *plan) { p.spans[0].First = 1 }), "not what the order"},
		{"order that names fewer", with(ordered(object.OrderPick, w.ada, nil), func(p *plan) { p.spans[0].Count = 2 }), "not what the order"},
		{"order that names another batch", ordered(object.OrderPick, w.ada, items(object.Selection{Batch: w.oursBatch.ID, Count: 1})), "not what the order"},
		{"pick of what is here", with(ordered(object.OrderPick, w.ada, items(object.Selection{Batch: w.theirsBatch.ID, Count: 4})),
			func(p *plan) { p.spans = []Span{{Batch: w.theirsBatch, Order: 1, Count: 1}} }), "applied here already"},
		{"replay of what was never here", ordered(object.OrderReplay, w.ada, nil), "not excluded here"},
		{"drop of what was never here", with(ordered(object.OrderDrop, w.ada, nil), drops), "not excluded here"},
		{"replay of what applied", with(ordered(object.OrderReplay, w.ada, items(object.Selection{Batch: w.oursBatch.ID, Count: 1})),
			func(p *plan) { p.spans = []Span{{Batch: w.oursBatch, Order: 1, Count: 1}} }), "not excluded here"},
		{"drop of what applied", with(ordered(object.OrderDrop, w.ada, items(object.Selection{Batch: w.oursBatch.ID, Count: 1})),
			func(p *plan) { p.spans = []Span{{Batch: w.oursBatch, Order: 1, Count: 1}}; drops(p) }), "not excluded here"},
		{"replay of what was excluded", w.again(object.OrderReplay), ""},
		{"drop of what was excluded", with(w.again(object.OrderDrop), drops), ""},
		{"drop that runs it", w.again(object.OrderDrop), "not by the order"},
		{"replay that drops it", with(w.again(object.OrderReplay), drops), "not by the order"},
		{"replay twice in a block", with(w.again(object.OrderReplay), func(p *plan) { p.spans = append(p.spans, p.spans[0]) }), "taken twice"},
		{"dropped without an order", with(direct(w.ada, head, nil), drops), "not by the order"},
		{"inherited by a pick", with(ordered(object.OrderPick, w.ada, nil), func(p *plan) {
			p.spans[0].Decided, p.spans[0].Verdict, p.spans[0].Block = true, object.VerdictExcluded, w.theirs.ID
		}), "inherited without a merge"},
		{"inherited without an order", with(direct(w.ada, head, nil), func(p *plan) {
			p.spans[0].Decided, p.spans[0].Verdict, p.spans[0].Block = true, object.VerdictExcluded, w.theirs.ID
		}), "inherited without a merge"},
		{"taken again", plan{parent: &head, spans: []Span{all(w.oursBatch, 0)}}, "applied here already"},
		{"taken directly by who may not", plan{parent: &head, spans: []Span{all(w.pickBatch, 0)}}, "may not write"},
		{"root with transactions", plan{spans: []Span{all(w.stranded(w.ada, head, nil, put("new")), 0)}}, "mark"},
		{"root with an order", plan{orders: []object.Hash{w.order(head, object.OrderMerge, w.ada, from(w.third))}}, "mark"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := w.Validate(t.Context(), w.make(test.plan))
			if test.says == "" {
				must(t, err)
				return
			}
			wantRefusal(t, err, test.says)
		})
	}
}

func drops(p *plan) {
	for i := range p.spans {
		p.spans[i].Decided, p.spans[i].Verdict = true, object.VerdictDropped
	}
}

// again is an order about the transaction that the merge excluded.
func (w *world) again(kind object.OrderKind) plan {
	return plan{parent: &w.merged,
		orders: []object.Hash{w.order(w.merged, kind, w.ada, items(object.Selection{Batch: w.theirsBatch.ID, First: 1, Count: 1}))},
		spans:  []Span{{Batch: w.theirsBatch, Order: 1, First: 1, Count: 1}},
	}
}

// boastful is a batch one of whose chunks holds a transaction less than the batch says.
// Only what is there is asked for when the block is made.
func (w *world) boastful() Batch {
	p := NewPending(w.merged)
	w.author(p, NewDesk(w.t.Context(), w.Runtime, w.State(w.merged)), put("boast", num("n", 1)))
	batch := w.sign(w.ada, w.merged, p, func(b *object.Batch) { b.Count, b.Chunks[0].Count = 2, 2 })
	honest := *batch.Batch
	honest.Count, honest.Chunks = 1, []object.ChunkRef{{Hash: batch.Chunks[0].Hash, Count: 1}}
	return Batch{ID: batch.ID, Batch: &honest}
}

// A merge takes what its source decided, as the source decided it, and all of it if it
// absorbs the source.
func TestMergesThatDoNotTakeTheirSourceAreRefused(t *testing.T) {
	w := newWorld(t)
	whole := func() plan { return w.mergePlan(w.ours, w.dropped) }
	find := func(p *plan, batch Batch, index uint64) *Span {
		for i := range p.spans {
			if p.spans[i].Batch.ID == batch.ID && p.spans[i].First == index {
				return &p.spans[i]
			}
		}
		t.Fatal("no such span")
		return nil
	}
	for _, test := range []struct {
		name string
		says string
		do   func(p *plan)
	}{
		{"nothing", "", func(*plan) {}},
		{"one left out", "decides nothing of transaction", func(p *plan) { p.spans = p.spans[1:] }},
		{"the last left out", "decides nothing of transaction", func(p *plan) { p.spans = p.spans[:len(p.spans)-1] }},
		{"a part, absorbing nothing", "", func(p *plan) { p.spans, p.absorbed = p.spans[2:], nil }},
		{"something of elsewhere", "not what the order", func(p *plan) {
			p.spans = append(p.spans, Span{Batch: w.pickBatch, Order: 1, Count: 1, Merged: true})
		}},
		{"something decided here", "not what the order", func(p *plan) {
			p.spans = append(p.spans, Span{Batch: w.oursBatch, Order: 1, Count: 1, Merged: true})
		}},
		{"one twice", "taken twice", func(p *plan) { p.spans = append(p.spans, p.spans[0]) }},
		{"excluded there, run here", "was on the source already", func(p *plan) { find(p, w.thirdBatch, 1).Decided = false }},
		{"dropped there, run here", "dropped on the source", func(p *plan) { find(p, w.thirdBatch, 2).Decided = false }},
		{"excluded there, dropped here", "excluded on the source", func(p *plan) { find(p, w.thirdBatch, 1).Verdict = object.VerdictDropped }},
		{"dropped there, inherited here", "dropped on the source", func(p *plan) {
			s := find(p, w.thirdBatch, 2)
			s.Verdict, s.Block = object.VerdictExcluded, w.theirs.ID
		}},
		{"applied there, dropped here", "applied on the source", func(p *plan) {
			s := find(p, w.thirdBatch, 0)
			s.Decided, s.Verdict = true, object.VerdictDropped
		}},
		{"another order of transactions", "", func(p *plan) {
			first := p.spans[0]
			p.spans = append(p.spans[1:], first)
		}},
		{"two sources", "merges something else", func(p *plan) {
			p.orders = append(p.orders, w.order(w.ours, object.OrderMerge, w.ada, from(w.third)))
		}},
		{"source that is not there", "not found", func(p *plan) {
			p.absorbed, p.orders = nil, []object.Hash{w.order(w.ours, object.OrderMerge, w.ada, from(Block{ID: object.Hash{6}}))}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := whole()
			test.do(&p)
			err := w.Validate(t.Context(), w.make(p))
			if test.says == "" {
				must(t, err)
				return
			}
			wantRefusal(t, err, test.says)
		})
	}
}

func TestMarksHaveAWindow(t *testing.T) {
	for _, test := range []struct {
		mark, height uint64
		old          bool
	}{{0, 1, false}, {0, markWindow, false}, {0, markWindow + 1, true}, {7, markWindow + 7, false}, {7, markWindow + 8, true}, {9, 3, false}} {
		if got := MarkTooOld(test.mark, test.height); got != test.old {
			t.Errorf("mark %d at height %d: %v", test.mark, test.height, got)
		}
	}
	w := newWorld(t)
	far := *w.merged.Header
	far.Height += markWindow
	var head Block
	w.write(func(sw store.Writer) { head = w.sealHeader(sw, &far, w.ada) })
	batch := w.stranded(w.ada, w.root, nil, put("new", num("n", 1)))
	wantRefusal(t, w.Validate(t.Context(), w.make(plan{parent: &head, spans: []Span{{Batch: batch, Count: 1}}})), "outside the window")
	order := w.order(w.root, object.OrderMerge, w.ada, from(w.third))
	wantRefusal(t, w.Validate(t.Context(), w.make(plan{parent: &head, orders: []object.Hash{order}})), "outside the window")
	// Under an order the batch's own mark is free.
	picked := w.order(head, object.OrderPick, w.ada, items(object.Selection{Batch: batch.ID, Count: 1}))
	must(t, w.Validate(t.Context(), w.make(plan{parent: &head, orders: []object.Hash{picked}, spans: []Span{{Batch: batch, Order: 1, Count: 1}}})))
}

// Where it is said what ours and theirs mean: the reason, and nothing else.
func TestModesOfMerges(t *testing.T) {
	for mode, want := range map[object.Mode]object.Reason{
		object.ModeExclude: object.ReasonFieldChanged, object.ModeOurs: object.ReasonOurs, object.ModeTheirs: object.ReasonSuperseded,
	} {
		w := newWorld(t)
		pool := NewPending(w.base)
		builder := table.NewBuilder(pool.Open)
		must(t, builder.Add(&table.Op{Code: table.Append, Table: "t", Tuple: rowkey.Append(nil, rowkey.Text("a")), Fields: []table.Arg{{Name: "n", Value: []byte{1}}}}))
		pool.Open.Add(&object.Transaction{Payload: builder.AppendPayload(nil)})
		odd := w.sign(w.ben, w.base, pool, nil)
		p := plan{parent: &w.ours, mode: mode, spans: []Span{{Batch: w.pickBatch, Order: 1, First: 2, Count: 1, Mode: mode}, {Batch: odd, Order: 1, Count: 1, Mode: mode}},
			orders: []object.Hash{w.order(w.ours, object.OrderPick, w.ada, func(o *object.Order) {
				o.Mode, o.Items = mode, []object.Selection{{Batch: w.pickBatch.ID, First: 2, Count: 1}, {Batch: odd.ID, Count: 1}}
			})}}
		block := w.make(p)
		must(t, w.Validate(t.Context(), block))
		body := w.open(block).body
		if got := body.Entries[0].Excluded[0].Reason; got != want {
			t.Errorf("%s: reason is %s", mode, got)
		}
		if got := body.Entries[1].Excluded[0].Reason; got != object.ReasonType {
			t.Errorf("%s: what fits nowhere is excluded as %s", mode, got)
		}
	}
}
