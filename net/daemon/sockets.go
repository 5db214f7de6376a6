package daemon

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"sync"
	"time"

	"aergo/net/rpc"
	"aergo/repo"
)

// sockets are the doors of the repositories for commands on this machine: one socket in the
// folder of each.
type sockets struct {
	d      *Daemon
	ctx    context.Context
	cancel context.CancelFunc
	all    sync.WaitGroup

	mu   sync.Mutex
	open map[string]*socket // by the repository's name
}

// socket is the door of one repository.
type socket struct {
	listener net.Listener
	end      context.CancelFunc
}

// lookEvery is how often the root is searched for repositories that are new. Until they are
// found commands open them themselves, as they do without a daemon.
const lookEvery = 5 * time.Second

// startSockets opens the doors of all repositories, and goes on looking for new ones.
func (d *Daemon) startSockets() error {
	s := &sockets{d: d, open: map[string]*socket{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.look(); err != nil {
		s.cancel()
		return err
	}
	d.sockets = s
	s.all.Go(func() {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			select {
			case <-s.ctx.Done():
				return
			case <-tick.C:
			}
			if err := s.look(); err != nil {
				d.log.Warn("looking for repositories", "error", err.Error())
			}
		}
	})
	return nil
}

// look opens the doors of repositories that are new, and closes those of repositories that
// are gone.
func (s *sockets) look() error {
	names, err := s.d.repositories.Names()
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, name := range names {
		there[name] = true
		s.begin(name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, door := range s.open {
		if !there[name] {
			door.end()
			delete(s.open, name)
		}
	}
	return nil
}

// begin opens the door of a repository, unless it is open.
func (s *sockets) begin(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if door := s.open[name]; door != nil {
		if rpc.Listens(door.listener) {
			return
		}
		door.end() // another repository is there now
	}
	folder, err := s.d.repositories.folder(name)
	if err != nil {
		return // it has just gone
	}
	l, err := rpc.Listen(folder)
	if err != nil {
		level := s.d.log.Warn
		if errors.Is(err, rpc.ErrServed) {
			level = s.d.log.Debug
		}
		level("no socket", "repository", name, "error", err.Error())
		return
	}
	ctx, end := context.WithCancel(s.ctx)
	door := &socket{l, end}
	s.open[name] = door
	server := rpc.Server{
		Open: func(ctx context.Context, caller rpc.Caller, tell rpc.Notes) (repo.Door, error) {
			return s.d.door(ctx, name, folder, caller, tell)
		},
		Program: s.d.opts.Program,
		Grace:   s.d.opts.Settings.StopWait,
		Called: func(_ rpc.Caller, verb string, took time.Duration, err error) {
			s.d.metrics.calls.WithLabelValues(verb, outcome(err)).Observe(took.Seconds())
		},
	}
	s.all.Go(func() {
		if err := server.Serve(ctx, l); err != nil {
			s.d.log.Error("socket", "repository", name, "error", err.Error())
		}
		end()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.open[name] == door {
			delete(s.open, name) // so that it is opened again, if it is still wanted
		}
	})
}

// stop closes the doors, and waits for those who are inside.
func (s *sockets) stop() {
	s.cancel()
	s.all.Wait()
}

// door is a repository as a caller sees it. It stays open as long as that.
type door struct {
	*repo.Repo
	leave func()
}

// Close implements io.Closer.
func (d *door) Close() error {
	err := d.Repo.Close()
	d.leave()
	return err
}

// door returns a repository for a caller. If another one has taken its place, it is that.
func (d *Daemon) door(ctx context.Context, name, folder string, caller rpc.Caller, tell rpc.Notes) (repo.Door, error) {
	for {
		if err := d.repositories.Check(name); err != nil {
			return nil, err
		}
		o, err := d.repositories.take(ctx, name)
		if err != nil {
			return nil, err
		}
		as, err := o.repo.As(ctx, d.opts.Caller(caller, filepath.Clean(folder), tell))
		if err == nil {
			return &door{Repo: as, leave: sync.OnceFunc(func() { d.repositories.giveBack(name, o) })}, nil
		}
		d.repositories.giveBack(name, o)
		if !errors.Is(err, repo.ErrReplaced) {
			return nil, err
		}
		d.repositories.forget(name, o)
	}
}
