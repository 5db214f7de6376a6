package optimistic

import (
	"fmt"
	"hash/maphash"
	"sync"

	"aergo/dtt"
)

const keyShards = 64

// Keys numbers keys as they come, from 0, on any number of goroutines. Which key gets which
// number depends on who comes first, and speculation may number keys that the block never
// touches after all; Engine.Renumbered takes both away.
type Keys[K comparable] struct {
	seed   maphash.Seed
	shards [keyShards]keyShard[K]

	mu   sync.RWMutex
	keys []K // by unit; guarded by mu
}

type keyShard[K comparable] struct {
	mu    sync.RWMutex
	units map[K]dtt.Unit
	_     [32]byte
}

// NewKeys returns an empty numbering.
func NewKeys[K comparable]() *Keys[K] {
	k := &Keys[K]{seed: maphash.MakeSeed()}
	for i := range k.shards {
		k.shards[i].units = map[K]dtt.Unit{}
	}
	return k
}

// Reset forgets all keys and keeps the memory. Nobody else may use the numbering meanwhile.
func (k *Keys[K]) Reset() {
	for i := range k.shards {
		clear(k.shards[i].units)
	}
	clear(k.keys)
	k.keys = k.keys[:0]
}

// Unit returns the number of a key, which gets one if it has none. It fails with
// dtt.ErrAccess when there are dtt.MaxUnits keys.
func (k *Keys[K]) Unit(key K) (dtt.Unit, error) {
	shard := &k.shards[maphash.Comparable(k.seed, key)%keyShards]
	shard.mu.RLock()
	u, ok := shard.units[key]
	shard.mu.RUnlock()
	if ok {
		return u, nil
	}
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if u, ok := shard.units[key]; ok {
		return u, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.keys) >= dtt.MaxUnits {
		return 0, fmt.Errorf("more than %d keys: %w", dtt.MaxUnits, dtt.ErrAccess)
	}
	u = dtt.Unit(len(k.keys))
	k.keys = append(k.keys, key)
	shard.units[key] = u
	return u, nil
}

// Key returns the key of a unit, or false if there is none.
func (k *Keys[K]) Key(u dtt.Unit) (key K, ok bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if uint64(u) >= uint64(len(k.keys)) {
		return key, false
	}
	return k.keys[u], true
}

// Len returns the number of keys.
func (k *Keys[K]) Len() int {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return len(k.keys)
}
