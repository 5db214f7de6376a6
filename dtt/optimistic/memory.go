package optimistic

import (
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"aergo/dtt"
)

// kind is what a version does to the ones below it.
type kind uint8

const (
	written   kind = iota // replaces them
	changed               // is a delta on them
	estimated             // is not known: its transaction is about to run again
)

// version is what a transaction did to a unit.
type version[V any] struct {
	tx          uint32
	incarnation uint32 // of the transaction
	kind        kind
	value       V // or delta
}

// cell is the versions of a unit.
type cell[V any] struct {
	mu       sync.Mutex
	touched  atomic.Bool  // once there are versions; most units never have any
	versions []version[V] // in the order of their transactions, one for each
}

// nearby is how many versions are looked at one by one from the end. Work goes on near the
// last versions of a unit, nearly always.
const nearby = 8

// below returns how many versions belong to transactions below tx. The lock is held.
func (c *cell[V]) below(tx uint32) int {
	n := len(c.versions)
	for range nearby {
		if n == 0 || c.versions[n-1].tx < tx {
			return n
		}
		n--
	}
	return sort.Search(n, func(i int) bool { return c.versions[i].tx >= tx })
}

// sight is what a transaction sees of a unit.
type sight[V any] struct {
	value    V      // if found
	found    bool   // or the value is the one before the block
	deltas   []V    // on top of the value
	blocking uint32 // the transaction whose estimate is in the way, or nobody
}

// nobody is no transaction.
const nobody = ^uint32(0)

// see returns what transaction tx sees. Deltas are gathered in the memory of room.
func (c *cell[V]) see(tx uint32, room []V) sight[V] {
	s := sight[V]{deltas: room[:0], blocking: nobody}
	if !c.touched.Load() {
		return s
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := c.below(tx) - 1; i >= 0; i-- {
		v := &c.versions[i]
		switch v.kind {
		case written:
			s.value, s.found = v.value, true
			return s
		case changed:
			s.deltas = append(s.deltas, v.value)
		default:
			s.blocking = v.tx
			return s
		}
	}
	return s
}

// put sets the version of a transaction and says whether it had none.
func (c *cell[V]) put(v version[V]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := c.below(v.tx)
	if i < len(c.versions) && c.versions[i].tx == v.tx {
		c.versions[i] = v
		return false
	}
	c.versions = slices.Insert(c.versions, i, v)
	c.touched.Store(true)
	return true
}

// estimate marks the version of a transaction as an estimate.
func (c *cell[V]) estimate(tx uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := c.below(tx); i < len(c.versions) && c.versions[i].tx == tx {
		c.versions[i].kind = estimated
	}
}

// drop removes the version of a transaction if it is older than an incarnation.
func (c *cell[V]) drop(tx, incarnation uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := c.below(tx); i < len(c.versions) && c.versions[i].tx == tx && c.versions[i].incarnation != incarnation {
		c.versions = slices.Delete(c.versions, i, i+1)
	}
}

// clear removes all versions and keeps the room, unless it is out of proportion.
func (c *cell[V]) clear() {
	c.touched.Store(false)
	clear(c.versions)
	if c.versions = c.versions[:0]; cap(c.versions) > 1<<10 {
		c.versions = nil
	}
}

const (
	pageBits  = 12
	pageCells = 1 << pageBits
)

// memory is the cells of all units. Pages of cells come as they are touched.
type memory[V any] struct {
	pages [dtt.MaxUnits / pageCells]atomic.Pointer[[pageCells]cell[V]]
}

// cell returns the cell of a unit, which must be below dtt.MaxUnits.
func (m *memory[V]) cell(u dtt.Unit) *cell[V] {
	at := &m.pages[u>>pageBits]
	page := at.Load()
	if page == nil {
		at.CompareAndSwap(nil, new([pageCells]cell[V]))
		page = at.Load()
	}
	return &page[u&(pageCells-1)]
}
