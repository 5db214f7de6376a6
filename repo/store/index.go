package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"aergo/repo/object"
)

// entry says where in its pack an object lies, and what Stat tells about it.
type entry struct {
	frame     uint32 // number of the frame in the pack
	pos       uint16 // position in the frame
	kind      object.Kind
	size      uint32
	sealBytes uint16
}

func (e entry) info(h object.Hash) Info {
	return Info{Hash: h, Kind: e.kind, SizeBytes: int(e.size), SealSizeBytes: int(e.sealBytes)}
}

// extent is where in its pack a frame lies.
type extent struct {
	offset uint32
	bytes  uint32
}

// index finds the objects of one pack.
type index interface {
	find(h object.Hash) (entry, bool)
	// scan calls fn for the objects whose hashes are from low to high, until it returns
	// false. The order is not defined.
	scan(low, high object.Hash, fn func(object.Hash, entry) bool)
	count() int
}

// growing is the index of a pack that is still appended to.
type growing map[object.Hash]entry

func (g growing) find(h object.Hash) (entry, bool) { e, ok := g[h]; return e, ok }
func (g growing) count() int                       { return len(g) }

func (g growing) scan(low, high object.Hash, fn func(object.Hash, entry) bool) {
	for h, e := range g {
		if compareHash(low, h) <= 0 && compareHash(h, high) <= 0 && !fn(h, e) {
			return
		}
	}
}

// The parts of an index file; FORMAT.md specifies it.
const (
	indexMagic       = "AERGOIX\x01"
	indexHeaderBytes = 36
	fanoutBytes      = 256 * 4
	extentBytes      = 8
	entryBytes       = 12
)

// table is a sorted index as it lies in an index file, without being taken apart.
type table struct {
	raw      []byte // the whole file
	number   uint32
	salt     salt
	packSize int64
	n        int
	fanout   []byte
	extents  []byte
	hashes   []byte
	entries  []byte
	filter   filter
}

// indexed is an object of a pack with its entry.
type indexed struct {
	hash  object.Hash
	entry entry
}

// all returns what a growing index holds.
func (g growing) all() []indexed {
	out := make([]indexed, 0, len(g))
	for h, e := range g {
		out = append(out, indexed{h, e})
	}
	return out
}

// newTable builds the index of a pack of packSize bytes with the given frames. It puts the
// objects in order.
func newTable(number uint32, s salt, packSize int64, extents []extent, objects []indexed) *table {
	slices.SortFunc(objects, func(a, b indexed) int {
		// The first bytes nearly always tell, and are compared at once.
		if x, y := binary.BigEndian.Uint64(a.hash[:8]), binary.BigEndian.Uint64(b.hash[:8]); x != y {
			return cmp.Compare(x, y)
		}
		return compareHash(a.hash, b.hash)
	})
	b := make([]byte, 0, tableBytes(len(objects), len(extents)))
	b = append(b, indexMagic...)
	b = binary.BigEndian.AppendUint64(b, uint64(packSize))
	b = append(b, s[:]...)
	b = binary.BigEndian.AppendUint32(b, number)
	b = binary.BigEndian.AppendUint32(b, uint32(len(objects)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(extents)))
	b = appendFanout(b, objects)
	for _, x := range extents {
		b = binary.BigEndian.AppendUint32(b, x.offset)
		b = binary.BigEndian.AppendUint32(b, x.bytes)
	}
	for i := range objects {
		b = append(b, objects[i].hash[:]...)
	}
	for i := range objects {
		e := &objects[i].entry
		b = binary.BigEndian.AppendUint32(b, e.frame)
		b = binary.BigEndian.AppendUint16(b, e.pos)
		b = append(b, byte(e.kind), byte(e.size>>16), byte(e.size>>8), byte(e.size))
		b = binary.BigEndian.AppendUint16(b, e.sealBytes)
	}
	b = binary.BigEndian.AppendUint32(b, checksum(b))
	t, _ := splitTable(b)
	return t
}

// appendFanout appends, for each first byte, the number of hashes up to and with it.
func appendFanout(b []byte, sorted []indexed) []byte {
	i := 0
	for first := range 256 {
		for i < len(sorted) && int(sorted[i].hash[0]) == first {
			i++
		}
		b = binary.BigEndian.AppendUint32(b, uint32(i))
	}
	return b
}

func tableBytes(objects, frames int) int64 {
	return indexHeaderBytes + fanoutBytes + int64(frames)*extentBytes +
		int64(objects)*(object.HashSize+entryBytes) + checksumBytes
}

// splitTable finds the parts of an index file by its header alone.
func splitTable(b []byte) (*table, error) {
	if len(b) < indexHeaderBytes || string(b[:8]) != indexMagic {
		return nil, errors.New("not an index of version 1")
	}
	n, frames := binary.BigEndian.Uint32(b[28:]), binary.BigEndian.Uint32(b[32:])
	if int64(len(b)) != tableBytes(int(n), int(frames)) {
		return nil, fmt.Errorf("index of %d objects and %d frames has %d bytes", n, frames, len(b))
	}
	t := &table{
		raw: b, number: binary.BigEndian.Uint32(b[24:]), salt: salt(b[16:24]), n: int(n),
		packSize: int64(binary.BigEndian.Uint64(b[8:])),
	}
	rest := b[indexHeaderBytes:]
	t.fanout, rest = rest[:fanoutBytes], rest[fanoutBytes:]
	t.extents, rest = rest[:frames*extentBytes], rest[frames*extentBytes:]
	t.hashes, rest = rest[:t.n*object.HashSize], rest[t.n*object.HashSize:]
	t.entries = rest[:t.n*entryBytes]
	return t, nil
}

// decodeTable reads an index file, which it keeps. What it accepts is exactly what
// newTable writes for the same objects.
func decodeTable(b []byte) (*table, error) {
	t, err := splitTable(b)
	if err != nil {
		return nil, err
	}
	if checksum(b[:len(b)-checksumBytes]) != binary.BigEndian.Uint32(b[len(b)-checksumBytes:]) {
		return nil, errors.New("checksum of the index does not match")
	}
	if err := t.checkExtents(); err != nil {
		return nil, err
	}
	if err := t.checkHashes(); err != nil {
		return nil, err
	}
	frames := uint32(t.frames())
	for i := range t.n {
		if e := t.entry(i); e.frame >= frames || e.pos >= maxFrameObjects || e.kind == 0 || e.size == 0 ||
			e.size > MaxObjectBytes || e.sealBytes > MaxSealBytes {
			return nil, fmt.Errorf("entry %d of the index is out of bounds", i)
		}
	}
	return t, nil
}

// checkExtents checks that the frames lie in order within the pack.
func (t *table) checkExtents() error {
	if t.packSize < packHeaderBytes || t.packSize > maxPackBytes {
		return fmt.Errorf("index is of a pack of %d bytes", t.packSize)
	}
	end := int64(packHeaderBytes)
	for i := range t.frames() {
		x := t.extent(i)
		if int64(x.offset) < end || x.bytes <= frameHeaderBytes+dirEntryBytes+checksumBytes ||
			x.bytes > frameHeaderBytes+maxFrameObjects*dirEntryBytes+maxFramePlainBytes+checksumBytes {
			return fmt.Errorf("frame %d of the index is out of place", i)
		}
		end = int64(x.offset) + int64(x.bytes)
	}
	if end > t.packSize {
		return errors.New("frames of the index run past the end of the pack")
	}
	return nil
}

// checkHashes checks that hashes ascend strictly and agree with the fan-out.
func (t *table) checkHashes() error {
	i := 0
	for first := range 256 {
		end := int(binary.BigEndian.Uint32(t.fanout[4*first:]))
		if end < i || end > t.n {
			return errors.New("fan-out of the index does not ascend")
		}
		for ; i < end; i++ {
			h := t.hashBytes(i)
			if int(h[0]) != first || i > 0 && bytes.Compare(t.hashBytes(i-1), h) >= 0 {
				return fmt.Errorf("hash %d of the index is out of order", i)
			}
		}
	}
	if i != t.n {
		return errors.New("fan-out of the index leaves out objects")
	}
	return nil
}

func (t *table) count() int  { return t.n }
func (t *table) frames() int { return len(t.extents) / extentBytes }

func (t *table) extent(i int) extent {
	b := t.extents[i*extentBytes:]
	return extent{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])}
}

func (t *table) hashBytes(i int) []byte {
	return t.hashes[i*object.HashSize : (i+1)*object.HashSize]
}

func (t *table) entry(i int) entry {
	b := t.entries[i*entryBytes : (i+1)*entryBytes]
	return entry{
		frame: binary.BigEndian.Uint32(b), pos: binary.BigEndian.Uint16(b[4:]), kind: object.Kind(b[6]),
		size: uint32(b[7])<<16 | uint32(b[8])<<8 | uint32(b[9]), sealBytes: binary.BigEndian.Uint16(b[10:]),
	}
}

// lowerBound returns the position of the first hash that is not below h.
func (t *table) lowerBound(h object.Hash) int {
	low, high := 0, int(binary.BigEndian.Uint32(t.fanout[4*int(h[0]):]))
	if h[0] > 0 {
		low = int(binary.BigEndian.Uint32(t.fanout[4*int(h[0])-4:]))
	}
	// Eight bytes decide nearly every comparison.
	prefix := binary.BigEndian.Uint64(h[:])
	for low < high {
		mid := int(uint(low+high) / 2)
		at := t.hashBytes(mid)
		p := binary.BigEndian.Uint64(at)
		if p < prefix || p == prefix && bytes.Compare(at, h[:]) < 0 {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

func (t *table) find(h object.Hash) (entry, bool) {
	if t.filter.excludes(t, h) {
		return entry{}, false
	}
	i := t.lowerBound(h)
	if i >= t.n || !bytes.Equal(t.hashBytes(i), h[:]) {
		t.filter.missed()
		return entry{}, false
	}
	return t.entry(i), true
}

func (t *table) scan(low, high object.Hash, fn func(object.Hash, entry) bool) {
	for i := t.lowerBound(low); i < t.n; i++ {
		h := object.Hash(t.hashBytes(i))
		if compareHash(h, high) > 0 || !fn(h, t.entry(i)) {
			return
		}
	}
}
