package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// service is a daemon of a story.
type service struct {
	cmd *exec.Cmd
	log *os.File
}

func (s *service) end(signal os.Signal) error {
	_ = s.cmd.Process.Signal(signal)
	err := s.cmd.Wait()
	s.log.Close()
	return err
}

// cmdServe starts a daemon, and waits until it is ready: serve NAME ARGS... It leaves
// HOST:PORT in NAME_AT, its key in NAME_PEER, the URL of its status in NAME_STATUS, and its
// log in the file NAME.log.
func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: serve NAME ARGS...")
	}
	name := args[0]
	cmd := exec.Command("aergo", append([]string{"daemon", "--json"}, args[1:]...)...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = storyEnviron(ts)
	log, err := os.Create(ts.MkAbs(name + ".log"))
	ts.Check(err)
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	s := &service{cmd: cmd, log: log}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = s.end(os.Kill)
		ts.Fatalf("daemon %s: no line on stdout: %v\n%s", name, err, ts.ReadFile(name+".log"))
	}
	storyOf(ts).services[name] = s
	var said daemonJSON
	ts.Check(json.Unmarshal([]byte(line), &said))
	_, at, _ := strings.Cut(said.Addresses[0], "@")
	ts.Setenv(name+"_AT", at)
	ts.Setenv(name+"_PEER", said.Peer)
	ts.Setenv(name+"_STATUS", said.Status)
}

// cmdUnserve asks a daemon to stop, and waits until it has: unserve [-KILL] NAME
func cmdUnserve(ts *testscript.TestScript, neg bool, args []string) {
	var signal os.Signal = syscall.SIGTERM
	if len(args) == 2 && args[0] == "-KILL" {
		signal, args = os.Kill, args[1:]
	}
	if neg || len(args) != 1 {
		ts.Fatalf("usage: unserve [-KILL] NAME")
	}
	s := storyOf(ts).services[args[0]]
	delete(storyOf(ts).services, args[0])
	if s == nil {
		ts.Fatalf("no daemon %s", args[0])
	}
	if err := s.end(signal); err != nil && signal != os.Kill {
		ts.Fatalf("daemon %s: %v\n%s", args[0], err, ts.ReadFile(args[0]+".log"))
	}
}

// cmdThrottle leads to an address, and is cut for good after so many bytes have come from
// there: throttle NAME HOST:PORT BYTES. It leaves HOST:PORT in NAME_AT.
func cmdThrottle(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: throttle NAME HOST:PORT BYTES")
	}
	var limit int64
	ts.Check(json.Unmarshal([]byte(args[2]), &limit))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
	ts.Setenv(args[0]+"_AT", l.Addr().String())
	left := &allowance{left: limit, used: func() { _ = l.Close() }}
	go func() {
		for {
			here, err := l.Accept()
			if err != nil {
				return
			}
			there, err := net.Dial("tcp", args[1])
			if err != nil {
				here.Close()
				return
			}
			go func() { _, _ = io.Copy(there, here); there.Close() }()
			go func() { _, _ = io.Copy(here, &limited{there, left}); here.Close(); there.Close() }()
		}
	}()
}

// allowance is how many bytes may still come, by all connections.
type allowance struct {
	mu   sync.Mutex
	left int64
	used func()
}

type limited struct {
	io.Reader
	all *allowance
}

// Read implements io.Reader.
func (l *limited) Read(b []byte) (int, error) {
	n, err := l.Reader.Read(b)
	l.all.mu.Lock()
	defer l.all.mu.Unlock()
	if l.all.left -= int64(n); l.all.left < 0 {
		l.all.used()
		return 0, io.EOF
	}
	return n, err
}
