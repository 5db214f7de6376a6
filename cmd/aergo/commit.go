package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"aergo/repo"
	"aergo/repo/object"
)

type committedJSON struct {
	Block        object.Hash `json:"block"`
	Batch        object.Hash `json:"batch"`
	Transactions uint64      `json:"transactions"`
	Branch       string      `json:"branch"`
	Height       uint64      `json:"height"`
}

func newCommit(a *app) *cobra.Command {
	var req repo.CommitRequest
	var date string
	c := &cobra.Command{
		Use:   "commit -m MESSAGE",
		Short: "Sign what is pending and seal it in a block",
		Long: `Sign everything that is pending on the branch as one batch, with one signature, and seal
a block with it.`,
		Example: `  aergo commit -m "Import the accounts of March"`,
		Args:    wants(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if !c.Flags().Changed("message") {
				return usagef(`aergo commit -m "what and why"`, "commit: no message")
			}
			if date != "" {
				at, err := time.Parse(time.RFC3339, date)
				if err != nil {
					return usagef("write it as in 2026-01-31T12:00:00Z", "%q is no date", date)
				}
				req.Date = at
			}
			return a.commit(c.Context(), req)
		},
	}
	f := c.Flags()
	f.StringVarP(&req.Message, "message", "m", "", "`MESSAGE` that says what and why")
	f.BoolVar(&req.AllowEmpty, "allow-empty", false, "seal a block even if nothing is pending")
	f.StringVar(&req.As, "as", "", "author the batch as `NAME`, an identity whose key you have")
	f.StringVar(&date, "date", "", "`TIME` that the author states (default: now)")
	return c
}

func (a *app) commit(ctx context.Context, req repo.CommitRequest) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		done, err := r.Commit(ctx, req)
		if err != nil {
			return err
		}
		if a.ui.JSON {
			return a.ui.PrintJSON(committedJSON{done.Block, done.Batch, done.Transactions, string(done.Branch), done.Height})
		}
		return a.ui.Printf("Committed %s to %s as block %s, height %s\n",
			transactions(done.Transactions), done.Branch, done.Block.Short(), number(done.Height))
	})
}
