package store

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"aergo/repo/object"
)

// compressors is how many frames are compressed at the same time.
const compressors = 2

// diskWriter is the Writer of a Disk. Put fills a frame; full frames are compressed by
// workers in the background, which append them to the packs. The queue is short, so a
// writer holds a few frames in memory, however much is put.
//
// Locks are taken in this order: endMu, outMu, mu, then the lock of the Disk.
type diskWriter struct {
	d *Disk
	// compacting copies what the store holds: Put does not look for it there. The packs in
	// replaced go when the copies are committed.
	compacting bool
	replaced   []*pack

	endMu sync.Mutex // held by Commit and Rollback

	mu      sync.Mutex
	ended   bool
	failed  error // the first failure of a write
	filling *pendingFrame
	pending map[object.Hash]pendingPlace // all that was put
	frames  []*pendingFrame
	grown   []*growth // packs appended to, in order; only the last one still grows

	jobs    chan *pendingFrame // nil until the first frame is full
	sending sync.WaitGroup     // goroutines that send to jobs
	workers sync.WaitGroup

	outMu sync.Mutex
	out   appender
}

// pendingFrame is a frame that is being filled, waits to be compressed, or has been appended
// to a pack.
type pendingFrame struct {
	plain   []byte // the objects; behind them the seals, once it is full
	seals   []byte
	stored  []byte // plain as zstd, if it came so
	entries []dirEntry
	id      uint32  // among the frames of the writer
	grown   *growth // where it was appended; then plain and seals are gone
	number  uint32  // among the frames there
}

// entry returns how an index describes object i of a frame that has been appended.
func (f *pendingFrame) entry(i int) entry {
	e := &f.entries[i]
	return entry{frame: f.number, pos: uint16(i), kind: e.kind, size: e.size, sealBytes: e.sealBytes}
}

// pendingPlace is the number of a frame of the writer and a position in it. There are many,
// and without pointers the garbage collector need not look at them.
type pendingPlace struct{ frame, pos uint32 }

// Begin implements Store. It cuts a torn tail off the last pack, and writes index files
// that are missing. It fails with a *CorruptError if the structure of a pack is damaged.
func (d *Disk) Begin(ctx context.Context) (Writer, error) {
	w, err := d.begin(ctx, false)
	if err != nil {
		return nil, err
	}
	return w, nil
}

func (d *Disk) begin(ctx context.Context, compacting bool) (*diskWriter, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return nil, fmt.Errorf("store: %w", ErrClosed)
	case d.opt.ReadOnly:
		return nil, fmt.Errorf("begin: %w", ErrReadOnly)
	case d.writer != nil:
		return nil, fmt.Errorf("begin: %w", ErrBusy)
	}
	if err := d.prepare(); err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	d.writer = &diskWriter{d: d, compacting: compacting, pending: map[object.Hash]pendingPlace{}}
	return d.writer, nil
}

// prepare makes the packs fit to be appended to. The caller holds the lock.
func (d *Disk) prepare() error {
	var err error
	if d.loaded {
		err = d.catchUp()
	} else {
		err = d.load()
	}
	if err != nil {
		return err
	}
	for _, p := range d.packs {
		if p.damage != nil {
			return p.damage
		}
		if err := p.writeIndex(&d.dir); err != nil {
			return err
		}
	}
	if len(d.packs) == 0 {
		return nil
	}
	last := d.packs[len(d.packs)-1]
	if last.sealed {
		return nil
	}
	if last.end == 0 {
		// Not even the header is whole: the pack never held anything.
		d.retire([]*pack{last})
		d.packs = d.packs[:len(d.packs)-1]
		return d.dir.remove(last.name)
	}
	if last.size > last.end {
		if err := d.dir.truncate(last.name, last.end); err != nil {
			return fmt.Errorf("cut the torn tail of %s: %w", last.name, err)
		}
		last.size = last.end
	}
	if last.end >= d.opt.tailBytes() {
		last.seal()
		return last.writeIndex(&d.dir)
	}
	return nil
}

// Put implements Writer.
func (w *diskWriter) Put(kind object.Kind, h object.Hash, data []byte) error {
	return w.PutSealed(kind, h, data, nil)
}

// PutSealed implements Writer.
func (w *diskWriter) PutSealed(kind object.Kind, h object.Hash, data, seal []byte) error {
	if err := checkPut(kind, h, data, seal, w.d.opt.Verify); err != nil {
		return err
	}
	return w.put(dirEntry{hash: h, kind: kind, size: uint32(len(data)), sealBytes: uint16(len(seal))}, data, seal, nil)
}

// put adds an object. zstd is a large one's frame, if that is at hand.
func (w *diskWriter) put(e dirEntry, data, seal, zstd []byte) error {
	full, err := w.add(e, data, seal, zstd)
	if full != nil {
		defer w.sending.Done()
		w.jobs <- full
	}
	return err
}

// add puts an object in the frame being filled. If that makes a frame full, the caller
// sends it to jobs, and has been counted in sending.
func (w *diskWriter) add(e dirEntry, data, seal, zstd []byte) (full *pendingFrame, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.usable(); err != nil {
		return nil, err
	}
	if has, err := w.holds(e.hash); has || err != nil {
		return nil, err
	}
	size := len(data) + len(seal)
	if size >= w.d.opt.FrameBytes {
		// A large object has a frame of its own, and the one being filled goes on.
		alone := w.newFrame()
		alone.stored = zstd
		w.place(alone, e, data, seal)
		return w.full(alone), nil
	}
	if f := w.filling; f != nil && (len(f.plain)+len(f.seals)+size > w.d.opt.FrameBytes || len(f.entries) == maxFrameObjects) {
		full, w.filling = w.full(f), nil
	}
	if w.filling == nil {
		w.filling = w.newFrame()
	}
	w.place(w.filling, e, data, seal)
	return full, nil
}

func (w *diskWriter) usable() error {
	if w.ended {
		return fmt.Errorf("writer: %w", ErrClosed)
	}
	return w.failed
}

func (w *diskWriter) holds(h object.Hash) (bool, error) {
	if _, ok := w.pending[h]; ok {
		return true, nil
	}
	if w.compacting {
		_, ok := w.findStored(h)
		return ok, nil
	}
	_, ok, err := w.d.find(h)
	return ok, err
}

func (w *diskWriter) place(f *pendingFrame, e dirEntry, data, seal []byte) {
	w.pending[e.hash] = pendingPlace{f.id, uint32(len(f.entries))}
	f.plain = append(f.plain, data...)
	f.seals = append(f.seals, seal...)
	f.entries = append(f.entries, e)
}

// full completes the payload of f and readies the workers for it. The caller holds mu.
func (w *diskWriter) full(f *pendingFrame) *pendingFrame {
	f.plain = append(f.plain, f.seals...)
	if w.jobs == nil {
		w.jobs = make(chan *pendingFrame, compressors)
		for range compressors {
			w.workers.Go(w.work)
		}
	}
	w.sending.Add(1)
	return f
}

func (w *diskWriter) work() {
	var scratch []byte
	for f := range w.jobs {
		scratch = w.store(f, scratch)
	}
}

// store compresses a frame and appends it. It does nothing once a write has failed.
func (w *diskWriter) store(f *pendingFrame, scratch []byte) []byte {
	w.mu.Lock()
	failed := w.failed != nil
	w.mu.Unlock()
	if failed {
		return scratch
	}
	var err error
	how, stored := byte(codecZstd), f.stored
	if stored == nil {
		how, stored, err = w.d.codec.compress(f.plain, scratch)
		if how != codecRaw {
			scratch = stored
		}
	}
	if err == nil {
		w.outMu.Lock()
		err = w.append(f, how, stored)
		w.outMu.Unlock()
	}
	if err != nil {
		w.fail(err)
	}
	return scratch
}

func (w *diskWriter) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed == nil {
		w.failed = fmt.Errorf("write objects: %w", err)
	}
}

func (w *diskWriter) newFrame() *pendingFrame {
	f := &pendingFrame{id: uint32(len(w.frames))}
	if buffer, ok := w.d.buffers.Get().(*[]byte); ok {
		f.plain = (*buffer)[:0]
	} else {
		f.plain = make([]byte, 0, w.d.opt.FrameBytes)
	}
	w.frames = append(w.frames, f)
	return f
}

// drain stops the workers after they have stored all that was put. Nothing can be put
// from then on.
func (w *diskWriter) drain() error {
	w.mu.Lock()
	w.ended = true
	jobs, rest := w.jobs, w.filling
	w.filling = nil
	if rest != nil {
		rest.plain = append(rest.plain, rest.seals...)
	}
	w.mu.Unlock()
	if jobs != nil {
		w.sending.Wait()
		close(jobs)
		w.workers.Wait()
	}
	if rest != nil {
		w.store(rest, nil)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

// Commit implements Writer.
func (w *diskWriter) Commit(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.endMu.Lock()
	defer w.endMu.Unlock()
	w.mu.Lock()
	err := w.usable()
	w.mu.Unlock()
	if err != nil {
		return err
	}
	if err = w.drain(); err == nil {
		w.outMu.Lock()
		err = w.finish()
		w.outMu.Unlock()
	}
	if err != nil {
		w.fail(err)
		return fmt.Errorf("commit: %w", err)
	}
	w.publish()
	return nil
}

// Rollback implements Writer.
func (w *diskWriter) Rollback() error {
	w.endMu.Lock()
	defer w.endMu.Unlock()
	w.d.mu.RLock()
	over := w.d.writer != w
	w.d.mu.RUnlock()
	if over {
		return nil
	}
	w.mu.Lock()
	drained := w.ended
	w.ended = true
	w.filling = nil
	if w.failed == nil {
		w.failed = errors.New("write objects: rolled back")
	}
	jobs := w.jobs
	w.mu.Unlock()
	if jobs != nil && !drained {
		w.sending.Wait()
		close(jobs)
		w.workers.Wait()
	}
	w.outMu.Lock()
	defer w.outMu.Unlock()
	err := w.undo()
	w.d.mu.Lock()
	w.d.writer = nil
	w.d.mu.Unlock()
	if err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}
