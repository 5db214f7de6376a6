package simulator

import (
	"fmt"

	"aergo/consensus"
	"aergo/consensus/dpos"
	"aergo/repo/key"
	"aergo/repo/object"
)

// cluster is the protocol of a plan: engines of consensus/dpos, some of them in bad hands.
type cluster struct {
	*plan
	falsehoods   map[object.Hash]bool // contents that no honest node may build on
	certificates map[uint64][]byte    // by height
	convicted    map[key.Public]bool
	built        int
}

func (c *cluster) of(host int) *delegate { return &c.delegates[c.hosts[host]] }

func (c *cluster) honest(host int) bool {
	f := c.of(host).fault
	return f == sound || f == skewed
}

func (c *cluster) valid(b *consensus.Block) bool { return !c.falsehoods[b.Content] }

func (c *cluster) start(host int, records []consensus.Record) (consensus.Engine, error) {
	d := c.of(host)
	return dpos.New(dpos.Config{
		Genesis: c.genesis, Read: consensus.DecodeHeader, Verifier: verifier{}, Signer: d.signer, Onion: d.onion,
	}, records)
}

// filter lets a silent host say nothing.
func (c *cluster) filter(_ *world, host int, s consensus.Send) []consensus.Send {
	if c.of(host).fault == silent {
		return nil
	}
	return []consensus.Send{s}
}

// build makes the block that an engine asks for. Faulty hosts make another, or none.
func (c *cluster) build(w *world, host int, p consensus.Produce) *consensus.Built {
	switch c.of(host).fault {
	case withholding:
		if w.rng.IntN(2) == 0 {
			return nil
		}
	case lying:
		if w.rng.IntN(3) > 0 {
			c.lie(w, host, p)
			return nil
		}
	}
	c.built++
	h := p.Header
	h.Content = object.Sum(fmt.Appendf(nil, "content %d of host %d", c.built, host))
	body := c.operations(w, p.Body)
	h.Operations = consensus.HashBody(body)
	return &consensus.Built{Raw: h.Encode(), Body: body}
}

// operations adds now and then some stake or a vote to what a block does to the ledger, so
// that elections have something to decide. Nobody votes for a faulty delegate.
func (c *cluster) operations(w *world, body []byte) []byte {
	if w.rng.IntN(4) > 0 {
		return body
	}
	ops, err := dpos.DecodeOperations(body)
	if err != nil {
		w.wrong("an engine asked for a body that cannot be read: %v", err)
		return body
	}
	who := newSigner(1000 + w.rng.IntN(3)).public
	to := c.delegates[w.rng.IntN(len(c.delegates))]
	switch {
	case w.rng.IntN(2) == 0:
		ops = append(ops, dpos.Operation{Kind: dpos.OpStake, Key: who, Amount: w.rng.Uint64N(200)})
	case to.fault == sound:
		ops = append(ops, dpos.Operation{Kind: dpos.OpVote, Key: who, Candidate: to.signer.public})
	}
	return dpos.EncodeOperations(ops)
}

// lie sends what no honest delegate sends, instead of the block that is due.
func (c *cluster) lie(w *world, host int, p consensus.Produce) {
	h := p.Header
	x, err := dpos.DecodeExtra(h.Extra)
	if err != nil {
		w.wrong("an engine asked for a header that cannot be read: %v", err)
		return
	}
	all := object.Hash{} // the xor of all signatures of the last round
	for i := range all {
		all[i] = x.In[i] ^ x.Signature[i]
	}
	body := p.Body
	h.Content = object.Sum(fmt.Appendf(nil, "lie %d of host %d", w.sequence, host))
	switch w.rng.IntN(11) {
	case 0: // content that does not hold
		c.falsehoods[h.Content] = true
	case 1: // more prevotes than there are
		x.MaxPrevoted += 1 + w.rng.Uint64N(5)
	case 2: // an in-value of its own choice
		for i := range x.In {
			x.In[i] = byte(w.rng.IntN(256))
			x.Signature[i] = x.In[i] ^ all[i]
		}
	case 3: // a place of its own choice
		x.Signature[31] ^= byte(1 + w.rng.IntN(255))
	case 4: // it never made a block before
		x.MaxProduced = 0
	case 5: // other delegates
		h.NextDelegates = object.Sum([]byte("my friends"))
	case 6: // nothing revealed
		x.In, x.Signature = object.Hash{}, object.Hash{}
	case 7: // not its turn
		h.Slot += 1 + w.rng.Uint64N(3)
		h.TimeMillis += (h.Slot - p.Header.Slot) * slotMillis
	case 8, 9: // a conviction of somebody honest
		victim, evidence := c.frame(w)
		if evidence == nil {
			return
		}
		w.carry(host, consensus.Send{Message: consensus.Accuse{Evidence: *evidence}})
		body = dpos.EncodeOperations([]dpos.Operation{dpos.Convict(victim, *evidence)})
	case 10: // a signature under a block that does not exist
		d := c.of(host).signer
		a := consensus.Attestation{Height: h.Height - min(h.Height, 1), ID: h.Content, Delegates: h.Delegates, Signer: d.public}
		w.carry(host, consensus.Send{Message: a})
		return
	}
	h.Extra, h.Operations = x.Encode(), consensus.HashBody(body)
	d := c.of(host).signer
	raw := h.Encode()
	b := &consensus.Block{Header: h, ID: object.Sum(raw), Raw: raw, Body: body}
	b.Seal = d.Sign(key.DomainBlock, h.Lineage, b.ID)
	w.blocks[b.ID] = b
	w.note('l', host, h.Slot)
	w.carry(host, consensus.Send{Message: consensus.Announce{Blocks: []*consensus.Block{b}}})
}

// frame makes up evidence against an honest delegate out of a block that it made.
func (c *cluster) frame(w *world) (key.Public, *consensus.Evidence) {
	id, ok := w.finals[w.top]
	if !ok {
		return key.Public{}, nil
	}
	b := w.blocks[id]
	a := consensus.Sealed{Raw: b.Raw, Seal: b.Seal}
	forged := b.Header
	forged.Content = object.Sum([]byte("what it never said"))
	if w.rng.IntN(3) == 0 {
		return b.Producer, &consensus.Evidence{A: a, B: a}
	}
	return b.Producer, &consensus.Evidence{A: a, B: consensus.Sealed{Raw: forged.Encode(), Seal: b.Seal}}
}

// found hears of convictions and certificates.
func (c *cluster) found(w *world, host int, out consensus.Output) {
	switch out := out.(type) {
	case consensus.Convicted:
		h, err := consensus.DecodeHeader(out.Evidence.A.Raw)
		if err != nil {
			w.wrong("host %d: evidence that cannot be read: %v", host, err)
			return
		}
		w.note('c', host)
		if !c.honest(host) {
			return
		}
		c.convicted[h.Producer] = true
		for i, d := range c.delegates {
			if d.signer.public == h.Producer && (d.fault == sound || d.fault == skewed) {
				w.wrong("host %d: convicts delegate %d, who is honest", host, i)
			}
		}
	case consensus.Certified:
		w.noteHash('z', host, out.ID)
		if c.honest(host) {
			if w.finals[out.Height] != out.ID {
				w.wrong("host %d: a certificate for %s, which is not final at height %d", host, out.ID.Short(), out.Height)
			}
			c.certificates[out.Height] = out.Certificate
		}
	}
}
