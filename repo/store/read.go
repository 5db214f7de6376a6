package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"aergo/repo/object"
)

// Get implements Reader.
func (d *Disk) Get(ctx context.Context, h object.Hash) ([]byte, error) {
	f, i, err := d.fetch(ctx, h, d.verified)
	if err != nil {
		return nil, err
	}
	return f.data(i), nil
}

// Seal implements Reader.
func (d *Disk) Seal(ctx context.Context, h object.Hash) ([]byte, error) {
	f, i, err := d.fetch(ctx, h, d.frame)
	if err != nil {
		return nil, err
	}
	return f.seal(i), nil
}

// Has implements Reader.
func (d *Disk) Has(ctx context.Context, h object.Hash) (bool, error) {
	_, err := d.lookup(ctx, h)
	return found(err)
}

// Stat implements Store.
func (d *Disk) Stat(ctx context.Context, h object.Hash) (Info, error) {
	at, err := d.lookup(ctx, h)
	if err != nil {
		return Info{}, err
	}
	return at.info(h), nil
}

// Prefix implements Store.
func (d *Disk) Prefix(ctx context.Context, hexPrefix string, limit int, kinds ...object.Kind) ([]object.Hash, error) {
	low, high, err := prefixRange(hexPrefix)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := d.refresh(); err != nil {
		return nil, err
	}
	var hashes []object.Hash
	d.mu.RLock()
	for _, p := range d.packs {
		p.index.scan(low, high, func(h object.Hash, e entry) bool {
			if kindIn(e.kind, kinds) {
				hashes = append(hashes, h)
			}
			return true
		})
	}
	d.mu.RUnlock()
	return sortedPrefix(hashes, limit), d.damage()
}

// Each implements Store. It goes from pack to pack, in the order in which they were
// written.
func (d *Disk) Each(ctx context.Context, fn func(Info) error) error {
	if err := d.refresh(); err != nil {
		return err
	}
	d.mu.RLock()
	packs := append([]*pack(nil), d.packs...)
	d.mu.RUnlock()
	for i, p := range packs {
		// fn may use the store, so it is called without the lock.
		for _, info := range d.infos(p, packs[:i]) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := fn(info); err != nil {
				return err
			}
		}
	}
	return d.damage()
}

// infos describes the objects of p that lie in none of the packs before it.
func (d *Disk) infos(p *pack, before []*pack) []Info {
	low, high, _ := prefixRange("")
	d.mu.RLock()
	defer d.mu.RUnlock()
	infos := make([]Info, 0, p.index.count())
	p.index.scan(low, high, func(h object.Hash, e entry) bool {
		if !holds(before, h) {
			infos = append(infos, e.info(h))
		}
		return true
	})
	return infos
}

func holds(packs []*pack, h object.Hash) bool {
	for _, p := range packs {
		if _, ok := p.index.find(h); ok {
			return true
		}
	}
	return false
}

// Close implements Store.
func (d *Disk) Close() error {
	d.mu.RLock()
	w := d.writer
	d.mu.RUnlock()
	var err error
	if w != nil {
		err = w.Rollback()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	for _, p := range slices.Concat(append(d.retired, d.packs)...) {
		err = errors.Join(err, p.close())
	}
	d.packs, d.retired = nil, nil
	d.hint.Store(nil)
	d.cache.clear()
	if err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}
