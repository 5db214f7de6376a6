package dtt

import (
	"errors"
	"fmt"
	"slices"
)

// ErrConflict is wrapped by the error of a tree that may not run with its lists.
var ErrConflict = errors.New("tree hides a conflict")

// ErrClaim is wrapped by the error of a cut that claims a unit which no list names.
var ErrClaim = errors.New("claim of an unknown unit")

// ErrLength is wrapped by the error of a tree, list or costs of differing lengths.
var ErrLength = errors.New("tree and access lists differ in length")

// ConflictError names two conflicting transactions that a tree puts side by side.
type ConflictError struct {
	First, Second int // positions in block order
	Unit          Unit
	// Cut says that not both of the transactions need the unit: a cut right before one
	// of them claims it.
	Cut bool
}

func (e *ConflictError) Error() string {
	if e.Cut {
		return fmt.Sprintf("transactions %d and %d run side by side but a cut at one of them claims unit %d", e.First, e.Second, e.Unit)
	}
	return fmt.Sprintf("transactions %d and %d run side by side but conflict on unit %d", e.First, e.Second, e.Unit)
}

// Unwrap returns ErrConflict.
func (e *ConflictError) Unwrap() error { return ErrConflict }

// Check is Checker.Check with a checker of its own.
func Check(l *Lists, t Tree) error {
	var c Checker
	return c.Check(l, t)
}

// Checker checks trees against access lists and keeps its memory, 12 bytes for each unit,
// from one check to the next. The zero Checker is ready. It is for one goroutine.
type Checker struct {
	units  []seen
	shifts []uint32 // by unit: what the cuts around that claim it add to a mark; only with cuts
	marks  []uint32 // by node
	base   uint32   // every mark of earlier checks is at most this

	fetched uint32 // the units of the transactions before it are likely to be in the cache
	sum     uint32
}

// seen holds, for each mode, the largest mark of the accesses so far.
type seen struct{ read, delta, write uint32 }

// Check returns nil if every two conflicting transactions are in order in the tree, or on
// the two sides of a cut that claims the unit. If not, it returns a *ConflictError that
// names the first access in block order, and in the order of its transaction's units,
// that conflicts with an earlier one beside it. A tree of another length than the lists
// is refused with ErrLength, and a claim of a unit beyond l.Units() with ErrClaim.
//
// The rule is SP-order (Bender, Fineman, Gilbert and Leiserson, 2004): let e be a
// transaction's position in the tree's order and h its position when the children of
// every P are reversed; then x precedes y in the tree exactly if both of x's numbers are
// smaller. Going through the accesses in the order of e, it is enough to know the
// largest h of each unit's reads, deltas and writes so far. A cut is a series for the
// units that it claims and writes them in its middle; for all others it is a P.
func (c *Checker) Check(l *Lists, t Tree) error {
	if t.Len() != l.Len() {
		return fmt.Errorf("tree of %d for access lists of %d transactions: %w", t.Len(), l.Len(), ErrLength)
	}
	if t.Nodes() <= 1 {
		return nil // all in order
	}
	for i := range t.cuts {
		claims := t.cuts[i].claims
		if u := claims[len(claims)-1].Unit; int(u) >= l.Units() {
			return fmt.Errorf("cut claims unit %d of %d: %w", u, l.Units(), ErrClaim)
		}
	}
	c.prepare(l)
	var shifts []uint32
	if t.Cuts() > 0 {
		if len(c.shifts) < len(c.units) {
			c.shifts = make([]uint32, len(c.units))
		}
		shifts = c.shifts
	}
	c.fetched = 0
	c.marks = t.reversed(c.marks)
	marks, turns := c.marks, t.turns()
	for i := range t.nodes {
		for len(turns) > 0 && turns[0].node == uint32(i) {
			if bad := c.turn(t, turns[0], c.base+1+marks[i]); bad != none {
				return c.conflict(l, t, marks, int(t.nodes[i].first), access(Unit(bad), Write))
			}
			turns = turns[1:]
		}
		leaf := &t.nodes[i]
		if leaf.kind != Leaf {
			continue
		}
		// A mark is h plus what sets it above the marks of earlier checks.
		mark := c.base + 1 + marks[i]
		for tx := leaf.first; tx < leaf.first+leaf.count; tx, mark = tx+1, mark+1 {
			if tx >= c.fetched {
				c.fetch(l, tx)
			}
			if bad := c.visit(l.At(int(tx)), mark, shifts); bad >= 0 {
				return c.conflict(l, t, marks, int(tx), l.At(int(tx))[bad])
			}
		}
	}
	for _, last := range turns {
		c.turn(t, last, 0)
	}
	c.base += uint32(t.Len())
	return nil
}

// prepare makes room for the units and makes all marks of earlier checks look like none.
func (c *Checker) prepare(l *Lists) {
	if len(c.units) < l.Units() {
		c.units, c.base = make([]seen, l.Units()), 0
	} else if c.base > MaxTransactions {
		clear(c.units)
		c.base = 0
	}
}

const (
	fetchUnits = 1 << 16 // fewer are in the cache anyway
	fetchAhead = 32      // transactions
)

// fetch reads what is known of the units of the next transactions. Nothing waits for what
// it reads, so that the processor fetches many at a time; visit would wait for each.
func (c *Checker) fetch(l *Lists, tx uint32) {
	if c.fetched = none; l.Units() < fetchUnits {
		return
	}
	end := min(tx+fetchAhead, uint32(l.Len()))
	sum := uint32(0)
	for _, a := range l.accesses[l.starts[tx]:l.starts[end]] {
		sum += c.units[a.Unit()].write
	}
	c.fetched, c.sum = end, sum
}

// visit accounts for a transaction's accesses and returns the index of the first that
// conflicts with an earlier transaction beside it, or -1.
func (c *Checker) visit(run []Access, mark uint32, shifts []uint32) int {
	for i, a := range run {
		s := &c.units[a.Unit()]
		mark := mark
		if shifts != nil {
			mark += shifts[a.Unit()]
		}
		switch a.Mode() {
		case Read:
			if max(s.delta, s.write) > mark {
				return i
			}
			s.read = max(s.read, mark)
		case Delta:
			if max(s.read, s.write) > mark {
				return i
			}
			s.delta = max(s.delta, mark)
		default:
			if max(s.read, s.delta, s.write) > mark {
				return i
			}
			s.write = mark
		}
	}
	return -1
}

// conflict makes the error for the bad access of transaction tx, or of the cut before it,
// by finding whose mark was the largest, and forgets all marks.
func (c *Checker) conflict(l *Lists, t Tree, marks []uint32, tx int, bad Access) error {
	s := c.units[bad.Unit()]
	largest := s.write
	if bad.Mode().Conflicts(Read) {
		largest = max(largest, s.read)
	}
	if bad.Mode().Conflicts(Delta) {
		largest = max(largest, s.delta)
	}
	h := largest - c.base - 1
	c.units, c.shifts, c.base = nil, nil, 0
	first := t.holder(bad.Unit(), marks, h)
	found := &ConflictError{First: first, Second: tx, Unit: bad.Unit()}
	one, other := l.mode(first, bad.Unit()), l.mode(tx, bad.Unit())
	switch {
	case one == 0 || !one.Conflicts(bad.Mode()):
		found.Cut = true
		found.First = t.middle(bad.Unit(), marks, h)
	case other == 0 || !one.Conflicts(other):
		found.Cut = true
	}
	return found
}

// mode returns how transaction i accesses a unit, or 0.
func (l *Lists) mode(i int, u Unit) Mode {
	if i < 0 {
		return 0
	}
	for _, a := range l.At(i) {
		if a.Unit() == u {
			return a.Mode()
		}
	}
	return 0
}

// reversed returns, for each node, the position of its first transaction when the
// children of every P are reversed. It uses the memory given.
func (t Tree) reversed(memory []uint32) []uint32 {
	at := slices.Grow(memory[:0], len(t.nodes))[:len(t.nodes)]
	at[0] = 0
	for i := range t.nodes {
		n := &t.nodes[i]
		if n.kind == Leaf {
			continue
		}
		done := uint32(0) // transactions of the children so far
		for c := uint32(i) + 1; c < n.end; c = t.nodes[c].end {
			count := t.nodes[c].count
			if n.kind == Series {
				at[c] = at[i] + done
			} else {
				at[c] = at[i] + n.count - done - count
			}
			done += count
		}
	}
	return at
}
