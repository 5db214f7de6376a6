package rpc

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"

	"aergo/repo"
	"aergo/repo/key"
	"aergo/repo/lock"
)

// Names in a repository's folder, and in the folder around it.
const (
	RepositoryFolder = ".aergo"
	LockFile         = "lock"
	intakeFile       = "intake"  // the lock of who accepts submissions
	derivedFolder    = "derived" // data that can be worked out again
	KeysFolder       = "keys"    // in a home
)

// Caller is who asks something of a door, as the command line knows it.
type Caller struct {
	// Home is the folder of the caller's keys and known peers, an absolute path.
	Home string `json:"home"`
	// Identity is the name of the identity that signs.
	Identity string `json:"identity"`
	// Folder is where relative paths begin, an absolute path.
	Folder string `json:"folder"`
	// Verb is the command, such as "op log", and Args are its words, for the operation log
	// and for who waits.
	Verb string   `json:"verb"`
	Args []string `json:"args"`
	// Process is the caller's, for who waits.
	Process int `json:"process"`
	// Wait is how long to wait for other commands; below 0 until they end.
	Wait Patience `json:"wait_ms"`
	// Program is what the caller runs, with its version.
	Program string `json:"program"`
}

// Patience is how long somebody waits for others; below 0 is until they end. In JSON it is
// in milliseconds.
type Patience time.Duration

// MarshalJSON implements json.Marshaler. It rounds up, so that a short wait is not none.
func (p Patience) MarshalJSON() ([]byte, error) {
	ms := (time.Duration(p) + time.Millisecond - 1) / time.Millisecond
	if p < 0 {
		ms = -1
	}
	return json.Marshal(int64(ms))
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *Patience) UnmarshalJSON(data []byte) error {
	var ms int64
	if err := json.Unmarshal(data, &ms); err != nil {
		return err
	}
	const most = int64(1<<62) / int64(time.Millisecond)
	*p = Patience(min(max(ms, -1), most) * int64(time.Millisecond))
	return nil
}

// Notes are what a caller is told while it waits; each may be nil.
type Notes struct {
	// Waiting is called when another process holds the lock, with who does.
	Waiting func(holder string)
	// Progress is called now and then during long work.
	Progress func(repo.Progress)
	// Note is called with a line that the caller should see, Detail with one for who wants to
	// know more.
	Note, Detail func(line string)
}

// Options returns what a repository, the folder at an absolute path, has to know to act for
// the caller. Clock, Random, Dial and OpenPath are left to who opens it.
func (c Caller) Options(path string, tell Notes) repo.Options {
	return repo.Options{
		Keys:        key.NewKeyring(Folder(filepath.Join(c.Home, KeysFolder))),
		Identity:    c.Identity,
		Lock:        patient{lock.NewFileFor(filepath.Join(path, LockFile), "aergo "+c.Verb, c.Process), time.Duration(c.Wait)},
		Intake:      lock.NewFileFor(filepath.Join(path, intakeFile), "aergo "+c.Verb, c.Process),
		Who:         c.Identity,
		Args:        c.Args,
		Waiting:     tell.Waiting,
		Progress:    tell.Progress,
		DerivedPath: filepath.Join(path, derivedFolder),
	}
}

// OpenPath opens another repository for the caller, by the path of its folder or of the one
// around it, which may be relative to the caller's folder. options are those that it gets.
func (c Caller) OpenPath(typed string, options func(path string) repo.Options) (*repo.Repo, error) {
	path := filepath.Clean(strings.TrimPrefix(typed, "file://"))
	if !filepath.IsAbs(path) {
		path = filepath.Join(c.Folder, path)
	}
	if info, err := os.Stat(filepath.Join(path, RepositoryFolder)); err == nil && info.IsDir() {
		path = filepath.Join(path, RepositoryFolder)
	}
	r, err := repo.Open(Folder(path), options(path))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", typed, err)
	}
	return r, nil
}

// Folder opens a folder so that what is written there can be made durable.
func Folder(path string) billy.Filesystem { return osfs.New(path, osfs.WithBoundOS()) }

// patient is a lock that is waited for so long and no longer.
type patient struct {
	lock.Lock
	limit time.Duration // below 0 is forever
}

// Acquire implements lock.Lock.
func (p patient) Acquire(ctx context.Context, wait func(holder string)) (func(), error) {
	if p.limit < 0 {
		return p.Lock.Acquire(ctx, wait)
	}
	ctx, cancel := context.WithTimeout(ctx, p.limit)
	defer cancel()
	return p.Lock.Acquire(ctx, wait)
}
