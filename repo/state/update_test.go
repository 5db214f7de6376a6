package state

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
)

func TestUpdateIsTheReferenceForRandomEdits(t *testing.T) {
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) {
			r := newRand(t)
			tree, store := emptyTree(t)
			// Trees that read and write through a cache which forgets, and one which does not.
			caches := []*Cache{NewCache(store, 50<<10), NewCache(store, 1<<30)}
			cached := []Tree{New(caches[0], tree.Root()), New(caches[1].Over(store), tree.Root())}
			m := model{}
			for round := range 40 {
				size := []int{1, 1, 2, 10, 100, 1000}[r.IntN(6)]
				deletes := []float64{0, 0, 0.3, 0.5, 1}[r.IntN(5)]
				edits := s.randomEdits(r, m, size, deletes)
				tree = update(t, tree, store, edits, 1+round%4)
				m.apply(edits)
				checkTree(t, tree, m)
				for i := range cached {
					cached[i] = update(t, cached[i], caches[i].Through(store), edits, 1+round%3)
					checkTree(t, cached[i], m)
				}
			}
		})
	}
}

func TestHistoryDoesNotShow(t *testing.T) {
	r := newRand(t)
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) {
			m := model{}
			m.apply(s.randomEdits(r, m, 2000, 0))
			rows := m.puts()
			bulk, _ := emptyTree(t)
			bulk = update(t, bulk, bulk.reader.(*Overlay), rows, 2)

			// Each row comes in a batch of its own choice, some after a wrong value, some with
			// a stranger that goes again.
			tree, store := emptyTree(t)
			batches := make([]map[string]Edit, 12)
			for i := range batches {
				batches[i] = make(map[string]Edit)
			}
			for _, row := range rows {
				at := r.IntN(len(batches))
				batches[at][string(row.Key)] = row
				if at > 0 && r.IntN(3) == 0 {
					batches[r.IntN(at)][string(row.Key)] = Edit{Key: row.Key, Value: s.value(r)}
				}
				stranger := append(bytes.Clone(row.Key), 'z')
				if _, ok := m[string(stranger)]; !ok && at > 0 && len(stranger) <= MaxKeyBytes {
					batches[r.IntN(at)][string(stranger)] = Edit{Key: stranger}
					batches[at][string(stranger)] = Edit{Key: stranger, Delete: true}
				}
			}
			for _, b := range batches {
				tree = update(t, tree, store, sortEdits(b), 2)
			}
			if tree.Root() != bulk.Root() {
				t.Fatalf("root %v by batches, %v at once", tree.Root(), bulk.Root())
			}
			for i := range rows {
				rows[i] = Edit{Key: rows[i].Key, Delete: true}
			}
			if tree = update(t, tree, store, rows, 2); tree.Root() != EmptyRoot() {
				t.Fatal("deleting everything does not give the empty tree")
			}
		})
	}
}

func TestAppendingAtTheEnd(t *testing.T) {
	r := newRand(t)
	tree, store := emptyTree(t)
	m := model{}
	next := 0
	for range 12 {
		var edits []Edit
		for range r.IntN(1500) {
			next += 1 + r.IntN(3)
			edits = append(edits, Edit{Key: fmt.Appendf(nil, "k%09d", next), Value: bytesOf(r, 60)})
		}
		tree = update(t, tree, store, edits, 2)
		m.apply(edits)
	}
	checkTree(t, tree, m)
}

func TestManyWorkersAndWindows(t *testing.T) {
	r := newRand(t)
	tree, store := emptyTree(t)
	m := model{}
	for i := range 60000 {
		m[fmt.Sprintf("k%07d", i*7)] = "v"
	}
	tree = update(t, tree, store, m.puts(), 3)
	byKey := make(map[string]Edit)
	for range 40000 {
		k := fmt.Appendf(nil, "k%07d", r.IntN(7*60000))
		e := Edit{Key: k, Value: bytesOf(r, r.IntN(100))}
		if r.IntN(3) == 0 {
			e = Edit{Key: k, Delete: true}
		}
		byKey[string(k)] = e
	}
	edits := sortEdits(byKey)
	m.apply(edits)
	want, _ := reference(m.puts())
	written := 0
	for _, workers := range []int{1, 2, 3, 8} {
		over := NewOverlay(store)
		got := update(t, tree, over, edits, workers)
		if got.Root() != want {
			t.Fatalf("%d workers: root %v, want %v", workers, got.Root(), want)
		}
		if written == 0 {
			written = over.Len()
		}
		if over.Len() != written {
			t.Fatalf("%d workers: %d nodes written, 1 writes %d", workers, over.Len(), written)
		}
	}
}

// TestSmallWindows makes windows and chunks so small that regions meet at their borders
// all the time, and have to be made again.
func TestSmallWindows(t *testing.T) {
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) {
			r := newRand(t)
			tree, store := emptyTree(t)
			m := model{}
			for round := range 40 {
				edits := s.randomEdits(r, m, []int{3, 30, 300}[r.IntN(3)], []float64{0, 0.3, 1}[r.IntN(3)])
				u := updater{tree: tree, w: store, workers: 1 + round%3, windowEdits: 1 + r.IntN(20), chunkEdits: 1 + r.IntN(5)}
				var err error
				if tree, err = u.update(t.Context(), edits); err != nil {
					t.Fatal(err)
				}
				m.apply(edits)
				if want, _ := reference(m.puts()); tree.Root() != want {
					t.Fatal("root is not the reference's")
				}
			}
		})
	}
}

func TestEditsWithoutEffectWriteNothing(t *testing.T) {
	r := newRand(t)
	s := shapes()[0]
	tree, store := emptyTree(t)
	m := model{}
	m.apply(s.randomEdits(r, m, 3000, 0))
	rows := m.puts()
	tree = update(t, tree, store, rows, 1)
	var edits []Edit
	for i, row := range rows {
		switch i % 3 {
		case 0:
			edits = append(edits, row)
		case 1:
			edits = append(edits, Edit{Key: append(bytes.Clone(row.Key), 0), Delete: true})
		}
	}
	over := NewOverlay(store)
	if got := update(t, tree, over, edits, 2); got != tree || over.Len() != 0 {
		t.Errorf("%d nodes written, root moved: %v", over.Len(), got.Root() != tree.Root())
	}
	if got := update(t, tree, over, nil, 2); got != tree || over.Len() != 0 {
		t.Error("no edits make a difference")
	}
}

func TestUpdateRefusesBadEdits(t *testing.T) {
	tree, store := emptyTree(t)
	before := store.Len()
	for name, c := range map[string]struct {
		edits []Edit
		want  error
	}{
		"descending":    {[]Edit{{Key: []byte("b")}, {Key: []byte("a")}}, ErrUnsorted},
		"twice":         {[]Edit{{Key: []byte("a")}, {Key: []byte("a")}}, ErrUnsorted},
		"empty key":     {[]Edit{{}}, ErrTooLarge},
		"long key":      {[]Edit{{Key: make([]byte, MaxKeyBytes+1)}}, ErrTooLarge},
		"long value":    {[]Edit{{Key: []byte("a"), Value: make([]byte, MaxValueBytes+1)}}, ErrTooLarge},
		"second is bad": {[]Edit{{Key: []byte("a")}, {Key: []byte("b"), Value: make([]byte, MaxValueBytes+1)}}, ErrTooLarge},
	} {
		if _, err := tree.Update(t.Context(), store, c.edits, 1); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if store.Len() != before {
		t.Error("a refused update has written")
	}
	largest := Edit{Key: bytes.Repeat([]byte{7}, MaxKeyBytes), Value: make([]byte, MaxValueBytes)}
	tree = update(t, tree, store, []Edit{largest}, 1)
	if v, ok, err := tree.Get(t.Context(), largest.Key); err != nil || !ok || !slices.Equal(v, largest.Value) {
		t.Errorf("largest row: %v %v", ok, err)
	}
}
