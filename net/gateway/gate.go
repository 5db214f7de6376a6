package gateway

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// gatePatience is how long a request waits for its turn.
const gatePatience = 2 * time.Second

// gate bounds how many requests are answered at a time, and how many of one client.
type gate struct {
	turns     chan struct{}
	perClient int

	mu      sync.Mutex
	clients map[string]int
}

func newGate(total, perClient int) *gate {
	return &gate{turns: make(chan struct{}, total), perClient: perClient, clients: map[string]int{}}
}

// enter waits for a turn, briefly. leave gives it back.
func (g *gate) enter(ctx context.Context, client string) (leave func(), err error) {
	if !g.count(client) {
		return nil, errBusy
	}
	patience := time.NewTimer(gatePatience)
	defer patience.Stop()
	select {
	case g.turns <- struct{}{}:
		return func() { <-g.turns; g.discount(client) }, nil
	case <-patience.C:
		err = errBusy
	case <-ctx.Done():
		err = ctx.Err()
	}
	g.discount(client)
	return nil, err
}

func (g *gate) count(client string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.clients[client] >= g.perClient {
		return false
	}
	g.clients[client]++
	return true
}

func (g *gate) discount(client string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.clients[client]--; g.clients[client] == 0 {
		delete(g.clients, client)
	}
}

// clientOf is the address that a request comes from, without its port.
func clientOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
