package rpc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"aergo/net/problem"
	"aergo/repo"
)

// greetingTimeout bounds how long a caller may take to say who it is.
const greetingTimeout = 10 * time.Second

// session is one caller's connection. It has one call at a time.
type session struct {
	server *Server
	caller Caller
	out    *sender
	calls  chan message // what receive hands to answer; closed when the caller is gone

	door repo.Door // opened with the first call

	mu  sync.Mutex
	now *running // the call under way
}

// running is a call under way.
type running struct {
	id      uint32
	cancel  context.CancelFunc
	stopped atomic.Bool // the caller wants no more items
	asked   atomic.Bool // for bytes of the reader
	bytes   chan chunk
}

// chunk is what one read of the caller's reader gave.
type chunk struct {
	data []byte
	err  error
}

// greet reads who the caller is, and says whether both sides can talk.
func (n *session) greet(conn net.Conn) bool {
	_ = conn.SetReadDeadline(time.Now().Add(greetingTimeout))
	m, err := readMessage(conn)
	if err != nil || m.kind != kindHello {
		return false
	}
	_ = conn.SetReadDeadline(time.Time{})
	var g greeting
	if err := decode(m.payload, &g); err != nil {
		return n.refuse(err)
	}
	if g.Protocol != protocolName || !slices.Contains(g.Versions, protocolVersion) {
		return n.refuse(fmt.Errorf("%w: this side speaks version %d", ErrProtocol, protocolVersion))
	}
	n.caller = g.Caller
	return n.out.sendJSON(kindWelcome, 0, welcome{Version: protocolVersion, Program: n.server.Program}) == nil
}

func (n *session) refuse(err error) bool {
	_ = n.out.sendJSON(kindRefuse, 0, faultOf(context.Background(), err))
	return false
}

// receive reads messages until the connection ends or the caller breaks the protocol. It
// never waits for a call: what it hands over has a place.
func (n *session) receive(conn net.Conn) {
	defer close(n.calls)
	in := bufio.NewReader(conn)
	for {
		m, err := readMessage(in)
		if err != nil || !n.take(m) {
			return
		}
	}
}

// take takes one message. It returns false for one that has no place here.
func (n *session) take(m message) bool {
	n.mu.Lock()
	now := n.now
	if m.kind == kindCall && now == nil {
		n.now = &running{id: m.call, cancel: func() {}, bytes: make(chan chunk, 1)}
	}
	n.mu.Unlock()
	if m.kind == kindCall {
		if now != nil {
			return false
		}
		n.calls <- m
		return true
	}
	if now == nil || now.id != m.call {
		return m.kind == kindStop || m.kind == kindCancel // too late, which happens
	}
	switch m.kind {
	case kindStop:
		now.stopped.Store(true)
	case kindCancel:
		n.mu.Lock()
		defer n.mu.Unlock()
		now.cancel()
	case kindData, kindEnd:
		return now.supply(m)
	default:
		return false
	}
	return true
}

// supply takes the bytes that were asked for, or why there are none.
func (r *running) supply(m message) bool {
	if !r.asked.CompareAndSwap(true, false) {
		return false
	}
	c := chunk{data: m.payload}
	if m.kind == kindEnd {
		var e ending
		if decode(m.payload, &e) != nil {
			return false
		}
		c = chunk{err: io.EOF}
		if e.Error != nil {
			c.err = e.Error.err()
		}
	}
	r.bytes <- c
	return true
}

// answer answers calls, one after the other, until the caller leaves or work ends.
func (n *session) answer(work context.Context) {
	for {
		select {
		case m, more := <-n.calls:
			if !more || !n.answerOne(work, m) {
				return
			}
		case <-work.Done():
			return
		}
	}
}

// answerOne answers a call. It returns false if the answer cannot be sent.
func (n *session) answerOne(work context.Context, m message) bool {
	ctx, cancel := context.WithCancel(work)
	defer cancel()
	n.mu.Lock()
	now := n.now
	now.cancel = cancel
	n.mu.Unlock()
	begun := time.Now()
	var c call
	err := decode(m.payload, &c)
	var values [][]byte
	if err == nil {
		values, err = n.perform(ctx, now, c)
	}
	if err != nil && errors.Is(context.Cause(work), problem.ErrStopping) {
		err = fmt.Errorf("%w: %w", problem.ErrStopping, err)
	}
	var out result
	if err != nil {
		out.Error = faultOf(ctx, err)
	}
	if n.server.Called != nil {
		n.server.Called(n.caller, c.Verb, time.Since(begun), err)
	}
	n.mu.Lock()
	n.now = nil
	n.mu.Unlock()
	for _, v := range values {
		if n.out.send(message{kindValue, m.call, v}) != nil {
			return false
		}
	}
	return n.out.sendJSON(kindResult, m.call, out) == nil
}

// perform runs a call on the caller's door. A panic is an error of this call alone.
func (n *session) perform(ctx context.Context, now *running, c call) (values [][]byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			values, err = nil, fmt.Errorf("rpc: panic in %s: %v\n%s", c.Verb, p, debug.Stack())
		}
	}()
	if n.door == nil {
		if n.door, err = n.server.Open(ctx, n.caller, n.notes()); err != nil {
			return nil, err
		}
	}
	return dispatch(ctx, n.door, c, &exchange{out: n.out, now: now, ctx: ctx})
}

// close gives the caller's door back.
func (n *session) close() {
	if n.door != nil {
		_ = n.door.Close() // it has nothing to say that a call has not said
	}
}

// tell sends a note about the call under way.
func (n *session) tell(what note) {
	n.mu.Lock()
	now := n.now
	n.mu.Unlock()
	if now != nil {
		_ = n.out.sendJSON(kindNote, now.id, what) // the call finds out
	}
}

func (n *session) notes() Notes {
	return Notes{
		Waiting:  func(holder string) { n.tell(note{Waiting: &holder}) },
		Progress: n.progress(),
		Note:     func(line string) { n.tell(note{Note: &line}) },
		Detail:   func(line string) { n.tell(note{Detail: &line}) },
	}
}

// progressInterval is how often progress is told at most.
const progressInterval = 50 * time.Millisecond

// progress returns a function that passes on what of the progress a person can see: each
// phase's beginning and end, and now and then what is in between.
func (n *session) progress() func(repo.Progress) {
	var mu sync.Mutex
	var phase string
	var last time.Time
	return func(p repo.Progress) {
		mu.Lock()
		defer mu.Unlock()
		if p.Phase == phase && time.Since(last) < progressInterval && (p.Total == 0 || p.Done < p.Total) {
			return
		}
		phase, last = p.Phase, time.Now()
		n.tell(note{Progress: &p})
	}
}
