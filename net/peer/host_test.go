package peer

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/libp2p/go-libp2p/core/network"
)

func TestStreamsByEveryFormOfAddress(t *testing.T) {
	server := startEcho(t, Options{})
	at := server.Addresses()
	if len(at) != 1 || at[0].Peer != server.ID() || !strings.HasPrefix(at[0].HostPort, "127.0.0.1:") {
		t.Fatalf("addresses %v", at)
	}
	client := start(t, Options{})
	if _, err := says(t, client, Address{Peer: server.ID()}); !errors.Is(err, ErrUnknownPeer) {
		t.Errorf("a peer that was never met: %v", err)
	}
	for _, to := range []Address{{HostPort: at[0].HostPort}, {Peer: server.ID(), HostPort: at[0].HostPort}, {Peer: server.ID()}} {
		id, err := says(t, client, to)
		if err != nil || id != server.ID() {
			t.Errorf("%s: %s, %v", to, id, err)
		}
	}
	if got, err := client.opts.Known.Peer(at[0].HostPort); err != nil || got != server.ID() {
		t.Errorf("known: %s, %v", got, err)
	}
	if got := client.Addresses(); len(got) != 0 {
		t.Errorf("a host that listens nowhere is at %v", got)
	}
}

func TestTransports(t *testing.T) {
	server := startEcho(t, Options{})
	at := server.Addresses()[0].HostPort
	byTCP, byQUIC, err := multiaddrs(at)
	must(t, err)
	for _, a := range []interface{ String() string }{byTCP, byQUIC} {
		found := false
		for _, l := range server.net.ListenAddresses() {
			found = found || l.String() == a.String()
		}
		if !found {
			t.Errorf("does not listen at %s, only at %v", a, server.net.ListenAddresses())
		}
	}
	// Where nothing listens by TCP, QUIC gets through, to a peer that is not known, too.
	server.net.ListenClose(byTCP)
	client := start(t, Options{})
	if id, err := says(t, client, Address{HostPort: at}); err != nil || id != server.ID() {
		t.Errorf("by QUIC: %s, %v", id, err)
	}
}

func TestChangedKeyIsRefused(t *testing.T) {
	first := startEcho(t, Options{})
	at := first.Addresses()[0].HostPort
	known := OpenKnown(memfs.New(), "known")
	client := start(t, Options{Known: known})
	if _, err := says(t, client, Address{HostPort: at}); err != nil {
		t.Fatal(err)
	}
	must(t, first.Close())
	second := startEcho(t, Options{Listen: []string{at}})
	for _, to := range []Address{{HostPort: at}, {Peer: first.ID(), HostPort: at}, {Peer: first.ID()}} {
		client := start(t, Options{Known: known}) // another process
		_, err := says(t, client, to)
		var changed *ChangedKeyError
		if !errors.As(err, &changed) || !errors.Is(err, ErrChangedKey) || changed.Known != first.ID() || changed.Found != second.ID() {
			t.Errorf("%s: %v", to, err)
			continue
		}
		if hint := changed.Hint(); changed.File != "" && !strings.Contains(hint, "line 1 of known") {
			t.Errorf("hint %q", hint)
		}
	}
	if got, err := known.Peer(at); err != nil || got != first.ID() {
		t.Errorf("known now: %s, %v", got, err)
	}
	// Who states the key means it.
	if id, err := says(t, start(t, Options{Known: known}), Address{Peer: second.ID(), HostPort: at}); err != nil || id != second.ID() {
		t.Errorf("%s, %v", id, err)
	}
}

func TestTrustIsAskedOnce(t *testing.T) {
	server := startEcho(t, Options{})
	to := Address{HostPort: server.Addresses()[0].HostPort}
	refused := errors.New("no")
	answers := []error{refused, nil}
	client := start(t, Options{Trust: func(_ string, id ID) error {
		answer := answers[0]
		answers = answers[1:]
		if id != server.ID() {
			t.Errorf("asked about %s", id)
		}
		return answer
	}})
	if _, err := says(t, client, to); !errors.Is(err, refused) {
		t.Errorf("not trusted: %v", err)
	}
	if got, _ := client.opts.Known.Peer(to.HostPort); got != "" {
		t.Errorf("noted all the same: %s", got)
	}
	for range 2 {
		if _, err := says(t, client, to); err != nil {
			t.Error(err)
		}
	}
	if len(answers) != 0 {
		t.Error("was not asked")
	}
}

func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	at := l.Addr().String()
	must(t, l.Close())
	client := start(t, Options{})
	if _, err := says(t, client, Address{HostPort: at}); !errors.Is(err, ErrUnreachable) || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("nobody listens: %v", err)
	}
	server := startEcho(t, Options{})
	if _, _, err := client.Open(t.Context(), server.Addresses()[0], "/aergo/nothing/1"); !errors.Is(err, ErrRefused) {
		t.Errorf("no such protocol: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := client.Open(ctx, server.Addresses()[0], echo); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Somebody who takes a connection and says nothing must not hold a client up for long.
func TestSilentHost(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	client := start(t, Options{DialTimeout: 200 * time.Millisecond})
	if _, err := says(t, client, Address{HostPort: l.Addr().String()}); !errors.Is(err, ErrUnreachable) {
		t.Errorf("silence: %v", err)
	}
}

func TestListensToThisMachineOnly(t *testing.T) {
	for _, at := range []string{"0.0.0.0:0", "[::]:0", "192.0.2.1:0"} {
		_, err := New(Options{Identity: newIdentity(t), Known: OpenKnown(memfs.New(), "known"), Listen: []string{at}})
		if !errors.Is(err, ErrNotLoopback) {
			t.Errorf("%s: %v", at, err)
		}
	}
	public := startEcho(t, Options{Listen: []string{"0.0.0.0:0"}, Public: true})
	if len(public.Addresses()) == 0 {
		t.Error("no address")
	}
	for _, a := range public.Addresses() {
		if strings.HasPrefix(a.HostPort, "0.0.0.0") {
			t.Errorf("%s is no address to go to", a)
		}
	}
	if _, err := New(Options{Identity: newIdentity(t), Known: OpenKnown(memfs.New(), "known"), Listen: []string{"nonsense"}}); !errors.Is(err, ErrBadAddress) {
		t.Errorf("nonsense: %v", err)
	}
}

func TestLimitsHold(t *testing.T) {
	server := start(t, Options{Listen: []string{"127.0.0.1:0"}, Limits: Limits{StreamsPerPeer: 8}})
	entered := make(chan Stream, 64)
	server.Handle(echo, func(ctx context.Context, _ ID, s Stream) {
		entered <- s
		<-ctx.Done()
		_ = s.Reset()
	})
	client := start(t, Options{})
	taken := 0
	for range 32 {
		s, _, err := client.Open(t.Context(), server.Addresses()[0], echo)
		if err != nil {
			continue
		}
		if _, err := s.Write([]byte{1}); err != nil {
			continue
		}
		must(t, s.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
		if _, err := s.Read(make([]byte, 1)); err != nil && isTimeout(err) {
			taken++ // it is held, not refused
		}
	}
	if taken == 0 || taken > 8 || len(entered) > 8 {
		t.Errorf("%d streams of one peer are held, %d handled", taken, len(entered))
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func TestDisconnect(t *testing.T) {
	server := startEcho(t, Options{})
	client := start(t, Options{})
	s, _, err := client.Open(t.Context(), server.Addresses()[0], echo)
	must(t, err)
	_, err = s.Write([]byte("x"))
	must(t, err)
	if _, err := s.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if got := server.Peers(); len(got) != 1 || got[0] != client.ID() {
		t.Errorf("peers %v", got)
	}
	must(t, server.Disconnect(client.ID()))
	if _, err := s.Read(make([]byte, 1)); err == nil {
		t.Error("the stream goes on")
	}
	if err := server.Disconnect("nonsense"); !errors.Is(err, ErrBadID) {
		t.Errorf("nonsense: %v", err)
	}
}

// Those who connect and say nothing get no more than their share, and are let go.
func TestConnectionFlood(t *testing.T) {
	const limit = 16
	server := startEcho(t, Options{Limits: Limits{Conns: limit}})
	at := server.Addresses()[0].HostPort
	conns := make([]net.Conn, 8*limit)
	for i := range conns {
		c, err := net.Dial("tcp", at)
		must(t, err)
		defer c.Close()
		conns[i] = c
	}
	// What the system has queued and the host has not taken costs the host nothing.
	held := 0
	must(t, server.net.ResourceManager().ViewSystem(func(s network.ResourceScope) error {
		held = s.Stat().NumConnsInbound
		return nil
	}))
	if held > limit {
		t.Errorf("%d of %d connections are held, of peers that nobody knows", held, len(conns))
	}
	for _, c := range conns {
		must(t, c.Close())
	}
	client := start(t, Options{})
	if _, err := says(t, client, Address{HostPort: at}); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
