package workload

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync/atomic"

	"aergo/dtt"
)

// Spaces runs a machine's transactions by a tree with cuts. It is a dtt.Checkpointer; a
// claim states a value in eight bytes, the most significant first.
type Spaces struct {
	machine *Machine
	order   []uint32
	claimed []uint64 // a bit for each unit: some cut claims it
	spaces  []space  // by number; that of 0 is the slots
}

// space is the copies of claimed units in a space.
type space struct {
	outer  dtt.Space
	units  []dtt.Unit // ascending
	values []uint64
}

// NewSpaces returns spaces for runs of a tree in which the transaction at position i is
// the one at position order[i] of the machine's lists, or at position i if the order is nil.
func NewSpaces(m *Machine, order []uint32, tree dtt.Tree) *Spaces {
	s := &Spaces{machine: m, order: order, claimed: make([]uint64, len(m.slots)/64+1), spaces: make([]space, tree.Cuts()+1)}
	s.note(tree.Root())
	return s
}

// note notes the units that are claimed at a node and below.
func (s *Spaces) note(n dtt.Node) {
	for _, c := range n.Claims() {
		if int(c.Unit) < len(s.machine.slots) {
			s.claimed[c.Unit/64] |= 1 << (c.Unit % 64)
		}
	}
	for child := range n.Children() {
		s.note(child)
	}
}

// at returns where a unit's value is for those who run in a space.
func (s *Spaces) at(in dtt.Space, u dtt.Unit) *uint64 {
	if s.claimed[u/64]>>(u%64)&1 == 0 {
		return &s.machine.slots[u]
	}
	for in != 0 {
		x := &s.spaces[in]
		if i, ok := slices.BinarySearch(x.units, u); ok {
			return &x.values[i]
		}
		in = x.outer
	}
	return &s.machine.slots[u]
}

// RunLeaf runs transactions in a space.
func (s *Spaces) RunLeaf(_ context.Context, _ int, in dtt.Space, first, count int) error {
	for tx := first; tx < first+count; tx++ {
		at := tx
		if s.order != nil {
			at = int(s.order[tx])
		}
		if err := s.machine.RunOn(at, inside{s, in}); err != nil {
			return err
		}
	}
	return nil
}

// inside is the state that transactions in a space see.
type inside struct {
	spaces *Spaces
	space  dtt.Space
}

func (i inside) Read(u dtt.Unit) (uint64, error) { return *i.spaces.at(i.space, u), nil }
func (i inside) Write(u dtt.Unit, value uint64)  { *i.spaces.at(i.space, u) = value }
func (i inside) Delta(u dtt.Unit, delta uint64)  { atomic.AddUint64(i.spaces.at(i.space, u), delta) }

// apart keeps values of one space out of the cache lines of another's.
const apart = 8

// Install gives a space its copies.
func (s *Spaces) Install(in, outer dtt.Space, claims []dtt.Claim) error {
	x := &s.spaces[in]
	x.outer = outer
	x.units = x.units[:0]
	x.values = make([]uint64, 0, len(claims)+apart)
	for _, c := range claims {
		if len(c.Value) != 8 || int(c.Unit) >= len(s.machine.slots) {
			return fmt.Errorf("claim of %d bytes for unit %d of %d", len(c.Value), c.Unit, len(s.machine.slots))
		}
		x.units = append(x.units, c.Unit)
		x.values = append(x.values, binary.BigEndian.Uint64(c.Value))
	}
	return nil
}

// Snapshot appends the value of a unit in a space.
func (s *Spaces) Snapshot(b []byte, in dtt.Space, u dtt.Unit) ([]byte, error) {
	if int(u) >= len(s.machine.slots) {
		return b, fmt.Errorf("unit %d of %d", u, len(s.machine.slots))
	}
	return binary.BigEndian.AppendUint64(b, *s.at(in, u)), nil
}

// Adopt makes the copies in a space the values of the outer one.
func (s *Spaces) Adopt(in, outer dtt.Space, claims []dtt.Claim) error {
	for _, c := range claims {
		*s.at(outer, c.Unit) = *s.at(in, c.Unit)
	}
	return nil
}
