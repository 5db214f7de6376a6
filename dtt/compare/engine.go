package compare

import (
	"context"
	"errors"
	"fmt"
	"time"

	"aergo/dtt"
	"aergo/dtt/optimistic"
	"aergo/dtt/workload"
)

// ErrState is wrapped by the error of a run that does not end as the serial one does.
var ErrState = errors.New("another state than that of the serial run")

// Engine is a way to run a block.
type Engine string

// The engines.
const (
	// Serial runs one transaction after another on the slots.
	Serial Engine = "serial"
	// Components runs the connected components of the conflicts side by side.
	Components Engine = "components"
	// Tree builds a tree that keeps conflicting transactions in order, checks it and runs it.
	Tree Engine = "tree"
	// Free is like Tree, in whatever order suits.
	Free Engine = "free tree"
	// Checkpoints checks and runs a published tree in a free order, with checkpoints. To
	// build it, and to record what it claims, is the proposer's work and not in the time.
	Checkpoints Engine = "checkpoints"
	// Optimistic runs speculatively, with no knowledge of what transactions access.
	Optimistic Engine = "optimistic"
)

// Lane is an engine with so many workers.
type Lane struct {
	Engine  Engine
	Workers int
}

func (l Lane) String() string {
	if l.Engine == Serial {
		return string(l.Engine)
	}
	return fmt.Sprintf("%s %d", l.Engine, l.Workers)
}

// Lanes returns the lanes of a comparison, Serial first.
func Lanes() []Lane {
	lanes := []Lane{{Serial, 1}}
	for _, e := range []Engine{Components, Tree, Free, Checkpoints, Optimistic} {
		lanes = append(lanes, Lane{e, 1}, Lane{e, 2})
	}
	return lanes
}

// bed is a block on a machine, and what is known of it beforehand.
type bed struct {
	*workload.Machine
	lists     *dtt.Lists
	costs     []uint32 // in microseconds
	options   dtt.Options
	digest    uint64 // of the serial run
	published published
}

// published is a tree with checkpoints, and the digest of the serial run in its order.
type published struct {
	tree   dtt.Tree
	order  []uint32   // nil for the given one
	lists  *dtt.Lists // in this order
	costs  []uint32   // too
	digest uint64
}

// minLeafMicroseconds is the work that is worth a leaf.
const minLeafMicroseconds = 20

func newBed(ctx context.Context, lists *dtt.Lists, workMicroseconds, roundsPerMicrosecond int) (*bed, error) {
	b := &bed{
		Machine: workload.NewMachine(lists, workMicroseconds*roundsPerMicrosecond),
		lists:   lists, costs: make([]uint32, lists.Len()),
		options: dtt.Options{MinLeaf: minLeafMicroseconds},
	}
	for i := range b.costs {
		b.costs[i] = uint32(workMicroseconds)
	}
	b.serial()
	b.digest = b.Digest()
	return b, b.publish(ctx)
}

// publish does what a proposer does for Checkpoints.
func (b *bed) publish(ctx context.Context) (err error) {
	p := &b.published
	var planner dtt.Planner
	free := b.options
	free.FreeOrder = true
	p.tree, p.order = planner.BuildReordering(b.lists, b.costs, free)
	if p.lists, err = b.lists.Reorder(p.order); err != nil {
		return err
	}
	p.costs = b.costs
	if p.order != nil {
		p.costs = make([]uint32, len(p.order))
		for i, tx := range p.order {
			p.costs[i] = b.costs[tx]
		}
	}
	p.tree = planner.Checkpoint(p.tree, p.lists, p.costs, free)
	pool := dtt.NewPool(1)
	defer pool.Close()
	b.Reset()
	if p.tree, err = pool.Record(ctx, p.tree, workload.NewSpaces(b.Machine, p.order, p.tree)); err != nil {
		return err
	}
	p.digest = b.Digest()
	if again := b.digestOf(p.order); again != p.digest {
		return ErrState
	}
	return nil
}

// digestOf returns the digest of a serial run in some order.
func (b *bed) digestOf(order []uint32) uint64 {
	b.Reset()
	b.span(order, 0, b.lists.Len())
	return b.Digest()
}

// span runs transactions one after another: some of an order, nil for the given one.
func (b *bed) span(order []uint32, first, count int) {
	if order == nil {
		for tx := first; tx < first+count; tx++ {
			b.Run(tx)
		}
		return
	}
	for _, tx := range order[first : first+count] {
		b.Run(int(tx))
	}
}

// time resets the machine, runs a block on it and returns how long the run took. The run
// returns the digest that it should end with.
func (b *bed) time(run func() (uint64, error)) (time.Duration, error) {
	b.Reset()
	start := time.Now()
	digest, err := run()
	took := time.Since(start)
	if err == nil && b.Digest() != digest {
		err = ErrState
	}
	return took, err
}

func (b *bed) serial() { b.span(nil, 0, b.lists.Len()) }

// workshop is what the lanes with one number of workers keep from one run to the next.
type workshop struct {
	pool    *dtt.Pool
	planner dtt.Planner
	checker dtt.Checker
	grouper grouper
	engine  *optimistic.Engine[uint64]
}

func newWorkshop(workers int) *workshop {
	return &workshop{pool: dtt.NewPool(workers), engine: optimistic.New[uint64](ledger{})}
}

func (w *workshop) close() { w.pool.Close() }

// run runs a block by an engine and returns the digest that this should end with.
func (w *workshop) run(ctx context.Context, e Engine, b *bed) (digest uint64, err error) {
	switch e {
	case Serial:
		b.serial()
		return b.digest, nil
	case Components:
		tree, order := w.grouper.group(b.lists, b.costs, w.pool.Workers())
		return b.digest, w.follow(ctx, b, tree, order)
	case Tree:
		return b.digest, w.plan(ctx, b, b.options)
	case Free:
		free := b.options
		free.FreeOrder = true
		return b.published.digest, w.plan(ctx, b, free)
	case Checkpoints:
		p := &b.published
		if err := w.checker.Check(p.lists, p.tree); err != nil {
			return 0, err
		}
		if p.tree.Cuts() == 0 {
			return p.digest, w.follow(ctx, b, p.tree, p.order)
		}
		return p.digest, w.pool.RunCheckpoints(ctx, p.tree, workload.NewSpaces(b.Machine, p.order, p.tree))
	case Optimistic:
		return b.digest, w.speculate(ctx, b)
	}
	return 0, fmt.Errorf("engine %q is unknown", e)
}

// plan builds a tree, checks it and runs it.
func (w *workshop) plan(ctx context.Context, b *bed, options dtt.Options) error {
	tree, order := w.planner.BuildReordering(b.lists, b.costs, options)
	lists, err := b.lists.Reorder(order)
	if err != nil {
		return err
	}
	if err := w.checker.Check(lists, tree); err != nil {
		return err
	}
	return w.follow(ctx, b, tree, order)
}

// follow runs a tree of the transactions in some order, nil for the given one.
func (w *workshop) follow(ctx context.Context, b *bed, tree dtt.Tree, order []uint32) error {
	return w.pool.Run(ctx, tree, func(_ context.Context, _, first, count int) error {
		b.span(order, first, count)
		return nil
	})
}

// speculate runs a block optimistically and puts the outcome into the slots.
func (w *workshop) speculate(ctx context.Context, b *bed) error {
	err := w.engine.Run(ctx, w.pool, b.lists.Len(), func(_ context.Context, tx int, v *optimistic.View[uint64]) error {
		return b.RunOn(tx, v)
	})
	if err != nil {
		return err
	}
	return w.engine.Changes(func(u dtt.Unit, value uint64) error {
		b.SetValue(u, value)
		return nil
	})
}

// ledger is the first state of a machine.
type ledger struct{}

func (ledger) Load(u dtt.Unit) (uint64, error) { return workload.Opening(u), nil }
func (ledger) Add(a, b uint64) uint64          { return a + b }
func (ledger) Equal(a, b uint64) bool          { return a == b }
