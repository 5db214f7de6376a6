package branch

import (
	"bytes"
	"context"
	"sync"

	"aergo/repo/object"
	"aergo/repo/store"
)

// Scratch is a writer for executing without keeping: what it is given stays in memory, in
// front of a store that it never writes to. It is safe for concurrent use.
type Scratch struct {
	store.Reader
	mu      sync.RWMutex
	objects map[object.Hash]scratchObject
}

type scratchObject struct {
	kind       object.Kind
	data, seal []byte
}

// NewScratch returns an empty scratch over objects.
func NewScratch(ctx context.Context, objects store.Reader) (*Scratch, error) {
	return &Scratch{Reader: objects, objects: map[object.Hash]scratchObject{}}, ctx.Err()
}

// Put implements store.Writer and state.NodeWriter.
func (s *Scratch) Put(kind object.Kind, h object.Hash, data []byte) error {
	return s.PutSealed(kind, h, data, nil)
}

// PutSealed implements store.Writer.
func (s *Scratch) PutSealed(kind object.Kind, h object.Hash, data, seal []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.objects[h]; !ok {
		s.objects[h] = scratchObject{kind, bytes.Clone(data), bytes.Clone(seal)}
	}
	return nil
}

// Flush puts all that the scratch holds into w.
func (s *Scratch) Flush(w store.Writer) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for h, o := range s.objects {
		if err := w.PutSealed(o.kind, h, o.data, o.seal); err != nil {
			return err
		}
	}
	return nil
}

// Commit implements store.Writer; a scratch has nothing to keep.
func (s *Scratch) Commit(ctx context.Context) error { return ctx.Err() }

// Rollback implements store.Writer.
func (s *Scratch) Rollback() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.objects)
	return nil
}

func (s *Scratch) find(h object.Hash) (scratchObject, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	o, ok := s.objects[h]
	return o, ok
}

// Get implements store.Reader.
func (s *Scratch) Get(ctx context.Context, h object.Hash) ([]byte, error) {
	if o, ok := s.find(h); ok {
		return o.data, nil
	}
	return s.Reader.Get(ctx, h)
}

// Seal implements store.Reader.
func (s *Scratch) Seal(ctx context.Context, h object.Hash) ([]byte, error) {
	if o, ok := s.find(h); ok {
		return o.seal, nil
	}
	return s.Reader.Seal(ctx, h)
}

// Has implements store.Reader.
func (s *Scratch) Has(ctx context.Context, h object.Hash) (bool, error) {
	if _, ok := s.find(h); ok {
		return true, nil
	}
	return s.Reader.Has(ctx, h)
}
