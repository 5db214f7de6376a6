package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"aergo/repo/object"
)

// PackedReader is a Reader that can give large objects as they are stored, for who passes
// them on to another store, so that they need not be compressed again.
type PackedReader interface {
	Reader
	// Packed returns h as one zstd frame (RFC 8878, no dictionary), and its plain size. It
	// returns nil for an object that is not stored so, has a seal, or cannot be read: Get tells
	// why. The bytes are the caller's. They are those that were written, but the object's hash
	// has not been checked.
	Packed(ctx context.Context, h object.Hash) (zstd []byte, sizeBytes int)
}

// PackedWriter is a Writer that takes such objects.
type PackedWriter interface {
	Writer
	// PutPacked is Put of what a zstd frame decompresses to, and trusts nothing of it: whatever
	// does not give the object h, of that kind and size, is ErrRefused. The writer keeps the
	// frame, which the caller must not change any more.
	PutPacked(kind object.Kind, h object.Hash, zstd []byte, sizeBytes int) error
}

var (
	_ PackedReader = (*Disk)(nil)
	_ PackedWriter = (*diskWriter)(nil)
)

// Packed implements PackedReader.
func (d *Disk) Packed(ctx context.Context, h object.Hash) (zstd []byte, sizeBytes int) {
	at, err := d.lookup(ctx, h)
	if err != nil || at.pos != 0 || at.sealBytes != 0 || int(at.size) < d.opt.FrameBytes {
		return nil, 0
	}
	err = d.readStored(at.pack, at.slot, func(b []byte) error {
		f, err := decodeFrameHeader(b)
		if err != nil || f.codec != codecZstd || f.count != 1 || len(b) != f.frameBytes() || !frameChecksumMatches(b) {
			return err
		}
		entries, err := decodeDirectory(f, b[:f.headBytes()])
		if err == nil && entries[0].hash == h && entries[0].sealBytes == 0 {
			zstd = bytes.Clone(b[f.headBytes() : len(b)-checksumBytes])
		}
		return err
	})
	if err != nil || zstd == nil {
		return nil, 0
	}
	return zstd, int(at.size)
}

// readStored calls fn with the bytes of a frame as they lie in its pack. They are good until
// fn returns.
func (d *Disk) readStored(p *pack, s *slot, fn func(b []byte) error) error {
	file, err := p.open(&d.dir)
	if err != nil {
		return err
	}
	scratch := d.raw.Get().(*[]byte)
	defer d.raw.Put(scratch)
	b := slices.Grow((*scratch)[:0], s.bytes)[:s.bytes]
	*scratch = b
	if err := d.dir.readAt(file, b, s.offset); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return p.corrupt(s.offset, "file ends inside a frame")
		}
		return fmt.Errorf("read %s: %w", p.name, err)
	}
	return fn(b)
}

// PutPacked implements PackedWriter.
func (w *diskWriter) PutPacked(kind object.Kind, h object.Hash, zstd []byte, sizeBytes int) error {
	if sizeBytes <= 0 || sizeBytes > MaxObjectBytes || len(zstd) >= sizeBytes {
		return fmt.Errorf("%w: %s %s: %d bytes packed in %d", ErrRefused, kind, h.Short(), sizeBytes, len(zstd))
	}
	plain, err := w.d.codec.decompress(frameHeader{codec: codecZstd, plainBytes: sizeBytes}, zstd)
	if err != nil {
		return fmt.Errorf("%w: %s %s: %w", ErrRefused, kind, h.Short(), err)
	}
	if err := checkPut(kind, h, plain, nil, true); err != nil {
		return err
	}
	if actual, err := object.KindOf(plain); err != nil || actual != kind {
		return fmt.Errorf("%w: %s is a %s, not a %s", ErrRefused, h.Short(), actual, kind)
	}
	if sizeBytes < w.d.opt.FrameBytes {
		return w.Put(kind, h, plain) // it shares a frame with others
	}
	return w.put(dirEntry{hash: h, kind: kind, size: uint32(sizeBytes)}, plain, nil, zstd)
}
