package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-git/go-billy/v5"

	"aergo/repo/object"
)

// pack is one pack file as a store knows it. Its fields are guarded by the lock of the
// Disk, but for the open file.
type pack struct {
	number uint32
	name   string
	salt   salt
	index  index
	slots  []*slot
	damage *CorruptError // of the pack's structure: objects may be missing from the index

	// An unsealed pack is still appended to. There is at most one, the last.
	sealed bool
	size   int64 // of the file when last looked at
	end    int64 // behind the last commit record; what follows is torn or not committed yet
	last   [commitBytes]byte
	// A sealed pack wants its index file written if that is missing or bad.
	wantsIndex bool

	mu      sync.Mutex
	file    billy.File // opened when first read
	checked bool       // the header has been compared with salt
}

const (
	packPrefix  = "pack-"
	packSuffix  = ".aergo"
	indexSuffix = ".idx"
)

func packName(number uint32) string  { return fmt.Sprintf("%s%08d%s", packPrefix, number, packSuffix) }
func indexName(number uint32) string { return fmt.Sprintf("%s%08d%s", packPrefix, number, indexSuffix) }

// packNumber parses the name of a pack.
func packNumber(name string) (uint32, bool) {
	digits, ok := strings.CutSuffix(name, packSuffix)
	if digits, ok = cutPrefix(digits, ok); !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || n == 0 || packName(uint32(n)) != name {
		return 0, false
	}
	return uint32(n), true
}

func cutPrefix(s string, ok bool) (string, bool) {
	rest, found := strings.CutPrefix(s, packPrefix)
	return rest, ok && found
}

// packNumbers returns the numbers of the packs among file names, in order.
func packNumbers(sizes map[string]int64) []uint32 {
	var numbers []uint32
	for name := range sizes {
		if n, ok := packNumber(name); ok {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers
}

// open returns the file of the pack, for reading.
func (p *pack) open(dir *folder) (billy.File, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file == nil {
		f, err := dir.open(p.name)
		if err != nil {
			return nil, err
		}
		p.file = f
	}
	if !p.checked {
		head := make([]byte, packHeaderBytes)
		if err := dir.readAt(p.file, head, 0); err != nil {
			return nil, p.corrupt(0, "pack ends inside its header")
		}
		s, err := decodePackHeader(head, p.number)
		if err != nil {
			return nil, p.corrupt(0, err.Error())
		}
		if s != p.salt {
			return nil, p.corrupt(0, "index belongs to another pack of this name")
		}
		p.checked = true
	}
	return p.file, nil
}

func (p *pack) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file == nil {
		return nil
	}
	err := p.file.Close()
	p.file, p.checked = nil, false
	return err
}

func (p *pack) corrupt(offset int64, reason string) *CorruptError {
	return &CorruptError{File: p.name, Offset: offset, Reason: reason}
}

func (p *pack) badObject(offset int64, stated, actual object.Hash) *CorruptError {
	e := p.corrupt(offset, "bytes do not match the hash")
	e.Object, e.Actual = stated, actual
	return e
}

// maxIndexBytes bounds the index files that are read: those of the largest packs are
// well below it.
const maxIndexBytes = 1 << 30

// load finds out what is in the pack: from its index file if it has a good one, by a scan
// if not. size is that of the file; last says that no later pack exists.
func (p *pack) load(dir *folder, size int64, hasIndex, last bool) error {
	p.size, p.sealed = size, hasIndex || !last
	if hasIndex {
		raw, err := dir.readAll(indexName(p.number), maxIndexBytes)
		if errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err == nil {
			if t, err := decodeTable(raw); err == nil && t.number == p.number {
				p.useTable(t)
				return nil
			}
		}
	}
	return p.scan(dir)
}

func (p *pack) useTable(t *table) {
	p.index, p.salt, p.end = t, t.salt, t.packSize
	backing := make([]slot, t.frames())
	p.slots = make([]*slot, len(backing))
	for i := range backing {
		x := t.extent(i)
		backing[i].offset, backing[i].bytes = int64(x.offset), int(x.bytes)
		p.slots[i] = &backing[i]
	}
	if p.size != t.packSize {
		p.damage = p.corrupt(min(p.size, t.packSize), fmt.Sprintf("pack has %d bytes, its index says %d", p.size, t.packSize))
	}
}

// scan reads the pack from its start.
func (p *pack) scan(dir *folder) error {
	file, err := dir.open(p.name)
	if err != nil {
		return err
	}
	s := newScan(dir, file, p, p.size, p.sealed)
	if err := s.run(p.number); err != nil {
		return errors.Join(fmt.Errorf("scan %s: %w", p.name, err), file.Close())
	}
	p.mu.Lock()
	p.file, p.checked = file, true
	p.mu.Unlock()
	p.index, p.slots = growing{}, nil
	p.take(s)
	p.salt = s.salt
	if p.sealed && p.damage == nil {
		p.seal()
	}
	return nil
}

// sameEnd says whether the last commit record of an unsealed pack is still the one it was:
// if so, all before it is too.
func (p *pack) sameEnd(dir *folder, file billy.File) (bool, error) {
	if p.end <= packHeaderBytes {
		return p.end == packHeaderBytes, nil
	}
	var last [commitBytes]byte
	err := dir.readAt(file, last[:], p.end-commitBytes)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return false, nil
	}
	return last == p.last, err
}

// scanTail takes in what was appended to an unsealed pack whose end is the same. It says
// false if only a full scan can tell what is there.
func (p *pack) scanTail(dir *folder, file billy.File, size int64) (bool, error) {
	s := newScan(dir, file, p, size, false)
	s.salt = p.salt
	if err := s.runFrom(p.end); err != nil || len(s.damage) > 0 {
		return false, err
	}
	if s.end == p.end {
		s.last = p.last
	}
	p.size = size
	p.take(s)
	return true, nil
}

// take adds what a scan found.
func (p *pack) take(s *scanner) {
	p.end, p.last = s.end, s.last
	if len(s.damage) > 0 {
		p.damage = s.damage[0]
	}
	for _, f := range s.frames {
		p.addFrame(f.offset, f.bytes, f.entries)
	}
}

// addFrame adds a frame to the index of an unsealed pack.
func (p *pack) addFrame(offset int64, bytes int, entries []dirEntry) {
	objects := p.index.(growing)
	for i, e := range entries {
		if _, ok := objects[e.hash]; !ok {
			objects[e.hash] = entry{
				frame: uint32(len(p.slots)), pos: uint16(i), kind: e.kind, size: e.size, sealBytes: e.sealBytes,
			}
		}
	}
	p.slots = append(p.slots, &slot{offset: offset, bytes: bytes})
}

// seal turns the index of a complete pack into its final form, and keeps cached frames.
func (p *pack) seal() {
	if objects, ok := p.index.(growing); ok {
		p.index = newTable(p.number, p.salt, p.end, p.extents(), objects.all())
		p.wantsIndex = true
	}
	p.sealed = true
}

func (p *pack) extents() []extent {
	extents := make([]extent, len(p.slots))
	for i, s := range p.slots {
		extents[i] = extent{uint32(s.offset), uint32(s.bytes)}
	}
	return extents
}

// writeIndex writes the index file of a sealed pack that wants one.
func (p *pack) writeIndex(dir *folder) error {
	t, ok := p.index.(*table)
	if !p.wantsIndex || !ok {
		return nil
	}
	if err := dir.replace(indexName(p.number), t.raw); err != nil {
		return fmt.Errorf("write %s: %w", indexName(p.number), err)
	}
	p.wantsIndex = false
	return nil
}

// place is where an object lies.
type place struct {
	pack *pack
	slot *slot
	entry
}

func (p *pack) find(h object.Hash) (place, bool) {
	e, ok := p.index.find(h)
	if !ok || int(e.frame) >= len(p.slots) {
		return place{}, false
	}
	return place{p, p.slots[e.frame], e}, true
}
