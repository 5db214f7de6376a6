package dpos

import "aergo/repo/key"

// View is what there is to see of a chain's turns: for people, and for who asks whose
// turn it is.
type View struct {
	Slot        uint64 // of the newest block
	Round       uint64
	Term        uint64
	Era         uint64 // handovers between sets that are complete
	Handover    bool   // one is under way
	FinalHeight uint64
	Prevoted    uint64 // slot of the highest block with a quorum of prevotes
	Seats       []Seat // by ascending key
	Extra       key.Public
}

// Seat is one delegate's.
type Seat struct {
	Key       key.Public
	Place     int    // in this round, from 0; -1 if it takes no turn
	Revealed  bool   // its in-value, in this round
	Lost      uint64 // slots missed since it sits
	Failures  uint64 // times excluded in this term
	ExcludeTo uint64 // the first round after its exclusion; 0 if it never was excluded
	Jailed    bool
}

// View returns what the engine's head says.
func (e *Engine) View() View {
	s := e.head.state
	v := View{
		Slot: s.slot, Round: s.rota.round, Term: s.term, Era: s.votes.rank.era, Handover: s.votes.pending(),
		FinalHeight: s.votes.final, Prevoted: s.votes.rank.prevoted, Extra: s.rota.seats[s.rota.extra].key,
	}
	for i, seat := range s.rota.seats {
		place := -1
		for at, j := range s.rota.order {
			if i == j {
				place = at
			}
		}
		v.Seats = append(v.Seats, Seat{
			Key: seat.key, Place: place, Revealed: seat.revealed, Lost: seat.lost, Failures: seat.failures, ExcludeTo: seat.until,
			Jailed: s.ledger.Jailed(seat.key),
		})
	}
	return v
}
