package table

import "hash/maphash"

// rowFilter tells keys that were added once from those that were added again, by their
// hashes: it may take a key for one that was added twice, never the other way round. Most
// merges name every row once, so this is all that they pay.
type rowFilter struct {
	seed    maphash.Seed
	places  []uint64 // hashes, whose lowest bit says twice; 0 is a free place
	count   int
	repeats bool // some key was added twice
}

func newRowFilter() rowFilter { return rowFilter{seed: maphash.MakeSeed()} }

// hash returns the hash of a key, which is never 0 and has a lowest bit of 0.
func (f *rowFilter) hash(key []byte) uint64 { return maphash.Bytes(f.seed, key)&^1 | 2 }

// place returns where a hash is, or the free place for it. There are places.
func (f *rowFilter) place(hash uint64) int {
	mask := len(f.places) - 1
	at := int(hash>>1) & mask
	for f.places[at] != 0 && f.places[at]&^1 != hash {
		at = (at + 1) & mask
	}
	return at
}

func (f *rowFilter) add(key []byte) {
	if 3*(f.count+1) > 2*len(f.places) {
		f.grow()
	}
	hash := f.hash(key)
	if at := f.place(hash); f.places[at] == 0 {
		f.places[at] = hash
		f.count++
	} else {
		f.places[at] |= 1
		f.repeats = true
	}
}

// twice says whether a key may have been added twice.
func (f *rowFilter) twice(key []byte) bool {
	return f.repeats && f.places[f.place(f.hash(key))]&1 == 1
}

func (f *rowFilter) grow() {
	old := f.places
	f.places = make([]uint64, max(64, 2*len(old)))
	for _, p := range old {
		if p != 0 {
			f.places[f.place(p&^1)] = p
		}
	}
}
