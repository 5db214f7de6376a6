package hostile

import (
	"aergo/branch"
	"aergo/consensus/directory"
	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/net/transfer"
	"aergo/repo/object"
	rowkey "aergo/repo/state/key"
	"aergo/repo/store"
)

// grant is a row of a Directory that grants something on every branch.
func grant(subject, may string) table.Spec { return row("grants", []string{subject, "*"}, "may", may) }

func row(name string, keys []string, fields ...string) table.Spec {
	s := table.Spec{Code: table.Put, Table: name}
	for _, k := range keys {
		s.Key = append(s.Key, rowkey.Text(k))
	}
	for i := 0; i < len(fields); i += 2 {
		s.Fields = append(s.Fields, value.Field{Name: fields[i], Enc: value.AppendText(nil, fields[i+1])})
	}
	return s
}

// directoryBlock is a block of the Directory, whether it may be or not.
func (f *forger) directoryBlock(by branch.Signer, scope object.Hash, specs ...table.Spec) branch.Block {
	f.t.Helper()
	head, err := f.Block(f.t.Context(), f.Directory.ID)
	must(f.t, err)
	batch := f.batch(by, head, func(b *object.Batch) { b.Scope = scope }, specs)
	block := f.make(plan{parent: head, branch: object.Hash{}, spans: []branch.Span{{Batch: batch, Count: batch.Count}}})
	d := f.take(block)
	d.header.Branch, d.header.NextDelegates = object.Hash{}, directory.Delegates(f.Directory.Owner)
	d.header.Directory = head.ID
	return f.seal(d, f.ada)
}

// change makes a block of the Directory that may be, which is cited from then on.
func (f *forger) change(specs ...table.Spec) branch.Block {
	f.t.Helper()
	block := f.directoryBlock(f.ada, f.Directory.Genesis, specs...)
	var err error
	f.Directory, err = f.Directories.At(f.t.Context(), f.mem, block.ID)
	must(f.t, err)
	return block
}

// citing is a sound block of a branch that cites another Directory.
func (f *forger) citing(id object.Hash) object.Hash {
	f.t.Helper()
	block, _ := f.commit(f.branch, f.head, f.ada, set("citing", 1))
	return f.header(block, func(b *object.Header) { b.Directory = id })
}

func forgedDirectories() []forgery {
	// on is a block that cites a Directory's block which is forged.
	on := func(name string, fault branch.Fault, make func(f *forger, h *history) object.Hash) forgery {
		return forgery{name, transfer.CodeInvalid, fault, func(f *forger, h *history) object.Hash {
			home := f.Directory
			defer func() { f.Directory = home }()
			id := make(f, h)
			f.Directory = home
			return f.citing(id)
		}}
	}
	header := func(name string, fault branch.Fault, change func(f *forger, b *object.Header)) forgery {
		return on(name, fault, func(f *forger, _ *history) object.Hash {
			return f.header(f.directoryBlock(f.ada, f.Directory.Genesis, grant("bob", "read")), func(b *object.Header) { change(f, b) })
		})
	}
	rows := func(name string, fault branch.Fault, specs ...table.Spec) forgery {
		return on(name, fault, func(f *forger, _ *history) object.Hash {
			return f.directoryBlock(f.ada, f.Directory.Genesis, specs...).ID
		})
	}
	foreign := header("Directory's lineage", branch.FaultLineage, func(_ *forger, b *object.Header) { b.Lineage = stray() })
	foreign.code = transfer.CodeForeign
	return []forgery{
		foreign,
		header("Directory's extension", branch.FaultDirectoryForm, func(_ *forger, b *object.Header) { b.Extensions = []object.Extension{{ID: 77}} }),
		header("Directory that merges", branch.FaultDirectoryForm, func(_ *forger, b *object.Header) { b.MergeMode = object.ModeTheirs }),
		header("Directory's producer", branch.FaultDirectoryProducer, func(f *forger, b *object.Header) {
			b.Producer = f.mallory.Identity
		}).sealedBelow(func(f *forger) branch.Signer { return f.mallory }),
		header("Directory's delegates", branch.FaultDelegates, func(_ *forger, b *object.Header) { b.Delegates = stray() }),
		header("Directory's next delegates", branch.FaultNextDelegates, func(_ *forger, b *object.Header) { b.NextDelegates = stray() }),
		header("Directory's height", branch.FaultHeight, func(_ *forger, b *object.Header) { b.Height += 2 }),
		header("Directory's time", branch.FaultTime, func(_ *forger, b *object.Header) { b.TimeMillis = 1 }),
		header("Directory's state", branch.FaultStateRoot, func(f *forger, b *object.Header) { b.State = f.directoryState() }),
		on("batch of a Directory for everywhere", branch.FaultDirectoryScope, func(f *forger, _ *history) object.Hash {
			return f.directoryBlock(f.ada, object.Hash{}, grant("bob", "read")).ID
		}),
		on("batch for a branch in a Directory", branch.FaultBatchScope, func(f *forger, _ *history) object.Hash {
			return f.directoryBlock(f.ada, f.branch, grant("bob", "read")).ID
		}),
		on("Directory changed by who may not", branch.FaultDirectoryAuthor, func(f *forger, _ *history) object.Hash {
			return f.directoryBlock(f.mallory, f.Directory.Genesis, grant("mallory", "admin")).ID
		}),
		rows("no table of a Directory", branch.FaultDirectoryRows, row("t", []string{"a"}, "n", "1")),
		rows("no permission", branch.FaultDirectoryRows, row("grants", []string{"bob", "*"}, "may", "fly")),
		on("key that has changed at another height", branch.FaultDirectoryRule, func(f *forger, _ *history) object.Hash {
			return f.forgedKey("changed", value.AppendUint(nil, 9)).ID
		}),
		on("key in a state that the identity does not have", branch.FaultDirectoryRows, func(f *forger, _ *history) object.Hash {
			return f.forgedKey("state", value.AppendText(nil, "rotated")).ID
		}),
		on("genesis of nobody", branch.FaultCitation, func(f *forger, _ *history) object.Hash {
			d := f.take(f.genesis(f.mallory))
			d.header.Delegates = stray()
			return f.sealHeader(&d.header, f.mallory).ID
		}),
	}
}

// sealedBelow has somebody else seal the Directory that a forged block cites.
func (x forgery) sealedBelow(who func(f *forger) branch.Signer) forgery {
	inner := x.make
	x.make = func(f *forger, h *history) object.Hash {
		id := inner(f, h)
		block, err := f.Block(f.t.Context(), id)
		must(f.t, err)
		sig := who(f).Private.Sign("aergo/block/v1", f.Directory.Lineage, block.Header.Directory)
		f.seals[block.Header.Directory] = sig[:]
		return id
	}
	return x
}

// directoryState is a state of another Directory that holds.
func (f *forger) directoryState() object.Hash {
	f.t.Helper()
	return f.directoryBlock(f.ada, f.Directory.Genesis, grant("carol", "read")).Header.State
}

// genesis is the first block of a fork of the Directory.
func (f *forger) genesis(of branch.Signer) (block branch.Block) {
	f.t.Helper()
	f.write(func(w store.Writer) {
		var err error
		block, err = branch.PutGenesis(w, of, [directory.NonceSize]byte{7}, f.tick(), f.Directory)
		must(f.t, err)
	})
	return block
}

// forgedKey is a block of the Directory that adds bob, and says something else of his key.
func (f *forger) forgedKey(field string, enc []byte) branch.Block {
	f.t.Helper()
	specs, err := f.Directory.Specs(directory.Change{Add: &directory.Identity{Name: "bob", Kind: directory.Client, Key: f.bob.Identity.Key}})
	must(f.t, err)
	var all []table.Spec
	for _, transaction := range specs {
		for _, s := range transaction {
			if s.Table == "keys" {
				for i := range s.Fields {
					if s.Fields[i].Name == field {
						s.Fields[i].Enc = enc
					}
				}
			}
			all = append(all, s)
		}
	}
	return f.directoryBlock(f.ada, f.Directory.Genesis, all...)
}
