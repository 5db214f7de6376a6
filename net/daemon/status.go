package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"aergo/net/peer"
)

// statusServer answers by HTTP how a daemon is: /healthz, /readyz and /metrics.
type statusServer struct {
	listener net.Listener
	server   *http.Server
	done     chan error
}

func (d *Daemon) startStatus(at string) (*statusServer, error) {
	addr, err := netip.ParseAddrPort(at)
	if err != nil {
		return nil, fmt.Errorf("status %q: %w: want IP:PORT", at, ErrBadSetting)
	}
	if !addr.Addr().Unmap().IsLoopback() && !d.opts.Settings.Public {
		return nil, fmt.Errorf("status at %s: %w", at, peer.ErrNotLoopback)
	}
	l, err := net.Listen("tcp", at)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !d.Ready() {
			http.Error(w, "stopping", http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ready")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(d.metrics.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 2 * collectWait}))
	s := &statusServer{listener: l, done: make(chan error, 1), server: &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}}
	go func() { s.done <- s.server.Serve(l) }()
	return s, nil
}

func (s *statusServer) url() string { return "http://" + s.listener.Addr().String() }

func (s *statusServer) stop(ctx context.Context) error {
	err := s.server.Shutdown(ctx)
	if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
