package dpos

import (
	"bytes"
	"maps"
	"slices"

	"aergo/consensus"
	"aergo/repo/key"
)

// maxSightings bounds the headers that are remembered of one producer.
const maxSightings = 256

// court looks for delegates that contradict themselves.
type court struct {
	seen   map[key.Public][]sighting // oldest first
	guilty map[key.Public]consensus.Evidence
}

// sighting is a header that a delegate sealed.
type sighting struct {
	vote
	block *consensus.Block
}

func newCourt() court {
	return court{seen: map[key.Public][]sighting{}, guilty: map[key.Public]consensus.Evidence{}}
}

// witness compares a block, whose seal is good, with those that its producer made before.
func (e *Engine) witness(b *consensus.Block) {
	x, err := DecodeExtra(b.Extra)
	if err != nil {
		return
	}
	if b.Producer == e.self {
		e.remember(b.Slot, x.rank())
	}
	fresh := sighting{vote: vote{slot: b.Slot, maxProduced: x.MaxProduced, rank: x.rank()}, block: b}
	list := e.court.seen[b.Producer]
	for _, old := range list {
		if old.block.ID != b.ID && contradict(old.vote, fresh.vote) {
			e.accuse(consensus.Evidence{
				A: consensus.Sealed{Raw: old.block.Raw, Seal: old.block.Seal}, B: consensus.Sealed{Raw: b.Raw, Seal: b.Seal},
			}, true)
			break
		}
	}
	if len(list) == maxSightings {
		list = list[1:]
	}
	e.court.seen[b.Producer] = append(list, fresh)
}

// remember takes a block of this node's own for promised, even if it does not know of it:
// a node that lost its disk keeps its word when it hears of it.
func (e *Engine) remember(slot uint64, r rank) {
	if slot > e.promise.Slot {
		e.promise.Slot, e.proposal = slot, nil // what was asked for says less
	}
	if r.compare(e.promise.rank()) > 0 {
		e.promise.Era, e.promise.Prevoted, e.proposal = r.era, r.prevoted, nil
	}
}

// accuse judges evidence and remembers it, to be put into the next block of this node's
// own. What this node found itself it tells everyone.
func (e *Engine) accuse(evidence consensus.Evidence, tell bool) {
	k, err := Judge(evidence, e.Genesis, e.Read, e.Verifier)
	if err != nil {
		return
	}
	if _, known := e.court.guilty[k]; known {
		return
	}
	e.court.guilty[k] = evidence
	e.out(consensus.Convicted{Evidence: evidence})
	if tell {
		e.out(consensus.Send{To: consensus.Everyone, Message: consensus.Accuse{Evidence: evidence}})
	}
}

// pending returns the convictions that a ledger lacks, by key.
func (c *court) pending(l *Ledger) []Operation {
	keys := slices.SortedFunc(maps.Keys(c.guilty), func(a, b key.Public) int { return bytes.Compare(a[:], b[:]) })
	var ops []Operation
	for _, k := range keys {
		if who, known := l.candidates[k]; known && !who.jailed {
			ops = append(ops, Convict(k, c.guilty[k]))
		}
	}
	return ops
}

// convictionsHold checks the evidence that a block brings.
func (e *Engine) convictionsHold(b *consensus.Block) bool {
	ops, err := DecodeOperations(b.Body)
	if err != nil {
		return false
	}
	for _, op := range ops {
		if op.Kind != OpConvict {
			continue
		}
		if k, err := Judge(*op.Evidence, e.Genesis, e.Read, e.Verifier); err != nil || k != op.Key {
			return false
		}
	}
	return true
}
