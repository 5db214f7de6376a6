package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/go-git/go-billy/v5"

	"aergo/repo/durable"
	"aergo/repo/object"
)

// growth is what a writer adds to one pack. Until it is published, the pack itself does
// not know of it. The writer's mu guards it.
type growth struct {
	pack   *pack
	fresh  bool            // the writer made the pack
	start  int64           // length before the writer came; 0 for a fresh pack
	end    int64           // length with all that was appended
	slots  []*slot         // those of the pack, then the new ones
	frames []*pendingFrame // of the new slots; none once the table is complete
	table  *table          // of the whole pack, once it is complete
}

// objects calls fn for each new object.
func (g *growth) objects(fn func(h object.Hash, e entry)) {
	for _, f := range g.frames {
		for i := range f.entries {
			fn(f.entries[i].hash, f.entry(i))
		}
	}
}

// complete makes the table of the whole pack.
func (g *growth) complete() {
	count := 0
	for _, f := range g.frames {
		count += len(f.entries)
	}
	if !g.fresh {
		count += g.pack.index.count()
	}
	all := make([]indexed, 0, count)
	if !g.fresh {
		low, high, _ := prefixRange("")
		g.pack.index.scan(low, high, func(h object.Hash, e entry) bool {
			all = append(all, indexed{h, e})
			return true
		})
	}
	g.objects(func(h object.Hash, e entry) { all = append(all, indexed{h, e}) })
	extents := make([]extent, len(g.slots))
	for i, s := range g.slots {
		extents[i] = extent{uint32(s.offset), uint32(s.bytes)}
	}
	g.table = newTable(g.pack.number, g.pack.salt, g.end, extents, all)
	g.frames = nil
}

// findStored returns where an object is that has been appended.
func (w *diskWriter) findStored(h object.Hash) (place, bool) {
	if p, ok := w.pending[h]; ok {
		f := w.frames[p.frame]
		if g := f.grown; g != nil {
			return place{g.pack, g.slots[f.number], f.entry(int(p.pos))}, true
		}
		return place{}, false
	}
	if !w.compacting {
		return place{}, false
	}
	for _, g := range w.grown {
		if g.table == nil {
			continue
		}
		if e, ok := g.table.find(h); ok {
			return place{g.pack, g.slots[e.frame], e}, true
		}
	}
	return place{}, false
}

// appender writes to the end of the pack that grows. The writer's outMu guards it.
type appender struct {
	file   billy.File
	buf    []byte // behind what has been written to file
	offset int64  // of the next record: behind file and buf
	group  commitRecord
	last   [commitBytes]byte // the commit record written last
	failed error             // of a write: how much of it is in the file is not known
}

// append appends a frame, in a new pack if the last one is large enough.
func (w *diskWriter) append(f *pendingFrame, how byte, stored []byte) error {
	o := &w.out
	if o.file != nil && o.offset >= w.d.opt.SealPackBytes {
		if err := w.nextPack(); err != nil {
			return err
		}
	}
	if o.file == nil {
		if err := w.openPack(); err != nil {
			return err
		}
	}
	before := len(o.buf)
	o.buf = appendFrame(o.buf, how, f.entries, len(f.plain), stored)
	size := len(o.buf) - before
	o.group.frames++
	o.group.sums = crc32.Update(o.group.sums, castagnoli(), o.buf[len(o.buf)-checksumBytes:])
	w.appended(f, &slot{offset: o.offset, bytes: size})
	o.offset += int64(size)
	if len(o.buf) >= w.d.opt.bufferBytes {
		return w.writeOut()
	}
	return nil
}

// appended notes where in the pack that grows the objects of f are, and gives its memory
// to frames to come.
func (w *diskWriter) appended(f *pendingFrame, s *slot) {
	w.mu.Lock()
	g := w.grown[len(w.grown)-1]
	f.grown, f.number = g, uint32(len(g.slots))
	g.slots, g.frames = append(g.slots, s), append(g.frames, f)
	plain := f.plain
	f.plain, f.seals, f.stored = nil, nil, nil
	w.mu.Unlock()
	w.d.buffers.Put(&plain)
}

// openPack opens the pack to append to: the store's last one, or a new one.
func (w *diskWriter) openPack() error {
	w.d.mu.RLock()
	var last *pack
	if n := len(w.d.packs); n > 0 {
		last = w.d.packs[n-1]
	}
	w.d.mu.RUnlock()
	w.mu.Lock()
	g := w.continued(last)
	w.mu.Unlock()

	file, err := w.d.dir.openWrite(g.pack.name, g.start)
	if err != nil {
		return err
	}
	o := &w.out
	*o = appender{file: file, buf: o.buf[:0], offset: g.start}
	if g.fresh {
		// The header is durable before anything follows it, so a bad one is never torn.
		o.buf = appendPackHeader(o.buf, g.pack.number, g.pack.salt)
		o.offset = packHeaderBytes
		if err := errors.Join(w.writeOut(), durable.File(file)); err != nil {
			return err
		}
	}
	o.group = commitRecord{groupStart: o.offset}
	return nil
}

// continued notes what the writer appends to next. It takes the store's last pack only at
// first, and only if that is not sealed.
func (w *diskWriter) continued(last *pack) *growth {
	if last != nil && !last.sealed && !w.compacting && len(w.grown) == 0 {
		slots := append([]*slot(nil), last.slots...)
		w.grown = append(w.grown, &growth{pack: last, start: last.end, slots: slots})
		return w.grown[0]
	}
	number := uint32(1)
	if last != nil {
		number = last.number + 1
	}
	if n := len(w.grown); n > 0 {
		number = w.grown[n-1].pack.number + 1
	}
	p := &pack{number: number, name: packName(number), index: growing{}}
	_, _ = rand.Read(p.salt[:]) // never fails
	w.grown = append(w.grown, &growth{pack: p, fresh: true})
	return w.grown[len(w.grown)-1]
}

// writeOut writes the buffer to the file. After a failure it never writes again: part of the
// buffer may be in the file, so that what followed would stand in the wrong place.
func (w *diskWriter) writeOut() error {
	o := &w.out
	if o.failed != nil || len(o.buf) == 0 {
		return o.failed
	}
	if err := w.d.dir.write(o.file, o.buf); err != nil {
		o.failed = fmt.Errorf("%s: %w", o.file.Name(), err)
		w.fail(o.failed)
		return o.failed
	}
	o.buf = o.buf[:0]
	return nil
}

// flush makes what was appended readable from the file.
func (w *diskWriter) flush() error {
	w.outMu.Lock()
	defer w.outMu.Unlock()
	if w.out.file == nil {
		return nil
	}
	return w.writeOut()
}

// endGroup appends the commit record and makes the pack durable.
func (w *diskWriter) endGroup() error {
	o := &w.out
	o.group.offset = o.offset
	w.mu.Lock()
	g := w.grown[len(w.grown)-1]
	w.mu.Unlock()
	before := len(o.buf)
	o.buf = appendCommit(o.buf, o.group, g.pack.salt)
	copy(o.last[:], o.buf[before:])
	o.offset += commitBytes
	if o.offset > maxPackBytes {
		return fmt.Errorf("%s: pack of %d bytes is too large", g.pack.name, o.offset)
	}
	if err := w.writeOut(); err != nil {
		return err
	}
	if err := durable.File(o.file); err != nil {
		return fmt.Errorf("sync %s: %w", g.pack.name, err)
	}
	err := o.file.Close()
	o.file = nil
	w.mu.Lock()
	g.end = o.offset
	w.mu.Unlock()
	return err
}

// nextPack completes a large pack: it is durable before the next one exists.
func (w *diskWriter) nextPack() error {
	if err := w.endGroup(); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	g := w.grown[len(w.grown)-1]
	if w.compacting { // its table finds them, in less memory
		g.objects(func(h object.Hash, _ entry) { delete(w.pending, h) })
	}
	g.complete()
	return nil
}

// finish makes everything durable, and seals the last pack if it is large enough.
func (w *diskWriter) finish() error {
	w.mu.Lock()
	grown := w.grown
	w.mu.Unlock()
	if w.out.file == nil {
		return nil
	}
	if err := w.endGroup(); err != nil {
		return err
	}
	fresh := false
	for _, g := range grown {
		fresh = fresh || g.fresh
	}
	if fresh {
		if err := w.d.dir.syncNames(); err != nil {
			return fmt.Errorf("sync folder of packs: %w", err)
		}
	}
	if last := grown[len(grown)-1]; w.compacting || last.end >= w.d.opt.tailBytes() {
		last.complete()
	}
	return nil
}

// publish makes the committed objects visible, forgets the packs they replace, and writes
// index files. A failure to write one is none of the commit: the next Begin tries again.
func (w *diskWriter) publish() {
	d := w.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(w.replaced) > 0 {
		d.packs = slices.DeleteFunc(d.packs, func(p *pack) bool { return slices.Contains(w.replaced, p) })
		d.retire(w.replaced)
		d.hint.Store(nil)
	}
	for _, g := range w.grown {
		p := g.pack
		if g.fresh {
			d.packs = append(d.packs, p)
		}
		if g.table != nil {
			p.index, p.sealed, p.wantsIndex = g.table, true, true
		} else {
			objects := p.index.(growing)
			g.objects(func(h object.Hash, e entry) { objects[h] = e })
		}
		p.slots, p.size, p.end, p.last = g.slots, g.end, g.end, w.out.last
		_ = p.writeIndex(&d.dir)
	}
	d.writer = nil
}

// undo takes back what was appended to the packs, the newest first. Fresh packs must be
// gone for good before the one they follow is open to appends again: else a crash could
// bring them back, behind a pack that is torn.
func (w *diskWriter) undo() error {
	var errs []error
	if w.out.file != nil {
		errs = append(errs, w.out.file.Close())
		w.out.file = nil
	}
	for _, g := range slices.Backward(w.grown) {
		if g.fresh {
			errs = append(errs, g.pack.close(), w.d.dir.remove(g.pack.name))
		}
	}
	if len(w.grown) > 1 {
		errs = append(errs, w.d.dir.syncNames())
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if len(w.grown) > 0 && !w.grown[0].fresh {
		return w.d.dir.truncate(w.grown[0].pack.name, w.grown[0].start)
	}
	return nil
}
