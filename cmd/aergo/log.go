package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"aergo/cmd/aergo/ui"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/shape"
)

type logOptions struct {
	rev   string
	limit int
	graph bool
	// excluded lists the blocks that excluded something, with what.
	excluded bool
}

func newLog(a *app) *cobra.Command {
	var o logOptions
	c := &cobra.Command{
		Use:   "log [REV]",
		Short: "List the blocks of a branch, newest first",
		Long: `List the blocks that a revision leads back to, newest first: those of its own chain, or
with --graph those that merges took in as well.

A revision is a branch, a tag, 4 or more digits of a block's hash, branch@height,
remote/branch, or @{n} for the head before the last n operations; ~n goes n blocks back.`,
		Example:           "  aergo log\n  aergo log --graph -n 20\n  aergo log --excluded\n  aergo log feature~2 --json",
		Args:              wants(0, 1),
		ValidArgsFunction: a.complete(revisionNames),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.rev = args[0]
			}
			if o.limit < 0 {
				return usagef("write a number of blocks", "log: -n %d is below 0", o.limit)
			}
			return a.log(c.Context(), o)
		},
	}
	c.Flags().IntVarP(&o.limit, "limit", "n", 0, "list at most `N` blocks")
	c.Flags().BoolVar(&o.graph, "graph", false, "draw how branches and merges hang together")
	c.Flags().BoolVar(&o.excluded, "excluded", false, "list only blocks that excluded transactions, with each of those")
	c.MarkFlagsMutuallyExclusive("graph", "excluded")
	return c
}

func (a *app) log(ctx context.Context, o logOptions) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		err := a.paged(ctx, func() error {
			switch {
			case o.graph:
				return a.logGraph(ctx, r, o)
			case o.excluded:
				return a.logExcluded(ctx, r, o)
			}
			return a.logChain(ctx, r, o)
		})
		return meantName(ctx, r, o.rev, revisionNames, err)
	})
}

// logChain lists the blocks of one chain, and says where it ends if that is not the root.
func (a *app) logChain(ctx context.Context, r repo.Door, o logOptions) error {
	var seen boundary
	t := a.ui.Table(logColumns()...)
	err := r.Log(ctx, o.rev, o.limit, func(b repo.Block) error {
		seen.pass(b)
		if a.ui.JSON {
			return a.ui.PrintJSON(shape.OfBlock(b))
		}
		t.Row(logCells(b)...)
		return nil
	})
	if closeErr := t.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		a.noteBoundary(seen, o.limit)
	}
	return err
}

func logColumns() []ui.Column {
	return []ui.Column{
		{Title: "BLOCK"}, {Title: "HEIGHT", Right: true}, {Title: "TIME"}, {Title: "AUTHOR"}, {Title: "TXS", Right: true}, {Title: "MESSAGE"},
	}
}

func logCells(b repo.Block) []string {
	author, message := b.Producer.Name, ""
	var n uint64
	for i, x := range b.Batches {
		n += x.Transactions
		if i == 0 {
			author, message = x.Author.Name, firstLine(x.Message)
		}
	}
	if len(b.Orders) > 0 {
		author, message = b.Orders[0].Signer.Name, firstLine(b.Orders[0].Message)
	}
	if len(b.Parents) == 0 {
		message = "root"
	}
	if len(b.Excluded) > 0 {
		message += " (" + number(uint64(len(b.Excluded))) + " excluded)"
	}
	return []string{b.ID.Short(), number(b.Height), when(b.Time), author, number(n), message}
}

// logExcluded lists the blocks that excluded something, each with what.
func (a *app) logExcluded(ctx context.Context, r repo.Door, o logOptions) error {
	n := 0
	var seen boundary
	err := r.Log(ctx, o.rev, 0, func(b repo.Block) error {
		seen.pass(b)
		if len(b.Excluded) == 0 {
			return nil
		}
		if o.limit > 0 && n == o.limit {
			return errListed
		}
		n++
		if a.ui.JSON {
			return a.ui.PrintJSON(shape.OfLeftOut(b))
		}
		return a.printLeftOutBy(b, n > 1)
	})
	if errors.Is(err, errListed) {
		return nil
	}
	if err == nil {
		a.noteBoundary(seen, 0)
	}
	if err == nil && n == 0 && !a.ui.JSON {
		a.ui.Note("no block here excluded anything")
	}
	return err
}

// errListed ends a walk that has listed as many blocks as were asked for.
var errListed = errors.New("listed")

// printLeftOutBy prints a block, and below it a line for each transaction that it excluded.
func (a *app) printLeftOutBy(b repo.Block, apart bool) error {
	if apart {
		if err := a.ui.Printf("\n"); err != nil {
			return err
		}
	}
	cells := logCells(b)
	if err := a.ui.Printf("%s  height %s, %s, %s: %s\n", a.ui.Strong(cells[0]), cells[1], cells[2], ui.Clean(cells[3]), ui.Clean(cells[5])); err != nil {
		return err
	}
	authors := map[object.Hash]string{}
	for _, x := range b.Batches {
		authors[x.ID] = x.Author.Name
	}
	t := a.ui.Table(ui.Column{}, ui.Column{}, ui.Column{}, ui.Column{}, ui.Column{})
	for _, x := range b.Excluded {
		row := ""
		if x.Table != "" {
			row = rowOf(x.Table, x.Key)
		}
		t.Row("  "+x.Transaction.String(), authors[x.Transaction.Batch], x.Reason.String(), row, x.Field)
	}
	return t.Close()
}
