package dpos

import (
	"bytes"
	"fmt"
	"slices"

	"aergo/consensus"
	"aergo/repo/object"
)

// state is a chain after one of its blocks: all that the next block is judged by. It is
// computed from the blocks alone and does not change once made.
type state struct {
	genesis *Genesis
	id      object.Hash
	height  uint64
	slot    uint64

	rota  rota
	votes votes

	ledger *Ledger
	before [2]*Ledger // at the end of the last round, and of the one before it

	sitting *Set   // the delegates that take turns
	turn    *Set   // that the first block of this round hands over to; nil if no change
	term    uint64 // the last one whose election a block has sealed
	elected uint64 // the one that the first block of this round seals
}

func newState(g *Genesis) (*state, error) {
	if err := g.Check(); err != nil {
		return nil, err
	}
	l, err := newLedger(g.Candidates)
	if err != nil {
		return nil, err
	}
	first := elect(&Set{}, true, l, l, g.Params.Seats)
	if first.Len() == 0 {
		return nil, fmt.Errorf("genesis: %w: no candidate has stake", ErrInvalid)
	}
	return &state{
		genesis: g, id: g.ID, height: g.Height, rota: newRota(g, first), sitting: first,
		votes: votes{final: g.Height, set: first, next: first}, ledger: l, before: [2]*Ledger{l, l},
	}, nil
}

// upTo returns the state as it stands when a later slot begins and no block was made in
// between: turns that were missed are on record, rounds that ended have ended.
func (s *state) upTo(slot uint64) *state {
	n := *s
	n.rota.seats = slices.Clone(s.rota.seats)
	seats := s.genesis.Params.Seats
	for at := n.rota.slot + 1; ; at++ {
		round, place := s.genesis.Params.RoundOf(at)
		if round > n.rota.round {
			n.rota.round = round
			n.beginRound()
		}
		n.rota.slot = at
		if at == slot {
			return &n
		}
		n.miss(n.rota.turn(place, seats))
	}
}

// miss records a turn that passed without a block. Two in a row exclude a delegate from
// the next round on; each time for twice as long.
func (s *state) miss(i int) {
	seat := &s.rota.seats[i]
	seat.lost++
	seat.missed++
	if seat.missed < 2 {
		return
	}
	seat.missed = 0
	seat.failures++
	seat.until = s.rota.round + 1 + s.genesis.Params.WindowRounds<<min(seat.failures, maxWindowLog)
}

// beginRound ends a round and opens s.rota.round.
func (s *state) beginRound() {
	active := s.rota.close()
	before := s.rota.order
	s.before = [2]*Ledger{s.ledger, s.before[0]}
	if s.sitting != s.votes.set {
		s.sitting = s.votes.set
		before = s.rota.reseat(s.sitting, before)
	}
	if s.rota.round%s.genesis.Params.TermRounds == 0 {
		for i := range s.rota.seats {
			s.rota.seats[i].failures = 0
		}
	}
	s.turn, s.elected = nil, s.term
	if !s.votes.pending() {
		s.elected = s.rota.round / s.genesis.Params.TermRounds
		if chosen := elect(s.sitting, s.elected > s.term, s.before[1], s.ledger, s.genesis.Params.Seats); chosen != s.sitting {
			s.turn = chosen
		}
	}
	s.rota.arrange(s.scheduled(active), before)
}

// scheduled returns the seats that take part in the round that begins: all but those of
// the convicted and the excluded. Nobody is excluded unless the chain goes on (a quorum
// made blocks in the last round, and what is final is at most two rounds old), and never
// so many that the rest are no quorum: a network that was cut in two needs everyone.
func (s *state) scheduled(active int) []int {
	seats := s.rota.seats
	out := make([]bool, len(seats))
	spare := len(seats) - s.sitting.Quorum()
	for i := range seats {
		if s.ledger.Jailed(seats[i].key) {
			out[i] = true
			spare--
		}
	}
	finalRound, _ := s.genesis.Params.RoundOf(max(s.votes.finalSlot, 1))
	goesOn := active >= s.sitting.Quorum() && finalRound+2 >= s.rota.round
	for _, i := range s.excluded() {
		if goesOn && !out[i] && spare > 0 {
			out[i] = true
			spare--
		}
	}
	var in []int
	for i := range seats {
		if !out[i] {
			in = append(in, i)
		}
	}
	if len(in) == 0 {
		return everySeat(len(seats))
	}
	return in
}

// excluded returns the seats inside a window of exclusion, longest first, then by key.
func (s *state) excluded() []int {
	var list []int
	for i, seat := range s.rota.seats {
		if seat.until > s.rota.round {
			list = append(list, i)
		}
	}
	slices.SortStableFunc(list, func(a, b int) int {
		x, y := s.rota.seats[a], s.rota.seats[b]
		if x.until != y.until {
			if x.until > y.until {
				return -1
			}
			return 1
		}
		return bytes.Compare(x.key[:], y.key[:])
	})
	return list
}

// template returns what this chain's next header must say, but for what only its producer
// knows. s must be as of the slot that the block is for.
func (s *state) template() consensus.Header {
	this, above := s.votes.voters(s.height+1), s.votes.next
	if s.turn != nil {
		above = s.turn
	}
	_, place := s.genesis.Params.RoundOf(s.rota.slot)
	return consensus.Header{
		Lineage: s.genesis.Lineage, Branch: s.genesis.Branch, Height: s.height + 1, Slot: s.rota.slot,
		TimeMillis: s.genesis.startOf(s.rota.slot), Parent: s.id, Delegates: this.hash, NextDelegates: above.hash,
		Producer: s.rota.seats[s.rota.turn(place, s.genesis.Params.Seats)].key,
	}
}

// apply returns the chain's state after one more block, or why the block cannot stand
// there. It checks everything but the seal, evidence and the block's content.
func (s *state) apply(b *consensus.Block) (*state, error) {
	if b.Slot <= s.slot {
		return nil, fmt.Errorf("block %s: %w: slot %d after slot %d", b.ID.Short(), ErrInvalid, b.Slot, s.slot)
	}
	n := s.upTo(b.Slot)
	want := n.template()
	want.Content, want.Operations, want.Extra = b.Content, b.Operations, b.Extra
	if !sameHeader(&want, &b.Header) {
		return nil, fmt.Errorf("block %s: %w: not the header due in slot %d at height %d", b.ID.Short(), ErrInvalid, b.Slot, want.Height)
	}
	x, err := DecodeExtra(b.Extra)
	if err != nil {
		return nil, fmt.Errorf("block %s: %w", b.ID.Short(), err)
	}
	if err := n.reveal(b, x); err != nil {
		return nil, err
	}
	if x.MaxProduced >= b.Slot || x.MaxProduced < s.votes.lastBy(b.Producer) || x.rank() != s.votes.rank {
		return nil, fmt.Errorf("block %s: %w: votes of slots %d and %d in era %d", b.ID.Short(), ErrInvalid, x.MaxProduced, x.MaxPrevoted, x.Era)
	}
	ops, err := DecodeOperations(b.Body)
	if err != nil {
		return nil, fmt.Errorf("block %s: %w", b.ID.Short(), err)
	}
	if n.ledger, err = n.ledger.Apply(ops); err != nil {
		return nil, fmt.Errorf("block %s: %w", b.ID.Short(), err)
	}
	n.id, n.height, n.slot, n.term = b.ID, b.Height, b.Slot, n.elected
	if n.turn != nil {
		n.votes, n.turn = n.votes.hand(n.turn, n.height), nil
	}
	n.votes = n.votes.add(tally{slot: b.Slot, maxProduced: x.MaxProduced, producer: b.Producer})
	return n, nil
}

// reveal takes the producer's in-value, once in a round, and checks its signature.
func (s *state) reveal(b *consensus.Block, x Extra) error {
	seat := &s.rota.seats[findSeat(s.rota.seats, b.Producer)]
	var in, signature object.Hash
	if !seat.revealed {
		in = x.In
		signature = s.rota.signatureOf(in)
		if object.Sum(in[:]) != seat.in {
			return fmt.Errorf("block %s: %w: not the in-value that %s committed to", b.ID.Short(), ErrInvalid, b.Producer.Short())
		}
		seat.in, seat.fresh, seat.revealed = in, signature, true
	}
	if x.Round != s.rota.round || x.In != in || x.Signature != signature {
		return fmt.Errorf("block %s: %w: wrong round or signature", b.ID.Short(), ErrInvalid)
	}
	seat.missed = 0
	return nil
}

func sameHeader(a, b *consensus.Header) bool {
	return a.Lineage == b.Lineage && a.Branch == b.Branch && a.Height == b.Height && a.Slot == b.Slot && a.TimeMillis == b.TimeMillis &&
		a.Parent == b.Parent && a.Content == b.Content && a.Operations == b.Operations && a.Delegates == b.Delegates &&
		a.NextDelegates == b.NextDelegates && a.Producer == b.Producer && bytes.Equal(a.Extra, b.Extra)
}
