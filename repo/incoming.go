package repo

import (
	"context"
	"errors"
	"os"

	"github.com/go-git/go-billy/v5"

	"aergo/repo/durable"
)

// Who has an object has all that it leads to, and has checked it: a fetch relies on that,
// and asks for nothing below what is there. It holds because objects become visible as a
// whole, except after a crash in the midst of a large transfer, which may leave some of
// the packs that had been filled. So there is a file while objects come in; where it is
// found later, what nothing leads to is removed before anything else comes in.
const incomingFile = "incoming"

// markIncoming notes, durably, that objects are coming in.
func markIncoming(fs billy.Filesystem) error {
	f, err := fs.OpenFile(incomingFile, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return durable.Folder(fs, ".")
}

// isIncoming says whether objects are coming in, or were when it was stopped.
func isIncoming(fs billy.Filesystem) (bool, error) {
	_, err := fs.Stat(incomingFile)
	return err == nil, ignore(err, os.ErrNotExist)
}

// exchange is write for an operation that takes objects from elsewhere.
func (r *Repo) exchange(ctx context.Context, verb string, fn func(c *change) error) error {
	unlock, err := r.acquire(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	stopped, err := isIncoming(r.fs)
	if err != nil {
		return err
	}
	if stopped {
		if err := r.takeBackStopped(ctx); err != nil {
			return err
		}
		if _, err := r.collect(ctx); err != nil {
			return err
		}
		if err := r.fs.Remove(incomingFile); err != nil {
			return err
		}
	}
	err = r.writeLocked(ctx, verb, fn)
	var left *rollbackError
	if errors.As(err, &left) {
		return err // some of it may be left
	}
	if marked, markErr := isIncoming(r.fs); marked && markErr == nil {
		_ = r.fs.Remove(incomingFile) // at worst the next exchange cleans up for nothing
	}
	return err
}

// rollbackError says that what was written could not be taken back.
type rollbackError struct{ err error }

func (e *rollbackError) Error() string { return "roll back: " + e.err.Error() }
func (e *rollbackError) Unwrap() error { return e.err }
