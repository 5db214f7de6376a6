package branch

import (
	"context"
	"errors"
	"fmt"

	"aergo/consensus/directory"
	"aergo/dtt"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/state"
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
	if err := l.validate(ctx, b); err != nil {
		return fmt.Errorf("block %s at height %d: %w", b.ID.Short(), b.Height, err)
	}
	return nil
}

func (l *Ledger) validate(ctx context.Context, b Block) error {
	parent, err := l.checkHeader(ctx, b)
	if err != nil {
		return err
	}
	body, err := l.Body(ctx, b)
	if err != nil {
		return err
	}
	spans, err := l.checkEntries(ctx, b, parent, body)
	if err != nil {
		return err
	}
	scratch, err := NewScratch(ctx, l.Objects)
	if err != nil {
		return err
	}
	before, account := state.EmptyRoot(), state.EmptyRoot()
	if parent != nil {
		before, account = parent.Header.State, parent.Header.Account
	}
	tree, err := l.Tree(ctx, b)
	if err != nil {
		return err
	}
	x := NewExecutor(Chain{scratch}, l.Runtime, l.Workers, before, scratch)
	if err := SettleSpans(ctx, l.Chain, l.Runtime, x.State(), spans, l.Workers.Workers()); err != nil {
		return err
	}
	if err := x.Follow(ctx, spans, tree); err != nil {
		return err
	}
	return l.compare(ctx, b, body, x, Account{state.New(scratch, account)}, scratch)
}

// Tree loads the DTT of a block.
func (c Chain) Tree(ctx context.Context, b Block) (dtt.Tree, error) {
	data, err := object.Join(ctx, c.Objects, b.Header.Tree, object.MaxLargeBytes)
	if err != nil {
		return dtt.Tree{}, fmt.Errorf("tree: %w", err)
	}
	tree, err := dtt.Decode(data)
	if err != nil {
		return dtt.Tree{}, fmt.Errorf("tree: %w", err)
	}
	return tree, nil
}

// compare checks what an execution came to against what the block says.
func (l *Ledger) compare(ctx context.Context, b Block, body *object.Body, x *Executor, account Account, w state.NodeWriter) error {
	ran := object.Body{Orders: body.Orders, Entries: x.Entries()}
	if err := compareBodies(body, &ran); err != nil {
		return err
	}
	if got := x.State().Root(); got != b.Header.State {
		return fmt.Errorf("%w: state root is %s, execution gives %s", ErrInvalid, b.Header.State.Short(), got.Short())
	}
	receipts := x.Receipts().Encode()
	pieces, err := object.Split(object.KindReceipts, receipts)
	if err != nil {
		return err
	}
	if got := pieces[len(pieces)-1].Hash; got != b.Receipts {
		return fmt.Errorf("%w: receipts are %s, execution gives %s", ErrInvalid, b.Receipts.Short(), got.Short())
	}
	after, err := account.update(ctx, w, x.Entries(), x.marks, l.Workers.Workers())
	if err != nil {
		return err
	}
	if got := after.Root(); got != b.Header.Account {
		return fmt.Errorf("%w: account root is %s, execution gives %s", ErrInvalid, b.Header.Account.Short(), got.Short())
	}
	if b.Absorbed.IsZero() {
		return nil
	}
	source, err := l.Block(ctx, b.Absorbed)
	if err != nil {
		return err
	}
	return Missing(ctx, after, l.Account(source), func(e AccountEntry) error {
		return fmt.Errorf("%w: it absorbs %s but decides nothing of transaction %s.%d", ErrInvalid, source.ID.Short(), e.Batch.Short(), e.Runs[0].First)
	})
}

// compareBodies names the first verdict on which two bodies differ.
func compareBodies(want, got *object.Body) error {
	for i := range want.Entries {
		if i >= len(got.Entries) {
			return fmt.Errorf("%w: entry %d takes what is no transaction", ErrInvalid, i)
		}
		w, g := &want.Entries[i], &got.Entries[i]
		for j := range w.Runs {
			if j >= len(g.Runs) || w.Runs[j] != g.Runs[j] {
				return fmt.Errorf("%w: transaction %s.%d: its verdict is not what execution gives", ErrInvalid, w.Batch.Short(), w.Runs[j].First)
			}
		}
		for j := range w.Excluded {
			if j >= len(g.Excluded) || !sameExclusion(&w.Excluded[j], &g.Excluded[j]) {
				return fmt.Errorf("%w: transaction %s.%d: it is not excluded for the reason given", ErrInvalid, w.Batch.Short(), w.Excluded[j].Index)
			}
		}
	}
	if wantHash, gotHash := object.Sum(want.Encode()), object.Sum(got.Encode()); wantHash != gotHash {
		return fmt.Errorf("%w: its entries are not in the form that execution gives", ErrInvalid)
	}
	return nil
}

func sameExclusion(a, b *object.Exclusion) bool {
	return a.Index == b.Index && a.Reason == b.Reason && a.Op == b.Op && string(a.Key) == string(b.Key) &&
		a.Field == b.Field && string(a.Found) == string(b.Found) && a.Block == b.Block
}

// checkHeader checks everything that a header says but its roots, and returns the parent,
// nil for a root block.
func (l *Ledger) checkHeader(ctx context.Context, b Block) (*Block, error) {
	if id, found := object.UnknownCritical(b.Extensions); found {
		return nil, fmt.Errorf("%w: critical extension %d is unknown to this version", ErrInvalid, id)
	}
	if b.Lineage != l.Directory.Lineage {
		return nil, fmt.Errorf("%w: %w: lineage %s, this repository is of %s", ErrInvalid, ErrForeign, b.Lineage.Short(), l.Directory.Lineage.Short())
	}
	if b.MergeMode > object.ModeTheirs {
		return nil, fmt.Errorf("%w: it merges by a resolver, and its branch has none", ErrInvalid)
	}
	if b.Branch.IsZero() || b.Slot != 0 || len(b.Consensus) != 0 || !b.Access.IsZero() || !b.Resolver.IsZero() {
		return nil, fmt.Errorf("%w: it uses what a repository of one delegate does not", ErrInvalid)
	}
	if !l.Directory.Native(b.Directory, b.Producer.Key) {
		return nil, fmt.Errorf("%w: producer %x may not make blocks here", ErrInvalid, b.Producer.Key[:4])
	}
	if _, known := l.Directory.Producer(b.Directory); known {
		if want := directory.Delegates(b.Producer); b.Delegates != want || b.NextDelegates != want {
			return nil, fmt.Errorf("%w: its delegates are not its producer", ErrInvalid)
		}
	}
	if err := l.checkSeal(ctx, key.DomainBlock, b.Producer, b.ID); err != nil {
		return nil, err
	}
	if !b.Absorbed.IsZero() {
		absorbed, err := l.Block(ctx, b.Absorbed)
		if err != nil {
			return nil, err
		}
		if b.TimeMillis <= absorbed.TimeMillis {
			return nil, fmt.Errorf("%w: it is not later than what it absorbs", ErrInvalid)
		}
	}
	if b.Parent.IsZero() {
		return nil, nil
	}
	parent, err := l.Block(ctx, b.Parent)
	if err != nil {
		return nil, err
	}
	if b.Height != parent.Height+1 || b.TimeMillis <= parent.TimeMillis {
		return nil, fmt.Errorf("%w: height and time do not follow the parent's", ErrInvalid)
	}
	return &parent, nil
}

func (l *Ledger) checkSeal(ctx context.Context, domain key.Domain, who object.Identity, id object.Hash) error {
	sig, err := l.Chain.Seal(ctx, id)
	if err != nil {
		return err
	}
	if err := l.Keys.Verify(key.Public(who.Key), domain, l.Directory.Lineage, id, sig); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrInvalid, id.Short(), err)
	}
	return nil
}

// ErrForeign is wrapped when something belongs to another lineage.
var ErrForeign = errors.New("foreign lineage")
