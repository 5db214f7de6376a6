package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
)

// Stats counts what Fsck has read.
type Stats struct {
	Packs, Indexes  int
	Frames, Objects int
	PlainBytes      int64 // of objects and seals, before compression
	PackBytes       int64
	IndexBytes      int64
	// TornBytes lie behind the last commit: the leftovers of a crash, which the next Begin
	// cuts, or the work of a writer at this moment.
	TornBytes int64
	Problems  int
}

// Fsck reads every byte of the store and checks every checksum and every hash, past the
// caches and past what this process believes. It calls fn for each problem, and ends with
// the error of fn if that is not nil. Damage is not an error of Fsck itself.
func (d *Disk) Fsck(ctx context.Context, fn func(problem *CorruptError) error) (Stats, error) {
	c := &checker{d: d, ctx: ctx, report: fn}
	sizes, err := d.dir.list()
	if err != nil {
		return Stats{}, fmt.Errorf("fsck: %w", err)
	}
	numbers := packNumbers(sizes)
	for i, n := range numbers {
		p := &pack{number: n, name: packName(n), size: sizes[packName(n)]}
		_, hasIndex := sizes[indexName(n)]
		p.sealed = hasIndex || i < len(numbers)-1
		if err := errors.Join(c.pack(p), p.close()); err != nil {
			return c.Stats, fmt.Errorf("fsck: %w", err)
		}
	}
	return c.Stats, nil
}

type checker struct {
	d      *Disk
	ctx    context.Context
	report func(*CorruptError) error
	Stats
}

func (c *checker) problem(e *CorruptError) error {
	c.Problems++
	return c.report(e)
}

// pack checks one pack: first its structure, then its frames, then its index.
func (c *checker) pack(p *pack) error {
	file, err := c.d.dir.open(p.name)
	if err != nil {
		return err
	}
	p.file, p.checked = file, true
	s := newScan(&c.d.dir, file, p, p.size, p.sealed)
	if err := s.run(p.number); err != nil {
		return fmt.Errorf("scan %s: %w", p.name, err)
	}
	c.Packs++
	c.PackBytes += p.size
	if !p.sealed && len(s.damage) == 0 {
		c.TornBytes += p.size - s.end
	}
	for _, e := range append(s.damage, s.sums...) {
		if err := c.problem(e); err != nil {
			return err
		}
	}
	seen := make(map[int64]bool, len(s.frames))
	for _, f := range s.frames {
		seen[f.offset] = true
		if err := c.frame(p, &slot{offset: f.offset, bytes: f.bytes}); err != nil {
			return err
		}
	}
	t, err := c.index(p, s)
	if t == nil || err != nil {
		return err
	}
	// Frames that the damaged structure of the pack hides from a scan.
	for i := range t.frames() {
		if x := t.extent(i); !seen[int64(x.offset)] {
			if err := c.frame(p, &slot{offset: int64(x.offset), bytes: int(x.bytes)}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *checker) frame(p *pack, s *slot) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	f, err := c.d.readFrame(p, s)
	var damage *CorruptError
	if errors.As(err, &damage) {
		return c.problem(damage)
	}
	if err != nil {
		return err
	}
	c.Frames++
	c.PlainBytes += int64(len(f.plain))
	for i := range f.objects {
		c.Objects++
		if actual, ok := f.verify(i); !ok {
			if err := c.problem(p.badObject(s.offset, f.objects[i].hash, actual)); err != nil {
				return err
			}
		}
	}
	return nil
}

// index checks the index file of p against a scan of the pack, and returns it if it can
// be read. A missing one is no damage.
func (c *checker) index(p *pack, s *scanner) (*table, error) {
	name := indexName(p.number)
	raw, err := c.d.dir.readAll(name, maxIndexBytes)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c.Indexes++
	c.IndexBytes += int64(len(raw))
	t, err := decodeTable(raw)
	if err != nil {
		return nil, c.problem(&CorruptError{File: name, Reason: err.Error()})
	}
	if len(s.damage) > 0 {
		return t, nil
	}
	p.index, p.salt = growing{}, s.salt
	p.take(s)
	if built := newTable(p.number, p.salt, p.end, p.extents(), p.index.(growing).all()); !bytes.Equal(built.raw, raw) {
		return t, c.problem(&CorruptError{File: name, Reason: "index does not describe its pack"})
	}
	return t, nil
}
