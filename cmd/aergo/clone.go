package main

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"aergo/repo"
	"aergo/repo/ref"
	"aergo/repo/shape"
)

type clonedJSON struct {
	initialisedJSON
	Height   uint64       `json:"height"`
	Branches []shape.Name `json:"branches"`
	Tags     []shape.Name `json:"tags"`
	Transfer transferJSON `json:"transfer"`
}

func newClone(a *app) *cobra.Command {
	var branch, origin string
	c := &cobra.Command{
		Use:   "clone REPOSITORY [DIR]",
		Short: "Make a repository of your own from another",
		Long: `Make a repository of your own with the branches and tags of another, which it remembers as
the remote origin. You own the clone and may write there; what you make comes back by a
push, or by a pull on the other side.`,
		Example: "  aergo clone ../ledger\n  aergo clone /srv/ledger mine --branch feature",
		Args:    wants(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			dir := filepath.Base(strings.TrimSuffix(strings.TrimSuffix(args[0], "/"), "/"+repositoryFolder))
			if len(args) == 2 {
				dir = args[1]
			}
			return a.clone(c.Context(), args[0], dir, branch, origin)
		},
	}
	c.Flags().StringVarP(&branch, "branch", "b", "", "check out `BRANCH` (default: what is checked out there)")
	c.Flags().StringVarP(&origin, "origin", "o", "", "call the remote `NAME` (default: origin)")
	return c
}

func (a *app) clone(ctx context.Context, from, dir, branch, origin string) error {
	req := repo.CloneRequest{Branch: ref.Name(branch), Remote: ref.Name(origin)}
	for _, name := range []ref.Name{req.Branch, req.Remote} {
		if name == "" {
			continue
		}
		if err := name.Check(); err != nil {
			return err
		}
	}
	var err error
	if req.From, err = a.address(from); err != nil {
		return err
	}
	path, err := a.path(filepath.Join(dir, repositoryFolder))
	if err != nil {
		return err
	}
	opts, done, err := a.options(path)
	if err != nil {
		return err
	}
	defer done()
	var made repo.Cloned
	err = inNewFolder(path, func() error {
		if err := a.ensureIdentity(ctx, opts); err != nil {
			return err
		}
		r, cloned, err := repo.Clone(ctx, openFolder(path), opts, req)
		if err != nil {
			return err
		}
		made = cloned
		return r.Close()
	})
	if err != nil {
		return err
	}
	if a.ui.JSON {
		return a.ui.PrintJSON(clonedShape(path, made))
	}
	return a.ui.Printf("Cloned %s and %s into %s, on branch %s at block %s\n", count(uint64(len(made.Branches)), "branch", "branches"),
		count(uint64(len(made.Tags)), "tag", ""), path, made.Branch, made.Head.Short())
}

func clonedShape(path string, made repo.Cloned) clonedJSON {
	out := clonedJSON{
		initialisedJSON: initialisedJSON{Path: path, Branch: string(made.Branch), Block: made.Head},
		Height:          made.Height, Branches: []shape.Name{}, Tags: tagShapes(made.Tags), Transfer: transferShape(made.Transfer),
	}
	for _, b := range made.Branches {
		out.Branches = append(out.Branches, shape.Name{Name: string(b.Name), Block: b.Head, Current: b.Name == made.Branch})
	}
	return out
}
