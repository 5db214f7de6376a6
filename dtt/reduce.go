package dtt

import "slices"

// reducer leaves out of access lists what cannot carry a conflict: units that a single
// transaction accesses, that all only read, or that all only change by deltas. The rest
// gets new numbers in the order of the first access, so that what the builders know of
// the units is small and near. Memory is kept from one use to the next.
type reducer struct {
	units    []contended
	stamp    uint32
	starts   []uint32
	accesses []Access
}

// contended is what is known of a unit.
type contended struct {
	tag uint32 // the stamp above the OR of the modes
	id  uint32 // its new number; before that once or often
}

const (
	once  = none - 1
	often = none
)

// reduce returns lists that conflict where the given ones do, in other units. Within a
// transaction they are in no particular order.
func (r *reducer) reduce(l *Lists) *Lists {
	if len(r.units) < l.units || r.stamp == maxStamp {
		r.units, r.stamp = make([]contended, l.units), 0
	}
	r.stamp++
	for _, a := range l.accesses {
		u := &r.units[a.Unit()]
		if u.tag>>2 != r.stamp {
			*u = contended{r.stamp<<2 | uint32(a.Mode()), once}
			continue
		}
		u.tag |= uint32(a.Mode())
		u.id = often
	}
	n, next := l.Len(), uint32(0)
	r.starts = append(slices.Grow(r.starts[:0], n+1), 0)
	r.accesses = slices.Grow(r.accesses[:0], len(l.accesses))
	for tx := range n {
		for _, a := range l.At(tx) {
			u := &r.units[a.Unit()]
			if u.id == once || Mode(u.tag&3) != Write {
				continue
			}
			if u.id == often {
				u.id = next
				next++
			}
			r.accesses = append(r.accesses, access(Unit(u.id), a.Mode()))
		}
		r.starts = append(r.starts, uint32(len(r.accesses)))
	}
	return &Lists{r.starts, r.accesses, int(next)}
}
