package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"aergo/net/rpc"
	"aergo/repo"
)

// TestStoriesServed tells all stories again, with a server behind every repository: nobody
// can see a difference. Stories to which a server makes no sense say [served] skip. Between
// them the stories use every verb of the door.
func TestStoriesServed(t *testing.T) {
	var verbs sync.Map // that were called
	t.Run("stories", func(t *testing.T) { tellServed(t, &verbs) })
	if f := flag.Lookup("test.run"); f.Value.String() != "" && f.Value.String() != t.Name() {
		return // only some were told
	}
	for m := range reflect.TypeFor[repo.Door]().Methods() {
		if _, called := verbs.Load(m.Name); !called && !slices.Contains(unheard, m.Name) {
			t.Errorf("no story comes to %s through a socket", m.Name)
		}
	}
}

// unheard are the verbs that no story can come to: the end, what is shown on terminals only,
// and what programs use.
var unheard = []string{"Close", "InTheWay", "Submit", "Submission"}

func tellServed(t *testing.T, verbs *sync.Map) {
	params := storyParams(t, true)
	setup := params.Setup
	params.Setup = func(env *testscript.Env) error {
		if err := setup(env); err != nil {
			return err
		}
		v, err := newServers(env.Getenv("STORY_CLOCK"), verbs)
		if err != nil {
			return err
		}
		env.Setenv("STORY_SERVER", v.control.Addr().String())
		env.Defer(func() {
			served, called := v.stop()
			if called < served {
				t.Errorf("%d commands on repositories that are served, but %d calls", served, called)
			}
		})
		return nil
	}
	testscript.Run(t, params)
}

// arrive tells the servers of a story that a command is about to knock at a repository's
// door, and waits until there is one behind it.
func arrive(control, repository string) {
	conn, err := net.Dial("unix", control)
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	fmt.Fprintln(conn, repository)
	_, _ = bufio.NewReader(conn).ReadString('\n')
}

// servers are the servers of a story, one for each repository that commands have come to.
type servers struct {
	folder  string
	control net.Listener
	clock   string    // the story's
	verbs   *sync.Map // that were called
	ctx     context.Context
	cancel  context.CancelFunc
	serving sync.WaitGroup

	served, called atomic.Int64

	mu   sync.Mutex
	open []*repo.Repo
}

func newServers(clock string, verbs *sync.Map) (*servers, error) {
	folder, err := os.MkdirTemp("", "story-*") // whose path is short
	if err != nil {
		return nil, err
	}
	control, err := net.Listen("unix", filepath.Join(folder, "control"))
	if err != nil {
		return nil, err
	}
	v := &servers{folder: folder, control: control, clock: clock, verbs: verbs}
	v.ctx, v.cancel = context.WithCancel(context.Background())
	v.serving.Go(func() {
		for {
			conn, err := control.Accept()
			if err != nil {
				return
			}
			line, _ := bufio.NewReader(conn).ReadString('\n')
			v.serve(strings.TrimSuffix(line, "\n"))
			fmt.Fprintln(conn, "ok")
			conn.Close()
		}
	})
	return v, nil
}

// stop stops all servers. It returns how many commands have come to one, and how many calls
// there were.
func (v *servers) stop() (served, called int64) {
	v.control.Close()
	v.cancel()
	v.serving.Wait()
	for _, r := range v.open {
		r.Close()
	}
	os.RemoveAll(v.folder)
	return v.served.Load(), v.called.Load()
}

// serve serves a repository if nobody does. One that cannot be opened is left to those who
// come.
func (v *servers) serve(path string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	l, err := rpc.Listen(path)
	if err != nil {
		if _, err := os.Lstat(filepath.Join(path, rpc.SocketFile)); err == nil {
			v.served.Add(1) // by the one that was started before
		}
		return
	}
	r, err := repo.Open(rpc.Folder(path), repo.Options{})
	if err != nil {
		l.Close()
		return
	}
	v.open = append(v.open, r)
	v.served.Add(1)
	s := rpc.Server{
		Open: func(ctx context.Context, caller rpc.Caller, tell rpc.Notes) (repo.Door, error) {
			env := v.environment()
			return r.As(ctx, env.options(caller, path, tell))
		},
		Called: func(_ rpc.Caller, verb string, _ time.Duration, _ error) {
			v.called.Add(1)
			v.verbs.Store(verb, true)
		},
	}
	v.serving.Go(func() { _ = s.Serve(v.ctx, l) })
}

// environment has the time and randomness of the command that came last, as if that ran
// here.
func (v *servers) environment() environment {
	n := int64(0)
	if info, err := os.Stat(v.clock); err == nil {
		n = info.Size() - 1
	}
	seed := sha256.Sum256([]byte(strconv.Itoa(int(n))))
	return environment{Clock: func() time.Time { return storyTime(int(n)) }, Random: rand.NewChaCha8(seed)}
}
