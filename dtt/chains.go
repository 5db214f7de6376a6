package dtt

import "slices"

// chains finds the longest chain of conflicts among transactions that are added in
// order: no tree with them in this order, and no number of workers, is faster.
type chains struct {
	units []chain
	pass  uint32
}

// chain is what is known of a unit. An epoch is one write, or reads or deltas in a row.
type chain struct {
	pass    uint32
	mode    Mode   // of the last epoch
	before  uint64 // when the epochs before the last one end
	current uint64 // when the last epoch ends
}

// reset forgets all transactions and makes room for so many units.
func (c *chains) reset(units int) {
	if len(c.units) < units {
		c.units, c.pass = make([]chain, units), 0
	} else if c.pass == maxStamp {
		clear(c.units)
		c.pass = 0
	}
	c.pass++
}

// add adds a transaction and returns the length of the longest chain that ends with it.
func (c *chains) add(run []Access, cost uint64) uint64 {
	start := uint64(0)
	for _, a := range run {
		u := &c.units[a.Unit()]
		switch {
		case u.pass != c.pass:
			*u = chain{pass: c.pass, mode: a.Mode()}
		case u.mode.Conflicts(a.Mode()):
			u.before, u.mode = u.current, a.Mode()
		}
		start = max(start, u.before)
	}
	end := start + cost
	for _, a := range run {
		u := &c.units[a.Unit()]
		u.current = max(u.current, end)
	}
	return end
}

// longestChain returns the length of the longest chain among the transactions a..b-1.
func (p *Planner) longestChain(a, b int) uint64 {
	p.chains.reset(p.lists.Units())
	p.visits += b - a
	longest := uint64(0)
	for tx := a; tx < b; tx++ {
		longest = max(longest, p.chains.add(p.lists.At(tx), p.weights.between(tx, tx+1)))
	}
	return longest
}

// earliest finds, for each transaction, the length of the longest chain before it, keeps
// them in p.times, and returns the length of the longest chain.
func (p *Planner) earliest() uint64 {
	n, longest := p.lists.Len(), uint64(0)
	p.chains.reset(p.lists.Units())
	p.visits += n
	p.times = slices.Grow(p.times[:0], n)
	for tx := range n {
		cost := p.weights.between(tx, tx+1)
		end := p.chains.add(p.lists.At(tx), cost)
		p.times = append(p.times, end-cost)
		longest = max(longest, end)
	}
	return longest
}
