package lock

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"unicode"
)

// File is a Lock between processes, on a file of the operating system.
type File struct {
	path string
	// local orders the goroutines that share this File: the kernel would exclude them,
	// but Go's memory model knows nothing of the kernel's lock.
	local *Memory
}

// NewFile returns a lock on the file at path, which is made when it is needed; its folder
// must exist. command says who holds it, for example "aergo import".
func NewFile(path, command string) *File { return NewFileFor(path, command, os.Getpid()) }

// NewFileFor is NewFile on behalf of another process. Who waits is told of that one.
func NewFileFor(path, command string, process int) *File {
	return &File{path: path, local: NewMemory(fmt.Sprintf("%s (process %d)", command, process))}
}

// holderMaxBytes bounds what is read of the words about the holder.
const holderMaxBytes = 200

// Acquire implements Lock.
func (l *File) Acquire(ctx context.Context, wait func(holder string)) (func(), error) {
	told := false
	tell := func(holder string) {
		if wait != nil && !told {
			told = true
			wait(holder)
		}
	}
	releaseLocal, err := l.local.Acquire(ctx, tell)
	if err != nil {
		return nil, err
	}
	f, err := l.acquireFile(ctx, tell)
	if err != nil {
		releaseLocal()
		return nil, err
	}
	l.write(f)
	return sync.OnceFunc(func() {
		_ = f.Truncate(0)
		_ = f.Close() // this unlocks
		releaseLocal()
	}), nil
}

// Try takes the lock if nobody has it, and leaves nobody in line behind. Otherwise the error
// wraps ErrBusy, and holder says who has it. It does not look at who shares this File.
func (l *File) Try() (release func(), holder string, err error) {
	f, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, "", fmt.Errorf("open lock file: %w", err)
	}
	ok, err := tryLock(f)
	if err != nil || !ok {
		holder = readHolder(f)
		f.Close()
		if err != nil {
			return nil, "", fmt.Errorf("lock %s: %w", l.path, err)
		}
		return nil, holder, ErrBusy
	}
	l.write(f)
	return sync.OnceFunc(func() {
		_ = f.Truncate(0)
		_ = f.Close() // this unlocks
	}), "", nil
}

// acquireFile returns the lock file, open and locked.
func (l *File) acquireFile(ctx context.Context, tell func(holder string)) (*os.File, error) {
	f, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	ok, err := tryLock(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", l.path, err)
	}
	if ok {
		return f, nil
	}
	tell(readHolder(f))

	// The kernel's own queue wakes the next in line at once, but cannot be left: when
	// ctx ends, the goroutine stays behind and gives back what it gets too late.
	got := make(chan error, 1)
	go func() { got <- waitLock(f) }()
	select {
	case err := <-got:
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", l.path, err)
		}
		return f, nil
	case <-ctx.Done():
		go func() {
			<-got //nolint:errcheck // whether it was taken or not, the file goes
			f.Close()
		}()
		return nil, busy(ctx.Err())
	}
}

// write says in the lock file who holds the lock. What goes wrong with the words is
// ignored: they are for people, and the lock is held all the same.
func (l *File) write(f *os.File) {
	_ = f.Truncate(0)
	_, _ = f.WriteAt([]byte(l.local.command+"\n"), 0)
}

// readHolder returns what stands in the file, fit for a terminal.
func readHolder(f *os.File) string {
	text, _ := io.ReadAll(io.NewSectionReader(f, 0, holderMaxBytes))
	line, _, _ := strings.Cut(strings.ToValidUTF8(string(text), ""), "\n")
	return holderOr(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, line))
}
