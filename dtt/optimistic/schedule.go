package optimistic

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// phase is where a transaction stands.
type phase uint64

const (
	ready     phase = iota // may be executed
	executing              // is being executed by a worker
	executed               // may be validated
	aborting               // is made ready again, or waits for a lower one to be executed
)

// progress is a phase and the number of the incarnation that is in it.
type progress uint64

func at(p phase, incarnation uint32) progress { return progress(uint64(incarnation)<<2 | uint64(p)) }

func (p progress) phase() phase        { return phase(p & 3) }
func (p progress) incarnation() uint32 { return uint32(p >> 2) }

// task is something to do with an incarnation of a transaction.
type task struct {
	job         job
	tx          uint32
	incarnation uint32
}

type job uint8

const (
	idle job = iota
	execution
	validation
)

// slot is what the schedule knows of a transaction. It fills a cache line.
type slot struct {
	progress   atomic.Uint64
	mu         sync.Mutex // guards dependents, and the step to executed
	dependents uint32     // the first transaction that waits for this one, or nobody
	next       uint32     // of those that wait for the same one as this does, the next, or nobody
	_          [40]byte
}

// schedule is the collaborative scheduler of the paper: two counters say which transaction
// to execute and to validate next, and are set back where something has changed. Whoever
// holds a task is counted in active.
type schedule struct {
	slots []slot
	count uint32

	toExecute  counter
	toValidate counter
	setbacks   counter // how often one of the two was set back
	active     counter
	floor      counter // all transactions below it have been executed at least once
	ahead      counter // how far above the floor to go, in steps
	leastAhead int64
	finished   atomic.Bool

	mu       sync.Mutex
	wake     sync.Cond
	sleepers atomic.Int32
}

// Nobody executes a transaction too far above the lowest that has never been executed: if
// that one takes long, or its worker has lost its processor, what runs ahead of it may well
// be in vain. How far is too far follows from how it went so far, as the window of a
// connection does: a step further for each transaction that is done, and half the way
// back for each that is aborted. Where each one needs the one before, that keeps nearly
// everybody from working in vain, which would only hold up those who do not.
const (
	aheadAtFirst = 16 * aheadSteps // for each worker
	aheadSteps   = 4               // to one transaction
)

// counter has a cache line of its own.
type counter struct {
	atomic.Int64
	_ [56]byte
}

func (s *schedule) begin(n, workers int) {
	if cap(s.slots) < n {
		s.slots = make([]slot, n)
	}
	s.slots, s.count = s.slots[:n], uint32(n)
	for i := range s.slots {
		x := &s.slots[i]
		x.progress.Store(uint64(at(ready, 0)))
		x.dependents, x.next = nobody, nobody
	}
	for _, c := range []*counter{&s.toExecute, &s.toValidate, &s.setbacks, &s.active, &s.floor} {
		c.Store(0)
	}
	s.ahead.Store(int64(workers) * aheadAtFirst)
	s.leastAhead = int64(workers+1) / 2 * aheadSteps
	s.finished.Store(n == 0)
	s.wake.L = &s.mu
}

func (s *schedule) progress(tx uint32) progress { return progress(s.slots[tx].progress.Load()) }

func (s *schedule) set(tx uint32, p progress) { s.slots[tx].progress.Store(uint64(p)) }

func (s *schedule) step(tx uint32, from, to progress) bool {
	return s.slots[tx].progress.CompareAndSwap(uint64(from), uint64(to))
}

// next waits for a task. It returns an idle one when the block is finished.
func (s *schedule) next() task {
	for spins := 0; !s.finished.Load(); {
		var t task
		switch s.open() {
		case validation:
			t = s.nextValidation()
		case execution:
			t = s.nextExecution()
		default:
			s.checkFinished()
			s.rest(spins)
			spins++
		}
		if t.job != idle {
			return t
		}
	}
	return task{}
}

// open returns what may be found to do.
func (s *schedule) open() job {
	execute, n := s.toExecute.Load(), int64(s.count)
	if s.toValidate.Load() < min(execute, n) {
		return validation
	}
	if execute < min(n, s.floor.Load()+s.ahead.Load()/aheadSteps) {
		return execution
	}
	return idle
}

func (s *schedule) nextExecution() task {
	s.active.Add(1)
	if tx := s.toExecute.Add(1) - 1; tx < int64(s.count) {
		if t := s.incarnate(uint32(tx)); t.job != idle {
			return t
		}
	}
	s.active.Add(-1)
	return task{}
}

func (s *schedule) nextValidation() task {
	s.active.Add(1)
	if tx := s.toValidate.Add(1) - 1; tx < int64(s.count) {
		if p := s.progress(uint32(tx)); p.phase() == executed {
			return task{validation, uint32(tx), p.incarnation()}
		}
	}
	s.active.Add(-1)
	return task{}
}

// incarnate takes a transaction that is ready for execution.
func (s *schedule) incarnate(tx uint32) task {
	p := s.progress(tx)
	if p.phase() == ready && s.step(tx, p, at(executing, p.incarnation())) {
		return task{execution, tx, p.incarnation()}
	}
	return task{}
}

// wait makes an execution that met an estimate wait for the transaction that will replace
// it. It returns false if that has happened already. Afterwards the worker has no task.
func (s *schedule) wait(t task, blocking uint32) bool {
	b := &s.slots[blocking]
	b.mu.Lock()
	if s.progress(blocking).phase() == executed {
		b.mu.Unlock()
		return false
	}
	s.set(t.tx, at(aborting, t.incarnation))
	s.slots[t.tx].next = b.dependents
	b.dependents = t.tx
	b.mu.Unlock()
	s.active.Add(-1)
	return true
}

// executed ends an execution and returns what to do next, perhaps nothing. Those that
// waited for it are ready again. If it wrote where its last incarnation did not, all that
// comes behind has to be validated again.
func (s *schedule) executed(t task, elsewhere bool) task {
	x := &s.slots[t.tx]
	x.mu.Lock()
	s.set(t.tx, at(executed, t.incarnation))
	first := x.dependents
	x.dependents = nobody
	x.mu.Unlock()
	s.raise()
	s.resume(first)
	if s.toValidate.Load() > int64(t.tx) {
		if !elsewhere {
			return task{validation, t.tx, t.incarnation}
		}
		s.setBack(&s.toValidate, t.tx)
	}
	s.active.Add(-1)
	return task{}
}

// raise raises the floor as far as it goes.
func (s *schedule) raise() {
	raised := false
	for {
		floor := s.floor.Load()
		if floor == int64(s.count) || s.progress(uint32(floor)).phase() != executed {
			break
		}
		if s.floor.CompareAndSwap(floor, floor+1) {
			s.ahead.Add(1)
			raised = true
		}
	}
	if raised {
		s.rouse()
	}
}

// closeUp goes half the way back.
func (s *schedule) closeUp() {
	have := s.ahead.Load()
	s.ahead.CompareAndSwap(have, max(s.leastAhead, have/2))
}

// resume makes the transactions of a list ready.
func (s *schedule) resume(tx uint32) {
	lowest := tx
	for tx != nobody {
		next := s.slots[tx].next
		s.again(tx)
		lowest = min(lowest, tx)
		tx = next
	}
	if lowest != nobody {
		s.setBack(&s.toExecute, lowest)
	}
}

// again makes a transaction that is aborting ready for its next incarnation.
func (s *schedule) again(tx uint32) { s.set(tx, at(ready, s.progress(tx).incarnation()+1)) }

// abort takes an executed incarnation out. It returns false if somebody did so before.
func (s *schedule) abort(t task) bool {
	return s.step(t.tx, at(executed, t.incarnation), at(aborting, t.incarnation))
}

// validated ends a validation and returns what to do next, perhaps nothing.
func (s *schedule) validated(t task, aborted bool) task {
	if aborted {
		s.closeUp()
		s.again(t.tx)
		s.setBack(&s.toValidate, t.tx+1)
		if s.toExecute.Load() > int64(t.tx) {
			if next := s.incarnate(t.tx); next.job != idle {
				return next
			}
		}
	}
	s.active.Add(-1)
	return task{}
}

// setBack sets a counter back to a transaction, if it is beyond.
func (s *schedule) setBack(c *counter, tx uint32) {
	for {
		have := c.Load()
		if have <= int64(tx) || c.CompareAndSwap(have, int64(tx)) {
			break
		}
	}
	s.setbacks.Add(1)
	s.rouse()
}

// checkFinished finishes the block if there is no task and nobody who could make one.
// Who sets a counter back holds a task and counts the setback, so that none goes unseen
// between the looks at the counters and at active.
func (s *schedule) checkFinished() {
	setbacks, n := s.setbacks.Load(), int64(s.count)
	if s.toExecute.Load() >= n && s.toValidate.Load() >= n && s.active.Load() == 0 && s.setbacks.Load() == setbacks {
		s.finish()
	}
}

// finish lets all workers end, after the task they hold.
func (s *schedule) finish() {
	s.finished.Store(true)
	s.rouse()
}

// spins is how often a worker without a task looks for one before it goes to sleep.
const spins = 256

// rest lets others run and, after a while, sleeps until there may be a task.
func (s *schedule) rest(spun int) {
	if spun < spins {
		runtime.Gosched()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sleepers.Add(1)
	defer s.sleepers.Add(-1)
	// Whoever makes a task looks for sleepers afterwards, and finds this one if it has
	// not seen the task.
	for s.open() == idle && !s.finished.Load() {
		if s.active.Load() == 0 {
			return // nobody is left to wake this one
		}
		s.wake.Wait()
	}
}

func (s *schedule) rouse() {
	if s.sleepers.Load() == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake.Broadcast()
}
