package peer

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/multiformats/go-multiaddr"
)

var (
	// ErrUnreachable says that a peer could not be reached in time.
	ErrUnreachable = errors.New("cannot reach the peer")
	// ErrUnknownPeer says that it is not known where a peer is.
	ErrUnknownPeer = errors.New("it is not known where this peer is")
	// ErrRefused says that a peer was reached and opened no stream.
	ErrRefused = errors.New("the peer takes no such stream")
)

// Open opens a stream of a protocol to whoever an address leads to, and returns whose key
// is at the other end. The error wraps ErrUnreachable, ErrUnknownPeer or ErrRefused, or is
// a *ChangedKeyError.
//
// That there is a stream does not mean that the peer wants to talk: it may have ended the
// connection already. The first message that comes back tells.
func (h *Host) Open(ctx context.Context, to Address, protocolName string) (Stream, ID, error) {
	ctx, cancel := context.WithTimeout(ctx, h.opts.DialTimeout)
	defer cancel()
	id, err := h.connect(ctx, to)
	if err != nil {
		return nil, "", err
	}
	p, err := id.raw()
	if err != nil {
		return nil, "", err
	}
	s, err := h.net.open(ctx, p, protocol.ID(protocolName))
	if errors.Is(ctx.Err(), context.Canceled) {
		if err == nil {
			_ = s.Reset()
		}
		return nil, "", ctx.Err()
	}
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w: %w", to, ErrRefused, err)
	}
	return s, id, nil
}

// connect sees to it that there is a connection to whoever an address leads to.
func (h *Host) connect(ctx context.Context, to Address) (ID, error) {
	switch {
	case to.HostPort == "" && to.Peer == "":
		return "", fmt.Errorf("%w: neither a host nor a peer", ErrBadAddress)
	case to.HostPort == "":
		return to.Peer, h.connectKnown(ctx, to.Peer)
	case to.Peer != "":
		return to.Peer, h.connectStated(ctx, to)
	}
	known, err := h.opts.Known.lookup(to.HostPort)
	if err != nil {
		return "", err
	}
	if known.id == "" {
		return h.connectNew(ctx, to.HostPort)
	}
	err = h.connectTo(ctx, known.id, to.HostPort)
	var wrong *ChangedKeyError
	if errors.As(err, &wrong) {
		return "", h.opts.Known.changed(known, wrong.Found)
	}
	return known.id, err
}

// connectKnown goes where a peer was met before.
func (h *Host) connectKnown(ctx context.Context, id ID) error {
	places, err := h.opts.Known.Addresses(id)
	if err != nil {
		return err
	}
	if len(places) == 0 {
		return fmt.Errorf("%s: %w: write %s%s@HOST:PORT/REPOSITORY once", id, ErrUnknownPeer, Scheme, id)
	}
	return h.connectTo(ctx, id, places...)
}

// connectStated goes to a host whose key the address states, and notes it if nobody is known
// there: what is stated comes from the user, so it holds against what is noted.
func (h *Host) connectStated(ctx context.Context, to Address) error {
	if err := h.connectTo(ctx, to.Peer, to.HostPort); err != nil {
		return err
	}
	err := h.opts.Known.Pin(to.HostPort, to.Peer)
	if errors.Is(err, ErrChangedKey) {
		return nil
	}
	return err
}

// connectNew goes to a host that nobody is known at.
func (h *Host) connectNew(ctx context.Context, hostPort string) (ID, error) {
	// A connection has to be made to somebody. One to a key that was just made up, and that
	// nobody has, fails, and tells whose key is there.
	nobody, err := NewIdentity(nil)
	if err != nil {
		return "", err
	}
	err = h.connectTo(ctx, nobody.ID(), hostPort)
	var found *ChangedKeyError
	if !errors.As(err, &found) {
		return "", err
	}
	if h.opts.Trust != nil {
		if err := h.opts.Trust(hostPort, found.Found); err != nil {
			return "", err
		}
	}
	if err := h.connectTo(ctx, found.Found, hostPort); err != nil {
		return "", err
	}
	return found.Found, h.opts.Known.Pin(hostPort, found.Found)
}

// connectTo makes a connection to a peer at one of some places. If somebody else is there
// the error is a *ChangedKeyError without a file.
func (h *Host) connectTo(ctx context.Context, id ID, places ...string) error {
	p, err := id.raw()
	if err != nil {
		return err
	}
	if id == h.ID() {
		return fmt.Errorf("%s: %w: it is this host itself", id, ErrUnreachable)
	}
	var byTCP, byQUIC []multiaddr.Multiaddr
	for _, place := range places {
		tcp, quic, err := multiaddrs(place)
		if err != nil {
			return err
		}
		byTCP, byQUIC = append(byTCP, tcp), append(byQUIC, quic)
	}
	err = h.net.connect(ctx, p, byTCP)
	if err != nil && !isAnswer(err) && ctx.Err() == nil {
		patience := ctx
		if errors.Is(err, syscall.ECONNREFUSED) {
			// The machine is there, and where TCP is refused, silence by UDP means the same.
			var cancel context.CancelFunc
			patience, cancel = context.WithTimeout(ctx, refusedPatience)
			defer cancel()
		}
		if again := h.net.connect(patience, p, byQUIC); again == nil || isAnswer(again) {
			err = again
		}
	}
	var wrong sec.ErrPeerIDMismatch
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong):
		return &ChangedKeyError{HostPort: places[0], Known: id, Found: ID(wrong.Actual.String())}
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	}
	return fmt.Errorf("%s: %w: %w", places[0], ErrUnreachable, err)
}

// refusedPatience is how long QUIC may take to answer where TCP was refused.
const refusedPatience = time.Second

// isAnswer says whether somebody answered, with another key.
func isAnswer(err error) bool {
	var wrong sec.ErrPeerIDMismatch
	return errors.As(err, &wrong)
}
