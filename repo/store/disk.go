package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/go-git/go-billy/v5"

	"aergo/repo/object"
)

// Options of a Disk. The zero value is good.
type Options struct {
	ReadOnly bool // Begin and Compact fail with ErrReadOnly
	Verify   bool // Put computes every hash itself

	// SealPackBytes is the size from which a pack is sealed and the next one begun: 16 MiB
	// if it is 0, or 256 MiB with Quick; at most 1 GiB. At the end of a commit a pack is sealed from 2 MiB on, so
	// that nobody who opens the store has much to scan; Compact joins small packs.
	SealPackBytes int64
	// FrameBytes is how much plain data is compressed together: 16 KiB if it is 0, at most
	// 1 MiB. More compresses better, and makes reading a single object slower.
	FrameBytes int
	// Quick compresses at a gigabyte a second, and half as well: for who writes more than that
	// is worth. Compact of a store that is opened without it compresses again.
	Quick bool
	// CacheBytes bounds the memory of decompressed frames: 32 MiB if it is 0.
	CacheBytes int64

	bufferBytes int // how much is gathered before it is written: 256 KiB but in tests
}

// sealTailBytes is the size from which the last pack is sealed at the end of a commit.
const sealTailBytes = 2 << 20

func (o Options) tailBytes() int64 { return min(o.SealPackBytes, sealTailBytes) }

func (o Options) withDefaults() Options {
	if o.SealPackBytes <= 0 {
		o.SealPackBytes = 16 << 20
		if o.Quick {
			o.SealPackBytes = 256 << 20 // each pack is synced before the next is begun
		}
	}
	if o.FrameBytes <= 0 {
		o.FrameBytes = 16 << 10
	}
	if o.CacheBytes <= 0 {
		o.CacheBytes = 32 << 20
	}
	if o.bufferBytes <= 0 {
		o.bufferBytes = 256 << 10
	}
	o.SealPackBytes = min(o.SealPackBytes, 1<<30)
	o.FrameBytes = min(o.FrameBytes, 1<<20)
	return o
}

// Disk is a Store in pack files. Several processes may read while one writes: a reader
// takes what was committed when it first looked, and looks again when it misses an object.
type Disk struct {
	dir   folder
	opt   Options
	codec codec
	cache cache
	raw   sync.Pool // of *[]byte: frames as read

	buffers sync.Pool // of *[]byte: frames being filled

	hint atomic.Pointer[pack] // where the last object was found

	mu      sync.RWMutex
	loaded  bool
	closed  bool
	packs   []*pack   // by number
	retired [][]*pack // dropped from packs together, perhaps still being read
	writer  *diskWriter
}

// Open returns the store whose packs lie in the root of fs. It reads nothing yet, and
// makes nothing: a folder that does not exist is an empty store. For durability, fs must
// hand out files with a Sync method, as osfs.New(path, osfs.WithBoundOS()) does and plain
// osfs.New does not.
func Open(fs billy.Filesystem, opt Options) (*Disk, error) {
	if fs == nil {
		return nil, errors.New("open store: no filesystem")
	}
	opt = opt.withDefaults()
	d := &Disk{dir: folder{fs: fs}, opt: opt, codec: newCodec(opt.Quick), cache: cache{maxBytes: opt.CacheBytes}}
	d.raw.New = func() any { return new([]byte) }
	return d, nil
}

// Forget drops what is cached, so that objects are read from the files and checked again.
func (d *Disk) Forget() { d.cache.clear() }

// load reads the list of packs and what is in each. The caller holds the lock.
func (d *Disk) load() error {
	var err error
	for range 4 {
		// Another process may remove a pack between the listing and the opening.
		var packs []*pack
		if packs, err = d.listPacks(); err == nil {
			d.retire(slices.DeleteFunc(slices.Clone(d.packs), func(p *pack) bool { return slices.Contains(packs, p) }))
			d.packs, d.loaded = packs, true
			d.hint.Store(nil)
			return nil
		}
		if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
	}
	return fmt.Errorf("open store: %w", err)
}

// keptGenerations is how many times packs may be dropped before those that went first are
// closed. A reader that is later still fails to read, and looks again.
const keptGenerations = 4

// retire keeps packs that have been dropped for those who still read them, for a while. The
// caller holds the lock.
func (d *Disk) retire(packs []*pack) {
	if len(packs) == 0 {
		return
	}
	d.retired = append(d.retired, packs)
	for len(d.retired) > keptGenerations {
		for _, p := range d.retired[0] {
			_ = p.close() // nothing was written by it
		}
		d.retired = slices.Delete(d.retired, 0, 1)
	}
}

// listPacks returns the packs of the folder: sealed ones that are already known as they
// are, the others loaded anew.
func (d *Disk) listPacks() ([]*pack, error) {
	sizes, err := d.dir.list()
	if err != nil {
		return nil, err
	}
	numbers := packNumbers(sizes)
	packs := make([]*pack, 0, len(numbers))
	for i, n := range numbers {
		name := packName(n)
		known := slices.IndexFunc(d.packs, func(p *pack) bool {
			return p.number == n && p.sealed && p.size == sizes[name] && p.damage == nil
		})
		if known >= 0 {
			packs = append(packs, d.packs[known])
			continue
		}
		p := &pack{number: n, name: name}
		_, hasIndex := sizes[indexName(n)]
		if err := p.load(&d.dir, sizes[name], hasIndex, i == len(numbers)-1); err != nil {
			for _, p := range packs {
				if !slices.Contains(d.packs, p) {
					err = errors.Join(err, p.close())
				}
			}
			return nil, err
		}
		packs = append(packs, p)
	}
	return packs, nil
}

// refresh takes in what other processes have committed.
func (d *Disk) refresh() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return fmt.Errorf("store: %w", ErrClosed)
	case !d.loaded:
		return d.load()
	case d.writer != nil:
		return nil // no other process writes now
	}
	return d.catchUp()
}

// catchUp looks at the end of the last pack, and for a pack behind it. The caller holds
// the lock.
func (d *Disk) catchUp() error {
	if len(d.packs) == 0 {
		sizes, err := d.dir.list()
		if err != nil || len(sizes) == 0 {
			return err
		}
		return d.load()
	}
	last := d.packs[len(d.packs)-1]
	file, err := d.dir.open(last.name)
	if err != nil {
		return d.load()
	}
	same, err := d.sameLast(last, file)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if same && !d.dir.exists(packName(last.number+1)) {
		return nil
	}
	return d.load()
}

// sameLast takes in what was appended to the last pack. It says false where everything
// has to be loaded anew.
func (d *Disk) sameLast(last *pack, file billy.File) (bool, error) {
	size, err := d.dir.size(file)
	if err != nil {
		return false, err
	}
	head := make([]byte, packHeaderBytes)
	if err := d.dir.readAt(file, head, 0); err != nil {
		return size == last.size, nil
	}
	s, err := decodePackHeader(head, last.number)
	switch {
	case err != nil:
		return size == last.size, nil
	case s != last.salt:
		return false, nil
	case last.sealed || last.damage != nil:
		return size == last.size, nil
	}
	if same, err := last.sameEnd(&d.dir, file); !same || size == last.size {
		return same, err
	}
	return last.scanTail(&d.dir, file, size)
}

// reload reads anew what has changed, after a read has failed: another process may have
// rolled back or compacted what this one knew.
func (d *Disk) reload() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.writer != nil {
		return
	}
	sizes, err := d.dir.list()
	if err != nil {
		return
	}
	gone := slices.ContainsFunc(d.packs, func(p *pack) bool {
		size, ok := sizes[p.name]
		return !ok || size < p.size
	})
	// Whether this helps shows when the read is tried again.
	if gone {
		_ = d.load()
	} else {
		_ = d.catchUp()
	}
}

// lookup finds h, or fails with ErrNotFound, or with the damage that may hide it.
func (d *Disk) lookup(ctx context.Context, h object.Hash) (place, error) {
	if err := ctx.Err(); err != nil {
		return place{}, err
	}
	at, ok, err := d.find(h)
	if ok || err != nil {
		return at, err
	}
	if err := d.refresh(); err != nil {
		return place{}, err
	}
	if at, ok, err = d.find(h); ok || err != nil {
		return at, err
	}
	if damage := d.damage(); damage != nil {
		return place{}, fmt.Errorf("%s: %w", h, damage)
	}
	return place{}, notFound(h)
}

// damage returns the damage of a pack's structure, if there is any: the index of such a
// pack may lack objects.
func (d *Disk) damage() error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, p := range d.packs {
		if p.damage != nil {
			return p.damage
		}
	}
	return nil
}

func (d *Disk) find(h object.Hash) (place, bool, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.closed {
		return place{}, false, fmt.Errorf("store: %w", ErrClosed)
	}
	at, ok := d.findLocked(h)
	return at, ok, nil
}

// findLocked looks first where the last object was found, then from the newest pack back.
func (d *Disk) findLocked(h object.Hash) (place, bool) {
	hint := d.hint.Load()
	if hint != nil {
		if at, ok := hint.find(h); ok {
			return at, true
		}
	}
	for _, p := range slices.Backward(d.packs) {
		if p == hint {
			continue
		}
		if at, ok := p.find(h); ok {
			d.hint.Store(p)
			return at, true
		}
	}
	return place{}, false
}

// frame returns the frame that holds at, and has checked that h is where it should be.
func (d *Disk) frame(at place, h object.Hash) (*frame, error) {
	f := at.slot.cached()
	if f == nil {
		var err error
		if f, err = d.readFrame(at.pack, at.slot); err != nil {
			return nil, err
		}
		f = d.cache.add(at.slot, f)
	}
	if int(at.pos) >= len(f.objects) || f.objects[at.pos].hash != h {
		damage := at.pack.corrupt(at.slot.offset, "frame does not hold what its index says")
		damage.Object = h
		return nil, damage
	}
	return f, nil
}

// readFrame reads and checks a frame, and decompresses it.
func (d *Disk) readFrame(p *pack, s *slot) (*frame, error) {
	var f *frame
	err := d.readStored(p, s, func(b []byte) (err error) {
		if f, err = d.codec.decodeFrame(b); err != nil {
			err = p.corrupt(s.offset, err.Error())
		}
		return err
	})
	return f, err
}

// verified is frame, and has checked the bytes of the object.
func (d *Disk) verified(at place, h object.Hash) (*frame, error) {
	f, err := d.frame(at, h)
	if err != nil {
		return nil, err
	}
	if actual, ok := f.verify(int(at.pos)); !ok {
		return nil, at.pack.badObject(at.slot.offset, h, actual)
	}
	return f, nil
}

// fetch finds h and reads it with the given function. If that fails it looks again, and
// tries a second time if the object now lies elsewhere.
func (d *Disk) fetch(ctx context.Context, h object.Hash, read func(place, object.Hash) (*frame, error)) (*frame, int, error) {
	at, err := d.lookup(ctx, h)
	if err != nil {
		return nil, 0, err
	}
	f, err := read(at, h)
	if err != nil {
		d.reload()
		again, lost := d.lookup(ctx, h)
		if lost != nil {
			return nil, 0, lost
		}
		if again.slot == at.slot {
			return nil, 0, err
		}
		at = again
		if f, err = read(at, h); err != nil {
			return nil, 0, err
		}
	}
	return f, int(at.pos), nil
}
