package store

import (
	"sync"
	"sync/atomic"
)

// slot is the place of one frame of a pack, and of its decompressed form while that is
// cached. Reading a cached frame takes no lock.
type slot struct {
	offset int64
	bytes  int
	frame  atomic.Pointer[frame]
	used   atomic.Bool
}

// cached returns the frame if it is in the cache.
func (s *slot) cached() *frame {
	f := s.frame.Load()
	if f != nil && !s.used.Load() {
		s.used.Store(true)
	}
	return f
}

// cache bounds the memory of decompressed frames by the clock algorithm (second chance;
// F. J. Corbató, 1968): a hand goes round the cached slots and drops the first one that
// was not used since it last came by.
type cache struct {
	maxBytes int64

	mu    sync.Mutex
	bytes int64
	ring  []*slot
	hand  int
}

// add puts f in s, unless another goroutine was faster, and returns the frame of s.
func (c *cache) add(s *slot, f *frame) *frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	if first := s.frame.Load(); first != nil {
		return first
	}
	for size := f.memoryBytes(); len(c.ring) > 0 && c.bytes+size > c.maxBytes; {
		c.evict()
	}
	s.used.Store(false)
	s.frame.Store(f)
	c.bytes += f.memoryBytes()
	c.ring = append(c.ring, s)
	return f
}

func (c *cache) evict() {
	for {
		if c.hand >= len(c.ring) {
			c.hand = 0
		}
		s := c.ring[c.hand]
		if s.used.Swap(false) {
			c.hand++
			continue
		}
		c.bytes -= s.frame.Load().memoryBytes()
		s.frame.Store(nil)
		last := len(c.ring) - 1
		c.ring[c.hand], c.ring[last] = c.ring[last], nil
		c.ring = c.ring[:last]
		return
	}
}

// clear drops every frame.
func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.ring {
		s.frame.Store(nil)
	}
	c.ring, c.bytes, c.hand = nil, 0, 0
}
