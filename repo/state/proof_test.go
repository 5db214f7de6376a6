package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"aergo/repo/object"
)

func TestProofsProve(t *testing.T) {
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) {
			r := newRand(t)
			tree, _, m, keys := randomTree(t, s, 800)
			for range 30 {
				var some [][]byte
				for range 1 + r.IntN(4) {
					some = append(some, keys[r.IntN(len(keys))])
				}
				p, err := tree.Prove(t.Context(), some...)
				if err != nil {
					t.Fatal(err)
				}
				for _, k := range some {
					want, there := m[string(k)]
					v, ok, err := carried(t, p).Verify(tree.Root(), k)
					if err != nil || ok != there || string(v) != want {
						t.Fatalf("%x: %v %v", k, ok, err)
					}
				}
				from, to := keys[r.IntN(len(keys))], keys[r.IntN(len(keys))]
				if bytes.Compare(from, to) > 0 {
					from, to = to, from
				}
				checkRangeProof(t, tree, m, from, to)
			}
			checkRangeProof(t, tree, m, nil, nil)
		})
	}
}

// carried sends a proof through its encoding.
func carried(t *testing.T, p Proof) Proof {
	t.Helper()
	q, err := DecodeProof(p.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func checkRangeProof(t *testing.T, tree Tree, m model, from, to []byte) {
	t.Helper()
	p, err := tree.ProveRange(t.Context(), from, to)
	if err != nil {
		t.Fatal(err)
	}
	want, got := 0, 0
	for k := range m {
		if k >= string(from) && (to == nil || k < string(to)) {
			want++
		}
	}
	err = carried(t, p).VerifyRange(tree.Root(), from, to, func(k, v []byte) error {
		if m[string(k)] != string(v) {
			return fmt.Errorf("row %x", k)
		}
		got++
		return nil
	})
	if err != nil || got != want {
		t.Fatalf("%d rows proved, want %d: %v", got, want, err)
	}
}

func TestProofOfTheEmptyTree(t *testing.T) {
	tree, _ := emptyTree(t)
	p, err := tree.Prove(t.Context(), []byte("k"))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := p.Verify(EmptyRoot(), []byte("k")); ok || err != nil {
		t.Errorf("%v %v", ok, err)
	}
	if _, _, err := (Proof{}).Verify(EmptyRoot(), []byte("k")); !errors.Is(err, ErrBadProof) {
		t.Errorf("a proof of nothing: %v", err)
	}
}

func TestProofsDoNotProveWhatTheyDoNotCover(t *testing.T) {
	tree, _, _, keys := randomTree(t, shapes()[0], 2000)
	p, err := tree.Prove(t.Context(), keys[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Verify(tree.Root(), keys[len(keys)/2]); !errors.Is(err, ErrNoNode) {
		t.Errorf("key elsewhere: %v", err)
	}
	if err := p.VerifyRange(tree.Root(), nil, nil, func(_, _ []byte) error { return nil }); !errors.Is(err, ErrNoNode) {
		t.Errorf("whole range: %v", err)
	}
	if _, _, err := p.Verify(EmptyRoot(), keys[0]); !errors.Is(err, ErrBadProof) {
		t.Errorf("other root: %v", err)
	}
}

func TestProofsHoldNothingElse(t *testing.T) {
	tree, store, _, keys := randomTree(t, shapes()[0], 2000)
	p, err := tree.Prove(t.Context(), keys[0], keys[len(keys)/2])
	if err != nil {
		t.Fatal(err)
	}
	n := len(p.nodes)
	var other []byte
	for _, data := range store.nodes {
		other = data
	}
	for name, nodes := range map[string][][]byte{
		"node twice":      append(append([][]byte{}, p.nodes...), p.nodes[n-1]),
		"stray node":      append(append([][]byte{}, p.nodes...), object.AppendUint(nil, 5)),
		"stray empty":     append(append([][]byte{}, p.nodes...), other[:0]),
		"other order":     append([][]byte{p.nodes[n-1]}, p.nodes[:n-1]...),
		"root is missing": p.nodes[1:],
	} {
		if _, err := (Proof{nodes: nodes}).Open(tree.Root()); !errors.Is(err, ErrBadProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTamperedProofsProveNothingFalse(t *testing.T) {
	tree, _, m, keys := randomTree(t, shapes()[0], 300)
	for _, key := range [][]byte{keys[3], keys[len(keys)/2], []byte("row/nowhere")} {
		p, err := tree.Prove(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		enc := p.Append(nil)
		for i := range enc {
			for _, flip := range []byte{1, 0x80, 0xff} {
				bad := bytes.Clone(enc)
				bad[i] ^= flip
				p, err := DecodeProof(bad)
				if err != nil {
					continue
				}
				v, ok, err := p.Verify(tree.Root(), key)
				if err != nil {
					continue
				}
				t.Fatalf("byte %d ^ %x: accepted, says %x %v, truth %x", i, flip, v, ok, m[string(key)])
			}
		}
		for cut := range enc {
			if _, err := DecodeProof(enc[:cut]); err == nil {
				t.Fatalf("accepted when cut to %d bytes", cut)
			}
		}
	}
}

func FuzzProof(f *testing.F) {
	tree, _, _, keys := randomTree(f, shapes()[2], 300)
	for i := range 4 {
		p, err := tree.Prove(context.Background(), keys[i*len(keys)/4])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p.Append(nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := DecodeProof(data)
		if err != nil {
			return
		}
		if !bytes.Equal(p.Append(nil), data) {
			t.Fatal("encodes to other bytes")
		}
		if len(p.nodes) == 0 {
			return
		}
		opened, err := p.Open(object.Sum(p.nodes[0]))
		if err != nil {
			return
		}
		// Whatever the nodes are, reading them ends in rows or in an error.
		last := []byte(nil)
		err = opened.Range(context.Background(), nil, nil, func(k, _ []byte) error {
			if last != nil && bytes.Compare(last, k) >= 0 {
				t.Fatalf("key %x after %x", k, last)
			}
			last = bytes.Clone(k)
			return nil
		})
		if err != nil && !errors.Is(err, ErrNoNode) && !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
	})
}
