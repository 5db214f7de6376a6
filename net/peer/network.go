package peer

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	libpeer "github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"github.com/libp2p/go-libp2p/p2p/host/peerstore/pstoremem"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libtls "github.com/libp2p/go-libp2p/p2p/security/tls"
	libquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/multiformats/go-multiaddr"
	"github.com/multiformats/go-multistream"
	"github.com/quic-go/quic-go"
)

// connections is the parts of libp2p that the host is made of: a swarm with two transports,
// and the negotiation of protocols. libp2p's own constructor brings relays, holes in
// firewalls, discovery, WebRTC and more, which every command of the program would have to
// load, and hosts that tell each other about themselves, which ours need not.
type connections struct {
	*swarm.Swarm
	protocols *multistream.MultistreamMuxer[protocol.ID]
	closers   []io.Closer // what the swarm does not close itself, the last one first
}

// negotiationWait is how long a peer may take to say what a stream is for.
const negotiationWait = 10 * time.Second

func newConnections(opts Options) (_ *connections, err error) {
	n := &connections{protocols: multistream.NewMultistreamMuxer[protocol.ID]()}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	resources, err := opts.Limits.manager()
	if err != nil {
		return nil, err
	}
	n.closers = append(n.closers, resources)
	trimmer, err := connmgr.NewConnManager(opts.Limits.Conns*3/4, opts.Limits.Conns, connmgr.WithGracePeriod(time.Minute))
	if err != nil {
		return nil, err
	}
	n.closers = append(n.closers, trimmer)
	peers, err := pstoremem.NewPeerstore()
	if err != nil {
		return nil, err
	}
	n.closers = append(n.closers, peers)
	private := opts.Identity.key()
	self, err := libpeer.IDFromPrivateKey(private)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(peers.AddPrivKey(self, private), peers.AddPubKey(self, private.GetPublic())); err != nil {
		return nil, err
	}
	n.Swarm, err = swarm.NewSwarm(self, peers, eventbus.NewBus(), swarm.WithResourceManager(resources),
		swarm.WithDialTimeout(opts.DialTimeout), swarm.WithDialTimeoutLocal(opts.DialTimeout))
	if err != nil {
		return nil, err
	}
	n.Notify(trimmer.Notifee())
	n.Notify(&network.NotifyBundle{DisconnectedF: forget})
	n.SetStreamHandler(n.handle)
	if err := n.addTCP(private, resources, opts.Limits); err != nil {
		return nil, err
	}
	return n, n.addQUIC(private, resources)
}

// forget drops what is noted about a peer that has gone: there may be many of them.
func forget(n network.Network, c network.Conn) {
	if p := c.RemotePeer(); n.Connectedness(p) != network.Connected {
		n.Peerstore().RemovePeer(p)
	}
}

func (n *connections) addTCP(private crypto.PrivKey, resources network.ResourceManager, limits Limits) error {
	mux := *yamux.DefaultTransport
	mux.MaxStreamWindowSize = uint32(limits.StreamBytes)
	muxers := []upgrader.StreamMuxer{{ID: yamux.ID, Muxer: &mux}}
	byTLS, err := libtls.New(libtls.ID, private, muxers)
	if err != nil {
		return err
	}
	byNoise, err := noise.New(noise.ID, private, muxers)
	if err != nil {
		return err
	}
	// TLS before Noise: it carries about twice as much.
	up, err := upgrader.New([]sec.SecureTransport{byTLS, byNoise}, muxers, nil, resources, nil)
	if err != nil {
		return err
	}
	t, err := tcp.NewTCPTransport(up, resources, nil, tcp.DisableReuseport())
	if err != nil {
		return err
	}
	return n.AddTransport(t)
}

func (n *connections) addQUIC(private crypto.PrivKey, resources network.ResourceManager) error {
	keys, err := socketKeys(private)
	if err != nil {
		return err
	}
	sockets, err := quicreuse.NewConnManager(keys[0], keys[1], quicreuse.VerifySourceAddress(resources.VerifySourceAddress),
		quicreuse.ConnContext(func(ctx context.Context, from *quic.ClientInfo) (context.Context, error) {
			return admitQUIC(ctx, from, resources)
		}))
	if err != nil {
		return err
	}
	n.closers = append(n.closers, sockets)
	t, err := libquic.NewTransport(private, sockets, nil, nil, resources)
	if err != nil {
		return err
	}
	return n.AddTransport(t)
}

// socketKeys returns the keys by which a host that was started again ends the connections
// that it had. They are new ones where the secret is not shown.
func socketKeys(private crypto.PrivKey) (keys [2][32]byte, err error) {
	raw, err := private.Raw()
	if err != nil {
		raw = make([]byte, 32)
		_, _ = rand.Read(raw) // it never fails
	}
	for i, purpose := range [...]string{"aergo/quic/stateless-reset/v1", "aergo/quic/token/v1"} {
		derived, err := hkdf.Key(sha256.New, raw, nil, purpose, len(keys[i]))
		if err != nil {
			return keys, err
		}
		copy(keys[i][:], derived)
	}
	return keys, nil
}

// admitQUIC asks before the handshake whether there is room for one more connection.
func admitQUIC(ctx context.Context, from *quic.ClientInfo, resources network.ResourceManager) (context.Context, error) {
	at, err := quicreuse.ToQuicMultiaddr(from.RemoteAddr, quic.Version1)
	if err != nil {
		at = nil // which counts for what has no address
	}
	room, err := resources.OpenConnection(network.DirInbound, false, at)
	if err != nil {
		return ctx, err
	}
	ctx = network.WithConnManagementScope(ctx, room)
	context.AfterFunc(ctx, room.Done)
	return ctx, nil
}

// connect makes a connection to a peer at one of these addresses, and at no other one that
// may be remembered, unless there is a connection.
func (n *connections) connect(ctx context.Context, p libpeer.ID, addrs []multiaddr.Multiaddr) error {
	n.Peerstore().ClearAddrs(p)
	n.Peerstore().AddAddrs(p, addrs, peerstore.TempAddrTTL)
	_, err := n.DialPeer(ctx, p)
	return err
}

// open opens a stream of a protocol to a peer that is connected.
func (n *connections) open(ctx context.Context, p libpeer.ID, id protocol.ID) (network.Stream, error) {
	s, err := n.NewStream(network.WithNoDial(ctx, "connected already"), p)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.ResetWithError(network.StreamProtocolNegotiationFailed) })
	_, err = multistream.SelectOneOf([]protocol.ID{id}, s)
	if err == nil {
		err = s.SetProtocol(id)
	}
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = s.ResetWithError(network.StreamProtocolNegotiationFailed)
		return nil, err
	}
	return s, nil
}

// serve has fn called for streams of a protocol.
func (n *connections) serve(id protocol.ID, fn func(s network.Stream)) {
	n.protocols.AddHandler(id, func(_ protocol.ID, rwc io.ReadWriteCloser) error {
		s, ok := rwc.(network.Stream)
		if !ok {
			return fmt.Errorf("stream of %s: not one of the network's", id)
		}
		fn(s)
		return nil
	})
}

// handle learns what a stream that a peer has opened is for, and passes it on.
func (n *connections) handle(s network.Stream) {
	_ = s.SetDeadline(time.Now().Add(negotiationWait))
	id, fn, err := n.protocols.Negotiate(s)
	if err != nil {
		_ = s.ResetWithError(network.StreamProtocolNegotiationFailed)
		return
	}
	_ = s.SetDeadline(time.Time{})
	if err := s.SetProtocol(id); err != nil {
		_ = s.ResetWithError(network.StreamResourceLimitExceeded)
		return
	}
	_ = fn(id, s)
}

// Close ends all streams and connections.
func (n *connections) Close() error {
	var err error
	if n.Swarm != nil {
		err = n.Swarm.Close()
	}
	for i := len(n.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, n.closers[i].Close())
	}
	return err
}
