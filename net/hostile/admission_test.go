package hostile

import (
	"aergo/branch"
	"aergo/net/transfer"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/store"
)

// planned is a forgery in which everything fits together, but for the right of one thing to be
// in a block.
func planned(name string, fault branch.Fault, make func(f *forger, h *history) plan) forgery {
	return forgery{name, transfer.CodeInvalid, fault, func(f *forger, h *history) object.Hash { return f.make(make(f, h)).ID }}
}

// all takes a whole batch.
func all(b branch.Batch, order uint64) []branch.Span {
	return []branch.Span{{Batch: b, Order: order, Count: b.Count}}
}

// direct is a block that takes a batch without an order.
func direct(name string, fault branch.Fault, by func(f *forger) branch.Signer, mark func(f *forger, h *history) branch.Block, change func(f *forger, h *history, b *object.Batch)) forgery {
	return planned(name, fault, func(f *forger, h *history) plan {
		b := f.batch(by(f), mark(f, h), func(b *object.Batch) {
			if change != nil {
				change(f, h, b)
			}
		}, set("new", 1))
		return plan{parent: h.merged, spans: all(b, 0)}
	})
}

func ada(f *forger) branch.Signer { return f.ada }

func onMerged(_ *forger, h *history) branch.Block { return h.merged }

// picked is a block that takes one of bob's transactions under an order.
func picked(name string, fault branch.Fault, by func(f *forger) branch.Signer, change func(f *forger, h *history, o *object.Order)) forgery {
	return planned(name, fault, func(f *forger, h *history) plan {
		return plan{parent: h.merged, orders: []object.Hash{f.pick(h, by(f), change)}, spans: []branch.Span{{Batch: h.pickBatch, Order: 1, Count: 1}}}
	})
}

func (f *forger) pick(h *history, by branch.Signer, change func(f *forger, h *history, o *object.Order)) object.Hash {
	f.t.Helper()
	return f.order(h.merged, object.OrderPick, by, func(o *object.Order) {
		o.Items = []object.Selection{{Batch: h.pickBatch.ID, First: 0, Count: 1}}
		if change != nil {
			change(f, h, o)
		}
	})
}

func forgedRights() []forgery {
	all := append(batchForgeries(), orderForgeries()...)
	return append(all, selectionForgeries()...)
}

func batchForgeries() []forgery {
	elsewhere := direct("batch of another lineage", branch.FaultBatchLineage, ada, onMerged, func(_ *forger, _ *history, b *object.Batch) { b.Lineage = stray() })
	elsewhere.code = transfer.CodeForeign
	return []forgery{
		elsewhere,
		direct("batch that expired", branch.FaultBatchExpired, ada, onMerged, func(_ *forger, h *history, b *object.Batch) { b.Expiry = h.merged.Height }),
		direct("batch for another branch", branch.FaultBatchScope, ada, onMerged, func(_ *forger, _ *history, b *object.Batch) { b.Scope = stray() }),
		direct("critical extension of a batch", branch.FaultBatchExtension, ada, onMerged, func(_ *forger, _ *history, b *object.Batch) {
			b.Extensions = []object.Extension{{ID: 3, Critical: true}}
		}),
		direct("author who may not write", branch.FaultBatchAuthor, func(f *forger) branch.Signer { return f.mallory }, onMerged, nil),
		direct("mark on another branch", branch.FaultBatchElsewhere, ada, func(_ *forger, h *history) branch.Block { return h.third }, nil),
		direct("mark of another height", branch.FaultBatchMark, ada, onMerged, func(_ *forger, _ *history, b *object.Batch) { b.Mark.Height-- }),
		planned("chunk that holds less than the batch says", branch.FaultChunkCount, func(f *forger, h *history) plan {
			p := f.pending(h.merged, set("boast", 1))
			var signed branch.Batch
			f.write(func(w store.Writer) {
				must(f.t, p.CloseChunk(w, true))
				p.Closed[0].Count = 2
				var err error
				signed, err = branch.PutBatch(w, &object.Batch{
					Lineage: f.Directory.Lineage, TimeMillis: f.tick(), Mark: object.Mark{Block: h.merged.ID, Height: h.merged.Height}, Count: 2, Chunks: p.Closed,
				}, f.ada)
				must(f.t, err)
			})
			honest := *signed.Batch
			honest.Count, honest.Chunks = 1, []object.ChunkRef{{Hash: signed.Chunks[0].Hash, Count: 1}}
			return plan{parent: h.merged, spans: all(branch.Batch{ID: signed.ID, Batch: &honest}, 0)}
		}),
		{"author who pretends", transfer.CodeSignature, branch.FaultBatchSeal, func(f *forger, h *history) object.Hash {
			by := branch.Signer{Identity: f.ada.Identity, Private: f.mallory.Private}
			return f.make(plan{parent: h.merged, spans: all(f.batch(by, h.merged, nil, set("new", 1)), 0)}).ID
		}},
		{"batch that is not there", transfer.CodeDamaged, branch.FaultMissing, func(f *forger, h *history) object.Hash {
			f.withheld[h.oursBatch.ID] = true
			return h.ours.ID
		}},
		{"seal of a block for a batch", transfer.CodeSignature, branch.FaultBatchSeal, func(f *forger, h *history) object.Hash {
			sig := f.ada.Private.Sign(key.DomainBlock, f.Directory.Lineage, h.oursBatch.ID)
			f.seals[h.oursBatch.ID] = sig[:]
			return h.ours.ID
		}},
	}
}

func orderForgeries() []forgery {
	elsewhere := picked("order for another lineage", branch.FaultOrderLineage, ada, func(_ *forger, _ *history, o *object.Order) { o.Lineage = stray() })
	elsewhere.code = transfer.CodeForeign
	return []forgery{
		elsewhere,
		picked("order by who may not write", branch.FaultOrderSigner, func(f *forger) branch.Signer { return f.bob }, nil),
		picked("order for another branch", branch.FaultOrderBranch, ada, func(_ *forger, _ *history, o *object.Order) { o.Branch = stray() }),
		picked("order that expired", branch.FaultOrderExpired, ada, func(_ *forger, h *history, o *object.Order) { o.Expiry = h.merged.Height }),
		picked("order marked on another branch", branch.FaultOrderMark, ada, func(_ *forger, h *history, o *object.Order) {
			o.Mark = object.Mark{Block: h.third.ID, Height: h.third.Height}
		}),
		picked("critical extension of an order", branch.FaultOrderExtension, ada, func(_ *forger, _ *history, o *object.Order) {
			o.Extensions = []object.Extension{{ID: 5, Critical: true}}
		}),
		picked("order of another mode", branch.FaultOrderMode, ada, func(_ *forger, _ *history, o *object.Order) { o.Mode = object.ModeOurs }),
		picked("order about another batch", branch.FaultOrderItems, ada, func(_ *forger, h *history, o *object.Order) {
			o.Items = []object.Selection{{Batch: h.oursBatch.ID, Count: 1}}
		}),
		{"signer who pretends", transfer.CodeSignature, branch.FaultOrderSeal, func(f *forger, h *history) object.Hash {
			by := branch.Signer{Identity: f.ada.Identity, Private: f.mallory.Private}
			return f.make(plan{parent: h.merged, orders: []object.Hash{f.pick(h, by, nil)}, spans: []branch.Span{{Batch: h.pickBatch, Order: 1, Count: 1}}}).ID
		}},
		planned("two sources", branch.FaultOrderSource, func(f *forger, h *history) plan {
			p := f.mergePlan(h.ours, h.dropped)
			p.orders = append(p.orders, f.order(h.ours, object.OrderMerge, f.ada, from(h.third)))
			return p
		}),
	}
}

// selectionForgeries take what the block may not take, or not so.
func selectionForgeries() []forgery {
	replay := func(kind object.OrderKind, batch func(h *history) branch.Batch) func(f *forger, h *history) plan {
		return func(f *forger, h *history) plan {
			sel := items(object.Selection{Batch: batch(h).ID, First: 0, Count: 1})
			return plan{parent: h.merged, orders: []object.Hash{f.order(h.merged, kind, f.ada, sel)}, spans: []branch.Span{{Batch: batch(h), Order: 1, Count: 1}}}
		}
	}
	dropped := func(make func(f *forger, h *history) plan) func(f *forger, h *history) plan {
		return func(f *forger, h *history) plan {
			p := make(f, h)
			p.spans[0].Decided, p.spans[0].Verdict = true, object.VerdictDropped
			return p
		}
	}
	never := func(h *history) branch.Batch { return h.pickBatch }
	applied := func(h *history) branch.Batch { return h.oursBatch }
	return []forgery{
		planned("replay of what was never here", branch.FaultNotExcluded, replay(object.OrderReplay, never)),
		planned("replay of what applied", branch.FaultNotExcluded, replay(object.OrderReplay, applied)),
		planned("drop of what applied", branch.FaultNotExcluded, dropped(replay(object.OrderDrop, applied))),
		planned("inherited by a pick", branch.FaultInherited, func(f *forger, h *history) plan {
			p := plan{parent: h.merged, orders: []object.Hash{f.pick(h, f.ada, nil)}, spans: []branch.Span{{Batch: h.pickBatch, Order: 1, Count: 1}}}
			p.spans[0].Decided, p.spans[0].Verdict, p.spans[0].Block = true, object.VerdictExcluded, h.theirs.ID
			return p
		}),
		{"pick of a revoked author", transfer.CodeInvalid, branch.FaultRevoked, func(f *forger, h *history) object.Hash {
			home := f.Directory
			defer func() { f.Directory = home }()
			f.changeBy(addBob(f))
			f.changeBy(revokeBob())
			batch := f.batch(f.bob, h.merged, nil, set("late", 1))
			order := f.order(h.merged, object.OrderPick, f.ada, items(object.Selection{Batch: batch.ID, Count: 1}))
			return f.make(plan{parent: h.merged, orders: []object.Hash{order}, spans: all(batch, 1)}).ID
		}},
	}
}
