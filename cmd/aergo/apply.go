package main

import (
	"context"

	"github.com/spf13/cobra"

	"aergo/repo"
)

func newApply(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "apply FILE.jsonl|-",
		Short: "Add operations, one transaction on each line",
		Long: `Add operations from JSON lines. One line is one transaction:

  {"op":"put","table":"accounts","key":"ada","fields":{"balance":10}}
  {"tx":[{"op":"incr",...},{"op":"incr",...}]}

op is put, insert, replace, del, incr, append or remove; key is a text, or an array of
texts for a key of several columns; tx holds operations that apply together or not at all.
All lines are added or none.`,
		Example: "  aergo apply changes.jsonl\n  generate | aergo apply -",
		Args:    wants(1, 1),
		RunE:    func(c *cobra.Command, args []string) error { return a.apply(c.Context(), args[0]) },
	}
}

func (a *app) apply(ctx context.Context, file string) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		in, err := a.input(file)
		if err != nil {
			return err
		}
		defer in.Close()
		a.collectAt(lavishGCPercent)
		p, err := r.ApplyLines(ctx, in)
		if err != nil {
			return inFile(file, err)
		}
		if a.ui.JSON {
			return a.ui.PrintJSON(preparedShape(p))
		}
		unchanged := ""
		if p.Unchanged > 0 {
			unchanged = ", " + number(p.Unchanged) + " would change nothing"
		}
		return a.ui.Printf("Added %s to %s%s; %s pending\n", transactions(p.Transactions), p.Branch, unchanged, number(p.Pending))
	})
}
