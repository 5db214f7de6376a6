package branch

import (
	"bytes"
	"hash/maphash"
	"sync"

	"aergo/contract"
	"aergo/repo/state"
)

// slot is one row that a stage touches.
type slot struct {
	cell    // as it is now
	key     []byte
	before  []byte // as the stage found it
	existed bool

	written bool            // some access is not a Read
	claimed bool            // some cut claims it: see spaces.go
	lastTx  int32           // last transaction that declared it, while analysing
	touches int32           // transactions that declare it
	growth  contract.Growth // by which the stage may lengthen it
}

// cell holds a row, or that there is none.
type cell struct {
	mu     sync.Mutex
	row    []byte // never changed in place
	exists bool
}

// contended says whether the order of two transactions can matter to the row.
func (sl *slot) contended() bool { return sl.touches > 1 && sl.written }

// tight says whether the stage might make the row longer than a row may be.
func (sl *slot) tight() bool {
	return sl.contended() && len(sl.before)+sl.growth.Bytes() > state.MaxValueBytes
}

func (c *cell) read() ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.row, c.exists
}

// slotTable numbers the rows of a stage in the order in which they are first named. Its
// memory is used again from stage to stage. While transactions run it does not change, so
// any number of goroutines may look into it.
type slotTable struct {
	seed   maphash.Seed
	places []place // a power of two of them, less than two thirds taken
	slots  []*slot // those beyond count wait to be used again
	count  int
	fresh  []slot // memory of slots to come
	keys   []byte // memory of their keys
}

// place is where a key hashes to, or the next free one after it.
type place struct {
	tag  uint32 // of the hash
	slot uint32 // number of the slot plus one; 0 is none
}

func newSlotTable() slotTable { return slotTable{seed: maphash.MakeSeed()} }

func (t *slotTable) reset() {
	clear(t.places)
	t.count = 0
}

func (t *slotTable) all() []*slot { return t.slots[:t.count] }

// find returns the number of the slot of a key.
func (t *slotTable) find(k []byte) (id uint32, ok bool) {
	if len(t.places) == 0 {
		return 0, false
	}
	id, _ = t.probe(k, maphash.Bytes(t.seed, k))
	return id - 1, id > 0
}

// probe returns the number of the slot of a key plus one, or 0 and the free place for it.
func (t *slotTable) probe(k []byte, hash uint64) (id uint32, at int) {
	mask := len(t.places) - 1
	for at = int(hash) & mask; ; at = (at + 1) & mask {
		p := t.places[at]
		if p.slot == 0 || p.tag == uint32(hash>>32) && bytes.Equal(t.slots[p.slot-1].key, k) {
			return p.slot, at
		}
	}
}

// intern returns the number of the slot of a key, a new one if need be. It copies the key.
func (t *slotTable) intern(k []byte) uint32 {
	if 3*(t.count+1) > 2*len(t.places) {
		t.grow()
	}
	hash := maphash.Bytes(t.seed, k)
	id, at := t.probe(k, hash)
	if id == 0 {
		t.add(k)
		id = uint32(t.count)
		t.places[at] = place{tag: uint32(hash >> 32), slot: id}
	}
	return id - 1
}

func (t *slotTable) grow() {
	t.places = make([]place, max(64, 2*len(t.places)))
	for i, sl := range t.all() {
		hash := maphash.Bytes(t.seed, sl.key)
		_, at := t.probe(sl.key, hash)
		t.places[at] = place{tag: uint32(hash >> 32), slot: uint32(i) + 1}
	}
}

func (t *slotTable) add(k []byte) {
	if t.count == len(t.slots) {
		if len(t.fresh) == 0 {
			t.fresh = make([]slot, min(max(16, t.count), 1024))
		}
		if cap(t.keys)-len(t.keys) < len(k) {
			t.keys = make([]byte, 0, min(max(1024, 32*t.count), 64<<10)+len(k))
		}
		from := len(t.keys)
		t.keys = t.keys[:from+len(k)]
		t.fresh[0].key = t.keys[from:len(t.keys):len(t.keys)]
		t.slots = append(t.slots, &t.fresh[0])
		t.fresh = t.fresh[1:]
	}
	sl := t.slots[t.count]
	sl.key = append(sl.key[:0], k...)
	sl.before, sl.row, sl.existed, sl.exists = nil, nil, false, false
	sl.written, sl.claimed, sl.lastTx, sl.touches = false, false, -1, 0
	sl.growth.Reset()
	t.count++
}
