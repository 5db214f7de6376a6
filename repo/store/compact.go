package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"aergo/repo/object"
)

// Compact removes the objects that keep does not take, and gives their room back. It
// copies what stays out of packs that hold garbage, out of the unsealed pack and out of
// small ones into fresh sealed packs, and removes the old ones once the copies are
// durable. A crash at any point loses nothing: the store is as before, or holds some
// objects twice, until the next Compact. Where there is nothing to gain it does nothing, so
// that running it twice is running it once.
//
// The caller holds the repository's lock. Every copied object is verified; the first
// damage ends Compact with a *CorruptError, and nothing is removed. keep must give the
// same answer for a hash each time.
func (d *Disk) Compact(ctx context.Context, keep func(object.Hash) bool) error {
	w, err := d.begin(ctx, true)
	if err != nil {
		return err
	}
	d.mu.RLock()
	packs := slices.Clone(d.packs)
	d.mu.RUnlock()
	kept, rewritten := d.planCompaction(packs, keep)
	w.replaced = rewritten
	for _, p := range rewritten {
		if err := w.copyLive(ctx, p, func(h object.Hash) bool { return keep(h) && !holds(kept, h) }); err != nil {
			return errors.Join(fmt.Errorf("compact: %w", err), w.Rollback())
		}
	}
	if err := w.Commit(ctx); err != nil {
		return errors.Join(fmt.Errorf("compact: %w", err), w.Rollback())
	}
	for _, p := range rewritten {
		// Without its index a pack is still whole, but an index without a pack is nothing.
		if err := errors.Join(d.dir.remove(indexName(p.number)), d.dir.remove(p.name)); err != nil {
			return fmt.Errorf("compact: remove %s: %w", p.name, err)
		}
	}
	if len(rewritten) == 0 {
		return nil
	}
	return d.dir.syncNames()
}

// planCompaction divides packs in those that stay as they are and those to be rewritten.
// A pack stays if it is sealed and every object in it lives and lies in no other pack that
// stays. Small packs stay only if there is no more than one, and nothing else to rewrite.
func (d *Disk) planCompaction(packs []*pack, keep func(object.Hash) bool) (kept, rewritten []*pack) {
	small := 0
	for _, p := range packs {
		if !p.sealed || !allLive(p, kept, keep) {
			rewritten = append(rewritten, p)
			continue
		}
		kept = append(kept, p)
		if d.isSmall(p) {
			small++
		}
	}
	if small == 0 || small == 1 && len(rewritten) == 0 {
		return kept, rewritten
	}
	large := kept[:0:0]
	for _, p := range kept {
		if d.isSmall(p) {
			rewritten = append(rewritten, p)
		} else {
			large = append(large, p)
		}
	}
	slices.SortFunc(rewritten, func(a, b *pack) int { return cmp.Compare(a.number, b.number) })
	return large, rewritten
}

func (d *Disk) isSmall(p *pack) bool { return p.size < d.opt.SealPackBytes/2 }

func allLive(p *pack, others []*pack, keep func(object.Hash) bool) bool {
	low, high, _ := prefixRange("")
	live := true
	p.index.scan(low, high, func(h object.Hash, _ entry) bool {
		live = keep(h) && !holds(others, h)
		return live
	})
	return live
}

// copyLive puts the live objects of p, in the order in which they lie there.
func (w *diskWriter) copyLive(ctx context.Context, p *pack, live func(object.Hash) bool) error {
	frames := make([][]uint16, len(p.slots)) // positions of live objects
	low, high, _ := prefixRange("")
	p.index.scan(low, high, func(h object.Hash, e entry) bool {
		if int(e.frame) < len(frames) && live(h) {
			frames[e.frame] = append(frames[e.frame], e.pos)
		}
		return true
	})
	for i, positions := range frames {
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(positions) == 0 {
			continue
		}
		f, err := w.d.readFrame(p, p.slots[i])
		if err != nil {
			return err
		}
		slices.Sort(positions)
		for _, pos := range positions {
			if err := w.copyObject(p, p.slots[i], f, int(pos)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *diskWriter) copyObject(p *pack, s *slot, f *frame, pos int) error {
	if pos >= len(f.objects) {
		return p.corrupt(s.offset, "frame does not hold what its index says")
	}
	o := &f.objects[pos]
	if actual, ok := f.verify(pos); !ok {
		return p.badObject(s.offset, o.hash, actual)
	}
	return w.PutSealed(o.kind, o.hash, f.data(pos), f.seal(pos))
}
