// Command aergo is version control for shared ledgers.
//
// Each command is a thin thing in a file of its own: it turns arguments into one call of
// the door, package aergo/repo, and what comes back into words or JSON. What scripts may
// rely on is documented in docs/json.md.
//
// The program refuses to do anything to a repository that the door has no method for, to
// ask questions on a terminal, and to read streams, the clock or the environment anywhere
// but here: run gets them from its caller, so that a test can bring its own.
package main

import (
	"context"
	"io"
	"os"
	"os/user"
	"time"

	"aergo/cmd/aergo/ui"
	"aergo/net/problem"
)

func main() {
	ctx, stop := interruptible(context.Background())
	code := run(ctx, os.Args[1:], ui.System(os.Getenv), systemEnvironment())
	stop()
	os.Exit(code)
}

// environment is what a command gets from the process around it.
type environment struct {
	Getenv     func(name string) string
	WorkFolder func() (string, error)
	ConfigHome func() (string, error) // folder for the user's configurations
	UserName   func() (string, error)
	Clock      func() time.Time // nil is the system's
	Random     io.Reader        // nil is the system's
	// Arrive is called before a command knocks at a repository's door; nil in the program.
	Arrive func(repository string)
}

func systemEnvironment() environment {
	return environment{
		Getenv:     os.Getenv,
		WorkFolder: os.Getwd,
		ConfigHome: os.UserConfigDir,
		UserName: func() (string, error) {
			u, err := user.Current()
			if err != nil {
				return "", err
			}
			return u.Username, nil
		},
	}
}

// run executes one command and returns the exit code of the process.
func run(ctx context.Context, args []string, streams *ui.Streams, env environment) int {
	a := &app{ui: streams, env: env, args: args}
	root := newRoot(a)
	root.SetArgs(append([]string{}, args...)) // of nil, cobra would take the process's own
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	err := root.ExecuteContext(ctx)
	if flushErr := streams.Flush(); err == nil {
		err = flushErr
	}
	if err == nil {
		return int(problem.ExitDone)
	}
	v := judge(ctx, err)
	if v.silent {
		return int(v.exit)
	}
	// A flag before the mistake was not read yet, but the user has asked for JSON.
	streams.JSON = streams.JSON || wantsJSON(args)
	streams.Error(v.problem)
	return int(v.exit)
}

// wantsJSON says whether --json is among arguments that could not be parsed.
func wantsJSON(args []string) bool {
	for _, arg := range args {
		switch arg {
		case "--":
			return false
		case "--json", "--json=true":
			return true
		}
	}
	return false
}
