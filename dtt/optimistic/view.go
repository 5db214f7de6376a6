package optimistic

import (
	"errors"
	"fmt"

	"aergo/dtt"
)

// ErrBlocked is the error of a read that met the estimate of a lower transaction. The
// execution counts for nothing and is repeated later, so that a transaction that gets it
// had better return at once, with any error or none.
var ErrBlocked = errors.New("value is about to change")

// Ledger is the state before the block and what can be done to values. Its methods are
// called by all workers at once, and must be pure functions while the block runs.
type Ledger[V any] interface {
	// Load returns the value of a unit before the block. What is read is only read.
	Load(u dtt.Unit) (V, error)
	// Add returns a value after a delta, and one delta that stands for two. So it is
	// associative; and the deltas that are made on one unit commute.
	Add(value, delta V) V
	// Equal says whether no transaction could tell two values from each other.
	Equal(a, b V) bool
}

// read is a unit that an execution read, and what it saw there of lower transactions.
type read[V any] struct {
	unit  dtt.Unit
	fresh bool // no lower transaction had changed it
	value V
}

// change is a unit that an execution changed. Its kind is written or changed.
type change[V any] struct {
	unit  dtt.Unit
	kind  kind
	value V // or delta
}

// View is the state as one execution of a transaction sees it: that before the block, what
// lower transactions did to it as far as is known, and its own changes. It is for the
// goroutine of the execution, until that ends.
//
// Speculation may show a transaction values that never stand side by side in a serial run.
// Whatever it does then, an error or panic included, counts for nothing. But it must come
// to an end.
type View[V any] struct {
	memory   *memory[V]
	ledger   Ledger[V]
	worker   int
	tx       uint32
	reads    trail[read[V]]
	changes  trail[change[V]]
	deltas   []V // memory of sights
	blocking uint32
	err      error // the first one
}

func (v *View[V]) begin(tx uint32) {
	v.tx, v.blocking, v.err = tx, nobody, nil
	v.reads.reset()
	v.changes.reset()
}

// Worker returns the number of the worker, below the pool's Workers: no two executions
// have the same one at the same time, so it may index scratch memory.
func (v *View[V]) Worker() int { return v.worker }

// Read returns the value of a unit. The error is ErrBlocked, that of Ledger.Load, or one
// of an earlier call.
func (v *View[V]) Read(u dtt.Unit) (V, error) {
	i := v.changes.find(u)
	if i >= 0 && v.changes.entries[i].kind == written && v.err == nil {
		return v.changes.entries[i].value, nil
	}
	value, err := v.under(u)
	if i >= 0 && err == nil {
		value = v.ledger.Add(value, v.changes.entries[i].value)
	}
	return value, err
}

// under returns what the lower transactions left in a unit, and keeps that it was read.
func (v *View[V]) under(u dtt.Unit) (value V, err error) {
	if !v.valid(u) {
		return value, v.err
	}
	if i := v.reads.find(u); i >= 0 {
		return v.reads.entries[i].value, nil
	}
	s := v.memory.cell(u).see(v.tx, v.deltas)
	if s.blocking != nobody {
		v.blocking, v.err = s.blocking, ErrBlocked
		return value, v.err
	}
	if value, err = v.resolve(u, &s); err != nil {
		v.err = fmt.Errorf("unit %d: %w", u, err)
		return value, v.err
	}
	v.reads.add(u, read[V]{unit: u, fresh: s.fresh(), value: value})
	return value, nil
}

// fresh says whether no transaction has changed the unit.
func (s *sight[V]) fresh() bool { return !s.found && len(s.deltas) == 0 }

// resolve returns the value that a sight shows, and keeps the memory of its deltas.
func (v *View[V]) resolve(u dtt.Unit, s *sight[V]) (value V, err error) {
	value = s.value
	if !s.found {
		if value, err = v.ledger.Load(u); err != nil {
			return value, err
		}
	}
	for i := len(s.deltas) - 1; i >= 0; i-- {
		value = v.ledger.Add(value, s.deltas[i])
	}
	v.deltas = s.deltas
	return value, nil
}

// Write sets the value of a unit. A unit out of range makes the transaction fail.
func (v *View[V]) Write(u dtt.Unit, value V) { v.change(u, written, value) }

// Delta changes a unit by a delta, without reading it. A unit out of range makes the
// transaction fail.
func (v *View[V]) Delta(u dtt.Unit, delta V) { v.change(u, changed, delta) }

func (v *View[V]) change(u dtt.Unit, k kind, value V) {
	if !v.valid(u) {
		return
	}
	i := v.changes.find(u)
	if i < 0 {
		v.changes.add(u, change[V]{unit: u, kind: k, value: value})
		return
	}
	c := &v.changes.entries[i]
	if k == changed {
		c.value = v.ledger.Add(c.value, value) // it stays what it was
	} else {
		c.kind, c.value = k, value
	}
}

// fail makes the transaction fail, unless it has failed before.
func (v *View[V]) fail(err error) {
	if v.err == nil {
		v.err = err
	}
}

// valid says whether the execution still counts and the unit exists.
func (v *View[V]) valid(u dtt.Unit) bool {
	if u >= dtt.MaxUnits {
		v.fail(fmt.Errorf("unit %d is above the limit of %d: %w", u, dtt.MaxUnits-1, dtt.ErrAccess))
	}
	return v.err == nil
}

// stands says whether a read of transaction tx would give an equal value now.
func (v *View[V]) stands(tx uint32, r *read[V]) bool {
	s := v.memory.cell(r.unit).see(tx, v.deltas)
	if s.blocking != nobody {
		return false
	}
	if r.fresh && s.fresh() {
		return true
	}
	value, err := v.resolve(r.unit, &s)
	return err == nil && v.ledger.Equal(r.value, value)
}
