package main

import (
	"context"

	"github.com/spf13/cobra"

	"aergo/cmd/aergo/ui"
	"aergo/repo"
	"aergo/repo/ref"
	"aergo/repo/shape"
)

func newBranch(a *app) *cobra.Command {
	var block, logic, remove, removeAnyway string
	c := &cobra.Command{
		Use:   "branch [NAME]",
		Short: "List branches, or make one",
		Long: `List the branches, or make one that starts at what is checked out or at another block.
The new branch is not checked out: aergo checkout NAME, or aergo checkout -b NAME at once.

With --merge-logic, cells that both sides of a merge into the branch have changed are decided
by a contract (aergo contract) or by ours, theirs, newest, sum, union, min or max. The logic is
fixed for good, and everyone who verifies a merge runs it.`,
		Example: "  aergo branch\n  aergo branch feature\n  aergo branch old --block=1f3a9c2e\n  aergo branch stock --merge-logic=sum\n  aergo branch -d feature",
		Args:    wants(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case remove != "" || removeAnyway != "":
				if len(args) > 0 || block != "" || remove != "" && removeAnyway != "" {
					return usagef("usage: aergo branch -d NAME", "branch: delete one branch at a time")
				}
				return a.deleteBranch(c.Context(), remove+removeAnyway, removeAnyway != "")
			case len(args) == 1:
				return a.createBranch(c.Context(), args[0], block, logic)
			case block != "" || logic != "":
				return usagef("usage: aergo branch NAME --block=HASH", "branch: no name")
			}
			return a.listBranches(c.Context())
		},
	}
	f := c.Flags()
	f.StringVar(&block, "block", "", "start at `HASH`, a block or another revision")
	f.StringVar(&logic, "merge-logic", "", "decide conflicts by `NAME`, a contract or built-in logic")
	f.StringVarP(&remove, "delete", "d", "", "delete `NAME`, whose blocks others must have")
	f.StringVarP(&removeAnyway, "delete-anyway", "D", "", "delete `NAME` even if its blocks are nowhere else")
	for _, flag := range []string{"delete", "delete-anyway"} {
		_ = c.RegisterFlagCompletionFunc(flag, a.complete(branchNames))
	}
	_ = c.RegisterFlagCompletionFunc("block", a.complete(revisionNames))
	return c
}

func (a *app) createBranch(ctx context.Context, name, at, logic string) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		parsed, err := ref.ParseName(name)
		if err != nil {
			return err
		}
		if logic != "" {
			return a.foundBranch(ctx, r, parsed, at, logic)
		}
		b, err := r.CreateBranch(ctx, parsed, at)
		if err != nil {
			return err
		}
		if a.ui.JSON {
			return a.ui.PrintJSON(shape.Name{Name: name, Block: b.Head})
		}
		return a.ui.Printf("Made branch %s at block %s\n", b.Name, b.Head.Short())
	})
}

func (a *app) foundBranch(ctx context.Context, r repo.Door, name ref.Name, at, logic string) error {
	b, err := r.FoundBranch(ctx, name, at, logic)
	if err != nil {
		return err
	}
	fixed, err := r.MergeLogic(ctx, name)
	if err != nil {
		return err
	}
	if a.ui.JSON {
		return a.ui.PrintJSON(shape.Name{Name: string(name), Block: b.Head, Logic: shape.OfLogic(fixed)})
	}
	return a.ui.Printf("Made branch %s at block %s, with merge logic %s (%s)\n", b.Name, b.Head.Short(), logic, fixed.Hash.Short())
}

func (a *app) deleteBranch(ctx context.Context, name string, anyway bool) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		parsed, err := ref.ParseName(name)
		if err != nil {
			return err
		}
		b, err := r.DeleteBranch(ctx, parsed, anyway)
		if err != nil {
			return meantName(ctx, r, name, branchNames, err)
		}
		if a.ui.JSON {
			return a.ui.PrintJSON(shape.Name{Name: name, Block: b.Head, Deleted: true})
		}
		return a.ui.Printf("Deleted branch %s, which was at block %s\n", b.Name, b.Head.Short())
	})
}

func (a *app) listBranches(ctx context.Context) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		all, current, err := r.Branches(ctx)
		if err != nil {
			return err
		}
		var list []shape.Name
		for _, b := range all {
			logic, err := r.MergeLogic(ctx, b.Name)
			if err != nil {
				return err
			}
			list = append(list, shape.Name{Name: string(b.Name), Block: b.Head, Current: b.Name == current, Logic: shape.OfLogic(logic)})
		}
		return a.printNames(list)
	})
}

// printNames lists branches or tags.
func (a *app) printNames(list []shape.Name) error {
	t := a.ui.Table(ui.Column{}, ui.Column{}, ui.Column{}, ui.Column{})
	for _, n := range list {
		if a.ui.JSON {
			if err := a.ui.PrintJSON(n); err != nil {
				return err
			}
			continue
		}
		mark := ""
		if n.Current {
			mark = "*"
		}
		logic := ""
		if n.Logic != nil {
			logic = "merges by " + n.Logic.Name
		}
		t.Row(mark, n.Name, n.Block.Short(), logic)
	}
	return t.Close()
}
