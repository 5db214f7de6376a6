package state

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"aergo/repo/object"
)

func newRand(t testing.TB) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// emptyTree returns an empty tree on a store of its own.
func emptyTree(t testing.TB) (Tree, *Overlay) {
	t.Helper()
	store := NewOverlay(nil)
	root, err := WriteEmpty(store)
	if err != nil {
		t.Fatal(err)
	}
	return New(store, root), store
}

func update(t testing.TB, tree Tree, w NodeWriter, edits []Edit, workers int) Tree {
	t.Helper()
	next, err := tree.Update(t.Context(), w, edits, workers)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// model is the map that a tree is compared with.
type model map[string]string

func (m model) apply(edits []Edit) {
	for _, e := range edits {
		if e.Delete {
			delete(m, string(e.Key))
		} else {
			m[string(e.Key)] = string(e.Value)
		}
	}
}

func (m model) keys() []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (m model) puts() []Edit {
	var edits []Edit
	for _, k := range m.keys() {
		edits = append(edits, Edit{Key: []byte(k), Value: []byte(m[k])})
	}
	return edits
}

// reference builds the tree of sorted rows by the rule as FORMAT.md states it: it looks,
// for each item, at the interval around it. It shares only the encoding of nodes with the
// product, and returns the root and the nodes of every level.
func reference(rows []Edit) (object.Hash, map[object.Hash][]byte) {
	items := make([]item, len(rows))
	for i, r := range rows {
		items[i] = item{key: r.Key, val: r.Value, rows: 1}
	}
	nodes := make(map[object.Hash][]byte)
	for level := 0; ; level++ {
		above := referenceLevel(level, items, nodes)
		if len(above) == 1 {
			return object.Hash(above[0].val), nodes
		}
		items = above
	}
}

func referenceLevel(level int, items []item, nodes map[object.Hash][]byte) []item {
	var above []item
	n := len(items)
	w := func(i int) int { return weight(level, len(items[i].key), len(items[i].val)) }
	priorities := make([]uint64, n)
	for i := range items {
		priorities[i] = priority(level, items[i].key)
	}
	begin := 0
	for i := range max(n, 1) {
		closes := i >= n-1
		if !closes {
			sum := w(i)
			for j := i - 1; j >= 0 && priorities[j] > priorities[i] && sum <= maxWeight(level); j-- {
				sum += w(j)
			}
			for j := i + 1; j < n && priorities[j] >= priorities[i] && sum <= maxWeight(level); j++ {
				sum += w(j)
			}
			closes = sum > maxWeight(level)
		}
		if !closes {
			continue
		}
		end := min(i+1, n)
		data, count := appendNode(nil, level, items[begin:end])
		h := object.Sum(data)
		nodes[h] = data
		it := item{val: bytes.Clone(h[:]), rows: count}
		if n > 0 {
			it.key = items[i].key
		}
		above = append(above, it)
		begin = end
	}
	return above
}

// checkTree compares a tree with a model: the root with the reference's, and that it reads.
func checkTree(t testing.TB, tree Tree, m model) {
	t.Helper()
	puts := m.puts()
	root, _ := reference(puts)
	if tree.Root() != root {
		t.Fatalf("root %s of %d rows, the reference has %s", tree.Root().Short(), len(m), root.Short())
	}
	i := 0
	err := tree.Range(context.Background(), nil, nil, func(k, v []byte) error {
		if i >= len(puts) || !bytes.Equal(k, puts[i].Key) || !bytes.Equal(v, puts[i].Value) {
			return fmt.Errorf("row %d is %x", i, k)
		}
		i++
		return nil
	})
	if err != nil || i != len(puts) {
		t.Fatalf("%d of %d rows: %v", i, len(puts), err)
	}
}

// shape is a way to make random keys and values.
type shape struct {
	name  string
	key   func(r *rand.Rand) []byte
	value func(r *rand.Rand) []byte
}

func bytesOf(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func numberKey(r *rand.Rand, n int) []byte {
	return []byte(fmt.Sprintf("row/accounts/%08d", r.IntN(n)))
}

func shapes() []shape {
	return []shape{
		{"rows", func(r *rand.Rand) []byte { return numberKey(r, 5000) }, func(r *rand.Rand) []byte { return bytesOf(r, 50+r.IntN(20)) }},
		{"same size", func(r *rand.Rand) []byte { return numberKey(r, 3000) }, func(r *rand.Rand) []byte { return bytesOf(r, 60) }},
		{"tiny", func(r *rand.Rand) []byte { return bytesOf(r, 1+r.IntN(2)) }, func(r *rand.Rand) []byte { return bytesOf(r, r.IntN(2)) }},
		{"numbers", func(r *rand.Rand) []byte { return binary.BigEndian.AppendUint64(nil, uint64(r.IntN(4000))) }, func(r *rand.Rand) []byte { return bytesOf(r, 8) }},
		{"long keys", func(r *rand.Rand) []byte {
			return append(numberKey(r, 400), bytes.Repeat([]byte{'x'}, r.IntN(1000))...)
		}, func(r *rand.Rand) []byte { return bytesOf(r, 5) }},
		{"some huge", func(r *rand.Rand) []byte { return numberKey(r, 500) }, func(r *rand.Rand) []byte {
			if r.IntN(10) == 0 {
				return bytesOf(r, r.IntN(20000))
			}
			return bytesOf(r, r.IntN(300))
		}},
	}
}

// randomEdits returns up to n edits, sorted, that hit existing keys of m about half of
// the time, and delete a share of deletes.
func (s shape) randomEdits(r *rand.Rand, m model, n int, deletes float64) []Edit {
	old := m.keys()
	byKey := make(map[string]Edit)
	for range n {
		k := s.key(r)
		if len(old) > 0 && r.IntN(2) == 0 {
			k = []byte(old[r.IntN(len(old))])
		}
		e := Edit{Key: k, Value: s.value(r)}
		if r.Float64() < deletes {
			e = Edit{Key: k, Delete: true}
		}
		byKey[string(k)] = e
	}
	return sortEdits(byKey)
}

func sortEdits(byKey map[string]Edit) []Edit {
	edits := make([]Edit, 0, len(byKey))
	for _, e := range byKey {
		edits = append(edits, e)
	}
	slices.SortFunc(edits, func(a, b Edit) int { return bytes.Compare(a.Key, b.Key) })
	return edits
}
