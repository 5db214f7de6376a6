package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"aergo/repo"
)

func newCherryPick(a *app) *cobra.Command {
	var message string
	c := &cobra.Command{
		Use:   "cherry-pick TX|BATCH|BLOCK",
		Short: "Take single transactions from elsewhere",
		Long: `Take one transaction (as in 3f2a9c1e.17), a batch, or what a block took, and bring it to
the branch that is checked out, with its author's signature. If any of it conflicts, or
is excluded there, nothing is taken.`,
		Example: "  aergo cherry-pick 3f2a9c1e.17\n  aergo cherry-pick feature~1",
		Args:    wants(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.order(c.Context(), account{what: args[0], verb: picking()}, func(ctx context.Context, r repo.Door) (repo.Merged, error) {
				return r.CherryPick(ctx, args[0], message)
			})
		},
	}
	c.Flags().StringVarP(&message, "message", "m", "", "`MESSAGE` that says why")
	return c
}

// order runs a call of the door that brings transactions to a branch, and prints its account.
func (a *app) order(ctx context.Context, about account, call func(context.Context, repo.Door) (repo.Merged, error)) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		m, err := call(ctx, r)
		if err != nil && !errors.Is(err, repo.ErrConflict) {
			return err
		}
		about.refused = err != nil
		if printErr := a.printMerged(m, about); printErr != nil {
			return printErr
		}
		return hinted(orderHint(m), err)
	})
}

func newRevert(a *app) *cobra.Command {
	var message string
	c := &cobra.Command{
		Use:   "revert TX|BATCH|BLOCK",
		Short: "Take back what transactions did, in a new block",
		Long: `Take back what transactions did on this branch, by new transactions with the opposite
effects: what was added is subtracted, what was set becomes what it was. If anything of it
has been changed since, nothing happens.`,
		Example: "  aergo revert master~2\n  aergo revert 3f2a9c1e.17 -m \"Paid twice\"",
		Args:    wants(1, 1),
		RunE:    func(c *cobra.Command, args []string) error { return a.revert(c.Context(), args[0], message) },
	}
	c.Flags().StringVarP(&message, "message", "m", "", "`MESSAGE` that says why")
	return c
}

func (a *app) revert(ctx context.Context, what, message string) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		done, err := r.Revert(ctx, what, message)
		if errors.Is(err, repo.ErrConflict) {
			err = hinted("aergo blame TABLE KEY shows who has changed it since", err)
		}
		if err != nil {
			return err
		}
		if a.ui.JSON {
			return a.ui.PrintJSON(committedJSON{done.Block, done.Batch, done.Transactions, string(done.Branch), done.Height})
		}
		return a.ui.Printf("Reverted %s on %s by %s, in block %s\n", what, done.Branch, transactions(done.Transactions), done.Block.Short())
	})
}
