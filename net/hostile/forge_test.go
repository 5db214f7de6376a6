package hostile

import (
	"context"
	"slices"

	"aergo/branch"
	"aergo/consensus/directory"
	"aergo/contract/sql"
	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/dtt"
	"aergo/net/transfer"
	"aergo/repo"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/ref"
	rowkey "aergo/repo/state/key"
	"aergo/repo/store"
	"testing"
)

// forger has a copy of an honest repository, and its owner's key: whatever it makes is sealed
// as it should be, unless it is the seal that is wrong. It makes blocks by the rules of
// encoding alone.
type forger struct {
	*branch.Ledger
	t                 testing.TB
	w                 *world
	mem               *store.Memory
	refs              repo.RemoteRefs // of the honest repository
	ada, bob, mallory branch.Signer
	branch            object.Hash
	head              branch.Block // of the honest repository

	// What the source says about single objects.
	seals    map[object.Hash][]byte
	withheld map[object.Hash]bool

	elsewhere *branch.Batch // of scoped
}

func newForger(w *world, name string) *forger {
	w.t.Helper()
	ctx := w.t.Context()
	packs, err := w.paths[name].Chroot("packs")
	must(w.t, err)
	disk, err := store.Open(packs, store.Options{})
	must(w.t, err)
	defer disk.Close()
	f := &forger{
		t: w.t, w: w, mem: store.NewMemory(), ada: w.signer("ada"), bob: w.signer("bob"), mallory: w.signer("mallory"),
		seals: map[object.Hash][]byte{}, withheld: map[object.Hash]bool{},
	}
	f.write(func(to store.Writer) {
		must(w.t, disk.Each(ctx, func(i store.Info) error {
			data, err := disk.Get(ctx, i.Hash)
			must(w.t, err)
			seal, err := disk.Seal(ctx, i.Hash)
			must(w.t, err)
			return to.PutSealed(i.Kind, i.Hash, data, seal)
		}))
	})
	f.refs, err = w.repos[name].Offer(ctx)
	must(w.t, err)
	home, err := directory.Load(ctx, f.mem, f.refs.Directory)
	must(w.t, err)
	workers := dtt.NewPool(2)
	w.t.Cleanup(workers.Close)
	f.Ledger = &branch.Ledger{
		Chain: branch.Chain{Objects: f.mem}, Runtime: table.NewRuntime(), Workers: workers, Keys: key.NewCache(16), Directories: directory.NewSet(), Directory: home,
		Logics: func(source []byte) (branch.Logic, error) {
			resolver, err := sql.Compile(source)
			if err != nil {
				return nil, err
			}
			return resolver.ForMerge(), nil
		},
	}
	at := slices.IndexFunc(f.refs.Branches, func(b ref.Branch) bool { return b.Name == "master" })
	f.branch = f.refs.Branches[at].ID
	f.head, err = f.Block(ctx, f.refs.Branches[at].Head)
	must(w.t, err)
	return f
}

// write stores what fn puts.
func (f *forger) write(fn func(w store.Writer)) {
	f.t.Helper()
	w, err := f.mem.Begin(context.Background())
	must(f.t, err)
	defer func() { _ = w.Rollback() }()
	fn(w)
	must(f.t, w.Commit(context.Background()))
}

func (f *forger) tick() uint64 { return uint64(f.w.clock().UnixMilli()) }

// source is the forger's objects, with its lies about single ones.
type source struct{ f *forger }

// Get implements repo.Source.
func (s source) Get(ctx context.Context, h object.Hash) ([]byte, error) {
	if s.f.withheld[h] {
		return nil, store.ErrNotFound
	}
	return s.f.mem.Get(ctx, h)
}

// Seal implements repo.Source.
func (s source) Seal(ctx context.Context, h object.Hash) ([]byte, error) {
	if seal, lie := s.f.seals[h]; lie {
		return seal, nil
	}
	return s.f.mem.Seal(ctx, h)
}

// offer is a repository that offers a forged head, and tags, to those who fetch.
type offer struct {
	transfer.Repository
	f    *forger
	head object.Hash
	tags []ref.Tag
}

func (o offer) Objects() repo.Source { return source{o.f} }

func (o offer) Refs(context.Context) (repo.RemoteRefs, error) {
	refs := o.f.refs
	refs.Branches = slices.Clone(refs.Branches)
	for i := range refs.Branches {
		if refs.Branches[i].Name == "master" {
			refs.Branches[i].Head = o.head
		}
	}
	refs.Tags = append(slices.Clone(refs.Tags), o.tags...)
	return refs, nil
}

// draft is a block taken apart, to be put together differently.
type draft struct {
	header   object.Header
	body     object.Body
	tree     dtt.Tree
	receipts object.Receipts
}

func (f *forger) take(block branch.Block) *draft {
	f.t.Helper()
	ctx := f.t.Context()
	body, err := f.Body(ctx, block)
	must(f.t, err)
	tree, err := f.Tree(ctx, block)
	must(f.t, err)
	data, err := object.Join(ctx, f.Objects, block.Receipts, object.MaxLargeBytes)
	must(f.t, err)
	receipts, err := object.DecodeReceipts(data)
	must(f.t, err)
	header, err := object.DecodeHeader(block.Encode())
	must(f.t, err)
	return &draft{*header, *body, tree, *receipts}
}

// put puts a record of any size, and returns its name.
func (f *forger) put(w store.Writer, kind object.Kind, data []byte) object.Hash {
	f.t.Helper()
	pieces, err := object.Split(kind, data)
	must(f.t, err)
	for _, p := range pieces {
		must(f.t, w.Put(p.Kind, p.Hash, p.Data))
	}
	return pieces[len(pieces)-1].Hash
}

// record stores bytes, whatever they are.
func (f *forger) record(kind object.Kind, data []byte) object.Hash {
	f.t.Helper()
	id := object.Sum(data)
	f.write(func(w store.Writer) { must(f.t, w.Put(kind, id, data)) })
	return id
}

// seal puts a draft together.
func (f *forger) seal(d *draft, by branch.Signer) branch.Block {
	f.t.Helper()
	f.write(func(w store.Writer) {
		d.header.Entries = f.put(w, object.KindBody, d.body.Encode())
		d.header.Tree = f.put(w, object.KindTree, d.tree.Append(nil))
		d.header.Receipts = f.put(w, object.KindReceipts, d.receipts.Encode())
	})
	return f.sealHeader(&d.header, by)
}

func (f *forger) sealHeader(h *object.Header, by branch.Signer) branch.Block {
	f.t.Helper()
	id := object.Sum(h.Encode())
	sig := by.Private.Sign(key.DomainBlock, f.Directory.Lineage, id)
	f.write(func(w store.Writer) { must(f.t, w.PutSealed(object.KindHeader, id, h.Encode(), sig[:])) })
	return branch.Block{ID: id, Header: h}
}

// header is a block with another header, sealed by its producer.
func (f *forger) header(of branch.Block, change func(h *object.Header)) object.Hash {
	f.t.Helper()
	d := f.take(of)
	change(&d.header)
	return f.sealHeader(&d.header, f.ada).ID
}

// body is a block that says something else of what it did.
func (f *forger) body(of branch.Block, change func(d *draft)) object.Hash {
	f.t.Helper()
	d := f.take(of)
	change(d)
	return f.seal(d, f.ada).ID
}

// plan is a block to be made of spans, whether that is allowed or not.
type plan struct {
	parent   branch.Block
	branch   object.Hash // zero is master
	absorbed *branch.Block
	mode     object.Mode
	orders   []object.Hash
	spans    []branch.Span
}

// make executes and seals a plan. Everything in the block fits together.
func (f *forger) make(p plan) (block branch.Block) {
	f.t.Helper()
	ctx := f.t.Context()
	if p.branch.IsZero() {
		p.branch = f.branch
	}
	f.write(func(w store.Writer) {
		x := f.NewExecutor(w, p.parent.Header.State)
		must(f.t, branch.SettleSpans(ctx, branch.Chain{Objects: w}, f.Runtime, x.State(), p.spans, 2))
		must(f.t, x.Propose(ctx, p.spans))
		var err error
		block, err = f.Seal(ctx, w, branch.Draft{
			Branch: p.branch, Parent: &p.parent, Absorbed: p.absorbed, Mode: p.mode, Orders: p.orders, Now: f.tick(), Run: x,
		}, f.ada)
		must(f.t, err)
	})
	return block
}

// pending is transactions as an author sees them on top of a block.
func (f *forger) pending(head branch.Block, transactions ...[]table.Spec) *branch.Pending {
	f.t.Helper()
	p := branch.NewPending(head)
	desk := branch.NewDesk(f.t.Context(), f.Runtime, f.State(head))
	author := table.NewAuthor(p.Open)
	for _, specs := range transactions {
		payload, err := author.AppendPayload(nil, desk, specs)
		must(f.t, err)
		tx := object.Transaction{Payload: payload}
		if _, x, err := desk.Try(&tx, f.Runtime.Prepare(p.Open.Names())); err != nil || x != nil {
			f.t.Fatalf("transaction is excluded as %v, %v", x, err)
		}
		p.Open.Add(&tx)
	}
	return p
}

// batch signs transactions that no block takes yet.
func (f *forger) batch(by branch.Signer, mark branch.Block, change func(*object.Batch), transactions ...[]table.Spec) (batch branch.Batch) {
	f.t.Helper()
	p := f.pending(mark, transactions...)
	f.write(func(w store.Writer) {
		must(f.t, p.CloseChunk(w, true))
		record := &object.Batch{
			Lineage: f.Directory.Lineage, TimeMillis: f.tick(), Mark: object.Mark{Block: mark.ID, Height: mark.Height}, Count: p.Count(), Chunks: p.Closed,
		}
		if change != nil {
			change(record)
		}
		var err error
		batch, err = branch.PutBatch(w, record, by)
		must(f.t, err)
	})
	return batch
}

// commit adds a block of an author's work.
func (f *forger) commit(on object.Hash, head branch.Block, author branch.Signer, transactions ...[]table.Spec) (block branch.Block, batch branch.Batch) {
	f.t.Helper()
	p := f.pending(head, transactions...)
	f.write(func(w store.Writer) {
		var err error
		block, batch, err = f.Commit(f.t.Context(), w, p, branch.Commitment{
			Branch: on, Head: head, Author: author, Sealer: f.ada, Message: "work", Authored: f.tick(), Now: f.tick(),
		})
		must(f.t, err)
	})
	return block, batch
}

// order signs an order for a block on head.
func (f *forger) order(head branch.Block, kind object.OrderKind, by branch.Signer, change func(*object.Order)) (id object.Hash) {
	f.t.Helper()
	o := &object.Order{
		Lineage: f.Directory.Lineage, Kind: kind, Branch: f.branch, TimeMillis: f.tick(), Mark: object.Mark{Block: head.ID, Height: head.Height},
	}
	if change != nil {
		change(o)
	}
	f.write(func(w store.Writer) {
		var err error
		id, err = branch.PutOrder(w, o, by)
		must(f.t, err)
	})
	return id
}

func from(of branch.Block) func(*object.Order) {
	return func(o *object.Order) { o.Source = of.ID }
}

func items(selections ...object.Selection) func(*object.Order) {
	return func(o *object.Order) { o.Items = selections }
}

func set(k string, n uint64) []table.Spec {
	return []table.Spec{{Code: table.Put, Table: "t", Key: []rowkey.Component{rowkey.Text(k)}, Fields: []value.Field{{Name: "n", Enc: value.AppendUint(nil, n)}}}}
}

// mergeSpans is what a merge takes: the blocks of the source's chain, oldest first, that the
// target's does not have, transaction by transaction.
func (f *forger) mergeSpans(target, from branch.Block) []branch.Span {
	f.t.Helper()
	ctx := f.t.Context()
	open := map[object.Hash]map[uint64]bool{}
	must(f.t, branch.Missing(ctx, f.Account(target), f.Account(from), func(e branch.AccountEntry) error {
		open[e.Batch] = map[uint64]bool{}
		for _, run := range e.Runs {
			for i := range run.Count {
				open[e.Batch][run.First+i] = true
			}
		}
		return nil
	}))
	var spans []branch.Span
	for at := from; !at.Parent.IsZero(); {
		body, err := f.Body(ctx, at)
		must(f.t, err)
		var here []branch.Span
		for i := range body.Entries {
			here = append(here, f.spansOf(at, &body.Entries[i], open)...)
		}
		spans = append(here, spans...)
		at, err = f.Block(ctx, at.Parent)
		must(f.t, err)
	}
	return spans
}

// spansOf takes the transactions of an entry that are open, and closes them.
func (f *forger) spansOf(at branch.Block, e *object.Entry, open map[object.Hash]map[uint64]bool) (spans []branch.Span) {
	f.t.Helper()
	batch, err := f.Batch(f.t.Context(), e.Batch)
	must(f.t, err)
	for _, run := range e.Runs {
		for index := run.First; index < run.First+run.Count; index++ {
			if !open[e.Batch][index] {
				continue
			}
			delete(open[e.Batch], index)
			s := branch.Span{Batch: batch, Order: 1, First: index, Count: 1, Merged: true}
			if !run.Verdict.Applied() {
				s.Decided, s.Verdict = true, run.Verdict
			}
			for _, x := range e.Excluded {
				if x.Index == index && s.Decided {
					if s.Block = at.ID; x.Reason == object.ReasonInherited {
						s.Block = x.Block
					}
				}
			}
			spans = append(spans, s)
		}
	}
	return spans
}

// mergePlan is a merge of a block into master.
func (f *forger) mergePlan(target, of branch.Block) plan {
	f.t.Helper()
	return plan{
		parent: target, absorbed: &of, orders: []object.Hash{f.order(target, object.OrderMerge, f.ada, from(of))}, spans: f.mergeSpans(target, of),
	}
}

// history is a history on top of the honest one in which everything happened once, all of it
// sound:
//
//	head - ours ------------ merged      master
//	    \__ theirs - dropped __/         merged from a third branch, then dropped one
//	    \__ third _/
type history struct {
	ours, third, theirs, dropped, merged branch.Block
	oursBatch                            branch.Batch
	thirdBatch                           branch.Batch // 0 applied, 1 and 2 excluded on theirs; 2 dropped there
	theirsBatch                          branch.Batch // 1 excluded by the merge
	pickBatch                            branch.Batch // bob's: not on the branch
}

func (f *forger) history() *history {
	f.t.Helper()
	h := &history{}
	feature, third := object.Hash{1}, object.Hash{2}
	h.ours, h.oursBatch = f.commit(f.branch, f.head, f.ada, set("a", 5), set("mine", 5))
	h.third, h.thirdBatch = f.commit(third, f.head, f.bob, set("three", 3), set("b", 3), set("c", 3))
	theirs, theirsBatch := f.commit(feature, f.head, f.ada, set("b", 7), set("a", 7), set("c", 7), set("d", 7))
	p := f.mergePlan(theirs, h.third)
	p.branch, p.orders = feature, []object.Hash{f.order(theirs, object.OrderMerge, f.ada, func(o *object.Order) { o.Source, o.Branch = h.third.ID, feature })}
	h.theirsBatch, h.theirs = theirsBatch, f.make(p)
	h.dropped = f.make(plan{
		parent: h.theirs, branch: feature,
		orders: []object.Hash{f.order(h.theirs, object.OrderDrop, f.ada, func(o *object.Order) {
			o.Branch, o.Items = feature, []object.Selection{{Batch: h.thirdBatch.ID, First: 2, Count: 1}}
		})},
		spans: []branch.Span{{Batch: h.thirdBatch, Order: 1, First: 2, Count: 1, Decided: true, Verdict: object.VerdictDropped}},
	})
	h.merged = f.make(f.mergePlan(h.ours, h.dropped))
	h.pickBatch = f.batch(f.bob, f.head, nil, set("p", 1), set("q", 1), set("a", 2), set("p", 2))
	return h
}
