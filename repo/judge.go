package repo

import (
	"context"
	"errors"
	"fmt"

	"aergo/branch"
	"aergo/consensus/directory"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/state"
)

// judge says of blocks that came from elsewhere whether they hold.
//
// A block is our own if it, and every block before it along parents, may stand in this
// repository's chains (directory.Directory.Native). Such a block is executed again, and
// then counts as if it had been made here. Any other is foreign: its transactions may come
// in by a merge, which runs them anew, so what has to hold is what a merge relies on:
// hashes, links, and the signatures of batches.
type judge struct {
	ledger *branch.Ledger
	own    map[object.Hash]bool
	trunks []branch.Block // next blocks of the chains of our branches
	passed map[object.Hash]bool

	// light says which blocks are here by their headers only, nil for none. They are not
	// executed, and nothing but Directories is if byProof is set.
	light   func(object.Hash) bool
	byProof bool
}

// executes says whether a block of our own is executed again.
func (j *judge) executes(id object.Hash) bool { return !j.byProof && (j.light == nil || !j.light(id)) }

// judge returns a judge that reads through the ledger.
func (r *Repo) judge(ctx context.Context, l *branch.Ledger) (*judge, error) {
	j := &judge{
		ledger: remembering(l), own: map[object.Hash]bool{}, passed: map[object.Hash]bool{},
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

// judgeCacheBytes is for the nodes of states and accounts that blocks after one another share.
const judgeCacheBytes = 192 << 20

// judgeTransactions bounds the transactions of blocks that are executed at once: more of them
// share the workers inside a block as well.
const judgeTransactions = 1 << 16

// remembering returns a ledger that keeps nodes from one block to the next.
func remembering(l *branch.Ledger) *branch.Ledger {
	with := *l
	with.Nodes = state.NewCache(l.Objects, judgeCacheBytes)
	return &with
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
		cited, err := j.ledger.DirectoryAt(ctx, b.Directory)
		if err != nil {
			return false, err
		}
		if verdict = j.ledger.Directory.Native(cited, b.Producer.Key); !verdict || b.Parent.IsZero() {
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

// judged is a block that a judge has looked at.
type judged struct {
	branch.Block
	body *object.Body
	own  bool
	home *directory.Directory // who made it, if it is not our own
}

// checkAll checks blocks, the ancestors of each before it, and calls fn for each in that
// order. Executing a block needs what the blocks before it say they lead to, and not that
// it has been checked; so as many are executed at once as there are workers, as long as they
// are small. The error is that of the first block at fault.
func (j *judge) checkAll(ctx context.Context, ids []object.Hash, fn func(judged) error) error {
	type task struct {
		judged
		err  error
		done chan struct{}
	}
	ctx, cancel := context.WithCancel(ctx)
	var running []*task
	inside := uint64(0) // transactions of those
	defer func() {
		cancel()
		for _, t := range running {
			<-t.done
		}
	}()
	first := func() error {
		t := running[0]
		running = running[1:]
		if <-t.done; t.err != nil {
			return t.err
		}
		inside -= t.body.Transactions()
		return fn(t.judged)
	}
	for _, id := range ids {
		t := &task{done: make(chan struct{})}
		var err error
		if t.judged, err = j.classify(ctx, id); err != nil {
			for len(running) > 0 { // what is wrong with an earlier block comes first
				if earlier := first(); earlier != nil {
					return earlier
				}
			}
			return err
		}
		n := t.body.Transactions()
		for len(running) > 0 && (len(running) >= j.ledger.Workers.Workers() || inside+n > judgeTransactions) {
			if err := first(); err != nil {
				return err
			}
		}
		inside += n
		running = append(running, t)
		go func() {
			defer close(t.done)
			t.err = j.check(ctx, t.judged)
		}()
	}
	for len(running) > 0 {
		if err := first(); err != nil {
			return err
		}
	}
	return nil
}

// classify says whose a block is.
func (j *judge) classify(ctx context.Context, id object.Hash) (out judged, err error) {
	if out.Block, err = j.ledger.Block(ctx, id); err != nil {
		return out, err
	}
	if out.body = (&object.Body{}); out.Branch.IsZero() || j.light == nil || !j.light(id) {
		out.body, err = j.ledger.Body(ctx, out.Block)
	}
	if err != nil || out.Branch.IsZero() {
		return out, err
	}
	if out.own, err = j.isOwn(ctx, out.Block); err != nil || out.own {
		return out, err
	}
	if out.home, err = j.producer(ctx, out.Block); err != nil {
		return out, fmt.Errorf("block %s at height %d: %w", id.Short(), out.Height, err)
	}
	return out, nil
}

// check checks a block that has been classified, beside others.
func (j *judge) check(ctx context.Context, b judged) error {
	switch {
	case b.Branch.IsZero() && b.Parent.IsZero(): // a Directory's: who it belongs to is part of the genesis
		return j.genesis(ctx, b.ID)
	case b.own && j.executes(b.ID), b.Branch.IsZero():
		return j.ledger.Validate(ctx, b.Block)
	}
	if err := j.foreign(ctx, b); err != nil {
		return fmt.Errorf("block %s at height %d: %w", b.ID.Short(), b.Height, err)
	}
	return nil
}

// genesis checks the first block of a Directory.
func (j *judge) genesis(ctx context.Context, id object.Hash) error {
	_, err := directory.Load(ctx, j.ledger.Objects, id)
	if errors.Is(err, directory.ErrInvalid) || errors.Is(err, key.ErrBadSignature) {
		err = fmt.Errorf("genesis %s: %w: %w", id.Short(), branch.FaultGenesis, err)
	}
	return err
}

func (j *judge) foreign(ctx context.Context, b judged) error {
	if id, found := object.UnknownCritical(b.Extensions, object.ExtensionFounding, object.ExtensionGrounds); found {
		return fmt.Errorf("%w: critical extension %d is unknown to this version", branch.FaultExtension, id)
	}
	if !b.Access.IsZero() {
		return fmt.Errorf("%w: it uses what this version does not know", branch.FaultReserved)
	}
	if !b.Parent.IsZero() {
		parent, err := j.ledger.Block(ctx, b.Parent)
		if err != nil {
			return err
		}
		if err := branch.CheckFollows(b.Block, parent); err != nil {
			return err
		}
	}
	if !b.Absorbed.IsZero() {
		absorbed, err := j.ledger.Block(ctx, b.Absorbed)
		if err != nil {
			return err
		}
		if b.TimeMillis <= absorbed.TimeMillis {
			return fmt.Errorf("%w: it is not later than what it absorbs", branch.FaultAbsorbedTime)
		}
	}
	return j.batches(ctx, b.body)
}

// producer returns the Directory of a foreign block, and checks that the block was made by
// who that says.
func (j *judge) producer(ctx context.Context, b branch.Block) (*directory.Directory, error) {
	d, err := j.ledger.DirectoryAt(ctx, b.Directory)
	if err != nil {
		return nil, err
	}
	if d.Lineage != j.ledger.Directory.Lineage || b.Lineage != d.Lineage {
		return nil, fmt.Errorf("%w: %w: its Directory is of lineage %s", branch.FaultLineage, branch.ErrForeign, d.Lineage.Short())
	}
	if !d.Native(d, b.Producer.Key) {
		return nil, fmt.Errorf("%w: producer %x is not the delegate of its Directory", branch.FaultProducer, b.Producer.Key[:4])
	}
	return d, nil
}

// batches checks the batches that a foreign block took.
func (j *judge) batches(ctx context.Context, body *object.Body) error {
	ids := make([]object.Hash, len(body.Entries))
	for i := range body.Entries {
		ids[i] = body.Entries[i].Batch
	}
	batches, err := j.ledger.CheckBatches(ctx, ids)
	if err != nil {
		return err
	}
	for i := range body.Entries {
		for _, run := range body.Entries[i].Runs {
			if run.First+run.Count > batches[i].Count {
				return fmt.Errorf("%w: batch %s has no transaction %d", branch.FaultNoTransaction, ids[i].Short(), run.First+run.Count-1)
			}
		}
	}
	return nil
}
