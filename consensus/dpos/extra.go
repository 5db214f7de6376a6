package dpos

import (
	"aergo/consensus"
	"aergo/repo/object"
)

// Extra is what this engine adds to a header: Header.Extra. Everybody recomputes each of
// its values but MaxProduced, which only its producer knows and contradicts at its peril.
type Extra struct {
	Round       uint64
	In          object.Hash // the in-value revealed; zero in a producer's later blocks of a round
	Signature   object.Hash // In xor all signatures of the round before; zero with In
	MaxProduced uint64      // the highest slot below this one that the producer made a block in, on any chain
	Era         uint64      // handovers between sets of delegates that are complete, as of the parent
	MaxPrevoted uint64      // slot of the highest block with a quorum of prevotes in this era, as of the parent
}

const extraItems = 7

func (x *Extra) rank() rank { return rank{era: x.Era, prevoted: x.MaxPrevoted} }

// Encode returns the one encoding of x.
func (x *Extra) Encode() []byte {
	b := object.AppendArray(make([]byte, 0, 100), extraItems)
	b = object.AppendUint(b, consensus.Version)
	b = object.AppendUint(b, x.Round)
	b = appendOptional(b, x.In)
	b = appendOptional(b, x.Signature)
	b = object.AppendUint(b, x.MaxProduced)
	b = object.AppendUint(b, x.Era)
	return object.AppendUint(b, x.MaxPrevoted)
}

// DecodeExtra reads an Extra. The error wraps object.ErrMalformed.
func DecodeExtra(data []byte) (Extra, error) {
	r := object.NewReader(data)
	r.ArrayOf(extraItems)
	consensus.ReadVersion(r)
	x := Extra{
		Round: r.Uint(), In: optional(r), Signature: optional(r), MaxProduced: r.Uint(), Era: r.Uint(), MaxPrevoted: r.Uint(),
	}
	return x, r.End()
}

// appendOptional writes an empty byte string for the zero hash.
func appendOptional(b []byte, h object.Hash) []byte {
	if h.IsZero() {
		return object.AppendBytes(b, nil)
	}
	return object.AppendHash(b, h)
}

func optional(r *object.Reader) object.Hash {
	b := r.Bytes(object.HashSize)
	if r.Err() != nil || len(b) == 0 {
		return object.Hash{}
	}
	if len(b) != object.HashSize || object.Hash(b).IsZero() {
		r.Fail("optional hash is neither empty nor a hash")
		return object.Hash{}
	}
	return object.Hash(b)
}
