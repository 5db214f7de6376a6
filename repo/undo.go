package repo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"aergo/branch"
	"aergo/repo/object"
	"aergo/repo/oplog"
	"aergo/repo/ref"
)

// ErrCannotUndo says that an operation can no longer be undone, because what it changed
// has changed again.
var ErrCannotUndo = errors.New("cannot be undone")

// Operations gives the operation log, newest first.
func (r *Repo) Operations(ctx context.Context) iter.Seq2[oplog.Entry, error] { return r.log.List(ctx) }

// Undo takes back the last operation: refs, HEAD and pools become what they were. It is
// recorded as an operation of its own, so that undoing twice does it again. Objects stay
// in the store until gc.
func (r *Repo) Undo(ctx context.Context) (oplog.Entry, error) {
	var last oplog.Entry
	err := r.write(ctx, "undo", func(c *change) error {
		var err error
		last, err = r.log.Last(ctx)
		if errors.Is(err, oplog.ErrNotFound) {
			return fmt.Errorf("undo: %w: no operation has been recorded", ErrNothing)
		}
		if err != nil {
			return err
		}
		for _, ch := range last.Refs {
			if err := r.undoRef(c, ch); err != nil {
				return fmt.Errorf("operation %d (%s): %s: %w", last.N, last.Verb, ch.Name, err)
			}
		}
		for _, ch := range last.Pools {
			if err := r.undoPool(c, ch); err != nil {
				return fmt.Errorf("operation %d (%s): pool of %s: %w", last.N, last.Verb, ch.Name, err)
			}
		}
		return nil
	})
	return last, err
}

// undoRef prepares a ref to become what it was. Compare-and-set finds out, when the
// change is made, if it is no longer what the operation made it.
func (r *Repo) undoRef(c *change, ch oplog.Change) error {
	switch kind, _, _ := strings.Cut(ch.Name, "/"); kind {
	case "branches":
		return swap(ch, c.setBranch)
	case "tags":
		return swap(ch, c.setTag)
	case "remotes":
		return swap(ch, c.setRemote)
	case "HEAD":
		return swap(ch, c.setHead)
	case configFile:
		var before config
		if err := json.Unmarshal(ch.Before, &before); err != nil {
			return fmt.Errorf("%w: %w", oplog.ErrDamaged, err)
		}
		c.config = &before
		return nil
	}
	return fmt.Errorf("%w: unknown kind of ref", ErrCannotUndo)
}

func swap[T any](ch oplog.Change, set func(old, new T)) error {
	before, after, err := decodeChange[T](ch)
	if err == nil {
		set(after, before)
	}
	return err
}

// decodeChange returns what something was before and after; none is the zero value.
func decodeChange[T any](ch oplog.Change) (before, after T, err error) {
	for _, v := range []struct {
		data json.RawMessage
		into *T
	}{{ch.Before, &before}, {ch.After, &after}} {
		if len(v.data) == 0 {
			continue
		}
		if err := json.Unmarshal(v.data, v.into); err != nil {
			return before, after, fmt.Errorf("%w: %w", oplog.ErrDamaged, err)
		}
	}
	return before, after, nil
}

func (r *Repo) undoPool(c *change, ch oplog.Change) error {
	var before branch.Place
	if len(ch.Before) > 0 {
		if err := json.Unmarshal(ch.Before, &before); err != nil {
			return fmt.Errorf("%w: %w", oplog.ErrDamaged, err)
		}
	}
	name, err := ref.ParseName(ch.Name)
	if err != nil {
		return err
	}
	now, err := r.journal(name).Load()
	if err != nil {
		return err
	}
	c.pools = append(c.pools, poolEdit{branch: name, from: now, place: &before})
	return nil
}

// resolveOperation finds the head of the current branch before the last n operations
// that moved it.
func (r *Repo) resolveOperation(ctx context.Context, rev string) (object.Hash, error) {
	n, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(rev, "@{"), "}"), 10, 32)
	if err != nil || !strings.HasSuffix(rev, "}") {
		return object.Hash{}, fmt.Errorf("%q: %w: between @{ and } stands a number", rev, ErrNoRevision)
	}
	if n == 0 {
		return r.here(ctx)
	}
	b, err := r.current(ctx)
	if err != nil {
		return object.Hash{}, err
	}
	for entry, err := range r.log.List(ctx) {
		if err != nil {
			return object.Hash{}, err
		}
		for _, ch := range entry.Refs {
			if ch.Name != "branches/"+string(b.Name) || len(ch.Before) == 0 {
				continue
			}
			var before ref.Branch
			if err := json.Unmarshal(ch.Before, &before); err != nil {
				return object.Hash{}, fmt.Errorf("operation %d: %w: %w", entry.N, oplog.ErrDamaged, err)
			}
			if n--; n == 0 {
				return before.Head, nil
			}
		}
	}
	return object.Hash{}, fmt.Errorf("%q: %w: the operation log does not go back so far", rev, ErrNoRevision)
}
