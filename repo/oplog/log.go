package oplog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	slashpath "path"
	"sync"

	"github.com/go-git/go-billy/v5"

	"aergo/repo/durable"
)

// Log is the operation log in one file. It is safe for concurrent use, and keeps nothing
// in memory between calls: other processes may append as well.
type Log struct {
	fs   billy.Filesystem
	path string
	mu   sync.Mutex
}

// New returns the log in the file at path, which is made by the first Append. On disk, fs
// must be osfs.New(dir, osfs.WithBoundOS()): other kinds hide Sync, and then nothing is
// durable.
func New(fs billy.Filesystem, path string) *Log { return &Log{fs: fs, path: path} }

// Append adds e at the end, numbered one above the last entry, its time in UTC, and
// returns it as stored. When it returns nil the entry is durable; otherwise the log is
// as it was before. The error wraps ErrBadEntry or ErrDamaged, or is the filesystem's.
func (l *Log) Append(ctx context.Context, e Entry) (Entry, error) {
	if err := ctx.Err(); err != nil {
		return Entry{}, fmt.Errorf("operation log: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	f, isNew, err := l.open()
	if err != nil {
		return Entry{}, fmt.Errorf("operation log %s: %w", l.path, err)
	}
	defer f.Close()

	last, end, size, err := l.tail(f)
	if err != nil {
		return Entry{}, err
	}
	e = e.clean()
	e.N, e.Time = last.N+1, e.Time.UTC()
	line, err := encode(e)
	if err != nil {
		return Entry{}, fmt.Errorf("operation log: %w", err)
	}
	stored, err := decode(line)
	if err != nil {
		// What would be damage to the next reader must not be written.
		return Entry{}, fmt.Errorf("operation log: %w: %w", ErrBadEntry, err)
	}
	if size > end {
		if err := f.Truncate(end); err != nil {
			return Entry{}, fmt.Errorf("operation log %s: remove an interrupted entry: %w", l.path, err)
		}
	}
	if err := l.write(f, end, line, isNew); err != nil {
		// What is left is a torn tail at worst; if it is a whole line, it must go.
		err = errors.Join(err, f.Truncate(end))
		return Entry{}, fmt.Errorf("append to operation log %s: %w", l.path, err)
	}
	return stored, nil
}

// Last returns the newest entry; the error wraps ErrNotFound if there is none.
func (l *Log) Last(ctx context.Context) (Entry, error) {
	for e, err := range l.List(ctx) {
		return e, err
	}
	return Entry{}, fmt.Errorf("operation log is empty: %w", ErrNotFound)
}

// At returns entry n; the error wraps ErrNotFound. The cost grows with the number of
// entries after it.
func (l *Log) At(ctx context.Context, n uint64) (Entry, error) {
	for e, err := range l.List(ctx) {
		if err != nil || e.N == n {
			return e, err
		}
		if e.N < n {
			break
		}
	}
	return Entry{}, fmt.Errorf("operation %d: %w", n, ErrNotFound)
}

// List gives the entries, newest first. It sees the log as it was when it began. An error
// ends it; damage in older entries does not hide the newer ones.
func (l *Log) List(ctx context.Context) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		f, err := l.fs.Open(l.path)
		if errors.Is(err, os.ErrNotExist) {
			return
		}
		if err != nil {
			yield(Entry{}, fmt.Errorf("operation log %s: %w", l.path, err))
			return
		}
		defer f.Close()
		newer, end, _, err := l.tail(f)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		if end == 0 || !yield(newer, nil) {
			return
		}
		lines := backwards{f: f, at: end}
		if _, _, err = lines.next(); err != nil { // newer's own
			yield(Entry{}, l.damaged(0, err))
			return
		}
		for newer.N > 1 {
			if err := ctx.Err(); err != nil {
				yield(Entry{}, fmt.Errorf("operation log: %w", err))
				return
			}
			line, offset, err := lines.next()
			var e Entry
			if err == nil {
				e, err = decode(line)
			}
			if err == nil && e.N != newer.N-1 {
				err = fmt.Errorf("operation %d stands before %d", e.N, newer.N)
			}
			if err != nil {
				yield(Entry{}, l.damaged(offset, err))
				return
			}
			if !yield(e, nil) {
				return
			}
			newer = e
		}
		if lines.more() {
			yield(Entry{}, l.damaged(0, errors.New("text before operation 1")))
		}
	}
}

// tail returns the last sound entry, the offset at which its line ends, and the size of
// the file. The entry is zero, and end 0, if there is none.
func (l *Log) tail(f billy.File) (last Entry, end, size int64, err error) {
	size, err = f.Seek(0, io.SeekEnd)
	if err != nil {
		return Entry{}, 0, 0, fmt.Errorf("operation log %s: %w", l.path, err)
	}
	lines := backwards{f: f, at: size}
	for range 2 { // only the very last line may be torn
		if !lines.more() {
			return Entry{}, 0, size, nil
		}
		end = lines.position()
		line, offset, lineErr := lines.next()
		if lineErr != nil {
			return Entry{}, 0, 0, l.damaged(offset, lineErr)
		}
		last, err = decode(line)
		if err == nil {
			return last, end, size, nil
		}
		err = l.damaged(offset, err)
		if holdsWhole(line) {
			break
		}
	}
	return Entry{}, 0, 0, err
}

func (l *Log) damaged(offset int64, err error) error {
	return fmt.Errorf("%w: %s at byte %d: %w", ErrDamaged, l.path, offset, err)
}

// open opens the file for appending, and says whether this made it.
func (l *Log) open() (f billy.File, isNew bool, err error) {
	f, err = l.fs.OpenFile(l.path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		f, err = l.fs.OpenFile(l.path, os.O_RDWR|os.O_CREATE, 0o666)
		isNew = true
	}
	return f, isNew, err
}

// write writes line at offset and returns when it is durable, the file's name included.
func (l *Log) write(f billy.File, offset int64, line []byte, isNew bool) error {
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return err
	}
	if _, err := f.Write(line); err != nil {
		return err
	}
	if err := durable.File(f); err != nil || !isNew {
		return err
	}
	return durable.Folder(l.fs, slashpath.Dir(l.path))
}

// backwards reads the lines of a file from the end.
type backwards struct {
	f   io.ReaderAt
	at  int64  // offset of what has been read but not returned
	buf []byte // what has been read but not returned: it begins at at
}

const backwardsChunkBytes = 16 << 10

// position returns the offset at which the next line ends.
func (b *backwards) position() int64 { return b.at + int64(len(b.buf)) }

func (b *backwards) more() bool { return b.position() > 0 }

// next returns a line, with its line feed if it has one, and its offset. The line is
// valid until the next call. What is longer than LineMaxBytes is an error.
func (b *backwards) next() (line []byte, offset int64, err error) {
	for chunk := int64(backwardsChunkBytes); ; chunk *= 2 {
		// The last byte may be this line's own line feed: the one before it is sought.
		if i := bytes.LastIndexByte(b.buf[:max(len(b.buf)-1, 0)], '\n'); i >= 0 || b.at == 0 {
			line, offset = b.buf[i+1:], b.at+int64(i+1)
			b.buf = b.buf[:i+1]
			return line, offset, nil
		}
		if len(b.buf) > LineMaxBytes {
			return nil, b.at, errors.New("line is too long")
		}
		n := min(chunk, b.at)
		grown := make([]byte, n, n+int64(len(b.buf)))
		if _, err := b.f.ReadAt(grown, b.at-n); err != nil && !errors.Is(err, io.EOF) {
			return nil, b.at, err
		}
		b.buf = append(grown, b.buf...)
		b.at -= n
	}
}
