package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"aergo/cmd/aergo/ui"
	"aergo/net/rpc"
	"aergo/repo/lock"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"aergo": func() { os.Exit(runInStory()) }})
}

// runInStory is main with a clock and randomness that are the same each time that a story
// is told: the n-th command of a story runs n minutes after its beginning, from seed n.
func runInStory() int {
	env := systemEnvironment()
	if path := os.Getenv("STORY_CLOCK"); path != "" {
		n := tick(path)
		env.Clock = func() time.Time { return storyTime(n) }
		seed := sha256.Sum256([]byte(strconv.Itoa(n)))
		env.Random = rand.NewChaCha8(seed)
	}
	if control := os.Getenv("STORY_SERVER"); control != "" {
		env.Arrive = func(repository string) { arrive(control, repository) }
	}
	ctx, stop := interruptible(context.Background())
	defer stop()
	return run(ctx, os.Args[1:], ui.System(os.Getenv), env)
}

// storyTime is when the n-th command of a story runs.
func storyTime(n int) time.Time {
	return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(time.Duration(n) * time.Minute)
}

// tick counts the commands of a story by the bytes of a file: appending is atomic, so no
// two commands that run side by side get the same number.
func tick(path string) int {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	if _, err := f.Write([]byte{'.'}); err != nil {
		panic(err)
	}
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		panic(err)
	}
	return int(at) - 1
}

var update = flag.Bool("update", false, "rewrite what the stories compare with to what they got")

func TestStories(t *testing.T) { testscript.Run(t, storyParams(t, false)) }

// storyParams tells stories with or without servers behind the repositories, which is the
// condition [served].
func storyParams(t *testing.T, served bool) testscript.Params {
	t.Helper()
	return testscript.Params{
		Dir:           "../../testdata/script",
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("STORY_CLOCK", filepath.Join(env.WorkDir, ".clock"))
			env.Setenv("AERGO_HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("AERGO_IDENTITY", "ada")
			env.Setenv("TZ", "UTC")
			env.Setenv("GORACE", "atexit_sleep_ms=0") // else each command under -race ends a second late
			env.Values[storyKey{}] = &story{locks: map[string]func(){}, memories: map[string]string{}, services: map[string]*service{}}
			env.Defer(func() {
				for _, release := range env.Values[storyKey{}].(*story).locks {
					release()
				}
				for _, s := range env.Values[storyKey{}].(*story).services {
					_ = s.end(os.Kill)
				}
			})
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond != "served" {
				return false, fmt.Errorf("no condition is called %q", cond)
			}
			return served, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": cmdExits, "keep": cmdKeep, "remember": cmdRemember, "unchanged": cmdUnchanged, "hold": cmdHold, "release": cmdRelease,
			"serve": cmdServe, "unserve": cmdUnserve, "throttle": cmdThrottle,
			"keep-line": cmdKeepLine, "recipe": cmdRecipe, "jobs": cmdJobs, "accounted": cmdAccounted,
		},
	}
}

type storyKey struct{}

// story is what the commands below remember while a story is told.
type story struct {
	locks    map[string]func()
	memories map[string]string
	services map[string]*service
}

func storyOf(ts *testscript.TestScript) *story { return ts.Value(storyKey{}).(*story) }

// cmdExits runs a program that must exit with a code: exits CODE PROGRAM ARGS...
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// cmdKeep puts a member of the JSON object on the last line of stdout into a variable:
// keep VARIABLE MEMBER[.MEMBER...]
func cmdKeep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: keep VARIABLE MEMBER[.MEMBER...]")
	}
	lines := strings.Split(strings.TrimSpace(ts.ReadFile("stdout")), "\n")
	var v any
	ts.Check(json.Unmarshal([]byte(lines[len(lines)-1]), &v))
	for name := range strings.SplitSeq(args[1], ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(at) {
				ts.Fatalf("no element %s", name)
			}
			v = at[i]
		}
	}
	if v == nil {
		ts.Fatalf("no member %s", args[1])
	}
	ts.Setenv(args[0], fmt.Sprint(v))
}

// cmdRemember remembers a repository as it is: remember FOLDER
func cmdRemember(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: remember FOLDER")
	}
	storyOf(ts).memories[ts.MkAbs(args[0])] = portrait(ts, args[0])
}

// cmdUnchanged compares a repository with how it was remembered: unchanged FOLDER
func cmdUnchanged(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: unchanged FOLDER")
	}
	if got, want := portrait(ts, args[0]), storyOf(ts).memories[ts.MkAbs(args[0])]; got != want {
		ts.Fatalf("repository %s was:\n%s\nand is:\n%s", args[0], want, got)
	}
}

// portrait is what a repository says of itself, and a digest of everything in it that
// changes: all files but packs, which only grow, and the lock.
func portrait(ts *testscript.TestScript, folder string) string {
	var b strings.Builder
	for _, args := range [][]string{{"status"}, {"log"}, {"branch"}, {"tag"}, {"op", "log"}, {"diff"}} {
		cmd := exec.Command("aergo", append([]string{"-C", folder, "--json"}, args...)...)
		cmd.Dir = ts.MkAbs(".")
		for _, name := range []string{"AERGO_HOME", "AERGO_IDENTITY", "TZ", "PATH", "GORACE"} {
			cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
		}
		out, _ := cmd.CombinedOutput()
		b.Write(out)
	}
	root := filepath.Join(ts.MkAbs(folder), repositoryFolder)
	ts.Check(filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "packs":
			return filepath.SkipDir
		case d.IsDir() || d.Name() == lockFile || d.Name() == rpc.SocketFile:
			return nil
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %x\n", strings.TrimPrefix(path, root), sha256.Sum256(data))
		return err
	}))
	return b.String()
}

// cmdHold takes a repository's lock, as another command would: hold FOLDER
func cmdHold(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hold FOLDER")
	}
	l := lock.NewFile(filepath.Join(ts.MkAbs(args[0]), repositoryFolder, lockFile), "aergo import")
	release, err := l.Acquire(context.Background(), nil)
	ts.Check(err)
	storyOf(ts).locks[ts.MkAbs(args[0])] = release
}

// cmdRelease gives a repository's lock back: release FOLDER
func cmdRelease(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: release FOLDER")
	}
	if release := storyOf(ts).locks[ts.MkAbs(args[0])]; release != nil {
		release()
	}
	delete(storyOf(ts).locks, ts.MkAbs(args[0]))
}
