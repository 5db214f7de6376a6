package hostile

import (
	"aergo/branch"
	"aergo/net/transfer"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/store"
)

// stray is a hash of nothing.
func stray() object.Hash { return object.Sum([]byte("stray")) }

// ours is a forgery of the header of a block of work, merged of one that merges.
func ours(name string, fault branch.Fault, change func(f *forger, h *history, b *object.Header)) forgery {
	return forgery{name, transfer.CodeInvalid, fault, func(f *forger, h *history) object.Hash {
		return f.header(h.ours, func(b *object.Header) { change(f, h, b) })
	}}
}

func merged(name string, fault branch.Fault, change func(f *forger, h *history, b *object.Header)) forgery {
	return forgery{name, transfer.CodeInvalid, fault, func(f *forger, h *history) object.Hash {
		return f.header(h.merged, func(b *object.Header) { change(f, h, b) })
	}}
}

func forgedHeaders() []forgery {
	foreign := ours("lineage", branch.FaultLineage, func(_ *forger, _ *history, b *object.Header) { b.Lineage = stray() })
	foreign.code = transfer.CodeForeign
	all := append(chainForgeries(), rootForgeries()...)
	all = append(all, foreign,
		ours("slot", branch.FaultReserved, func(_ *forger, _ *history, b *object.Header) { b.Slot = 1 }),
		ours("consensus", branch.FaultReserved, func(_ *forger, _ *history, b *object.Header) { b.Consensus = []byte{1} }),
		ours("resolver of a block that merges nothing", branch.FaultResolver, func(_ *forger, _ *history, b *object.Header) { b.Resolver = stray() }),
		merged("merge logic of a branch that has none", branch.FaultOrderMode, func(_ *forger, _ *history, b *object.Header) {
			b.MergeMode, b.Resolver = object.ModeResolve, stray()
		}),
		ours("critical extension", branch.FaultExtension, func(_ *forger, _ *history, b *object.Header) {
			b.Extensions = []object.Extension{{ID: 77, Critical: true}}
		}),
		ours("founding that is not critical", branch.FaultExtensionForm, func(_ *forger, _ *history, b *object.Header) {
			b.Extensions = []object.Extension{{ID: object.ExtensionFounding}}
		}),
		ours("grounds without merge logic", branch.FaultExtensionForm, func(_ *forger, _ *history, b *object.Header) {
			b.Extensions = []object.Extension{{ID: object.ExtensionGrounds, Critical: true}}
		}),
		ours("founding that says nothing", branch.FaultFounding, func(_ *forger, _ *history, b *object.Header) {
			b.Extensions = []object.Extension{{ID: object.ExtensionFounding, Critical: true, Data: []byte{1}}}
		}),
		forgery{"founding of another branch", transfer.CodeInvalid, branch.FaultFounding, func(f *forger, h *history) object.Hash {
			d := f.take(f.founded("other"))
			d.header.Branch = f.branch
			return f.seal(d, f.ada).ID
		}},
		forgery{"founding by logic that cannot be read", transfer.CodeInvalid, branch.FaultStateRoot, func(f *forger, h *history) object.Hash {
			return f.header(f.founded("other"), func(b *object.Header) { b.State = f.head.Header.State })
		}},
		forgery{"grounds that are elsewhere", transfer.CodeInvalid, branch.FaultGrounds, func(f *forger, h *history) object.Hash {
			return f.ruled(func(b *object.Header, _ branch.Block) {
				b.Extensions = []object.Extension{{ID: object.ExtensionGrounds, Critical: true, Data: object.AppendHash(object.AppendArray(nil, 1), h.third.ID)}}
			})
		}},
		forgery{"grounds that are none", transfer.CodeInvalid, branch.FaultGrounds, func(f *forger, h *history) object.Hash {
			return f.ruled(func(b *object.Header, _ branch.Block) {
				b.Extensions = []object.Extension{{ID: object.ExtensionGrounds, Critical: true, Data: []byte{0}}}
			})
		}},
		forgery{"other merge logic", transfer.CodeInvalid, branch.FaultResolver, func(f *forger, h *history) object.Hash {
			return f.ruled(func(b *object.Header, _ branch.Block) { b.Resolver = stray() })
		}},
	)
	return append(all, sealForgeries()...)
}

// chainForgeries are about how blocks hang together.
func chainForgeries() []forgery {
	return []forgery{
		ours("height", branch.FaultHeight, func(_ *forger, _ *history, b *object.Header) { b.Height++ }),
		ours("time", branch.FaultTime, func(f *forger, _ *history, b *object.Header) { b.TimeMillis = f.head.TimeMillis }),
		merged("time of what it absorbs", branch.FaultAbsorbedTime, func(_ *forger, h *history, b *object.Header) { b.TimeMillis = h.dropped.TimeMillis }),
		ours("absorbs a Directory", branch.FaultAbsorbedDirectory, func(f *forger, _ *history, b *object.Header) { b.Absorbed = f.Directory.ID }),
		ours("absorbs without an order", branch.FaultOrderAbsorbed, func(f *forger, _ *history, b *object.Header) { b.Absorbed = f.head.Parent }),
		merged("absorbs something else", branch.FaultOrderAbsorbed, func(_ *forger, h *history, b *object.Header) { b.Absorbed = h.theirs.ID }),
		ours("mode without an order", branch.FaultOrderMissing, func(_ *forger, _ *history, b *object.Header) { b.MergeMode = object.ModeOurs }),
		merged("mode of no order", branch.FaultOrderMode, func(_ *forger, _ *history, b *object.Header) { b.MergeMode = object.ModeTheirs }),
		ours("producer", branch.FaultProducer, func(f *forger, _ *history, b *object.Header) {
			b.Producer = f.mallory.Identity
		}).sealedBy(func(f *forger) branch.Signer { return f.mallory }),
		ours("delegates", branch.FaultDelegates, func(_ *forger, _ *history, b *object.Header) { b.Delegates = stray() }),
		ours("next delegates", branch.FaultDelegates, func(_ *forger, _ *history, b *object.Header) { b.NextDelegates = stray() }),
		ours("cites a block of a branch", branch.FaultCitation, func(f *forger, _ *history, b *object.Header) { b.Directory = f.head.ID }),
		{"cites an earlier Directory", transfer.CodeInvalid, branch.FaultCitationBack, func(f *forger, h *history) object.Hash {
			back := f.Directory
			f.change(grant("bob", "read"))
			block, _ := f.commit(f.branch, h.ours, f.ada, set("later", 1))
			f.Directory = back
			block, _ = f.commit(f.branch, block, f.ada, set("later", 2))
			return block.ID
		}},
		ours("block of no branch", branch.FaultDirectoryForm, func(_ *forger, _ *history, b *object.Header) { b.Branch = object.Hash{} }),
		ours("parent of a Directory", branch.FaultCitation, func(f *forger, _ *history, b *object.Header) {
			b.Parent, b.Height = f.Directory.ID, f.Directory.Height+1
		}),
	}
}

// rootForgeries are about what a block leads to.
func rootForgeries() []forgery {
	return []forgery{
		ours("state", branch.FaultStateRoot, func(f *forger, _ *history, b *object.Header) { b.State = f.head.Header.State }),
		ours("account", branch.FaultAccountRoot, func(f *forger, _ *history, b *object.Header) { b.Account = f.head.Header.Account }),
		ours("account for state", branch.FaultStateRoot, func(_ *forger, _ *history, b *object.Header) { b.State = b.Account }),
		ours("receipts", branch.FaultReceipts, func(_ *forger, h *history, b *object.Header) { b.Receipts = h.merged.Receipts }),
		ours("tree of another block", branch.FaultTreeLength, func(_ *forger, h *history, b *object.Header) { b.Tree = h.merged.Tree }),
		ours("body of another block", branch.FaultOrderMark, func(_ *forger, h *history, b *object.Header) { b.Entries = h.merged.Entries }),
		{"decides less than it absorbs", transfer.CodeInvalid, branch.FaultUndecided, func(f *forger, h *history) object.Hash {
			p := f.mergePlan(h.ours, h.dropped)
			p.spans = p.spans[1:]
			return f.make(p).ID
		}},
	}
}

// sealForgeries are about signatures: the source says that something else is one.
func sealForgeries() []forgery {
	seal := func(name string, lie func(f *forger, h *history) []byte) forgery {
		return forgery{name, transfer.CodeSignature, branch.FaultSeal, func(f *forger, h *history) object.Hash {
			f.seals[h.ours.ID] = lie(f, h)
			return h.ours.ID
		}}
	}
	sign := func(by branch.Signer, d key.Domain, lineage, id object.Hash) []byte {
		sig := by.Private.Sign(d, lineage, id)
		return sig[:]
	}
	return []forgery{
		seal("seal of another block", func(f *forger, h *history) []byte {
			return sign(f.ada, key.DomainBlock, f.Directory.Lineage, h.merged.ID)
		}),
		seal("seal of another key", func(f *forger, h *history) []byte {
			return sign(f.mallory, key.DomainBlock, f.Directory.Lineage, h.ours.ID)
		}),
		seal("seal of a batch", func(f *forger, h *history) []byte {
			return sign(f.ada, key.DomainBatch, f.Directory.Lineage, h.ours.ID)
		}),
		seal("seal for another lineage", func(f *forger, h *history) []byte { return sign(f.ada, key.DomainBlock, stray(), h.ours.ID) }),
		seal("seal that is cut", func(f *forger, h *history) []byte {
			return sign(f.ada, key.DomainBlock, f.Directory.Lineage, h.ours.ID)[:63]
		}),
		seal("no seal", func(*forger, *history) []byte { return nil }),
	}
}

// sealedBy has somebody else seal a header.
func (x forgery) sealedBy(who func(f *forger) branch.Signer) forgery {
	inner := x.make
	x.make = func(f *forger, h *history) object.Hash {
		id := inner(f, h)
		sig := who(f).Private.Sign(key.DomainBlock, f.Directory.Lineage, id)
		f.seals[id] = sig[:]
		return id
	}
	return x
}

// founded is a founding block of a branch with merge logic.
func (f *forger) founded(name string) (block branch.Block) {
	f.t.Helper()
	f.write(func(w store.Writer) {
		var err error
		source := []byte("on *: theirs;\n")
		block, err = f.Found(f.t.Context(), w, f.head, name, 1, branch.MergeLogic{Name: "rules", Source: source}, f.tick(), f.ada)
		must(f.t, err)
	})
	return block
}

// ruled is a forged merge by merge logic, on a branch that has some.
func (f *forger) ruled(change func(b *object.Header, target branch.Block)) object.Hash {
	f.t.Helper()
	target := f.founded("ruled")
	logic, err := f.Chain.MergeLogic(f.t.Context(), target, target.Branch)
	must(f.t, err)
	of, _ := f.commit(object.Hash{4}, f.head, f.ada, set("ruled", 1))
	p := f.mergePlan(target, of)
	p.branch = target.Branch
	p.orders = []object.Hash{f.order(target, object.OrderMerge, f.ada, func(o *object.Order) {
		o.Source, o.Branch, o.Mode = of.ID, target.Branch, object.ModeResolve
	})}
	d := f.take(f.make(p))
	d.header.MergeMode, d.header.Resolver = object.ModeResolve, logic.Hash()
	change(&d.header, target)
	return f.seal(d, f.ada).ID
}
