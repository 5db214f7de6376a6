package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"aergo/repo"
)

func newInit(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "init [DIR]",
		Short: "Make an empty repository",
		Long: `Make an empty repository in DIR, or here: its own Directory, owned by your identity,
and the branch master with an empty root block. What was in the folder stays as it is.

Your identity is AERGO_IDENTITY, or the name in the file identity of AERGO_HOME, or your
user name. If it has no key, init makes one in AERGO_HOME/keys.`,
		Example: "  aergo init\n  aergo init ledger && cd ledger",
		Args:    wants(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			return a.init(c.Context(), dir)
		},
	}
}

func (a *app) init(ctx context.Context, dir string) error {
	path, err := a.path(filepath.Join(dir, repositoryFolder))
	if err != nil {
		return err
	}
	opts, done, err := a.options(path)
	if err != nil {
		return err
	}
	defer done()
	var st repo.Status
	err = inNewFolder(path, func() error {
		if err := a.ensureIdentity(ctx, opts); err != nil {
			return err
		}
		r, err := repo.Init(ctx, openFolder(path), opts)
		if err != nil {
			return err
		}
		defer r.Close()
		st, err = r.Status(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if a.ui.JSON {
		return a.ui.PrintJSON(initialisedJSON{Path: path, Branch: string(st.Branch), Block: st.Head})
	}
	return a.ui.Printf("Made an empty repository in %s, on branch %s\n", path, st.Branch)
}

// inNewFolder runs fn with a folder at path, and with the folders above it. If fn fails,
// the folder goes again with all that is in it, and those above it, as far as they were
// not there before. What a transfer that was cut has left for the next one stays.
func inNewFolder(path string, fn func() error) error {
	var made []string // deepest first
	for at := path; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(at); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		made = append(made, at)
	}
	err := os.MkdirAll(path, 0o777)
	if err == nil {
		err = fn()
	}
	if err != nil && len(made) > 0 {
		_ = removeBut(path, repo.SpoolFolder)
		for _, at := range made[1:] {
			_ = os.Remove(at) // which keeps what somebody else has put there
		}
	}
	return err
}

// removeBut removes a folder with all that is in it, but for what is in one folder there.
func removeBut(path, kept string) error {
	entries, err := os.ReadDir(path)
	for _, e := range entries {
		if e.Name() == kept {
			_ = os.Remove(filepath.Join(path, kept)) // if it is empty
			continue
		}
		err = errors.Join(err, os.RemoveAll(filepath.Join(path, e.Name())))
	}
	return errors.Join(err, os.Remove(path))
}
