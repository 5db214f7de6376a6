package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-git/go-billy/v5/osfs"

	"aergo/net/peer"
	"aergo/net/problem"
	"aergo/net/rpc"
	"aergo/net/transfer"
	"aergo/repo"
	"aergo/repo/lock"
)

// Options are what a Daemon gets from outside.
type Options struct {
	Settings Settings // as Load returns them, with a root that is an absolute path
	// Repository gives what the door needs to know about the repository in a folder. Its keys
	// sign what a push makes.
	Repository func(folder string) (repo.Options, error)
	// Caller gives what the door of the repository in a folder needs to know to act for a
	// caller on this machine; nil opens no sockets for them.
	Caller func(caller rpc.Caller, folder string, tell rpc.Notes) repo.Options
	// Program is what runs, with its version.
	Program string
	// Access says who may do what; nil is the repository's Directory, with Rights.
	Access Access
	// Log is where to log; nil is nowhere.
	Log io.Writer
}

const (
	// ownFolder, in the root, holds what is the daemon's.
	ownFolder    = ".daemon"
	identityFile = "identity"
	knownFile    = "known_peers"
	rootLockFile = "lock"
)

// ErrServed says that another daemon serves the root.
var ErrServed = errors.New("another daemon serves this folder")

// Daemon is one that runs. It is safe for concurrent use.
type Daemon struct {
	opts         Options
	log          *slog.Logger
	repositories *Repositories
	metrics      *metrics
	peers        *peer.Host
	transfers    *transfer.Server
	sockets      *sockets
	status       *web
	gateway      *web
	unlock       func()

	ready   atomic.Bool
	talking atomic.Int64 // conversations
	merging atomic.Int64

	mu      sync.Mutex
	streams map[*watched]bool
}

// Start starts a daemon, and returns when peers can reach it. ctx bounds the start only.
// The error wraps ErrServed if another daemon serves the root.
func Start(ctx context.Context, opts Options) (*Daemon, error) {
	level, err := opts.Settings.level()
	if err != nil {
		return nil, err
	}
	if opts.Access == nil {
		opts.Access = Rights{Readable: opts.Settings.Readable}
	}
	if opts.Log == nil {
		opts.Log = io.Discard
	}
	d := &Daemon{opts: opts, log: newLogger(opts, level), streams: map[*watched]bool{}, unlock: func() {}}
	d.repositories = NewRepositories(opts.Settings.Root, opts.Settings.OpenRepositories, opts.Repository)
	d.repositories.tend = d.seal
	err = ctx.Err()
	if err == nil {
		err = d.start()
	}
	if err != nil {
		return nil, errors.Join(err, d.close(context.WithoutCancel(ctx)))
	}
	names, err := d.repositories.Names()
	if err != nil {
		return nil, errors.Join(err, d.close(context.WithoutCancel(ctx)))
	}
	d.sealLeft(ctx, names)
	d.ready.Store(true)
	d.log.Info("ready", "root", opts.Settings.Root, "peer", string(d.peers.ID()), "repositories", len(names))
	return d, nil
}

func newLogger(opts Options, level slog.Level) *slog.Logger {
	how := &slog.HandlerOptions{Level: level}
	if opts.Settings.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(opts.Log, how))
	}
	return slog.New(slog.NewTextHandler(opts.Log, how))
}

// start starts the parts, those that others rely on first.
func (d *Daemon) start() error {
	own, err := d.takeRoot()
	if err != nil {
		return err
	}
	folder := osfs.New(own, osfs.WithBoundOS())
	identity, err := peer.LoadIdentity(folder, identityFile)
	if err != nil {
		return err
	}
	d.transfers, err = transfer.NewServer(transfer.ServerOptions{
		Host: host{d}, Spool: host{d}.spool, Report: d.report,
		MaxPushBytes: int64(d.opts.Settings.PushBytes), MaxConversations: d.opts.Settings.Conversations,
		MaxPerPeer: max(d.opts.Settings.Conversations/2, 1),
	})
	if err != nil {
		return err
	}
	d.peers, err = peer.New(peer.Options{
		Identity: identity, Known: peer.OpenKnown(folder, knownFile), Listen: d.opts.Settings.Listen, Public: d.opts.Settings.Public,
		Log: d.log.WithGroup("libp2p").Handler(),
	})
	if err != nil {
		return err
	}
	d.metrics = newMetrics(d)
	if at := d.opts.Settings.Status; at != "" {
		if d.status, err = d.startStatus(at); err != nil {
			return err
		}
	}
	if at := d.opts.Settings.Gateway; at != "" {
		if d.gateway, err = d.startGateway(at); err != nil {
			return err
		}
	}
	if d.opts.Caller != nil {
		if err := d.startSockets(); err != nil {
			return err
		}
	}
	d.peers.Handle(transfer.Protocol, d.converse)
	return nil
}

// takeRoot makes the folder of what is the daemon's, and sees to it that there is one daemon.
func (d *Daemon) takeRoot() (own string, err error) {
	root := d.opts.Settings.Root
	if _, err := os.Stat(root); err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(root, repositoryFolder)); err == nil {
		return "", fmt.Errorf("root %s: %w: it is a repository; the root is a folder around repositories", root, ErrBadSetting)
	}
	own = filepath.Join(root, ownFolder)
	if err := os.MkdirAll(own, 0o700); err != nil {
		return "", err
	}
	unlock, holder, err := lock.NewFile(filepath.Join(own, rootLockFile), "aergo daemon").Try()
	if errors.Is(err, lock.ErrBusy) {
		return "", problem.WithHint("use the daemon that runs, or end it first", fmt.Errorf("%s: %w (%s): %w", root, ErrServed, holder, err))
	}
	if err != nil {
		return "", err
	}
	d.unlock = unlock
	return own, nil
}

// converse serves a stream that a peer has opened.
func (d *Daemon) converse(ctx context.Context, from peer.ID, stream peer.Stream) {
	if !d.ready.Load() {
		_ = stream.Reset()
		return
	}
	d.talking.Add(1)
	defer d.talking.Add(-1)
	w := d.watch(stream)
	defer d.unwatch(w)
	defer func() {
		if bug := recover(); bug != nil {
			d.metrics.panics.Inc()
			d.log.Error("bug", "peer", string(from), "panic", fmt.Sprint(bug), "stack", string(debug.Stack()))
			_ = stream.Reset()
			for _, name := range d.repositories.Open() {
				d.repositories.Forget(name) // one of them is in a state that nobody knows
			}
		}
	}()
	_ = d.transfers.Serve(withPeer(ctx, from), w, string(from)) // report has been told
}

func (d *Daemon) report(r transfer.Report) {
	d.metrics.report(r)
	level := slog.LevelInfo
	if o := outcome(r.Err); o == "error" || o == "protocol" {
		level = slog.LevelError
	}
	d.log.Log(context.Background(), level, "conversation", "peer", r.Peer, "repository", r.Repository, "sent_bytes", r.Traffic.Sent,
		"received_bytes", r.Traffic.Received, "elapsed", r.Elapsed, "outcome", outcome(r.Err), "error", text(r.Err))
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Addresses returns where peers reach the daemon.
func (d *Daemon) Addresses() []peer.Address { return d.peers.Addresses() }

// ID returns the name of the daemon's key.
func (d *Daemon) ID() peer.ID { return d.peers.ID() }

// Repositories returns those that are served.
func (d *Daemon) Repositories() *Repositories { return d.repositories }

// StatusURL returns where health, readiness and metrics are, empty if nowhere.
func (d *Daemon) StatusURL() string { return d.status.url() }

// GatewayURL returns where the HTTP gateway is, empty if nowhere.
func (d *Daemon) GatewayURL() string { return d.gateway.url() }

// Ready says whether peers are served.
func (d *Daemon) Ready() bool { return d.ready.Load() }

// Stop takes no new conversations, waits for those that are busy, no longer than the
// settings say and ctx lasts, and ends. Stopping again does nothing.
func (d *Daemon) Stop(ctx context.Context) error {
	if !d.ready.CompareAndSwap(true, false) {
		return nil
	}
	d.log.Info("stopping", "conversations", d.talking.Load(), "merges", d.merging.Load())
	var doors sync.WaitGroup
	if d.sockets != nil {
		doors.Go(d.sockets.stop)
	}
	d.drain(ctx)
	doors.Wait()
	err := d.close(ctx)
	d.log.Info("stopped", "error", text(err))
	return err
}

// close ends the parts, in the order opposite to that of start.
func (d *Daemon) close(ctx context.Context) error {
	var err error
	if d.sockets != nil {
		d.sockets.stop()
	}
	if d.peers != nil {
		err = d.peers.Close()
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	err = errors.Join(err, d.gateway.stop(ctx), d.status.stop(ctx))
	err = errors.Join(err, d.repositories.Close())
	d.unlock()
	return err
}
