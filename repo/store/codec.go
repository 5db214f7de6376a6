package store

import (
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// codec compresses and decompresses payloads. Its halves are made when first needed, as
// many commands only read, or neither read nor write. It is safe for concurrent use.
type codec struct {
	encoder  func() (*zstd.Encoder, error) // of small frames
	thorough func() (*zstd.Encoder, error) // of large ones
	decoder  func() (*zstd.Decoder, error)
	quick    bool // S2 instead of either
}

// thoroughBytes is the plain size from which a frame is compressed with more care. Such a
// frame is a large object by itself, as the chunks of an import are: it is written once,
// read seldom, and its size is half of what an import takes.
const thoroughBytes = 64 << 10

// The fastest level is within 2% of the ratio of the default one on small frames; on large
// ones the better level saves 4 to 5%.
func newCodec(quick bool) codec {
	encoder := func(level zstd.EncoderLevel) func() (*zstd.Encoder, error) {
		return sync.OnceValues(func() (*zstd.Encoder, error) {
			return zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(compressors),
				zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true), zstd.WithWindowSize(1<<20))
		})
	}
	return codec{
		quick:   quick,
		encoder: encoder(zstd.SpeedFastest), thorough: encoder(zstd.SpeedBetterCompression),
		decoder: sync.OnceValues(func() (*zstd.Decoder, error) {
			return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxFramePlainBytes),
				zstd.WithDecodeAllCapLimit(true))
		}),
	}
}

// compress returns the payload as it is to be stored: compressed into scratch, or plain
// itself if that is not smaller.
func (c codec) compress(plain, scratch []byte) (byte, []byte, error) {
	if c.quick {
		if stored := s2.Encode(scratch[:cap(scratch)], plain); len(stored) < len(plain) {
			return codecS2, stored, nil
		}
		return codecRaw, plain, nil
	}
	get := c.encoder
	if len(plain) >= thoroughBytes {
		get = c.thorough
	}
	encoder, err := get()
	if err != nil {
		return 0, nil, fmt.Errorf("zstd encoder: %w", err)
	}
	if stored := encoder.EncodeAll(plain, scratch[:0]); len(stored) < len(plain) {
		return codecZstd, stored, nil
	}
	return codecRaw, plain, nil
}

// decompress returns the plain payload in memory of its own.
func (c codec) decompress(f frameHeader, stored []byte) ([]byte, error) {
	plain := make([]byte, 0, f.plainBytes)
	if f.codec == codecRaw {
		return append(plain, stored...), nil
	}
	var err error
	if f.codec == codecS2 {
		plain, err = decompressS2(plain, stored)
	} else {
		plain, err = c.decompressZstd(plain, stored)
	}
	if err != nil {
		return nil, fmt.Errorf("payload does not decompress: %w", err)
	}
	if len(plain) != f.plainBytes {
		return nil, errors.New("payload decompresses to another size than the frame states")
	}
	return plain, nil
}

func (c codec) decompressZstd(plain, stored []byte) ([]byte, error) {
	decoder, err := c.decoder()
	if err != nil {
		return nil, err
	}
	return decoder.DecodeAll(stored, plain)
}

// decompressS2 fills the capacity of plain, and takes no more memory than that.
func decompressS2(plain, stored []byte) ([]byte, error) {
	if n, err := s2.DecodedLen(stored); err != nil || n != cap(plain) {
		return nil, fmt.Errorf("it is of %d bytes: %w", n, errors.Join(err, s2.ErrCorrupt))
	}
	return s2.Decode(plain[:cap(plain)], stored)
}

// decodeFrame checks and decompresses the bytes of a whole frame.
func (c codec) decodeFrame(b []byte) (*frame, error) {
	f, err := decodeFrameHeader(b)
	if err != nil {
		return nil, err
	}
	if len(b) != f.frameBytes() {
		return nil, fmt.Errorf("frame of %d bytes, its header says %d", len(b), f.frameBytes())
	}
	if !frameChecksumMatches(b) {
		return nil, errors.New("checksum of the frame does not match")
	}
	entries, err := decodeDirectory(f, b[:f.headBytes()])
	if err != nil {
		return nil, err
	}
	plain, err := c.decompress(f, b[f.headBytes():len(b)-checksumBytes])
	if err != nil {
		return nil, err
	}
	return newFrame(entries, plain), nil
}
