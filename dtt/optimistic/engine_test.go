package optimistic

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"aergo/dtt"
)

func newPool(t testing.TB, workers int) *dtt.Pool {
	t.Helper()
	p := dtt.NewPool(workers)
	t.Cleanup(p.Close)
	return p
}

// Random blocks end as the serial run does, in values, in access lists and in failures,
// with one engine for many blocks and for any number of workers.
func TestEqualsSerial(t *testing.T) {
	for workers := 1; workers <= 16; workers++ {
		t.Run(fmt.Sprint(workers), func(t *testing.T) {
			rng := source(t)
			pool, e := newPool(t, workers), New[uint64](sums{})
			for range 300 {
				b := randomBlock(rng)
				s := runSerial(b)
				if err := e.Run(t.Context(), pool, len(b), b.execute); err != nil {
					t.Fatal(err)
				}
				same(t, e, s)
			}
		})
	}
}

func FuzzEqualsSerial(f *testing.F) {
	pools := []*dtt.Pool{newPool(f, 1), newPool(f, 2), newPool(f, 3), newPool(f, 8)}
	f.Add(uint64(1), uint8(1))
	f.Add(uint64(2), uint8(3))
	f.Fuzz(func(t *testing.T, seed uint64, workers uint8) {
		b := randomBlock(rand.New(rand.NewPCG(seed, 2)))
		e := New[uint64](sums{})
		if err := e.Run(t.Context(), pools[int(workers)%len(pools)], len(b), b.execute); err != nil {
			t.Fatal(err)
		}
		same(t, e, runSerial(b))
	})
}

func TestFailsAsSerial(t *testing.T) {
	rng := source(t)
	e, failures := New[uint64](sums{}), 0
	pools := []*dtt.Pool{newPool(t, 1), newPool(t, 2), newPool(t, 5)}
	for round := range 600 {
		b := randomBlock(rng)
		for i := range b {
			b[i].fails = rng.IntN(20) == 0
		}
		s := runSerial(b)
		err := e.Run(t.Context(), pools[round%3], len(b), b.execute)
		if s.failed < 0 {
			if err != nil {
				t.Fatal(err)
			}
			same(t, e, s)
			continue
		}
		failures++
		if want := fmt.Sprintf("transaction %d: odd", s.failed); err == nil || err.Error() != want || !errors.Is(err, errOdd) {
			t.Fatalf("got %v, want %s", err, want)
		}
		refused(t, e)
	}
	if failures == 0 {
		t.Error("no block failed")
	}
}

// refused fails unless there is no result.
func refused(t *testing.T, e *Engine[uint64]) {
	t.Helper()
	var b dtt.ListBuilder
	_, err := e.Lists(&b)
	_, _, err2 := e.Renumbered(&b)
	err3 := e.Changes(func(dtt.Unit, uint64) error { return nil })
	for _, err := range []error{err, err2, err3} {
		if !errors.Is(err, ErrNoResult) {
			t.Errorf("there is a result: %v", err)
		}
	}
}

// What a transaction leaves in memory of its own is what its last execution left.
func TestOutcomes(t *testing.T) {
	rng := source(t)
	pool, e := newPool(t, 4), New[uint64](sums{})
	for range 300 {
		b := randomBlock(rng)
		outcomes := make([]uint64, len(b))
		err := e.Run(t.Context(), pool, len(b), func(ctx context.Context, tx int, v *View[uint64]) error {
			outcomes[tx]++ // the race detector watches
			if err := b[tx].run(v); err != nil {
				return err
			}
			value, err := v.Read(3)
			outcomes[tx] = value
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		s := &serial{values: map[dtt.Unit]uint64{}}
		for tx := range b {
			s.lists.Begin()
			if err := b[tx].run(one{s, map[dtt.Unit]bool{}}); err != nil {
				t.Fatal(err)
			}
			if outcomes[tx] != s.get(3) {
				t.Fatalf("transaction %d left %d, want %d", tx, outcomes[tx], s.get(3))
			}
		}
	}
}

// Deltas alone never make anybody run again, however hot their unit is.
func TestDeltasCommute(t *testing.T) {
	const n = 2000
	pool, e := newPool(t, 4), New[uint64](sums{})
	err := e.Run(t.Context(), pool, n, func(_ context.Context, tx int, v *View[uint64]) error {
		v.Delta(5, 1)
		if tx == n-1 {
			return nil
		}
		v.Delta(5, 2)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := e.Stats(); got.Executions != n || got.Blocked != 0 || got.Transactions != n {
		t.Errorf("%+v", got)
	}
	err = e.Changes(func(u dtt.Unit, value uint64) error {
		if before, _ := (sums{}).Load(5); u != 5 || value != before+3*n-2 {
			t.Errorf("unit %d is %d", u, value)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A transaction sees its own changes, and its reads of them are none of the state.
func TestOwnChanges(t *testing.T) {
	e := New[uint64](sums{})
	var got []uint64
	err := e.Run(t.Context(), newPool(t, 1), 1, func(_ context.Context, _ int, v *View[uint64]) error {
		look := func(u dtt.Unit) {
			value, err := v.Read(u)
			if err != nil {
				t.Error(err)
			}
			got = append(got, value)
		}
		v.Write(1, 10)
		look(1)
		v.Delta(1, 5)
		look(1)
		v.Delta(2, 7)
		look(2)
		v.Delta(2, 1)
		look(2)
		v.Delta(3, 9)
		v.Write(3, 4)
		look(3)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	before, _ := sums{}.Load(2)
	if want := []uint64{10, 15, before + 7, before + 8, 4}; !slices.Equal(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
	var b dtt.ListBuilder
	lists, err := e.Lists(&b)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(lists.At(0)); got != "[write of 1 write of 2 write of 3]" {
		t.Error(got)
	}
}

var errDisk = errors.New("disk")

// broken is a ledger of which parts do not work.
type broken struct {
	sums
	loads, adds, equals bool
}

func (l broken) Load(u dtt.Unit) (uint64, error) {
	if l.loads && u == 2 {
		return 0, errDisk
	}
	return l.sums.Load(u)
}

func (l broken) Add(a, b uint64) uint64 {
	if l.adds {
		panic("no sums")
	}
	return a + b
}

func (l broken) Equal(a, b uint64) bool {
	if l.equals {
		panic("no comparing")
	}
	return a == b
}

func TestErrors(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	panics := new(dtt.PanicError)
	tests := []struct {
		name   string
		ctx    context.Context
		ledger broken
		n      int
		tx     func(v *View[uint64])
		want   func(err error) bool
	}{
		{"load", t.Context(), broken{loads: true}, 4, func(v *View[uint64]) { _, _ = v.Read(2) }, func(err error) bool { return errors.Is(err, errDisk) }},
		{"add", t.Context(), broken{adds: true}, 4, func(v *View[uint64]) { v.Delta(2, 1); v.Delta(2, 1) }, func(err error) bool { return errors.As(err, &panics) }},
		{"write of a large unit", t.Context(), broken{}, 4, func(v *View[uint64]) { v.Write(dtt.MaxUnits, 1) }, func(err error) bool { return errors.Is(err, dtt.ErrAccess) }},
		{"delta of a large unit", t.Context(), broken{}, 4, func(v *View[uint64]) { v.Delta(dtt.MaxUnits, 1) }, func(err error) bool { return errors.Is(err, dtt.ErrAccess) }},
		{"read of a large unit", t.Context(), broken{}, 4, func(v *View[uint64]) { _, _ = v.Read(dtt.MaxUnits) }, func(err error) bool { return errors.Is(err, dtt.ErrAccess) }},
		{"panic", t.Context(), broken{}, 4, func(*View[uint64]) { panic("no") }, func(err error) bool { return errors.As(err, &panics) && panics.First == 0 }},
		{"canceled", canceled, broken{}, 4, func(*View[uint64]) { t.Error("it runs") }, func(err error) bool { return errors.Is(err, context.Canceled) }},
		{"negative", t.Context(), broken{}, -1, nil, func(err error) bool { return errors.Is(err, dtt.ErrAccess) }},
		{"many", t.Context(), broken{}, dtt.MaxTransactions + 1, nil, func(err error) bool { return errors.Is(err, dtt.ErrAccess) }},
	}
	for _, tt := range tests {
		for workers := 1; workers < 4; workers++ {
			e := New[uint64](tt.ledger)
			err := e.Run(tt.ctx, newPool(t, workers), tt.n, func(_ context.Context, _ int, v *View[uint64]) error {
				tt.tx(v)
				return nil
			})
			if !tt.want(err) {
				t.Errorf("%s, %d workers: %v", tt.name, workers, err)
			}
			refused(t, e)
		}
	}
}

// A ledger that panics during a validation fails the block, and nobody waits for ever.
func TestPanicInValidation(t *testing.T) {
	pool, e := newPool(t, 3), New[uint64](broken{equals: true})
	err := e.Run(t.Context(), pool, 100, func(_ context.Context, tx int, v *View[uint64]) error {
		value, err := v.Read(1)
		v.Write(1, value+1)
		return err
	})
	if p := new(dtt.PanicError); !errors.As(err, &p) || p.Value != "no comparing" {
		t.Errorf("got %v", err)
	}
	refused(t, e)
}

// A context that ends midway stops the run, and the engine is as good as new.
func TestCancel(t *testing.T) {
	rng := source(t)
	pool, e := newPool(t, 3), New[uint64](sums{})
	for range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		var calls atomic.Int32
		err := e.Run(ctx, pool, 500, func(_ context.Context, tx int, v *View[uint64]) error {
			if calls.Add(1) == 20 {
				cancel()
			}
			value, err := v.Read(dtt.Unit(tx % 7))
			v.Write(dtt.Unit(tx%5), value)
			return err
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
		refused(t, e)
		b := randomBlock(rng)
		if err := e.Run(t.Context(), pool, len(b), b.execute); err != nil {
			t.Fatal(err)
		}
		same(t, e, runSerial(b))
	}
}

// Keys that nobody knew beforehand: the lists are the same whatever numbers they got.
func TestKeys(t *testing.T) {
	rng := source(t)
	pools := []*dtt.Pool{newPool(t, 1), newPool(t, 2), newPool(t, 7)}
	for range 200 {
		b := randomBlock(rng)
		var want string
		for _, pool := range pools {
			keys := NewKeys[string]()
			e := New[uint64](keyed{keys})
			err := e.Run(t.Context(), pool, len(b), func(_ context.Context, tx int, v *View[uint64]) error {
				return b[tx].run(named{v, keys})
			})
			if err != nil {
				t.Fatal(err)
			}
			var builder dtt.ListBuilder
			lists, units, err := e.Renumbered(&builder)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, u := range units {
				name, ok := keys.Key(u)
				if again, err := keys.Unit(name); !ok || err != nil || again != u {
					t.Fatalf("unit %d is %q is unit %d, %v", u, name, again, err)
				}
				names = append(names, name)
			}
			var values []string
			err = e.Changes(func(u dtt.Unit, value uint64) error {
				name, _ := keys.Key(u)
				values = append(values, fmt.Sprint(name, value))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprint(rows(lists), names, values)
			if pool.Workers() == 1 {
				want = got
			}
			if got != want || lists.Units() > len(units) || len(units) > keys.Len() {
				t.Fatalf("%d workers: got %s, want %s", pool.Workers(), got, want)
			}
		}
	}
	if _, ok := NewKeys[string]().Key(0); ok {
		t.Error("a key of nothing")
	}
}

// A discoverer comes to the same for any number of workers, block after block, and to what
// the serial run does.
func TestDiscoverer(t *testing.T) {
	rng := source(t)
	var discoverers []*Discoverer[string, uint64]
	pools := []*dtt.Pool{newPool(t, 1), newPool(t, 2), newPool(t, 7)}
	for range pools {
		discoverers = append(discoverers, NewDiscoverer[string, uint64](lengths{}))
	}
	for range 100 {
		b := randomBlock(rng)
		var want string
		for i, d := range discoverers {
			found, err := d.Run(t.Context(), pools[i], len(b), func(_ context.Context, tx int, v *KeyView[string, uint64]) error {
				return b[tx].run(byName{v})
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(found.Keys) != found.Lists.Units() || d.Stats().Transactions != len(b) {
				t.Fatalf("%d keys for %d units", len(found.Keys), found.Lists.Units())
			}
			got := fmt.Sprint(rows(found.Lists), found.Keys, found.Changes)
			if i == 0 {
				want = got
			}
			if got != want {
				t.Fatalf("%d workers: got %s, want %s", pools[i].Workers(), got, want)
			}
		}
	}
	failure := errors.New("no such thing")
	found, err := discoverers[1].Run(t.Context(), pools[1], 3, func(context.Context, int, *KeyView[string, uint64]) error { return failure })
	if found != nil || !errors.Is(err, failure) {
		t.Errorf("got %v, %v", found, err)
	}
}

// lengths is a state in which a key has its length.
type lengths struct{}

func (lengths) Load(key string) (uint64, error) { return uint64(len(key)), nil }
func (lengths) Add(a, b uint64) uint64          { return a + b }
func (lengths) Equal(a, b uint64) bool          { return a == b }

// byName gives units names, too.
type byName struct{ *KeyView[string, uint64] }

func (n byName) Read(u dtt.Unit) (uint64, error) { return n.KeyView.Read(fmt.Sprint("key ", u)) }
func (n byName) Write(u dtt.Unit, value uint64)  { n.KeyView.Write(fmt.Sprint("key ", u), value) }
func (n byName) Delta(u dtt.Unit, delta uint64)  { n.KeyView.Delta(fmt.Sprint("key ", u), delta) }

// keyed is a ledger of numbers by name.
type keyed struct{ keys *Keys[string] }

func (l keyed) Load(u dtt.Unit) (uint64, error) {
	name, ok := l.keys.Key(u)
	if !ok {
		return 0, errDisk
	}
	return uint64(len(name)), nil
}
func (keyed) Add(a, b uint64) uint64 { return a + b }
func (keyed) Equal(a, b uint64) bool { return a == b }

// named gives units names.
type named struct {
	*View[uint64]
	keys *Keys[string]
}

func (n named) unit(u dtt.Unit) dtt.Unit {
	named, err := n.keys.Unit(fmt.Sprintf("key %d", u))
	if err != nil {
		panic(err)
	}
	return named
}
func (n named) Read(u dtt.Unit) (uint64, error) { return n.View.Read(n.unit(u)) }
func (n named) Write(u dtt.Unit, value uint64)  { n.View.Write(n.unit(u), value) }
func (n named) Delta(u dtt.Unit, delta uint64)  { n.View.Delta(n.unit(u), delta) }

// The lists that a run discovers make a tree, and the tree passes the check.
func TestListsMakeTrees(t *testing.T) {
	rng := source(t)
	pool, e := newPool(t, 3), New[uint64](sums{})
	for range 200 {
		b := randomBlock(rng)
		if err := e.Run(t.Context(), pool, len(b), b.execute); err != nil {
			t.Fatal(err)
		}
		var builder dtt.ListBuilder
		lists, err := e.Lists(&builder)
		if err != nil {
			t.Fatal(err)
		}
		if err := dtt.Check(lists, dtt.Build(lists, nil, dtt.Options{MinLeaf: 1})); err != nil {
			t.Fatal(err)
		}
	}
}
