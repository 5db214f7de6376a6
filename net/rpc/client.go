package rpc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync"
	"time"

	"aergo/net/problem"
	"aergo/repo"
)

// Client is a repository's door in another process. It is safe for concurrent use, and a
// function that it calls with an item may use it, too: calls that overlap have connections
// of their own.
type Client struct {
	path   string // of the socket
	caller Caller
	tell   Notes

	mu     sync.Mutex
	closed bool
	idle   []*connection
}

var _ repo.Door = (*Client)(nil)

// Dial returns the door of the repository whose folder is at an absolute path, on behalf of
// a caller. If nobody serves it, or nobody who speaks this version of the protocol, answers
// in time, and serves this user, the error wraps ErrNoServer: then the repository can be
// opened here. The caller closes the client.
func Dial(ctx context.Context, repository string, caller Caller, tell Notes) (*Client, error) {
	c := &Client{path: filepath.Join(repository, SocketFile), caller: caller, tell: tell}
	first, err := c.connect(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: %w", ErrNoServer, err)
	}
	c.idle = []*connection{first}
	return c, nil
}

// connection is a connection that both sides have agreed to talk on.
type connection struct {
	conn net.Conn
	in   *bufio.Reader
	out  *sender
	last uint32 // number of the last call
}

func newConnection(conn net.Conn) *connection {
	return &connection{conn: conn, in: bufio.NewReader(conn), out: &sender{conn: conn}}
}

// connect makes a connection. It takes a server that does not answer in time for none.
func (c *Client) connect(ctx context.Context) (*connection, error) {
	conn, err := connect(ctx, c.path)
	if err != nil {
		return nil, err
	}
	n := newConnection(conn)
	if err := n.greet(c.caller); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return n, nil
}

func (n *connection) greet(caller Caller) error {
	if err := n.conn.SetDeadline(time.Now().Add(connectTimeout)); err != nil {
		return err
	}
	err := n.out.sendJSON(kindHello, 0, greeting{Protocol: protocolName, Versions: []int{protocolVersion}, Caller: caller})
	if err != nil {
		return err
	}
	m, err := readMessage(n.in)
	if err != nil {
		return err
	}
	switch m.kind {
	case kindWelcome:
		var w welcome
		if err := decode(m.payload, &w); err != nil {
			return err
		}
		if w.Version != protocolVersion {
			return fmt.Errorf("%w: version %d", ErrProtocol, w.Version)
		}
		return n.conn.SetDeadline(time.Time{})
	case kindRefuse:
		f := &fault{}
		if err := decode(m.payload, f); err != nil {
			return err
		}
		return f.err()
	default:
		return fmt.Errorf("%w: no answer to a greeting", ErrProtocol)
	}
}

// take returns a connection that nobody uses.
func (c *Client) take(ctx context.Context) (*connection, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, fmt.Errorf("rpc: %w", net.ErrClosed)
	}
	if last := len(c.idle) - 1; last >= 0 {
		n := c.idle[last]
		c.idle = c.idle[:last]
		c.mu.Unlock()
		return n, nil
	}
	c.mu.Unlock()
	n, err := c.connect(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: %w", problem.ErrStopping, err)
	}
	return n, nil
}

// give keeps a connection for the next call.
func (c *Client) give(n *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = n.conn.Close()
		return
	}
	c.idle = append(c.idle, n)
}

// Close ends the connections. Calls that are under way go on.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	var err error
	for _, n := range c.idle {
		err = errors.Join(err, n.conn.Close())
	}
	c.idle = nil
	return err
}

// request is a call as the client makes it.
type request struct {
	verb  string
	args  []any
	in    io.Reader                  // an argument, nil for none
	items func(payload []byte) error // takes an array of items
	out   []any                      // pointers to the results
}

// do makes a call and waits until it is over, also if ctx ends: then the other side is told
// and says what became of it.
func (c *Client) do(ctx context.Context, r request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	asked := call{Verb: r.verb, Args: make([]json.RawMessage, len(r.args))}
	for i, a := range r.args {
		data, err := encode(a)
		if err != nil {
			return err
		}
		asked.Args[i] = data
		asked.Escaped = asked.Escaped || mayHideBytes(data)
	}
	if asked.Escaped {
		for i, a := range r.args {
			data, err := encode(escaped(a))
			if err != nil {
				return err
			}
			asked.Args[i] = data
		}
	}
	n, err := c.take(ctx)
	if err != nil {
		return err
	}
	n.last++
	err = n.out.sendJSON(kindCall, n.last, asked)
	if err != nil {
		return errors.Join(lost(err), n.conn.Close())
	}
	told := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(told)
		_ = n.out.send(message{kind: kindCancel, call: n.last}) // reading finds out
	})
	e := &exchanging{request: r, client: c, connection: n}
	done, err := e.wait()
	if !cancel() {
		<-told
	}
	if err != nil { // of the connection, or on this side
		return errors.Join(err, n.conn.Close())
	}
	c.give(n)
	return e.outcome(ctx, done)
}

// lost is the error of a call whose connection has failed.
func lost(err error) error { return fmt.Errorf("%w: %w", problem.ErrLost, err) }

// exchanging is a call under way, on the side of the client.
type exchanging struct {
	request
	client     *Client
	connection *connection
	buf        []byte
	values     [][]byte
	stopped    error // by the function that takes the items
	unread     error // why the reader could not be read, but for its end
}

// wait answers what the server says until it says that the call is over.
func (e *exchanging) wait() (*result, error) {
	for {
		m, err := readMessage(e.connection.in)
		if err != nil {
			return nil, lost(unexpected(err))
		}
		if m.call != e.connection.last {
			return nil, fmt.Errorf("%w: %w: an answer to call %d", problem.ErrLost, ErrProtocol, m.call)
		}
		switch m.kind {
		case kindItems:
			err = e.take(m.payload)
		case kindWant:
			err = e.read()
		case kindNote:
			err = e.note(m.payload)
		case kindValue:
			if e.values = append(e.values, m.payload); len(e.values) > len(e.out) {
				err = fmt.Errorf("%w: more results than %s has", ErrProtocol, e.verb)
			}
		case kindResult:
			done := &result{}
			if err := decode(m.payload, done); err != nil {
				return nil, lost(err)
			}
			return done, nil
		default:
			err = fmt.Errorf("%w: kind %d", ErrProtocol, m.kind)
		}
		if err != nil {
			return nil, lost(err)
		}
	}
}

// take hands items to whom they are for, until that one wants no more.
func (e *exchanging) take(payload []byte) error {
	if e.stopped != nil {
		return nil
	}
	if e.items == nil {
		return fmt.Errorf("%w: items of %s", ErrProtocol, e.verb)
	}
	if e.stopped = e.items(payload); e.stopped == nil {
		return nil
	}
	return e.connection.out.send(message{kind: kindStop, call: e.connection.last})
}

// read reads the reader once, and sends what it gives.
func (e *exchanging) read() error {
	if e.in == nil {
		return fmt.Errorf("%w: %s takes no reader", ErrProtocol, e.verb)
	}
	if e.buf == nil {
		e.buf = make([]byte, framePayloadBytes)
	}
	for {
		n, err := e.in.Read(e.buf)
		if n > 0 {
			// An error comes back with the next read.
			return e.connection.out.send(message{kindData, e.connection.last, e.buf[:n]})
		}
		if err == nil {
			continue
		}
		var end ending
		if !errors.Is(err, io.EOF) {
			e.unread = err
			end.Error = faultOf(context.Background(), err)
		}
		return e.connection.out.sendJSON(kindEnd, e.connection.last, end)
	}
}

func (e *exchanging) note(payload []byte) error {
	var n note
	if err := decode(payload, &n); err != nil {
		return err
	}
	if n.Waiting != nil && e.client.tell.Waiting != nil {
		e.client.tell.Waiting(*n.Waiting)
	}
	if n.Progress != nil && e.client.tell.Progress != nil {
		e.client.tell.Progress(*n.Progress)
	}
	if n.Note != nil && e.client.tell.Note != nil {
		e.client.tell.Note(*n.Note)
	}
	if n.Detail != nil && e.client.tell.Detail != nil {
		e.client.tell.Detail(*n.Detail)
	}
	return nil
}

// outcome fills in the results of a call that is over.
func (e *exchanging) outcome(ctx context.Context, done *result) error {
	if e.stopped != nil {
		return e.stopped
	}
	err := done.Error.err()
	if err == nil && len(e.values) != len(e.out) {
		return fmt.Errorf("%w: %d results of %s", ErrProtocol, len(e.values), e.verb)
	}
	for i, v := range e.values {
		if failed := decode(v, e.out[i]); failed != nil {
			return errors.Join(err, failed)
		}
	}
	if err == nil {
		return nil
	}
	if e.unread != nil {
		return &unreadError{err, e.unread}
	}
	if cause := ctx.Err(); cause != nil && errors.Is(err, context.Canceled) && !errors.Is(err, cause) {
		return &unreadError{err, cause}
	}
	return err
}

// unreadError is what the other side says about an error that happened on this one.
type unreadError struct{ said, cause error }

// Error returns what the other side says.
func (e *unreadError) Error() string { return e.said.Error() }

// Unwrap lets errors.Is and errors.As find the error itself.
func (e *unreadError) Unwrap() []error { return []error{e.said, e.cause} }
