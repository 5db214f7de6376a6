package store

import (
	"bytes"
	"context"
	"fmt"
	maps0 "maps"
	"slices"
	"sync"

	"aergo/repo/object"
)

// Memory is a Store without files, for tests and for trial runs that are thrown away.
// It verifies every hash in Put.
type Memory struct {
	mu      sync.RWMutex
	objects map[object.Hash]memoryObject
	writer  *memoryWriter
	closed  bool
}

type memoryObject struct {
	kind       object.Kind
	data, seal []byte
}

func (o memoryObject) info(h object.Hash) Info {
	return Info{Hash: h, Kind: o.kind, SizeBytes: len(o.data), SealSizeBytes: len(o.seal)}
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{objects: map[object.Hash]memoryObject{}} }

func (m *Memory) find(ctx context.Context, h object.Hash) (memoryObject, error) {
	if err := ctx.Err(); err != nil {
		return memoryObject{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return memoryObject{}, fmt.Errorf("memory store: %w", ErrClosed)
	}
	o, ok := m.objects[h]
	if !ok {
		return memoryObject{}, notFound(h)
	}
	return o, nil
}

// Get implements Reader.
func (m *Memory) Get(ctx context.Context, h object.Hash) ([]byte, error) {
	o, err := m.find(ctx, h)
	return o.data, err
}

// Seal implements Reader.
func (m *Memory) Seal(ctx context.Context, h object.Hash) ([]byte, error) {
	o, err := m.find(ctx, h)
	return o.seal, err
}

// Has implements Reader.
func (m *Memory) Has(ctx context.Context, h object.Hash) (bool, error) {
	_, err := m.find(ctx, h)
	return found(err)
}

// Stat implements Store.
func (m *Memory) Stat(ctx context.Context, h object.Hash) (Info, error) {
	o, err := m.find(ctx, h)
	if err != nil {
		return Info{}, err
	}
	return o.info(h), nil
}

// infos returns a description of every object that keep takes, in no order.
func (m *Memory) infos(keep func(Info) bool) ([]Info, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return nil, fmt.Errorf("memory store: %w", ErrClosed)
	}
	var all []Info
	for h, o := range m.objects {
		if info := o.info(h); keep(info) {
			all = append(all, info)
		}
	}
	return all, nil
}

// Prefix implements Store.
func (m *Memory) Prefix(ctx context.Context, hexPrefix string, limit int, kinds ...object.Kind) ([]object.Hash, error) {
	low, high, err := prefixRange(hexPrefix)
	if err != nil {
		return nil, err
	}
	infos, err := m.infos(func(i Info) bool {
		return compareHash(low, i.Hash) <= 0 && compareHash(i.Hash, high) <= 0 && kindIn(i.Kind, kinds)
	})
	if err != nil {
		return nil, err
	}
	hashes := make([]object.Hash, len(infos))
	for i, info := range infos {
		hashes[i] = info.Hash
	}
	return sortedPrefix(hashes, limit), ctx.Err()
}

// Each implements Store.
func (m *Memory) Each(ctx context.Context, fn func(Info) error) error {
	infos, err := m.infos(func(Info) bool { return true })
	if err != nil {
		return err
	}
	for _, info := range infos {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(info); err != nil {
			return err
		}
	}
	return nil
}

// Compact forgets the objects that keep does not take.
func (m *Memory) Compact(ctx context.Context, keep func(object.Hash) bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return fmt.Errorf("memory store: %w", ErrClosed)
	case m.writer != nil:
		return fmt.Errorf("memory store: %w", ErrBusy)
	}
	for h := range m.objects {
		if !keep(h) {
			delete(m.objects, h)
		}
	}
	return nil
}

// Begin implements Store.
func (m *Memory) Begin(ctx context.Context) (Writer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return nil, fmt.Errorf("memory store: %w", ErrClosed)
	case m.writer != nil:
		return nil, fmt.Errorf("memory store: %w", ErrBusy)
	}
	m.writer = &memoryWriter{store: m, pending: map[object.Hash]memoryObject{}}
	return m.writer, nil
}

// Close implements Store.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed, m.objects, m.writer = true, nil, nil
	return nil
}

type memoryWriter struct {
	store   *Memory
	mu      sync.RWMutex
	pending map[object.Hash]memoryObject // nil once the writer has ended
}

func (w *memoryWriter) Put(kind object.Kind, h object.Hash, data []byte) error {
	return w.PutSealed(kind, h, data, nil)
}

func (w *memoryWriter) PutSealed(kind object.Kind, h object.Hash, data, seal []byte) error {
	if err := checkPut(kind, h, data, seal, true); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pending == nil {
		return fmt.Errorf("writer: %w", ErrClosed)
	}
	if _, ok := w.pending[h]; ok {
		return nil
	}
	if has, err := w.store.Has(context.Background(), h); has || err != nil {
		return err
	}
	w.pending[h] = memoryObject{kind, bytes.Clone(data), bytes.Clone(seal)}
	return nil
}

func (w *memoryWriter) find(ctx context.Context, h object.Hash) (memoryObject, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.pending == nil {
		return memoryObject{}, fmt.Errorf("writer: %w", ErrClosed)
	}
	if o, ok := w.pending[h]; ok {
		return o, ctx.Err()
	}
	return w.store.find(ctx, h)
}

func (w *memoryWriter) Get(ctx context.Context, h object.Hash) ([]byte, error) {
	o, err := w.find(ctx, h)
	return o.data, err
}

func (w *memoryWriter) Seal(ctx context.Context, h object.Hash) ([]byte, error) {
	o, err := w.find(ctx, h)
	return o.seal, err
}

func (w *memoryWriter) Has(ctx context.Context, h object.Hash) (bool, error) {
	_, err := w.find(ctx, h)
	return found(err)
}

func (w *memoryWriter) Commit(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	if w.pending == nil || w.store.closed {
		return fmt.Errorf("writer: %w", ErrClosed)
	}
	maps0.Copy(w.store.objects, w.pending)
	w.pending, w.store.writer = nil, nil
	return nil
}

func (w *memoryWriter) Rollback() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pending == nil {
		return nil
	}
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	w.pending, w.store.writer = nil, nil
	return nil
}

// sortedPrefix puts hashes in order, drops repeats and keeps the first limit.
func sortedPrefix(hashes []object.Hash, limit int) []object.Hash {
	slices.SortFunc(hashes, compareHash)
	hashes = slices.Compact(hashes)
	if limit > 0 && len(hashes) > limit {
		hashes = hashes[:limit]
	}
	return hashes
}
