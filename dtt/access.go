package dtt

import (
	"errors"
	"fmt"
	"slices"
)

// Unit is the number of one thing that a transaction can touch: the existence of a row,
// a field, a range. Numbers are dense, from 0: memory is taken by the largest one.
type Unit uint32

// Mode is how a transaction touches a unit. The values are bits: what two accesses of
// one unit amount to is their OR, and they conflict exactly when that is Write.
type Mode uint8

// The modes. Reads go beside reads and deltas beside deltas; all else conflicts.
const (
	Read  Mode = 1
	Delta Mode = 2 // a change that commutes with the other deltas of its unit
	Write Mode = 3 // any other change, and any mixture of a read and a change
)

// Valid says whether m is one of the three modes.
func (m Mode) Valid() bool { return m >= Read && m <= Write }

// Conflicts says whether accesses of one unit in modes m and o must keep their order.
func (m Mode) Conflicts(o Mode) bool { return m|o == Write }

func (m Mode) String() string {
	switch m {
	case Read:
		return "read"
	case Delta:
		return "delta"
	case Write:
		return "write"
	}
	return fmt.Sprintf("mode %d", uint8(m))
}

// The limits of access lists.
const (
	MaxTransactions = 1<<30 - 1 // in a block
	MaxAccesses     = 1<<31 - 1 // of all transactions of a block
	MaxUnits        = 1 << 26   // a Unit is below it
)

// ErrAccess is wrapped by every error in the use of a ListBuilder or of an order.
var ErrAccess = errors.New("bad access list")

// Access is one access of one transaction: a unit and a mode.
type Access uint32

func access(u Unit, m Mode) Access { return Access(u)<<2 | Access(m) }

// Unit returns the unit accessed.
func (a Access) Unit() Unit { return Unit(a >> 2) }

// Mode returns the mode.
func (a Access) Mode() Mode { return Mode(a & 3) }

func (a Access) String() string { return fmt.Sprintf("%v of %d", a.Mode(), a.Unit()) }

// Lists are the access lists of n transactions, by position. Within a transaction the
// accesses are in the order of their units, one for each unit. Lists do not change once
// made, and any number of goroutines may read them.
type Lists struct {
	starts   []uint32 // the accesses of transaction i are accesses[starts[i]:starts[i+1]]
	accesses []Access
	units    int
}

// Len returns the number of transactions.
func (l *Lists) Len() int {
	if len(l.starts) == 0 {
		return 0
	}
	return len(l.starts) - 1
}

// Accesses returns the number of accesses of all transactions together.
func (l *Lists) Accesses() int { return len(l.accesses) }

// Units returns one more than the largest unit, or 0.
func (l *Lists) Units() int { return l.units }

// At returns the accesses of transaction i, which must be in 0..Len()-1. The result is
// shared: it is not to be changed.
func (l *Lists) At(i int) []Access { return l.accesses[l.starts[i]:l.starts[i+1]] }

// Reorder returns the lists in another order: transaction i of the result is transaction
// order[i] of l. The order must name every transaction once; nil is the order of l itself,
// and the result then l.
func (l *Lists) Reorder(order []uint32) (*Lists, error) {
	if order == nil {
		return l, nil
	}
	n := l.Len()
	if len(order) != n {
		return nil, fmt.Errorf("order of %d for %d transactions: %w", len(order), n, ErrAccess)
	}
	seen := make([]bool, n)
	out := &Lists{
		starts:   append(make([]uint32, 0, n+1), 0),
		accesses: make([]Access, 0, len(l.accesses)),
		units:    l.units,
	}
	for i, from := range order {
		if int(from) >= n || seen[from] {
			return nil, fmt.Errorf("order names transaction %d at %d, twice or out of range: %w", from, i, ErrAccess)
		}
		seen[from] = true
		out.accesses = append(out.accesses, l.At(int(from))...)
		out.starts = append(out.starts, uint32(len(out.accesses)))
	}
	return out, nil
}

// ListBuilder makes Lists. The zero ListBuilder is ready:
//
//	b.Reset()
//	for each transaction { b.Begin(); b.Add(unit, mode) ... }
//	lists, err := b.Lists()
//
// The first mistake sticks and comes out of Lists.
type ListBuilder struct {
	lists Lists
	err   error
}

// Reset empties the builder and keeps its memory: Lists made before are void.
func (b *ListBuilder) Reset() {
	b.lists = Lists{starts: b.lists.starts[:0], accesses: b.lists.accesses[:0]}
	b.err = nil
}

// Grow makes room for that many more transactions and accesses.
func (b *ListBuilder) Grow(transactions, accesses int) {
	b.lists.starts = slices.Grow(b.lists.starts, max(transactions, 0)+1)
	b.lists.accesses = slices.Grow(b.lists.accesses, max(accesses, 0))
}

// Begin starts the next transaction.
func (b *ListBuilder) Begin() {
	b.seal()
	if len(b.lists.starts) > MaxTransactions {
		b.fail("more than %d transactions", MaxTransactions)
		return
	}
	b.lists.starts = append(b.lists.starts, uint32(len(b.lists.accesses)))
}

// Add notes that the current transaction accesses unit u in mode m. A unit may be added
// more than once: a read and a change of it, or two unlike changes, make a write.
func (b *ListBuilder) Add(u Unit, m Mode) {
	if u >= MaxUnits || !m.Valid() || len(b.lists.starts) == 0 || len(b.lists.accesses) == MaxAccesses {
		b.refuse(u, m)
		return
	}
	b.lists.accesses = append(b.lists.accesses, access(u, m))
}

func (b *ListBuilder) refuse(u Unit, m Mode) {
	switch {
	case u >= MaxUnits:
		b.fail("unit %d is above the limit of %d", u, MaxUnits-1)
	case !m.Valid():
		b.fail("unit %d is accessed in %v", u, m)
	case len(b.lists.starts) == 0:
		b.fail("access before the first transaction")
	default:
		b.fail("more than %d accesses", MaxAccesses)
	}
}

func (b *ListBuilder) fail(format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf("transaction %d: %s: %w", len(b.lists.starts)-1, fmt.Sprintf(format, args...), ErrAccess)
	}
}

// Lists returns what was built. It is valid until the next Reset; after Lists, only Reset
// may be called.
func (b *ListBuilder) Lists() (*Lists, error) {
	b.seal()
	if b.err != nil {
		return nil, b.err
	}
	out := b.lists
	if len(out.starts) > 0 {
		out.starts = append(out.starts, uint32(len(out.accesses)))
		b.lists.starts = out.starts[:len(out.starts)-1]
	}
	return &out, nil
}

// seal puts the accesses of the current transaction in the order of their units and
// joins those of one unit.
func (b *ListBuilder) seal() {
	if len(b.lists.starts) == 0 {
		return
	}
	start := b.lists.starts[len(b.lists.starts)-1]
	run := b.lists.accesses[start:]
	if len(run) == 0 {
		return
	}
	if !increasing(run) {
		slices.Sort(run)
		run = join(run)
		b.lists.accesses = b.lists.accesses[:int(start)+len(run)]
	}
	b.lists.units = max(b.lists.units, int(run[len(run)-1].Unit())+1)
}

func increasing(run []Access) bool {
	for i := 1; i < len(run); i++ {
		if run[i-1].Unit() >= run[i].Unit() {
			return false
		}
	}
	return true
}

// join joins neighbours of one unit, in place: their modes are ORed.
func join(run []Access) []Access {
	out := run[:1]
	for _, a := range run[1:] {
		last := &out[len(out)-1]
		if last.Unit() == a.Unit() {
			*last |= a
		} else {
			out = append(out, a)
		}
	}
	return out
}
