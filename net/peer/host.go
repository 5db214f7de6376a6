package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/gologshim"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// Stream is a two-way stream of bytes to a peer. Close ends it in order, Reset at once.
type Stream interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
	Reset() error
}

// Options are what a Host gets from outside.
type Options struct {
	Identity Identity
	// Listen is where peers may come: HOST:PORT each, by TCP and QUIC alike. Port 0 is any
	// that is free. Empty is nowhere.
	Listen []string
	// Public lets Listen have addresses that others than this machine can reach.
	Public bool
	// Known is the file of known peers.
	Known *Known
	// Trust is asked before a peer that is met for the first time, at an address that does
	// not state its key, is noted as known; nil trusts.
	Trust func(hostPort string, id ID) error
	// Limits bound what peers may take.
	Limits Limits
	// Log takes what libp2p has to say; nil is nobody. The hosts of a process share one: what
	// has spoken once keeps the log that it spoke to.
	Log slog.Handler
	// DialTimeout bounds how long it takes to reach a peer: 15 seconds if it is 0.
	DialTimeout time.Duration
}

// ErrNotLoopback says that a host was to listen where others can reach it, and was not told
// that it may.
var ErrNotLoopback = errors.New("others than this machine can reach this address")

// Host is this machine among its peers. It is safe for concurrent use.
type Host struct {
	opts   Options
	net    *connections
	ctx    context.Context
	cancel context.CancelFunc

	mu       sync.Mutex
	closed   bool
	handlers sync.WaitGroup
}

// New returns a host that listens where it is told to. The caller closes it.
func New(opts Options) (*Host, error) {
	if opts.Identity.key == nil || opts.Known == nil {
		return nil, errors.New("peer: a host needs an identity and a file of known peers")
	}
	if opts.DialTimeout <= 0 {
		opts.DialTimeout = 15 * time.Second
	}
	if opts.Log == nil {
		opts.Log = slog.DiscardHandler
	}
	gologshim.SetDefaultHandler(opts.Log)
	opts.Limits = opts.Limits.withDefaults()
	if err := checkListen(opts); err != nil {
		return nil, err
	}
	n, err := newConnections(opts)
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	out := &Host{opts: opts, net: n}
	out.ctx, out.cancel = context.WithCancel(context.Background())
	for _, hostPort := range opts.Listen {
		if err := out.listen(hostPort); err != nil {
			return nil, errors.Join(err, out.Close())
		}
	}
	return out, nil
}

func checkListen(opts Options) error {
	for _, hostPort := range opts.Listen {
		at, err := netip.ParseAddrPort(hostPort)
		if err != nil {
			return fmt.Errorf("listen at %q: %w: want IP:PORT", hostPort, ErrBadAddress)
		}
		if !at.Addr().Unmap().IsLoopback() && !opts.Public {
			return fmt.Errorf("listen at %s: %w", hostPort, ErrNotLoopback)
		}
	}
	return nil
}

// anyPortAttempts is how many free ports of TCP are tried until one is free for UDP, too.
const anyPortAttempts = 16

// listen listens by TCP and by QUIC on one port.
func (h *Host) listen(hostPort string) error {
	at, err := netip.ParseAddrPort(hostPort)
	if err != nil {
		return fmt.Errorf("listen at %q: %w", hostPort, ErrBadAddress)
	}
	for range anyPortAttempts {
		if err = h.listenOnce(at); err == nil || at.Port() != 0 {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("listen at %s: %w", hostPort, err)
	}
	return nil
}

func (h *Host) listenOnce(at netip.AddrPort) error {
	if err := isFree(at); err != nil {
		return err
	}
	byTCP, byQUIC, err := multiaddrs(at.String())
	if err != nil {
		return err
	}
	before := h.net.ListenAddresses()
	if err := h.net.Listen(byTCP); err != nil {
		return err
	}
	opened := slices.DeleteFunc(h.net.ListenAddresses(), func(a multiaddr.Multiaddr) bool {
		return slices.ContainsFunc(before, a.Equal)
	})
	if at.Port() == 0 && len(opened) == 1 {
		if port, err := opened[0].ValueForProtocol(multiaddr.P_TCP); err == nil {
			if _, byQUIC, err = multiaddrs(net.JoinHostPort(at.Addr().String(), port)); err != nil {
				return err
			}
		}
	}
	if err := h.net.Listen(byQUIC); err != nil {
		h.net.ListenClose(opened...)
		return err
	}
	return nil
}

// isFree says whether a port can be listened at, in an error that callers can look into, which
// the swarm's are not.
func isFree(at netip.AddrPort) error {
	version := "6" // alone: 0.0.0.0 and [::] are two places
	if at.Addr().Unmap().Is4() {
		version = "4"
	}
	l, err := net.Listen("tcp"+version, at.String())
	if err != nil {
		return err
	}
	p, err := net.ListenPacket("udp"+version, l.Addr().String())
	if err == nil {
		err = p.Close()
	}
	return errors.Join(err, l.Close())
}

// ID returns the host's own ID.
func (h *Host) ID() ID { return h.opts.Identity.ID() }

// Addresses returns where the host can be reached, sorted. They state its key, and no
// repository.
func (h *Host) Addresses() []Address {
	var found []Address
	all, err := h.net.InterfaceListenAddresses()
	if err != nil {
		all = h.net.ListenAddresses()
	}
	for _, a := range all {
		if _, err := a.ValueForProtocol(multiaddr.P_TCP); err != nil {
			continue // its port is that of the TCP listener beside it
		}
		if at, err := manet.ToNetAddr(a); err == nil {
			found = append(found, Address{Peer: h.ID(), HostPort: at.String()})
		}
	}
	slices.SortFunc(found, func(a, b Address) int { return compareText(a.HostPort, b.HostPort) })
	return slices.Compact(found)
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Handle has fn called for every stream of a protocol that a peer opens, each in a goroutine
// of its own. fn closes the stream. ctx ends when the host is closed, which waits for fn.
func (h *Host) Handle(name string, fn func(ctx context.Context, from ID, s Stream)) {
	h.net.serve(protocol.ID(name), func(s network.Stream) {
		h.mu.Lock()
		if h.closed {
			h.mu.Unlock()
			_ = s.Reset()
			return
		}
		h.handlers.Add(1)
		h.mu.Unlock()
		defer h.handlers.Done()
		fn(h.ctx, ID(s.Conn().RemotePeer().String()), s)
	})
}

// Disconnect ends all connections to a peer. It may come back: who has lost a right is kept
// out by whoever asks for that right on each stream.
func (h *Host) Disconnect(id ID) error {
	p, err := id.raw()
	if err != nil {
		return err
	}
	return h.net.ClosePeer(p)
}

// Peers returns who is connected, sorted.
func (h *Host) Peers() []ID {
	var all []ID
	for _, p := range h.net.Peers() {
		all = append(all, ID(p.String()))
	}
	slices.Sort(all)
	return all
}

// Close ends all streams and connections, and waits for the functions that handle them.
// Closing it again does nothing.
func (h *Host) Close() error {
	h.mu.Lock()
	before := h.closed
	h.closed = true
	h.mu.Unlock()
	if before {
		return nil
	}
	h.cancel()
	h.handlers.Wait()
	if err := h.net.Close(); err != nil {
		return fmt.Errorf("peer: %w", err)
	}
	return nil
}
