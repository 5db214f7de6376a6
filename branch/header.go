package branch

import (
	"context"
	"errors"
	"fmt"

	"aergo/consensus/directory"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/store"
)

// checkHeader checks everything that a header says but its roots, and finds the block's
// parent, nil for a root block, and the Directory that judges it.
func (l *Ledger) checkHeader(ctx context.Context, p *prepared) error {
	b := p.Block
	if err := checkExtensions(b); err != nil {
		return err
	}
	if b.Lineage != l.Directory.Lineage {
		return fmt.Errorf("%w: %w: lineage %s, this repository is of %s", FaultLineage, ErrForeign, b.Lineage.Short(), l.Directory.Lineage.Short())
	}
	if b.Slot != 0 || len(b.Consensus) != 0 || !b.Access.IsZero() {
		return fmt.Errorf("%w: it uses what a repository of one delegate does not", FaultReserved)
	}
	if b.Resolver.IsZero() == (b.MergeMode == object.ModeResolve) {
		return fmt.Errorf("%w: it names a resolver and merges by none, or the other way round", FaultResolver)
	}
	if err := l.checkProducer(ctx, p); err != nil {
		return err
	}
	if err := l.addSeal(ctx, p.seals, key.DomainBlock, b.Producer, b.ID); err != nil {
		return err
	}
	if !b.Absorbed.IsZero() {
		absorbed, err := l.Block(ctx, b.Absorbed)
		if err != nil {
			return err
		}
		switch {
		case b.TimeMillis <= absorbed.TimeMillis:
			return fmt.Errorf("%w: it is not later than what it absorbs", FaultAbsorbedTime)
		case absorbed.Branch.IsZero():
			return fmt.Errorf("%w: it absorbs a block of a Directory", FaultAbsorbedDirectory)
		}
	}
	if b.Parent.IsZero() {
		return nil
	}
	parent, err := l.Block(ctx, b.Parent)
	if err != nil {
		return err
	}
	if err := CheckFollows(b, parent); err != nil {
		return err
	}
	if b.Branch.IsZero() != parent.Branch.IsZero() {
		return fmt.Errorf("%w: one of it and its parent is a block of a Directory", FaultParent)
	}
	p.parent = &parent
	return l.checkCitation(ctx, p)
}

// CheckFollows checks that a block's height and time are behind those of its parent.
func CheckFollows(b, parent Block) error {
	switch {
	case b.Height != parent.Height+1:
		return fmt.Errorf("%w: height %d does not follow the parent's, %d", FaultHeight, b.Height, parent.Height)
	case b.TimeMillis <= parent.TimeMillis:
		return fmt.Errorf("%w: its time is not behind the parent's", FaultTime)
	}
	return nil
}

// checkProducer finds the Directory that a block cites, and checks that the producer is its
// delegate, or one of ours elsewhere.
func (l *Ledger) checkProducer(ctx context.Context, p *prepared) error {
	if p.Branch.IsZero() {
		return l.checkDirectoryHeader(ctx, p)
	}
	var err error
	if p.cited, err = l.DirectoryAt(ctx, p.Directory); err != nil {
		return err
	}
	if !l.Directory.Native(p.cited, p.Producer.Key) {
		return fmt.Errorf("%w: producer %x may not make blocks here", FaultProducer, p.Producer.Key[:4])
	}
	if l.Directory.Answers(p.cited.Genesis) != nil {
		if want := directory.Delegates(p.Producer); p.Delegates != want || p.NextDelegates != want {
			return fmt.Errorf("%w: its delegates are not its producer", FaultDelegates)
		}
	}
	return nil
}

// DirectoryAt returns the Directory that a block cites. If there is none, or it breaks its own
// rules, the block is at fault.
func (l *Ledger) DirectoryAt(ctx context.Context, id object.Hash) (*directory.Directory, error) {
	d, err := l.Directories.At(ctx, l.Objects, id)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, directory.ErrInvalid) {
		err = fmt.Errorf("%w: %w", FaultCitation, err)
	}
	return d, err
}

// checkCitation checks that a block cites the Directory that its parent cites or a later one,
// if both cite the same chain: so a right that was taken away stays taken away.
func (l *Ledger) checkCitation(ctx context.Context, p *prepared) error {
	if p.Branch.IsZero() || p.parent.Header.Directory == p.Directory {
		return nil
	}
	before, err := l.DirectoryAt(ctx, p.parent.Header.Directory)
	if err != nil || before.Genesis != p.cited.Genesis {
		return err
	}
	follows, err := p.cited.Follows(ctx, l.Objects, before)
	if err == nil && !follows {
		err = fmt.Errorf("%w: it cites the Directory at height %d, its parent at height %d", FaultCitationBack, p.cited.Height, before.Height)
	}
	return err
}
