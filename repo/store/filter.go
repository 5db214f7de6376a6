package store

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"aergo/repo/object"
)

// filter says of most hashes that a pack does not hold that it does not, at the price of
// one look into memory. It is a Bloom filter (B. H. Bloom, 1970) whose bits for one hash lie
// in one word, chosen and set by bits of the hash itself: 16 bits for each object, three of
// them set. Writing looks for every new object in every pack, and would otherwise pay for
// a binary search in each.
//
// A process that asks for little is spared the making of it: the filter is made after
// filterMisses searches that found nothing.
type filter struct {
	misses atomic.Int32
	once   sync.Once
	words  atomic.Pointer[[]uint64]
}

const filterMisses = 2 << 10

// excludes says that the hash is certainly not among those of t.
func (f *filter) excludes(t *table, h object.Hash) bool {
	words := f.words.Load()
	if words == nil {
		if f.misses.Load() < filterMisses {
			return false
		}
		f.once.Do(func() { f.words.Store(t.filterWords()) })
		words = f.words.Load()
	}
	word, mask := filterPlace(h[:], len(*words))
	return (*words)[word]&mask != mask
}

// missed counts a search that found nothing.
func (f *filter) missed() { f.misses.Add(1) }

func (t *table) filterWords() *[]uint64 {
	words := make([]uint64, t.n/4+1)
	for i := range t.n {
		word, mask := filterPlace(t.hashBytes(i), len(words))
		words[word] |= mask
	}
	return &words
}

// filterPlace returns the word of a hash and its bits there.
func filterPlace(h []byte, words int) (word int, mask uint64) {
	bits := binary.LittleEndian.Uint64(h[16:])
	word = int(binary.LittleEndian.Uint32(h[24:]) % uint32(words))
	return word, 1<<(bits&63) | 1<<(bits>>6&63) | 1<<(bits>>12&63)
}
