package main

import (
	"context"

	"github.com/spf13/cobra"

	"aergo/repo"
	"aergo/repo/shape"
)

func newExcluded(a *app) *cobra.Command {
	var at string
	list := &cobra.Command{
		Use:               "list [REV]",
		Short:             "List the transactions that are excluded; with -v what stood in their way",
		Args:              wants(0, 1),
		ValidArgsFunction: a.complete(revisionNames),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				at = args[0]
			}
			return a.listExcluded(c.Context(), at)
		},
	}
	show := &cobra.Command{
		Use:   "show TX",
		Short: "Show what a transaction does, and what stood in its way",
		Long: `Show what a transaction does and, for every branch that excluded it, each field in its way:
base is what its author saw, ours what the branch held when it was excluded, theirs what
the transaction wants, each with who wrote it. The rule that decided comes first.`,
		Example: "  aergo excluded show 3f2a9c1e.17",
		Args:    wants(1, 1),
		RunE:    func(c *cobra.Command, args []string) error { return a.why(c.Context(), args[0], true) },
	}
	replay := newReplay(a)
	drop := orderCommand(a, "drop", "Give excluded transactions up", dropping(), repo.Door.DropExcluded)
	c := family("excluded", "List, replay or drop what merges left out", `List the transactions that merges left out and that are still open, try them again, or give
them up for good. Without a word it lists. What cannot be replayed as it is, replay --set
does in another way.`, list, show, replay, drop)
	c.Example = "  aergo excluded\n  aergo excluded show 3f2a9c1e.17\n  aergo excluded replay 3f2a9c1e.17 --set price=12\n  aergo excluded drop --all"
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(c, args[0])
		}
		return a.listExcluded(c.Context(), "")
	}
	return c
}

// orderCommand is a command that gives an order about one excluded transaction or all.
func orderCommand(a *app, word, short string, how verb, call func(repo.Door, context.Context, string, string) (repo.Merged, error)) *cobra.Command {
	var all bool
	var message string
	c := &cobra.Command{
		Use:   word + " TX|BATCH | --all",
		Short: short,
		Args:  wants(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if all == (len(args) == 1) {
				return usagef("usage: "+c.UseLine(), "%s: name what, or --all", c.CommandPath())
			}
			what, about := "", account{what: "what was excluded", verb: how}
			if !all {
				what, about.what = args[0], args[0]
			}
			return a.order(c.Context(), about, func(ctx context.Context, r repo.Door) (repo.Merged, error) {
				return call(r, ctx, what, message)
			})
		},
	}
	c.Flags().BoolVar(&all, "all", false, "all that are excluded")
	c.Flags().StringVarP(&message, "message", "m", "", "`MESSAGE` that says why")
	return c
}

func (a *app) listExcluded(ctx context.Context, at string) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		return a.paged(ctx, func() error {
			if a.ui.Verbose {
				return a.listConflicts(ctx, r, at)
			}
			var list []repo.Exclusion
			err := r.Excluded(ctx, at, func(x repo.Exclusion) error {
				if a.ui.JSON {
					return a.ui.PrintJSON(shape.OfExclusions([]repo.Exclusion{x})[0])
				}
				list = append(list, x)
				return nil
			})
			if err != nil {
				return err
			}
			if len(list) == 0 && !a.ui.JSON {
				a.ui.Note("nothing is excluded")
			}
			return printExclusions(a.ui, list, 0)
		})
	})
}
