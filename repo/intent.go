package repo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"

	"aergo/branch"
	"aergo/repo/durable"
	"aergo/repo/oplog"
	"aergo/repo/ref"
)

// An operation changes several files, and must have changed all of them or none. So it
// first says in a file what it is about to change: eight hex digits, CRC-32C of what
// follows, a space, and the entry that it will append to the operation log, as JSON. The
// entry in the log is what makes the operation happen: an intent that is not in the log
// belongs to an operation that was stopped, and is taken back by whoever comes next.
const intentFile = "intent"

// maxIntentBytes is above the size of every intent: it is an entry of the log.
const maxIntentBytes = oplog.LineMaxBytes

// intend writes the intent, durably.
func (r *Repo) intend(entry *oplog.Entry) error {
	text, err := json.Marshal(entry)
	if err != nil {
		return err
	}
	f, err := r.fs.OpenFile(intentFile, os.O_RDWR, 0o644)
	isNew := errors.Is(err, os.ErrNotExist)
	if isNew {
		f, err = r.fs.OpenFile(intentFile, os.O_RDWR|os.O_CREATE, 0o644)
	}
	if err != nil {
		return err
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = fmt.Fprintf(f, "%08x %s", crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli)), text)
	}
	if err == nil {
		err = durable.File(f)
	}
	if err = errors.Join(err, f.Close()); err == nil && isNew {
		err = durable.Folder(r.fs, ".")
	}
	return err
}

// fulfilled forgets the intent. Whether that lasts does not matter: the log tells.
func (r *Repo) fulfilled() {
	if f, err := r.fs.OpenFile(intentFile, os.O_RDWR, 0); err == nil {
		_ = f.Truncate(0)
		_ = f.Close()
	}
}

// stopped returns the operation that has an intent and no entry in the log, nil if there
// is none.
func (r *Repo) stopped(ctx context.Context) (*oplog.Entry, error) {
	info, err := r.fs.Stat(intentFile)
	if err != nil || info.Size() == 0 {
		return nil, ignore(err, os.ErrNotExist)
	}
	f, err := r.fs.Open(intentFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxIntentBytes))
	if err != nil {
		return nil, err
	}
	sum, text, _ := strings.Cut(string(data), " ")
	var entry oplog.Entry
	if sum != fmt.Sprintf("%08x", crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli))) || json.Unmarshal([]byte(text), &entry) != nil {
		return nil, nil // torn: nothing had been changed yet
	}
	last, err := r.log.Last(ctx)
	if err = ignore(err, oplog.ErrNotFound); err != nil || entry.N <= last.N {
		return nil, err
	}
	return &entry, nil
}

// takeBackStopped takes back what a stopped operation has changed. The caller holds the lock.
func (r *Repo) takeBackStopped(ctx context.Context) error {
	entry, err := r.stopped(ctx)
	if err != nil || entry == nil {
		return err
	}
	if err := r.takeBack(ctx, entry); err != nil {
		return fmt.Errorf("take back %s, which was stopped: %w", entry.Verb, err)
	}
	r.fulfilled()
	return nil
}

// takeBack makes everything that an operation may have changed what it was.
func (r *Repo) takeBack(ctx context.Context, entry *oplog.Entry) error {
	ctx = context.WithoutCancel(ctx)
	var errs []error
	for _, ch := range entry.Refs {
		if err := r.restoreRef(ctx, ch); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", ch.Name, err))
		}
	}
	for _, ch := range entry.Pools {
		if err := r.restorePool(ch); err != nil {
			errs = append(errs, fmt.Errorf("pool of %s: %w", ch.Name, err))
		}
	}
	return errors.Join(errs...)
}

func (r *Repo) restoreRef(ctx context.Context, ch oplog.Change) error {
	refs := r.refs
	switch kind, _, _ := strings.Cut(ch.Name, "/"); kind {
	case "branches":
		return restore(ctx, ch, refs.SetBranch, refs.DeleteBranch, func(b ref.Branch) (ref.Branch, error) { return refs.Branch(ctx, b.Name) })
	case "tags":
		return restore(ctx, ch, refs.SetTag, refs.DeleteTag, func(t ref.Tag) (ref.Tag, error) { return refs.Tag(ctx, t.Name) })
	case "remotes":
		return restore(ctx, ch, refs.SetRemoteBranch, refs.DeleteRemoteBranch, func(b ref.RemoteBranch) (ref.RemoteBranch, error) {
			return refs.RemoteBranch(ctx, b.Remote, b.Name)
		})
	case "HEAD":
		return restore(ctx, ch, refs.SetHead, nil, func(ref.Head) (ref.Head, error) { return refs.Head(ctx) })
	case configFile:
		var before config
		if err := json.Unmarshal(ch.Before, &before); err != nil {
			return err
		}
		r.setConfig(before)
		return writeConfig(r.fs, before)
	}
	return fmt.Errorf("%w: unknown kind of ref", oplog.ErrDamaged)
}

// restore makes a ref what it was before a change that may have been made.
func restore[T comparable](ctx context.Context, ch oplog.Change,
	set func(context.Context, T, T) error, remove func(context.Context, T) error, get func(T) (T, error)) error {
	before, after, err := decodeChange[T](ch)
	if err != nil {
		return err
	}
	var none T
	named := before
	if named == none {
		named = after
	}
	now, err := get(named)
	if err = ignore(err, ref.ErrNotFound); err != nil || now == before {
		return err
	}
	return move(ctx, refEdit[T]{now, before}, set, remove)
}

func (r *Repo) restorePool(ch oplog.Change) error {
	var before branch.Place
	if len(ch.Before) > 0 {
		if err := json.Unmarshal(ch.Before, &before); err != nil {
			return err
		}
	}
	name, err := ref.ParseName(ch.Name)
	if err != nil {
		return err
	}
	now, err := r.journal(name).Load()
	if err == nil && now.Place == before {
		return nil
	}
	_, err = r.journal(name).Return(before)
	return err
}
