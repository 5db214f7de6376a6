package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"aergo/cmd/aergo/ui"
	"aergo/testdata/multicodec"
)

// demoHome is the folder with the demo's keys, in the demo's folder.
const demoHome = "home"

type demoJSON struct {
	Identity string   `json:"identity"`
	Folder   string   `json:"folder"`
	Command  []string `json:"command"`
	Exit     int      `json:"exit"`
}

func newDemo(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "demo [DIR]",
		Short: "Show what aergo does, on real data",
		Long: `Play a piece of the real history of a public table: a keeper, two contributors, three pull
requests, one real conflict. Every command that is shown is run, by several identities, in
repositories in DIR, which must be empty or not there. Without DIR it is a temporary
folder that goes at the end. Your own keys and repositories are left alone.`,
		Example: "  aergo demo\n  aergo demo play",
		Args:    wants(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				return a.demo(c.Context(), args[0])
			}
			dir, err := os.MkdirTemp("", "aergo-demo-")
			if err != nil {
				return err
			}
			err = a.play(c.Context(), dir)
			if removeErr := os.RemoveAll(dir); err == nil {
				err = removeErr
			}
			if err != nil || a.ui.JSON {
				return err
			}
			return a.ui.Printf("\n%s\n", "All this is gone again. To keep it and try your own commands on it: aergo demo DIR")
		},
	}
}

// demo plays in a folder that is kept.
func (a *app) demo(ctx context.Context, typed string) error {
	dir, err := a.path(typed)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	switch {
	case err == nil && len(entries) > 0:
		return usagef("name a folder that is empty or not there", "%s is not empty", typed)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	if err := a.play(ctx, dir); err != nil || a.ui.JSON {
		return err
	}
	return a.ui.Printf(demoNext, filepath.Join(dir, demoHome), filepath.Join(dir, "codecs"))
}

const demoNext = `
All this is yours now:

  export AERGO_HOME=%s AERGO_IDENTITY=keeper
  cd %s
  aergo show HEAD            what the last merge decided
  aergo diff HEAD~1 HEAD     and what it changed
  aergo undo                 take the last command back
  aergo --help               everything else
`

// play runs the scenes in a folder.
func (a *app) play(ctx context.Context, dir string) error {
	for name, data := range map[string][]byte{"before.csv": multicodec.Before, "after.csv": multicodec.After} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			return err
		}
	}
	for i, s := range demoScenes() {
		if !a.ui.JSON {
			if err := a.ui.Printf("%s%d. %s\n\n", strings.Repeat("\n", min(i, 1)), i+1, s.text); err != nil {
				return err
			}
		}
		for _, c := range s.commands {
			if err := a.playCommand(ctx, dir, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// playCommand shows a command, runs it as if it had been typed, and shows what it says.
func (a *app) playCommand(ctx context.Context, dir string, c demoCommand) error {
	var said bytes.Buffer
	streams := &ui.Streams{In: strings.NewReader(""), Out: &said, Err: &said, Color: a.ui.Color, ErrColor: a.ui.Color, Width: a.ui.Width}
	env := a.env
	env.WorkFolder = func() (string, error) { return filepath.Join(dir, c.folder), nil }
	env.Getenv = func(name string) string {
		switch name {
		case "AERGO_HOME":
			return filepath.Join(dir, demoHome)
		case "AERGO_IDENTITY":
			return c.identity
		}
		return a.env.Getenv(name)
	}
	exit := run(ctx, c.args, streams, env)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if exit != c.exit {
		return fmt.Errorf("%s ended with %d: %s", c, exit, strings.TrimSpace(said.String()))
	}
	if a.ui.JSON {
		return a.ui.PrintJSON(demoJSON{c.identity, c.folder, append([]string{"aergo"}, c.args...), exit})
	}
	if err := a.ui.Printf("  %s\n", a.ui.Strong(c.String())); err != nil {
		return err
	}
	// The folder is different every time; what is said of it is not.
	text := strings.ReplaceAll(said.String(), dir+string(filepath.Separator), "")
	for line := range strings.Lines(text) {
		if err := a.ui.Printf("    %s", line); err != nil {
			return err
		}
	}
	return a.ui.Flush()
}

// demoScene is a part of the story: what to know, and commands.
type demoScene struct {
	text     string
	commands []demoCommand
}

// demoCommand is a command, who types it, and where.
type demoCommand struct {
	identity string
	folder   string // in the demo's folder
	args     []string
	exit     int // that it ends with
}

// String returns the command as it is typed, behind a prompt that says who and where.
func (c demoCommand) String() string {
	prompt := c.identity
	if c.folder != "." {
		prompt += "@" + c.folder
	}
	words := make([]string, len(c.args))
	plain := regexp.MustCompile(`^[A-Za-z0-9_./:@~=,-]+$`)
	for i, w := range c.args {
		if name, value, ok := strings.Cut(w, "="); ok && !plain.MatchString(value) {
			w = name + `="` + value + `"`
		} else if !plain.MatchString(w) {
			w = `"` + w + `"`
		}
		words[i] = w
	}
	return prompt + "$ aergo " + strings.Join(words, " ")
}
