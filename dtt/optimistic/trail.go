package optimistic

import (
	"math/bits"

	"aergo/dtt"
)

// trail is what an execution did, one entry for each unit, in the order of the first touch.
type trail[T any] struct {
	entries []T
	units   []dtt.Unit
	// table finds entries if there are many: it is a hash table, of a power of two places,
	// at most half of them taken. A place is empty unless it has the stamp.
	table []place
	stamp uint32
}

// place is where the table has the number of a unit's entry.
type place struct {
	unit  dtt.Unit
	entry uint32
	stamp uint32
}

// few units are found fastest by looking at each.
const few = 16

func (t *trail[T]) reset() {
	clear(t.entries)
	t.entries, t.units = t.entries[:0], t.units[:0]
	if t.stamp++; t.stamp == 0 {
		clear(t.table)
		t.stamp = 1
	}
}

// find returns the index of a unit's entry, or -1.
func (t *trail[T]) find(u dtt.Unit) int {
	if len(t.units) > few {
		if p := t.place(u); p.stamp == t.stamp {
			return int(p.entry)
		}
		return -1
	}
	for i, have := range t.units {
		if have == u {
			return i
		}
	}
	return -1
}

// add appends the entry of a unit that has none.
func (t *trail[T]) add(u dtt.Unit, entry T) {
	t.entries, t.units = append(t.entries, entry), append(t.units, u)
	n := len(t.units)
	switch {
	case n <= few:
		return
	case n == few+1 || 2*n > len(t.table):
		t.rebuild(n)
	default:
		*t.place(u) = place{u, uint32(n - 1), t.stamp}
	}
}

// rebuild puts all entries into the table, which it makes larger if it must.
func (t *trail[T]) rebuild(n int) {
	if 2*n > len(t.table) {
		t.table = make([]place, 4<<bits.Len(uint(n)))
	}
	for i, u := range t.units {
		*t.place(u) = place{u, uint32(i), t.stamp}
	}
}

// place returns the place of a unit, or the empty one where it belongs.
func (t *trail[T]) place(u dtt.Unit) *place {
	mask := uint32(len(t.table) - 1)
	for i := uint32(uint64(u)*0x9e3779b97f4a7c15>>32) & mask; ; i = (i + 1) & mask {
		if p := &t.table[i]; p.stamp != t.stamp || p.unit == u {
			return p
		}
	}
}
