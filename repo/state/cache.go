package state

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"

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
	shards *[cacheShards]cacheShard
}

type cacheShard struct {
	mu         sync.Mutex
	young, old map[object.Hash]*cached
	youngBytes int
	halfBytes  int
}

// cached is a node in a cache: decoded, or only its bytes until it is first read.
type cached struct {
	data []byte
	node atomic.Pointer[node]
}

// NewCache returns a Cache of about maxBytes in front of next.
func NewCache(next NodeReader, maxBytes int) *Cache {
	c := &Cache{next: next, shards: new([cacheShards]cacheShard)}
	for i := range c.shards {
		c.shards[i].halfBytes = maxBytes / cacheShards / 2
		c.shards[i].young = make(map[object.Hash]*cached)
	}
	return c
}

// Over returns a cache that shares its nodes with c, in front of another reader.
func (c *Cache) Over(next NodeReader) *Cache { return &Cache{next: next, shards: c.shards} }

// Through returns a writer that keeps in the cache what it writes to w. A node may be in the
// cache then and never come into a store, if w is rolled back: no tree of a store leads to it.
func (c *Cache) Through(w NodeWriter) NodeWriter { return throughWriter{c, w} }

type throughWriter struct {
	cache *Cache
	next  NodeWriter
}

// Put implements NodeWriter.
func (w throughWriter) Put(kind object.Kind, h object.Hash, data []byte) error {
	if err := w.next.Put(kind, h, data); err != nil {
		return err
	}
	w.cache.shard(h).put(h, &cached{data: bytes.Clone(data)})
	return nil
}

func (c *Cache) shard(h object.Hash) *cacheShard { return &c.shards[h[0]%cacheShards] }

// Get returns a node's bytes.
func (c *Cache) Get(ctx context.Context, h object.Hash) ([]byte, error) {
	n, err := c.node(ctx, h)
	if err != nil {
		return nil, err
	}
	return n.data, nil
}

func (c *Cache) node(ctx context.Context, h object.Hash) (*node, error) {
	s := c.shard(h)
	if held := s.get(h); held != nil {
		if n := held.node.Load(); n != nil {
			return n, nil
		}
		n, err := decodeNamed(h, held.data)
		if err == nil {
			held.node.Store(n)
		}
		return n, err
	}
	n, err := readNode(ctx, c.next, h)
	if err != nil {
		return nil, err
	}
	c.keep(h, n)
	return n, nil
}

// keep puts a decoded node into the cache.
func (c *Cache) keep(h object.Hash, n *node) {
	fresh := &cached{data: n.data}
	fresh.node.Store(n)
	c.shard(h).put(h, fresh)
}

func (s *cacheShard) get(h object.Hash) *cached {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.young[h]
	if held == nil {
		if held = s.old[h]; held != nil {
			s.add(h, held)
		}
	}
	return held
}

func (s *cacheShard) put(h object.Hash, fresh *cached) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.young[h] == nil {
		s.add(h, fresh)
	}
}

// add counts a node as if it were decoded, with items of about 64 bytes.
func (s *cacheShard) add(h object.Hash, held *cached) {
	const overheadBytes = 280
	s.young[h] = held
	s.youngBytes += len(held.data) + len(held.data)/4 + overheadBytes
	if s.youngBytes > s.halfBytes {
		s.old, s.young, s.youngBytes = s.young, make(map[object.Hash]*cached), 0
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
