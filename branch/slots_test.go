package branch

import (
	"aergo/contract"
	"fmt"
	"testing"
)

// Rows are numbered in the order in which they are first named, stage after stage.
func TestSlotsAreNumberedByFirstUse(t *testing.T) {
	rng := source(t)
	table := newSlotTable()
	for stage := range 6 {
		table.reset()
		want := map[string]uint32{}
		for range 1 + rng.IntN(5000) {
			k := fmt.Sprintf("%0*d", rng.IntN(40), rng.IntN(3000))
			if id, ok := table.find([]byte(k)); ok != knows(want, k) || ok && id != want[k] {
				t.Fatalf("stage %d: find(%q) = %d, %v", stage, k, id, ok)
			}
			id := table.intern([]byte(k))
			if !knows(want, k) {
				want[k] = uint32(len(want))
			}
			if id != want[k] || string(table.slots[id].key) != k {
				t.Fatalf("stage %d: intern(%q) = %d, want %d", stage, k, id, want[k])
			}
			table.slots[id].touches++
		}
		touches := int32(0)
		for _, sl := range table.all() {
			touches += sl.touches
			sl.row, sl.written = []byte("left over"), true
			sl.growth.Add(&contract.Access{GrowBytes: 9})
		}
		if len(table.all()) != len(want) || touches == 0 {
			t.Fatalf("stage %d: %d slots, want %d", stage, len(table.all()), len(want))
		}
	}
	table.reset()
	id := table.intern([]byte("fresh"))
	if sl := table.slots[id]; sl.row != nil || sl.growth.Bytes() != 0 || sl.written || sl.touches != 0 {
		t.Errorf("a slot used again holds %+v", sl.key)
	}
	if _, ok := table.find([]byte("left")); ok {
		t.Error("a key of an earlier stage is found")
	}
}

func knows(m map[string]uint32, k string) bool { _, ok := m[k]; return ok }
