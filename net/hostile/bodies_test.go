package hostile

import (
	"slices"

	"aergo/branch"
	"aergo/dtt"
	"aergo/net/transfer"
	"aergo/repo/object"
)

// did is a forgery of what a block of work did, mergedIt of what one that merges did.
func did(name string, fault branch.Fault, change func(h *history, d *draft)) forgery {
	return forgery{name, transfer.CodeInvalid, fault, func(f *forger, h *history) object.Hash {
		return f.body(h.ours, func(d *draft) { change(h, d) })
	}}
}

func mergedIt(name string, fault branch.Fault, change func(h *history, d *draft)) forgery {
	return forgery{name, transfer.CodeInvalid, fault, func(f *forger, h *history) object.Hash {
		return f.body(h.merged, func(d *draft) { change(h, d) })
	}}
}

// entryOf returns what a draft takes of a batch.
func entryOf(d *draft, batch branch.Batch) *object.Entry {
	i := slices.IndexFunc(d.body.Entries, func(e object.Entry) bool { return e.Batch == batch.ID })
	return &d.body.Entries[i]
}

func forgedBodies() []forgery {
	all := append(verdictForgeries(), entryForgeries()...)
	return append(all,
		forgery{"tree that hides a conflict", transfer.CodeInvalid, branch.FaultTreeConflict, func(f *forger, h *history) object.Hash {
			block, _ := f.commit(f.branch, h.merged, f.ada, set("a", 20), set("a", 21))
			return f.body(block, func(d *draft) { d.tree = dtt.Even(2, 2) })
		}},
		mergedIt("tree that is too short", branch.FaultTreeLength, func(_ *history, d *draft) { d.tree = dtt.Serial(d.tree.Len() - 1) }),
		mergedIt("tree that is too long", branch.FaultTreeLength, func(_ *history, d *draft) { d.tree = dtt.Serial(d.tree.Len() + 1) }),
		did("cost in a receipt", branch.FaultReceipts, func(_ *history, d *draft) { d.receipts.Runs[0].Receipt.Cost++ }),
		did("verdict in a receipt", branch.FaultReceipts, func(_ *history, d *draft) { d.receipts.Runs[0].Receipt.Verdict++ }),
		did("number of receipts", branch.FaultReceipts, func(_ *history, d *draft) { d.receipts.Runs[0].Count++ }),
	)
}

// verdictForgeries say that something else became of transactions.
func verdictForgeries() []forgery {
	conflict := func(h *history, d *draft) *object.Exclusion { return &entryOf(d, h.theirsBatch).Excluded[0] }
	inherited := func(h *history, d *draft) *object.Exclusion { return &entryOf(d, h.thirdBatch).Excluded[0] }
	return []forgery{
		did("applied is no-op", branch.FaultVerdict, func(_ *history, d *draft) { d.body.Entries[0].Runs[0].Verdict = object.VerdictNoop }),
		did("applied is resolved", branch.FaultVerdict, func(_ *history, d *draft) { d.body.Entries[0].Runs[0].Verdict = object.VerdictResolved }),
		did("applied is excluded", branch.FaultVerdict, func(_ *history, d *draft) {
			e := &d.body.Entries[0]
			e.Runs = []object.Run{{First: 0, Count: 1, Verdict: object.VerdictExcluded}, {First: 1, Count: 1}}
			e.Excluded = []object.Exclusion{{Index: 0, Reason: object.ReasonFieldChanged}}
		}),
		mergedIt("excluded is applied", branch.FaultVerdict, func(h *history, d *draft) {
			e := entryOf(d, h.theirsBatch)
			e.Runs, e.Excluded = []object.Run{{First: 0, Count: 4}}, nil
		}),
		did("applied is dropped", branch.FaultVerdictOrder, func(_ *history, d *draft) { d.body.Entries[0].Runs[0].Verdict = object.VerdictDropped }),
		mergedIt("applied there, dropped here", branch.FaultVerdictSource, func(h *history, d *draft) { entryOf(d, h.thirdBatch).Runs[0].Verdict = object.VerdictDropped }),
		mergedIt("dropped there, applied here", branch.FaultVerdictSource, func(h *history, d *draft) {
			e := entryOf(d, h.thirdBatch)
			e.Runs[len(e.Runs)-1].Verdict = object.VerdictApplied
		}),
		mergedIt("reason", branch.FaultExclusion, func(h *history, d *draft) { conflict(h, d).Reason = object.ReasonRowGone }),
		mergedIt("operation in the way", branch.FaultExclusion, func(h *history, d *draft) { conflict(h, d).Op++ }),
		mergedIt("row in the way", branch.FaultExclusion, func(h *history, d *draft) { conflict(h, d).Key = []byte("x") }),
		mergedIt("field in the way", branch.FaultExclusion, func(h *history, d *draft) { conflict(h, d).Field = "m" }),
		mergedIt("hash in the way", branch.FaultExclusion, func(h *history, d *draft) { conflict(h, d).Found = make([]byte, object.FoundSize) }),
		mergedIt("made here that was inherited", branch.FaultInheritedReason, func(h *history, d *draft) {
			x := inherited(h, d)
			x.Reason, x.Block = object.ReasonFieldChanged, object.Hash{}
		}),
		mergedIt("inherited from who did not exclude it", branch.FaultInheritedBlock, func(h *history, d *draft) { inherited(h, d).Block = h.third.ID }),
	}
}

// entryForgeries are about which transactions are taken.
func entryForgeries() []forgery {
	return []forgery{
		did("transaction that is not there", branch.FaultNoTransaction, func(_ *history, d *draft) { d.body.Entries[0].Runs[0].Count++ }),
		did("transactions beyond all numbers", branch.FaultNoTransaction, func(_ *history, d *draft) { d.body.Entries[0].Runs[0].Count = object.MaxBatchItems }),
		did("transaction twice in an entry", branch.FaultTwice, func(_ *history, d *draft) {
			d.body.Entries[0].Runs = []object.Run{{First: 1, Count: 1}, {First: 0, Count: 2}}
		}),
		mergedIt("entry twice", branch.FaultTwice, func(_ *history, d *draft) { d.body.Entries = append(d.body.Entries, d.body.Entries[0]) }),
		did("one entry as two", branch.FaultEntrySplit, func(_ *history, d *draft) {
			e := d.body.Entries[0]
			d.body.Entries = []object.Entry{{Batch: e.Batch, Runs: []object.Run{{First: 0, Count: 1}}}, {Batch: e.Batch, Runs: []object.Run{{First: 1, Count: 1}}}}
		}),
		did("one run as two", branch.FaultReceipts, func(_ *history, d *draft) {
			d.body.Entries[0].Runs = []object.Run{{First: 1, Count: 1}, {First: 0, Count: 1}}
			d.receipts.Add(1, object.Receipt{Cost: 1})
		}),
		mergedIt("entry left out", branch.FaultTreeLength, func(_ *history, d *draft) { d.body.Entries = d.body.Entries[1:] }),
		mergedIt("order twice", branch.FaultOrderTwice, func(_ *history, d *draft) { d.body.Orders = append(d.body.Orders, d.body.Orders[0]) }),
		mergedIt("order left out", branch.FaultBatchAuthor, func(_ *history, d *draft) {
			d.body.Orders, d.header.Absorbed = nil, object.Hash{}
			for i := range d.body.Entries {
				d.body.Entries[i].Order, d.body.Entries[i].Excluded = 0, nil
				d.body.Entries[i].Runs = []object.Run{{First: 0, Count: 1}}
			}
		}),
	}
}
