package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"aergo/cmd/aergo/ui"
	"aergo/contract/table"
	"aergo/contract/table/format"
	"aergo/contract/value"
	"aergo/repo"
	"aergo/repo/shape"
	rowkey "aergo/repo/state/key"
)

func newLs(a *app) *cobra.Command {
	var at string
	var limit uint64
	c := &cobra.Command{
		Use:               "ls [TABLE]",
		Short:             "List the tables, or a table's rows",
		Example:           "  aergo ls\n  aergo ls accounts -n 10\n  aergo ls accounts --at v1",
		Args:              wants(0, 1),
		ValidArgsFunction: a.complete(tableNames),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listTables(c.Context(), at)
			}
			return a.listRows(c.Context(), args[0], at, limit)
		},
	}
	a.atFlag(c, &at)
	c.Flags().Uint64VarP(&limit, "limit", "n", 0, "list the first `N` rows")
	return c
}

func (a *app) listTables(ctx context.Context, at string) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		tables, err := r.Tables(ctx, at)
		if err != nil {
			return err
		}
		if a.ui.JSON {
			for _, t := range tables {
				if err := a.ui.PrintJSON(shape.Table{Table: t.Name, Rows: t.Rows}); err != nil {
					return err
				}
			}
			return nil
		}
		if len(tables) == 0 {
			a.ui.Note("no tables yet: aergo put TABLE KEY FIELD=VALUE, or aergo import FILE")
		}
		out := a.ui.Table(ui.Column{Title: "TABLE"}, ui.Column{Title: "ROWS", Right: true})
		for _, t := range tables {
			out.Row(t.Name, number(t.Rows))
		}
		return out.Close()
	})
}

// errEnough ends a walk over rows.
var errEnough = errors.New("enough")

// eachRow calls a function for every row.
type eachRow func(fn func(repo.Row) error) error

// rowsOf is a walk over a table, or its first rows if limit is above 0.
func rowsOf(ctx context.Context, r repo.Door, tableName, at string, limit uint64) eachRow {
	return func(fn func(repo.Row) error) error {
		n := uint64(0)
		err := r.Rows(ctx, tableName, at, func(row repo.Row) error {
			if n++; limit > 0 && n > limit {
				return errEnough
			}
			return fn(row)
		})
		if errors.Is(err, errEnough) {
			return nil
		}
		return meantName(ctx, r, tableName, tableNames, err)
	}
}

func (a *app) listRows(ctx context.Context, tableName, at string, limit uint64) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		return a.paged(ctx, func() error {
			rows := rowsOf(ctx, r, tableName, at, limit)
			if a.ui.JSON {
				return writeRows(format.NewJSONLinesWriter(a.ui.Out), rows)
			}
			columns, err := columnsOf(ctx, r, tableName, at, rows)
			if err != nil {
				return err
			}
			return a.printRows(columns, rows)
		})
	})
}

// paged runs fn with what it prints going through the pager.
func (a *app) paged(ctx context.Context, fn func() error) error {
	stop := a.ui.Page(ctx)
	err := fn()
	if stopErr := stop(); err == nil {
		err = stopErr
	}
	if errors.Is(err, ui.ErrPagerClosed) {
		return nil
	}
	return err
}

func writeRows(w format.RowWriter, rows eachRow) error {
	err := rows(func(row repo.Row) error { return w.WriteRow(row.Tuple, row.Data) })
	if closeErr := w.Close(); err == nil {
		err = closeErr
	}
	return err
}

// columnsOf returns a table's columns, those of the key first: what the schema states, or
// else what the rows have.
func columnsOf(ctx context.Context, r repo.Door, tableName, at string, rows eachRow) ([]format.Column, error) {
	schema, err := r.Schema(ctx, tableName, at)
	if err != nil {
		return nil, err
	}
	if schema != nil && len(schema.Columns) > 0 && len(schema.Key) > 0 {
		return format.SchemaColumns(schema), nil
	}
	var scan format.ColumnScan
	if err := rows(func(row repo.Row) error { return scan.Observe(row.Tuple, row.Data) }); err != nil {
		return nil, err
	}
	var key []string
	if schema != nil {
		key = schema.Key
	}
	return scan.Columns(key), nil
}

func (a *app) printRows(columns []format.Column, rows eachRow) error {
	var titles []ui.Column
	place := map[string]int{}
	keys := 0
	for i, c := range columns {
		titles = append(titles, ui.Column{Title: c.Name, Right: c.Type == value.TypeInteger || c.Type == value.TypeDecimal})
		if c.Key {
			keys++
		} else {
			place[c.Name] = i
		}
	}
	out := a.ui.Table(titles...)
	err := rows(func(row repo.Row) error {
		comps, err := rowkey.Decode(row.Tuple)
		if err != nil {
			return err
		}
		if len(comps) > keys {
			return fmt.Errorf("row %s: %w", format.FormatKey(comps), repo.ErrColumns)
		}
		cells := make([]string, len(columns))
		for i, c := range comps {
			cells[i] = c.String()
		}
		for _, f := range table.FieldList(row.Data) {
			if i, ok := place[f.Name]; ok {
				cells[i] = plain(f.Enc)
			}
		}
		out.Row(cells...)
		return nil
	})
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	return err
}
