package rpc

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aergo/repo"
)

// TestSocketsAreForTheirUserOnly looks at sockets in folders with short paths and long ones.
func TestSocketsAreForTheirUserOnly(t *testing.T) {
	short := t.TempDir()
	long := filepath.Join(short, strings.Repeat("long/", 40))
	if err := os.MkdirAll(long, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{short, long} {
		l, err := Listen(folder)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(folder, SocketFile)
		info, err := os.Stat(path) // of what a link leads to
		if err != nil || info.Mode() != fs.ModeSocket|0o600 {
			t.Errorf("%s is %v, %v", path, info.Mode(), err)
		}
		at, err := filepath.EvalSymlinks(path)
		if err != nil {
			t.Fatal(err)
		}
		if folder == long {
			if info, err := os.Stat(filepath.Dir(at)); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("the socket's folder is %v, %v", info.Mode(), err)
			}
		}
		accepted := make(chan error, 1)
		go func() {
			conn, err := l.Accept()
			if err == nil {
				err = conn.Close()
			}
			accepted <- err
		}()
		conn, err := connect(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		if err := <-accepted; err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		for _, gone := range []string{path, at} {
			if _, err := os.Lstat(gone); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s stays: %v", gone, err)
			}
		}
	}
}

func TestNothingElseIsTakenForASocket(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, SocketFile)
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(t.Context(), folder, Caller{}, Notes{}); !errors.Is(err, ErrNoServer) {
		t.Errorf("a file: %v", err)
	}
	if _, err := Listen(folder); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file in the way of a server: %v", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "mine" {
		t.Errorf("the file is %q, %v", data, err)
	}
	os.Remove(path)
	if err := os.Symlink(filepath.Join(folder, "nowhere"), path); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(t.Context(), folder, Caller{}, Notes{}); !errors.Is(err, ErrNoServer) {
		t.Errorf("a link to nowhere: %v", err)
	}
}

// TestSocketOfAnother leaves alone what another server has made in the place of a socket.
func TestSocketOfAnother(t *testing.T) {
	folder := t.TempDir()
	first, err := Listen(folder)
	if err != nil {
		t.Fatal(err)
	}
	if !Listens(first) {
		t.Error("a new socket is not there")
	}
	if err := os.Remove(filepath.Join(folder, SocketFile)); err != nil { // as with the repository
		t.Fatal(err)
	}
	if Listens(first) {
		t.Error("a socket that is gone is there")
	}
	second, err := Listen(folder)
	if err != nil {
		t.Fatal(err)
	}
	if Listens(first) || !Listens(second) {
		t.Error("the socket is the first one's")
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if !Listens(second) {
		t.Error("the first one has removed the second one's socket")
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

// TestStrangersAreTurnedAway sends a server what is no greeting, or not one that it
// understands, and then what has no place in a conversation.
func TestStrangersAreTurnedAway(t *testing.T) {
	opened := false
	s := &Server{Open: func(context.Context, Caller, Notes) (repo.Door, error) {
		opened = true
		return &fake{}, nil
	}}
	hello := func(versions ...int) message {
		payload, err := encode(greeting{Protocol: protocolName, Versions: versions})
		if err != nil {
			t.Fatal(err)
		}
		return message{kindHello, 0, payload}
	}
	status := message{kindCall, 1, []byte(`{"verb":"Status"}`)}
	for name, messages := range map[string][]message{
		"no greeting":            {status},
		"no JSON":                {{kindHello, 0, []byte("hello")}},
		"another protocol":       {{kindHello, 0, []byte(`{"protocol":"http","versions":[1]}`)}},
		"a later version":        {hello(2, 3)},
		"two greetings":          {hello(1), hello(1)},
		"bytes without a call":   {hello(1), {kindData, 1, []byte("x")}},
		"an answer":              {hello(1), {kindResult, 1, []byte("{}")}},
		"a welcome":              {hello(1), {kindWelcome, 0, []byte("{}")}},
		"the end of no reader":   {hello(1), {kindEnd, 1, []byte("{}")}},
		"a call, then garbage":   {hello(1), status, {kindNote, 1, []byte("{}")}},
		"a call that is no call": {hello(1), {kindCall, 1, []byte("[]")}, {kindWelcome, 0, nil}},
	} {
		here, there := net.Pipe()
		served := make(chan struct{})
		go func() {
			defer close(served)
			s.serve(t.Context(), there)
		}()
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			for {
				if _, err := readMessage(here); err != nil {
					return
				}
			}
		}()
		for _, m := range messages {
			framed, err := appendMessage(nil, m)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := here.Write(framed); err != nil {
				break // it was turned away already
			}
		}
		<-served
		<-drained
		if opened && !strings.HasPrefix(name, "a call") {
			t.Errorf("%s: a door is opened", name)
		}
		opened = false
	}
}

func TestBadCalls(t *testing.T) {
	folder, _, _ := start(t, &fake{}, nil)
	c := dial(t, folder, Notes{})
	for _, r := range []request{
		{verb: "Nothing"}, {verb: "Close"}, {verb: "Get", args: []any{"t"}}, {verb: "Get", args: []any{"t", "k", "", "more"}}, {verb: "Get", args: []any{1, 2, 3}},
	} {
		if err := c.do(t.Context(), r); err == nil {
			t.Errorf("%s with %d arguments is answered", r.verb, len(r.args))
		}
		alive(t, c)
	}
}
