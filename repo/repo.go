package repo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-git/go-billy/v5"

	"aergo/branch"
	"aergo/consensus/directory"
	"aergo/contract/table"
	"aergo/dtt"
	"aergo/repo/key"
	"aergo/repo/lock"
	"aergo/repo/object"
	"aergo/repo/oplog"
	"aergo/repo/ref"
	"aergo/repo/store"
)

// DefaultBranch is the branch that a new repository begins with.
const DefaultBranch ref.Name = "master"

const (
	packsFolder = "packs"
	refsFolder  = "refs"
	poolsFolder = "pools"

	operationsFile = "oplog"

	// frameCacheBytes holds the tree of a million rows: a merge that touches all of it
	// reads it four times over.
	frameCacheBytes = 128 << 20
)

// Options are what a repository gets from outside.
type Options struct {
	// Keys holds the identities that can sign.
	Keys *key.Keyring
	// Identity is the name of the one that signs unless a request says otherwise.
	Identity string
	// Clock tells the time; nil is the system's.
	Clock func() time.Time
	// Random is where nonces come from; nil is the system's.
	Random io.Reader
	// Workers is how many processors to use; 0 is all.
	Workers int
	// Lock makes changes by several processes wait for each other; nil is a lock within
	// this one.
	Lock lock.Lock
	// Intake makes processes that accept submissions wait for each other; nil is a lock within
	// this one. It must not be the same as Lock.
	Intake lock.Lock
	// Waiting is called once when another process holds the lock, with who does.
	Waiting func(holder string)
	// Progress is called now and then during long work; nil is nobody.
	Progress func(Progress)
	// DerivedPath is a folder of the operating system for data that can be worked out
	// again; empty for none. It is not opened before it is needed.
	DerivedPath string
	// OpenPath opens another repository on this machine, by the path of its folder or of
	// the folder that it serves; nil is nobody who can. The caller closes it.
	OpenPath func(ctx context.Context, path string) (*Repo, error)
	// Dial opens a repository elsewhere, by an address with a scheme, such as
	// aergo://host:port/name; nil is nobody who can. The caller closes it.
	Dial func(ctx context.Context, address string) (Remote, error)
	// Who and Args describe the command in the operation log.
	Who  string
	Args []string

	packs store.Options // small ones, in tests
}

// Progress is how far long work has come.
type Progress struct {
	Phase string // "reading", "importing", "verifying", "fetching", "merging"
	Done  uint64
	Total uint64 // 0 if not known
}

// Repo is an open repository as one caller works with it. It is safe for concurrent use;
// changes wait for each other.
type Repo struct {
	opts     Options
	borrowed bool // from the Repo that has opened it
	settings atomic.Pointer[config]
	loaded   atomic.Pointer[branch.Ledger] // by what the settings say
	*opened
}

// opened is what all callers of an open repository share.
type opened struct {
	fs      billy.Filesystem
	refs    *ref.Store
	log     *oplog.Log
	workers *dtt.Pool
	packs   store.Options
	intake  *intake

	directories *directory.Set
	keys        *key.Cache

	opening sync.Mutex // held by who sets disk, or a caller's ledger
	disk    store.Store
}

// Open opens the repository whose folder is fs. Nothing is read but its configuration. If
// an operation was stopped half way, it is taken back first.
func Open(fs billy.Filesystem, opts Options) (*Repo, error) {
	c, err := readConfig(fs)
	if err != nil {
		return nil, err
	}
	r, err := open(fs, opts, c)
	if err != nil {
		return nil, err
	}
	if err := r.recoverIfStopped(context.Background()); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// recoverIfStopped costs one look at a file, unless an operation was stopped or is just
// being made.
func (r *Repo) recoverIfStopped(ctx context.Context) error {
	if info, err := r.fs.Stat(intentFile); err != nil || info.Size() == 0 {
		return ignore(err, os.ErrNotExist)
	}
	unlock, err := r.acquire(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return r.takeBackStopped(ctx)
}

func open(fs billy.Filesystem, opts Options, c config) (*Repo, error) {
	refsFS, err := fs.Chroot(refsFolder)
	if err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	r := &Repo{opts: opts, opened: &opened{
		fs: fs, refs: ref.NewStore(refsFS), log: oplog.New(fs, operationsFile), workers: dtt.NewPool(opts.Workers), packs: opts.packs,
		intake: newIntake(opts.Intake), directories: directory.NewSet(), keys: key.NewCache(1 << 12),
	}}
	r.setConfig(c)
	r.intake.home = r
	return r, nil
}

func (o Options) withDefaults() Options {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Lock == nil {
		o.Lock = lock.NewMemory(o.Who)
	}
	if o.Intake == nil {
		o.Intake = lock.NewMemory(o.Who)
	}
	if o.packs.CacheBytes == 0 {
		o.packs.CacheBytes = frameCacheBytes
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	return o
}

// ErrReplaced says that a repository's folder holds another repository than the one that
// was opened.
var ErrReplaced = errors.New("repository has been replaced")

// As returns the repository for another caller, with its own options, in no more time than
// it takes to read the configuration: objects, caches and workers are shared, so Workers
// and what is said about packs have no effect. Like Open it takes back an operation that
// was stopped, and sees what other processes have changed. It fails with ErrReplaced, or
// with ErrNoRepository, if the folder no longer holds the repository that was opened; then
// that one has to be closed.
//
// The Lock of opts is shared with nobody: callers that are to wait for each other have
// locks on one file, or one Lock. Closing what As returns leaves the repository open, which
// is closed after all that As has returned.
func (r *Repo) As(ctx context.Context, opts Options) (*Repo, error) {
	c, err := readConfig(r.fs)
	if err != nil {
		return nil, err
	}
	if c.Directory != r.config().Directory {
		return nil, ErrReplaced
	}
	out := &Repo{opts: opts.withDefaults(), borrowed: true, opened: r.opened}
	out.setConfig(c)
	if err := out.recoverIfStopped(ctx); err != nil {
		return nil, err
	}
	return out, nil
}

// Close releases the repository.
func (r *Repo) Close() error {
	if r.borrowed {
		return nil
	}
	r.intake.close()
	r.opening.Lock()
	defer r.opening.Unlock()
	r.workers.Close()
	if r.disk == nil {
		return nil
	}
	err := r.disk.Close()
	r.disk = nil
	r.loaded.Store(nil)
	return err
}

// checkUnused says whether a repository may be made in a folder. What an init left that was
// stopped is no hindrance; a repository that has lost its configuration is.
func checkUnused(fs billy.Filesystem) error {
	_, err := readConfig(fs)
	switch {
	case err == nil:
		return ErrExists
	case !errors.Is(err, ErrNoRepository):
		return err
	}
	_, err = fs.Stat(operationsFile)
	switch {
	case err == nil:
		return fmt.Errorf("%w: operations have been recorded, but %s is gone", ErrFormat, configFile)
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	return nil
}

func (r *Repo) nonce() (n [directory.NonceSize]byte, err error) {
	_, err = io.ReadFull(r.opts.Random, n[:])
	return n, err
}

func (r *Repo) now() uint64 { return uint64(r.opts.Clock().UnixMilli()) }

// acquire takes the repository's lock.
func (r *Repo) acquire(ctx context.Context) (func(), error) {
	return r.opts.Lock.Acquire(ctx, r.opts.Waiting)
}

// objects opens the store when it is first needed: many commands never do.
func (r *Repo) objects() (store.Store, error) {
	if r.disk != nil {
		return r.disk, nil
	}
	packs, err := r.fs.Chroot(packsFolder)
	if err != nil {
		return nil, err
	}
	disk, err := store.Open(packs, r.packs)
	if err != nil {
		return nil, err
	}
	r.disk = disk
	return disk, nil
}

// chain opens the objects alone, for what needs no Directory.
func (r *Repo) chain() (branch.Chain, error) {
	r.opening.Lock()
	defer r.opening.Unlock()
	disk, err := r.objects()
	if err != nil {
		return branch.Chain{}, err
	}
	return branch.Chain{Objects: r.readable(disk)}, nil
}

// ledger opens the objects and the Directory.
func (r *Repo) ledger(ctx context.Context) (*branch.Ledger, error) {
	r.opening.Lock()
	defer r.opening.Unlock()
	head := r.config().directoryHead()
	if l := r.led(); l != nil && l.Directory.ID == head {
		return l, nil
	}
	disk, err := r.objects()
	if err != nil {
		return nil, err
	}
	dir, err := r.directories.At(ctx, disk, head)
	if err != nil {
		return nil, err
	}
	l := r.ledgerOver(disk, dir)
	r.loaded.Store(l)
	return l, nil
}

// led returns what ledger has opened, nil if nothing.
func (r *Repo) led() *branch.Ledger { return r.loaded.Load() }

func (r *Repo) ledgerOver(disk store.Store, dir *directory.Directory) *branch.Ledger {
	return &branch.Ledger{
		Chain: branch.Chain{Objects: r.readable(disk)}, Runtime: table.NewRuntime(), Workers: r.workers, Directory: dir, Directories: r.directories,
		Keys: r.keys, Logics: readyLogic,
	}
}

// signer loads an identity's key.
func (r *Repo) signer(ctx context.Context, name string) (branch.Signer, error) {
	if r.opts.Keys == nil {
		return branch.Signer{}, fmt.Errorf("key of %s: %w", name, key.ErrNoKey)
	}
	priv, err := r.opts.Keys.Load(ctx, name)
	if err != nil {
		return branch.Signer{}, err
	}
	return branch.Signer{Identity: object.Identity{Key: priv.Public(), Name: name}, Private: priv}, nil
}

// owner loads the key of the Directory's owner, which seals blocks here.
func (r *Repo) owner(ctx context.Context, l *branch.Ledger) (branch.Signer, error) {
	if err := r.mayExecute(); err != nil {
		return branch.Signer{}, err
	}
	r.opening.Lock()
	name := r.config().Owner
	r.opening.Unlock()
	s, err := r.signer(ctx, name)
	if err != nil {
		return branch.Signer{}, fmt.Errorf("owner's key: %w", err)
	}
	if s.Identity.Key != l.Directory.Owner.Key {
		return branch.Signer{}, fmt.Errorf("key %q: %w: the repository belongs to %x", name, ErrNotPermitted, l.Directory.Owner.Key[:4])
	}
	return s, nil
}

// ErrNotPermitted says that the identity may not do what was asked.
var ErrNotPermitted = errors.New("not permitted")
