package dpos

import (
	"bytes"
	"fmt"

	"aergo/consensus"
	"aergo/repo/key"
	"aergo/repo/object"
)

// DomainCertificate is what attestations are signed for.
const DomainCertificate key.Domain = "aergo/certificate/v1"

// Certificate is the signatures of a quorum of delegates under a final block.
type Certificate struct {
	Branch    object.Hash
	Height    uint64
	ID        object.Hash
	Delegates object.Hash // of the set whose votes made it final: Header.Delegates
	Signed    []Signed    // by ascending key, each once
}

// Signed is one delegate's signature.
type Signed struct {
	Key       key.Public
	Signature key.Signature
}

// statement is what is signed under: the hash of all that the certificate claims. The
// lineage is part of every signature.
func statement(branch object.Hash, height uint64, id, delegates object.Hash) object.Hash {
	b := object.AppendArray(make([]byte, 0, 128), 5)
	b = object.AppendUint(b, consensus.Version)
	b = object.AppendHash(b, branch)
	b = object.AppendUint(b, height)
	b = object.AppendHash(b, id)
	return object.Sum(object.AppendHash(b, delegates))
}

// Verify checks a certificate against the keys of its delegates, in ascending order. Each
// signer counts once. The error wraps ErrInvalid or key.ErrBadSignature.
func (c *Certificate) Verify(lineage object.Hash, delegates []key.Public, verifier consensus.Verifier) error {
	if HashKeys(delegates) != c.Delegates {
		return fmt.Errorf("certificate of %s: %w: of other delegates", c.ID.Short(), ErrInvalid)
	}
	if len(c.Signed) < Quorum(len(delegates)) {
		return fmt.Errorf("certificate of %s: %w: %d signatures, want %d", c.ID.Short(), ErrInvalid, len(c.Signed), Quorum(len(delegates)))
	}
	what := statement(c.Branch, c.Height, c.ID, c.Delegates)
	next := 0
	for _, s := range c.Signed {
		for next < len(delegates) && delegates[next] != s.Key {
			next++
		}
		if next == len(delegates) {
			return fmt.Errorf("certificate of %s: %w: %s is no delegate or out of order", c.ID.Short(), ErrInvalid, s.Key.Short())
		}
		next++
		if err := verifier.Verify(s.Key, DomainCertificate, lineage, what, s.Signature); err != nil {
			return err
		}
	}
	return nil
}

// Encode returns the one encoding of c.
func (c *Certificate) Encode() []byte {
	b := object.AppendArray(make([]byte, 0, 160+100*len(c.Signed)), 6)
	b = object.AppendUint(b, consensus.Version)
	b = object.AppendHash(b, c.Branch)
	b = object.AppendUint(b, c.Height)
	b = object.AppendHash(b, c.ID)
	b = object.AppendHash(b, c.Delegates)
	b = object.AppendArray(b, len(c.Signed))
	for _, s := range c.Signed {
		b = object.AppendArray(b, 2)
		b = object.AppendBytes(b, s.Key[:])
		b = object.AppendBytes(b, s.Signature[:])
	}
	return b
}

// DecodeCertificate reads a certificate; it does not verify it. The error wraps
// object.ErrMalformed.
func DecodeCertificate(data []byte) (*Certificate, error) {
	r := object.NewReader(data)
	r.ArrayOf(6)
	consensus.ReadVersion(r)
	c := &Certificate{Branch: r.Hash(), Height: r.Uint(), ID: r.Hash(), Delegates: r.Hash()}
	n := r.Array(MaxSeats)
	for range n {
		r.ArrayOf(2)
		s := Signed{Key: consensus.ReadKey(r), Signature: consensus.ReadSignature(r)}
		if last := len(c.Signed) - 1; last >= 0 && bytes.Compare(c.Signed[last].Key[:], s.Key[:]) >= 0 {
			r.Fail("signer %s out of order", s.Key.Short())
		}
		if r.Err() != nil {
			break
		}
		c.Signed = append(c.Signed, s)
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	return c, nil
}

// Light follows the delegates of a chain from certificates and headers alone. The zero
// value follows nothing; begin with the lineage, the branch and the first delegates, which
// the Directory names.
type Light struct {
	Lineage   object.Hash
	Branch    object.Hash
	Delegates object.Hash // of the set that the next certificate must be of
	Height    uint64      // of the last header that was accepted
}

// Accept checks that a header is final: that a certificate of the delegates known so far
// stands under it. keys are those delegates' keys, ascending. It returns what is known
// afterwards; l is not changed. A certificate stands at every change of delegates.
func (l Light) Accept(raw []byte, c *Certificate, keys []key.Public, read consensus.Reader, verifier consensus.Verifier) (Light, error) {
	h, err := read(raw)
	if err != nil {
		return l, err
	}
	if object.Sum(raw) != c.ID || h.Height != c.Height || h.Branch != c.Branch || h.Delegates != c.Delegates ||
		h.Lineage != l.Lineage || h.Branch != l.Branch || h.Delegates != l.Delegates || h.Height <= l.Height {
		return l, fmt.Errorf("header %s: %w: not what its certificate or the chain so far calls for", c.ID.Short(), ErrInvalid)
	}
	if err := c.Verify(l.Lineage, keys, verifier); err != nil {
		return l, err
	}
	l.Delegates, l.Height = h.NextDelegates, h.Height
	return l, nil
}
