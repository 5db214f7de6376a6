package main

import (
	"context"

	"github.com/spf13/cobra"

	"aergo/cmd/aergo/ui"
	"aergo/contract/table/format"
	"aergo/repo"
	"aergo/repo/shape"
	rowkey "aergo/repo/state/key"
)

func newGet(a *app) *cobra.Command {
	var at string
	c := &cobra.Command{
		Use:   "get TABLE KEY [FIELD]",
		Short: "Print one row, or one field of it",
		Long: `Print one row, with what is pending on it, or as it was at a revision. With FIELD, print
that field's value alone.`,
		Example:           "  aergo get accounts ada\n  aergo get accounts ada balance --at master~3",
		Args:              wants(2, 3),
		ValidArgsFunction: a.complete(tableNames, nil),
		RunE: func(c *cobra.Command, args []string) error {
			field := ""
			if len(args) == 3 {
				field = args[2]
			}
			return a.get(c.Context(), args[0], args[1], field, at)
		},
	}
	a.atFlag(c, &at)
	return c
}

// atFlag is the option that chooses a state.
func (a *app) atFlag(c *cobra.Command, at *string) {
	c.Flags().StringVar(at, "at", "", "as it was at `REV` (default: with what is pending)")
	_ = c.RegisterFlagCompletionFunc("at", a.complete(revisionNames))
}

func (a *app) get(ctx context.Context, tableName, key, field, at string) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		row, err := r.Get(ctx, tableName, key, at)
		if err != nil {
			return meantName(ctx, r, tableName, tableNames, err)
		}
		if field != "" {
			return a.printField(row, field)
		}
		if a.ui.JSON {
			tuple, err := rowkey.Encode(row.Key...)
			if err != nil {
				return err
			}
			line, err := format.AppendRowJSON(nil, tuple, row.Data)
			if err != nil {
				return err
			}
			return a.ui.Printf("%s\n", line)
		}
		t := a.ui.Table(ui.Column{}, ui.Column{})
		for _, f := range row.Fields {
			t.Row(f.Name, plain(f.Enc))
		}
		return t.Close()
	})
}

// printField prints a value as it is, for scripts: nothing is escaped.
func (a *app) printField(row repo.Row, name string) error {
	for _, f := range row.Fields {
		if f.Name != name {
			continue
		}
		if a.ui.JSON {
			return a.ui.Printf("%s\n", shape.Value(f.Enc))
		}
		text := plain(f.Enc)
		if a.ui.IsTerminal {
			text = ui.Clean(text)
		}
		return a.ui.Printf("%s\n", text)
	}
	return hinted("aergo get "+row.Table+" "+format.FormatKey(row.Key)+" shows its fields", errNoField{row, name})
}

// errNoField says that a row has no such field.
type errNoField struct {
	row  repo.Row
	name string
}

func (e errNoField) Error() string {
	return "row " + rowName(e.row.Table, e.row.Key) + " has no field " + e.name
}

// Is makes it a kind of row that is not there.
func (e errNoField) Is(target error) bool { return target == repo.ErrNoRow }
