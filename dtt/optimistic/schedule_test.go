package optimistic

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"aergo/dtt"
)

// While the first transaction takes its time, others run ahead of it only so far; then
// their workers sleep, and wake up when it is done.
func TestRunAhead(t *testing.T) {
	const workers, n = 3, 1000
	e := New[uint64](sums{})
	var ran atomic.Int64
	woken, once := make(chan struct{}), sync.Once{}
	err := e.Run(t.Context(), newPool(t, workers), n, func(_ context.Context, tx int, _ *View[uint64]) error {
		switch tx {
		case 0:
			for e.schedule.sleepers.Load() < workers-1 {
				runtime.Gosched()
			}
			if got := ran.Load(); got != workers*aheadAtFirst/aheadSteps-1 {
				t.Errorf("%d transactions ran ahead", got)
			}
		case n - 2: // needs another worker
			<-woken
		case n - 1:
			once.Do(func() { close(woken) })
		}
		ran.Add(1)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Where nobody was ever wrong, transactions may run as far ahead as is known to be well.
func TestRunAheadWithTrust(t *testing.T) {
	const n = 1000
	e := New[uint64](sums{})
	var ran atomic.Int64
	err := e.Run(t.Context(), newPool(t, 2), n, func(_ context.Context, tx int, _ *View[uint64]) error {
		if tx == 300 {
			// The other worker may still sleep from before, and wakes up; it sleeps again when it
			// has gone as far ahead as it may, and that is far.
			for e.schedule.sleepers.Load() == 0 || ran.Load() < 350 {
				runtime.Gosched()
			}
			if got := ran.Load(); got > 450 {
				t.Errorf("%d transactions ran", got)
			}
		}
		ran.Add(1)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A transaction that reads a unit many times has read it once, and the same each time.
func TestReadsOnce(t *testing.T) {
	for _, units := range []dtt.Unit{3, 3 * few} {
		e := New[uint64](sums{})
		err := e.Run(t.Context(), newPool(t, 1), 1, func(_ context.Context, _ int, v *View[uint64]) error {
			for i := range 4 * units {
				value, err := v.Read(i % units)
				if want, _ := (sums{}).Load(i % units); err != nil || value != want {
					t.Errorf("read %d, %v", value, err)
				}
			}
			if got := len(v.reads.entries); got != int(units) {
				t.Errorf("%d reads of %d units", got, units)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// An engine runs a block like one it has run before without new memory, but for what the
// pool needs.
func TestMemoryIsKept(t *testing.T) {
	const n = 2000
	pool, e := newPool(t, 1), New[uint64](sums{})
	run := func() {
		err := e.Run(t.Context(), pool, n, func(_ context.Context, tx int, v *View[uint64]) error {
			value, err := v.Read(dtt.Unit(tx % 700))
			v.Write(dtt.Unit(tx%900), value)
			v.Delta(1000, 1)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 12 {
		run()
	}
	if got := testing.AllocsPerRun(5, run); got > 40 {
		t.Errorf("%v allocations for %d transactions", got, n)
	}
}
