package repo

import (
	"context"

	"aergo/branch"
	"aergo/repo/object"
)

// rebuilding checks blocks that came without their states and accounts, and makes those by
// executing the blocks: what everybody can work out need not travel.
//
// A foreign block is executed by the rules of its own Directory. If that does not give what
// its header says, which is no fault here, its state and account are fetched like anything
// else, and it is judged by what has to hold of a foreign block.
type rebuilding struct {
	judge *judge
	rc    *receiver
	left  []object.Hash // ancestors first
	other *judged       // the next one, if it is not one of our own
	done  func()        // called for each block
}

// rebuildAll checks the blocks that came.
func (r *Repo) rebuildAll(ctx context.Context, rc *receiver) error {
	j, err := r.judge(ctx, rc.ledger)
	if err != nil {
		return err
	}
	done, total := uint64(0), uint64(len(rc.blocks))
	b := &rebuilding{judge: j, rc: rc, left: rc.blocks, done: func() {
		done++
		r.opts.Progress(Progress{Phase: "verifying", Done: done, Total: total})
	}}
	return b.run(ctx)
}

func (b *rebuilding) run(ctx context.Context) error {
	next := func() (branch.Block, bool, error) { return b.next(ctx) }
	done := func(branch.Block) error {
		b.done()
		return nil
	}
	for {
		if err := b.judge.ledger.AcceptAll(ctx, b.rc.to, next, done); err != nil {
			return err
		}
		if b.other == nil {
			return nil
		}
		if err := b.check(ctx, *b.other); err != nil {
			return err
		}
		b.other = nil
		b.done()
	}
}

// next returns the next block if it is one of our own. Otherwise it leaves it in other.
func (b *rebuilding) next(ctx context.Context) (branch.Block, bool, error) {
	if len(b.left) == 0 {
		return branch.Block{}, false, nil
	}
	next, err := b.judge.classify(ctx, b.left[0])
	if err != nil {
		return branch.Block{}, false, err
	}
	b.left = b.left[1:]
	if !next.own {
		b.other = &next
	}
	return next.Block, next.own, nil
}

// check checks a block that is not one of our own.
func (b *rebuilding) check(ctx context.Context, other judged) error {
	if other.Branch.IsZero() { // a Directory's, which came with all it has
		return b.judge.check(ctx, other)
	}
	home := *b.judge.ledger
	home.Directory = other.home
	if err := home.Accept(ctx, b.rc.to, other.Block); err == nil {
		return nil
	}
	if err := b.fetch(ctx, other.Block); err != nil {
		return inBlock(other.Block, err)
	}
	return b.judge.check(ctx, other)
}

// fetch brings the state and the account of a block.
func (b *rebuilding) fetch(ctx context.Context, of branch.Block) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := b.rc.gather(ctx, Walk{States: []object.Hash{of.Header.State}, Parts: []object.Hash{of.Header.Account}})
	if err != nil {
		return err
	}
	return b.rc.closure().states(ctx, of)
}
