package state

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"aergo/repo/object"
)

func row(key, value string) item { return item{key: []byte(key), val: []byte(value), rows: 1} }

func inner(key string, rows uint64) item {
	h := object.Sum([]byte(key))
	return item{key: []byte(key), val: h[:], rows: rows}
}

func TestNodesRoundTrip(t *testing.T) {
	for name, c := range map[string]struct {
		level int
		items []item
	}{
		"empty":         {0, nil},
		"one":           {0, []item{row("k", "")}},
		"prefix is key": {0, []item{row("k", "1"), row("ka", "2")}},
		"no prefix":     {0, []item{row("a", "1"), row("b", "2"), row("c", "3")}},
		"inner":         {3, []item{inner("k1", 5), inner("k2", 1<<63)}},
		"inner of one":  {1, []item{inner("k1", 5)}},
	} {
		data, rows := appendNode(nil, c.level, c.items)
		n, err := decode(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if n.level != c.level || n.len() != len(c.items) || n.rows != rows {
			t.Errorf("%s: level %d, %d items, %d rows", name, n.level, n.len(), n.rows)
		}
		for i, it := range c.items {
			if !bytes.Equal(n.appendKey(nil, i), it.key) || !bytes.Equal(n.value(i), it.val) || n.count(i) != it.rows {
				t.Errorf("%s: item %d differs", name, i)
			}
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	raw := func(build func(b []byte) []byte) []byte { return build(nil) }
	head := func(elements int, version, kind, level uint64, prefix string) []byte {
		b := object.AppendArray(nil, elements)
		b = object.AppendUint(b, version)
		b = object.AppendUint(b, kind)
		b = object.AppendUint(b, level)
		return object.AppendBytes(b, []byte(prefix))
	}
	kv := func(b []byte, pairs ...string) []byte {
		for _, s := range pairs {
			b = object.AppendBytes(b, []byte(s))
		}
		return b
	}
	child := func(b []byte, key string, rows uint64) []byte {
		h := object.Sum(nil)
		return object.AppendUint(object.AppendHash(kv(b, key), h), rows)
	}
	heavy, _ := appendNode(nil, 0, []item{row("a", string(make([]byte, MaxLeafWeight*leafUnitBytes))), row("b", "")})
	for name, data := range map[string][]byte{
		"nothing":               nil,
		"version":               head(4, 2, 6, 0, ""),
		"kind":                  head(4, 1, 5, 0, ""),
		"level above all":       child(head(7, 1, 6, 256, "k"), "", 1),
		"empty inner":           head(4, 1, 6, 1, ""),
		"empty with prefix":     head(4, 1, 6, 0, "k"),
		"half an item":          kv(head(5, 1, 6, 0, "k"), ""),
		"left over":             append(head(4, 1, 6, 0, ""), 0),
		"short":                 kv(head(6, 1, 6, 0, "k"), ""),
		"long head":             raw(func(b []byte) []byte { return append(append(b, 0x98, 4), head(4, 1, 6, 0, "")[1:]...) }),
		"unsorted":              kv(head(8, 1, 6, 0, ""), "b", "", "a", ""),
		"twice":                 kv(head(8, 1, 6, 0, ""), "a", "", "a", ""),
		"empty key":             kv(head(6, 1, 6, 0, ""), "", ""),
		"prefix too short":      kv(head(8, 1, 6, 0, ""), "ka", "", "kb", ""),
		"prefix of one":         kv(head(6, 1, 6, 0, "k"), "a", ""),
		"long key":              kv(head(6, 1, 6, 0, string(make([]byte, MaxKeyBytes+1))), "", ""),
		"long key in two":       kv(head(8, 1, 6, 0, string(make([]byte, MaxKeyBytes))), "", "", "a", ""),
		"long value":            kv(head(6, 1, 6, 0, "k"), "", string(make([]byte, MaxValueBytes+1))),
		"no rows":               child(head(7, 1, 6, 1, "k"), "", 0),
		"rows overflow":         child(child(head(10, 1, 6, 1, ""), "a", 1<<63), "b", 1<<63),
		"short hash":            object.AppendUint(kv(head(7, 1, 6, 1, "k"), "", "1234"), 1),
		"run too heavy":         heavy,
		"larger than any":       make([]byte, MaxNodeBytes+1),
		"text instead of bytes": object.AppendText(kv(head(6, 1, 6, 0, "k"), ""), "v"),
	} {
		if _, err := decode(data); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestChildrenAreWhatTheirParentSays(t *testing.T) {
	leaf, _ := appendNode(nil, 0, []item{row("b", "1"), row("c", "2")})
	h := object.Sum(leaf)
	good := item{key: []byte("c"), val: h[:], rows: 2}
	before := inner("a", 1)
	other := func(key string, rows uint64) item { return item{key: []byte(key), val: h[:], rows: rows} }
	for name, c := range map[string]struct {
		level int
		items []item
		ok    bool
	}{
		"good":                    {1, []item{before, good}, true},
		"single child":            {1, []item{good}, false},
		"other level":             {2, []item{before, good}, false},
		"other count":             {1, []item{before, other("c", 3)}, false},
		"other last key":          {1, []item{before, other("d", 2)}, false},
		"first key in the sister": {1, []item{inner("b", 1), good}, false},
	} {
		data, _ := appendNode(nil, c.level, c.items)
		store := NewOverlay(nil)
		root := object.Sum(data)
		for hash, d := range map[object.Hash][]byte{h: leaf, root: data} {
			if err := store.Put(object.KindStateNode, hash, d); err != nil {
				t.Fatal(err)
			}
		}
		_, ok, err := New(store, root).Get(t.Context(), c.items[len(c.items)-1].key)
		if c.ok && (err != nil || !ok) || !c.ok && !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v %v", name, ok, err)
		}
	}
}

// corrupting returns one node with a byte flipped, and the others as they are.
type corrupting struct {
	*Overlay
	bad object.Hash
	at  int
}

func (c corrupting) Get(h object.Hash) []byte {
	data := bytes.Clone(c.nodes[h])
	if h == c.bad {
		data[c.at%len(data)] ^= byte(1 + c.at%255)
	}
	return data
}

func TestCorruptNodesGiveErrorsNotPanics(t *testing.T) {
	r := newRand(t)
	for _, s := range shapes() {
		tree, store, m, _ := randomTree(t, s, 400)
		var hashes []object.Hash
		for h := range store.nodes {
			hashes = append(hashes, h)
		}
		edits := s.randomEdits(r, m, 100, 0.3)
		for range 60 {
			c := corrupting{store, hashes[r.IntN(len(hashes))], r.IntN(1 << 16)}
			broken := NewOverlay(nil)
			for h := range store.nodes {
				if err := broken.Put(object.KindStateNode, h, c.Get(h)); err != nil {
					t.Fatal(err)
				}
			}
			bad := New(broken, tree.Root())
			tolerate(t, bad.Range(t.Context(), nil, nil, func(_, _ []byte) error { return nil }))
			_, err := bad.Update(t.Context(), broken, edits, 2)
			tolerate(t, err)
			tolerate(t, Diff(t.Context(), tree, bad, func(_, _, _ []byte) error { return nil }))
			_, err = bad.ProveRange(t.Context(), nil, nil)
			tolerate(t, err)
		}
	}
}

// tolerate accepts what the damage to one byte may lead to: another tree that is in order,
// or an error that says so.
func tolerate(t *testing.T, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNoNode) {
		t.Fatal(err)
	}
}

func FuzzNode(f *testing.F) {
	for _, items := range [][]item{nil, {row("k", "v")}, {row("ka", "1"), row("kb", "2")}} {
		data, _ := appendNode(nil, 0, items)
		f.Add(data)
	}
	data, _ := appendNode(nil, 2, []item{inner("k1", 5), inner("k2", 7)})
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := decode(data)
		if err != nil {
			return
		}
		items := make([]item, n.len())
		for i := range items {
			items[i] = item{key: n.appendKey(nil, i), val: n.value(i), rows: n.count(i)}
		}
		again, rows := appendNode(nil, n.level, items)
		if !bytes.Equal(again, data) || rows != n.rows {
			t.Fatalf("encodes again to %x", again)
		}
	})
}

// golden is a tree in testdata: rows, the root, and all nodes, in hex.
type golden struct {
	Name string
	Rows [][2]string
	Root string
	// Nodes are in the order of Walk.
	Nodes []string
}

var updateGolden = flag.Bool("update", false, "write the golden files again")

func goldenRows() map[string][]Edit {
	var counted []Edit
	for i := range 200 {
		key := []byte{0x03, 0x02, 't', 0, 0x15, byte(i + 1)}
		counted = append(counted, Edit{Key: key, Value: bytes.Repeat([]byte{byte(i)}, i%70)})
	}
	return map[string][]Edit{
		"empty": nil,
		"two":   {{Key: []byte("ka"), Value: []byte("one")}, {Key: []byte("kb")}},
		"large": {{Key: []byte("a"), Value: []byte("x")}, {Key: []byte("b"), Value: make([]byte, 4000)}, {Key: []byte("c")}},
		"200":   counted,
	}
}

func TestGoldenTrees(t *testing.T) {
	for name, rows := range goldenRows() {
		tree, store := emptyTree(t)
		tree = update(t, tree, store, rows, 1)
		g := golden{Name: name, Rows: [][2]string{}, Root: tree.Root().String()}
		for _, e := range rows {
			g.Rows = append(g.Rows, [2]string{hex.EncodeToString(e.Key), hex.EncodeToString(e.Value)})
		}
		err := tree.Walk(t.Context(), func(h object.Hash, _ int) (bool, error) {
			g.Nodes = append(g.Nodes, hex.EncodeToString(store.nodes[h]))
			return true, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.MarshalIndent(g, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", "tree-"+name+".json")
		if *updateGolden {
			if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(bytes.TrimSpace(want), got) {
			t.Errorf("%s: the format has changed", path)
		}
	}
}
