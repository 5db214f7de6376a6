package peer

import (
	"net/netip"

	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/x/rate"
)

// Limits bound what peers may take of this machine. A zero field means its default. libp2p
// has limits of its own, made for large open networks: fifteen connections in a row and then
// one in five seconds from one address, 75 streams of one protocol and peer. Those bite a
// farm of build machines behind one address, so none of them is left as it is.
type Limits struct {
	Conns          int     // in and out: 512
	ConnsPerIP     int     // from one address that is not this machine's: 128
	ConnsPerPeer   int     // 128
	StreamsPerPeer int     // 128
	Streams        int     // 2,048
	ConnsPerSecond float64 // new ones from one such address, beyond ConnsPerIP at once: 32
	MemoryBytes    int64   // of what connections and streams buffer: 512 MiB
	StreamBytes    int     // that one stream buffers at most: 8 MiB
}

func (l Limits) withDefaults() Limits {
	or := func(n *int, otherwise int) {
		if *n <= 0 {
			*n = otherwise
		}
	}
	or(&l.Conns, 512)
	or(&l.ConnsPerIP, 128)
	or(&l.ConnsPerPeer, 128)
	or(&l.StreamsPerPeer, 128)
	or(&l.Streams, 2048)
	or(&l.StreamBytes, 8<<20)
	if l.ConnsPerSecond <= 0 {
		l.ConnsPerSecond = 32
	}
	if l.MemoryBytes <= 0 {
		l.MemoryBytes = 512 << 20
	}
	return l
}

// scope is what one scope of the resource manager may hold.
func scope(conns, streams int, memoryBytes int64) rcmgr.ResourceLimits {
	return rcmgr.ResourceLimits{
		Conns: rcmgr.LimitVal(conns), ConnsInbound: rcmgr.LimitVal(conns), ConnsOutbound: rcmgr.LimitVal(conns),
		Streams: rcmgr.LimitVal(streams), StreamsInbound: rcmgr.LimitVal(streams), StreamsOutbound: rcmgr.LimitVal(streams),
		FD: rcmgr.LimitVal(conns), Memory: rcmgr.LimitVal64(memoryBytes),
	}
}

// manager returns a resource manager with these limits and no others.
func (l Limits) manager() (network.ResourceManager, error) {
	all := scope(l.Conns, l.Streams, l.MemoryBytes)
	// Connections that are being made, whose peer is not known yet.
	transient := scope(l.Conns/2, l.Streams/4, l.MemoryBytes/4)
	one := scope(l.ConnsPerPeer, l.StreamsPerPeer, l.MemoryBytes/4)
	config := rcmgr.PartialLimitConfig{
		System: all, Transient: transient, AllowlistedSystem: all, AllowlistedTransient: transient,
		ServiceDefault: all, ProtocolDefault: all,
		PeerDefault: one, ServicePeerDefault: one, ProtocolPeerDefault: one,
		Conn: scope(1, l.StreamsPerPeer, l.MemoryBytes/4), Stream: scope(1, 1, l.MemoryBytes/4),
	}.Build(rcmgr.InfiniteLimits)
	perIP := []rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: l.ConnsPerIP}}
	perNet := []rcmgr.ConnLimitPerSubnet{{PrefixLength: 56, ConnCount: l.ConnsPerIP}, {PrefixLength: 48, ConnCount: 4 * l.ConnsPerIP}}
	return rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(config), rcmgr.WithMetricsDisabled(),
		rcmgr.WithLimitPerSubnet(perIP, perNet), rcmgr.WithConnRateLimiters(l.rates()))
}

// rates bounds new connections, but not those from this machine.
func (l Limits) rates() *rate.Limiter {
	limit := rate.Limit{RPS: l.ConnsPerSecond, Burst: l.ConnsPerIP}
	return &rate.Limiter{
		NetworkPrefixLimits: []rate.PrefixLimit{
			{Prefix: netip.MustParsePrefix("127.0.0.0/8")}, {Prefix: netip.MustParsePrefix("::1/128")},
		},
		SubnetRateLimiter: rate.SubnetLimiter{
			IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: limit}},
			IPv6SubnetLimits: []rate.SubnetLimit{{PrefixLength: 56, Limit: limit}},
		},
	}
}
