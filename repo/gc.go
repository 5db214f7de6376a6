package repo

import (
	"context"
	"errors"
	"os"
	"path"

	"github.com/go-git/go-billy/v5"

	"aergo/repo/object"
	"aergo/repo/store"
)

// GCReport is what a clean-up gained.
type GCReport struct {
	BytesBefore, BytesAfter     uint64 // of packs, indexes and pools
	ObjectsBefore, ObjectsAfter uint64
	Pools                       uint64 // files removed
}

// compacter is a store that can remove objects.
type compacter interface {
	Compact(ctx context.Context, keep func(object.Hash) bool) error
}

// GC removes what nothing leads to: neither branches, tags, remotes' branches, pools, nor
// the newest operations, so that those can still be undone. It fails, and removes nothing,
// if anything that is needed is missing. A crash loses nothing, and what it leaves undone
// the next clean-up does. Memory grows with the number of objects that stay.
func (r *Repo) GC(ctx context.Context) (GCReport, error) {
	unlock, err := r.acquire(ctx)
	if err != nil {
		return GCReport{}, err
	}
	defer unlock()
	return r.collect(ctx)
}

// collect is GC under the lock.
func (r *Repo) collect(ctx context.Context) (GCReport, error) {
	var out GCReport
	if _, err := r.ledger(ctx); err != nil {
		return out, err
	}
	live, at, err := r.reachable(ctx)
	if err != nil {
		return out, err
	}
	if out.ObjectsBefore, out.BytesBefore, err = r.measure(ctx); err != nil {
		return out, err
	}
	disk, ok := r.disk.(compacter)
	if !ok {
		return out, errors.ErrUnsupported
	}
	err = disk.Compact(ctx, func(h object.Hash) bool {
		_, ok := live[h]
		return ok
	})
	if err != nil {
		return out, err
	}
	if out.Pools, err = r.removePools(at); err != nil {
		return out, err
	}
	if _, err := r.refs.Clean(ctx); err != nil {
		return out, err
	}
	out.ObjectsAfter, out.BytesAfter, err = r.measure(ctx)
	return out, err
}

// reachable returns every object that is needed, each of which is there.
func (r *Repo) reachable(ctx context.Context) (hashes, *roots, error) {
	at := &roots{}
	if _, err := r.refRoots(ctx, at, func(err error) error { return err }); err != nil {
		return nil, nil, err
	}
	if err := r.undoRoots(ctx, at); err != nil {
		return nil, nil, err
	}
	names, err := r.poolNames()
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		c, err := r.journal(name).Load()
		if err != nil {
			return nil, nil, err
		}
		at.pools = append(at.pools, pooled{name, c})
	}
	live := hashes{}
	c := closure{from: r.disk, known: live.known, found: live.present(r.disk), rows: r.Lacking().rows(), cuts: r.boundary()}
	return live, at, at.walk(ctx, &c)
}

// removePools removes the files of pools that nothing goes back to.
func (r *Repo) removePools(at *roots) (removed uint64, err error) {
	names, err := r.poolNames()
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		j := r.journal(name)
		files, err := j.Files()
		if err != nil {
			return removed, err
		}
		for i, n := range files {
			if i == len(files)-1 || at.places[name][n] {
				continue
			}
			if err := j.Remove(n); err != nil {
				return removed, err
			}
			removed++
		}
	}
	return removed, nil
}

// measure counts objects, and the bytes of packs and pools.
func (r *Repo) measure(ctx context.Context) (objects, bytes uint64, err error) {
	err = r.disk.Each(ctx, func(store.Info) error {
		objects++
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	for _, folder := range [...]string{packsFolder, poolsFolder} {
		n, err := sizeBytes(r.fs, folder)
		if err != nil {
			return 0, 0, err
		}
		bytes += n
	}
	return objects, bytes, nil
}

// sizeBytes adds up the files below a folder.
func sizeBytes(fs billy.Filesystem, folder string) (uint64, error) {
	infos, err := fs.ReadDir(folder)
	if err != nil {
		return 0, ignore(err, os.ErrNotExist)
	}
	var sum uint64
	for _, info := range infos {
		if !info.IsDir() {
			sum += uint64(max(info.Size(), 0))
			continue
		}
		n, err := sizeBytes(fs, path.Join(folder, info.Name()))
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}
