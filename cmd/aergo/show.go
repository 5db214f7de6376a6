package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aergo/cmd/aergo/ui"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/shape"
)

func newShow(a *app) *cobra.Command {
	var patch bool
	c := &cobra.Command{
		Use:               "show [REV]",
		Short:             "Show one block: batches, orders and what was excluded",
		Example:           "  aergo show\n  aergo show master~1 -p",
		Args:              wants(0, 1),
		ValidArgsFunction: a.complete(revisionNames),
		RunE: func(c *cobra.Command, args []string) error {
			rev := ""
			if len(args) == 1 {
				rev = args[0]
			}
			return a.show(c.Context(), rev, patch)
		},
	}
	c.Flags().BoolVarP(&patch, "patch", "p", false, "show the rows that it changed, too")
	return c
}

func (a *app) show(ctx context.Context, rev string, patch bool) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		b, err := r.Show(ctx, rev)
		if err != nil {
			return meantName(ctx, r, rev, revisionNames, err)
		}
		return a.paged(ctx, func() error {
			if a.ui.JSON {
				err = a.ui.PrintJSON(shape.OfShown(b))
			} else {
				err = a.printBlock(b)
			}
			if err != nil || !patch || len(b.Parents) == 0 {
				return err
			}
			return r.Diff(ctx, b.Parents[0].String(), b.ID.String(), "", a.printDifference)
		})
	})
}

func (a *app) printBlock(b repo.Block) error {
	var parents []string
	for _, p := range b.Parents {
		parents = append(parents, p.Short())
	}
	t := a.ui.Table(ui.Column{}, ui.Column{})
	t.Row("block", b.ID.String())
	t.Row("height", number(b.Height))
	t.Row("parents", strings.Join(parents, " "))
	t.Row("time", b.Time.Format(time.RFC3339))
	t.Row("producer", who(b.Producer))
	t.Row("state", b.State.String())
	t.Row("applied", number(b.Applied))
	t.Row("excluded", number(uint64(len(b.Excluded))))
	if err := t.Close(); err != nil {
		return err
	}
	for _, o := range b.Orders {
		what := o.Kind.String()
		if !o.Source.IsZero() {
			what += " of " + o.Source.Short()
		}
		if o.Mode != object.ModeExclude {
			what += " (" + o.Mode.String() + ")"
		}
		if err := a.printSigned(what, o.Signer, o.Time, o.Message); err != nil {
			return err
		}
	}
	for _, x := range b.Batches {
		what := "batch " + x.ID.Short() + ", " + transactions(x.Transactions)
		if x.Transactions != x.Total {
			what += " of " + number(x.Total)
		}
		if err := a.printSigned(what, x.Author, x.Time, x.Message); err != nil {
			return err
		}
	}
	if len(b.Excluded) == 0 {
		return nil
	}
	if err := a.ui.Printf("\n"); err != nil {
		return err
	}
	return printExclusions(a.ui, b.Excluded, 0)
}

// printSigned prints what somebody signed, with the message below.
func (a *app) printSigned(what string, by object.Identity, at time.Time, message string) error {
	var text strings.Builder
	for line := range strings.Lines(message) {
		text.WriteString("    " + ui.Clean(strings.TrimRight(line, "\r\n")) + "\n")
	}
	return a.ui.Printf("\n%s by %s, %s\n%s", what, ui.Clean(who(by)), when(at), text.String())
}
