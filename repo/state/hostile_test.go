package state

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"aergo/repo/object"
)

// ground returns n ascending keys whose priorities on level 0 are what want asks for,
// each found by trying: want says which share of the range, from 0 to 1, the i-th is in.
func ground(n int, want func(i int) (low, high float64)) []Edit {
	edits := make([]Edit, n)
	for i := range edits {
		low, high := want(i)
		for try := 0; ; try++ {
			key := fmt.Appendf(nil, "k%06d-%d", i, try)
			if share := float64(priority(0, key)) / (1 << 64); share >= low && share < high {
				edits[i] = Edit{Key: key}
				break
			}
		}
	}
	return edits
}

func hostileKeys() map[string][]Edit {
	const n = 400
	return map[string][]Edit{
		"ascending":  ground(n, func(i int) (float64, float64) { return float64(i) / n, float64(i+1) / n }),
		"descending": ground(n, func(i int) (float64, float64) { return 1 - float64(i+1)/n, 1 - float64(i)/n }),
		"no boundary": ground(3*n, func(int) (float64, float64) {
			return 0.7, 1
		}),
		"many at once": ground(3*n, func(i int) (float64, float64) { return 0, 0.1 }),
		"saw": ground(n, func(i int) (float64, float64) {
			return float64(i%100) / 100, float64(i%100+1) / 100
		}),
		"valley": ground(n, func(i int) (float64, float64) {
			k := max(i, n-i)
			return float64(k-n/2) / (n/2 + 1), float64(k-n/2+1) / (n/2 + 1)
		}),
	}
}

// checkSizes checks that no node is heavier than a run and one item.
func checkSizes(t *testing.T, nodes map[object.Hash][]byte) {
	t.Helper()
	for _, data := range nodes {
		n, err := decode(data)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0
		for i := range n.len() - 1 {
			sum += n.weight(i)
		}
		if sum > maxWeight(n.level) {
			t.Errorf("run of weight %d on level %d", sum, n.level)
		}
	}
}

func TestGroundKeysDoNotMakeEditsDear(t *testing.T) {
	r := newRand(t)
	for name, rows := range hostileKeys() {
		t.Run(name, func(t *testing.T) {
			for _, valueBytes := range []int{0, 40} {
				for i := range rows {
					rows[i].Value = make([]byte, valueBytes)
				}
				tree, store := emptyTree(t)
				tree = update(t, tree, store, rows, 1)
				root, nodes := reference(rows)
				if tree.Root() != root {
					t.Fatal("root is not the reference's")
				}
				checkSizes(t, nodes)
				for range 20 {
					i := r.IntN(len(rows))
					key := fmt.Appendf(nil, "k%06d-~%d", i, r.IntN(1000))
					checkOneEdit(t, tree, store, rows, Edit{Key: key, Value: make([]byte, valueBytes)})
					checkOneEdit(t, tree, store, rows, Edit{Key: rows[i].Key, Delete: true})
				}
			}
		})
	}
}

// checkOneEdit makes one edit, and compares the nodes of level 0 that it changes with the
// bound: those that have items within the maximum weight of the edit.
func checkOneEdit(t *testing.T, tree Tree, store *Overlay, rows []Edit, e Edit) {
	t.Helper()
	over := NewOverlay(store)
	changed := update(t, tree, over, []Edit{e}, 1)
	m := model{}
	m.apply(rows)
	m.apply([]Edit{e})
	if root, _ := reference(m.puts()); changed.Root() != root {
		t.Fatal("root is not the reference's")
	}
	writtenBytes, weightWritten := 0, 0
	for _, data := range over.nodes {
		n, err := decode(data)
		if err != nil {
			t.Fatal(err)
		}
		if n.level > 0 {
			continue
		}
		writtenBytes += len(data)
		for i := range n.len() {
			weightWritten += n.weight(i)
		}
	}
	// At most a maximum on either side, what that stretch's outer nodes hold beyond it, and
	// the edit; all items are light here.
	if limit := 4*MaxLeafWeight + 20; weightWritten > limit {
		t.Errorf("one edit rewrites a weight of %d, bound %d", weightWritten, limit)
	}
	if limit := 4 * (MaxLeafWeight + 5) * leafUnitBytes * 2; writtenBytes > limit {
		t.Errorf("one edit rewrites %d bytes, bound %d", writtenBytes, limit)
	}
}

func TestManyEditsOfGroundKeys(t *testing.T) {
	r := newRand(t)
	for name, rows := range hostileKeys() {
		t.Run(name, func(t *testing.T) {
			tree, store := emptyTree(t)
			m := model{}
			// In random batches, and out again: the planner meets the orders from all sides.
			perm := r.Perm(len(rows))
			for _, del := range []bool{false, true} {
				for begin := 0; begin < len(perm); {
					end := min(len(perm), begin+1+r.IntN(200))
					byKey := make(map[string]Edit)
					for _, i := range perm[begin:end] {
						byKey[string(rows[i].Key)] = Edit{Key: rows[i].Key, Value: make([]byte, r.IntN(50)), Delete: del}
					}
					edits := sortEdits(byKey)
					u := updater{tree: tree, w: store, workers: 2, windowEdits: 1 + r.IntN(100), chunkEdits: 1 + r.IntN(50)}
					var err error
					if tree, err = u.update(t.Context(), edits); err != nil {
						t.Fatal(err)
					}
					m.apply(edits)
					if root, _ := reference(m.puts()); root != tree.Root() {
						t.Fatal("root is not the reference's")
					}
					begin = end
				}
			}
		})
	}
}

func TestLevelsShrinkWithTheLongestKeys(t *testing.T) {
	tree, store := emptyTree(t)
	var rows []Edit
	for i := range 300 {
		rows = append(rows, Edit{Key: append(fmt.Appendf(nil, "%06d", i), bytes.Repeat([]byte{'x'}, MaxKeyBytes-6)...)})
	}
	tree = update(t, tree, store, rows, 1)
	levels := 0
	err := tree.Walk(t.Context(), func(_ object.Hash, level int) (bool, error) {
		levels = max(levels, level)
		return true, nil
	})
	if err != nil || levels < 3 || levels > 20 {
		t.Errorf("%d levels, %v", levels, err)
	}
	slices.Reverse(rows)
	for _, row := range rows {
		tree = update(t, tree, store, []Edit{{Key: row.Key, Delete: true}}, 1)
	}
	if tree.Root() != EmptyRoot() {
		t.Error("something is left")
	}
}

// TestUpdateReadsAreLocal makes single edits in a large tree, and bounds what they read.
func TestUpdateReadsAreLocal(t *testing.T) {
	r := newRand(t)
	tree, store := emptyTree(t)
	m := model{}
	for i := range 20000 {
		m[fmt.Sprintf("row/%06d", 2*i)] = "0123456789012345678901234567890123456789"
	}
	tree = update(t, tree, store, m.puts(), 2)
	total := 0
	const edits = 200
	for range edits {
		e := Edit{Key: fmt.Appendf(nil, "row/%06d", r.IntN(40000)), Value: []byte("x")}
		e.Delete = r.IntN(3) == 0
		reads := &counting{next: store, reads: make(map[object.Hash]int)}
		update(t, New(reads, tree.Root()), NewOverlay(nil), []Edit{e}, 1)
		if len(reads.reads) > 200 {
			t.Errorf("one edit reads %d nodes", len(reads.reads))
		}
		total += len(reads.reads)
	}
	if total > 12*edits {
		t.Errorf("an edit reads %d nodes on average", total/edits)
	}
}
