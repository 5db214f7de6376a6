package repo

import (
	"context"
	"errors"
	"path"

	"aergo/branch"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/store"
)

// Problem is one fault of what is stored.
type Problem struct {
	File   string // in the repository's folder; empty if it is about no file
	Offset int64  // in bytes; -1 if it is about no place in the file
	What   string
	Object object.Hash // zero if no object is known to be bad
}

// FsckReport is the state of what is stored.
type FsckReport struct {
	Packs, Objects uint64
	Bytes          uint64 // of packs and indexes
	TornBytes      uint64 // left by a crash, of no harm
	Reachable      uint64 // objects that something leads to
	Refs           uint64
	Pools          uint64 // files
	Operations     uint64
	Problems       []Problem
}

// checkable is a store that can check itself.
type checkable interface {
	Fsck(ctx context.Context, fn func(*store.CorruptError) error) (store.Stats, error)
}

// Fsck reads every byte that is stored, and says what is damaged or missing: packs, refs,
// pools and the operation log, and whether everything that they lead to is there. It
// changes nothing. Whether blocks are right is what Verify says.
func (r *Repo) Fsck(ctx context.Context) (FsckReport, error) {
	f := fsck{repo: r}
	if err := f.packs(ctx); err != nil {
		return f.out, err
	}
	if _, err := r.ledger(ctx); err != nil {
		if ctx.Err() != nil {
			return f.out, err
		}
		f.problem(configFile, err)
	}
	at := &roots{}
	var err error
	f.out.Refs, err = r.refRoots(ctx, at, func(err error) error {
		f.split(refsFolder, err)
		return ctx.Err()
	})
	if err != nil {
		return f.out, err
	}
	f.head(ctx)
	if err := f.pools(at); err != nil {
		return f.out, err
	}
	if err := f.inboxes(); err != nil {
		return f.out, err
	}
	for _, err := range r.log.List(ctx) {
		if err != nil {
			f.problem(operationsFile, err)
			break
		}
		f.out.Operations++
	}
	return f.out, f.closure(ctx, at)
}

// fsck gathers a report.
type fsck struct {
	repo *Repo
	out  FsckReport
}

func (f *fsck) problem(file string, err error) {
	p := Problem{File: file, Offset: -1, What: err.Error()}
	var missing *missingError
	if errors.As(err, &missing) {
		p.Object = missing.hash
	}
	f.out.Problems = append(f.out.Problems, p)
}

// split reports each of several errors that were joined.
func (f *fsck) split(file string, err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			f.split(file, err)
		}
		return
	}
	f.problem(file, err)
}

func (f *fsck) packs(ctx context.Context) error {
	disk, err := f.repo.objects()
	if err != nil {
		return err
	}
	c, ok := disk.(checkable)
	if !ok {
		return errors.ErrUnsupported
	}
	stats, err := c.Fsck(ctx, func(e *store.CorruptError) error {
		f.out.Problems = append(f.out.Problems, Problem{
			File: path.Join(packsFolder, e.File), Offset: e.Offset, What: e.Reason, Object: e.Object,
		})
		return nil
	})
	f.out.Packs, f.out.Objects = uint64(stats.Packs), uint64(stats.Objects)
	f.out.Bytes, f.out.TornBytes = uint64(stats.PackBytes+stats.IndexBytes), uint64(stats.TornBytes)
	return err
}

// head checks that what is checked out is there.
func (f *fsck) head(ctx context.Context) {
	if _, err := f.repo.here(ctx); err != nil && ctx.Err() == nil {
		f.problem(path.Join(refsFolder, "HEAD"), err)
	}
}

// pools reads every file of every pool. What the current ones lead to must be there.
func (f *fsck) pools(at *roots) error {
	names, err := f.repo.poolNames()
	if err != nil {
		return err
	}
	for _, name := range names {
		j := f.repo.journal(name)
		files, err := j.Files()
		if err != nil {
			return err
		}
		for i, n := range files {
			f.out.Pools++
			c, torn, err := j.Check(n)
			if err != nil {
				f.problem(path.Join(poolsFolder, string(name)), err)
				continue
			}
			f.out.TornBytes += uint64(torn)
			if i == len(files)-1 {
				at.pools = append(at.pools, pooled{name, c})
			}
		}
	}
	return nil
}

// inboxes reads what was accepted, and checks the signatures of it and of its receipts.
func (f *fsck) inboxes() error {
	names, err := f.repo.inboxNames()
	if err != nil {
		return err
	}
	for _, name := range names {
		file := path.Join(InboxesFolder, string(name))
		b := branch.NewInbox(f.repo.fs, file)
		c, err := b.Load()
		if err != nil {
			f.problem(file, err)
			continue
		}
		f.out.Pools++
		torn, err := b.TornBytes(c)
		if err != nil {
			return err
		}
		f.out.TornBytes += uint64(torn)
		for _, a := range c.Open {
			err := key.Verify(key.Public(a.Batch.Author.Key), key.DomainBatch, a.Batch.Lineage, a.Batch.ID, a.Seal)
			if err = errors.Join(err, a.Receipt.Verify()); err != nil {
				f.problem(file, err)
			}
		}
		for i := range c.Settled {
			if err := c.Settled[i].Receipt.Verify(); err != nil {
				f.problem(file, err)
			}
		}
	}
	return nil
}

// closure checks that everything that is led to is there.
func (f *fsck) closure(ctx context.Context, at *roots) error {
	seen := hashes{}
	told := map[string]bool{}
	tell := func(err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if what := err.Error(); !told[what] {
			told[what] = true
			f.problem("", err)
		}
		return nil
	}
	present := seen.present(f.repo.disk)
	c := closure{from: f.repo.disk, known: seen.known, fault: tell, rows: f.repo.Lacking().rows(), cuts: f.repo.boundary(), found: func(ctx context.Context, kind object.Kind, h object.Hash) error {
		if err := present(ctx, kind, h); err != nil {
			return tell(err)
		}
		return nil
	}}
	err := at.walk(ctx, &c)
	f.out.Reachable = uint64(len(seen))
	return err
}
