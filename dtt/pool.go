package dtt

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// ErrClosed is returned by the Run of a closed pool.
var ErrClosed = errors.New("pool is closed")

// PanicError is the error of a leaf that panicked.
type PanicError struct {
	First, Count int // the leaf
	Value        any // what it panicked with
	Stack        []byte
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("transactions %d to %d panicked: %v", e.First, e.First+e.Count-1, e.Value)
}

// LeafFunc runs the count transactions from position first on, in order. It runs on the
// worker of the given number, below the pool's Workers: no two leaves of one run have the
// same worker at the same time, so it may index scratch memory by it. What it did is seen
// by every leaf that comes after it in the tree. It must not call runtime.Goexit, nor
// Run of the same pool.
type LeafFunc func(ctx context.Context, worker, first, count int) error

// Pool is a set of persistent workers that run trees, one tree at a time. It is safe for
// use by any number of goroutines.
type Pool struct {
	wake    []chan struct{} // one for each worker but the first, who is the caller of Run
	turn    chan struct{}   // held by the goroutine that runs a tree
	current atomic.Pointer[run]
	stopped sync.WaitGroup
	closed  bool // guarded by turn
}

// NewPool starts a pool of so many workers, at least one. The caller of Run is one of
// them, so that a pool of one has no goroutine.
func NewPool(workers int) *Pool {
	p := &Pool{turn: make(chan struct{}, 1)}
	for id := 1; id < workers; id++ {
		wake := make(chan struct{}, 1)
		p.wake = append(p.wake, wake)
		p.stopped.Go(func() { p.serve(id, wake) })
	}
	return p
}

// Workers returns the number of workers.
func (p *Pool) Workers() int { return len(p.wake) + 1 }

// Close waits for the run under way and stops the workers. Later runs fail.
func (p *Pool) Close() {
	p.turn <- struct{}{}
	defer func() { <-p.turn }()
	if p.closed {
		return
	}
	p.closed = true
	for _, wake := range p.wake {
		close(wake)
	}
	p.stopped.Wait()
}

// serve helps with one run after another. Between two it looks out for the next for a
// while before it goes to sleep: a block often follows at once.
func (p *Pool) serve(id int, wake <-chan struct{}) {
	for {
		for i := 0; i < spins && len(wake) == 0; i++ {
			runtime.Gosched()
		}
		if _, open := <-wake; !open {
			return
		}
		if r := p.current.Load(); r != nil {
			r.help(id)
		}
	}
}

// Run runs every leaf of a tree: the children of an S in order, those of a P side by
// side. It returns when no leaf is running any more.
//
// The error is that of the failed leaf which comes first in block order, as it would be
// in a serial run: after a failure, leaves that come later are no longer started, those
// that come earlier are. A panic in a leaf becomes a *PanicError. Once ctx is done no
// leaf is started; if that left any out, the error wraps ctx's.
//
// A tree with cuts is refused with ErrCheckpoint: see RunCheckpoints.
func (p *Pool) Run(ctx context.Context, t Tree, leaf LeafFunc) error {
	if t.Cuts() > 0 {
		return fmt.Errorf("run of %d transactions: %w: nothing to compare %d cuts with", t.Len(), ErrCheckpoint, t.Cuts())
	}
	return p.start(ctx, job{tree: t, leaf: leaf})
}

func (p *Pool) start(ctx context.Context, j job) error {
	t := j.tree
	if ctx.Err() != nil {
		return stopped(ctx, t)
	}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return stopped(ctx, t)
	}
	if p.closed {
		return ErrClosed
	}
	leaves := t.Leaves()
	if len(p.wake) == 0 || leaves == 1 {
		return j.runInline(ctx)
	}
	if leaves == 0 {
		return nil
	}
	r := newRun(ctx, j)
	p.current.Store(r)
	for _, wake := range p.wake[:min(len(p.wake), leaves-1)] {
		select {
		case wake <- struct{}{}:
		default: // the worker is on its way already, and finds the current run
		}
	}
	r.lead()
	p.current.Store(nil)
	return r.result()
}

func stopped(ctx context.Context, t Tree) error {
	return fmt.Errorf("run of %d transactions stopped: %w", t.Len(), ctx.Err())
}

// runInline runs the leaves one after another.
func (j *job) runInline(ctx context.Context) error {
	t := j.tree
	middles := map[uint32]int{} // the cut whose right half a node is
	for k := range t.cuts {
		middles[t.right(&t.cuts[k])] = k
	}
	for i := range t.nodes {
		if k, ok := middles[uint32(i)]; ok {
			if err := j.between(k, 0); err != nil {
				return err
			}
		}
		n := &t.nodes[i]
		if n.kind != Leaf {
			continue
		}
		if ctx.Err() != nil {
			return stopped(ctx, t)
		}
		if err := j.run(ctx, 0, 0, n); err != nil {
			return err
		}
	}
	return nil
}

// guard calls a function that does something for some transactions, and turns a panic
// into an error.
func guard(first, count int, do func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{First: first, Count: count, Value: v, Stack: debug.Stack()}
		}
	}()
	return do()
}
