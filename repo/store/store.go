package store

import (
	"context"
	"errors"
	"fmt"

	"aergo/repo/object"
)

// Limits of what a store takes.
const (
	// MaxObjectBytes is the size of the largest object.
	MaxObjectBytes = object.MaxSizeBytes
	// MaxSealBytes is the size of the largest seal.
	MaxSealBytes = 256
)

// Errors that callers branch on. They are wrapped: use errors.Is.
var (
	// ErrNotFound says that the store does not hold the object.
	ErrNotFound = errors.New("object not found")
	// ErrCorrupt is matched by every CorruptError.
	ErrCorrupt = errors.New("damaged store")
	// ErrReadOnly says that a store opened for reading was asked to write.
	ErrReadOnly = errors.New("store is read-only")
	// ErrBusy says that the store already has an open writer.
	ErrBusy = errors.New("store has an open writer")
	// ErrClosed says that the store was used after Close, or a writer after it ended.
	ErrClosed = errors.New("already closed")
	// ErrRefused says that an object breaks a rule of Put: its kind, size or hash is wrong.
	ErrRefused = errors.New("object refused")
)

// CorruptError reports damage: where it is and what was found there. It matches
// ErrCorrupt. When a single object is known to be bad, Object is its stated hash and,
// where its bytes could be read, Actual is the hash of what was found.
type CorruptError struct {
	File   string // name of the file within the folder of packs
	Offset int64  // in bytes from the start of the file
	Reason string
	Object object.Hash
	Actual object.Hash
}

func (e *CorruptError) Error() string {
	s := fmt.Sprintf("%s: damaged at offset %d: %s", e.File, e.Offset, e.Reason)
	if !e.Object.IsZero() {
		s += fmt.Sprintf(": object %s", e.Object)
	}
	if !e.Actual.IsZero() {
		s += fmt.Sprintf(" has the hash %s", e.Actual)
	}
	return s
}

// Is makes errors.Is(err, ErrCorrupt) true.
func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }

// Reader reads objects by hash. Its methods may be called at the same time from many
// goroutines.
type Reader interface {
	// Get returns the bytes of the object h, whose hash has been checked. The slice is
	// shared: the caller must not change it, and should copy what it keeps for long, as
	// the slice may hold a whole decompressed frame in memory. An object that is absent
	// is ErrNotFound; one that is there but damaged is a *CorruptError.
	Get(ctx context.Context, h object.Hash) ([]byte, error)
	// Seal returns the seal stored beside h, or nil if it has none. It fails as Get does.
	// A seal is not covered by the object's hash: its owner checks it.
	Seal(ctx context.Context, h object.Hash) ([]byte, error)
	// Has says whether the store holds h, without reading its bytes.
	Has(ctx context.Context, h object.Hash) (bool, error)
}

// Info describes one object.
type Info struct {
	Hash          object.Hash
	Kind          object.Kind
	SizeBytes     int // plain, before compression
	SealSizeBytes int
}

// Store is a set of objects by hash that only grows, until it is compacted.
type Store interface {
	Reader
	// Stat describes h without reading its bytes, or fails with ErrNotFound.
	Stat(ctx context.Context, h object.Hash) (Info, error)
	// Prefix returns the hashes that begin with the given lower-case hex digits, in
	// ascending order, at most limit of them (no limit if it is below 1), of the given
	// kinds (of all, if there are none). Digits that are not hex are object.ErrBadHash.
	Prefix(ctx context.Context, hexPrefix string, limit int, kinds ...object.Kind) ([]object.Hash, error)
	// Each calls fn once for every object, in no particular order, until fn fails. It
	// returns the error of fn as it is. Objects committed meanwhile may be missed. Where
	// damage may hide objects, Each and Prefix give those they see, and a *CorruptError.
	Each(ctx context.Context, fn func(Info) error) error
	// Begin opens the store's writer. There is one at a time: a second Begin is ErrBusy.
	// The caller holds the repository's lock, so that no other process writes either.
	Begin(ctx context.Context) (Writer, error)
	// Close releases the store; an open writer is rolled back. Slices that Get returned
	// stay valid.
	Close() error
}

// Writer adds objects to a store in one transaction. Its methods may be called at the
// same time from many goroutines. Its Get, Seal and Has see what was put, then the store.
//
// Nothing that was put is visible to the store's own readers before Commit. Writing is
// streamed, so a process that dies, or another process that looks, may meet complete
// objects that were never committed: they are named by their content, and nothing refers
// to them.
type Writer interface {
	Reader
	// Put adds an object whose hash is h. The data is copied before Put returns. Putting
	// what the store already holds does nothing. Put trusts h, unless the store was told
	// to verify: the caller has computed it, and a wrong one is found by the first Get,
	// which never serves such an object. A bad kind, an empty or too large object is
	// ErrRefused. An error of an earlier write may surface here.
	Put(kind object.Kind, h object.Hash, data []byte) error
	// PutSealed is Put with a seal of at most MaxSealBytes beside the object. The first
	// seal stays: if h is already stored, this one is dropped.
	PutSealed(kind object.Kind, h object.Hash, data, seal []byte) error
	// Commit makes everything that was put durable and visible. If it fails, nothing
	// becomes visible and the writer must be rolled back.
	Commit(ctx context.Context) error
	// Rollback forgets everything that was put. After Commit has succeeded, or a second
	// time, it does nothing, so it can be deferred.
	Rollback() error
}

// checkPut applies the rules that hold for every implementation of Put.
func checkPut(kind object.Kind, h object.Hash, data, seal []byte, verify bool) error {
	switch {
	case !kind.Valid():
		return fmt.Errorf("%w: %s: unknown %s", ErrRefused, h.Short(), kind)
	case len(data) == 0:
		return fmt.Errorf("%w: %s %s: empty", ErrRefused, kind, h.Short())
	case len(data) > MaxObjectBytes:
		return fmt.Errorf("%w: %s %s: %d bytes, above the limit of %d", ErrRefused, kind, h.Short(), len(data), MaxObjectBytes)
	case len(seal) > MaxSealBytes:
		return fmt.Errorf("%w: %s %s: seal of %d bytes, above the limit of %d", ErrRefused, kind, h.Short(), len(seal), MaxSealBytes)
	}
	if verify {
		if actual := object.Sum(data); actual != h {
			return fmt.Errorf("%w: %s %s: its bytes have the hash %s", ErrRefused, kind, h, actual)
		}
	}
	return nil
}

func notFound(h object.Hash) error { return fmt.Errorf("%s: %w", h, ErrNotFound) }
