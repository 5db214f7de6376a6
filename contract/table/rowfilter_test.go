package table

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"aergo/repo/object"
)

// TestRowFilter compares the filter with a map of counts.
func TestRowFilter(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 2))
	for _, keys := range []int{1, 40, 50, 10_000} {
		f, counts := newRowFilter(), map[uint64]int{}
		if f.twice([]byte("none")) || f.repeats {
			t.Fatal("an empty filter knows a key")
		}
		repeats := false
		for range keys {
			k := random.Uint64N(uint64(4 * keys))
			counts[k]++
			repeats = repeats || counts[k] > 1
			f.add(binary.BigEndian.AppendUint64(nil, k))
			if f.repeats != repeats {
				t.Fatalf("after %d keys repeats is %v", len(counts), f.repeats)
			}
		}
		for k := range uint64(4 * keys) {
			if got := f.twice(binary.BigEndian.AppendUint64(nil, k)); got != (counts[k] > 1) {
				t.Errorf("key %d of %d came %d times, twice is %v", k, keys, counts[k], got)
			}
		}
	}
}

// TestSettlerLeavesRowsNamedOnce: a row that the filter takes for another, and that only
// one operation names, is left to the plain rules.
func TestSettlerLeavesRowsNamedOnce(t *testing.T) {
	saw := rows{"k": `{"a":1}`}
	names, payload := author(t, stateOf(t, saw), spec(t, Put, "k", `{"a":1}`, 0))
	rt := NewRuntime()
	dict, tx := rt.Prepare(names), &object.Transaction{Payload: payload}
	for times, keys := range []int{1: 0, 2: 1} {
		s := rt.Settle()
		s.Count(tx, dict)
		s.Count(tx, dict)
		if !s.Repeats() {
			t.Fatal("a row counted twice does not repeat")
		}
		for range times {
			s.Observe(tx, dict)
		}
		if got := s.Keys(); len(got) != keys {
			t.Errorf("observed %d times, the settler asks for %d rows, want %d", times, len(got), keys)
		}
	}
}
