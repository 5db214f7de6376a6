package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"aergo/cmd/aergo/ui"
	"aergo/repo"
	"aergo/repo/object"
)

func newExcluded(a *app) *cobra.Command {
	var at string
	list := &cobra.Command{
		Use:               "list [REV]",
		Short:             "List the transactions that are excluded",
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
		Short: "Show what became of a transaction, and why",
		Args:  wants(1, 1),
		RunE:  func(c *cobra.Command, args []string) error { return a.why(c.Context(), args[0]) },
	}
	replay := orderCommand(a, "replay", "Try excluded transactions again", replaying(), repo.Door.ReplayExcluded)
	drop := orderCommand(a, "drop", "Give excluded transactions up", dropping(), repo.Door.DropExcluded)
	c := family("excluded", "List, replay or drop what merges left out", `List the transactions that merges left out and that are still open, try them again, or give
them up for good. Without a word it lists.`, list, show, replay, drop)
	c.Example = "  aergo excluded\n  aergo excluded replay 3f2a9c1e.17\n  aergo excluded drop --all"
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
			var list []repo.Exclusion
			err := r.Excluded(ctx, at, func(x repo.Exclusion) error {
				if a.ui.JSON {
					return a.ui.PrintJSON(exclusionShapes([]repo.Exclusion{x})[0])
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

type fateJSON struct {
	Branch  string         `json:"branch"`
	Verdict string         `json:"verdict"`
	Block   object.Hash    `json:"block"`
	Height  uint64         `json:"height"`
	Reason  *exclusionJSON `json:"reason,omitempty"`
}

type storyJSON struct {
	Transaction string      `json:"tx"`
	Author      string      `json:"author"`
	Batch       object.Hash `json:"batch"`
	Message     string      `json:"message"`
	Branches    []fateJSON  `json:"branches"`
}

func newWhy(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "why TX",
		Short:   "Show what became of a transaction, and why",
		Long:    "Show what became of a transaction (as in 3f2a9c1e.17) on each branch, in which block, and\nfor what reason.",
		Example: "  aergo why 3f2a9c1e.17",
		Args:    wants(1, 1),
		RunE:    func(c *cobra.Command, args []string) error { return a.why(c.Context(), args[0]) },
	}
}

func (a *app) why(ctx context.Context, what string) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		s, err := r.Why(ctx, what)
		if err != nil {
			return hinted("aergo excluded and aergo merge name transactions, as in 3f2a9c1e.17", err)
		}
		if a.ui.JSON {
			out := storyJSON{Transaction: fullID(s.Transaction), Author: s.Author.Name, Batch: s.Transaction.Batch, Message: s.Message, Branches: []fateJSON{}}
			for _, f := range s.Fates {
				j := fateJSON{Branch: string(f.Branch), Verdict: f.Verdict.String(), Block: f.Block, Height: f.Height}
				if f.Reason != nil {
					j.Reason = &exclusionShapes([]repo.Exclusion{*f.Reason})[0]
				}
				out.Branches = append(out.Branches, j)
			}
			return a.ui.PrintJSON(out)
		}
		if err := a.printSigned("transaction "+s.Transaction.String(), s.Author, s.Batch.Time, s.Message); err != nil {
			return err
		}
		return a.printFates(s.Fates)
	})
}

func (a *app) printFates(fates []repo.Fate) error {
	if len(fates) == 0 {
		return a.ui.Printf("\nNo branch has decided on it\n")
	}
	var text strings.Builder
	for _, f := range fates {
		fmt.Fprintf(&text, "\nOn %s it is %s, by block %s at height %s", f.Branch, f.Verdict, f.Block.Short(), number(f.Height))
		if x := f.Reason; x != nil {
			fmt.Fprintf(&text, ": %s", x.Reason)
			if x.Table != "" {
				fmt.Fprintf(&text, ", at %s", cleanRow(x.Table, x.Key))
			}
			if x.Field != "" {
				fmt.Fprintf(&text, " field %s", ui.Clean(x.Field))
			}
		}
	}
	return a.ui.Printf("%s\n", text.String())
}
