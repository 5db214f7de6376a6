package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"

	"aergo/net/gateway"
	"aergo/net/peer"
	"aergo/net/transfer"
	"aergo/repo"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/ref"
)

// web is an HTTP server of a daemon.
type web struct {
	listener net.Listener
	server   *http.Server
	done     chan error
}

// startWeb has a server listen at IP:PORT, which other machines reach only if they may.
func (d *Daemon) startWeb(setting, at string, server *http.Server) (*web, error) {
	addr, err := netip.ParseAddrPort(at)
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w: want IP:PORT", setting, at, ErrBadSetting)
	}
	if !addr.Addr().Unmap().IsLoopback() && !d.opts.Settings.Public {
		return nil, fmt.Errorf("%s at %s: %w", setting, at, peer.ErrNotLoopback)
	}
	l, err := net.Listen("tcp", at)
	if err != nil {
		return nil, err
	}
	server.ErrorLog = slog.NewLogLogger(d.log.Handler(), slog.LevelDebug)
	w := &web{listener: l, server: server, done: make(chan error, 1)}
	go func() { w.done <- server.Serve(l) }()
	return w, nil
}

func (w *web) url() string {
	if w == nil {
		return ""
	}
	return "http://" + w.listener.Addr().String()
}

func (w *web) stop(ctx context.Context) error {
	if w == nil {
		return nil
	}
	err := w.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = w.server.Close()
	}
	if served := <-w.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// startGateway starts the HTTP gateway.
func (d *Daemon) startGateway(at string) (*web, error) {
	opts := gateway.Options{Repositories: shown{d}, Access: shown{d}, Report: d.reportRequest, Submissions: true, Lines: shown{d}}
	if !d.opts.Settings.Public {
		opts.Hosts = []string{"localhost", "127.0.0.1", "::1", "[::1]"}
	}
	g, err := gateway.New(opts)
	if err != nil {
		return nil, err
	}
	return d.startWeb("gateway", at, g.Server())
}

func (d *Daemon) reportRequest(r gateway.Report) {
	d.metrics.requests.WithLabelValues(r.Route, strconv.Itoa(r.Status)).Observe(r.Elapsed.Seconds())
	level := slog.LevelDebug
	if r.Status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	d.log.Log(context.Background(), level, "request", "client", r.Client, "identity", r.Who.Name, "method", r.Method, "route", r.Route,
		"repository", r.Repository, "status", r.Status, "size_bytes", r.SizeBytes, "elapsed", r.Elapsed, "error", text(r.Err))
}

// shown is the repositories as the gateway sees them.
type shown struct{ d *Daemon }

// Names implements gateway.Repositories.
func (s shown) Names(context.Context) ([]string, error) { return s.d.repositories.Names() }

// Open implements gateway.Repositories.
func (s shown) Open(ctx context.Context, name string) (gateway.Repository, func(), error) {
	if err := s.d.repositories.Check(name); err != nil {
		return nil, nil, err
	}
	o, err := s.d.repositories.take(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	return showing{o.repo, served{s.d, name}}, func() { s.d.repositories.giveBack(name, o) }, nil
}

// showing is a repository as the gateway looks through it. What is submitted there is counted with
// what peers submit.
type showing struct {
	*repo.Repo
	submitted served
}

// Submit implements repo.Submitter.
func (d showing) Submit(ctx context.Context, s repo.Submission) (repo.Submitted, error) {
	return d.submitted.Submit(ctx, s)
}

// Submission implements repo.Submitter.
func (d showing) Submission(ctx context.Context, name ref.Name, batch object.Hash, wait bool) (repo.Submitted, error) {
	return d.submitted.Submission(ctx, name, batch, wait)
}

// Authenticate implements gateway.Access.
func (s shown) Authenticate(_ context.Context, token string) (object.Identity, error) {
	who, known, err := TokensOf(s.d.opts.Settings.Root).Find(token)
	if err == nil && !known {
		err = gateway.ErrBadToken
	}
	return who, err
}

// Allow implements gateway.Access.
func (s shown) Allow(ctx context.Context, who object.Identity, name string, verb gateway.Verb, branch ref.Name) error {
	req := Request{Who: key.Public(who.Key), Repository: name, Verb: transfer.Read, Branch: branch}
	if verb != gateway.Read {
		req.Verb = transfer.Write
	}
	err := s.d.repositories.Check(name)
	if err == nil {
		err = s.d.repositories.Use(ctx, name, func(r *repo.Repo) error { return s.d.opts.Access.Allow(ctx, r, req) })
	}
	if !errors.Is(err, transfer.ErrDenied) && !errors.Is(err, repo.ErrNoRepository) {
		return err
	}
	s.d.metrics.denials.WithLabelValues(string(req.Verb)).Inc()
	s.d.log.Debug("denied", "identity", who.Name, "key", req.Who.Short(), "repository", name, "verb", string(req.Verb), "branch", string(branch),
		"reason", err.Error())
	return fmt.Errorf("%w: %w", gateway.ErrDenied, err)
}
