// Package faultfs is a go-billy filesystem in memory for crash tests. It keeps apart what
// a program has written and what it has synced, fails or loses operations on demand, and
// makes clones as a crash would leave them: what was synced is there, of the rest any part
// may be.
//
// It is strict where systems differ: the contents of a file are durable after Sync on a
// handle of it, its name only after Sync on a handle of its folder. It does not know
// symbolic links, keeps permissions without heeding them, and is for tests only.
package faultfs

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-git/go-billy/v5"
)

// ErrCrashed is the error of every operation after a crash.
var ErrCrashed = errors.New("faultfs: crashed")

// ErrNoSpace is the error of writes to a full disk. It matches syscall.ENOSPC.
var ErrNoSpace = fmt.Errorf("faultfs: %w", syscall.ENOSPC)

// Op names an operation that changes something.
type Op string

// The operations that faults can hit.
const (
	OpCreate   Op = "create"
	OpWrite    Op = "write"
	OpTruncate Op = "truncate"
	OpSync     Op = "sync"
	OpRename   Op = "rename"
	OpRemove   Op = "remove"
	OpMkdir    Op = "mkdir"
)

// Fault says what happens to one operation.
type Fault struct {
	Err error // returned, if not nil
	// Short bytes of a write happen all the same.
	Short int
	// Drop makes the operation do nothing; without Err it pretends to have succeeded.
	Drop bool
	// Crash makes every later operation fail with ErrCrashed.
	Crash bool
}

// Plan decides about the n-th changing operation, counted from 0, on the named file.
type Plan func(n int, op Op, name string) Fault

// CrashAt crashes in place of the n-th changing operation.
func CrashAt(n int) Plan {
	return func(i int, _ Op, _ string) Fault {
		if i != n {
			return Fault{}
		}
		return Fault{Err: ErrCrashed, Drop: true, Crash: true}
	}
}

// FailAt makes the n-th changing operation fail with err and do nothing, but for the first
// short bytes of a write.
func FailAt(n int, err error, short int) Plan {
	return func(i int, _ Op, _ string) Fault {
		if i != n {
			return Fault{}
		}
		return Fault{Err: err, Drop: true, Short: short}
	}
}

// FailOp makes every operation op fail with err.
func FailOp(op Op, err error) Plan {
	return func(_ int, o Op, _ string) Fault {
		if o != op {
			return Fault{}
		}
		return Fault{Err: err, Drop: true}
	}
}

// node is a file or a folder.
type node struct {
	dir     bool
	mode    fs.FileMode // of a file
	data    []byte
	synced  []byte
	pending []change // since the last sync, in order

	names   map[string]*node // of a folder
	durable map[string]*node
	renames []rename
}

// change is a write or a truncation that is not synced.
type change struct {
	offset   int64
	data     []byte
	truncate bool // to offset
}

// rename is a change of a folder's names that is not synced: name becomes node, or goes
// if that is nil. A rename within a folder takes away and gives at once.
type rename struct {
	name, gone string
	node       *node
}

func newDir() *node {
	return &node{dir: true, names: map[string]*node{}, durable: map[string]*node{}}
}

// disk is what all handles and sub-filesystems of an FS share.
type disk struct {
	mu       sync.Mutex
	root     *node
	ops      int
	plan     Plan
	crashed  bool
	capacity int64 // in bytes of all files together; none if 0
	temps    int
}

// FS is the filesystem. It is safe for concurrent use.
type FS struct {
	*disk
	base string
}

// New returns an empty filesystem without faults.
func New() *FS { return &FS{disk: &disk{root: newDir()}, base: "/"} }

// SetPlan replaces the plan of faults; nil means none. It does not reset the count.
func (f *FS) SetPlan(p Plan) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan = p
}

// SetCapacity bounds the bytes of all files together: writes beyond it are short and fail
// with ErrNoSpace. 0 means no bound.
func (f *FS) SetCapacity(bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.capacity = bytes
}

// Ops returns the number of changing operations so far.
func (f *FS) Ops() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ops
}

// Crash makes every later operation fail.
func (f *FS) Crash() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.crashed = true
}

// begin counts a changing operation and returns its fault. The caller holds the lock.
func (d *disk) begin(op Op, name string) Fault {
	if d.crashed {
		return Fault{Err: ErrCrashed, Drop: true}
	}
	n := d.ops
	d.ops++
	if d.plan == nil {
		return Fault{}
	}
	fault := d.plan(n, op, name)
	d.crashed = fault.Crash
	return fault
}

func (f *FS) path(name string) string { return path.Join(f.base, path.Join("/", name)) }

// lookup returns the node at a cleaned absolute path, or nil.
func (d *disk) lookup(p string) *node {
	at := d.root
	for part := range strings.SplitSeq(strings.Trim(p, "/"), "/") {
		if part == "" {
			continue
		}
		if at == nil || !at.dir {
			return nil
		}
		at = at.names[part]
	}
	return at
}

// mkdirs returns the folder at p, made if need be. Made folders are durable at once.
func (d *disk) mkdirs(p string) (*node, error) {
	at := d.root
	for part := range strings.SplitSeq(strings.Trim(p, "/"), "/") {
		if part == "" {
			continue
		}
		next := at.names[part]
		if next == nil {
			next = newDir()
			at.names[part], at.durable[part] = next, next
		}
		if !next.dir {
			return nil, &fs.PathError{Op: "mkdir", Path: p, Err: syscall.ENOTDIR}
		}
		at = next
	}
	return at, nil
}

// Create implements billy.Basic.
func (f *FS) Create(name string) (billy.File, error) {
	return f.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

// Open implements billy.Basic. Folders can be opened, to be synced.
func (f *FS) Open(name string) (billy.File, error) { return f.OpenFile(name, os.O_RDONLY, 0) }

// OpenFile implements billy.Basic. Making a file, and emptying one, count as operations.
func (f *FS) OpenFile(name string, flag int, perm os.FileMode) (billy.File, error) {
	p := f.path(name)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.crashed {
		return nil, ErrCrashed
	}
	n := f.lookup(p)
	switch {
	case n == nil && flag&os.O_CREATE == 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case n != nil && flag&os.O_CREATE != 0 && flag&os.O_EXCL != 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrExist}
	case n != nil && n.dir && flag&(os.O_WRONLY|os.O_RDWR) != 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EISDIR}
	case n == nil:
		fault := f.begin(OpCreate, p)
		if fault.Err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fault.Err}
		}
		dir, err := f.mkdirs(path.Dir(p))
		if err != nil {
			return nil, err
		}
		n = &node{mode: perm.Perm() &^ 0o022}
		dir.link(path.Base(p), "", n)
	case flag&os.O_TRUNC != 0 && len(n.data) > 0:
		fault := f.begin(OpTruncate, p)
		if fault.Err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fault.Err}
		}
		if !fault.Drop {
			n.truncate(0)
		}
	}
	return &file{disk: f.disk, node: n, name: name, path: p, append: flag&os.O_APPEND != 0, writable: flag&(os.O_WRONLY|os.O_RDWR) != 0}, nil
}

// link notes a change of names.
func (n *node) link(name, gone string, child *node) {
	if gone != "" {
		delete(n.names, gone)
	}
	if child == nil {
		delete(n.names, name)
	} else {
		n.names[name] = child
	}
	n.renames = append(n.renames, rename{name, gone, child})
}

// Rename implements billy.Basic.
func (f *FS) Rename(from, to string) error {
	from, to = f.path(from), f.path(to)
	f.mu.Lock()
	defer f.mu.Unlock()
	fault := f.begin(OpRename, to)
	if fault.Drop || fault.Err != nil {
		return fault.Err
	}
	n := f.lookup(from)
	if n == nil || n.dir {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	target, err := f.mkdirs(path.Dir(to))
	if err != nil {
		return err
	}
	source := f.lookup(path.Dir(from))
	if source == target {
		target.link(path.Base(to), path.Base(from), n)
		return nil
	}
	target.link(path.Base(to), "", n)
	source.link(path.Base(from), "", nil)
	return nil
}

// Remove implements billy.Basic.
func (f *FS) Remove(name string) error {
	p := f.path(name)
	f.mu.Lock()
	defer f.mu.Unlock()
	fault := f.begin(OpRemove, p)
	if fault.Drop || fault.Err != nil {
		return fault.Err
	}
	n := f.lookup(p)
	if n == nil || p == "/" {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	if n.dir && len(n.names) > 0 {
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.ENOTEMPTY}
	}
	f.lookup(path.Dir(p)).link(path.Base(p), "", nil)
	return nil
}

// MkdirAll implements billy.Dir.
func (f *FS) MkdirAll(name string, _ os.FileMode) error {
	p := f.path(name)
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := f.lookup(p); n != nil && n.dir {
		return nil
	}
	fault := f.begin(OpMkdir, p)
	if fault.Drop || fault.Err != nil {
		return fault.Err
	}
	_, err := f.mkdirs(p)
	return err
}

// ReadDir implements billy.Dir.
func (f *FS) ReadDir(name string) ([]os.FileInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.crashed {
		return nil, ErrCrashed
	}
	n := f.lookup(f.path(name))
	if n == nil || !n.dir {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	infos := make([]os.FileInfo, 0, len(n.names))
	for name, child := range n.names {
		infos = append(infos, info{name, int64(len(child.data)), child.dir, child.mode})
	}
	slices.SortFunc(infos, func(a, b os.FileInfo) int { return strings.Compare(a.Name(), b.Name()) })
	return infos, nil
}

// Stat implements billy.Basic.
func (f *FS) Stat(name string) (os.FileInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.crashed {
		return nil, ErrCrashed
	}
	n := f.lookup(f.path(name))
	if n == nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return info{path.Base(name), int64(len(n.data)), n.dir, n.mode}, nil
}

// Lstat implements billy.Symlink.
func (f *FS) Lstat(name string) (os.FileInfo, error) { return f.Stat(name) }

// Symlink implements billy.Symlink; it is not supported.
func (f *FS) Symlink(_, _ string) error { return billy.ErrNotSupported }

// Readlink implements billy.Symlink; it is not supported.
func (f *FS) Readlink(string) (string, error) { return "", billy.ErrNotSupported }

// TempFile implements billy.TempFile.
func (f *FS) TempFile(dir, prefix string) (billy.File, error) {
	f.mu.Lock()
	f.temps++
	name := path.Join(dir, fmt.Sprintf("%s%d", prefix, f.temps))
	f.mu.Unlock()
	return f.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// Join implements billy.Basic.
func (f *FS) Join(elem ...string) string { return path.Join(elem...) }

// Chroot implements billy.Chroot. The result shares contents, faults and counts.
func (f *FS) Chroot(name string) (billy.Filesystem, error) {
	return &FS{disk: f.disk, base: f.path(name)}, nil
}

// Root implements billy.Chroot.
func (f *FS) Root() string { return f.base }

// CrashClone returns the filesystem as a crash at this moment may leave it, without faults:
// all that was synced, and a random part of what was not. Of the unsynced changes of a
// file, a prefix reaches the disk, the last one in part; or any selection of them, torn in
// sectors; or all; or none. Of the unsynced names of a folder a prefix does.
func (f *FS) CrashClone(rng *rand.Rand) *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := map[*node]*node{}
	return &FS{disk: &disk{root: f.root.afterCrash(rng, seen)}, base: f.base}
}

// SyncedClone is CrashClone where nothing that was not synced reaches the disk.
func (f *FS) SyncedClone() *FS { return f.CrashClone(nil) }

// Clone returns a copy of the filesystem as it is, all of it synced, without faults.
func (f *FS) Clone() *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &FS{disk: &disk{root: f.root.copy()}, base: f.base}
}

type info struct {
	name string
	size int64
	dir  bool
	mode fs.FileMode
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.dir }
func (i info) Sys() any           { return nil }
func (i info) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o755
	}
	return i.mode
}
