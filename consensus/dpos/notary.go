package dpos

import (
	"maps"

	"aergo/consensus"
	"aergo/repo/key"
	"aergo/repo/object"
)

// maxDocuments bounds the certificates that are being gathered, and maxAhead the heights
// above the last final one that signatures are kept for.
const (
	maxDocuments = 8
	maxAhead     = 4 * MaxSeats
)

// notary gathers signatures under final blocks.
type notary struct {
	mine      []*consensus.Attestation // this node's own newest, oldest first
	documents []*document              // final blocks without a certificate, lowest first
	loose     map[uint64]map[key.Public]consensus.Attestation
	floor     uint64 // height up to which nothing is gathered any more
}

// document is a final block on its way to a certificate.
type document struct {
	id     object.Hash
	height uint64
	voters *Set
}

func newNotary() notary {
	return notary{loose: map[uint64]map[key.Public]consensus.Attestation{}}
}

// due says whether a certificate is made for a block: at every change of delegates, and
// at regular heights.
func due(b *consensus.Block, p Params) bool {
	return b.Height%p.CertifyEvery == 0 || b.Delegates != b.NextDelegates
}

// reminder returns one of this node's own newest signatures, another one in every slot.
func (n *notary) reminder(slot uint64) *consensus.Attestation {
	if len(n.mine) == 0 {
		return nil
	}
	return n.mine[slot%uint64(len(n.mine))]
}

// drop closes a document, and forgets the signatures below all others.
func (n *notary) drop(i int) {
	n.floor = max(n.floor, n.documents[i].height)
	n.documents = append(n.documents[:i:i], n.documents[i+1:]...)
	if len(n.documents) > 0 {
		n.floor = min(n.floor, n.documents[0].height-1)
	}
	maps.DeleteFunc(n.loose, func(height uint64, _ map[key.Public]consensus.Attestation) bool { return height <= n.floor })
}

// document begins to gather signatures under a block that has become final. If this node
// is among those that made it final, it adds its own, which goes out once all that led to
// it is synced.
func (e *Engine) document(at *node) {
	b := at.block
	if !due(b, e.Genesis.Params) {
		return
	}
	n := &e.notary
	n.documents = append(n.documents, &document{id: b.ID, height: b.Height, voters: at.voters})
	if len(n.documents) > maxDocuments {
		n.drop(0)
	}
	if e.Signer != nil && at.voters.index(e.self) >= 0 {
		a := consensus.Attestation{Height: b.Height, ID: b.ID, Delegates: b.Delegates, Signer: e.self}
		a.Signature = e.Signer.Sign(DomainCertificate, b.Lineage, statement(b.Branch, a.Height, a.ID, a.Delegates))
		n.mine = append(n.mine, &a)
		if len(n.mine) > maxDocuments {
			n.mine = n.mine[1:]
		}
		e.hold(held{sends: []consensus.Send{{To: consensus.Everyone, Message: a}}})
		n.put(a)
	}
	e.complete(b.Height)
}

// collect takes another delegate's signature.
func (e *Engine) collect(a consensus.Attestation) {
	if a.Height <= e.notary.floor || a.Height > e.root.state.height+maxAhead {
		return
	}
	if known, ok := e.notary.loose[a.Height][a.Signer]; ok && known.ID == a.ID {
		return
	}
	if e.head.state.sitting.index(a.Signer) < 0 && e.head.state.votes.next.index(a.Signer) < 0 {
		return
	}
	what := statement(e.Genesis.Branch, a.Height, a.ID, a.Delegates)
	if err := e.Verifier.Verify(a.Signer, DomainCertificate, e.Genesis.Lineage, what, a.Signature); err != nil {
		return
	}
	e.notary.put(a)
	e.complete(a.Height)
}

func (n *notary) put(a consensus.Attestation) {
	if n.loose[a.Height] == nil {
		n.loose[a.Height] = map[key.Public]consensus.Attestation{}
	}
	n.loose[a.Height][a.Signer] = a
}

// complete certifies the block of a height, if it is final and has enough signatures.
func (e *Engine) complete(height uint64) {
	for i, d := range e.notary.documents {
		if d.height == height {
			if c := e.certify(d); c != nil {
				e.out(consensus.Certified{ID: d.id, Height: d.height, Certificate: c.Encode()})
				e.notary.drop(i)
			}
			return
		}
	}
}

// certify returns the certificate of a document, or nil while signatures are missing.
func (e *Engine) certify(d *document) *Certificate {
	c := &Certificate{Branch: e.Genesis.Branch, Height: d.height, ID: d.id, Delegates: d.voters.hash}
	for _, m := range d.voters.members {
		a, ok := e.notary.loose[d.height][m.Key]
		if ok && a.ID == d.id && a.Delegates == d.voters.hash {
			c.Signed = append(c.Signed, Signed{Key: m.Key, Signature: a.Signature})
		}
	}
	if len(c.Signed) < d.voters.Quorum() {
		return nil
	}
	return c
}
