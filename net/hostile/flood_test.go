package hostile

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"aergo/net/peer"
	"aergo/net/transfer"
	"aergo/repo/store/faultfs"
)

// host starts a host of an own identity.
func host(t *testing.T, limits peer.Limits, listen ...string) *peer.Host {
	t.Helper()
	id, err := peer.NewIdentity(nil)
	must(t, err)
	h, err := peer.New(peer.Options{Identity: id, Listen: listen, Known: peer.OpenKnown(faultfs.New(), "known"), Limits: limits, DialTimeout: 5 * time.Second})
	must(t, err)
	t.Cleanup(func() { must(t, h.Close()) })
	return h
}

// served has the world's server answer at a host of the loopback.
func (w *world) served(t *testing.T, limits peer.Limits) *peer.Host {
	t.Helper()
	server := host(t, limits, "127.0.0.1:0")
	server.Handle(transfer.ProtocolID, func(ctx context.Context, from peer.ID, s peer.Stream) {
		_ = w.server.Serve(ctx, s, string(from))
	})
	return server
}

// over begins conversations from a host to another one.
func over(from, to *peer.Host) transfer.Dialer {
	at := peer.Address{HostPort: to.Addresses()[0].HostPort}
	return func(ctx context.Context) (transfer.Stream, error) {
		s, _, err := from.Open(ctx, at, transfer.ProtocolID)
		return s, err
	}
}

func converse(t *testing.T, dial transfer.Dialer) (*transfer.Client, error) {
	t.Helper()
	return transfer.Open(t.Context(), dial, "up", transfer.ClientOptions{Spool: faultfs.New(), Attempts: -1, Wait: noWait})
}

// Many peers, each with a key of its own, connect and hold on. No more of them get in than may,
// who is connected already is served all the while, and who comes later is when they have gone.
func TestManyPeersHoldConnections(t *testing.T) {
	const limit = 12
	w := newWorld(t)
	apply(t, w.init("up", "ada"), line("a", 1))
	server := w.served(t, peer.Limits{Conns: limit})
	friend := host(t, peer.Limits{})
	c, err := converse(t, over(friend, server))
	must(t, err)
	defer c.Close()
	var crowd []*peer.Host
	var held []*transfer.Client
	for range 2 * limit {
		h := host(t, peer.Limits{})
		crowd = append(crowd, h)
		if in, err := converse(t, over(h, server)); err == nil {
			held = append(held, in)
		}
		if _, err := c.Refs(t.Context()); err != nil {
			t.Fatalf("with %d peers: %v", len(crowd), err)
		}
	}
	if got := len(server.Peers()); got > limit || len(held) == 0 || len(held) >= limit {
		t.Errorf("%d peers are connected, and %d of a crowd converse, with a limit of %d", got, len(held), limit)
	}
	for _, h := range crowd {
		must(t, h.Close())
	}
	eventually(t, func() bool { return len(server.Peers()) <= 1 })
	late, err := converse(t, over(host(t, peer.Limits{}), server))
	if err != nil {
		t.Fatalf("after the crowd has gone: %v", err)
	}
	must(t, late.Close())
}

// A peer that opens streams without end gets its share, and another one its own.
func TestStreamsWithoutEnd(t *testing.T) {
	const perPeer = 16
	w := newWorld(t)
	apply(t, w.init("up", "ada"), line("a", 1))
	server := w.served(t, peer.Limits{StreamsPerPeer: perPeer, Streams: 4 * perPeer})
	mallory, bob := host(t, peer.Limits{}), host(t, peer.Limits{})
	var mu sync.Mutex
	in := 0
	var all sync.WaitGroup
	for range 8 * perPeer {
		all.Go(func() {
			if c, err := converse(t, over(mallory, server)); err == nil {
				t.Cleanup(func() { _ = c.Close() })
				mu.Lock()
				defer mu.Unlock()
				in++
			}
		})
	}
	all.Wait()
	if in == 0 || in > perPeer {
		t.Errorf("%d of a peer's streams are conversations, at most %d may be", in, perPeer)
	}
	c, err := converse(t, over(bob, server))
	if err != nil {
		t.Fatalf("another peer: %v", err)
	}
	_, err = c.Refs(t.Context())
	must(t, err)
	must(t, c.Close())
}

// Connections that never say who they are cost little, and nobody is kept out by them who is
// connected.
func TestConnectionsOfNobody(t *testing.T) {
	w := newWorld(t)
	apply(t, w.init("up", "ada"), line("a", 1))
	server := w.served(t, peer.Limits{Conns: 16})
	c, err := converse(t, over(host(t, peer.Limits{}), server))
	must(t, err)
	defer c.Close()
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var conns []net.Conn
	for range 400 {
		conn, err := net.Dial("tcp", server.Addresses()[0].HostPort)
		if err != nil {
			break // the system has had enough of it
		}
		conns = append(conns, conn)
		if len(conns)%100 == 0 {
			_, err := c.Refs(t.Context())
			must(t, err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 {
		t.Errorf("%d connections of nobody hold %d KiB", len(conns), grown>>10)
	}
	for _, conn := range conns {
		_ = conn.Close()
	}
}

// eventually waits for something that another process, or the system, sees to.
func eventually(t *testing.T, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatal(errors.New("it never happened"))
		}
	}
}
