package hostile

import (
	"testing"

	"aergo/branch"
	"aergo/net/transfer"
	"aergo/repo/object"
)

// Something that was signed once, in full honour, is used a second time, or elsewhere: the
// signatures hold, and it is refused for where, when and how often it is used.
func TestReplays(t *testing.T) {
	v := newVictims(t)
	v.run(t, plain(replays()))
	v.sound(t)
}

func replays() []forgery {
	// again is a block on the merge that takes what was signed before.
	again := func(name string, fault branch.Fault, spans func(f *forger, h *history) []branch.Span, orders func(f *forger, h *history) []object.Hash) forgery {
		return planned(name, fault, func(f *forger, h *history) plan {
			p := plan{parent: h.merged, spans: spans(f, h)}
			if orders != nil {
				p.orders = orders(f, h)
			}
			return p
		})
	}
	one := func(b branch.Batch, order, index uint64) []branch.Span {
		return []branch.Span{{Batch: b, Order: order, First: index, Count: 1}}
	}
	about := func(kind object.OrderKind, batch func(h *history) branch.Batch, index uint64) func(f *forger, h *history) []object.Hash {
		return func(f *forger, h *history) []object.Hash {
			return []object.Hash{f.order(h.merged, kind, f.ada, items(object.Selection{Batch: batch(h).ID, First: index, Count: 1}))}
		}
	}
	done := func(h *history) branch.Batch { return h.oursBatch }
	left := func(h *history) branch.Batch { return h.theirsBatch }
	return []forgery{
		// A batch after its verdict.
		again("batch that applied, directly", branch.FaultDecided, func(_ *forger, h *history) []branch.Span { return all(h.oursBatch, 0) }, nil),
		again("batch that applied, by a pick", branch.FaultDecided, func(_ *forger, h *history) []branch.Span { return one(h.oursBatch, 1, 0) }, about(object.OrderPick, done, 0)),
		again("batch that was excluded, directly", branch.FaultDecided, func(_ *forger, h *history) []branch.Span { return one(h.theirsBatch, 0, 1) }, nil),
		again("batch that was excluded, by a pick", branch.FaultDecided, func(_ *forger, h *history) []branch.Span { return one(h.theirsBatch, 1, 1) }, about(object.OrderPick, left, 1)),
		again("batch that applied, by a replay", branch.FaultNotExcluded, func(_ *forger, h *history) []branch.Span { return one(h.oursBatch, 1, 0) }, about(object.OrderReplay, done, 0)),
		again("batch that was merged, merged again", branch.FaultDecided, func(_ *forger, h *history) []branch.Span {
			return []branch.Span{{Batch: h.theirsBatch, Order: 1, First: 0, Count: 1, Merged: true}}
		}, func(f *forger, h *history) []object.Hash {
			return []object.Hash{f.order(h.merged, object.OrderMerge, f.ada, from(h.theirs))}
		}),
		// Twice in one block.
		again("batch twice in a block", branch.FaultTwice, func(f *forger, h *history) []branch.Span {
			b := f.batch(f.ada, h.merged, nil, set("new", 1))
			return append(all(b, 0), append(one(h.theirsBatch, 1, 1), all(b, 0)...)...)
		}, about(object.OrderReplay, left, 1)),
		again("replayed twice in a block", branch.FaultTwice, func(_ *forger, h *history) []branch.Span {
			return append(one(h.theirsBatch, 1, 1), one(h.theirsBatch, 2, 1)...)
		}, func(f *forger, h *history) []object.Hash {
			return append(about(object.OrderReplay, left, 1)(f, h), about(object.OrderReplay, left, 1)(f, h)...)
		}),
		// Outside of its scope and its lineage, even under an order.
		again("batch of another branch's scope, by a pick", branch.FaultBatchScope, func(f *forger, h *history) []branch.Span { return one(f.scoped(h), 1, 0) },
			func(f *forger, h *history) []object.Hash {
				return []object.Hash{f.order(h.merged, object.OrderPick, f.ada, items(object.Selection{Batch: f.scoped(h).ID, Count: 1}))}
			}),
		again("batch of the Directory, on a branch", branch.FaultBatchScope, func(f *forger, h *history) []branch.Span {
			return all(f.batch(f.ada, h.merged, func(b *object.Batch) { b.Scope = f.Directory.Genesis }, set("new", 1)), 0)
		}, nil),
		// Under an order for something else.
		again("order to pick, for another transaction", branch.FaultOrderItems, func(_ *forger, h *history) []branch.Span { return one(h.pickBatch, 1, 1) },
			about(object.OrderPick, func(h *history) branch.Batch { return h.pickBatch }, 0)),
		again("order to replay, used to drop", branch.FaultVerdictOrder, func(_ *forger, h *history) []branch.Span {
			s := one(h.theirsBatch, 1, 1)
			s[0].Decided, s[0].Verdict = true, object.VerdictDropped
			return s
		}, about(object.OrderReplay, left, 1)),
		again("order to drop, used to replay", branch.FaultVerdictOrder, func(_ *forger, h *history) []branch.Span { return one(h.theirsBatch, 1, 1) }, about(object.OrderDrop, left, 1)),
		again("order to merge, used for what was not merged", branch.FaultOrderItems, func(_ *forger, h *history) []branch.Span {
			return []branch.Span{{Batch: h.pickBatch, Order: 1, Count: 1, Merged: true}}
		}, func(f *forger, h *history) []object.Hash {
			return []object.Hash{f.order(h.merged, object.OrderMerge, f.ada, from(h.theirs))}
		}),
		again("order for another branch", branch.FaultOrderBranch, func(_ *forger, h *history) []branch.Span { return one(h.theirsBatch, 1, 1) },
			func(f *forger, h *history) []object.Hash {
				return []object.Hash{f.order(h.merged, object.OrderReplay, f.ada, func(o *object.Order) {
					o.Branch, o.Items = object.Hash{1}, []object.Selection{{Batch: h.theirsBatch.ID, First: 1, Count: 1}}
				})}
			}),
	}
}

// scoped is a batch of bob's that is for another branch only, always the same one.
func (f *forger) scoped(h *history) branch.Batch {
	f.t.Helper()
	if f.elsewhere == nil {
		b := f.batch(f.bob, h.merged, func(b *object.Batch) { b.Scope = object.Hash{1} }, set("new", 1))
		f.elsewhere = &b
	}
	return *f.elsewhere
}

// A batch, and an order, whose marks are further back than the window is long. The chain in
// between is sound.
func TestReplaysOutsideTheWindow(t *testing.T) {
	const window = 4096
	v := newVictims(t)
	early := v.f.batch(v.f.ada, v.h.merged, nil, set("early", 1))
	order := v.f.order(v.h.merged, object.OrderPick, v.f.ada, items(object.Selection{Batch: v.h.pickBatch.ID, Count: 1}))
	head := v.h.merged
	for range window - 1 {
		head = v.f.make(plan{parent: head})
	}
	last := v.f.make(plan{parent: head, spans: append(all(early, 0), branch.Span{Batch: v.h.pickBatch, Order: 1, Count: 1}), orders: []object.Hash{order}})
	must(t, v.push(last.ID, nil)) // they are in time
	must(t, v.fetch(last.ID, nil))
	head = v.f.make(plan{parent: head})
	v.run(t, plain([]forgery{
		{"batch", transfer.CodeInvalid, branch.FaultBatchWindow, func(f *forger, _ *history) object.Hash {
			return f.make(plan{parent: head, spans: all(early, 0)}).ID
		}},
		{"order", transfer.CodeInvalid, branch.FaultOrderWindow, func(f *forger, h *history) object.Hash {
			return f.make(plan{parent: head, spans: []branch.Span{{Batch: h.pickBatch, Order: 1, Count: 1}}, orders: []object.Hash{order}}).ID
		}},
	}))
}
