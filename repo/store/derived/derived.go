// Package derived keeps data that can be worked out again: indexes over the objects of a
// repository, such as which block a transaction went to. It is a sorted map from keys to
// values in a goleveldb database, with a watermark that says up to where it is built.
//
// Nothing here is the truth, so nothing here is worth an error to a user: a database that
// is lost or damaged is wiped, its watermark is gone with it, and the owner builds it
// anew. The package syncs nothing: after a crash the index may lack its latest batches, but
// never a batch before the watermark. It refuses to share: one process at a time opens an
// index, and others get ErrInUse and do without.
package derived

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"

	"github.com/syndtr/goleveldb/leveldb"
	ldberrors "github.com/syndtr/goleveldb/leveldb/errors"
	"github.com/syndtr/goleveldb/leveldb/filter"
	"github.com/syndtr/goleveldb/leveldb/opt"
	"github.com/syndtr/goleveldb/leveldb/storage"
	"github.com/syndtr/goleveldb/leveldb/util"
)

// Errors that callers branch on.
var (
	// ErrLost says that the index was damaged and has been wiped. The owner starts from an
	// empty one, without a watermark.
	ErrLost = errors.New("derived index lost")
	// ErrInUse says that another process has the index open.
	ErrInUse = errors.New("derived index in use")
)

// The first byte of a key in the database tells the watermark from the owner's keys.
const (
	prefixWatermark = 'w'
	prefixEntry     = 'e'
)

// Index is an open index. It is safe for concurrent use.
type Index struct {
	path string

	mu sync.RWMutex
	db *leveldb.DB // replaced when damaged
}

func options() *opt.Options {
	return &opt.Options{
		Filter:              filter.NewBloomFilter(10),
		WriteBuffer:         8 << 20,
		CompactionTableSize: 4 << 20,
		NoSync:              true,
		Strict:              opt.StrictAll,
	}
}

// Open opens the index in the folder at path, and makes it if need be. A damaged one is
// replaced by an empty one.
func Open(path string) (*Index, error) {
	x := &Index{path: path}
	db, err := openDB(path)
	if isDamage(err) {
		db, err = remake(path)
	}
	if err != nil {
		return nil, fmt.Errorf("open derived index: %w", err)
	}
	x.db = db
	return x, nil
}

func openDB(path string) (*leveldb.DB, error) {
	db, err := leveldb.OpenFile(path, options())
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("%w: %s", ErrInUse, path)
	}
	return db, err
}

func remake(path string) (*leveldb.DB, error) {
	if err := os.RemoveAll(path); err != nil {
		return nil, err
	}
	return openDB(path)
}

// isDamage says whether err means that the files are not what they should be. Files that
// a damaged database lacks or cuts short show as errors of reading.
func isDamage(err error) bool {
	var corrupted *ldberrors.ErrCorrupted
	var badStorage *storage.ErrCorrupted
	return err != nil && (errors.As(err, &corrupted) || errors.As(err, &badStorage) || errors.Is(err, os.ErrNotExist) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, leveldb.ErrReadOnly))
}

// with runs fn on the database, and replaces it by an empty one if fn meets damage. The
// lock is not held meanwhile, so fn may use the index; what fn meets when another goroutine
// replaces the database is the loss of it.
func (x *Index) with(fn func(*leveldb.DB) error) error {
	x.mu.RLock()
	db := x.db
	x.mu.RUnlock()
	err := fn(db)
	if err == nil || errors.Is(err, errOwner) {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.db != db {
		return ErrLost
	}
	if !isDamage(err) {
		return fmt.Errorf("derived index: %w", err)
	}
	if remakeErr := x.remake(); remakeErr != nil {
		return fmt.Errorf("derived index: replace damaged one: %w", remakeErr)
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}

// remake replaces the database by an empty one. The caller holds the lock.
func (x *Index) remake() error {
	_ = x.db.Close()
	db, err := remake(x.path)
	if err == nil {
		x.db = db
	}
	return err
}

// errOwner marks errors of the owner's functions, which say nothing about the database.
var errOwner = errors.New("stopped by the caller")

type ownerError struct{ err error }

func (e ownerError) Error() string        { return e.err.Error() }
func (e ownerError) Unwrap() error        { return e.err }
func (e ownerError) Is(target error) bool { return target == errOwner }

func entryKey(key []byte) []byte { return append([]byte{prefixEntry}, key...) }

// Get returns the value of key, and whether there is one. The value is the caller's own.
func (x *Index) Get(key []byte) (value []byte, ok bool, err error) {
	return x.get(entryKey(key))
}

// Watermark returns what the last batch set, or nil if the index is new or was lost: then
// the owner builds it from the beginning.
func (x *Index) Watermark() ([]byte, error) {
	value, _, err := x.get([]byte{prefixWatermark})
	return value, err
}

func (x *Index) get(key []byte) (value []byte, ok bool, err error) {
	err = x.with(func(db *leveldb.DB) error {
		var err error
		if value, err = db.Get(key, nil); errors.Is(err, leveldb.ErrNotFound) {
			return nil
		}
		ok = err == nil
		return err
	})
	return value, ok, err
}

// Batch gathers changes that are made at once. The zero value is empty.
type Batch struct{ batch leveldb.Batch }

// Put sets the value of key. Both are copied.
func (b *Batch) Put(key, value []byte) { b.batch.Put(entryKey(key), value) }

// Delete removes key.
func (b *Batch) Delete(key []byte) { b.batch.Delete(entryKey(key)) }

// SizeBytes is about what the batch takes in memory.
func (b *Batch) SizeBytes() int { return len(b.batch.Dump()) }

// Write applies the batch and sets the watermark to a value that is not empty, both or
// neither. The batch is empty afterwards.
func (x *Index) Write(b *Batch, watermark []byte) error {
	if len(watermark) == 0 {
		return errors.New("derived index: write without a watermark")
	}
	b.batch.Put([]byte{prefixWatermark}, watermark)
	err := x.with(func(db *leveldb.DB) error { return db.Write(&b.batch, nil) })
	b.batch.Reset()
	return err
}

// Range calls fn for the keys that begin with prefix and are not below from, in ascending
// order, until fn returns an error, and returns that error as it is. A nil from means all.
// The slices are valid only during the call. What is written meanwhile is not seen.
func (x *Index) Range(ctx context.Context, prefix, from []byte, fn func(key, value []byte) error) error {
	err := x.with(func(db *leveldb.DB) error {
		bounds := util.BytesPrefix(entryKey(prefix))
		if start := entryKey(from); string(start) > string(bounds.Start) {
			bounds.Start = start
		}
		it := db.NewIterator(bounds, nil)
		defer it.Release()
		for it.Next() {
			if err := ctx.Err(); err != nil {
				return ownerError{err}
			}
			if err := fn(it.Key()[1:], it.Value()); err != nil {
				return ownerError{err}
			}
		}
		return it.Error()
	})
	var owner ownerError
	if errors.As(err, &owner) {
		return owner.err
	}
	return err
}

// Reset empties the index, watermark and all.
func (x *Index) Reset() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.remake(); err != nil {
		return fmt.Errorf("reset derived index: %w", err)
	}
	return nil
}

// Use runs read, after build has brought the index up to date. If either meets damage, the
// index is wiped and both run once more: build finds no watermark then. Their other errors
// are returned as they are.
func (x *Index) Use(ctx context.Context, build, read func(context.Context, *Index) error) error {
	var err error
	for range 2 {
		if err = build(ctx, x); err == nil {
			err = read(ctx, x)
		}
		if !errors.Is(err, ErrLost) {
			return err
		}
	}
	return err
}

// Close closes the index. What was written is handed to the operating system before.
func (x *Index) Close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.db.Close(); err != nil && !errors.Is(err, leveldb.ErrClosed) {
		return fmt.Errorf("close derived index: %w", err)
	}
	return nil
}
