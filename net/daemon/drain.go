package daemon

import (
	"context"
	"sync/atomic"
	"time"

	"aergo/net/peer"
)

// watched is a stream that notes when bytes have moved last.
type watched struct {
	peer.Stream
	moved atomic.Int64 // nanoseconds since 1970
}

// Read implements io.Reader.
func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Stream.Read(b)
	w.moved.Store(time.Now().UnixNano())
	return n, err
}

// Write implements io.Writer.
func (w *watched) Write(b []byte) (int, error) {
	n, err := w.Stream.Write(b)
	w.moved.Store(time.Now().UnixNano())
	return n, err
}

func (d *Daemon) watch(s peer.Stream) *watched {
	w := &watched{Stream: s}
	w.moved.Store(time.Now().UnixNano())
	d.mu.Lock()
	defer d.mu.Unlock()
	d.streams[w] = true
	return w
}

func (d *Daemon) unwatch(w *watched) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.streams, w)
}

const (
	// quiet is how long a conversation is silent that nobody minds the end of: a client that
	// has what it wants may keep it open while it works.
	quiet      = 300 * time.Millisecond
	drainEvery = 20 * time.Millisecond
)

// drain waits until no merge goes on and no conversation moves.
func (d *Daemon) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, d.opts.Settings.StopWait)
	defer cancel()
	tick := time.NewTicker(drainEvery)
	defer tick.Stop()
	for d.merging.Load() > 0 || d.moves() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// moves says whether a conversation has moved just now.
func (d *Daemon) moves() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	since := time.Now().Add(-quiet).UnixNano()
	for w := range d.streams {
		if w.moved.Load() > since {
			return true
		}
	}
	return false
}
