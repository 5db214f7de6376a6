package dtt

import (
	"context"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
)

// spins is how often a worker without work looks for some before it goes to sleep: as long
// as it takes to be woken up on a virtual machine, tens of microseconds. The branches of a P
// end at about the same time, so that nobody sleeps in the middle of a block.
const spins = 512

// run is one run of a tree. A worker carries a leaf out and then goes where the tree
// leads: to the next child of an S, to the next unclaimed child of the P it is in, or,
// as the last of a P, up. Only a worker that the tree leads nowhere has to look among
// the open Ps. The counters of a P are the only thing shared on the way.
type run struct {
	plan
	job
	ctx    context.Context
	joints []joint // by node; only those of Ps and cuts are used

	finished atomic.Bool
	halted   atomic.Bool  // a leaf was left out because ctx was done
	failedAt atomic.Int64 // the first failure in block order, as a leafMark or cutMark
	unclaim  atomic.Int32 // len(queue), to look at without the lock

	mu       sync.Mutex
	idle     sync.Cond
	sleepers int
	queue    []uint32 // Ps that may have unclaimed children, the one opened first in front
	err      error    // of what is at failedAt
}

// joint counts the children of a P.
type joint struct {
	claimed  atomic.Uint32 // may exceed the number of children
	finished atomic.Uint32
}

// A failure at a cut comes before one of the leaf behind it.
func cutMark(position uint32) int64 { return 2 * int64(position) }
func leafMark(first uint32) int64   { return 2*int64(first) + 1 }

func newRun(ctx context.Context, j job) *run {
	r := &run{plan: newPlan(j.tree), job: j, ctx: ctx, joints: make([]joint, len(j.tree.nodes))}
	r.idle.L = &r.mu
	r.failedAt.Store(math.MaxInt64)
	return r
}

// result returns the error of a finished run.
func (r *run) result() error {
	if r.halted.Load() {
		return stopped(r.ctx, r.tree)
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
		case Cut:
			if r.record {
				i++
				continue
			}
			r.note(cutMark(r.middle(i)), r.install(r.cutsBefore(i), r.space(i)))
			r.publish(i)
			i = r.claim(i)
		case Parallel:
			r.publish(i)
			i = r.claim(i)
		default:
			r.perform(worker, i)
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
		kind := r.nodes[p].kind
		if kind == Series || kind == Cut && r.record {
			if next := r.nodes[i].end; next != r.nodes[p].end {
				if kind == Cut {
					r.compare(p, 0)
				}
				return next
			}
		} else if r.joints[p].finished.Add(1) < r.links[p].count {
			return r.claim(p)
		} else if kind == Cut {
			r.settle(p)
		}
		i = p
	}
}

// middle returns the position of the first transaction behind a cut.
func (r *run) middle(cut uint32) uint32 { return r.nodes[r.nodes[cut+1].end].first }

// compare compares or records the values at a cut whose left half is done in the given
// space, unless something failed before: then they say nothing.
func (r *run) compare(i uint32, s Space) {
	at := cutMark(r.middle(i))
	if r.failedAt.Load() > at && !r.halted.Load() {
		r.note(at, r.between(r.cutsBefore(i), s))
	}
}

// settle ends a cut whose halves are done.
func (r *run) settle(i uint32) {
	r.compare(i, r.space(i))
	n := &r.nodes[i]
	if end := cutMark(n.first + n.count); r.failedAt.Load() >= end && !r.halted.Load() {
		r.note(end-1, r.adopt(r.cutsBefore(i), r.space(i)))
	}
}

// note notes a failure, if err is one and it is the first in block order.
func (r *run) note(at int64, err error) {
	if err == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if at < r.failedAt.Load() {
		r.failedAt.Store(at)
		r.err = err
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
func (r *run) perform(worker int, i uint32) {
	n := &r.nodes[i]
	if leafMark(n.first) > r.failedAt.Load() {
		return
	}
	if r.ctx.Err() != nil {
		r.halted.Store(true)
		return
	}
	s := r.space(i)
	if r.record {
		s = 0
	}
	r.note(leafMark(n.first), r.job.run(r.ctx, worker, s, n))
}
