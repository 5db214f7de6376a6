package dpos

import (
	"errors"
	"fmt"

	"aergo/repo/key"
	"aergo/repo/object"
)

// ErrInvalid is wrapped when something breaks a rule of the protocol.
var ErrInvalid = errors.New("invalid")

// MaxSeats bounds the number of delegates: votes are sets of bits.
const MaxSeats = 64

// maxWindowLog bounds the window of exclusion, in powers of two.
const maxWindowLog = 16

// Params are fixed for a chain.
type Params struct {
	SlotMillis      uint64 // length of a slot
	ToleranceMillis uint64 // by which a block may be early at a node; below SlotMillis
	Seats           int    // delegates; a round has one slot more
	TermRounds      uint64 // between elections
	WindowRounds    uint64 // unit of exclusion: the n-th lasts 2^n of these
	CertifyEvery    uint64 // heights at which certificates are made, besides changes of delegates
}

// Genesis is what a chain begins with.
type Genesis struct {
	Lineage    object.Hash
	Branch     object.Hash
	ID         object.Hash // of the block that the chain grows from
	Height     uint64      // of that block
	TimeMillis uint64      // at which slot 1 begins
	Params     Params
	Candidates []Registration // those with the most stake are the first delegates
}

// Registration is one of the first candidates, with its own stake.
type Registration struct {
	Key    key.Public
	Anchor object.Hash // outermost layer of its onion
	Stake  uint64
}

// Check refuses a genesis that no chain can grow from.
func (g *Genesis) Check() error {
	p := g.Params
	switch {
	case p.Seats < 1 || p.Seats > MaxSeats:
		return fmt.Errorf("genesis: %w: %d seats, want 1 to %d", ErrInvalid, p.Seats, MaxSeats)
	case p.SlotMillis == 0 || p.ToleranceMillis >= p.SlotMillis:
		return fmt.Errorf("genesis: %w: slots of %d ms with a tolerance of %d ms", ErrInvalid, p.SlotMillis, p.ToleranceMillis)
	case p.TermRounds == 0 || p.WindowRounds == 0 || p.CertifyEvery == 0:
		return fmt.Errorf("genesis: %w: a parameter is zero", ErrInvalid)
	case len(g.Candidates) == 0:
		return fmt.Errorf("genesis: %w: no candidates", ErrInvalid)
	}
	return nil
}

// slotAt returns the slot that a time lies in; 0 is before the first.
func (g *Genesis) slotAt(millis uint64) uint64 {
	if millis < g.TimeMillis {
		return 0
	}
	return (millis-g.TimeMillis)/g.Params.SlotMillis + 1
}

// startOf returns the time at which a slot begins.
func (g *Genesis) startOf(slot uint64) uint64 {
	return g.TimeMillis + (slot-1)*g.Params.SlotMillis
}

// RoundOf returns the round of a slot, from 0, and the slot's place in it. Slots count
// from 1; slot 0 is the genesis'.
func (p Params) RoundOf(slot uint64) (round uint64, place int) {
	length := uint64(p.Seats) + 1
	return (slot - 1) / length, int((slot - 1) % length)
}
