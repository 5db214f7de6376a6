package main

import (
	"context"

	"github.com/spf13/cobra"

	"aergo/cmd/aergo/ui"
	"aergo/repo"
	"aergo/repo/shape"
)

func newBlame(a *app) *cobra.Command {
	var at string
	c := &cobra.Command{
		Use:               "blame TABLE KEY",
		Short:             "Show who gave each field of a row its value",
		Example:           "  aergo blame accounts ada",
		Args:              wants(2, 2),
		ValidArgsFunction: a.complete(tableNames, nil),
		RunE:              func(c *cobra.Command, args []string) error { return a.blame(c.Context(), args[0], args[1], at) },
	}
	c.Flags().StringVar(&at, "at", "", "as it was at `REV` (default: the head)")
	_ = c.RegisterFlagCompletionFunc("at", a.complete(revisionNames))
	return c
}

func (a *app) blame(ctx context.Context, tableName, key, at string) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		list, err := r.Blame(ctx, tableName, key, at)
		if err != nil {
			return meantName(ctx, r, tableName, tableNames, err)
		}
		t := a.ui.Table(ui.Column{Title: "FIELD"}, ui.Column{Title: "VALUE"}, ui.Column{Title: "BLOCK"},
			ui.Column{Title: "TIME"}, ui.Column{Title: "AUTHOR"}, ui.Column{Title: "MESSAGE"})
		for _, b := range list {
			if a.ui.JSON {
				if err := a.ui.PrintJSON(shape.OfBlamed(b)); err != nil {
					return err
				}
				continue
			}
			t.Row(b.Field, plain(b.Value), b.Block.Short(), when(b.Time), b.Author.Name, firstLine(b.Note))
		}
		return t.Close()
	})
}
