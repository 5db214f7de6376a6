package dpos

import (
	"cmp"
	"math/bits"
	"slices"

	"aergo/repo/key"
)

// rank is how much of a chain is prevoted: changes of delegates that it has completed
// first, then the slot of its highest block with a quorum of prevotes by the delegates
// since. A delegate's blocks never go down in rank.
type rank struct {
	era      uint64
	prevoted uint64
}

func (r rank) compare(other rank) int {
	return cmp.Or(cmp.Compare(r.era, other.era), cmp.Compare(r.prevoted, other.prevoted))
}

// tally is what is remembered of one block above the last final one. Votes are a bit for
// each delegate of a set, so that each counts once.
type tally struct {
	slot        uint64
	maxProduced uint64
	producer    key.Public
	prevotes    uint64 // of votes.set
	precommits  uint64 // of votes.set
	ahead       uint64 // prevotes of votes.next, above the barrier
}

// votes counts, along one chain, what its headers vote for. This is Lisk-BFT (LIP 0014),
// with slots where that has heights, and with a handover between sets of delegates;
// PROTOCOL.md says why. The value is immutable: add and hand return another.
type votes struct {
	final     uint64 // height of the last final block
	finalSlot uint64 // its slot
	rank      rank
	set       *Set // whose votes decide now
	next      *Set // whose votes decide above the barrier; set when no handover is under way
	barrier   uint64
	tallies   []tally // of the blocks above the final one, lowest first
}

// hand begins a handover: the block of this height is the last one that the set decides.
func (v votes) hand(next *Set, barrier uint64) votes {
	v.next, v.barrier = next, barrier
	return v
}

// pending says whether a handover is under way.
func (v *votes) pending() bool { return v.next != v.set }

// voters returns the set that makes a height final.
func (v *votes) voters(height uint64) *Set {
	if v.pending() && height > v.barrier {
		return v.next
	}
	return v.set
}

// add counts the votes of the next block.
func (v votes) add(block tally) votes {
	v.tallies = append(slices.Clone(v.tallies), block)
	own := v.notPrevoted(block)
	bit, nextBit := v.set.bit(block.producer), v.next.bit(block.producer)
	// Precommits look at the prevotes that the parent had: the producer has told by its
	// header that it knows no chain of higher rank.
	for i := range v.tallies {
		if t := &v.tallies[i]; t.slot > own && v.set.decides(t.prevotes) {
			t.precommits |= bit
		}
	}
	for i := range v.tallies {
		t := &v.tallies[i]
		if t.slot <= block.maxProduced {
			continue
		}
		t.prevotes |= bit
		if v.pending() && v.final+uint64(i)+1 > v.barrier {
			t.ahead |= nextBit
		}
	}
	return v.settle().raise()
}

// raise finds the highest block with a quorum of prevotes.
func (v votes) raise() votes {
	for _, t := range v.tallies {
		if t.slot > v.rank.prevoted && v.set.decides(t.prevotes) {
			v.rank.prevoted = t.slot
		}
	}
	return v
}

// settle takes as final what has a quorum of precommits, and what lies below. Above the
// barrier the old set decides no more than that the barrier is final, which ends the
// handover: from there on the next set's votes count, those that it has cast included.
func (v votes) settle() votes {
	for i := len(v.tallies) - 1; i >= 0; i-- {
		if !v.set.decides(v.tallies[i].precommits) {
			continue
		}
		height := v.final + uint64(i) + 1
		if !v.pending() || height < v.barrier {
			return v.cut(i + 1)
		}
		v = v.cut(int(v.barrier - v.final))
		v.set = v.next
		v.rank = rank{era: v.rank.era + 1, prevoted: v.finalSlot}
		for j := range v.tallies {
			t := &v.tallies[j]
			t.prevotes, t.precommits, t.ahead = t.ahead, 0, 0
		}
		return v
	}
	return v
}

// cut makes the first n tallies final.
func (v votes) cut(n int) votes {
	v.final += uint64(n)
	v.finalSlot = v.tallies[n-1].slot
	v.rank.prevoted = max(v.rank.prevoted, v.finalSlot)
	v.tallies = v.tallies[n:]
	return v
}

// notPrevoted returns the last slot up to which the producer of the newest block may have
// voted on another chain: above it, each of its blocks stands on this one.
func (v *votes) notPrevoted(newest tally) uint64 {
	at := newest.maxProduced
	for i := len(v.tallies) - 2; i >= 0; i-- {
		if t := v.tallies[i]; t.slot == at && t.producer == newest.producer {
			at = t.maxProduced
		}
	}
	return at
}

// lastBy returns the slot of a delegate's newest block above the final one, or 0.
func (v *votes) lastBy(k key.Public) uint64 {
	for i := len(v.tallies) - 1; i >= 0; i-- {
		if v.tallies[i].producer == k {
			return v.tallies[i].slot
		}
	}
	return 0
}

// bit returns the bit of a delegate, or none if it is not in the set.
func (s *Set) bit(k key.Public) uint64 {
	if i := s.index(k); i >= 0 {
		return 1 << i
	}
	return 0
}

// decides says whether some votes are a quorum.
func (s *Set) decides(votes uint64) bool { return bits.OnesCount64(votes) >= s.Quorum() }
