package workload

import (
	"sync/atomic"
	"time"

	"aergo/dtt"
)

// Machine runs the toy transactions of a block on a dense slot for each unit. Transactions
// that do not conflict may run side by side.
type Machine struct {
	lists  *dtt.Lists
	slots  []uint64
	rounds int
}

// NewMachine returns a machine in the first state. Each transaction works for so many
// rounds; see PerMicrosecond.
func NewMachine(lists *dtt.Lists, rounds int) *Machine {
	m := &Machine{lists: lists, slots: make([]uint64, lists.Units()), rounds: rounds}
	m.Reset()
	return m
}

// Reset returns to the first state.
func (m *Machine) Reset() {
	for u := range m.slots {
		m.slots[u] = Opening(dtt.Unit(u))
	}
}

// Opening returns the value of a unit in the first state.
func Opening(u dtt.Unit) uint64 { return mix(1, uint64(u)) }

// Run runs the transaction at a position of the lists on the slots.
func (m *Machine) Run(tx int) {
	run := m.lists.At(tx)
	sum := uint64(tx)
	for _, a := range run {
		if a.Mode() != dtt.Delta {
			sum = mix(sum, m.slots[a.Unit()])
		}
	}
	sum = Spin(sum, m.rounds)
	for _, a := range run {
		switch a.Mode() {
		case dtt.Write:
			m.slots[a.Unit()] = mix(sum, uint64(a.Unit()))
		case dtt.Delta:
			// Deltas run beside deltas of the same unit.
			atomic.AddUint64(&m.slots[a.Unit()], delta(tx, a.Unit()))
		}
	}
}

// State is another place for the values of units.
type State interface {
	Read(u dtt.Unit) (uint64, error)
	Write(u dtt.Unit, value uint64)
	Delta(u dtt.Unit, delta uint64)
}

// RunOn runs the transaction at a position of the lists on a state that takes the place
// of the slots. It fails with the errors of Read.
func (m *Machine) RunOn(tx int, s State) error {
	run := m.lists.At(tx)
	sum := uint64(tx)
	for _, a := range run {
		if a.Mode() != dtt.Delta {
			value, err := s.Read(a.Unit())
			if err != nil {
				return err
			}
			sum = mix(sum, value)
		}
	}
	sum = Spin(sum, m.rounds)
	for _, a := range run {
		switch a.Mode() {
		case dtt.Write:
			s.Write(a.Unit(), mix(sum, uint64(a.Unit())))
		case dtt.Delta:
			s.Delta(a.Unit(), delta(tx, a.Unit()))
		}
	}
	return nil
}

// Value returns the value of a unit of the block.
func (m *Machine) Value(u dtt.Unit) uint64 { return m.slots[u] }

// SetValue sets the value of a unit of the block.
func (m *Machine) SetValue(u dtt.Unit, value uint64) { m.slots[u] = value }

// Digest returns a number that stands for the values of all units.
func (m *Machine) Digest() uint64 {
	sum := uint64(len(m.slots))
	for _, v := range m.slots {
		sum = mix(sum, v)
	}
	return sum
}

// mix hashes two numbers into one.
func mix(a, b uint64) uint64 {
	x := (a ^ b*0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9
	return x ^ x>>29
}

func delta(tx int, u dtt.Unit) uint64 { return mix(uint64(tx)+1, uint64(u)) >> 32 }

// Spin works for so many rounds, each of which needs the one before, and returns the
// outcome. Work is rounds and not time, so that a processor that is taken away in between
// does not count as work.
func Spin(x uint64, rounds int) uint64 {
	for range rounds {
		x = (x ^ x>>31) * 0x9e3779b97f4a7c15
	}
	return x
}

// PerMicrosecond returns how many rounds of Spin take this machine a microsecond: the most
// that were seen in a few tries.
func PerMicrosecond() int {
	const rounds, tries = 1_000_000, 20
	best, sink := time.Duration(1<<62), uint64(1)
	for range tries {
		start := time.Now()
		sink = Spin(sink, rounds)
		best = min(best, time.Since(start))
	}
	if sink == 0 { // it never is; but now the rounds cannot be left out
		return 1
	}
	return max(1, int(float64(rounds)/(float64(best)/float64(time.Microsecond))))
}
