package consensus

import (
	"fmt"

	"aergo/repo/key"
	"aergo/repo/object"
)

// Limits of the records of this package.
const (
	Version       = 1
	MaxExtraBytes = object.MaxConsensusBytes
	MaxBodyBytes  = 64 << 10 // of what consensus reads of a block's body
	MaxRawBytes   = 72 << 10 // of a header as it is hashed
	headerItems   = 13
)

// Header is what consensus reads of a block's header. The header of a repository's branch
// (object.Header) has all of these and more; a Reader maps it onto this one. A chain that
// has nothing but consensus uses Encode and DecodeHeader.
type Header struct {
	Lineage       object.Hash
	Branch        object.Hash // zero on the Directory's own chain
	Height        uint64
	Slot          uint64
	TimeMillis    uint64
	Parent        object.Hash
	Content       object.Hash // all that the block holds besides; opaque
	Operations    object.Hash // Sum of Block.Body; zero when that is empty
	Delegates     object.Hash // of the set whose votes make this height final
	NextDelegates object.Hash // of the set of the height above
	Producer      key.Public
	Extra         []byte // the engine's own; at most MaxExtraBytes
}

// Reader reads a header from the record whose hash is the block's id.
type Reader func(raw []byte) (*Header, error)

// Block is a header under its id, its producer's seal over the id (key.DomainBlock), and
// the operations on delegates that the block holds. A Block is not changed once made.
type Block struct {
	Header
	ID   object.Hash // Sum(Raw)
	Raw  []byte
	Seal key.Signature
	Body []byte
}

// Open reads a block from its parts, which it keeps. It checks sizes and that the body is
// the one that the header names, not the seal.
func Open(read Reader, raw []byte, seal key.Signature, body []byte) (*Block, error) {
	if len(raw) > MaxRawBytes || len(body) > MaxBodyBytes {
		return nil, fmt.Errorf("%w: block of %d and %d bytes", object.ErrMalformed, len(raw), len(body))
	}
	h, err := read(raw)
	if err != nil {
		return nil, err
	}
	if h.Operations != HashBody(body) {
		return nil, fmt.Errorf("%w: body is not the one that the header names", object.ErrMalformed)
	}
	return &Block{Header: *h, ID: object.Sum(raw), Raw: raw, Seal: seal, Body: body}, nil
}

// HashBody returns what Header.Operations says of a body.
func HashBody(body []byte) object.Hash {
	if len(body) == 0 {
		return object.Hash{}
	}
	return object.Sum(body)
}

// Encode returns the one encoding of h.
func (h *Header) Encode() []byte {
	b := object.AppendArray(make([]byte, 0, 384+len(h.Extra)), headerItems)
	b = object.AppendUint(b, Version)
	b = object.AppendHash(b, h.Lineage)
	b = object.AppendHash(b, h.Branch)
	b = object.AppendUint(b, h.Height)
	b = object.AppendUint(b, h.Slot)
	b = object.AppendUint(b, h.TimeMillis)
	for _, hash := range [...]object.Hash{h.Parent, h.Content, h.Operations, h.Delegates, h.NextDelegates} {
		b = object.AppendHash(b, hash)
	}
	b = object.AppendBytes(b, h.Producer[:])
	return object.AppendBytes(b, h.Extra)
}

// DecodeHeader is the Reader of the encoding of this package. The error wraps
// object.ErrMalformed.
func DecodeHeader(raw []byte) (*Header, error) {
	r := object.NewReader(raw)
	r.ArrayOf(headerItems)
	ReadVersion(r)
	h := &Header{
		Lineage: r.Hash(), Branch: r.Hash(), Height: r.Uint(), Slot: r.Uint(), TimeMillis: r.Uint(),
		Parent: r.Hash(), Content: r.Hash(), Operations: r.Hash(), Delegates: r.Hash(), NextDelegates: r.Hash(),
		Producer: ReadKey(r), Extra: r.Bytes(MaxExtraBytes),
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	return h, nil
}

// Encode returns the one encoding of a block: its raw header, its seal, its body.
func (b *Block) Encode() []byte {
	out := object.AppendArray(make([]byte, 0, len(b.Raw)+len(b.Body)+96), 4)
	out = object.AppendUint(out, Version)
	out = object.AppendBytes(out, b.Raw)
	out = object.AppendBytes(out, b.Seal[:])
	return object.AppendBytes(out, b.Body)
}

// DecodeBlock reads a block whose header read understands.
func DecodeBlock(read Reader, data []byte) (*Block, error) {
	r := object.NewReader(data)
	r.ArrayOf(4)
	ReadVersion(r)
	raw, seal, body := r.Bytes(MaxRawBytes), ReadSignature(r), r.Bytes(MaxBodyBytes)
	if err := r.End(); err != nil {
		return nil, err
	}
	return Open(read, raw, seal, body)
}

// ReadVersion reads the version that every record begins with.
func ReadVersion(r *object.Reader) {
	if v := r.Uint(); v != Version {
		r.Fail("version %d", v)
	}
}

// ReadKey reads a public key as a byte string. It does not check that it is a point.
func ReadKey(r *object.Reader) key.Public {
	b := r.Bytes(key.PublicSize)
	if r.Err() == nil && len(b) != key.PublicSize {
		r.Fail("key of %d bytes", len(b))
	}
	if r.Err() != nil {
		return key.Public{}
	}
	return key.Public(b)
}

// ReadSignature reads a signature as a byte string. It does not verify it.
func ReadSignature(r *object.Reader) key.Signature {
	b := r.Bytes(key.SignatureSize)
	if r.Err() == nil && len(b) != key.SignatureSize {
		r.Fail("signature of %d bytes", len(b))
	}
	if r.Err() != nil {
		return key.Signature{}
	}
	return key.Signature(b)
}
