package optimistic

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"

	"aergo/dtt"
)

// ErrNoResult is the error of asking for the result of a run that failed, or never was.
var ErrNoResult = errors.New("no block has run to its end")

// Execute executes the transaction at position tx of the block on a view. It must be a
// deterministic function of what it reads there. It is called any number of times for one
// transaction, on any worker, but never twice at once; the last call is the one that counts,
// so that it may leave an outcome in memory of the transaction's own. An error fails the
// block: a transaction that has merely come to nothing makes no changes and returns nil.
type Execute[V any] func(ctx context.Context, tx int, view *View[V]) error

// Engine runs blocks, one at a time, and keeps its memory from one to the next: about 140
// bytes for each transaction and 32 for each unit, and what was read and written. A unit
// costs its part of a page even if only its neighbours are touched.
//
// To read a unit takes time in proportion to the deltas that lower transactions left on it
// since the last write.
type Engine[V any] struct {
	ledger   Ledger[V]
	memory   memory[V]
	schedule schedule
	records  []atomic.Pointer[record[V]] // of the transactions' last incarnations
	workers  []worker[V]
	ran      int  // transactions whose versions are in memory
	complete bool // and are the result
}

// record is what an incarnation did. It never changes: others may still look at it when
// the next incarnation has put its own in its place.
type record[V any] struct {
	reads   []read[V]
	changes []change[V]
	err     error
}

// worker is what one worker needs. Workers do not share cache lines.
type worker[V any] struct {
	view    View[V]
	reads   arena[read[V]]
	changes arena[change[V]]
	records arena[record[V]]
	stats   Stats
	_       [64]byte
}

// New returns an engine for blocks on a ledger.
func New[V any](ledger Ledger[V]) *Engine[V] { return &Engine[V]{ledger: ledger} }

// Stats counts what a run did. Only the number of transactions is the same in every run.
type Stats struct {
	Transactions int
	Executions   int // each time to the end
	Blocked      int // executions that met an estimate
	Validations  int
}

// Run runs a block of n transactions on the workers of a pool. It returns the error of
// the failed transaction that comes first in block order, as a serial run would meet it; a
// panic counts as an error, a *dtt.PanicError. Once ctx is done no execution begins, and
// the error wraps ctx's.
func (e *Engine[V]) Run(ctx context.Context, pool *dtt.Pool, n int, execute Execute[V]) error {
	e.clear()
	if n < 0 || n > dtt.MaxTransactions {
		return fmt.Errorf("block of %d transactions: %w", n, dtt.ErrAccess)
	}
	e.begin(n, pool.Workers())
	err := pool.Run(ctx, dtt.Even(pool.Workers(), pool.Workers()), func(ctx context.Context, _, at, count int) error {
		for i := range count {
			if err := e.work(ctx, &e.workers[at+i], execute); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("optimistic run of %d transactions: %w", n, err)
	}
	for tx := range e.records[:n] {
		if err := e.records[tx].Load().err; err != nil {
			return fmt.Errorf("transaction %d: %w", tx, err)
		}
	}
	e.complete = true
	return nil
}

// clear forgets the last block.
func (e *Engine[V]) clear() {
	for tx := range e.records[:e.ran] {
		if r := e.records[tx].Swap(nil); r != nil {
			for i := range r.changes {
				e.memory.cell(r.changes[i].unit).clear()
			}
		}
	}
	for i := range e.workers {
		w := &e.workers[i]
		w.reads.reset()
		w.changes.reset()
		w.records.reset()
		w.stats = Stats{}
		clear(w.view.deltas)
	}
	e.ran, e.complete = 0, false
}

func (e *Engine[V]) begin(n, workers int) {
	e.schedule.begin(n, workers)
	if len(e.records) < n {
		e.records = make([]atomic.Pointer[record[V]], n)
	}
	if len(e.workers) != workers {
		e.workers = make([]worker[V], workers)
	}
	for i := range e.workers {
		v := &e.workers[i].view
		v.memory, v.ledger, v.worker = &e.memory, e.ledger, i
	}
	e.ran = n
}

// work does tasks until the block is finished. If it fails, nobody goes on.
func (e *Engine[V]) work(ctx context.Context, w *worker[V], execute Execute[V]) (err error) {
	t := task{}
	defer func() {
		if p := recover(); p != nil { // from the ledger
			err = panicked(t.tx, p)
		}
		e.schedule.finish()
	}()
	for t = e.schedule.next(); t.job != idle; {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if t.job == execution {
			t = e.execute(ctx, w, t, execute)
		} else {
			t = e.validate(w, t)
		}
		if t.job == idle {
			t = e.schedule.next()
		}
	}
	return nil
}

// execute executes an incarnation and returns what to do next, perhaps nothing.
func (e *Engine[V]) execute(ctx context.Context, w *worker[V], t task, execute Execute[V]) task {
	v := &w.view
	for {
		v.begin(t.tx)
		err := call(ctx, execute, v)
		if v.blocking == nobody {
			w.stats.Executions++
			if v.err == nil {
				v.err = err
			}
			return e.schedule.executed(t, e.keep(w, t))
		}
		w.stats.Blocked++
		if e.schedule.wait(t, v.blocking) {
			return task{}
		}
	}
}

// call executes a transaction and turns a panic into an error.
func call[V any](ctx context.Context, execute Execute[V], v *View[V]) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(v.tx, p)
		}
	}()
	return execute(ctx, int(v.tx), v)
}

func panicked(tx uint32, value any) error {
	return &dtt.PanicError{First: int(tx), Count: 1, Value: value, Stack: debug.Stack()}
}

// keep puts what an incarnation did in the place of what the last one did, and says
// whether it wrote elsewhere. An incarnation that failed changes nothing.
func (e *Engine[V]) keep(w *worker[V], t task) (elsewhere bool) {
	v := &w.view
	if v.err != nil {
		v.changes.reset()
	}
	for i := range v.changes.entries {
		c := &v.changes.entries[i]
		added := e.memory.cell(c.unit).put(version[V]{tx: t.tx, incarnation: t.incarnation, kind: c.kind, value: c.value})
		elsewhere = elsewhere || added
	}
	if last := e.records[t.tx].Load(); last != nil {
		for i := range last.changes {
			e.memory.cell(last.changes[i].unit).drop(t.tx, t.incarnation)
		}
	}
	r := w.records.one(record[V]{reads: w.reads.copy(v.reads.entries), changes: w.changes.copy(v.changes.entries), err: v.err})
	e.records[t.tx].Store(r)
	return elsewhere
}

// validate looks whether an incarnation would read the same again, and returns what to do
// next, perhaps nothing.
func (e *Engine[V]) validate(w *worker[V], t task) task {
	w.stats.Validations++
	r := e.records[t.tx].Load()
	stands := true
	for i := 0; i < len(r.reads) && stands; i++ {
		stands = w.view.stands(t.tx, &r.reads[i])
	}
	aborted := !stands && e.schedule.abort(t)
	if aborted {
		for i := range r.changes {
			e.memory.cell(r.changes[i].unit).estimate(t.tx)
		}
	}
	return e.schedule.validated(t, aborted)
}

// arena gives out memory that is never moved and taken back all at once.
type arena[T any] struct {
	block []T
	full  [][]T // earlier blocks of this run
}

const arenaBlock = 1 << 10

// copy returns a copy of some entries.
func (a *arena[T]) copy(from []T) []T {
	a.reserve(len(from))
	start := len(a.block)
	a.block = append(a.block, from...)
	return a.block[start:len(a.block):len(a.block)]
}

// one returns the address of a copy of one entry.
func (a *arena[T]) one(x T) *T {
	a.reserve(1)
	a.block = append(a.block, x)
	return &a.block[len(a.block)-1]
}

// reserve makes room for n entries. Blocks double, so that a few runs leave one that is
// large enough for all.
func (a *arena[T]) reserve(n int) {
	if len(a.block)+n > cap(a.block) {
		a.full = append(a.full, a.block)
		a.block = make([]T, 0, max(arenaBlock, 2*cap(a.block), n))
	}
}

func (a *arena[T]) reset() {
	clear(a.block)
	a.block, a.full = a.block[:0], nil
}
