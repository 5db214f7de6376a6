package branch

import (
	"fmt"

	"aergo/repo/key"
	"aergo/repo/object"
)

// PoolReceipt is a pool receipt with the hash that names it, its bytes and its producer's seal.
type PoolReceipt struct {
	ID object.Hash
	*object.PoolReceipt
	Record []byte
	Seal   key.Signature
}

// SignPoolReceipt signs a receipt in the name of a producer. It fails if the receipt is larger
// than a record may be.
func SignPoolReceipt(r *object.PoolReceipt, producer Signer) (PoolReceipt, error) {
	r.Producer = producer.Identity
	data := r.Encode()
	if len(data) > object.MaxSizeBytes {
		return PoolReceipt{}, fmt.Errorf("receipt: %w: %d exclusions do not fit one record", FaultReceipt, len(r.Excluded))
	}
	id := object.Sum(data)
	return PoolReceipt{ID: id, PoolReceipt: r, Record: data, Seal: producer.Private.Sign(key.DomainPoolReceipt, r.Lineage, id)}, nil
}

// ReadPoolReceipt reads a receipt and its seal, which it does not verify.
func ReadPoolReceipt(record, seal []byte) (PoolReceipt, error) {
	r, err := object.DecodePoolReceipt(record)
	if err != nil {
		return PoolReceipt{}, err
	}
	sig, err := key.SignatureFromBytes(seal)
	if err != nil {
		return PoolReceipt{}, fmt.Errorf("receipt: %w", err)
	}
	return PoolReceipt{ID: object.Sum(record), PoolReceipt: r, Record: record, Seal: sig}, nil
}

// Verify checks the producer's seal. The error wraps key.ErrBadSignature.
func (r PoolReceipt) Verify() error {
	if err := key.Verify(key.Public(r.Producer.Key), key.DomainPoolReceipt, r.Lineage, r.ID, r.Seal); err != nil {
		return fmt.Errorf("receipt: %w", err)
	}
	return nil
}

// Kept says whether verdicts, ascending, are those that the receipt promises, for the same reasons.
func (r PoolReceipt) Kept(runs []object.Run, excluded []object.Exclusion) bool {
	if len(runs) != len(r.Runs) || len(excluded) != len(r.Excluded) {
		return false
	}
	for i := range runs {
		if runs[i] != r.Runs[i] {
			return false
		}
	}
	for i := range excluded {
		if !sameExclusion(&excluded[i], &r.Excluded[i]) {
			return false
		}
	}
	return true
}
