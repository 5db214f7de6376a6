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

// cache bounds the memory of decompressed frames by second chance (F. J. Corbató, 1968):
// the frame that came first goes first, but one that was used since it came, or since it
// was last spared, is spared and goes to the end.
type cache struct {
	maxBytes int64

	mu    sync.Mutex
	bytes int64
	queue []*slot
	first int // in queue; what is before has gone
}

// add puts f in s, unless another goroutine was faster, and returns the frame of s.
func (c *cache) add(s *slot, f *frame) *frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	if first := s.frame.Load(); first != nil {
		return first
	}
	for size := f.memoryBytes(); c.first < len(c.queue) && c.bytes+size > c.maxBytes; {
		c.evict()
	}
	s.used.Store(false)
	s.frame.Store(f)
	c.bytes += f.memoryBytes()
	c.queue = append(c.queue, s)
	return f
}

func (c *cache) evict() {
	for {
		s := c.queue[c.first]
		c.queue[c.first] = nil
		c.first++
		if s.used.Swap(false) {
			c.queue = append(c.queue, s)
			continue
		}
		c.bytes -= s.frame.Load().memoryBytes()
		s.frame.Store(nil)
		if c.first > len(c.queue)/2 {
			c.queue = append(c.queue[:0], c.queue[c.first:]...)
			c.first = 0
		}
		return
	}
}

// clear drops every frame.
func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.queue[c.first:] {
		s.frame.Store(nil)
	}
	c.queue, c.bytes, c.first = nil, 0, 0
}
