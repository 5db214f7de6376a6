package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"aergo/repo/object"
)

const (
	// MaxProofBytes is the length of the largest encoded proof that is read.
	MaxProofBytes = 64 << 20
	maxProofNodes = 1 << 20
	proofVersion  = 1
)

// ErrBadProof is wrapped when a proof does not prove anything for a root.
var ErrBadProof = errors.New("proof does not hold")

// Proof is some of a tree's nodes: all that it takes to look up some keys, or to read a
// range, and find the same as in the whole tree. Presence, absence, values, counts and
// ranges are all proved in this one way; [Proof.Open] makes a tree of it. The zero Proof
// proves nothing.
type Proof struct {
	nodes [][]byte // parents before children, in key order, each once
}

// Prove returns a proof of what keys, in any order, have in t: values or nothing.
func (t Tree) Prove(ctx context.Context, keys ...[]byte) (Proof, error) {
	sorted := slices.Clone(keys)
	slices.SortFunc(sorted, bytes.Compare)
	c := collector{tree: t, wanted: func(n *node, i int) bool {
		// A child is needed if the first key not below its lower bound leads to it.
		k := 0
		if i > 0 {
			k, _ = slices.BinarySearchFunc(sorted, i-1, func(key []byte, i int) int {
				if n.compare(i, key) >= 0 {
					return -1
				}
				return 1
			})
		}
		return k < len(sorted) && n.compare(i, sorted[k]) >= 0
	}}
	return c.collect(ctx)
}

// ProveRange returns a proof of all rows with from <= key < to, and of there being no
// others; a nil to is the end.
func (t Tree) ProveRange(ctx context.Context, from, to []byte) (Proof, error) {
	c := collector{tree: t, wanted: func(n *node, i int) bool {
		// The child that holds the first key not below to ends the range.
		return n.compare(i, from) >= 0 && (i == 0 || to == nil || n.compare(i-1, to) < 0)
	}}
	return c.collect(ctx)
}

type collector struct {
	tree   Tree
	wanted func(n *node, i int) bool
	nodes  [][]byte
	bytes  int
}

func (c *collector) collect(ctx context.Context) (Proof, error) {
	root, err := c.tree.rootNode(ctx)
	if err != nil {
		return Proof{}, err
	}
	if err := c.add(ctx, root); err != nil {
		return Proof{}, err
	}
	return Proof{nodes: c.nodes}, nil
}

func (c *collector) add(ctx context.Context, n *node) error {
	c.nodes = append(c.nodes, n.data)
	if c.bytes += len(n.data) + 9; c.bytes+16 > MaxProofBytes || len(c.nodes) > maxProofNodes {
		return fmt.Errorf("proof: %w of %d bytes", ErrTooLarge, MaxProofBytes)
	}
	if n.level == 0 {
		return nil
	}
	for i := range n.len() {
		if !c.wanted(n, i) {
			continue
		}
		child, err := c.tree.child(ctx, n, i)
		if err != nil {
			return err
		}
		if err := c.add(ctx, child); err != nil {
			return err
		}
	}
	return nil
}

// Append appends the encoding of p to dst.
func (p Proof) Append(dst []byte) []byte {
	dst = object.AppendArray(dst, 2)
	dst = object.AppendUint(dst, proofVersion)
	dst = object.AppendArray(dst, len(p.nodes))
	for _, n := range p.nodes {
		dst = object.AppendBytes(dst, n)
	}
	return dst
}

// DecodeProof reads a proof of at most MaxProofBytes, which it keeps. What it accepts
// encodes again to the same bytes. Whether it proves anything is for Open to say.
func DecodeProof(data []byte) (Proof, error) {
	if len(data) > MaxProofBytes {
		return Proof{}, fmt.Errorf("proof of %d bytes: %w of %d", len(data), ErrTooLarge, MaxProofBytes)
	}
	r := object.NewReader(data)
	r.ArrayOf(2)
	if v := r.Uint(); r.Err() == nil && v != proofVersion {
		r.Fail("proof of version %d", v)
	}
	p := Proof{nodes: make([][]byte, r.Array(maxProofNodes))}
	for i := range p.nodes {
		p.nodes[i] = r.Bytes(MaxNodeBytes)
	}
	if err := r.End(); err != nil {
		return Proof{}, fmt.Errorf("proof: %w", err)
	}
	return p, nil
}

// Open returns the tree of the given root with the nodes of p, and no others: what it
// finds, and what it finds to be absent, is so in the whole tree, and where it would need
// another node it fails with ErrNoNode. Open fails with ErrBadProof if p has nodes that do
// not belong to the root, more than once, or in another order than that of Walk.
func (p Proof) Open(root object.Hash) (Tree, error) {
	known := make(proofNodes, len(p.nodes))
	hashes := make([]object.Hash, len(p.nodes))
	for i, data := range p.nodes {
		hashes[i] = object.Sum(data)
		known[hashes[i]] = data
	}
	t := New(known, root)
	next := 0
	err := t.Walk(context.Background(), func(h object.Hash, level int) (bool, error) {
		if next == len(hashes) || hashes[next] != h {
			return false, nil
		}
		next++
		if level > 0 {
			return true, nil
		}
		_, err := decode(known[h])
		return false, err
	})
	switch {
	case err != nil:
		return Tree{}, fmt.Errorf("%w: %w", ErrBadProof, err)
	case next < len(hashes) || next == 0:
		return Tree{}, fmt.Errorf("%w: node %d has no place below %s", ErrBadProof, next, root.Short())
	}
	return t, nil
}

// Verify returns the value of key in the tree of the given root, and whether it is there,
// as p proves it.
func (p Proof) Verify(root object.Hash, key []byte) (value []byte, ok bool, err error) {
	t, err := p.Open(root)
	if err != nil {
		return nil, false, err
	}
	return t.Get(context.Background(), key)
}

// VerifyRange calls fn for the rows with from <= key < to in the tree of the given root,
// as p proves them. It may fail after some calls.
func (p Proof) VerifyRange(root object.Hash, from, to []byte, fn func(key, value []byte) error) error {
	t, err := p.Open(root)
	if err != nil {
		return err
	}
	return t.Range(context.Background(), from, to, fn)
}

type proofNodes map[object.Hash][]byte

func (p proofNodes) Get(_ context.Context, h object.Hash) ([]byte, error) {
	data, ok := p[h]
	if !ok {
		return nil, errNoNode(h)
	}
	return data, nil
}
