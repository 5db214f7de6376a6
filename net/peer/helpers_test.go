package peer

import (
	"context"
	"io"
	"testing"

	"github.com/go-git/go-billy/v5/memfs"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newIdentity(t testing.TB) Identity {
	t.Helper()
	i, err := NewIdentity(nil)
	must(t, err)
	return i
}

// start returns a host with an own identity and file of known peers, unless they are given.
func start(t testing.TB, opts Options) *Host {
	t.Helper()
	if opts.Identity.key == nil {
		opts.Identity = newIdentity(t)
	}
	if opts.Known == nil {
		opts.Known = OpenKnown(memfs.New(), "known")
	}
	h, err := New(opts)
	must(t, err)
	t.Cleanup(func() { must(t, h.Close()) })
	return h
}

const echo = "/aergo/test-echo/1"

// startEcho returns a host that sends back what it is sent.
func startEcho(t testing.TB, opts Options) *Host {
	t.Helper()
	if opts.Listen == nil {
		opts.Listen = []string{"127.0.0.1:0"}
	}
	h := start(t, opts)
	h.Handle(echo, func(_ context.Context, _ ID, s Stream) {
		defer s.Close()
		_, _ = io.Copy(s, s)
	})
	return h
}

// says sends a word through an echo and reads it back.
func says(t testing.TB, h *Host, to Address) (ID, error) {
	t.Helper()
	s, id, err := h.Open(t.Context(), to, echo)
	if err != nil {
		return id, err
	}
	defer s.Close()
	if _, err := s.Write([]byte("word")); err != nil {
		return id, err
	}
	if c, ok := s.(interface{ CloseWrite() error }); ok {
		must(t, c.CloseWrite())
	}
	got, err := io.ReadAll(s)
	if err == nil && string(got) != "word" {
		t.Errorf("echo of %q", got)
	}
	return id, err
}
