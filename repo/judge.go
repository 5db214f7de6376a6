package repo

import (
	"context"
	"fmt"

	"aergo/branch"
	"aergo/consensus/directory"
	"aergo/repo/object"
)

// judge says of blocks that came from elsewhere whether they hold.
//
// A block is our own if it, and every block before it along parents, may stand in this
// repository's chains (directory.Directory.Native). Such a block is executed again, and
// then counts as if it had been made here. Any other is foreign: its transactions may come
// in by a merge, which runs them anew, so what has to hold is what a merge relies on:
// hashes, links, and the signatures of batches.
type judge struct {
	ledger      *branch.Ledger
	own         map[object.Hash]bool
	trunks      []branch.Block // next blocks of the chains of our branches
	passed      map[object.Hash]bool
	directories map[object.Hash]*directory.Directory
}

// judge returns a judge that reads through the ledger.
func (r *Repo) judge(ctx context.Context, l *branch.Ledger) (*judge, error) {
	j := &judge{
		ledger: l, own: map[object.Hash]bool{}, passed: map[object.Hash]bool{}, directories: map[object.Hash]*directory.Directory{},
	}
	branches, err := r.refs.Branches(ctx)
	if err != nil {
		return nil, err
	}
	for _, b := range branches {
		head, err := l.Block(ctx, b.Head)
		if err != nil {
			return nil, err
		}
		j.trunks = append(j.trunks, head)
	}
	return j, nil
}

// onTrunk says whether a block is on the chain of one of our branches. It walks those back
// as far as the block's time.
func (j *judge) onTrunk(ctx context.Context, b branch.Block) (bool, error) {
	left := j.trunks[:0]
	for _, at := range j.trunks {
		ended := false
		for at.TimeMillis >= b.TimeMillis && !ended {
			// Where two branches have become one, one walk goes on.
			ended = j.passed[at.ID] || at.Parent.IsZero()
			j.passed[at.ID] = true
			if ended {
				break
			}
			next, err := j.ledger.Block(ctx, at.Parent)
			if err != nil {
				return false, err
			}
			at = next
		}
		if !ended {
			left = append(left, at)
		}
	}
	j.trunks = left
	return j.passed[b.ID], nil
}

// isOwn says whether a block may stand in this repository's chains with all before it.
func (j *judge) isOwn(ctx context.Context, b branch.Block) (bool, error) {
	var path []object.Hash
	var verdict bool
	for {
		if known, ok := j.own[b.ID]; ok {
			verdict = known
			break
		}
		path = append(path, b.ID)
		if verdict = j.ledger.Directory.Native(b.Directory, b.Producer.Key); !verdict || b.Parent.IsZero() {
			break
		}
		done, err := j.onTrunk(ctx, b)
		if err != nil {
			return false, err
		}
		if done {
			break
		}
		if b, err = j.ledger.Block(ctx, b.Parent); err != nil {
			return false, err
		}
	}
	for _, id := range path {
		j.own[id] = verdict
	}
	return verdict, nil
}

// check checks a block whose ancestors have been checked, and says whether it is our own.
func (j *judge) check(ctx context.Context, id object.Hash) (own bool, err error) {
	b, err := j.ledger.Block(ctx, id)
	if err != nil {
		return false, err
	}
	if own, err = j.isOwn(ctx, b); err != nil {
		return false, err
	}
	if own {
		return true, j.ledger.Validate(ctx, b)
	}
	if err := j.foreign(ctx, b); err != nil {
		return false, fmt.Errorf("block %s at height %d: %w", id.Short(), b.Height, err)
	}
	return false, nil
}

func (j *judge) foreign(ctx context.Context, b branch.Block) error {
	if err := j.producer(ctx, b); err != nil {
		return err
	}
	if id, found := object.UnknownCritical(b.Extensions); found {
		return fmt.Errorf("%w: critical extension %d is unknown to this version", branch.ErrInvalid, id)
	}
	if !b.Access.IsZero() || !b.Resolver.IsZero() {
		return fmt.Errorf("%w: it uses what this version does not know", branch.ErrInvalid)
	}
	if !b.Parent.IsZero() {
		parent, err := j.ledger.Block(ctx, b.Parent)
		if err != nil {
			return err
		}
		if b.Height != parent.Height+1 || b.TimeMillis <= parent.TimeMillis {
			return fmt.Errorf("%w: height and time do not follow the parent's", branch.ErrInvalid)
		}
	}
	if !b.Absorbed.IsZero() {
		absorbed, err := j.ledger.Block(ctx, b.Absorbed)
		if err != nil {
			return err
		}
		if b.TimeMillis <= absorbed.TimeMillis {
			return fmt.Errorf("%w: it is not later than what it absorbs", branch.ErrInvalid)
		}
	}
	return j.batches(ctx, b)
}

// producer checks that a foreign block was made by who its own Directory says.
func (j *judge) producer(ctx context.Context, b branch.Block) error {
	d, ok := j.directories[b.Directory]
	if !ok {
		var err error
		if d, err = directory.Load(ctx, j.ledger.Objects, b.Directory); err != nil {
			return err
		}
		j.directories[b.Directory] = d
	}
	if d.Lineage != j.ledger.Directory.Lineage || b.Lineage != d.Lineage {
		return fmt.Errorf("%w: %w: its Directory is of lineage %s", branch.ErrInvalid, branch.ErrForeign, d.Lineage.Short())
	}
	if !d.Native(d.ID, b.Producer.Key) {
		return fmt.Errorf("%w: producer %x is not the delegate of its Directory", branch.ErrInvalid, b.Producer.Key[:4])
	}
	return nil
}

// batches checks the batches that a foreign block took.
func (j *judge) batches(ctx context.Context, b branch.Block) error {
	body, err := j.ledger.Body(ctx, b)
	if err != nil {
		return err
	}
	for i := range body.Entries {
		e := &body.Entries[i]
		batch, err := j.ledger.Batch(ctx, e.Batch)
		if err != nil {
			return err
		}
		if err := j.ledger.CheckBatch(ctx, batch); err != nil {
			return err
		}
		for _, run := range e.Runs {
			if run.First+run.Count > batch.Count {
				return fmt.Errorf("%w: batch %s has no transaction %d", branch.ErrInvalid, e.Batch.Short(), run.First+run.Count-1)
			}
		}
	}
	return nil
}
