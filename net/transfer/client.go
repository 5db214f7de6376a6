package transfer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/go-git/go-billy/v5"

	"aergo/repo"
	"aergo/repo/object"
)

// Dialer opens a stream to the other side, which must be the same one each time.
type Dialer func(ctx context.Context) (Stream, error)

// ClientOptions are what a Client gets from outside.
type ClientOptions struct {
	// Spool is a folder for what has come and has not been taken yet. It must be there. It
	// may be shared with other transfers, at the same time too; what a transfer that was cut
	// has left in it, the next one need not ask for.
	Spool billy.Filesystem
	// MaxBytes bounds what the spool holds: 64 GiB if it is 0.
	MaxBytes int64
	// Lineage is the one that the repository must be of; zero for any.
	Lineage object.Hash
	// Timeouts bound the waiting for the other side.
	Timeouts Timeouts
	// Attempts is how often a stream that is lost is opened again without anything having
	// come by the last one: 5 if it is 0, never if it is below.
	Attempts int
	// Wait passes the time between two attempts; nil is a real wait.
	Wait func(ctx context.Context, d time.Duration) error
	// Progress is told how many objects have come, now and then; nil is nobody.
	Progress func(objects, bytes uint64)
	// Sent is told how many objects have gone to the other side in a merge, now and then; nil
	// is nobody.
	Sent func(objects uint64)
}

func (o ClientOptions) withDefaults() ClientOptions {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 64 << 30
	}
	if o.Attempts == 0 {
		o.Attempts = 5
	}
	if o.Wait == nil {
		o.Wait = wait
	}
	if o.Progress == nil {
		o.Progress = func(uint64, uint64) {}
	}
	return o
}

// Client is a repository on the other side of a stream. It is a repo.Remote. When the
// stream is lost it opens another one and goes on from where it was. It is safe for
// concurrent use; requests wait for each other.
type Client struct {
	dial       Dialer
	repository string
	opts       ClientOptions
	codec      *codec
	spool      *spool

	mu      sync.Mutex
	w       *wire // nil if it is lost
	home    welcome
	keep    bool // the spool, for the next transfer
	objects uint64
	bytes   uint64
	singles uint64  // objects that were asked for one by one
	wire    Traffic // of streams that are over
}

// Traffic is what has gone over streams, in bytes.
type Traffic struct{ Sent, Received uint64 }

// Open begins a conversation about a repository. The error wraps ErrCut if the other side
// is silent, is a *RemoteError if it refuses, or is the Dialer's.
func Open(ctx context.Context, dial Dialer, repository string, opts ClientOptions) (*Client, error) {
	if err := CheckRepository(repository); err != nil {
		return nil, err
	}
	if opts.Spool == nil {
		return nil, errors.New("transfer: no folder for a spool")
	}
	opts = opts.withDefaults()
	codec, err := newCodec()
	if err != nil {
		return nil, err
	}
	c := &Client{dial: dial, repository: repository, opts: opts, codec: codec}
	if err := c.connect(ctx); err != nil {
		return nil, err
	}
	if c.spool, err = openSpool(opts.Spool, opts.MaxBytes, codec); err != nil {
		c.w.abort()
		return nil, err
	}
	return c, nil
}

// connect opens a stream, and a conversation on it. The caller holds the lock, but in Open.
func (c *Client) connect(ctx context.Context) error {
	s, err := c.dial(ctx)
	if err != nil {
		return interrupted(ctx, err)
	}
	w := newWire(s, c.opts.Timeouts)
	home, err := c.greet(ctx, w)
	if err != nil {
		w.abort()
		return interrupted(ctx, err)
	}
	if !c.home.Lineage.IsZero() && *home != c.home {
		w.abort()
		return fmt.Errorf("%w: another repository answers by the name of %q now", ErrProtocol, c.repository)
	}
	c.w, c.home = w, *home
	return nil
}

func (c *Client) greet(ctx context.Context, w *wire) (*welcome, error) {
	defer w.guard(ctx)()
	want := c.opts.Lineage
	if !c.home.Lineage.IsZero() {
		want = c.home.Lineage
	}
	if err := w.send(&hello{Min: Version, Max: Version, Repository: c.repository, Lineage: want}); err != nil {
		return nil, err
	}
	m, err := w.receive(2*maxTextBytes, w.timeouts.Turn)
	if isEnd(err) {
		err = fmt.Errorf("%w: the other side hangs up", ErrCut)
	}
	if err != nil {
		return nil, err
	}
	home, ok := m.(*welcome)
	switch {
	case !ok:
		return nil, unexpected(m)
	case home.Version != Version:
		return nil, fmt.Errorf("%w: it chose %d", ErrVersion, home.Version)
	case home.Lineage.IsZero() || !want.IsZero() && home.Lineage != want:
		return nil, fmt.Errorf("%w: it welcomes to the lineage %s", ErrProtocol, home.Lineage.Short())
	}
	return home, nil
}

// Lineage returns the lineage of the repository.
func (c *Client) Lineage() object.Hash { return c.home.Lineage }

// Traffic returns what has gone over the wire so far.
func (c *Client) Traffic() Traffic {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.wire
	if c.w != nil {
		t.Sent, t.Received = t.Sent+c.w.sent, t.Received+c.w.got
	}
	return t
}

// drop gives the stream up.
func (c *Client) drop() {
	if c.w == nil {
		return
	}
	c.w.abort()
	c.wire.Sent, c.wire.Received = c.wire.Sent+c.w.sent, c.wire.Received+c.w.got
	c.w = nil
}

// again readies a stream after a cut, or returns the cause if that has been tried often
// enough. It is the attempt with this number, from 1.
func (c *Client) again(ctx context.Context, attempt int, cause error) error {
	for ; ; attempt++ {
		c.drop()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.Is(cause, ErrCut) || attempt > c.opts.Attempts:
			return cause
		}
		if attempt > 1 {
			if err := c.opts.Wait(ctx, patience(attempt-2)); err != nil {
				return err
			}
		}
		err := c.connect(ctx)
		if err == nil {
			return nil
		}
		cause = unreached(err)
	}
}

// unreached makes the error of a connection that could not be made one that is worth
// another try, unless it says that there is no use in that.
func unreached(err error) error {
	var remote *RemoteError
	if errors.As(err, &remote) && remote.Code != CodeBusy || errors.Is(err, ErrProtocol) || errors.Is(err, ErrVersion) || errors.Is(err, ErrCut) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrCut, err)
}

// turn runs fn with a stream, and again with another one when that is cut.
func (c *Client) turn(ctx context.Context, fn func(w *wire) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.w == nil { // the last turn lost it
		if err := c.connect(ctx); err != nil {
			if err := c.again(ctx, 1, unreached(err)); err != nil {
				return err
			}
		}
	}
	for attempt := 1; ; attempt++ {
		before := c.objects
		stop := c.w.guard(ctx)
		err := fn(c.w)
		if !stop() {
			c.drop() // it has been ended, or is just being ended
		}
		if err == nil {
			return nil
		}
		if c.objects > before {
			attempt = 1
		}
		if err := c.again(ctx, attempt, err); err != nil {
			return err
		}
	}
}

// Refs implements repo.Remote.
func (c *Client) Refs(ctx context.Context) (repo.RemoteRefs, error) {
	var out repo.RemoteRefs
	err := c.turn(ctx, func(w *wire) error {
		if err := w.send(&list{}); err != nil {
			return err
		}
		m, err := w.receive(maxListBytes, w.timeouts.Turn)
		if isEnd(err) {
			err = fmt.Errorf("%w: %w", ErrCut, io.ErrUnexpectedEOF)
		}
		if err != nil {
			return err
		}
		r, ok := m.(*refs)
		if !ok {
			return unexpected(m)
		}
		if r.Lineage != c.home.Lineage || r.Directory != c.home.Directory {
			return fmt.Errorf("%w: it lists the refs of another repository", ErrProtocol)
		}
		out = r.RemoteRefs
		return nil
	})
	return out, err
}

// Objects implements repo.Remote. The source is a repo.Gatherer.
func (c *Client) Objects() repo.Source { return &remoteSource{c} }

// Merge implements repo.Remote. A merge that is asked for again after a cut is made once
// only, as long as the other side remembers it.
func (c *Client) Merge(ctx context.Context, from repo.Source, req repo.RemoteMerge) (repo.RemoteMerged, error) {
	m := &merge{RemoteMerge: req}
	_, _ = rand.Read(m.Nonce[:]) // it never fails
	if size := len(m.append(nil)); size > maxAskedBytes {
		return repo.RemoteMerged{}, fmt.Errorf("%w: %d tags at once", ErrTooLarge, len(req.Tags))
	}
	var out *merged
	err := c.turn(ctx, func(w *wire) error {
		if err := w.send(m); err != nil {
			return err
		}
		a := &answerer{w: w, codec: c.codec, source: from, sent: c.opts.Sent}
		for {
			came, err := a.serve(ctx, maxListBytes, w.timeouts.Turn)
			if isEnd(err) {
				err = fmt.Errorf("%w: %w", ErrCut, io.ErrUnexpectedEOF)
			}
			if err != nil {
				w.refuse(err)
				return err
			}
			switch came := came.(type) {
			case *working:
			case *merged:
				out = came
				return nil
			default:
				return unexpected(came)
			}
		}
	})
	if err != nil {
		return repo.RemoteMerged{}, err
	}
	if out.Failed.Code != "" {
		err = out.Failed.err()
	}
	return out.RemoteMerged, err
}

// Close implements repo.Remote. What has come is kept for the next transfer if this one
// was cut.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.w != nil {
		c.w.stream.Close()
	}
	c.dial = func(context.Context) (Stream, error) { return nil, errors.New("transfer: the conversation is over") }
	return c.spool.close(c.keep)
}

// patience is how long to wait before trying again after a cut.
func patience(attempt int) time.Duration {
	return min(100*time.Millisecond<<min(attempt, 10), 10*time.Second)
}

// wait waits, or fails when ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting to try again: %w", ctx.Err())
	}
}
