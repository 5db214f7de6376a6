package branch

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"aergo/consensus/directory"
	"aergo/contract"
	"aergo/dtt"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/state"
	"aergo/repo/store"
)

// markWindow is how many blocks behind its block the mark of a batch may lie that enters
// without an order.
const markWindow = 4096

// MarkTooOld says whether a batch marked at height mark may no longer enter directly at
// the given height.
func MarkTooOld(mark, height uint64) bool { return height > mark+markWindow }

// Validate checks a block by executing it again on its parent's state: every signature,
// every right to enter, the tree, every verdict and every root. The parent has been
// validated, and so has what the block absorbed, at least as a foreign block.
func (l *Ledger) Validate(ctx context.Context, b Block) error {
	p, err := l.prepare(ctx, b)
	if err == nil {
		err = l.finish(ctx, p, func() (*Executor, error) {
			w, err := NewScratch(ctx, l.Objects)
			return l.newExecutor(l.Chain, w, p.before(), newStage(l.Runtime, l.Workers.Workers())), err
		})
	}
	return atBlock(b, err)
}

// Accept is Validate that keeps what execution writes: the nodes of the block's trees go to
// w, which holds those of its parent. If it fails, w must be rolled back.
func (l *Ledger) Accept(ctx context.Context, w store.Writer, b Block) error {
	p, err := l.prepare(ctx, b)
	if err == nil {
		err = l.accept(ctx, w, p, newStage(l.Runtime, l.Workers.Workers()))
	}
	return atBlock(b, err)
}

// accept executes a prepared block through w. What it writes is kept in memory too: the next
// block reads it.
func (l *Ledger) accept(ctx context.Context, w store.Writer, p *prepared, scratch *stage) error {
	return l.finish(ctx, p, func() (*Executor, error) {
		x := l.newExecutor(l.Chain, w, p.before(), scratch)
		x.writer = x.nodes.Through(w)
		return x, nil
	})
}

// preparedAhead is how many blocks AcceptAll prepares before the one that is executed is done:
// what is in memory is bounded by it.
const preparedAhead = 1

// AcceptAll is Accept for blocks one after another, each of which may be the parent of a
// later one. While one is executed the next is read and its signatures are checked, so that
// no processor waits for another. next gives the blocks, and false behind the last one; it
// runs beside the execution of earlier blocks. done, which may be nil, is told of each block
// that has been accepted. After a failure nothing is accepted any more; the error is that of
// the first block that fails.
func (l *Ledger) AcceptAll(ctx context.Context, w store.Writer, next func() (Block, bool, error), done func(Block) error) error {
	ctx, cancel := context.WithCancel(ctx)
	ready := make(chan *prepared, preparedAhead)
	var failure error // of reading ahead; to be looked at when ready is closed
	go func() {
		defer close(ready)
		for {
			b, more, err := next()
			if err != nil || !more {
				failure = err
				return
			}
			p, err := l.prepare(ctx, b)
			if err != nil {
				failure = atBlock(b, err)
				return
			}
			select {
			case ready <- p:
			case <-ctx.Done():
				failure = errors.Join(ctx.Err(), p.seals.wait())
				return
			}
		}
	}()
	var err error
	scratch := newStage(l.Runtime, l.Workers.Workers())
	for p := range ready {
		if err != nil {
			_ = p.seals.wait()
			continue
		}
		if err = atBlock(p.Block, l.accept(ctx, w, p, scratch)); err == nil && done != nil {
			err = done(p.Block)
		}
		if err != nil {
			cancel()
		}
	}
	cancel()
	if err != nil {
		return err
	}
	return failure
}

func atBlock(b Block, err error) error {
	if err != nil {
		return fmt.Errorf("block %s at height %d: %w", b.ID.Short(), b.Height, err)
	}
	return nil
}

// prepared is a block of which all has been checked that needs nothing of what the blocks
// before it lead to. Its signatures are being checked.
type prepared struct {
	Block
	cited   *directory.Directory // that judges it
	parent  *Block
	body    *object.Body
	orders  []*object.Order
	batches []Batch
	batchOf []int32 // of each entry, among batches
	tree    dtt.Tree
	seals   *seals
}

// prepare reads a block whose parent has been read.
func (l *Ledger) prepare(ctx context.Context, b Block) (*prepared, error) {
	p := &prepared{Block: b, seals: l.newSeals()}
	var err error
	if err = l.checkHeader(ctx, p); err != nil {
		return nil, err
	}
	if p.body, err = l.Body(ctx, b); err != nil {
		return nil, err
	}
	if p.orders, err = l.checkOrders(ctx, p); err != nil {
		return nil, err
	}
	ids, batchOf := batchesOf(p.body)
	p.batchOf = batchOf
	if p.batches, err = l.loadBatches(ctx, ids, p.seals); err != nil {
		return nil, err
	}
	if p.tree, err = l.Tree(ctx, b); err != nil {
		return nil, err
	}
	// Signatures are half of the work, and need nothing of the rest.
	p.seals.start(ctx, l.Workers.Workers())
	return p, nil
}

// finish executes a prepared block. What is wrong with a signature comes before what is
// wrong with what was signed.
func (l *Ledger) finish(ctx context.Context, p *prepared, executor func() (*Executor, error)) error {
	spans, err := l.checkEntries(ctx, p)
	if err == nil {
		var x *Executor
		if x, err = executor(); err == nil {
			err = l.execute(ctx, x, p, spans)
		}
	}
	if bad := p.seals.wait(); bad != nil {
		return bad
	}
	return err
}

// foresee finds what the merge of a block settles and, if it is one by a resolver, what that
// needs to know.
func (l *Ledger) foresee(ctx context.Context, p *prepared, base state.Tree, spans []Span) (*Resolving, error) {
	if err := SettleSpans(ctx, l.Chain, l.Runtime, base, spans, l.Workers.Workers()); err != nil {
		return nil, err
	}
	if p.MergeMode != object.ModeResolve {
		return nil, nil
	}
	if p.parent == nil {
		return nil, fmt.Errorf("%w: a first block merges nothing", FaultResolver)
	}
	logic, err := l.Chain.MergeLogic(ctx, *p.parent, p.Branch)
	switch {
	case err != nil:
		return nil, err
	case logic == nil:
		return nil, fmt.Errorf("%w: it merges by a resolver: %w", FaultResolver, ErrNoLogic)
	case logic.Hash() != p.Resolver:
		return nil, fmt.Errorf("%w: it merges by resolver %s, its branch has %s", FaultResolver, p.Resolver.Short(), logic.Hash().Short())
	}
	source, err := l.mergedIn(ctx, p)
	if err != nil {
		return nil, err
	}
	grounds, err := l.readGrounds(ctx, p)
	if err != nil {
		return nil, err
	}
	return l.PrepareResolving(ctx, Resolve{Logic: logic, Owner: p.Producer, Target: *p.parent, Source: source, Grounds: grounds}, spans)
}

// mergedIn returns the head that a block's order merges.
func (l *Ledger) mergedIn(ctx context.Context, p *prepared) (Block, error) {
	for _, o := range p.orders {
		if o.Kind == object.OrderMerge {
			return l.Block(ctx, o.Source)
		}
	}
	return Block{}, fmt.Errorf("%w: it merges by a resolver, and no order merges anything", FaultResolver)
}

// before returns the root of the state that the block begins with.
func (p *prepared) before() object.Hash {
	if p.parent == nil {
		return state.EmptyRoot()
	}
	return p.parent.Header.State
}

// execute runs what a block takes and compares what comes of it with what the block says.
func (l *Ledger) execute(ctx context.Context, x *Executor, p *prepared, spans []Span) error {
	account := state.EmptyRoot()
	if p.parent != nil {
		account = p.parent.Header.Account
	}
	f, err := l.checkFounding(p)
	if err != nil {
		return err
	}
	if f != nil {
		if err := x.found(ctx, p.Branch, f); err != nil {
			return err
		}
	}
	resolving, err := l.foresee(ctx, p, x.State(), spans)
	if err != nil {
		return err
	}
	if resolving != nil {
		defer func() { _ = resolving.Close() }()
	}
	// The new account needs the verdicts alone, and is made beside the new state.
	after := &pendingAccount{done: make(chan struct{})}
	begin := sync.OnceFunc(func() {
		go func() {
			defer close(after.done)
			after.account, after.err = x.Account(ctx, account)
		}()
	})
	x.decided = begin
	err = x.Follow(ctx, spans, p.tree)
	begin() // a block without transactions has not begun it
	<-after.done
	if err != nil {
		if errors.Is(err, contract.ErrResolver) {
			return fmt.Errorf("%w: %w", FaultLogic, err)
		}
		return err
	}
	if err := l.compare(ctx, p.Block, p.body, x, after); err != nil || !p.Branch.IsZero() {
		return err
	}
	return p.checkDirectory(ctx, x.State())
}

// pendingAccount is an account that is being made.
type pendingAccount struct {
	done    chan struct{}
	account Account
	err     error
}

// Tree loads the DTT of a block.
func (c Chain) Tree(ctx context.Context, b Block) (dtt.Tree, error) {
	data, err := object.Join(ctx, c.Objects, b.Header.Tree, object.MaxLargeBytes)
	if err != nil {
		return dtt.Tree{}, fmt.Errorf("tree: %w", err)
	}
	tree, err := dtt.Decode(data)
	if err != nil {
		return dtt.Tree{}, fmt.Errorf("tree: %w", FaultTreeRecord.Of(err))
	}
	return tree, nil
}

// compare checks what an execution came to against what the block says.
func (l *Ledger) compare(ctx context.Context, b Block, body *object.Body, x *Executor, made *pendingAccount) error {
	ran := object.Body{Orders: body.Orders, Entries: x.Entries()}
	if err := compareBodies(body, &ran); err != nil {
		return err
	}
	if got := x.State().Root(); got != b.Header.State {
		return fmt.Errorf("%w: state root is %s, execution gives %s", FaultStateRoot, b.Header.State.Short(), got.Short())
	}
	receipts := x.Receipts().Encode()
	pieces, err := object.Split(object.KindReceipts, receipts)
	if err != nil {
		return err
	}
	if got := pieces[len(pieces)-1].Hash; got != b.Receipts {
		return fmt.Errorf("%w: receipts are %s, execution gives %s", FaultReceipts, b.Receipts.Short(), got.Short())
	}
	after := made.account
	if made.err != nil {
		return made.err
	}
	if got := after.Root(); got != b.Header.Account {
		return fmt.Errorf("%w: account root is %s, execution gives %s", FaultAccountRoot, b.Header.Account.Short(), got.Short())
	}
	if b.Absorbed.IsZero() {
		return nil
	}
	source, err := l.Block(ctx, b.Absorbed)
	if err != nil {
		return err
	}
	return Missing(ctx, after, l.Account(source), func(e AccountEntry) error {
		return fmt.Errorf("%w: it absorbs %s but decides nothing of transaction %s.%d", FaultUndecided, source.ID.Short(), e.Batch.Short(), e.Runs[0].First)
	})
}

// compareBodies names the first verdict on which two bodies differ.
func compareBodies(want, got *object.Body) error {
	for i := range want.Entries {
		if i >= len(got.Entries) {
			return fmt.Errorf("%w: entry %d takes what is no transaction", FaultEntryForm, i)
		}
		w, g := &want.Entries[i], &got.Entries[i]
		for j := range w.Runs {
			if j >= len(g.Runs) || w.Runs[j] != g.Runs[j] {
				return fmt.Errorf("%w: transaction %s.%d: its verdict is not what execution gives", FaultVerdict, w.Batch.Short(), w.Runs[j].First)
			}
		}
		for j := range w.Excluded {
			if j >= len(g.Excluded) || !sameExclusion(&w.Excluded[j], &g.Excluded[j]) {
				return fmt.Errorf("%w: transaction %s.%d: it is not excluded for the reason given", FaultExclusion, w.Batch.Short(), w.Excluded[j].Index)
			}
		}
	}
	if wantHash, gotHash := object.Sum(want.Encode()), object.Sum(got.Encode()); wantHash != gotHash {
		return fmt.Errorf("%w: its entries are not in the form that execution gives", FaultEntryForm)
	}
	return nil
}

func sameExclusion(a, b *object.Exclusion) bool {
	return a.Index == b.Index && a.Reason == b.Reason && a.Op == b.Op && string(a.Key) == string(b.Key) &&
		a.Field == b.Field && string(a.Found) == string(b.Found) && a.Block == b.Block
}

// addSeal reads the signature beside a record and gathers it for checking.
func (l *Ledger) addSeal(ctx context.Context, to *seals, domain key.Domain, who object.Identity, id object.Hash) error {
	sig, err := l.Chain.Seal(ctx, id)
	if err != nil {
		return err
	}
	to.add(domain, who, id, sig)
	return nil
}

// ErrForeign is wrapped when something belongs to another lineage.
var ErrForeign = errors.New("foreign lineage")
