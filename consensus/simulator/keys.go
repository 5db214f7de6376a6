package simulator

import (
	"fmt"
	"slices"

	"aergo/repo/key"
	"aergo/repo/object"
)

// signer signs with a hash of its public key: fast, and safe from nobody who tries.
type signer struct{ public key.Public }

func newSigner(i int) signer {
	return signer{public: key.Public(object.Sum(fmt.Appendf(nil, "simulated delegate %d", i)))}
}

func (s signer) Public() key.Public { return s.public }

func (s signer) Sign(d key.Domain, lineage, id object.Hash) key.Signature {
	h := object.Sum(slices.Concat(s.public[:], []byte(d), lineage[:], id[:]))
	var sig key.Signature
	copy(sig[:], h[:])
	return sig
}

// verifier is the consensus.Verifier of all signers.
type verifier struct{}

func (verifier) Verify(pub key.Public, d key.Domain, lineage, id object.Hash, sig key.Signature) error {
	if (signer{public: pub}).Sign(d, lineage, id) != sig {
		return key.ErrBadSignature
	}
	return nil
}
