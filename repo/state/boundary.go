package state

import (
	"crypto/sha256"
	"encoding/binary"
)

// The rule of node boundaries.
//
// The items of a level stand in key order. Each has a weight, by its size, and a priority,
// by the hash of its level and key; of equal priorities the earlier item's counts as the
// smaller. Take, around an item, the largest interval of its level in which all others
// have greater priorities: the item closes its node iff that interval, itself included,
// weighs more than the level's maximum. In other words: build the treap of the level, and
// cut it off at the subtrees that are light enough; the nodes of the treap that remain
// each close a run of items. The last item of a level closes its node in any case.
//
// (1) Nodes are bounded. The items strictly between two neighbouring closers are a subtree
// of the treap; were they heavier than the maximum, their smallest would be a closer. So a
// node weighs at most the maximum and its last item.
//
// (2) Edits are local. Whether an item closes is known once the interval around it is
// complete or heavier than the maximum, so it depends on the items less than the maximum
// away, on either side, and an edit moves boundaries only that near to itself. No choice of
// keys changes that: priorities that someone has searched for can make nodes small, and the
// tree higher by a level for each factor of about the maximum in the work of the search,
// but never make one edit rewrite more than the items around it.
//
// (3) Boundaries are a function of the level's content alone; so, level by level, is the
// whole tree.
//
// (4) Levels shrink. If two items of a level never exceed the maximum, at least two items
// of it share a node: the treap's lowest item does not close, and if that is the last one
// of the level and alone, then its parent has no other child, and is light as well.
//
// With priorities like random numbers the treap has about 2n/(max+1) nodes heavier than
// max, for n items of weight one: nodes weigh half of the maximum on average.
const (
	// MaxLeafWeight is the weight that items between two boundaries of level 0 reach at
	// most. A row weighs one, and one more for each full 32 bytes of key and value.
	MaxLeafWeight = 96
	// MaxInnerWeight is the same above level 0, where an item weighs one, and one more for
	// each full 128 bytes of key.
	MaxInnerWeight = 64

	leafUnitBytes  = 32
	innerUnitBytes = 128
)

func maxWeight(level int) int {
	if level == 0 {
		return MaxLeafWeight
	}
	return MaxInnerWeight
}

func weight(level, keyBytes, valueBytes int) int {
	if level == 0 {
		return 1 + (keyBytes+valueBytes)/leafUnitBytes
	}
	return 1 + keyBytes/innerUnitBytes
}

// priority returns the first eight bytes, big-endian, of the SHA-256 of the level as one
// byte and the key.
func priority(level int, key []byte) uint64 {
	var buf [1 + MaxKeyBytes]byte
	buf[0] = byte(level)
	n := copy(buf[1:], key)
	sum := sha256.Sum256(buf[:1+n])
	return binary.BigEndian.Uint64(sum[:])
}

// closers marks in closes the items of a sequence that close their nodes, if the sequence
// is a whole level or lies between two closers of smaller priority than all of it. It is
// the usual walk for the nearest smaller value on both sides, with a stack, in one pass.
func closers(max int, weights []int32, priorities []uint64, closes []bool) {
	type open struct {
		index int
		left  int // weight of everything left of the item's interval
	}
	stack := make([]open, 0, 64)
	sum := 0
	for i, p := range priorities {
		left := sum
		for len(stack) > 0 && priorities[stack[len(stack)-1].index] > p {
			top := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			closes[top.index] = sum-top.left > max
			left = top.left
		}
		stack = append(stack, open{i, left})
		sum += int(weights[i])
	}
	for _, top := range stack {
		closes[top.index] = sum-top.left > max
	}
}
