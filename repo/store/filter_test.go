package store

import (
	"math/rand/v2"
	"testing"
	"time"

	"aergo/repo/object"
)

// The filter never hides an object, and spares most searches for what is not there.
func TestFilter(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 9))
	random := func() (h object.Hash) {
		for i := range h {
			h[i] = byte(rng.Uint32())
		}
		return h
	}
	objects := growing{}
	for range 5000 {
		objects[random()] = entry{kind: object.KindStateNode, size: 1}
	}
	table := newTable(1, salt{}, 1<<20, []extent{{bytes: 1 << 10}}, objects.all())
	for range filterMisses {
		if _, ok := table.find(random()); ok {
			t.Fatal("the table holds what it was not given")
		}
	}
	for h := range objects {
		if _, ok := table.find(h); !ok {
			t.Fatalf("the filter hides %s", h)
		}
	}
	passed := 0
	for range 10_000 {
		if h := random(); !table.filter.excludes(table, h) {
			passed++
		}
	}
	if passed > 500 {
		t.Errorf("%d of 10000 absent hashes pass the filter", passed)
	}
}
