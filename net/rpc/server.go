package rpc

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"aergo/net/problem"
	"aergo/repo"
)

// Server answers callers of one repository.
type Server struct {
	// Open gives the door of a caller, once for each connection; the server closes it when
	// the caller leaves. What tell is told reaches the caller. repo.Repo.As is such a door,
	// with what Caller.Options returns and what else the repository has to know.
	Open func(ctx context.Context, caller Caller, tell Notes) (repo.Door, error)
	// Program is what serves, with its version, for people.
	Program string
	// Grace is how long callers may go on when the server is told to stop.
	Grace time.Duration
	// Called, if it is not nil, is told of each call when it is over. It must not block.
	Called func(caller Caller, verb string, took time.Duration, err error)
}

// maxSessions bounds how many callers are served at once; more wait.
const maxSessions = 512

// Serve answers callers until ctx ends. Then it closes the listener, lets callers go on for
// as long as Grace says, and returns nil when they have left. It returns early with an error
// if the listener fails.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	// Callers outlive ctx by the grace.
	work, kill := context.WithCancelCause(context.WithoutCancel(ctx))
	defer kill(nil)
	var closed error
	closing := sync.OnceFunc(func() { closed = l.Close() })
	defer context.AfterFunc(ctx, func() {
		closing()
		time.AfterFunc(s.Grace, func() { kill(problem.ErrStopping) })
	})()
	var sessions sync.WaitGroup
	free := make(chan struct{}, maxSessions)
	for {
		free <- struct{}{}
		conn, err := l.Accept()
		if err != nil {
			stopped := ctx.Err() != nil
			stop()
			closing()
			sessions.Wait()
			if stopped {
				return closed
			}
			return errors.Join(err, closed)
		}
		sessions.Go(func() {
			defer func() { <-free }()
			s.serve(work, conn)
		})
	}
}

// serve answers one caller until it leaves or work ends.
func (s *Server) serve(work context.Context, conn net.Conn) {
	work, cancel := context.WithCancelCause(work)
	defer cancel(nil)
	n := &session{server: s, out: &sender{conn: conn}, calls: make(chan message, 1)}
	if !n.greet(conn) {
		_ = conn.Close()
		return
	}
	received := make(chan struct{})
	go func() {
		defer close(received)
		n.receive(conn)
		cancel(context.Canceled) // the caller is gone, and so is who would read the answer
	}()
	n.answer(work)
	_ = conn.Close()
	<-received
	n.close()
}

// sender writes messages, each as a whole.
type sender struct {
	conn net.Conn
	mu   sync.Mutex
	buf  []byte
	err  error // the first one: nothing is written after it
}

// maxKeptBytes is up to which size a buffer is kept for the next message.
const maxKeptBytes = 1 << 20

func (s *sender) send(m message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	framed, err := appendMessage(s.buf[:0], m)
	if err != nil {
		return err // of this message alone
	}
	if cap(framed) <= maxKeptBytes {
		s.buf = framed
	}
	_, s.err = s.conn.Write(framed)
	return s.err
}

// sendJSON sends v as a message.
func (s *sender) sendJSON(k kind, call uint32, v any) error {
	payload, err := encode(v)
	if err != nil {
		return err
	}
	return s.send(message{k, call, payload})
}
