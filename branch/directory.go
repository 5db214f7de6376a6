package branch

import (
	"context"
	"fmt"

	"aergo/consensus/directory"
	"aergo/repo/object"
	"aergo/repo/state"
	"aergo/repo/store"
)

// The blocks of a Directory are blocks like any other, but for what stands here. They have no
// branch id, and cite their parent: the rights before a block judge it. They take batches of
// who may administer the Directory, scoped to it by its genesis, and no orders. What they lead
// to must pass the Directory's contract (directory.Check).

// MaxDirectoryTransactions is how many transactions one block of a Directory takes: they stay
// small, since everybody reads all of them.
const MaxDirectoryTransactions = 1024

// checkDirectoryHeader is checkProducer for a block of a Directory.
func (l *Ledger) checkDirectoryHeader(ctx context.Context, p *prepared) error {
	if p.Parent.IsZero() || p.Directory != p.Parent || !p.Absorbed.IsZero() || p.MergeMode != object.ModeExclude || len(p.Extensions) > 0 {
		return fmt.Errorf("%w: it has no branch, and is no block of a Directory", FaultDirectoryForm)
	}
	var err error
	if p.cited, err = l.DirectoryAt(ctx, p.Parent); err != nil {
		return err
	}
	switch {
	case p.cited.Lineage != p.Lineage:
		return fmt.Errorf("%w: %w: its Directory is of lineage %s", FaultLineage, ErrForeign, p.cited.Lineage.Short())
	case p.cited.Owner.Key != p.Producer.Key:
		return fmt.Errorf("%w: producer %x is not the Directory's delegate", FaultDirectoryProducer, p.Producer.Key[:4])
	case p.Header.Delegates != directory.Delegates(p.Producer):
		return fmt.Errorf("%w: its delegates are not its producer", FaultDelegates)
	}
	return nil
}

// checkDirectory checks what a block of a Directory leads to.
func (p *prepared) checkDirectory(ctx context.Context, after state.Tree) error {
	if n := p.body.Transactions(); n > MaxDirectoryTransactions {
		return fmt.Errorf("%w: a block of a Directory with %d transactions, at most %d", FaultDirectorySize, n, MaxDirectoryTransactions)
	}
	owner, err := nextOwner(ctx, p.cited, after)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if p.NextDelegates != directory.Delegates(owner) {
		return fmt.Errorf("%w: its next delegates are not who the Directory says", FaultNextDelegates)
	}
	return nil
}

// nextOwner checks the state that a block on top of d leads to, and returns who is the owner
// then.
func nextOwner(ctx context.Context, d *directory.Directory, after state.Tree) (object.Identity, error) {
	view, err := directory.ReadView(ctx, after)
	if err != nil {
		return object.Identity{}, FaultDirectoryRows.Of(err)
	}
	if err := directory.Check(d.Founder.Key, &d.View, &view, d.Height+1); err != nil {
		return object.Identity{}, FaultDirectoryRule.Of(err)
	}
	return view.Owner(d.Founder), nil
}

// place returns what a batch that is scoped to where a block belongs names: the branch's id,
// or the genesis of the Directory.
func (p *prepared) place() object.Hash {
	if p.Branch.IsZero() {
		return p.cited.Genesis
	}
	return p.Branch
}

// CommitDirectory signs everything pending as one batch, and seals one block of the Directory
// with it. The commitment's head is the Directory's. The error wraps directory.ErrInvalid if
// the Directory may not become what the transactions make of it.
func (l *Ledger) CommitDirectory(ctx context.Context, w store.Writer, p *Pending, c Commitment) (Block, Batch, error) {
	if p.Count() > MaxDirectoryTransactions {
		return Block{}, Batch{}, fmt.Errorf("directory: %w: %d changes at once, at most %d", FaultDirectorySize, p.Count(), MaxDirectoryTransactions)
	}
	x, err := l.runPending(ctx, p, c.Head, w)
	if err != nil {
		return Block{}, Batch{}, err
	}
	owner, err := nextOwner(ctx, l.Directory, x.State())
	if err != nil {
		return Block{}, Batch{}, err
	}
	unnamed, _ := p.batch()
	record := unnamed.Batch
	record.Lineage, record.Message, record.TimeMillis = l.Directory.Lineage, c.Message, c.Authored
	record.Mark, record.Scope = object.Mark{Block: c.Head.ID, Height: c.Head.Height}, l.Directory.Genesis
	batch, err := PutBatch(w, record, c.Author)
	if err != nil {
		return Block{}, Batch{}, err
	}
	x.name(batch, 0)
	block, err := l.Seal(ctx, w, Draft{Parent: &c.Head, Now: c.Now, Run: x, owner: owner}, c.Sealer)
	return block, batch, err
}

// lineageOf returns the lineage of a block: the first genesis of a lineage names none.
func lineageOf(b Block) object.Hash {
	if b.Lineage.IsZero() {
		return b.ID
	}
	return b.Lineage
}

// timeAfter returns the time of a block on top of head that is sealed at now.
func timeAfter(head Block, now uint64) uint64 { return max(now, head.TimeMillis+1) }
