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

	"aergo/cmd/aergo/ui"
	"aergo/net/rpc"
	"aergo/repo"
	"aergo/repo/key"
)

const (
	repositoryFolder = rpc.RepositoryFolder
	lockFile         = rpc.LockFile
	keysFolder       = rpc.KeysFolder
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
	caller, err := a.caller()
	if err != nil {
		return err
	}
	tell, done := a.notes()
	defer done()
	r, err := a.open(ctx, path, caller, tell)
	if err != nil {
		return err
	}
	err = fn(r)
	if closeErr := r.Close(); err == nil {
		err = closeErr
	}
	return err
}

// open returns the door of a repository: that of the process that serves it, if there is
// one.
func (a *app) open(ctx context.Context, path string, caller rpc.Caller, tell rpc.Notes) (repo.Door, error) {
	if a.env.Arrive != nil {
		a.env.Arrive(path)
	}
	served, err := rpc.Dial(ctx, path, caller, tell)
	if err == nil {
		return served, nil
	}
	if !errors.Is(err, rpc.ErrNoServer) {
		return nil, err
	}
	return repo.Open(openFolder(path), a.env.options(caller, path, tell))
}

// openFolder opens a folder so that what is written there can be made durable.
func openFolder(path string) billy.Filesystem { return rpc.Folder(path) }

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

// options returns what a repository that is made here has to know. The caller calls done
// at the end.
func (a *app) options(repository string) (opts repo.Options, done func(), err error) {
	caller, err := a.caller()
	if err != nil {
		return opts, nil, err
	}
	tell, done := a.notes()
	return a.env.options(caller, repository, tell), done, nil
}

// caller is who runs the command.
func (a *app) caller() (rpc.Caller, error) {
	home, err := a.home()
	if err != nil {
		return rpc.Caller{}, err
	}
	identity, err := a.identity(home)
	if err != nil {
		return rpc.Caller{}, err
	}
	folder, err := a.path(".")
	if err != nil {
		return rpc.Caller{}, err
	}
	return rpc.Caller{
		Home: home, Identity: identity, Folder: folder, Verb: a.verb, Args: a.args, Process: os.Getpid(), Wait: rpc.Patience(a.wait),
		Program: "aergo " + version(),
	}, nil
}

// notes shows on the terminal what there is to tell while a command runs. Who asks for them
// calls done at the end.
func (a *app) notes() (tell rpc.Notes, done func()) {
	bars := &bars{streams: a.ui}
	return rpc.Notes{
		Waiting:  func(holder string) { a.ui.Note("waiting for %s", holder) },
		Progress: bars.show,
		Note:     func(line string) { a.ui.Note("%s", line) },
		Detail:   func(line string) { a.ui.Detail("%s", line) },
	}, bars.done
}

// options returns what a repository, the folder at a path, has to know to act for a caller,
// whether in the caller's process or in that of a daemon.
func (e environment) options(caller rpc.Caller, path string, tell rpc.Notes) repo.Options {
	within := func(path string, tell rpc.Notes) repo.Options {
		opts := caller.Options(path, tell)
		opts.Clock, opts.Random = e.Clock, e.Random
		return opts
	}
	opts := within(path, tell)
	opts.OpenPath = func(_ context.Context, typed string) (*repo.Repo, error) {
		return caller.OpenPath(typed, func(path string) repo.Options { return within(path, rpc.Notes{Waiting: tell.Waiting}) })
	}
	opts.Dial = (&connector{caller: caller, repository: path, keys: opts.Keys, tell: tell}).dial
	return opts
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
