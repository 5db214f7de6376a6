package dtt

import (
	"context"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
)

// spins is how often a worker without work looks for some before it goes to sleep: about
// as long as waking it up takes.
const spins = 64

// run is one run of a tree. A worker carries a leaf out and then goes where the tree
// leads: to the next child of an S, to the next unclaimed child of the P it is in, or,
// as the last of a P, up. Only a worker that the tree leads nowhere has to look among
// the open Ps. The counters of a P are the only thing shared on the way.
type run struct {
	plan
	ctx    context.Context
	leaf   LeafFunc
	joints []joint // by node; only those of Ps are used

	finished atomic.Bool
	halted   atomic.Bool  // a leaf was left out because ctx was done
	failedAt atomic.Int64 // the first position of the first failed leaf in block order
	unclaim  atomic.Int32 // len(queue), to look at without the lock

	mu       sync.Mutex
	idle     sync.Cond
	sleepers int
	queue    []uint32 // Ps that may have unclaimed children, the one opened first in front
	err      error    // of the leaf at failedAt
}

// joint counts the children of a P.
type joint struct {
	claimed  atomic.Uint32 // may exceed the number of children
	finished atomic.Uint32
}

func newRun(ctx context.Context, t Tree, leaf LeafFunc) *run {
	r := &run{plan: newPlan(t), ctx: ctx, leaf: leaf, joints: make([]joint, len(t.nodes))}
	r.idle.L = &r.mu
	r.failedAt.Store(math.MaxInt64)
	return r
}

// result returns the error of a finished run.
func (r *run) result() error {
	if r.halted.Load() {
		return stopped(r.ctx, Tree{r.nodes})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// lead starts the run as worker 0 and returns when it is finished.
func (r *run) lead() {
	r.follow(0, 0)
	r.help(0)
}

// help works until the run is finished.
func (r *run) help(worker int) {
	for {
		i := r.find()
		if i == none {
			return
		}
		r.follow(worker, i)
	}
}

// follow runs node i and then whatever the tree leads to.
func (r *run) follow(worker int, i uint32) {
	for i != none {
		switch r.nodes[i].kind {
		case Series:
			i++
		case Parallel:
			r.publish(i)
			i = r.claim(i)
		default:
			r.perform(worker, &r.nodes[i])
			i = r.complete(i)
		}
	}
}

// complete notes that node i is done and returns what to run next, or none.
func (r *run) complete(i uint32) uint32 {
	for {
		p := r.links[i].parent
		if p == none {
			r.finish()
			return none
		}
		if r.nodes[p].kind == Series {
			if next := r.nodes[i].end; next != r.nodes[p].end {
				return next
			}
		} else if r.joints[p].finished.Add(1) < r.links[p].count {
			return r.claim(p)
		}
		i = p
	}
}

// claim takes an unclaimed child of a P, or returns none.
func (r *run) claim(p uint32) uint32 {
	if k := r.joints[p].claimed.Add(1) - 1; k < r.links[p].count {
		return r.children(p)[k]
	}
	return none
}

// publish offers the children of a P to all workers.
func (r *run) publish(p uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = append(r.queue, p)
	r.unclaim.Store(int32(len(r.queue)))
	if r.sleepers == 0 {
		return
	}
	if int(r.links[p].count) > r.sleepers {
		r.idle.Broadcast()
		return
	}
	for range r.links[p].count - 1 {
		r.idle.Signal()
	}
}

// find waits for a child of any P and claims it. It returns none when the run is
// finished.
func (r *run) find() uint32 {
	for range spins {
		if r.finished.Load() {
			return none
		}
		if r.unclaim.Load() > 0 {
			r.mu.Lock()
			i := r.claimAny()
			r.mu.Unlock()
			if i != none {
				return i
			}
		}
		runtime.Gosched()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.finished.Load() {
		if i := r.claimAny(); i != none {
			return i
		}
		r.sleepers++
		r.idle.Wait()
		r.sleepers--
	}
	return none
}

// claimAny claims a child of the first P that has one left, and drops those before it.
// The lock is held.
func (r *run) claimAny() uint32 {
	for len(r.queue) > 0 {
		if i := r.claim(r.queue[0]); i != none {
			return i
		}
		r.queue = r.queue[1:]
		r.unclaim.Store(int32(len(r.queue)))
	}
	return none
}

func (r *run) finish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.finished.Store(true)
	r.idle.Broadcast()
}

// perform runs a leaf, unless an earlier one in block order failed or ctx is done. A leaf
// before every failure is always run: whichever order the workers take, the failure that
// a serial run meets first is found.
func (r *run) perform(worker int, n *node) {
	if int64(n.first) > r.failedAt.Load() {
		return
	}
	if r.ctx.Err() != nil {
		r.halted.Store(true)
		return
	}
	err := call(r.ctx, r.leaf, worker, int(n.first), int(n.count))
	if err == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if int64(n.first) < r.failedAt.Load() {
		r.failedAt.Store(int64(n.first))
		r.err = err
	}
}
