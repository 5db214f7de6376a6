package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"aergo/branch"
	"aergo/cmd/aergo/ui"
	"aergo/contract/table"
	"aergo/contract/table/format"
	"aergo/net/problem"
	"aergo/repo"
	"aergo/repo/key"
	"aergo/repo/lock"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/store"
)

// desk is where a test runs commands, in this process.
type desk struct {
	t        *testing.T
	folder   string
	out, err bytes.Buffer
	streams  ui.Streams // copied for each command
	env      environment
}

func newDesk(t *testing.T) *desk {
	folder := t.TempDir()
	variables := map[string]string{"AERGO_HOME": filepath.Join(folder, "home"), "AERGO_IDENTITY": "ada"}
	return &desk{t: t, folder: folder, env: environment{
		Getenv:     func(name string) string { return variables[name] },
		WorkFolder: func() (string, error) { return folder, nil },
		ConfigHome: func() (string, error) { return "", errors.New("not asked for") },
		UserName:   func() (string, error) { return "", errors.New("not asked for") },
		Clock:      func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) },
	}}
}

// run runs a command and returns its exit code.
func (d *desk) run(ctx context.Context, args ...string) int {
	d.out.Reset()
	d.err.Reset()
	s := d.streams
	if s.In == nil {
		s.In = strings.NewReader("")
	}
	s.Out = &d.out
	if s.Err == nil {
		s.Err = &d.err
	}
	return run(ctx, args, &s, d.env)
}

// must runs a command that has to succeed.
func (d *desk) must(args ...string) string {
	d.t.Helper()
	if code := d.run(d.t.Context(), args...); code != 0 {
		d.t.Fatalf("aergo %s: exit code %d: %s", strings.Join(args, " "), code, d.err.String())
	}
	return d.out.String()
}

func TestWelcomeFitsAScreen(t *testing.T) {
	out := newDesk(t).must()
	if n := strings.Count(out, "\n"); n > 25 {
		t.Errorf("%d lines, want 25 at most", n)
	}
	for line := range strings.Lines(out) {
		if len(line) > 81 {
			t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
}

// TestWelcomeNamesCommands keeps the welcome and the commands together.
func TestWelcomeNamesCommands(t *testing.T) {
	root := newRoot(&app{ui: &ui.Streams{}})
	_, lists, _ := strings.Cut(welcome, "Look at:")
	for line := range strings.Lines("Look at:" + lists) {
		_, names, found := strings.Cut(line, ":")
		if !found {
			break
		}
		for _, name := range strings.Fields(names) {
			if c, _, err := root.Find([]string{name}); err != nil || c == root {
				t.Errorf("no command %q", name)
			}
		}
	}
}

// TestHelp keeps every command's help whole: a short text, an example where there are
// arguments, and no line that does not fit a terminal.
func TestHelp(t *testing.T) {
	d := newDesk(t)
	root := newRoot(&app{ui: &ui.Streams{}})
	for _, c := range root.Commands() {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") || !c.Runnable() {
			t.Errorf("%s: short text %q", c.Name(), c.Short)
		}
		for line := range strings.Lines(c.Long + "\n" + c.Example) {
			if len(strings.TrimSuffix(line, "\n")) > 100 {
				t.Errorf("%s: long line %q", c.Name(), line)
			}
		}
		if out := d.must("help", c.Name()); !strings.Contains(out, "Usage:") {
			t.Errorf("help %s: %q", c.Name(), out)
		}
	}
}

func TestExitCodes(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		err  error
		exit problem.Exit
		code string
	}{
		{repo.ErrConflict, 1, "conflict"},
		{repo.ErrNothing, 1, "nothing"},
		{usagef("", "x"), 2, "usage"},
		{ref.ErrBadName, 2, "bad-name"},
		{&format.Error{Line: 1, Err: format.ErrSyntax}, 2, "syntax"},
		{&repo.UnknownColumnsError{}, 2, "columns"},
		{&repo.ApplyError{Err: fmt.Errorf("%w: %w", repo.ErrRefused, &table.RefusedError{Reason: object.ReasonType})}, 2, "refused"},
		{fmt.Errorf("%w: %w", repo.ErrRefused, table.ErrNoRow), 3, "no-row"},
		{fmt.Errorf("%w: %w", repo.ErrRefused, table.ErrRowExists), 1, "exists"},
		{repo.ErrRefused, 1, "refused"},
		{repo.ErrNoRepository, 3, "no-repository"},
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.ENOENT}, 3, "no-file"},
		{key.ErrNoKey, 4, "no-key"},
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, 4, "not-permitted"},
		{branch.ErrForeign, 4, "foreign"},
		{store.ErrCorrupt, 5, "damaged"},
		{branch.ErrInvalid, 5, "invalid"},
		{fmt.Errorf("%w: %w", lock.ErrBusy, context.DeadlineExceeded), 7, "busy"},
		{&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, 8, "no-space"},
		{fmt.Errorf("%w: %w", lock.ErrBusy, context.Canceled), 130, "interrupted"},
		{context.Canceled, 130, "interrupted"},
		{errors.New("never seen"), 70, "bug"},
	} {
		// A file error in the way is the machine's doing, whatever it is wrapped in.
		v := judge(ctx, fmt.Errorf("wrapped: %w", c.err))
		if v.exit != c.exit || v.problem.Code != c.code {
			t.Errorf("%v: exit code %d, %q, want %d, %q", c.err, v.exit, v.problem.Code, c.exit, c.code)
		}
		if v.problem.Hint == "" && c.code != "usage" {
			t.Errorf("%v: no hint", c.err)
		}
	}
	if v := judge(ctx, errNo); v.exit != problem.ExitNo || !v.silent {
		t.Errorf("a plain no: %+v", v)
	}
}

// TestWordsAreDocumented finds each word that an error has in docs/json.md.
func TestWordsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range problem.Kinds() {
		row := regexp.MustCompile(fmt.Sprintf("(?m)^\\| %d \\|.*`%s`", k.Exit, k.Code))
		if !row.Match(text) {
			t.Errorf("%s: word %q is not documented with exit code %d", k.ID, k.Code, k.Exit)
		}
	}
}

// readerFunc is a reader that calls a function.
type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// TestInterrupted ends commands before they begin, and in the middle of their input.
func TestInterrupted(t *testing.T) {
	d := newDesk(t)
	d.must("init")
	before := d.must("status", "--json")
	for _, args := range [][]string{{"put", "t", "a", "n=1"}, {"import", "-", "-t", "t", "-k", "id"}, {"apply", "-"}} {
		ctx, cancel := context.WithCancel(t.Context())
		lines := strings.NewReader("id,n\n1,1\n")
		if args[0] == "apply" {
			lines = strings.NewReader(`{"op":"put","table":"t","key":"a","fields":{"n":1}}`)
		}
		d.streams.In = readerFunc(func(b []byte) (int, error) {
			cancel()
			return lines.Read(b)
		})
		if args[0] == "put" {
			cancel()
		}
		if code := d.run(ctx, append(args, "--json")...); code != 130 {
			t.Errorf("%s: exit code %d: %s%s", args, code, d.out.String(), d.err.String())
		}
		cancel()
		var p struct {
			Error ui.Problem `json:"error"`
		}
		if err := json.Unmarshal(d.err.Bytes(), &p); err != nil || p.Error.Code != "interrupted" {
			t.Errorf("%s: %s: %v", args, d.err.String(), err)
		}
		if out := d.must("status", "--json"); out != before {
			t.Errorf("after an interrupted %s: %s", args[0], out)
		}
	}
}

// writerFunc is a writer that calls a function.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// TestWaitsForTheLock gives the lock back only when the command has said that it waits.
func TestWaitsForTheLock(t *testing.T) {
	d := newDesk(t)
	d.must("init")
	release, err := lock.NewFile(filepath.Join(d.folder, repositoryFolder, lockFile), "aergo import").Acquire(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	d.streams.Err = writerFunc(func(b []byte) (int, error) {
		release()
		return said.Write(b)
	})
	d.must("put", "t", "a", "n=1")
	if want := fmt.Sprintf("waiting for aergo import (process %d)\n", os.Getpid()); said.String() != want {
		t.Errorf("said %q, want %q", said.String(), want)
	}
}

func TestOnATerminal(t *testing.T) {
	d := newDesk(t)
	d.must("init")
	d.must("put", "t", "a", "n=1", "text=a\x1b[31mred")
	d.streams = ui.Streams{IsTerminal: true, Color: true, ErrIsTerminal: true, ErrColor: true, Width: 80}
	out := d.must("diff")
	for _, want := range []string{"\x1b[32m+ t/a\x1b[0m\n", "\x1b[32m+ n: 1\x1b[0m", `a\x1b[31mred`} {
		if !strings.Contains(out, want) {
			t.Errorf("diff has no %q:\n%q", want, out)
		}
	}
	if out := d.must("get", "t", "a", "text"); out != `a\x1b[31mred`+"\n" {
		t.Errorf("a field on a terminal: %q", out)
	}
	d.streams = ui.Streams{}
	if out := d.must("get", "t", "a", "text"); out != "a\x1b[31mred\n" {
		t.Errorf("a field for scripts: %q", out)
	}
}

// TestIdentity finds who signs: a variable, a file, the operating system, in this order.
func TestIdentity(t *testing.T) {
	home := t.TempDir()
	variables := map[string]string{}
	user := "grace"
	a := &app{ui: &ui.Streams{}, env: environment{
		Getenv:   func(name string) string { return variables[name] },
		UserName: func() (string, error) { return user, nil },
	}}
	expect := func(want string) {
		t.Helper()
		if got, err := a.identity(home); err != nil || got != want {
			t.Errorf("identity %q, %v, want %q", got, err, want)
		}
	}
	expect("grace")
	user = "DOMAIN\\grace hopper"
	expect("owner")
	if err := os.WriteFile(filepath.Join(home, identityFile), []byte("ada\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	expect("ada")
	variables["AERGO_IDENTITY"] = "bob"
	expect("bob")
	variables["AERGO_IDENTITY"] = "../bob"
	if _, err := a.identity(home); !errors.Is(err, key.ErrBadName) {
		t.Errorf("a bad name: %v", err)
	}
}

func TestRemoteAndBranch(t *testing.T) {
	for arg, want := range map[string][2]string{
		"origin:master":         {"origin", "master"},
		"origin":                {"origin", ""},
		":master":               {"", "master"},
		"../a:b":                {"../a", "b"},
		"../a:b/c":              {"../a:b/c", ""},
		`C:\ledger`:             {`C:\ledger`, ""},
		`C:\ledger:master`:      {`C:\ledger`, "master"},
		"http://host:80/x":      {"http://host:80/x", ""},
		"http://host:80/x:main": {"http://host:80/x", "main"},
		"http://host":           {"http://host", ""},
		"origin:":               {"origin:", ""},
	} {
		if remote, branch := remoteAndBranch([]string{arg}); remote != want[0] || string(branch) != want[1] {
			t.Errorf("%q is %q and %q, want %q", arg, remote, branch, want)
		}
	}
}
