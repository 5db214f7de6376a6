package hostile

import (
	"slices"

	"aergo/branch"
	"aergo/consensus/directory"
	"aergo/contract/table"
	"aergo/net/transfer"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/store"
)

// changeBy makes a block of the Directory by what a person would ask for.
func (f *forger) changeBy(changes ...directory.Change) {
	f.t.Helper()
	transactions, err := f.Directory.Specs(changes...)
	must(f.t, err)
	var all []table.Spec
	for _, specs := range transactions {
		all = append(all, specs...)
	}
	f.change(all...)
}

func addBob(f *forger) directory.Change {
	return directory.Change{Add: &directory.Identity{Name: "bob", Kind: directory.Client, Key: f.bob.Identity.Key}}
}

func revokeBob() directory.Change { return directory.Change{Revoke: "bob"} }

// bent is bytes of a record of the same kind that keep the rules of no record.
func bent(data []byte) []byte { return append(slices.Clone(data), 0) }

// forgedObjects are about objects whose hashes are right, and whose bytes are not what they
// are taken for.
func forgedObjects() []tampered {
	header := func(name string, code transfer.Code, fault branch.Fault, change func(f *forger, h *history, b *object.Header)) forgery {
		return forgery{name, code, fault, func(f *forger, h *history) object.Hash {
			return f.header(h.ours, func(b *object.Header) { change(f, h, b) })
		}}
	}
	body := func(name string, code transfer.Code, fault branch.Fault, change func(f *forger, h *history, d *draft)) forgery {
		return forgery{name, code, fault, func(f *forger, h *history) object.Hash {
			return f.body(h.merged, func(d *draft) { change(f, h, d) })
		}}
	}
	bend := func(f *forger, kind object.Kind, h object.Hash) object.Hash {
		data, err := f.mem.Get(f.t.Context(), h)
		must(f.t, err)
		return f.record(kind, bent(data))
	}
	const malformed = transfer.CodeMalformed
	all := plain([]forgery{
		{"header", malformed, branch.FaultHeader, func(f *forger, h *history) object.Hash { return bend(f, object.KindHeader, h.ours.ID) }},
		{"body for a block", malformed, branch.FaultHeader, func(_ *forger, h *history) object.Hash { return h.ours.Entries }},
		header("body", malformed, branch.FaultBody, func(f *forger, h *history, b *object.Header) { b.Entries = bend(f, object.KindBody, h.ours.Entries) }),
		header("tree", malformed, branch.FaultTreeRecord, func(f *forger, h *history, b *object.Header) { b.Tree = bend(f, object.KindTree, h.ours.Tree) }),
		header("body for a tree", malformed, branch.FaultTreeRecord, func(_ *forger, h *history, b *object.Header) { b.Tree = h.ours.Entries }),
		header("node of the state", transfer.CodeInvalid, branch.FaultStateRoot, func(f *forger, h *history, b *object.Header) {
			b.State = bend(f, object.KindStateNode, h.ours.Header.State)
		}),
		header("node of the account", transfer.CodeInvalid, branch.FaultAccountRoot, func(f *forger, h *history, b *object.Header) {
			b.Account = bend(f, object.KindStateNode, h.ours.Header.Account)
		}),
		header("body for a state", transfer.CodeInvalid, branch.FaultStateRoot, func(_ *forger, h *history, b *object.Header) { b.State = h.ours.Entries }),
		header("pieces that are none", malformed, branch.FaultPieces, func(f *forger, _ *history, b *object.Header) {
			b.Receipts = f.record(object.KindBlob, []byte{0x83, 1, byte(object.KindBlob), 0xff})
		}),
		header("bytes of no kind", malformed, branch.FaultPieces, func(f *forger, _ *history, b *object.Header) {
			b.Receipts = f.record(object.KindReceipts, []byte{0xff, 0xff})
		}),
		header("block for receipts", transfer.CodeInvalid, branch.FaultReceipts, func(_ *forger, h *history, b *object.Header) { b.Receipts = h.ours.Tree }),
		body("order", malformed, branch.FaultOrder, func(f *forger, _ *history, d *draft) { d.body.Orders[0] = bend(f, object.KindOrder, d.body.Orders[0]) }),
		body("batch", malformed, branch.FaultBatch, func(f *forger, h *history, d *draft) {
			entryOf(d, h.thirdBatch).Batch = bend(f, object.KindBatch, h.thirdBatch.ID)
		}),
		body("chunk for a batch", malformed, branch.FaultBatch, func(_ *forger, h *history, d *draft) {
			entryOf(d, h.thirdBatch).Batch = h.thirdBatch.Chunks[0].Hash
		}),
		{"chunk", malformed, branch.FaultChunkRecord, func(f *forger, h *history) object.Hash {
			return f.chunked(h, bend(f, object.KindChunk, h.oursBatch.Chunks[0].Hash))
		}},
		{"body for a chunk", transfer.CodeInvalid, branch.FaultKind, func(f *forger, h *history) object.Hash { return f.chunked(h, h.ours.Entries) }},
	})
	for name, what := range map[string]func(h *history) object.Hash{
		"header":           func(h *history) object.Hash { return h.ours.ID },
		"body":             func(h *history) object.Hash { return h.ours.Entries },
		"tree":             func(h *history) object.Hash { return h.ours.Tree },
		"receipts":         func(h *history) object.Hash { return h.ours.Receipts },
		"chunk of a batch": func(h *history) object.Hash { return h.oursBatch.Chunks[0].Hash },
	} {
		all = append(all, tampered{forgery: forgery{name + " that is withheld", transfer.CodeDamaged, branch.FaultMissing, func(f *forger, h *history) object.Hash {
			f.withheld[what(h)] = true
			return h.ours.ID
		}}})
	}
	return append(all, tagForgeries()...)
}

// chunked is a block whose batch names another chunk, of two transactions.
func (f *forger) chunked(h *history, chunk object.Hash) object.Hash {
	f.t.Helper()
	record := *h.oursBatch.Batch
	record.Chunks = []object.ChunkRef{{Hash: chunk, Count: h.oursBatch.Count}}
	var batch branch.Batch
	f.write(func(w store.Writer) {
		var err error
		batch, err = branch.PutBatch(w, &record, f.ada)
		must(f.t, err)
	})
	return f.body(h.ours, func(d *draft) { d.body.Entries[0].Batch = batch.ID })
}

// tagForgeries are tags at an honest block.
func tagForgeries() []tampered {
	tag := func(name string, code transfer.Code, fault branch.Fault, by func(f *forger) branch.Signer, change func(f *forger, h *history, t *object.Tag), bend func([]byte) []byte) tampered {
		return tampered{forgery{name, code, fault, func(_ *forger, h *history) object.Hash { return h.merged.ID }}, func(f *forger, h *history) []ref.Tag {
			record := object.Tag{Lineage: f.Directory.Lineage, Name: "v1", Block: h.merged.ID, Tagger: f.ada.Identity, TimeMillis: f.tick()}
			if change != nil {
				change(f, h, &record)
			}
			data := record.Encode()
			if bend != nil {
				data = bend(data)
			}
			id := object.Sum(data)
			sig := by(f).Private.Sign(key.DomainTag, f.Directory.Lineage, id)
			f.write(func(w store.Writer) { must(f.t, w.PutSealed(object.KindTag, id, data, sig[:])) })
			return []ref.Tag{{Name: "v1", Object: id, Block: h.merged.ID}}
		}}
	}
	mallory := func(f *forger) branch.Signer { return f.mallory }
	return []tampered{
		tag("tag of who pretends", transfer.CodeSignature, branch.FaultTagSeal, mallory, nil, nil),
		tag("tag of another name", transfer.CodeInvalid, branch.FaultTag, ada, func(_ *forger, _ *history, t *object.Tag) { t.Name = "v2" }, nil),
		tag("tag of another block", transfer.CodeInvalid, branch.FaultTag, ada, func(_ *forger, h *history, t *object.Tag) { t.Block = h.ours.ID }, nil),
		tag("tag of another lineage", transfer.CodeForeign, branch.FaultTag, ada, func(_ *forger, _ *history, t *object.Tag) { t.Lineage = stray() }, nil),
		tag("tag that is none", transfer.CodeMalformed, branch.FaultTagRecord, ada, nil, bent),
	}
}
