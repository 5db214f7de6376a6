package state

import (
	"context"
	"sync"

	"aergo/repo/object"
)

// NodeReader reads nodes by hash. What it returns hashes to h, and nobody writes to it
// afterwards; a node that is missing or damaged is an error. It is safe for concurrent use.
type NodeReader interface {
	Get(ctx context.Context, h object.Hash) ([]byte, error)
}

// NodeWriter stores nodes. The kind is object.KindStateNode, and h is the hash of data,
// which the caller may reuse after the call. It is safe for concurrent use, and takes the
// same node any number of times.
type NodeWriter interface {
	Put(kind object.Kind, h object.Hash, data []byte) error
}

const cacheShards = 16

// Cache is a NodeReader in front of another. A Tree that reads from a Cache finds nodes
// that were read lately already decoded. It is safe for concurrent use and holds nodes of
// about maxBytes, by two generations: a node that is used moves to the young one; when the
// young is half of the size it becomes the old, and the old is forgotten.
type Cache struct {
	next   NodeReader
	shards [cacheShards]cacheShard
}

type cacheShard struct {
	mu         sync.Mutex
	young, old map[object.Hash]*node
	youngBytes int
	halfBytes  int
}

// NewCache returns a Cache of about maxBytes in front of next.
func NewCache(next NodeReader, maxBytes int) *Cache {
	c := &Cache{next: next}
	for i := range c.shards {
		c.shards[i].halfBytes = maxBytes / cacheShards / 2
		c.shards[i].young = make(map[object.Hash]*node)
	}
	return c
}

// Get returns a node's bytes.
func (c *Cache) Get(ctx context.Context, h object.Hash) ([]byte, error) {
	n, err := c.node(ctx, h)
	if err != nil {
		return nil, err
	}
	return n.data, nil
}

func (c *Cache) node(ctx context.Context, h object.Hash) (*node, error) {
	s := &c.shards[h[0]%cacheShards]
	if n := s.get(h); n != nil {
		return n, nil
	}
	n, err := readNode(ctx, c.next, h)
	if err != nil {
		return nil, err
	}
	s.put(h, n)
	return n, nil
}

func (s *cacheShard) get(h object.Hash) *node {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.young[h]
	if n == nil {
		if n = s.old[h]; n != nil {
			s.add(h, n)
		}
	}
	return n
}

func (s *cacheShard) put(h object.Hash, n *node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.young[h] == nil {
		s.add(h, n)
	}
}

func (s *cacheShard) add(h object.Hash, n *node) {
	const overheadBytes = 200
	s.young[h] = n
	s.youngBytes += len(n.data) + 16*len(n.spans) + 8*len(n.counts) + overheadBytes
	if s.youngBytes > s.halfBytes {
		s.old, s.young, s.youngBytes = s.young, make(map[object.Hash]*node), 0
	}
}

// Overlay keeps nodes in memory, in front of a NodeReader that it never writes to: for
// trial runs, and for tests. It is a NodeReader and a NodeWriter.
type Overlay struct {
	next  NodeReader // or nil
	mu    sync.RWMutex
	nodes map[object.Hash][]byte
}

// NewOverlay returns an empty Overlay in front of next, or of nothing if next is nil.
func NewOverlay(next NodeReader) *Overlay {
	return &Overlay{next: next, nodes: make(map[object.Hash][]byte)}
}

// Get returns a node that was put, or asks next.
func (o *Overlay) Get(ctx context.Context, h object.Hash) ([]byte, error) {
	o.mu.RLock()
	data, ok := o.nodes[h]
	o.mu.RUnlock()
	switch {
	case ok:
		return data, nil
	case o.next == nil:
		return nil, errNoNode(h)
	}
	return o.next.Get(ctx, h)
}

// Put keeps a copy of data.
func (o *Overlay) Put(_ object.Kind, h object.Hash, data []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.nodes[h]; !ok {
		o.nodes[h] = append([]byte(nil), data...)
	}
	return nil
}

// Len returns the number of nodes that were put.
func (o *Overlay) Len() int {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return len(o.nodes)
}
