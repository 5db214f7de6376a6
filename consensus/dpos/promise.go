package dpos

import (
	"aergo/consensus"
	"aergo/repo/object"
)

// Promise is what a delegate may never contradict again. It is synced before the block
// that makes it is sent, and one record with that block: a promise whose block was lost
// would bind its delegate to a rank that no chain has.
type Promise struct {
	Slot     uint64 // the highest that a block was made in
	Era      uint64 // Extra.Era of that block
	Prevoted uint64 // and its Extra.MaxPrevoted
	Block    []byte // Block.Encode
}

func (p Promise) rank() rank { return rank{era: p.Era, prevoted: p.Prevoted} }

// Encode returns the one encoding of p.
func (p Promise) Encode() []byte {
	b := object.AppendArray(make([]byte, 0, len(p.Block)+32), 5)
	b = object.AppendUint(b, consensus.Version)
	b = object.AppendUint(b, p.Slot)
	b = object.AppendUint(b, p.Era)
	b = object.AppendUint(b, p.Prevoted)
	return object.AppendBytes(b, p.Block)
}

// DecodePromise reads a promise. The error wraps object.ErrMalformed.
func DecodePromise(data []byte) (Promise, error) {
	r := object.NewReader(data)
	r.ArrayOf(5)
	consensus.ReadVersion(r)
	p := Promise{Slot: r.Uint(), Era: r.Uint(), Prevoted: r.Uint(), Block: r.Bytes(consensus.MaxBlockBytes)}
	return p, r.End()
}
