package simulator

import (
	"slices"

	"aergo/consensus"
	"aergo/repo/key"
)

// count counts votes as the oracle does: by lists of keys, from the rules.
type count struct {
	deciding   []key.Public // whose votes decide
	coming     []key.Public // whose will, above the barrier; nil if nobody else's
	barrier    uint64
	era        uint64
	final      uint64 // height
	prevoted   uint64 // slot
	prevotes   map[uint64][]key.Public
	precommits map[uint64][]key.Public
	claims     map[uint64]uint64 // slot -> MaxProduced of the block in it
}

func newCount(first []key.Public) count {
	return count{deciding: first, prevotes: map[uint64][]key.Public{}, precommits: map[uint64][]key.Public{}, claims: map[uint64]uint64{}}
}

func (c *count) next() []key.Public {
	if c.coming != nil {
		return c.coming
	}
	return c.deciding
}

func (c *count) voters(height uint64) []key.Public {
	if c.coming != nil && height > c.barrier {
		return c.coming
	}
	return c.deciding
}

// many says whether more than two thirds of those who decide are among some.
func (c *count) many(votes []key.Public) bool {
	n := 0
	for _, k := range c.deciding {
		if slices.Contains(votes, k) {
			n++
		}
	}
	return 3*n > 2*len(c.deciding)
}

// add counts the votes of the last block of a chain.
func (c *count) add(chain []*consensus.Block, maxProduced uint64) {
	last := chain[len(chain)-1]
	c.claims[last.Slot] = maxProduced
	loyal := maxProduced // above this slot, the producer has been on this chain only
	for i := len(chain) - 2; i >= 0; i-- {
		if b := chain[i]; b.Slot == loyal && b.Producer == last.Producer {
			loyal = c.claims[b.Slot]
		}
	}
	open := chain[c.final:] // the block of height h is chain[h-1]
	for _, b := range open[:len(open)-1] {
		if b.Slot > loyal && c.many(c.prevotes[b.Height]) {
			c.precommits[b.Height] = append(c.precommits[b.Height], last.Producer)
		}
	}
	for _, b := range open {
		if b.Slot > maxProduced {
			c.prevotes[b.Height] = append(c.prevotes[b.Height], last.Producer)
		}
	}
	c.finish(chain)
	for _, b := range chain[c.final:] {
		if c.many(c.prevotes[b.Height]) {
			c.prevoted = max(c.prevoted, b.Slot)
		}
	}
}

// finish finds what is final.
func (c *count) finish(chain []*consensus.Block) {
	for i := len(chain) - 1; i >= int(c.final); i-- {
		b := chain[i]
		if !c.many(c.precommits[b.Height]) {
			continue
		}
		if c.coming == nil || b.Height < c.barrier {
			c.final, c.prevoted = b.Height, max(c.prevoted, b.Slot)
			return
		}
		c.final, c.prevoted = c.barrier, chain[c.barrier-1].Slot
		c.deciding, c.coming = c.coming, nil
		c.era++
		c.precommits = map[uint64][]key.Public{}
		return
	}
}
