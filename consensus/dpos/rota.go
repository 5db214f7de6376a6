package dpos

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"

	"aergo/repo/key"
	"aergo/repo/object"
)

// seat is what a chain remembers of one delegate that may be scheduled.
type seat struct {
	key       key.Public
	anchor    object.Hash // of its onion
	in        object.Hash // the last in-value revealed; the anchor before the first
	signature object.Hash // of the last round that is over
	fresh     object.Hash // of this round, once revealed
	revealed  bool        // in this round
	lost      uint64      // slots missed since it sits
	missed    uint64      // slots missed in a row
	failures  uint64      // times excluded in this term
	until     uint64      // the first round after its exclusion
}

// rota says whose turn it is. order holds places in seats; it changes at rounds.
type rota struct {
	slot  uint64 // up to which everything is accounted for
	round uint64
	seats []seat      // by ascending key
	all   object.Hash // xor of all signatures of the round before
	order []int
	extra int // place in seats
}

// newRota is the rota of round 0: nobody has revealed anything, so every signature
// follows from who signs and where.
func newRota(g *Genesis, set *Set) rota {
	r := rota{}
	for _, m := range set.members {
		seed := object.Sum(slices.Concat(g.Lineage[:], g.Branch[:], m.Key[:]))
		r.seats = append(r.seats, seat{key: m.Key, anchor: m.Anchor, in: m.Anchor, signature: seed})
		r.all = xor(r.all, seed)
	}
	r.arrange(everySeat(len(r.seats)), everySeat(len(r.seats))[:1])
	return r
}

func everySeat(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// turn returns the place in seats of who produces in a slot of the current round.
func (r *rota) turn(place, seatsPerRound int) int {
	if place == seatsPerRound {
		return r.extra
	}
	return r.order[place%len(r.order)]
}

// signatureOf returns the signature that a delegate which reveals in now must show.
func (r *rota) signatureOf(in object.Hash) object.Hash { return xor(in, r.all) }

// close ends the round: a withheld value is the one revealed last, and its delegate's
// signature is made with that. It returns how many delegates made a block.
func (r *rota) close() (active int) {
	all := object.Hash{}
	for i := range r.seats {
		s := &r.seats[i]
		if s.revealed {
			s.signature = s.fresh
			active++
		} else {
			s.signature = xor(s.in, r.all)
		}
		s.fresh, s.revealed = object.Hash{}, false
		all = xor(all, s.signature)
	}
	r.all = all
	return active
}

// arrange makes the order of the next round out of the signatures of the last. before is
// the last order, first place first; scheduled are those who take part. Each goes, in the
// last order, newcomers after by key, to the place that its signature gives modulo their
// number; or to the next free one, and after the last place comes the first. The one who
// stood first decides whose turn the extra block is: its signature modulo the number, as
// a place of the new order.
func (r *rota) arrange(scheduled, before []int) {
	n := len(scheduled)
	queue := make([]int, 0, n)
	for _, i := range before {
		if slices.Contains(scheduled, i) {
			queue = append(queue, i)
		}
	}
	for _, i := range scheduled {
		if !slices.Contains(queue, i) {
			queue = append(queue, i)
		}
	}
	r.order = make([]int, n)
	taken := make([]bool, n)
	for _, i := range queue {
		place := modulo(r.seats[i].signature, n)
		for taken[place] {
			place = (place + 1) % n
		}
		taken[place], r.order[place] = true, i
	}
	first := scheduled[0] // if nobody of the last round is left
	if len(before) > 0 {
		first = before[0]
	}
	r.extra = r.order[modulo(r.seats[first].signature, n)]
}

// reseat gives the seats to another set. Who stays with the same onion keeps what is
// remembered; who comes begins with its anchor, which it chose two rounds ago or earlier.
// It returns where the seats of a list of places went, without those who left.
func (r *rota) reseat(set *Set, places []int) []int {
	old := r.seats
	r.seats = make([]seat, 0, set.Len())
	for _, m := range set.members {
		next := seat{key: m.Key, anchor: m.Anchor, in: m.Anchor, signature: xor(m.Anchor, r.all)}
		if i := findSeat(old, m.Key); i >= 0 {
			kept := old[i]
			if kept.anchor != m.Anchor {
				kept.anchor, kept.in = m.Anchor, m.Anchor
			}
			next = kept
		}
		r.seats = append(r.seats, next)
	}
	r.all = object.Hash{}
	for _, s := range r.seats {
		r.all = xor(r.all, s.signature)
	}
	var moved []int
	for _, i := range places {
		if j := findSeat(r.seats, old[i].key); j >= 0 {
			moved = append(moved, j)
		}
	}
	return moved
}

func findSeat(seats []seat, k key.Public) int {
	i, found := slices.BinarySearchFunc(seats, k, func(s seat, k key.Public) int { return bytes.Compare(s.key[:], k[:]) })
	if !found {
		return -1
	}
	return i
}

func xor(a, b object.Hash) object.Hash {
	for i := range a {
		a[i] ^= b[i]
	}
	return a
}

// modulo reads a hash as a big-endian number.
func modulo(h object.Hash, n int) int {
	rest := uint64(0)
	for i := 0; i < len(h); i += 8 {
		rest = bits.Rem64(rest, binary.BigEndian.Uint64(h[i:]), uint64(n))
	}
	return int(rest)
}
