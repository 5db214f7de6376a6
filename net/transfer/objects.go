package transfer

import (
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"aergo/repo/object"
	"aergo/repo/store"
)

const (
	// partBytes is the size of plain data at which a message of objects is sent.
	partBytes = 512 << 10
	// maxPartBytes is above the largest: one that lacked a byte, and an object.
	maxPartBytes = partBytes + store.MaxObjectBytes + store.MaxSealBytes
	// packFromBytes is the size of plain data that is worth compressing.
	packFromBytes = 128
)

// How the payload of a message of objects travels.
const (
	codecPlain = 0
	codecZstd  = 1
)

// objects holds some of the objects that a want asked for, in its order.
type objects struct {
	// Sizes has two numbers for each object: its size, 0 if it is not there, and that of
	// its seal.
	Sizes      []uint64
	Codec      uint64
	PlainBytes uint64
	// Stored is the objects, each with its seal behind it.
	Stored []byte
}

func (m *objects) size() int { return 5 }

func (m *objects) append(b []byte) []byte {
	b = object.AppendArray(head(b, m, numberObjects), len(m.Sizes))
	for _, n := range m.Sizes {
		b = object.AppendUint(b, n)
	}
	b = object.AppendUint(b, m.Codec)
	b = object.AppendUint(b, m.PlainBytes)
	return object.AppendBytes(b, m.Stored)
}

func (m *objects) read(r *object.Reader) {
	n := r.Array(2 * maxWant)
	if n == 0 || n%2 != 0 {
		r.Fail("%d sizes", n)
		return
	}
	m.Sizes = make([]uint64, n)
	total := uint64(0)
	for i := range m.Sizes {
		limit := uint64(store.MaxObjectBytes)
		if i%2 == 1 {
			limit = store.MaxSealBytes
			if m.Sizes[i-1] == 0 {
				limit = 0
			}
		}
		m.Sizes[i] = r.UintMax(limit)
		total += m.Sizes[i]
	}
	m.Codec, m.PlainBytes = r.UintMax(codecZstd), r.UintMax(maxPartBytes)
	m.Stored = r.Bytes(maxPartBytes)
	stored := uint64(len(m.Stored))
	switch {
	case r.Err() != nil:
	case total != m.PlainBytes:
		r.Fail("sizes account for %d of %d plain bytes", total, m.PlainBytes)
	case m.Codec == codecPlain && stored != m.PlainBytes, m.Codec == codecZstd && stored >= m.PlainBytes:
		r.Fail("%d bytes stored for %d plain bytes", stored, m.PlainBytes)
	}
}

// codec compresses and decompresses. It is safe for concurrent use.
type codec struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

func newCodec() (*codec, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false),
		zstd.WithSingleSegment(true), zstd.WithWindowSize(1<<20))
	if err != nil {
		return nil, fmt.Errorf("zstd encoder: %w", err)
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxPartBytes), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, fmt.Errorf("zstd decoder: %w", err)
	}
	return &codec{encoder, decoder}, nil
}

// pack fills in the payload of a message, compressed into scratch if that makes it
// smaller. It returns the scratch for next time.
func (c *codec) pack(m *objects, plain, scratch []byte) []byte {
	m.Codec, m.PlainBytes, m.Stored = codecPlain, uint64(len(plain)), plain
	if len(plain) < packFromBytes {
		return scratch
	}
	scratch = c.encoder.EncodeAll(plain, scratch[:0])
	if len(scratch) < len(plain) {
		m.Codec, m.Stored = codecZstd, scratch
	}
	return scratch
}

// unpack returns the plain payload of a message, in scratch if that has the room. No more
// is allocated than the message states, and that has been bounded.
func (c *codec) unpack(m *objects, scratch []byte) ([]byte, error) {
	if m.Codec == codecPlain {
		return m.Stored, nil
	}
	if cap(scratch) < int(m.PlainBytes) {
		scratch = make([]byte, 0, m.PlainBytes)
	}
	plain, err := c.decoder.DecodeAll(m.Stored, scratch[:0:m.PlainBytes])
	if err != nil {
		return nil, fmt.Errorf("%w: payload does not decompress: %w", ErrProtocol, err)
	}
	if uint64(len(plain)) != m.PlainBytes {
		return nil, fmt.Errorf("%w: %w", ErrProtocol, errors.New("payload decompresses to another size than is stated"))
	}
	return plain, nil
}
