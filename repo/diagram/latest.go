package diagram

import (
	"slices"

	"aergo/repo"
)

// LatestFirst is a heap (container/heap) of blocks that are to be drawn: the latest first, of
// those of one time the higher ones. Who pushes a block's parents when it has popped the block
// draws it before them, unless its clock was behind theirs.
type LatestFirst []repo.Block

// Len implements heap.Interface.
func (h LatestFirst) Len() int { return len(h) }

// Swap implements heap.Interface.
func (h LatestFirst) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Less implements heap.Interface.
func (h LatestFirst) Less(i, j int) bool {
	switch a, b := h[i], h[j]; {
	case !a.Time.Equal(b.Time):
		return a.Time.After(b.Time)
	case a.Height != b.Height:
		return a.Height > b.Height
	default:
		return slices.Compare(a.ID[:], b.ID[:]) > 0
	}
}

// Push implements heap.Interface.
func (h *LatestFirst) Push(b any) { *h = append(*h, b.(repo.Block)) }

// Pop implements heap.Interface.
func (h *LatestFirst) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
