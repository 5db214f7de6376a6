package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/go-git/go-billy/v5"

	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/ref"
)

// Verb is what a peer wants to do with a repository.
type Verb string

// The verbs.
const (
	Read  Verb = "read"  // its refs and all its objects
	Write Verb = "write" // merge into its branches
)

// Host is the repositories that a Server answers for.
type Host interface {
	// Repository returns a repository by its name, which CheckRepository has passed, or fails
	// with an error that wraps repo.ErrNoRepository.
	Repository(ctx context.Context, name string) (Repository, error)
	// Allow says whether a peer may do something with a repository: nil if so, otherwise an
	// error that wraps ErrDenied. Who may not read is told that there is no such repository.
	// Writing is about a branch; reading is about none.
	Allow(ctx context.Context, peer, name string, verb Verb, branch ref.Name) error
}

// Repository is one of them. It is a repo.Remote, but for its end, and safe for concurrent
// use. One that is a repo.Submitter, too, takes submissions.
type Repository interface {
	Refs(ctx context.Context) (repo.RemoteRefs, error)
	Objects() repo.Source
	Merge(ctx context.Context, from repo.Source, req repo.RemoteMerge) (repo.RemoteMerged, error)
}

// ServerOptions are what a Server gets from outside.
type ServerOptions struct {
	Host Host
	// Spool gives the folder for what is pushed to a repository. It must be there.
	Spool func(repository string) (billy.Filesystem, error)
	// MaxPushBytes bounds what a push brings: 16 GiB if it is 0.
	MaxPushBytes int64
	// MaxConversations bounds how many go on at the same time: 256 if it is 0.
	MaxConversations int
	// MaxPerPeer bounds how many of them are one peer's: 64 if it is 0.
	MaxPerPeer int
	// Timeouts bound the waiting for clients.
	Timeouts Timeouts
	// Report is told of each conversation that has ended; nil is nobody. It must be safe for
	// concurrent use.
	Report func(Report)
}

// Report is what became of a conversation.
type Report struct {
	Peer       string
	Repository string // empty if it was not named
	Err        error  // nil if it ended in order
	Traffic    Traffic
	Elapsed    time.Duration
}

func (o ServerOptions) withDefaults() ServerOptions {
	if o.MaxPushBytes <= 0 {
		o.MaxPushBytes = 16 << 30
	}
	if o.MaxConversations <= 0 {
		o.MaxConversations = 256
	}
	if o.MaxPerPeer <= 0 {
		o.MaxPerPeer = 64
	}
	if o.Report == nil {
		o.Report = func(Report) {}
	}
	o.Timeouts = o.Timeouts.withDefaults()
	return o
}

// Server answers clients. It is safe for concurrent use.
type Server struct {
	opts    ServerOptions
	codec   *codec
	answers *answers

	mu      sync.Mutex
	total   int
	perPeer map[string]int
}

// NewServer returns a server.
func NewServer(opts ServerOptions) (*Server, error) {
	if opts.Host == nil || opts.Spool == nil {
		return nil, errors.New("transfer: a server needs a host and folders for spools")
	}
	codec, err := newCodec()
	if err != nil {
		return nil, err
	}
	return &Server{opts: opts.withDefaults(), codec: codec, answers: newAnswers(), perPeer: map[string]int{}}, nil
}

// helloWait is how long a client may take to say what it wants.
const helloWait = 10 * time.Second

// Serve holds one conversation with a peer, whose name the stream's maker vouches for, and
// closes the stream. It returns why the conversation ended, nil if in order; ctx ends it
// at once. What a panic in a repository leaves behind is the caller's to judge.
func (s *Server) Serve(ctx context.Context, stream Stream, peer string) error {
	w := newWire(stream, s.opts.Timeouts)
	began := time.Now()
	report := Report{Peer: peer}
	stop := w.guard(ctx)
	err := s.converse(ctx, w, peer, &report)
	if err != nil {
		w.refuse(err)
		err = interrupted(ctx, err)
	}
	stop()
	stream.Close()
	report.Err, report.Elapsed, report.Traffic = err, time.Since(began), Traffic{Sent: w.sent, Received: w.got}
	s.opts.Report(report)
	return err
}

func (s *Server) converse(ctx context.Context, w *wire, peer string, report *Report) error {
	leave, err := s.enter(peer)
	if err != nil {
		_, _ = w.receive(2*maxTextBytes, min(time.Second, w.timeouts.Turn)) // they listen when they have said hello
		return err
	}
	defer leave()
	r, name, err := s.greet(ctx, w, peer)
	report.Repository = name
	if err != nil {
		return err
	}
	a := &answerer{w: w, codec: s.codec, source: r.Objects()}
	for {
		m, err := a.serve(ctx, maxAskedBytes, w.timeouts.Idle)
		if isEnd(err) {
			return nil
		}
		if err != nil {
			return err
		}
		// What a peer may do can end while it talks.
		if err := s.mayRead(ctx, peer, name); err != nil {
			return err
		}
		switch m := m.(type) {
		case *list:
			var all repo.RemoteRefs
			if all, err = r.Refs(ctx); err == nil {
				err = w.send(&refs{all})
			}
		case *merge:
			err = s.merge(ctx, w, r, peer, name, m)
		case *submit:
			err = s.submit(ctx, w, r, func(ctx context.Context, to repo.Submitter) (repo.Submitted, error) {
				return to.Submit(ctx, m.Submission)
			})
		case *follow:
			err = s.submit(ctx, w, r, func(ctx context.Context, to repo.Submitter) (repo.Submitted, error) {
				return to.Submission(ctx, m.Branch, m.Batch, m.Wait)
			})
		default:
			err = unexpected(m)
		}
		if err != nil {
			return err
		}
	}
}

// enter counts a conversation in, unless there are too many.
func (s *Server) enter(peer string) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.total >= s.opts.MaxConversations || s.perPeer[peer] >= s.opts.MaxPerPeer {
		return nil, fmt.Errorf("%w: %d conversations, %d of them with you", ErrBusy, s.total, s.perPeer[peer])
	}
	s.total++
	s.perPeer[peer]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.total--
		if s.perPeer[peer]--; s.perPeer[peer] == 0 {
			delete(s.perPeer, peer)
		}
	}, nil
}

// greet shakes hands.
func (s *Server) greet(ctx context.Context, w *wire, peer string) (r Repository, name string, err error) {
	m, err := w.receive(2*maxTextBytes, min(helloWait, w.timeouts.Turn))
	if isEnd(err) {
		err = fmt.Errorf("%w: %w before it said hello", ErrCut, io.ErrUnexpectedEOF)
	}
	if err != nil {
		return nil, "", err
	}
	h, ok := m.(*hello)
	switch {
	case !ok:
		return nil, "", unexpected(m)
	case h.Min > Version || h.Max < Version:
		return nil, "", fmt.Errorf("%w: you speak %d to %d, this side %d", ErrVersion, h.Min, h.Max, Version)
	}
	if err := CheckRepository(h.Repository); err != nil {
		return nil, "", err
	}
	name = h.Repository
	if err := s.mayRead(ctx, peer, name); err != nil {
		return nil, name, err
	}
	if r, err = s.opts.Host.Repository(ctx, name); err != nil {
		if errors.Is(err, repo.ErrNoRepository) {
			err = noRepository(name, err)
		}
		return nil, name, err
	}
	all, err := r.Refs(ctx)
	if err != nil {
		return nil, name, err
	}
	if !h.Lineage.IsZero() && h.Lineage != all.Lineage {
		return nil, name, &RemoteError{Code: CodeForeign, Text: fmt.Sprintf("foreign lineage: %q is of %s, not of %s", name, all.Lineage.Short(), h.Lineage.Short())}
	}
	return r, name, w.send(&welcome{Version: Version, Lineage: all.Lineage, Directory: all.Directory})
}

// mayRead fails for who may not read as if there were no repository.
func (s *Server) mayRead(ctx context.Context, peer, name string) error {
	err := s.opts.Host.Allow(ctx, peer, name, Read, "")
	if errors.Is(err, ErrDenied) {
		return noRepository(name, err)
	}
	return err
}

// absentError is told to the other side in the same words, whatever the reason.
type absentError struct {
	name  string
	cause error
}

func noRepository(name string, cause error) error { return &absentError{name, cause} }

// Error tells the log what the other side is not told.
func (e *absentError) Error() string { return fmt.Sprintf("repository %q: %v", e.name, e.cause) }
func (e *absentError) Unwrap() error { return e.cause }

// As makes the error that the other side is told.
func (e *absentError) As(target any) bool {
	out, ok := target.(**RemoteError)
	if ok {
		*out = &RemoteError{Code: CodeNoRepository, Text: fmt.Sprintf("repository %q not found", e.name)}
	}
	return ok
}

// merge makes a merge, whose objects come from the other side of the wire.
func (s *Server) merge(ctx context.Context, w *wire, r Repository, peer, name string, m *merge) error {
	if err := s.opts.Host.Allow(ctx, peer, name, Write, m.Branch); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	beat := heartbeat(ctx, w, cancel)
	answer, err := s.mergeOnce(ctx, w, r, answerKey{peer, name, m.Nonce, object.Sum(m.append(nil))}, m.RemoteMerge)
	beat()
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return err
	}
	return w.send(answer)
}

// mergeOnce makes a merge, or returns what became of it when it was asked for before. The
// error is one that ends the conversation.
func (s *Server) mergeOnce(ctx context.Context, w *wire, r Repository, key answerKey, req repo.RemoteMerge) (*merged, error) {
	turn, err := s.answers.begin(ctx, key)
	if err != nil {
		return nil, err
	}
	defer turn.end()
	if turn.answer != nil {
		return turn.answer, nil
	}
	folder, err := s.opts.Spool(key.repository)
	if err != nil {
		return nil, err
	}
	sp, err := openSpool(folder, s.opts.MaxPushBytes, s.codec)
	if err != nil {
		return nil, err
	}
	from := &pushedSource{asker: asker{w: w, codec: s.codec}, spool: sp}
	out, err := r.Merge(ctx, from, req)
	_ = sp.close(from.cut) // a file that stays is no harm, and the merge is made or not
	switch {
	case err != nil && from.failed != nil:
		return nil, from.failed
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	}
	answer := &merged{RemoteMerged: out}
	if err != nil {
		answer.Failed = *refuse(err)
	}
	if len(answer.append(nil)) <= maxAnswerBytes {
		turn.answer = answer
	}
	return answer, nil
}

// heartbeatEvery is how often a client that waits for a merge is told that it goes on.
const heartbeatEvery = 5 * time.Second

// heartbeat tells the other side that something goes on, until stop is called. If nobody
// listens any more, it cancels.
func heartbeat(ctx context.Context, w *wire, cancel context.CancelCauseFunc) (stop func()) {
	ctx, end := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		ticker := time.NewTicker(min(heartbeatEvery, w.timeouts.Turn/4))
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				if err := w.send(&working{}); err != nil {
					cancel(err)
					return
				}
			}
		}
	})
	return func() {
		end()
		done.Wait()
	}
}

var _ Repository = repo.Remote(nil)
