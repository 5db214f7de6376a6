package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"

	"aergo/cmd/aergo/ui"
	"aergo/repo"
	"aergo/repo/key"
	"aergo/repo/lock"
)

const (
	repositoryFolder = ".aergo"
	lockFile         = "lock"
	derivedFolder    = "derived" // data that can be worked out again
	keysFolder       = "keys"
	identityFile     = "identity" // in the home, holds the name of the usual identity
)

// app is what the commands of one process share.
type app struct {
	ui   *ui.Streams
	env  environment
	args []string // as typed
	verb string   // the command, such as "op log"

	folder string        // -C
	wait   time.Duration // --wait
}

// withRepository runs fn on the repository that the command is about.
func (a *app) withRepository(ctx context.Context, fn func(r repo.Door) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	path, err := a.find()
	if err != nil {
		return err
	}
	opts, done, err := a.options(path)
	if err != nil {
		return err
	}
	defer done()
	r, err := repo.Open(openFolder(path), opts)
	if err != nil {
		return err
	}
	err = fn(r)
	if closeErr := r.Close(); err == nil {
		err = closeErr
	}
	return err
}

// openFolder opens a folder so that what is written there can be made durable.
func openFolder(path string) billy.Filesystem { return osfs.New(path, osfs.WithBoundOS()) }

// find returns the path of the nearest repository's folder, from the folder that the
// command is about upwards.
func (a *app) find() (string, error) {
	start, err := a.path(".")
	if err != nil {
		return "", err
	}
	for at := start; ; at = filepath.Dir(at) {
		path := filepath.Join(at, repositoryFolder)
		info, err := os.Stat(path)
		if err == nil && info.IsDir() {
			return path, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s: %w, nor in a folder above", start, repo.ErrNoRepository)
		}
	}
}

// path returns an absolute path for one that was typed, which is relative to -C.
func (a *app) path(typed string) (string, error) {
	if filepath.IsAbs(typed) {
		return filepath.Clean(typed), nil
	}
	base := a.folder
	if !filepath.IsAbs(base) {
		here, err := a.env.WorkFolder()
		if err != nil {
			return "", err
		}
		base = filepath.Join(here, base)
	}
	return filepath.Join(base, typed), nil
}

// options returns what the door needs to know. The caller calls done at the end.
func (a *app) options(repository string) (opts repo.Options, done func(), err error) {
	opts, err = a.doorOptions(repository)
	if err != nil {
		return opts, nil, err
	}
	bars := &bars{streams: a.ui}
	opts.Progress = bars.show
	opts.OpenPath = a.openPath
	home, err := a.home()
	if err != nil {
		return opts, nil, err
	}
	c := &connector{app: a, home: home, repository: repository, identity: opts.Identity, keys: opts.Keys, progress: bars.show}
	opts.Dial = c.dial
	return opts, bars.done, nil
}

func (a *app) doorOptions(repository string) (opts repo.Options, err error) {
	home, err := a.home()
	if err != nil {
		return opts, err
	}
	identity, err := a.identity(home)
	if err != nil {
		return opts, err
	}
	return repo.Options{
		Keys:     key.NewKeyring(openFolder(filepath.Join(home, keysFolder))),
		Identity: identity,
		Clock:    a.env.Clock,
		Random:   a.env.Random,
		Lock:     patience{lock.NewFile(filepath.Join(repository, lockFile), "aergo "+a.verb), a.wait},
		Waiting:  func(holder string) { a.ui.Note("waiting for %s", holder) },
		Who:      identity,
		Args:     a.args,

		DerivedPath: filepath.Join(repository, derivedFolder),
	}, nil
}

// openPath opens another repository, by the path of its folder or of the one around it.
func (a *app) openPath(_ context.Context, typed string) (*repo.Repo, error) {
	path, err := a.path(strings.TrimPrefix(typed, "file://"))
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(filepath.Join(path, repositoryFolder)); err == nil && info.IsDir() {
		path = filepath.Join(path, repositoryFolder)
	}
	opts, err := a.doorOptions(path)
	if err != nil {
		return nil, err
	}
	r, err := repo.Open(openFolder(path), opts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", typed, err)
	}
	return r, nil
}

// home returns the folder of the user's keys.
func (a *app) home() (string, error) {
	if home := a.env.Getenv("AERGO_HOME"); home != "" {
		if filepath.IsAbs(home) {
			return home, nil
		}
		here, err := a.env.WorkFolder()
		return filepath.Join(here, home), err
	}
	config, err := a.env.ConfigHome()
	if err != nil {
		return "", hinted("set AERGO_HOME to a folder for your keys", fmt.Errorf("no folder for keys: %w", err))
	}
	return filepath.Join(config, "aergo"), nil
}

// identity returns the name of the identity that signs: AERGO_IDENTITY, else what the file
// in the home says, else the name that the operating system knows.
func (a *app) identity(home string) (string, error) {
	if name := a.env.Getenv("AERGO_IDENTITY"); name != "" {
		return name, key.CheckName(name)
	}
	data, err := os.ReadFile(filepath.Join(home, identityFile))
	if err == nil {
		name := strings.TrimSpace(string(data))
		if err := key.CheckName(name); err != nil {
			return "", fmt.Errorf("%s: %w", filepath.Join(home, identityFile), err)
		}
		return name, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	name, err := a.env.UserName()
	if err != nil || key.CheckName(name) != nil {
		return "owner", nil
	}
	return name, nil
}

// ensureIdentity makes the key of the identity that signs if there is none, and says so.
func (a *app) ensureIdentity(ctx context.Context, opts repo.Options) error {
	_, err := opts.Keys.Load(ctx, opts.Identity)
	if !errors.Is(err, key.ErrNoKey) {
		return err
	}
	made, err := opts.Keys.Create(ctx, opts.Identity, opts.Random)
	if errors.Is(err, key.ErrExists) {
		return nil // another command was faster
	}
	if err != nil {
		return err
	}
	home, err := a.home()
	if err != nil {
		return err
	}
	a.ui.Note("made identity %s (key %s), kept in %s", opts.Identity, made.Public().Short(), filepath.Join(home, keysFolder))
	return nil
}

// patience is a lock that is waited for so long and no longer.
type patience struct {
	lock.Lock
	limit time.Duration // below 0 is forever
}

func (p patience) Acquire(ctx context.Context, wait func(holder string)) (func(), error) {
	if p.limit < 0 {
		return p.Lock.Acquire(ctx, wait)
	}
	ctx, cancel := context.WithTimeout(ctx, p.limit)
	defer cancel()
	return p.Lock.Acquire(ctx, wait)
}

// bars shows the progress of long work, one phase after the other.
type bars struct {
	streams *ui.Streams
	mu      sync.Mutex
	phase   string
	count   uint64
	bar     *ui.Progress
}

func (b *bars) show(p repo.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bar == nil || p.Phase != b.phase || p.Done < b.count {
		if b.bar != nil {
			b.bar.Done()
		}
		b.phase, b.count = p.Phase, 0
		b.bar = b.streams.Progress(p.Phase, unitOf(p.Phase), int64(p.Total))
	}
	b.bar.Add(int64(p.Done - b.count))
	b.count = p.Done
}

func unitOf(phase string) ui.Unit {
	switch phase {
	case "reading", "importing":
		return "rows"
	case "verifying":
		return "blocks"
	case "merging":
		return "transactions"
	}
	return "objects"
}

func (b *bars) done() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bar != nil {
		b.bar.Done()
	}
}
