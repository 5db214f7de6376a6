package optimistic

import (
	"testing"

	"aergo/dtt"
)

// A trail finds what was added since the last reset, and nothing else.
func TestTrail(t *testing.T) {
	rng := source(t)
	var trail trail[int]
	for round := range 500 {
		if round == 200 {
			trail.stamp = ^uint32(0) - 5
		}
		trail.reset()
		want := map[dtt.Unit]int{}
		most := 1 + rng.Uint64N(1<<rng.Uint64N(9))
		for range rng.Uint64N(2 * most) {
			u := dtt.Unit(rng.Uint64N(most)) << rng.Uint64N(3)
			i, ok := want[u]
			if got := trail.find(u); ok && got != i || !ok && got != -1 {
				t.Fatalf("round %d: unit %d is found at %d, want %d (%v)", round, u, got, i, ok)
			}
			if !ok {
				want[u] = len(want)
				trail.add(u, int(u))
			}
		}
		for u, i := range want {
			if trail.find(u) != i || trail.entries[i] != int(u) || trail.units[i] != u {
				t.Fatalf("round %d: unit %d is not at %d", round, u, i)
			}
		}
	}
}
