package simulator

import (
	"maps"
	"slices"

	"aergo/consensus"
	"aergo/consensus/dpos"
	"aergo/repo/key"
	"aergo/repo/object"
)

// maxReviews bounds the moments of a run that are computed again.
const maxReviews = 4

// moment is when something became final at a host: on which head it did.
type moment struct {
	host   int
	head   object.Hash
	height uint64
}

// chainTo returns the blocks up to one, lowest first.
func (w *world) chainTo(id object.Hash) []*consensus.Block {
	var chain []*consensus.Block
	for b := w.blocks[id]; b != nil; b = w.blocks[b.Parent] {
		chain = append(chain, b)
	}
	slices.Reverse(chain)
	return chain
}

// review computes the run's chain again, at some of the moments at which a block became
// final and at the end, and compares.
func (c *cluster) review(w *world) {
	step := max(len(w.moments)/maxReviews, 1)
	for i := len(w.moments) - 1; i >= 0; i -= step {
		m := w.moments[i]
		o := newOracle(c.genesis)
		o.follow(w.chainTo(m.head))
		if len(o.faults) == 0 && o.votes.final != m.height {
			o.fault("height %d was taken for final where %d is", m.height, o.votes.final)
		}
		for _, f := range o.faults {
			w.wrong("host %d, head %s: %s", m.host, m.head.Short(), f)
		}
	}
	o := newOracle(c.genesis)
	o.follow(w.chainTo(w.finals[w.top]))
	for _, f := range o.faults {
		w.wrong("%s", f)
	}
	if len(w.violations) == 0 {
		c.reviewJail(w, o)
		c.reviewCertificates(w, o)
	}
}

// reviewJail finds the honest among the convicted.
func (c *cluster) reviewJail(w *world, o *oracle) {
	for i, d := range c.delegates {
		if o.book.jailed[d.signer.public] && (d.fault == sound || d.fault == skewed) {
			w.wrong("delegate %d is honest, and convicted", i)
		}
	}
}

// reviewCertificates checks the certificates as somebody does who knows nothing of the
// chain but its first delegates; and counts their signatures by hand.
func (c *cluster) reviewCertificates(w *world, o *oracle) {
	sets := map[object.Hash][]key.Public{}
	for _, keys := range o.deciders {
		sets[dpos.HashKeys(keys)] = keys
	}
	first := newOracle(c.genesis).sitting
	light := dpos.Light{Lineage: c.genesis.Lineage, Branch: c.genesis.Branch, Delegates: dpos.HashKeys(first)}
	behind := false // a certificate of a change of delegates was never complete anywhere
	for _, height := range slices.Sorted(maps.Keys(c.certificates)) {
		cert, err := dpos.DecodeCertificate(c.certificates[height])
		if err != nil {
			w.wrong("certificate at height %d: %v", height, err)
			return
		}
		voters := o.deciders[height]
		if voters == nil {
			continue // above the highest block that every honest host takes for final
		}
		signers := map[key.Public]bool{}
		for _, s := range cert.Signed {
			signers[s.Key] = slices.Contains(voters, s.Key)
		}
		maps.DeleteFunc(signers, func(_ key.Public, ok bool) bool { return !ok })
		if 3*len(signers) <= 2*len(voters) || cert.ID != w.finals[height] {
			w.wrong("certificate at height %d: %d signatures of %d delegates under %s", height, len(signers), len(voters), cert.ID.Short())
		}
		behind = behind || light.Delegates != cert.Delegates
		if behind {
			continue
		}
		light, err = light.Accept(w.blocks[cert.ID].Raw, cert, sets[cert.Delegates], consensus.DecodeHeader, verifier{})
		if err != nil {
			w.wrong("certificate at height %d: %v", height, err)
		}
	}
}
