package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"aergo/repo/object"
)

// counting counts the reads of each node.
type counting struct {
	next  NodeReader
	mu    sync.Mutex
	reads map[object.Hash]int
}

func (c *counting) Get(ctx context.Context, h object.Hash) ([]byte, error) {
	c.mu.Lock()
	c.reads[h]++
	c.mu.Unlock()
	return c.next.Get(ctx, h)
}

// randomTree returns a tree, its model, and keys, sorted, of which half are in it.
func randomTree(t testing.TB, s shape, rows int) (Tree, *Overlay, model, [][]byte) {
	r := newRand(t)
	tree, store := emptyTree(t)
	m := model{}
	m.apply(s.randomEdits(r, m, rows, 0))
	tree = update(t, tree, store, m.puts(), 2)
	var keys [][]byte
	for _, k := range m.keys() {
		keys = append(keys, []byte(k))
	}
	for range len(m) {
		keys = append(keys, s.key(r))
	}
	keys = append(keys, []byte{0}, bytes.Repeat([]byte{0xff}, 9))
	slices.SortFunc(keys, bytes.Compare)
	return tree, store, m, slices.CompactFunc(keys, bytes.Equal)
}

func TestReadsAreTheModels(t *testing.T) {
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) {
			tree, store, m, keys := randomTree(t, s, 1500)
			rows := m.puts()
			cached := New(NewCache(store, 100<<10), tree.Root())
			for _, tree := range []Tree{tree, cached} {
				for _, k := range keys {
					want, there := m[string(k)]
					v, ok, err := tree.Get(t.Context(), k)
					if err != nil || ok != there || string(v) != want || ok && v == nil {
						t.Fatalf("Get(%x): %v %v", k, ok, err)
					}
				}
			}
			if n, err := tree.Count(t.Context()); err != nil || n != uint64(len(m)) {
				t.Fatalf("count %d, %v", n, err)
			}
			cursor := tree.Cursor(t.Context())
			r := newRand(t)
			for range 300 {
				from, to := keys[r.IntN(len(keys))], keys[r.IntN(len(keys))]
				if r.IntN(10) == 0 {
					to = nil
				}
				checkRange(t, tree, rows, from, to)
				checkCursor(t, cursor, rows, from, r.IntN(2) == 0)
			}
		})
	}
}

func checkRange(t *testing.T, tree Tree, rows []Edit, from, to []byte) {
	t.Helper()
	var want []Edit
	for _, row := range rows {
		if bytes.Compare(row.Key, from) >= 0 && (to == nil || bytes.Compare(row.Key, to) < 0) {
			want = append(want, row)
		}
	}
	if n, err := tree.CountRange(t.Context(), from, to); err != nil || n != uint64(len(want)) {
		t.Fatalf("CountRange(%x, %x) = %d, %v, want %d", from, to, n, err, len(want))
	}
	var got, pulled []Edit
	err := tree.Range(t.Context(), from, to, func(k, v []byte) error {
		got = append(got, Edit{Key: bytes.Clone(k), Value: v})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for row, err := range tree.Rows(t.Context(), from, to) {
		if err != nil {
			t.Fatal(err)
		}
		pulled = append(pulled, Edit{Key: bytes.Clone(row.Key), Value: row.Value})
	}
	same := func(a, b Edit) bool { return bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value) }
	if !slices.EqualFunc(got, want, same) || !slices.EqualFunc(pulled, want, same) {
		t.Fatalf("Range(%x, %x): %d rows, Rows %d, want %d", from, to, len(got), len(pulled), len(want))
	}
}

func checkCursor(t *testing.T, c *Cursor, rows []Edit, key []byte, after bool) {
	t.Helper()
	i, found := slices.BinarySearchFunc(rows, key, func(e Edit, k []byte) int { return bytes.Compare(e.Key, k) })
	var ok bool
	if after {
		if found {
			i++
		}
		ok = c.SeekAfter(key)
	} else {
		ok = c.Seek(key)
	}
	for range 3 {
		if ok != (i < len(rows)) || c.Err() != nil {
			t.Fatalf("cursor at %x: %v, %v", key, ok, c.Err())
		}
		if !ok {
			return
		}
		if !bytes.Equal(c.Key(), rows[i].Key) || !bytes.Equal(c.Value(), rows[i].Value) {
			t.Fatalf("cursor at %x is on %x, want %x", key, c.Key(), rows[i].Key)
		}
		i++
		ok = c.Next()
	}
}

func TestGetManyReadsEachNodeOnce(t *testing.T) {
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) {
			tree, store, m, keys := randomTree(t, s, 2500)
			for workers := 1; workers <= 8; workers++ {
				reads := &counting{next: store, reads: make(map[object.Hash]int)}
				var calls atomic.Int64
				got := make([]string, len(keys))
				oks := make([]bool, len(keys))
				err := New(reads, tree.Root()).GetMany(t.Context(), keys, workers, func(i int, v []byte, ok bool) error {
					calls.Add(1)
					got[i], oks[i] = string(v), ok
					return nil
				})
				if err != nil || int(calls.Load()) != len(keys) {
					t.Fatalf("%d calls, %v", calls.Load(), err)
				}
				for i, k := range keys {
					if want, there := m[string(k)]; oks[i] != there || got[i] != want {
						t.Fatalf("%x: %v", k, oks[i])
					}
				}
				for h, n := range reads.reads {
					if n > 1 {
						t.Fatalf("node %v read %d times", h, n)
					}
				}
			}
		})
	}
	tree, _ := emptyTree(t)
	never := func(int, []byte, bool) error { return errors.New("called") }
	if err := tree.GetMany(t.Context(), nil, 2, never); err != nil {
		t.Error(err)
	}
	if err := tree.GetMany(t.Context(), [][]byte{{2}, {1}}, 2, never); !errors.Is(err, ErrUnsorted) {
		t.Error(err)
	}
	if err := tree.GetMany(t.Context(), [][]byte{{1}, {2}}, 2, never); err == nil {
		t.Error("an error of the callback is lost")
	}
}

func TestDiffIsTheModels(t *testing.T) {
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) {
			r := newRand(t)
			tree, store, m, _ := randomTree(t, s, 1500)
			empty := New(store, EmptyRoot())
			checkDiff(t, empty, tree, model{}, m)
			checkDiff(t, tree, empty, m, model{})
			checkDiff(t, tree, tree, m, m)
			for _, size := range []int{1, 3, 30, 300, 3000} {
				next := model{}
				maps.Copy(next, m)
				edits := s.randomEdits(r, m, size, 0.4)
				next.apply(edits)
				changed := update(t, tree, store, edits, 2)
				checkDiff(t, tree, changed, m, next)
				checkDiff(t, changed, tree, next, m)
			}
		})
	}
}

func checkDiff(t *testing.T, a, b Tree, ma, mb model) {
	t.Helper()
	all := model{}
	for k := range ma {
		all[k] = ""
	}
	for k := range mb {
		all[k] = ""
	}
	describe := func(k string, v1 []byte, v2 []byte) string {
		return fmt.Sprintf("%x %v %x %v %x", k, v1 == nil, v1, v2 == nil, v2)
	}
	value := func(m model, k string) []byte {
		if v, ok := m[k]; ok {
			return []byte(v)
		}
		return nil
	}
	var want, got []string
	for _, k := range all.keys() {
		old, new := value(ma, k), value(mb, k)
		if (old == nil) != (new == nil) || !bytes.Equal(old, new) {
			want = append(want, describe(k, old, new))
		}
	}
	err := Diff(t.Context(), a, b, func(k, old, new []byte) error {
		got = append(got, describe(string(k), old, new))
		return nil
	})
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("%d differences, want %d: %v", len(got), len(want), err)
	}
}

func TestDiffReadsLittle(t *testing.T) {
	r := newRand(t)
	tree, store := emptyTree(t)
	m := model{}
	for i := range 20000 {
		m[fmt.Sprintf("row/%06d", 2*i)] = "0123456789012345678901234567890123456789"
	}
	tree = update(t, tree, store, m.puts(), 2)
	for range 50 {
		k := fmt.Appendf(nil, "row/%06d", r.IntN(40000))
		changed := update(t, tree, store, []Edit{{Key: k, Value: []byte("new")}}, 1)
		reads := &counting{next: store, reads: make(map[object.Hash]int)}
		found := 0
		err := Diff(t.Context(), New(reads, tree.Root()), New(reads, changed.Root()), func(_, _, _ []byte) error { found++; return nil })
		if err != nil || found != 1 {
			t.Fatalf("%d differences, %v", found, err)
		}
		if len(reads.reads) > 40 {
			t.Errorf("%d nodes read for one difference", len(reads.reads))
		}
	}
}

func TestWalkVisitsEveryNode(t *testing.T) {
	tree, store, m, _ := randomTree(t, shapes()[0], 3000)
	_, nodes := reference(m.puts())
	seen := make(map[object.Hash]bool)
	leaves := 0
	err := tree.Walk(t.Context(), func(h object.Hash, level int) (bool, error) {
		seen[h] = true
		if level == 0 {
			leaves++
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for h := range seen {
		if _, ok := nodes[h]; !ok {
			t.Fatalf("node %v is not of the tree", h)
		}
	}
	if leaves < 50 || len(seen) <= leaves {
		t.Errorf("%d nodes, %d of them leaves", len(seen), leaves)
	}
	// What was visited is enough to read everything.
	bare := NewOverlay(nil)
	for h := range seen {
		if err := bare.Put(object.KindStateNode, h, store.nodes[h]); err != nil {
			t.Fatal(err)
		}
	}
	checkTree(t, New(bare, tree.Root()), m)
	stop := errors.New("stop")
	if err := tree.Walk(t.Context(), func(object.Hash, int) (bool, error) { return false, stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
}

func TestCancelledAndFailingReadsAreReported(t *testing.T) {
	tree, store, _, keys := randomTree(t, shapes()[0], 2000)
	missing := New(NewOverlay(nil), tree.Root())
	if _, _, err := missing.Get(t.Context(), keys[0]); !errors.Is(err, ErrNoNode) {
		t.Error(err)
	}
	if _, err := missing.Update(t.Context(), store, []Edit{{Key: keys[0]}}, 1); !errors.Is(err, ErrNoNode) {
		t.Error(err)
	}
	for _, err := range missing.Rows(t.Context(), nil, nil) {
		if !errors.Is(err, ErrNoNode) {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var edits []Edit
	for _, k := range keys {
		edits = append(edits, Edit{Key: k, Value: []byte("x")})
	}
	if _, err := tree.Update(ctx, store, edits, 2); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	full := errors.New("disk full")
	if _, err := tree.Update(t.Context(), failing{full}, edits, 2); !errors.Is(err, full) {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f failing) Put(object.Kind, object.Hash, []byte) error { return f.err }

func TestOneCacheServesManyGoroutines(t *testing.T) {
	tree, store, m, keys := randomTree(t, shapes()[0], 2000)
	shared := New(NewCache(store, 50<<10), tree.Root())
	err := parallel(t.Context(), 8, 8, func(_, w int) error {
		for i := range keys {
			k := keys[(i*7+w*13)%len(keys)]
			v, ok, err := shared.Get(context.Background(), k)
			if want, there := m[string(k)]; err != nil || ok != there || string(v) != want {
				return fmt.Errorf("%x: %v %w", k, ok, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestChildrenAreThoseOfTheWalk(t *testing.T) {
	ctx := t.Context()
	tree, store, _, _ := randomTree(t, shapes()[0], 5000)
	want := map[object.Hash]int{}
	err := tree.Walk(ctx, func(h object.Hash, level int) (bool, error) {
		want[h] = level
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[object.Hash]int{}
	open := []object.Hash{tree.Root()}
	for len(open) > 0 {
		h := open[len(open)-1]
		open = open[:len(open)-1]
		data, err := store.Get(ctx, h)
		if err != nil {
			t.Fatal(err)
		}
		level, children, err := ChildrenWithin(data, []Span{{}})
		if err != nil || (level == 0) != (len(children) == 0) {
			t.Fatalf("node %s: level %d, %d children, %v", h.Short(), level, len(children), err)
		}
		got[h] = level
		open = append(open, children...)
	}
	if len(want) < 50 || !maps.Equal(got, want) {
		t.Errorf("%d nodes, the walk has %d", len(got), len(want))
	}
	if _, _, err := ChildrenWithin([]byte("nonsense"), []Span{{}}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("nonsense: %v", err)
	}
}
