package hostile

import (
	"testing"

	"aergo/branch"
	"aergo/net/transfer"
	"aergo/repo/object"
)

// Blocks of a clone that belongs to somebody else are not our own: a merge takes their
// transactions and runs them anew. What it relies on has to hold all the same. Here mallory
// forges what she makes in her clone, with her own key.
func TestForgedForeignBlocks(t *testing.T) {
	v := newVictims(t)
	v.clone("up", "mallorys", "mallory")
	v.f = newForger(v.world, "mallorys")
	v.f.ada = v.f.mallory
	v.h = v.f.history()
	v.run(t, plain(forgedForeign()))
	// What a foreign block takes is looked at when it is merged, and not before.
	twice := v.f.body(v.h.ours, func(d *draft) { d.body.Entries[0].Runs = []object.Run{{First: 1, Count: 1}, {First: 0, Count: 2}} })
	before := standingOf(t, v.up)
	if err := v.push(twice, nil); branch.FaultOf(err) != branch.FaultTwice || standingOf(t, v.up) != before {
		t.Errorf("a transaction twice: %v", err)
	}
	v.sound(t)
}

func forgedForeign() []forgery {
	foreign := func(x forgery, code transfer.Code) forgery {
		x.code = code
		return x
	}
	return []forgery{
		ours("critical extension", branch.FaultExtension, func(_ *forger, _ *history, b *object.Header) {
			b.Extensions = []object.Extension{{ID: 77, Critical: true}}
		}),
		foreign(ours("lineage", branch.FaultLineage, func(_ *forger, _ *history, b *object.Header) { b.Lineage = stray() }), transfer.CodeForeign),
		ours("access lists", branch.FaultReserved, func(_ *forger, h *history, b *object.Header) { b.Access = h.ours.Entries }),
		ours("height", branch.FaultHeight, func(_ *forger, _ *history, b *object.Header) { b.Height++ }),
		ours("time", branch.FaultTime, func(f *forger, _ *history, b *object.Header) { b.TimeMillis = f.head.TimeMillis }),
		merged("time of what it absorbs", branch.FaultAbsorbedTime, func(_ *forger, h *history, b *object.Header) { b.TimeMillis = h.dropped.TimeMillis }),
		ours("producer", branch.FaultProducer, func(f *forger, _ *history, b *object.Header) {
			b.Producer = f.w.signer("carol").Identity
		}).sealedBy(func(f *forger) branch.Signer { return f.w.signer("carol") }),
		ours("cites a block of a branch", branch.FaultCitation, func(f *forger, _ *history, b *object.Header) { b.Directory = f.head.ID }),
		foreign(ours("seal", branch.FaultSeal, func(*forger, *history, *object.Header) {}).sealedBy(func(f *forger) branch.Signer { return f.bob }), transfer.CodeSignature),
		did("transaction that is not there", branch.FaultNoTransaction, func(_ *history, d *draft) { d.body.Entries[0].Runs[0].Count++ }),
		foreign(direct("batch of another lineage", branch.FaultBatchLineage, ada, onMerged, func(_ *forger, _ *history, b *object.Batch) { b.Lineage = stray() }), transfer.CodeForeign),
		direct("critical extension of a batch", branch.FaultBatchExtension, ada, onMerged, func(_ *forger, _ *history, b *object.Batch) {
			b.Extensions = []object.Extension{{ID: 3, Critical: true}}
		}),
		direct("mark of another height", branch.FaultBatchMark, ada, onMerged, func(_ *forger, _ *history, b *object.Batch) { b.Mark.Height-- }),
		{"author who pretends", transfer.CodeSignature, branch.FaultBatchSeal, func(f *forger, h *history) object.Hash {
			by := branch.Signer{Identity: f.w.signer("ada").Identity, Private: f.mallory.Private}
			return f.make(plan{parent: h.merged, spans: all(f.batch(by, h.merged, nil, set("new", 1)), 0)}).ID
		}},
		{"body that is withheld", transfer.CodeDamaged, branch.FaultMissing, func(f *forger, h *history) object.Hash {
			f.withheld[h.ours.Entries] = true
			return h.ours.ID
		}},
	}
}
