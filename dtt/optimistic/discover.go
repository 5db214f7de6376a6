package optimistic

import (
	"context"

	"aergo/dtt"
)

// State is a Ledger by key: the state before the block and what can be done to values. Its
// methods are called by all workers at once, and must be pure functions while a block runs.
type State[K comparable, V any] interface {
	// Load returns the value of a key before the block. What is read is only read.
	Load(key K) (V, error)
	// Add returns a value after a delta, and one delta that stands for two; see Ledger.
	Add(value, delta V) V
	// Equal says whether no transaction could tell two values from each other.
	Equal(a, b V) bool
}

// Discoverer runs blocks of transactions of which nobody knows beforehand what they touch,
// on a state of arbitrary keys, and says what they touched and what came of it. It runs one
// block at a time and keeps its memory, the engine's and that of Keys, from one to the next.
// Byte keys are strings here: they must not change while the block runs.
type Discoverer[K comparable, V any] struct {
	keys    *Keys[K]
	engine  *Engine[V]
	views   []keyViewOf[K, V] // by worker
	builder dtt.ListBuilder
	numbers []dtt.Unit // by unit of keys: that of the lists, or unnumbered
}

// keyViewOf keeps the views of two workers out of one cache line.
type keyViewOf[K comparable, V any] struct {
	KeyView[K, V]
	_ [48]byte
}

// Discovered is what a block came to. It is valid until the discoverer's next run.
type Discovered[K comparable, V any] struct {
	// Lists are the exact access lists of the transactions: reads, deltas and writes. Units
	// are numbered in the order in which the block touches them, whatever the workers did.
	Lists *dtt.Lists
	// Keys are the keys by unit.
	Keys []K
	// Changes are the values after the block of all units that it changes, in the order in
	// which it first changes them.
	Changes []Change[V]
}

// Change is the value that a block leaves in a unit of its lists.
type Change[V any] struct {
	Unit  dtt.Unit
	Value V
}

// KeyView is a View by key, with its rules.
type KeyView[K comparable, V any] struct {
	view *View[V]
	keys *Keys[K]
}

// Worker returns the number of the worker: see View.Worker.
func (v *KeyView[K, V]) Worker() int { return v.view.Worker() }

// Read returns the value of a key: see View.Read. With more keys than there are units the
// error is dtt.ErrAccess.
func (v *KeyView[K, V]) Read(key K) (value V, err error) {
	u, err := v.keys.Unit(key)
	if err != nil {
		v.view.fail(err)
		return value, err
	}
	return v.view.Read(u)
}

// Write sets the value of a key: see View.Write.
func (v *KeyView[K, V]) Write(key K, value V) { v.change(key, written, value) }

// Delta changes the value of a key by a delta, without reading it: see View.Delta.
func (v *KeyView[K, V]) Delta(key K, delta V) { v.change(key, changed, delta) }

func (v *KeyView[K, V]) change(key K, k kind, value V) {
	u, err := v.keys.Unit(key)
	if err != nil {
		v.view.fail(err)
		return
	}
	v.view.change(u, k, value)
}

// byKey is a State as a Ledger.
type byKey[K comparable, V any] struct {
	State[K, V]
	keys *Keys[K]
}

func (l byKey[K, V]) Load(u dtt.Unit) (value V, err error) {
	key, ok := l.keys.Key(u)
	if !ok {
		return value, dtt.ErrAccess
	}
	return l.State.Load(key)
}

// NewDiscoverer returns a discoverer for blocks on a state. The state may move on between
// two blocks.
func NewDiscoverer[K comparable, V any](state State[K, V]) *Discoverer[K, V] {
	keys := NewKeys[K]()
	return &Discoverer[K, V]{keys: keys, engine: New[V](byKey[K, V]{state, keys})}
}

// Run runs a block of n transactions, as Engine.Run does, and returns what it came to.
func (d *Discoverer[K, V]) Run(
	ctx context.Context, pool *dtt.Pool, n int, execute func(ctx context.Context, tx int, view *KeyView[K, V]) error,
) (*Discovered[K, V], error) {
	d.keys.Reset()
	if len(d.views) != pool.Workers() {
		d.views = make([]keyViewOf[K, V], pool.Workers())
	}
	err := d.engine.Run(ctx, pool, n, func(ctx context.Context, tx int, view *View[V]) error {
		v := &d.views[view.Worker()].KeyView
		*v = KeyView[K, V]{view, d.keys}
		return execute(ctx, tx, v)
	})
	if err != nil {
		return nil, err
	}
	return d.found()
}

// Stats returns what the last run did.
func (d *Discoverer[K, V]) Stats() Stats { return d.engine.Stats() }

// unnumbered is the number of a unit that speculation met but the block does not touch.
const unnumbered = dtt.Unit(dtt.MaxUnits)

// found reads the outcome of a run that went well.
func (d *Discoverer[K, V]) found() (*Discovered[K, V], error) {
	out := &Discovered[K, V]{}
	d.numbers = d.numbers[:0]
	for range d.keys.Len() {
		d.numbers = append(d.numbers, unnumbered)
	}
	var err error
	out.Lists, err = d.engine.lists(&d.builder, func(u dtt.Unit) dtt.Unit {
		if d.numbers[u] == unnumbered {
			d.numbers[u] = dtt.Unit(len(out.Keys))
			key, _ := d.keys.Key(u)
			out.Keys = append(out.Keys, key)
		}
		return d.numbers[u]
	})
	if err != nil {
		return nil, err
	}
	err = d.engine.Changes(func(u dtt.Unit, value V) error {
		out.Changes = append(out.Changes, Change[V]{d.numbers[u], value})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
