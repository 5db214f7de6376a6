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
	if p, ok := w.pending[h]; ok {
		data, seal = p.copy()
		w.mu.Unlock()
		return data, seal, ctx.Err()
	}
	at, ok := w.findGrown(h)
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

// copy returns the object and its seal in memory of their own.
func (p pendingPlace) copy() (data, seal []byte) {
	at, sealAt, total := 0, 0, 0
	for i, e := range p.frame.entries {
		if i < p.pos {
			at += int(e.size)
			sealAt += int(e.sealBytes)
		}
		total += int(e.size)
	}
	e := p.frame.entries[p.pos]
	data = slices.Clone(p.frame.plain[at : at+int(e.size)])
	if e.sealBytes > 0 {
		seal = slices.Clone(p.frame.seals[sealAt : sealAt+int(e.sealBytes)])
	}
	return data, seal
}
