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
	// Lacking is what was left out; not there for nothing.
	Lacking *shape.Lacking `json:"lacking,omitempty"`
}

func newClone(a *app) *cobra.Command {
	var branch, origin, filter string
	var req repo.CloneRequest
	c := &cobra.Command{
		Use:   "clone REPOSITORY [DIR]",
		Short: "Make a repository of your own from another",
		Long: `Make a repository of your own with the branches and tags of another, which it remembers as
the remote origin. You own the clone and may write there; what you make comes back by a
push, or by a pull on the other side.

Three flags fetch less, and go together. With --depth the last blocks of each branch are
whole and verified by execution; of those before there are headers only, until aergo fetch
--depth or --unshallow brings more. With --at the clone has one branch, which ends at a
revision of the other repository. With --filter it has the rows of some tables: it can be
read, is verified by proof and executes nothing, so it takes no changes.`,
		Example: "  aergo clone ../ledger\n  aergo clone /srv/ledger mine --branch feature\n  aergo clone ../ledger recent --depth 10\n  aergo clone ../ledger old --at v1\n  aergo clone ../ledger some --filter table=accounts,rates",
		Args:    wants(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			dir := filepath.Base(strings.TrimSuffix(strings.TrimSuffix(args[0], "/"), "/"+repositoryFolder))
			if len(args) == 2 {
				dir = args[1]
			}
			if c.Flags().Changed("depth") && req.Depth == 0 {
				return usagef("aergo clone --depth 1 takes the newest block", "clone: --depth is 1 or more")
			}
			if c.Flags().Changed("at") && req.At == "" {
				return usagef("aergo clone --at v1 ends the clone at the tag v1", "clone: --at takes a revision")
			}
			var err error
			if req.Tables, err = filteredTables(filter); err != nil {
				return err
			}
			req.Branch, req.Remote = ref.Name(branch), ref.Name(origin)
			return a.clone(c.Context(), args[0], dir, req)
		},
	}
	c.Flags().StringVarP(&branch, "branch", "b", "", "check out `BRANCH` (default: what is checked out there)")
	c.Flags().StringVarP(&origin, "origin", "o", "", "call the remote `NAME` (default: origin)")
	c.Flags().Uint64Var(&req.Depth, "depth", 0, "fetch the last `N` blocks of each branch, of those before only headers")
	c.Flags().StringVar(&req.At, "at", "", "end at a `REV` of the other repository: fetch nothing later")
	c.Flags().StringVar(&filter, "filter", "", "fetch the rows of some tables: `table=NAME[,NAME...]`")
	return c
}

// filteredTables returns the tables that a filter names.
func filteredTables(filter string) ([]string, error) {
	if filter == "" {
		return nil, nil
	}
	names, ok := strings.CutPrefix(filter, "table=")
	if !ok || names == "" {
		return nil, usagef("aergo clone --filter table=accounts,rates", "clone: --filter %q names no tables", filter)
	}
	return strings.Split(names, ","), nil
}

func (a *app) clone(ctx context.Context, from, dir string, req repo.CloneRequest) error {
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
	branches := max(1, uint64(len(made.Branches))) // one that ends at a block is none of the remote's
	if err := a.ui.Printf("Cloned %s and %s into %s, on branch %s at block %s\n", count(branches, "branch", "branches"),
		count(uint64(len(made.Tags)), "tag", ""), path, made.Branch, made.Head.Short()); err != nil {
		return err
	}
	return a.printLacking(made.Lacking)
}

func clonedShape(path string, made repo.Cloned) clonedJSON {
	out := clonedJSON{
		initialisedJSON: initialisedJSON{Path: path, Branch: string(made.Branch), Block: made.Head},
		Height:          made.Height, Branches: []shape.Name{}, Tags: tagShapes(made.Tags), Transfer: transferShape(made.Transfer),
		Lacking: shape.OfLacking(made.Lacking),
	}
	for _, b := range made.Branches {
		out.Branches = append(out.Branches, shape.Name{Name: string(b.Name), Block: b.Head, Current: b.Name == made.Branch})
	}
	return out
}
