package store

import (
	"context"
	"slices"

	"aergo/repo/object"
)

// What a writer has put and not committed lies in one of three places: in a frame that is
// not compressed yet, in the buffer of the appender, or in a pack behind its last commit
// record. These methods read it from there.

// Get implements Reader.
func (w *diskWriter) Get(ctx context.Context, h object.Hash) ([]byte, error) {
	data, _, err := w.read(ctx, h)
	return data, err
}

// Seal implements Reader.
func (w *diskWriter) Seal(ctx context.Context, h object.Hash) ([]byte, error) {
	_, seal, err := w.read(ctx, h)
	return seal, err
}

// Has implements Reader.
func (w *diskWriter) Has(ctx context.Context, h object.Hash) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	w.mu.Lock()
	err := w.usable()
	has := false
	if err == nil {
		has, err = w.holds(h)
	}
	w.mu.Unlock()
	return has, err
}

func (w *diskWriter) read(ctx context.Context, h object.Hash) (data, seal []byte, err error) {
	w.mu.Lock()
	if err := w.usable(); err != nil {
		w.mu.Unlock()
		return nil, nil, err
	}
	if p, ok := w.pending[h]; ok && w.frames[p.frame].grown == nil {
		data, seal = w.frames[p.frame].copy(int(p.pos))
		w.mu.Unlock()
		return data, seal, ctx.Err()
	}
	at, ok := w.findStored(h)
	w.mu.Unlock()
	if !ok {
		f, i, err := w.d.fetch(ctx, h, w.d.verified)
		if err != nil {
			return nil, nil, err
		}
		return f.data(i), f.seal(i), nil
	}
	if at.slot.cached() == nil {
		if err := w.flush(); err != nil {
			return nil, nil, err
		}
	}
	f, err := w.d.verified(at, h)
	if err != nil {
		return nil, nil, err
	}
	return f.data(int(at.pos)), f.seal(int(at.pos)), ctx.Err()
}

// copy returns an object and its seal in memory of their own.
func (f *pendingFrame) copy(pos int) (data, seal []byte) {
	at, sealAt := 0, 0
	for _, e := range f.entries[:pos] {
		at += int(e.size)
		sealAt += int(e.sealBytes)
	}
	e := f.entries[pos]
	data = slices.Clone(f.plain[at : at+int(e.size)])
	if e.sealBytes > 0 {
		seal = slices.Clone(f.seals[sealAt : sealAt+int(e.sealBytes)])
	}
	return data, seal
}
