package dpos

import (
	"bytes"
	"slices"

	"aergo/repo/key"
	"aergo/repo/object"
)

// Delegate is a member of a Set.
type Delegate struct {
	Key    key.Public
	Anchor object.Hash // of its onion, as registered when it was elected
}

// Set is the delegates whose votes count at some heights. It does not change.
type Set struct {
	members []Delegate // by ascending key
	hash    object.Hash
}

// NewSet returns a set of delegates, which it keeps and sorts.
func NewSet(members []Delegate) *Set {
	slices.SortFunc(members, func(a, b Delegate) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	keys := make([]key.Public, len(members))
	for i, m := range members {
		keys[i] = m.Key
	}
	return &Set{members: members, hash: HashKeys(keys)}
}

// HashKeys returns the hash by which headers and certificates name a set of delegates: of
// the array of their keys, ascending.
func HashKeys(ascending []key.Public) object.Hash {
	b := object.AppendArray(make([]byte, 0, 9+len(ascending)*(key.PublicSize+2)), len(ascending))
	for _, k := range ascending {
		b = object.AppendBytes(b, k[:])
	}
	return object.Sum(b)
}

// Len returns the number of delegates.
func (s *Set) Len() int { return len(s.members) }

// Hash names the set.
func (s *Set) Hash() object.Hash { return s.hash }

// Members returns the delegates by ascending key. The caller does not change them.
func (s *Set) Members() []Delegate { return s.members }

// Quorum returns how many votes decide: more than two thirds.
func (s *Set) Quorum() int { return Quorum(len(s.members)) }

// Quorum returns the smallest number above two thirds of n: any two quorums share more
// members than the fewer than a third that may be faulty.
func Quorum(n int) int { return 2*n/3 + 1 }

// index returns a delegate's place in the set, or -1.
func (s *Set) index(k key.Public) int {
	i, found := slices.BinarySearchFunc(s.members, k, func(m Delegate, k key.Public) int { return bytes.Compare(m.Key[:], k[:]) })
	if !found {
		return -1
	}
	return i
}

func (s *Set) equal(other *Set) bool {
	return s == other || s.hash == other.hash && slices.Equal(s.members, other.members)
}
