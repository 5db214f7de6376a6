package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-billy/v5/osfs"

	"aergo/net/transfer"
	"aergo/repo"
)

// repositoryFolder is the folder of a repository, in the one that it is called by.
const repositoryFolder = ".aergo"

// Repositories are those below a root. No more than a number of them are open at the same
// time, but for those that are just being used. It is safe for concurrent use.
type Repositories struct {
	root    string
	options func(folder string) (repo.Options, error)
	limit   int
	// tend runs as long as a repository is open, until ctx ends; nil is nothing.
	tend func(ctx context.Context, name string, r *repo.Repo)

	mu     sync.Mutex
	open   map[string]*opened
	uses   uint64 // counts up
	closed bool
}

// opened is a repository that is open, or being opened.
type opened struct {
	ready chan struct{} // closed when repo or err is there
	repo  *repo.Repo
	err   error
	at    fs.FileInfo // its folder
	end   func()      // ends what tends it, and waits for that
	users int
	last  uint64 // use
}

// NewRepositories returns those below root. options gives what the door needs to know about
// one in a folder.
func NewRepositories(root string, limit int, options func(folder string) (repo.Options, error)) *Repositories {
	return &Repositories{root: root, options: options, limit: limit, open: map[string]*opened{}}
}

// Names returns the names of all repositories, sorted. What may not be read is left out.
func (r *Repositories) Names() ([]string, error) {
	var names []string
	err := filepath.WalkDir(r.root, func(at string, d fs.DirEntry, err error) error {
		if at == r.root {
			return err
		}
		if err != nil || !d.IsDir() {
			return nil // another one's, or gone meanwhile
		}
		name, err := filepath.Rel(r.root, at)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if transfer.CheckRepository(name) != nil {
			return filepath.SkipDir
		}
		if _, err := r.folder(name); err == nil {
			names = append(names, name)
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}

// folder returns the path of a repository's folder. A name that leads through a symbolic
// link leads nowhere. The error wraps repo.ErrNoRepository.
func (r *Repositories) folder(name string) (string, error) {
	at, _, err := r.find(name)
	return at, err
}

func (r *Repositories) find(name string) (at string, info fs.FileInfo, err error) {
	none := fmt.Errorf("%q: %w", name, repo.ErrNoRepository)
	if transfer.CheckRepository(name) != nil || !filepath.IsLocal(filepath.FromSlash(name)) {
		return "", nil, none
	}
	at = r.root
	for part := range strings.SplitSeq(name+"/"+repositoryFolder, "/") {
		at = filepath.Join(at, part)
		if info, err = os.Lstat(at); err != nil || !info.IsDir() {
			return "", nil, none
		}
	}
	return at, info, nil
}

// Check returns an error that wraps repo.ErrNoRepository if there is no repository of this
// name any more, and sees to it that the one that is there now is used, if it is another one.
func (r *Repositories) Check(name string) error {
	_, info, err := r.find(name)
	r.mu.Lock()
	o := r.open[name]
	r.mu.Unlock()
	if o != nil && (err != nil || !os.SameFile(o.at, info)) {
		r.forget(name, o)
	}
	return err
}

// Use runs fn with a repository, which stays open meanwhile. The error wraps
// repo.ErrNoRepository if there is none of this name.
func (r *Repositories) Use(ctx context.Context, name string, fn func(*repo.Repo) error) error {
	o, err := r.take(ctx, name)
	if err != nil {
		return err
	}
	defer r.giveBack(name, o)
	return fn(o.repo)
}

// errClosed says that the daemon stops.
var errClosed = errors.New("the daemon stops")

// take opens a repository, or finds it open.
func (r *Repositories) take(ctx context.Context, name string) (*opened, error) {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil, errClosed
	}
	o := r.open[name]
	if o == nil {
		folder, info, err := r.find(name)
		if err != nil {
			r.mu.Unlock()
			return nil, err
		}
		o = &opened{ready: make(chan struct{}), at: info}
		r.open[name] = o
		go r.fill(o, name, folder)
	}
	o.users++
	r.uses++
	o.last = r.uses
	r.mu.Unlock()
	select {
	case <-o.ready:
	case <-ctx.Done():
		r.giveBack(name, o)
		return nil, ctx.Err()
	}
	if o.err != nil {
		err := o.err
		r.forget(name, o)
		r.giveBack(name, o)
		return nil, err
	}
	return o, nil
}

func (r *Repositories) fill(o *opened, name, folder string) {
	defer close(o.ready)
	opts, err := r.options(folder)
	if err == nil {
		o.repo, err = repo.Open(osfs.New(folder, osfs.WithBoundOS()), opts)
	}
	o.err = err
	if err != nil || r.tend == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	var tending sync.WaitGroup
	tending.Go(func() { r.tend(ctx, name, o.repo) })
	o.end = func() {
		cancel()
		tending.Wait()
	}
}

// giveBack ends a use, and closes what is open beyond the limit and not used.
func (r *Repositories) giveBack(name string, o *opened) {
	r.mu.Lock()
	o.users--
	var idle []*opened
	if r.open[name] != o && o.users == 0 {
		idle = append(idle, o) // it was dropped
	}
	for len(r.open) > r.limit {
		name, oldest := r.oldest()
		if oldest == nil {
			break
		}
		delete(r.open, name)
		idle = append(idle, oldest)
	}
	r.mu.Unlock()
	for _, o := range idle {
		_ = o.close()
	}
}

// oldest returns the repository whose last use is the longest ago, of those that are not used.
func (r *Repositories) oldest() (name string, found *opened) {
	for n, o := range r.open {
		if o.users == 0 && (found == nil || o.last < found.last) {
			name, found = n, o
		}
	}
	return name, found
}

// Forget has a repository opened anew by whoever asks for it next, since nothing is known of
// what state it is in.
func (r *Repositories) Forget(name string) {
	r.mu.Lock()
	o := r.open[name]
	r.mu.Unlock()
	if o != nil {
		r.forget(name, o)
	}
}

// forget takes a repository from those that are open. It is closed when nobody uses it any
// more.
func (r *Repositories) forget(name string, o *opened) {
	r.mu.Lock()
	mine := r.open[name] == o
	if mine {
		delete(r.open, name)
	}
	idle := mine && o.users == 0
	r.mu.Unlock()
	if idle {
		_ = o.close()
	}
}

func (o *opened) close() error {
	<-o.ready
	if o.repo == nil {
		return nil
	}
	if o.end != nil {
		o.end()
	}
	return o.repo.Close()
}

// Open returns the names of those that are open, sorted.
func (r *Repositories) Open() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for name := range r.open {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Close closes all that is open. Nothing may use a repository any more.
func (r *Repositories) Close() error {
	r.mu.Lock()
	r.closed = true
	all := r.open
	r.open = map[string]*opened{}
	r.mu.Unlock()
	var err error
	for _, o := range all {
		err = errors.Join(err, o.close())
	}
	return err
}
