package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aergo/net/problem"
	"aergo/repo"
	"aergo/repo/lock"
	"aergo/repo/oplog"
)

// fake is a door whose few verbs are functions.
type fake struct {
	repo.Door
	rows       func(ctx context.Context, fn func(repo.Row) error) error
	importing  func(ctx context.Context, in io.Reader) (repo.Imported, error)
	merge      func(ctx context.Context) (repo.Merged, error)
	status     func(ctx context.Context) (repo.Status, error)
	operations iter.Seq2[oplog.Entry, error]
	closed     chan struct{}
}

func (f *fake) Rows(ctx context.Context, _, _ string, fn func(repo.Row) error) error {
	return f.rows(ctx, fn)
}

func (f *fake) Import(ctx context.Context, in io.Reader, _ repo.ImportRequest) (repo.Imported, error) {
	return f.importing(ctx, in)
}
func (f *fake) Merge(ctx context.Context, _ repo.MergeRequest) (repo.Merged, error) {
	return f.merge(ctx)
}

func (f *fake) Status(ctx context.Context) (repo.Status, error) {
	if f.status == nil {
		return repo.Status{Height: 7}, nil
	}
	return f.status(ctx)
}
func (f *fake) Operations(context.Context) iter.Seq2[oplog.Entry, error] { return f.operations }
func (f *fake) Close() error {
	if f.closed != nil {
		close(f.closed)
	}
	return nil
}

// start serves a door on a socket in a new folder and returns the folder, what tells the
// server to stop, and what says when it has.
func start(t *testing.T, door repo.Door, with func(*Server)) (folder string, stop func(), stopped <-chan error) {
	t.Helper()
	folder = t.TempDir()
	l, err := Listen(folder)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Open: func(context.Context, Caller, Notes) (repo.Door, error) { return door, nil }}
	if with != nil {
		with(s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		done <- s.Serve(ctx, l)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return folder, cancel, done
}

func dial(t *testing.T, folder string, tell Notes) *Client {
	t.Helper()
	c, err := Dial(t.Context(), folder, Caller{}, tell)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// alive checks that a client's connection is still of use.
func alive(t *testing.T, c *Client) {
	t.Helper()
	if st, err := c.Status(t.Context()); err != nil || st.Height != 7 {
		t.Errorf("afterwards: %+v, %v", st, err)
	}
}

// endless gives rows until it is stopped, and says by what.
func endless(why *error) *fake {
	return &fake{rows: func(_ context.Context, fn func(repo.Row) error) error {
		for {
			if err := fn(repo.Row{Table: "t", Tuple: []byte{1}, Data: []byte{2}}); err != nil {
				*why = err
				return fmt.Errorf("rows: %w", err)
			}
		}
	}}
}

func TestWalkEndsWhenItsCallerHasEnough(t *testing.T) {
	var why error
	folder, _, _ := start(t, endless(&why), nil)
	c := dial(t, folder, Notes{})
	errEnough := errors.New("enough")
	n := 0
	err := c.Rows(t.Context(), "t", "", func(repo.Row) error {
		if n++; n == 1000 {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) || n != 1000 || !errors.Is(why, errStopped) {
		t.Errorf("%v after %d rows, the other side was stopped by %v", err, n, why)
	}
	alive(t, c)
}

func TestCancelledCallEndsOnBothSides(t *testing.T) {
	var why error
	folder, _, _ := start(t, endless(&why), nil)
	c := dial(t, folder, Notes{})
	ctx, cancel := context.WithCancel(t.Context())
	err := c.Rows(ctx, "t", "", func(repo.Row) error {
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || problem.Of(ctx, err).Exit != problem.ExitInterrupted || !errors.Is(why, context.Canceled) {
		t.Errorf("%v, and on the other side %v", err, why)
	}
	alive(t, c)
	if _, err := c.Status(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a call that was cancelled before: %v", err)
	}
}

func TestCallEndsWithItsCaller(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan struct{})
	door := &fake{closed: make(chan struct{}), status: func(ctx context.Context) (repo.Status, error) {
		close(begun)
		<-ctx.Done()
		close(ended)
		return repo.Status{}, ctx.Err()
	}}
	folder, _, _ := start(t, door, nil)
	c := dial(t, folder, Notes{})
	conn := c.idle[0].conn
	failed := make(chan error, 1)
	go func() {
		_, err := c.Status(context.Background())
		failed <- err
	}()
	<-begun
	conn.Close()
	<-ended
	<-door.closed
	if err := <-failed; !errors.Is(err, problem.ErrLost) {
		t.Errorf("the caller hears %v", err)
	}
}

// TestSlowCallersHoldWalksUp counts, on a connection that holds nothing, how far a walk gets
// ahead of its caller.
func TestSlowCallersHoldWalksUp(t *testing.T) {
	const rows, rowBytes = 2000, 1 << 10
	const ahead = 2 * (itemsBytes/rowBytes + 1) // one message is read, another one is written
	var got atomic.Int64
	door := &fake{rows: func(_ context.Context, fn func(repo.Row) error) error {
		for sent := range int64(rows) {
			if taken := got.Load(); sent > taken+ahead {
				t.Errorf("row %d is written when %d were taken", sent, taken)
			}
			if err := fn(repo.Row{Table: "t", Tuple: []byte{}, Data: make([]byte, rowBytes)}); err != nil {
				return err
			}
		}
		return nil
	}}
	here, there := net.Pipe()
	s := &Server{Open: func(context.Context, Caller, Notes) (repo.Door, error) { return door, nil }}
	served := make(chan struct{})
	go func() {
		defer close(served)
		s.serve(t.Context(), there)
	}()
	n := newConnection(here)
	if err := n.greet(Caller{}); err != nil {
		t.Fatal(err)
	}
	c := &Client{idle: []*connection{n}}
	err := c.Rows(t.Context(), "t", "", func(repo.Row) error {
		got.Add(1)
		return nil
	})
	if err != nil || got.Load() != rows {
		t.Errorf("%d rows, %v", got.Load(), err)
	}
	c.Close()
	<-served
}

// countingReader counts how often it is read.
type countingReader struct {
	io.Reader
	reads int
}

func (r *countingReader) Read(b []byte) (int, error) {
	r.reads++
	return r.Reader.Read(b)
}

func TestReadersAreReadOnDemand(t *testing.T) {
	errBad := fmt.Errorf("line 1: %w", repo.ErrColumns)
	door := &fake{importing: func(_ context.Context, in io.Reader) (repo.Imported, error) {
		if _, err := io.ReadFull(in, make([]byte, 10)); err != nil {
			return repo.Imported{}, err
		}
		return repo.Imported{Rows: 3}, errBad
	}}
	folder, _, _ := start(t, door, nil)
	c := dial(t, folder, Notes{})
	in := &countingReader{Reader: strings.NewReader(strings.Repeat("0123456789", 1<<20))}
	out, err := c.Import(t.Context(), in, repo.ImportRequest{})
	if !errors.Is(err, repo.ErrColumns) || err.Error() != errBad.Error() || out.Rows != 3 || in.reads != 1 {
		t.Errorf("%+v, %v after %d reads", out, err, in.reads)
	}
	alive(t, c)
	door.importing = func(_ context.Context, in io.Reader) (repo.Imported, error) {
		n, err := io.Copy(io.Discard, in)
		return repo.Imported{Rows: uint64(n)}, err
	}
	if out, err := c.Import(t.Context(), strings.NewReader(strings.Repeat("x", 3<<20)), repo.ImportRequest{}); err != nil || out.Rows != 3<<20 {
		t.Errorf("%d bytes, %v", out.Rows, err)
	}
	errBroken := errors.New("broken pipe of mine")
	broken := io.MultiReader(strings.NewReader("some"), &failing{errBroken})
	if out, err := c.Import(t.Context(), broken, repo.ImportRequest{}); !errors.Is(err, errBroken) || out.Rows != 4 {
		t.Errorf("a reader that fails: %d bytes, %v", out.Rows, err)
	}
	alive(t, c)
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func TestNotesComeBeforeTheAnswer(t *testing.T) {
	var tell Notes
	door := &fake{status: func(context.Context) (repo.Status, error) {
		tell.Waiting("aergo import (process 7)")
		tell.Progress(repo.Progress{Phase: "merging", Done: 1, Total: 2})
		tell.Progress(repo.Progress{Phase: "merging", Done: 2, Total: 2})
		tell.Note("a line")
		tell.Detail("more")
		return repo.Status{Height: 7}, nil
	}}
	folder, _, _ := start(t, door, func(s *Server) {
		s.Open = func(_ context.Context, _ Caller, notes Notes) (repo.Door, error) {
			tell = notes
			return door, nil
		}
	})
	var got []string
	add := func(s string) { got = append(got, s) }
	c := dial(t, folder, Notes{Waiting: add, Note: add, Detail: add, Progress: func(p repo.Progress) { add(fmt.Sprint(p)) }})
	alive(t, c)
	if want := "aergo import (process 7)|{merging 1 2}|{merging 2 2}|a line|more"; strings.Join(got, "|") != want {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestResultsComeWithErrors(t *testing.T) {
	folder, _, _ := start(t, &fake{merge: func(context.Context) (repo.Merged, error) {
		return repo.Merged{Applied: 3, Excluded: []repo.Exclusion{{Table: "t"}}}, fmt.Errorf("1 transaction: %w", repo.ErrConflict)
	}}, nil)
	m, err := dial(t, folder, Notes{}).Merge(t.Context(), repo.MergeRequest{})
	if !errors.Is(err, repo.ErrConflict) || m.Applied != 3 || len(m.Excluded) != 1 {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestPanicIsAnErrorOfOneCall(t *testing.T) {
	folder, _, _ := start(t, &fake{merge: func(context.Context) (repo.Merged, error) { panic("oh") }}, nil)
	c := dial(t, folder, Notes{})
	if _, err := c.Merge(t.Context(), repo.MergeRequest{}); err == nil || !strings.Contains(err.Error(), "oh") || problem.Of(t.Context(), err).ID != "bug" {
		t.Errorf("%v", err)
	}
	alive(t, c)
}

func TestCallsInsideOfCalls(t *testing.T) {
	door := &fake{operations: func(yield func(oplog.Entry, error) bool) {
		for n := range uint64(3) {
			if !yield(oplog.Entry{N: n}, nil) {
				return
			}
		}
		yield(oplog.Entry{}, oplog.ErrDamaged)
	}}
	folder, _, _ := start(t, door, nil)
	c := dial(t, folder, Notes{})
	n := uint64(0)
	var last error
	for e, err := range c.Operations(t.Context()) {
		if last = err; err != nil {
			break
		}
		if e.N != n {
			t.Errorf("entry %d, want %d", e.N, n)
		}
		n++
		alive(t, c)
	}
	if n != 3 || !errors.Is(last, oplog.ErrDamaged) {
		t.Errorf("%d entries, then %v", n, last)
	}
	for range c.Operations(t.Context()) {
		break
	}
	alive(t, c)
}

func TestStoppingServer(t *testing.T) {
	begun := make(chan struct{})
	door := &fake{merge: func(ctx context.Context) (repo.Merged, error) {
		close(begun)
		<-ctx.Done()
		return repo.Merged{}, ctx.Err()
	}}
	folder, stop, stopped := start(t, door, nil)
	c := dial(t, folder, Notes{})
	failed := make(chan error, 1)
	go func() {
		_, err := c.Merge(t.Context(), repo.MergeRequest{})
		failed <- err
	}()
	<-begun
	stop()
	if err := <-failed; !errors.Is(err, problem.ErrStopping) || problem.Of(t.Context(), err).Exit != problem.ExitBusy {
		t.Errorf("the caller hears %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("the server ends with %v", err)
	}
	if _, err := os.Lstat(filepath.Join(folder, SocketFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket stays: %v", err)
	}
	if _, err := Dial(t.Context(), folder, Caller{}, Notes{}); !errors.Is(err, ErrNoServer) {
		t.Errorf("afterwards: %v", err)
	}
}

// TestGrace lets a call end that runs when the server is told to stop.
func TestGrace(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	door := &fake{merge: func(context.Context) (repo.Merged, error) {
		close(begun)
		<-end
		return repo.Merged{Applied: 1}, nil
	}}
	folder, stop, stopped := start(t, door, func(s *Server) { s.Grace = time.Hour })
	c := dial(t, folder, Notes{})
	merged := make(chan error, 1)
	go func() {
		m, err := c.Merge(t.Context(), repo.MergeRequest{})
		if m.Applied != 1 {
			err = errors.Join(err, errors.New("no answer"))
		}
		merged <- err
	}()
	<-begun
	stop()
	close(end)
	if err := <-merged; err != nil {
		t.Error(err)
	}
	c.Close()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestCallerArrives(t *testing.T) {
	want := Caller{
		Home: "/home/ada", Identity: "ada", Folder: "/srv", Verb: "op log", Args: []string{"op", "log"}, Process: 7,
		Wait: Patience(1500 * time.Millisecond), Program: "aergo",
	}
	var got Caller
	var called string
	folder, _, _ := start(t, nil, func(s *Server) {
		s.Open = func(_ context.Context, c Caller, _ Notes) (repo.Door, error) {
			got = c
			return nil, fmt.Errorf("opening: %w", lock.ErrBusy)
		}
		s.Called = func(c Caller, verb string, _ time.Duration, err error) { called = fmt.Sprint(c.Identity, verb, err) }
	})
	c, err := Dial(t.Context(), folder, want, Notes{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Status(t.Context())
	if !errors.Is(err, lock.ErrBusy) {
		t.Errorf("a door that does not open: %v", err)
	}
	if !reflect.DeepEqual(got, want) || called != fmt.Sprint("ada", "Status", err) {
		t.Errorf("arrives as %+v, called %q", got, called)
	}
}
