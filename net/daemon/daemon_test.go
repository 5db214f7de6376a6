package daemon

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aergo/net/peer"
	"aergo/net/rpc"
	"aergo/net/transfer"
	"aergo/repo"
	"aergo/repo/lock"
	"aergo/repo/object"
)

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, string(body)
}

func TestCloneAndPush(t *testing.T) {
	w := newWorld(t)
	w.init("team/ledger")
	d := w.start(nil)
	clone, err := w.clone(d, "ada", "team/ledger")
	must(t, err)
	put(t, clone, "more")
	pushed, err := clone.Push(t.Context(), repo.PushRequest{})
	if err != nil || pushed.Applied != 1 {
		t.Fatalf("%+v, %v", pushed, err)
	}
	must(t, d.Repositories().Use(t.Context(), "team/ledger", func(r *repo.Repo) error {
		_, err := r.Get(t.Context(), "t", "more", "")
		return err
	}))
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready", "/metrics": `aergo_branch_height{branch="master",repository="team/ledger"} 2`} {
		if code, body := get(t, d.StatusURL()+path); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	_, body := get(t, d.StatusURL()+"/metrics")
	for _, want := range []string{`aergo_merge_seconds_count{outcome="ok"} 1`, "aergo_open_repositories 1", "aergo_panics_total 0", "aergo_transfer_bytes_total"} {
		if !strings.Contains(body, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if code, _ := get(t, d.StatusURL()+"/nothing"); code != http.StatusNotFound {
		t.Errorf("a page that is not there: %d", code)
	}
	must(t, d.Stop(t.Context()))
	if !strings.Contains(w.log.String(), "msg=stopped") {
		t.Error("the end is not logged")
	}
}

// What is submitted is answered at once, and is in a block soon, also when the daemon was stopped
// in between.
func TestSubmissionsBecomeBlocks(t *testing.T) {
	w := newWorld(t)
	w.init("a")
	d := w.start(nil)
	clone, err := w.clone(d, "ada", "a")
	must(t, err)
	submit := func(k string, wait bool) repo.SubmittedLines {
		line := strings.NewReader(`{"op":"put","table":"t","key":"` + k + `","fields":{"n":1}}`)
		out, err := clone.SubmitLines(t.Context(), line, repo.SubmitRequest{Remote: "origin", Wait: wait})
		must(t, err)
		return out
	}
	if out := submit("x", true); out.State != repo.SubmissionSealed || out.Changed {
		t.Errorf("%+v", out.Submitted)
	}
	submit("y", false)
	must(t, d.Stop(t.Context()))
	again := w.start(nil)
	must(t, again.Repositories().Use(t.Context(), "a", func(r *repo.Repo) error {
		for _, k := range []string{"x", "y"} {
			if _, err := r.Get(t.Context(), "t", k, ""); err != nil {
				return err
			}
		}
		return nil
	}))
}

// Commands on this machine come through a socket, to the repository that is there when they come.
func TestSockets(t *testing.T) {
	w := newWorld(t)
	folder := w.init("a")
	d := w.start(func(o *Options) {
		o.Caller = func(_ rpc.Caller, folder string, _ rpc.Notes) repo.Options {
			opts, err := w.options(folder)
			must(t, err)
			return opts
		}
	})
	call := func() (repo.Status, error) {
		door, err := rpc.Dial(t.Context(), folder, rpc.Caller{Home: w.root, Folder: w.root, Verb: "status"}, rpc.Notes{})
		must(t, err)
		defer door.Close()
		return door.Status(t.Context())
	}
	if st, err := call(); err != nil || st.Height != 1 {
		t.Errorf("%+v, %v", st, err)
	}
	must(t, d.Repositories().Use(t.Context(), "a", func(r *repo.Repo) error { put(t, r, "more"); return nil }))
	if st, err := call(); err != nil || st.Height != 2 {
		t.Errorf("afterwards: %+v, %v", st, err)
	}
	if _, body := get(t, d.StatusURL()+"/metrics"); !strings.Contains(body, "aergo_call_seconds_count{outcome=\"ok\",verb=\"Status\"} 2") {
		t.Errorf("calls are not counted: %s", body)
	}
	// A socket that is there stays, one that has gone with its repository is made anew.
	path := filepath.Join(folder, rpc.SocketFile)
	before, err := os.Lstat(path)
	must(t, err)
	must(t, d.sockets.look())
	if now, err := os.Lstat(path); err != nil || !os.SameFile(before, now) {
		t.Errorf("a socket is replaced: %v", err)
	}
	must(t, os.Remove(path))
	must(t, d.sockets.look())
	if st, err := call(); err != nil || st.Height != 2 {
		t.Errorf("a socket that was removed: %+v, %v", st, err)
	}
	must(t, d.Stop(t.Context()))
	if _, err := rpc.Dial(t.Context(), folder, rpc.Caller{Home: w.root, Folder: w.root}, rpc.Notes{}); !errors.Is(err, rpc.ErrNoServer) {
		t.Errorf("when it has stopped: %v", err)
	}
}

// Who may not read a repository is told the same as where there is none, and the log knows.
func TestDenials(t *testing.T) {
	w := newWorld(t)
	w.init("private")
	w.init("open")
	d := w.start(func(o *Options) { o.Settings.Readable = []string{"op*"} })
	_, private := w.connect(d, "bob", "private")
	_, absent := w.connect(d, "bob", "privata")
	for _, err := range []error{private, absent} {
		if !errors.Is(err, repo.ErrNoRepository) || errors.Is(err, transfer.ErrDenied) {
			t.Errorf("%v", err)
		}
	}
	if got := strings.ReplaceAll(private.Error(), "private", "privata"); got != absent.Error() {
		t.Errorf("told apart: %q and %q", private, absent)
	}
	clone, err := w.clone(d, "bob", "open")
	must(t, err)
	put(t, clone, "by bob")
	if _, err := clone.Push(t.Context(), repo.PushRequest{}); !errors.Is(err, transfer.ErrDenied) {
		t.Errorf("push: %v", err)
	}
	log := w.log.String()
	for _, want := range []string{"repository=private verb=read", "repository=privata verb=read", "repository=open verb=write branch=master"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s", want)
		}
	}
}

// asked is an Access that does something before it says yes.
type asked func(req Request)

// Allow implements Access.
func (a asked) Allow(_ context.Context, _ *repo.Repo, req Request) error {
	a(req)
	return nil
}

// The gateway shows everybody what everybody may read, and who bears a token what that one may.
func TestGatewayAndTokens(t *testing.T) {
	w := newWorld(t)
	w.init("private")
	w.init("open")
	d := w.start(func(o *Options) { o.Settings.Readable, o.Settings.Gateway = []string{"open"}, "127.0.0.1:0" })
	ask := func(token, path string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.GatewayURL()+path, nil)
		must(t, err)
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		return resp.StatusCode, string(body)
	}
	const list = "/api/v1/repositories"
	if code, body := ask("", list); code != http.StatusOK || !strings.Contains(body, "open") || strings.Contains(body, "private") {
		t.Errorf("anybody: %d %s", code, body)
	}
	private, err := w.ring.Load(t.Context(), "ada")
	must(t, err)
	tokens := TokensOf(w.root)
	token, err := tokens.Add(object.Identity{Key: private.Public(), Name: "ada"})
	must(t, err)
	if code, body := ask(token, list); code != http.StatusOK || !strings.Contains(body, "private") {
		t.Errorf("ada: %d %s", code, body)
	}
	submit := func(token string) (int, string) {
		body := strings.NewReader(`{"op":"put","table":"t","key":"web","fields":{"n":1}}`)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.GatewayURL()+"/api/v1/repositories/private/-/submit?branch=master", body)
		must(t, err)
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/x-ndjson")
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		must(t, err)
		return resp.StatusCode, string(answer)
	}
	if code, body := submit(token); code != http.StatusOK || !strings.Contains(body, `"state":"accepted"`) || !strings.Contains(body, `"transactions":1`) {
		t.Errorf("submitted: %d %s", code, body)
	}
	// A token for a key that the daemon does not have sees, and signs nothing.
	elsewhere, err := tokens.Add(object.Identity{Key: private.Public(), Name: "elsewhere"})
	must(t, err)
	if code, body := submit(elsewhere); code != http.StatusForbidden || !strings.Contains(body, "has no key to sign with") {
		t.Errorf("without a key: %d %s", code, body)
	}
	if code, _ := ask(token+"x", list); code != http.StatusUnauthorized {
		t.Errorf("a token that nobody made: %d", code)
	}
	if gone, err := tokens.Revoke("ada"); gone != 1 || err != nil {
		t.Errorf("revoked %d, %v", gone, err)
	}
	if code, _ := ask(token, list); code != http.StatusUnauthorized {
		t.Errorf("a token that was revoked: %d", code)
	}
	must(t, os.WriteFile(tokens.path, []byte("nonsense\n"), 0o600))
	if _, _, err := tokens.Find(token); !errors.Is(err, ErrBadTokens) {
		t.Errorf("a damaged file: %v", err)
	}
}

// A bug in one conversation ends that conversation, and nothing else.
func TestPanicEndsOneConversation(t *testing.T) {
	w := newWorld(t)
	w.init("a")
	bug := true
	d := w.start(func(o *Options) {
		o.Access = asked(func(Request) {
			if bug {
				bug = false
				panic("a bug")
			}
		})
	})
	if _, err := w.connect(d, "ada", "a"); !errors.Is(err, transfer.ErrCut) {
		t.Errorf("with a bug: %v", err)
	}
	if _, err := w.clone(d, "ada", "a"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if log := w.log.String(); !strings.Contains(log, "msg=bug") || !strings.Contains(log, `panic="a bug"`) {
		t.Errorf("the log does not tell: %s", log)
	}
}

// pushing is a push to a daemon that cannot end before the repository is released.
func pushing(w *world, change func(*Options)) (d *Daemon, pushed chan error, release func()) {
	w.t.Helper()
	folder := w.init("a")
	d = w.start(change)
	clone, err := w.clone(d, "ada", "a")
	must(w.t, err)
	put(w.t, clone, "late")
	release, err = lock.NewFile(folder+"/lock", "test").Acquire(w.t.Context(), nil)
	must(w.t, err)
	pushed = make(chan error, 1)
	go func() {
		_, err := clone.Push(context.WithoutCancel(w.t.Context()), repo.PushRequest{})
		pushed <- err
	}()
	return d, pushed, release
}

// A merge that goes on when the daemon is asked to stop is finished, and its answer told.
func TestStopWaitsForMerges(t *testing.T) {
	w := newWorld(t)
	d, pushed, release := pushing(w, nil)
	waiting := make(chan struct{})
	go func() {
		defer close(waiting)
		for d.merging.Load() == 0 {
			select {
			case err := <-pushed:
				pushed <- err
				return
			default:
			}
		}
	}()
	within(t, "the merge begins", waiting)
	stopped := make(chan error, 1)
	go func() { stopped <- d.Stop(context.Background()) }()
	ready := make(chan struct{})
	go func() {
		defer close(ready)
		for d.Ready() {
		}
	}()
	within(t, "it stops", ready)
	if _, err := w.connect(d, "ada", "a"); err == nil {
		t.Error("a new conversation begins while it stops")
	}
	release()
	if err := <-pushed; err != nil {
		t.Errorf("push: %v", err)
	}
	must(t, <-stopped)
}

// What does not end is cut after a while, and nothing of it is there.
func TestStopDoesNotWaitForever(t *testing.T) {
	w := newWorld(t)
	d, pushed, release := pushing(w, func(o *Options) { o.Settings.StopWait = 1 })
	must(t, d.Stop(context.Background()))
	if err := <-pushed; err == nil {
		t.Error("pushed all the same")
	}
	release()
}

func TestOneDaemonForARoot(t *testing.T) {
	w := newWorld(t)
	d := w.start(nil)
	if _, err := Start(t.Context(), Options{Settings: w.settings(), Repository: w.options}); !errors.Is(err, ErrServed) || !errors.Is(err, lock.ErrBusy) {
		t.Errorf("a second one: %v", err)
	}
	id := d.ID()
	must(t, d.Stop(t.Context()))
	if again := w.start(nil); again.ID() != id {
		t.Error("another key after another start")
	}
}

func TestListensToThisMachineOnly(t *testing.T) {
	w := newWorld(t)
	for _, change := range []func(*Settings){
		func(s *Settings) { s.Listen = []string{"0.0.0.0:0"} }, func(s *Settings) { s.Status = "0.0.0.0:0" },
	} {
		s := w.settings()
		change(&s)
		if _, err := Start(t.Context(), Options{Settings: s, Repository: w.options}); !errors.Is(err, peer.ErrNotLoopback) {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

// FuzzSettings: whatever a file says, it is either refused or shown as a file that says the same.
func FuzzSettings(f *testing.F) {
	f.Add("root = \"x\"\nlisten = [\"127.0.0.1:1\"]\npublic = true\nopen_repositories = 3\nstop_wait = \"2s\"")
	f.Add("readable = [\"a\\\"b\", '']")
	f.Add("[a]\nb = 1")
	none := func(string) string { return "" }
	f.Fuzz(func(t *testing.T, file string) {
		first, shown, err := Load(Sources{File: file, Environment: none})
		if err != nil {
			if !errors.Is(err, ErrBadSetting) {
				t.Fatal(err)
			}
			return
		}
		var again strings.Builder
		for _, s := range shown {
			again.WriteString(s.Name + " = " + s.String() + " # " + s.From + "\n")
		}
		second, _, err := Load(Sources{File: again.String(), Environment: none})
		if err != nil {
			t.Fatalf("%s\nis shown as\n%s\n%v", file, again.String(), err)
		}
		for i, s := range second.settings() {
			if was := first.settings()[i]; was.String() != s.String() {
				t.Fatalf("%s was %s, and is %s", s.Name, was, s)
			}
		}
	})
}
