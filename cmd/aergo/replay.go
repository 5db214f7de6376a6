package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aergo/cmd/aergo/ui"
	"aergo/repo"
	"aergo/repo/shape"
)

// repairedJSON is what excluded replay --set did.
type repairedJSON struct {
	committedJSON
	Replaces string `json:"replaces"`
	Author   string `json:"author"` // of what it replaces
}

func newReplay(a *app) *cobra.Command {
	c := orderCommand(a, "replay", "Try excluded transactions again", replaying(), repo.Door.ReplayExcluded)
	var set []string
	asIs := c.RunE
	c.Use = "replay TX|BATCH | --all | TX --set FIELD=VALUE..."
	c.Long = `Try excluded transactions again, as their authors signed them; what conflicts still stays
excluded.

With --set, do what one transaction wants in another way: a new transaction, signed by you,
with the fields given, on top of what is there now. The original stays its author's and is
dropped in the same block; the new one's message names it. FIELD=VALUE is written as for
put; if the transaction changes several rows, TABLE/KEY:FIELD=VALUE says which is meant. Of
an incr, append or remove the value is what is added or taken away.`
	c.Example = `  aergo excluded replay --all
  aergo excluded replay 3f2a9c1e.17 --set price=12
  aergo excluded replay 3f2a9c1e.17 --set accounts/ada:balance=5 accounts/bob:balance=7`
	c.Args = nil
	c.RunE = func(c *cobra.Command, args []string) error {
		if !c.Flags().Changed("set") {
			if err := wants(0, 1)(c, args); err != nil {
				return err
			}
			return asIs(c, args)
		}
		all, _ := c.Flags().GetBool("all")
		if all || len(args) == 0 {
			return usagef("usage: "+c.UseLine(), "%s: --set repairs one transaction: name it", c.CommandPath())
		}
		message, _ := c.Flags().GetString("message")
		return a.repair(c.Context(), args[0], slices.Concat(set, args[1:]), message)
	}
	c.Flags().StringArrayVar(&set, "set", nil, "do it with `FIELD=VALUE`, signed by you (may be repeated)")
	return c
}

func (a *app) repair(ctx context.Context, what string, set []string, message string) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		story, err := r.Transaction(ctx, what)
		if err != nil {
			return hinted("aergo excluded names transactions, as in 3f2a9c1e.17", err)
		}
		req := repo.RepairRequest{Transaction: shape.TxID(story.Transaction), Message: message}
		if req.Set, err = a.readChanges(ctx, r, story, set); err != nil {
			return err
		}
		done, err := r.Repair(ctx, req)
		switch {
		case errors.Is(err, repo.ErrNoSuchChange):
			return usagef("aergo excluded show "+story.Transaction.String()+" shows what it changes", "%v", err)
		case err != nil:
			return err
		}
		if a.ui.JSON {
			return a.ui.PrintJSON(repairedJSON{
				committedJSON{done.Block, done.Batch, done.Transactions, string(done.Branch), done.Height}, shape.TxID(done.Original), done.Author.Name,
			})
		}
		return a.ui.Printf("Repaired %s of %s on %s as %s.0, in block %s; the original is dropped\n",
			done.Original, ui.Clean(done.Author.Name), done.Branch, done.Batch.Short(), done.Block.Short())
	})
}

// readChanges reads FIELD=VALUE, or TABLE/KEY:FIELD=VALUE, by the rows that the transaction
// changes: so neither keys nor names need quotes.
func (a *app) readChanges(ctx context.Context, r repo.Door, story repo.Story, set []string) ([]repo.RowChange, error) {
	rows := changedRows(story.Operations)
	var out []repo.RowChange
	typed := make([][]string, len(rows))
	for _, arg := range set {
		at, field := rowMeant(rows, arg)
		switch {
		case len(rows) == 0:
			return nil, usagef("aergo excluded drop gives it up", "transaction %s cannot be read", story.Transaction)
		case at < 0:
			return nil, usagef("write "+rows[0].label+":FIELD=VALUE for a row that it changes", "%q does not say which row", ui.Clean(arg))
		case !strings.Contains(field, "="):
			return nil, usagef("write FIELD=VALUE", "%q sets nothing", ui.Clean(arg))
		}
		typed[at] = append(typed[at], field)
	}
	for i, row := range rows {
		if len(typed[i]) == 0 {
			continue
		}
		fields, err := a.readFields(ctx, r, row.Table, typed[i])
		if err != nil {
			return nil, err
		}
		out = append(out, repo.RowChange{Table: row.Table, Key: row.Key, Fields: fields})
	}
	return out, nil
}

// changedRow is a row that a transaction changes.
type changedRow struct {
	repo.Operation
	label string // TABLE/KEY, or TABLE for its schema
}

// changedRows returns the rows that operations change, each once.
func changedRows(ops []repo.Operation) []changedRow {
	var out []changedRow
	for _, o := range ops {
		row := changedRow{o, rowOf(o.Table, o.Key)}
		if !slices.ContainsFunc(out, func(x changedRow) bool { return x.label == row.label }) {
			out = append(out, row)
		}
	}
	return out
}

// rowMeant returns the row that an argument of --set is about, below 0 if that is not
// clear, and the argument without it.
func rowMeant(rows []changedRow, arg string) (int, string) {
	at, longest := -1, 0
	for i, row := range rows {
		if n := len(row.label) + 1; n > longest && strings.HasPrefix(arg, row.label+":") && !strings.HasPrefix(arg[n-1:], ":=") {
			at, longest = i, n
		}
	}
	if at >= 0 {
		return at, arg[longest:]
	}
	name, _, _ := strings.Cut(arg, "=")
	row, rest, _ := strings.Cut(strings.TrimSuffix(name, ":"), ":")
	if len(rows) != 1 || strings.Contains(row, "/") && rest != "" {
		return -1, arg
	}
	return 0, arg
}
