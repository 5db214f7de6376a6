package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"aergo/cmd/aergo/ui"
	"aergo/repo"
	"aergo/repo/diagram"
	"aergo/repo/shape"
)

func newDTT(a *app) *cobra.Command {
	var svg string
	var workers int
	c := &cobra.Command{
		Use:   "dtt [REV]",
		Short: "Show in what order a block's transactions run, and which side by side",
		Long: `Show a block's Deterministic Transaction Tree: which transactions run one after the other and
which may run side by side, with the same result for any number of workers. Costs are
units that every machine counts alike. Two transactions meet at a row if one changes what
the other touches, so that their order matters; a cut claims what a row will be, so that
what waits for the row begins at once. --svg draws time from left to right, one lane for
each worker.`,
		Example:           "  aergo dtt\n  aergo dtt master~1 --svg tree.svg --workers 4",
		Args:              wants(0, 1),
		ValidArgsFunction: a.complete(revisionNames),
		RunE: func(c *cobra.Command, args []string) error {
			rev := ""
			if len(args) == 1 {
				rev = args[0]
			}
			if workers < 1 || workers > diagram.WorkersMax {
				return usagef("", "--workers: %d is not from 1 to %d", workers, diagram.WorkersMax)
			}
			return a.dtt(c.Context(), rev, svg, workers)
		},
	}
	c.Flags().StringVar(&svg, "svg", "", "draw the tree into `FILE`")
	c.Flags().IntVar(&workers, "workers", 8, "draw how `N` workers run it")
	return c
}

func (a *app) dtt(ctx context.Context, rev, svg string, workers int) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		s, err := r.Schedule(ctx, rev)
		if err != nil {
			return err
		}
		if svg != "" {
			path, err := a.path(svg)
			if err != nil {
				return err
			}
			if err := writeFile(path, func(w io.Writer) error { return diagram.Draw(w, s, diagram.Options{Workers: workers}) }); err != nil {
				return err
			}
		}
		if a.ui.JSON {
			return a.ui.PrintJSON(shape.OfSchedule(s))
		}
		if err := a.printSchedule(s); err != nil || svg == "" {
			return err
		}
		return a.ui.Printf("Drew it into %s\n", ui.Clean(svg))
	})
}
