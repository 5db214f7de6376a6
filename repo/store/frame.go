package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sync/atomic"

	"aergo/repo/object"
)

// Sizes and limits of the pack format; FORMAT.md specifies it.
const (
	packHeaderBytes  = 24
	frameHeaderBytes = 20
	dirEntryBytes    = object.HashSize + 6
	commitBytes      = 32
	checksumBytes    = 4

	maxFrameObjects    = 4096
	maxFramePlainBytes = 2 << 20
	maxPackBytes       = 1<<32 - 1
)

const (
	packMagic   = "AERGOPK\x01"
	frameMagic  = "AgFr"
	commitMagic = "AgCm"
)

// How the payload of a frame is stored.
const (
	codecRaw  = 0
	codecZstd = 1
	codecS2   = 2
)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli()) }

// castagnoli returns the table of CRC-32C. The library builds it once and gives the same
// one every time.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// salt is a random number in the header of a pack. The checksum of a commit record covers
// it, so that no bytes a stranger puts in an object pass for a commit.
type salt [8]byte

func appendPackHeader(b []byte, number uint32, s salt) []byte {
	start := len(b)
	b = append(b, packMagic...)
	b = binary.BigEndian.AppendUint32(b, number)
	b = append(b, s[:]...)
	return binary.BigEndian.AppendUint32(b, checksum(b[start:]))
}

func decodePackHeader(b []byte, number uint32) (salt, error) {
	switch {
	case len(b) < packHeaderBytes:
		return salt{}, errors.New("pack ends inside its header")
	case string(b[:8]) != packMagic:
		return salt{}, errors.New("not a pack of version 1")
	case checksum(b[:20]) != binary.BigEndian.Uint32(b[20:]):
		return salt{}, errors.New("checksum of the pack header does not match")
	case binary.BigEndian.Uint32(b[8:]) != number:
		return salt{}, fmt.Errorf("pack calls itself number %d", binary.BigEndian.Uint32(b[8:]))
	}
	return salt(b[12:20]), nil
}

// dirEntry describes one object of a frame.
type dirEntry struct {
	hash      object.Hash
	kind      object.Kind
	size      uint32 // below 1<<24
	sealBytes uint16
}

// frameHeader is the fixed part of a frame. Its checksum covers the directory too.
type frameHeader struct {
	codec       byte
	count       int
	plainBytes  int
	storedBytes int
	sum         uint32
}

func (f frameHeader) headBytes() int { return frameHeaderBytes + f.count*dirEntryBytes }
func (f frameHeader) frameBytes() int {
	return f.headBytes() + f.storedBytes + checksumBytes
}

// appendFrame appends a whole frame: the header, the directory, the payload as stored and
// the checksum of all of it.
func appendFrame(b []byte, codec byte, entries []dirEntry, plainBytes int, stored []byte) []byte {
	start := len(b)
	b = append(b, frameMagic...)
	b = append(b, codec, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(entries)))
	b = binary.BigEndian.AppendUint32(b, uint32(plainBytes))
	b = binary.BigEndian.AppendUint32(b, uint32(len(stored)))
	b = append(b, 0, 0, 0, 0)
	for _, e := range entries {
		b = append(b, e.hash[:]...)
		b = append(b, byte(e.kind), byte(e.size>>16), byte(e.size>>8), byte(e.size))
		b = binary.BigEndian.AppendUint16(b, e.sealBytes)
	}
	head := b[start:]
	binary.BigEndian.PutUint32(head[16:], headChecksum(head))
	b = append(b, stored...)
	return binary.BigEndian.AppendUint32(b, checksum(b[start:]))
}

// headChecksum covers the header and the directory, without the checksum's own field.
func headChecksum(head []byte) uint32 {
	sum := checksum(head[:16])
	return crc32.Update(sum, castagnoli(), head[frameHeaderBytes:])
}

// decodeFrameHeader reads the fixed part and checks its bounds, but cannot check its
// checksum yet: decodeDirectory does.
func decodeFrameHeader(b []byte) (frameHeader, error) {
	if len(b) < frameHeaderBytes {
		return frameHeader{}, errors.New("file ends inside the header of a frame")
	}
	if string(b[:4]) != frameMagic {
		return frameHeader{}, errors.New("no frame begins here")
	}
	f := frameHeader{
		codec:       b[4],
		count:       int(binary.BigEndian.Uint16(b[6:])),
		plainBytes:  int(binary.BigEndian.Uint32(b[8:])),
		storedBytes: int(binary.BigEndian.Uint32(b[12:])),
		sum:         binary.BigEndian.Uint32(b[16:]),
	}
	switch {
	case f.codec > codecS2 || b[5] != 0:
		return frameHeader{}, fmt.Errorf("frame has the unknown codec %d", binary.BigEndian.Uint16(b[4:]))
	case f.count == 0 || f.count > maxFrameObjects:
		return frameHeader{}, fmt.Errorf("frame of %d objects, want 1 to %d", f.count, maxFrameObjects)
	case f.plainBytes == 0 || f.plainBytes > maxFramePlainBytes:
		return frameHeader{}, fmt.Errorf("frame of %d plain bytes, want 1 to %d", f.plainBytes, maxFramePlainBytes)
	case f.codec == codecRaw && f.storedBytes != f.plainBytes, f.codec != codecRaw && f.storedBytes >= f.plainBytes:
		return frameHeader{}, fmt.Errorf("frame stores %d bytes for %d plain bytes", f.storedBytes, f.plainBytes)
	}
	return f, nil
}

// decodeDirectory checks the header and the directory of a frame, which are head, and
// returns the entries of the directory.
func decodeDirectory(f frameHeader, head []byte) ([]dirEntry, error) {
	if len(head) != f.headBytes() {
		return nil, errors.New("file ends inside the directory of a frame")
	}
	if headChecksum(head) != f.sum {
		return nil, errors.New("checksum of the frame's directory does not match")
	}
	entries := make([]dirEntry, f.count)
	total := 0
	for i := range entries {
		b := head[frameHeaderBytes+i*dirEntryBytes:]
		e := dirEntry{
			hash:      object.Hash(b[:object.HashSize]),
			kind:      object.Kind(b[32]),
			size:      uint32(b[33])<<16 | uint32(b[34])<<8 | uint32(b[35]),
			sealBytes: binary.BigEndian.Uint16(b[36:]),
		}
		if e.kind == 0 || e.size == 0 || e.size > MaxObjectBytes || e.sealBytes > MaxSealBytes {
			return nil, fmt.Errorf("object %d of the frame has kind %d, %d bytes and a seal of %d bytes", i, e.kind, e.size, e.sealBytes)
		}
		total += int(e.size) + int(e.sealBytes)
		entries[i] = e
	}
	if total != f.plainBytes {
		return nil, fmt.Errorf("directory accounts for %d of %d plain bytes", total, f.plainBytes)
	}
	return entries, nil
}

// frame is a decompressed frame in memory. Its payload is the objects in the order of the
// directory, then the seals in the same order.
type frame struct {
	plain   []byte
	objects []frameObject
}

type frameObject struct {
	dirEntry
	offset     uint32
	sealOffset uint32
	verified   atomic.Bool // the hash has been checked
}

func newFrame(entries []dirEntry, plain []byte) *frame {
	f := &frame{plain: plain, objects: make([]frameObject, len(entries))}
	at := uint32(0)
	for i, e := range entries {
		f.objects[i].dirEntry, f.objects[i].offset = e, at
		at += e.size
	}
	for i, e := range entries {
		f.objects[i].sealOffset = at
		at += uint32(e.sealBytes)
	}
	return f
}

// memoryBytes is what the frame costs the cache.
func (f *frame) memoryBytes() int64 { return int64(cap(f.plain) + 64*len(f.objects) + 64) }

func (f *frame) data(i int) []byte {
	o := &f.objects[i]
	end := o.offset + o.size
	return f.plain[o.offset:end:end]
}

func (f *frame) seal(i int) []byte {
	o := &f.objects[i]
	if o.sealBytes == 0 {
		return nil
	}
	end := o.sealOffset + uint32(o.sealBytes)
	return f.plain[o.sealOffset:end:end]
}

// verify checks the bytes of object i against its stated hash, once. It returns the hash
// found.
func (f *frame) verify(i int) (object.Hash, bool) {
	o := &f.objects[i]
	if o.verified.Load() {
		return o.hash, true
	}
	actual := object.Sum(f.data(i))
	if actual != o.hash {
		return actual, false
	}
	o.verified.Store(true)
	return actual, true
}

// commitRecord ends a group of frames: what one append made durable.
type commitRecord struct {
	frames     uint32
	groupStart int64  // offset of the first frame of the group
	offset     int64  // offset of this record
	sums       uint32 // checksum over the checksums of the frames of the group
}

func appendCommit(b []byte, c commitRecord, s salt) []byte {
	start := len(b)
	b = append(b, commitMagic...)
	b = binary.BigEndian.AppendUint32(b, c.frames)
	b = binary.BigEndian.AppendUint64(b, uint64(c.groupStart))
	b = binary.BigEndian.AppendUint64(b, uint64(c.offset))
	b = binary.BigEndian.AppendUint32(b, c.sums)
	return binary.BigEndian.AppendUint32(b, saltedChecksum(b[start:], s))
}

func saltedChecksum(b []byte, s salt) uint32 {
	return crc32.Update(checksum(s[:]), castagnoli(), b)
}

// decodeCommit reads the commit record that should lie at offset.
func decodeCommit(b []byte, offset int64, s salt) (commitRecord, error) {
	switch {
	case len(b) < commitBytes:
		return commitRecord{}, errors.New("file ends inside a commit record")
	case string(b[:4]) != commitMagic:
		return commitRecord{}, errors.New("no commit record begins here")
	case saltedChecksum(b[:28], s) != binary.BigEndian.Uint32(b[28:]):
		return commitRecord{}, errors.New("checksum of a commit record does not match")
	}
	c := commitRecord{
		frames:     binary.BigEndian.Uint32(b[4:]),
		groupStart: int64(binary.BigEndian.Uint64(b[8:])),
		offset:     int64(binary.BigEndian.Uint64(b[16:])),
		sums:       binary.BigEndian.Uint32(b[24:]),
	}
	if c.offset != offset || c.groupStart < packHeaderBytes || c.groupStart >= offset || c.frames == 0 {
		return commitRecord{}, errors.New("commit record belongs elsewhere")
	}
	return c, nil
}

// frameChecksumMatches checks the checksum that ends a whole frame.
func frameChecksumMatches(b []byte) bool {
	body := len(b) - checksumBytes
	return body >= 0 && checksum(b[:body]) == binary.BigEndian.Uint32(b[body:])
}
