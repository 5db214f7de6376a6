package main

import (
	"context"
	"errors"
	"sort"

	"github.com/spf13/cobra"

	"aergo/cmd/aergo/ui"
	"aergo/contract/table/format"
	"aergo/repo"
	"aergo/repo/shape"
)

type diffOptions struct {
	args     []string
	table    string
	stat     bool
	exitCode bool
}

func newDiff(a *app) *cobra.Command {
	var o diffOptions
	c := &cobra.Command{
		Use:   "diff [REV [REV]] [TABLE]",
		Short: "Show which fields of which rows differ",
		Long: `Show which fields of which rows differ: between the head and what is pending, between a
revision and what is pending, or between two revisions. It costs as much as there are
differences, however large the tables.`,
		Example: `  aergo diff
  aergo diff master feature accounts
  aergo diff v1 v2 --stat`,
		Args:              wants(0, 3),
		ValidArgsFunction: a.complete(revisionNames, revisionNames, tableNames),
		RunE: func(c *cobra.Command, args []string) error {
			o.args = args
			return a.diff(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVarP(&o.table, "table", "t", "", "only rows of `TABLE`")
	f.BoolVar(&o.stat, "stat", false, "count the rows that differ, by table")
	f.BoolVar(&o.exitCode, "exit-code", false, "exit with 1 if anything differs")
	return c
}

func (a *app) diff(ctx context.Context, o diffOptions) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		from, to, err := o.states(ctx, r)
		if err != nil {
			return err
		}
		differ := false
		err = a.paged(ctx, func() error {
			if o.stat {
				differ, err = a.diffStat(ctx, r, from, to, o.table)
				return err
			}
			return r.Diff(ctx, from, to, o.table, func(d repo.Difference) error {
				differ = true
				return a.printDifference(d)
			})
		})
		if err == nil && differ && o.exitCode {
			return errNo
		}
		return err
	})
}

// states tells revisions from a table: the last argument is a table if there are three, or
// if it is no revision but a table's name.
func (o *diffOptions) states(ctx context.Context, r repo.Door) (from, to string, err error) {
	revs := o.args
	if n := len(revs); n > 0 && o.table == "" {
		last := revs[n-1]
		_, err := r.Resolve(ctx, last)
		switch {
		case n == 3, errors.Is(err, repo.ErrNoRevision) && isTable(ctx, r, last):
			o.table, revs = last, revs[:n-1]
		case err != nil:
			return "", "", meantName(ctx, r, last, func(ctx context.Context, r repo.Door) []string {
				return append(revisionNames(ctx, r), tableNames(ctx, r)...)
			}, err)
		}
	}
	switch len(revs) {
	case 1:
		from = revs[0]
	case 2:
		from, to = revs[0], revs[1]
	case 3:
		return "", "", usagef("name the table once", "diff: too many arguments")
	}
	if o.table != "" {
		errFrom := tableMustExist(ctx, r, o.table, to)
		if errFrom != nil && tableMustExist(ctx, r, o.table, nonEmpty(from, "HEAD")) != nil {
			return "", "", errFrom
		}
	}
	return from, to, nil
}

func nonEmpty(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// isTable says whether what is pending or the head has a table of this name.
func isTable(ctx context.Context, r repo.Door, name string) bool {
	return tableMustExist(ctx, r, name, "") == nil || tableMustExist(ctx, r, name, "HEAD") == nil
}

func (a *app) printDifference(d repo.Difference) error {
	if a.ui.JSON {
		return a.ui.PrintJSON(shape.OfDifference(d))
	}
	row := ui.RowDiff{Table: d.Table, Key: format.FormatKey(d.Key), Kind: ui.ChangeKind(d.Kind)}
	if d.Schema {
		row.Key = "(schema)"
	}
	for _, f := range d.Fields {
		out := ui.FieldDiff{Name: f.Name}
		if f.Old != nil {
			text := plain(f.Old)
			out.Old = &text
		}
		if f.New != nil {
			text := plain(f.New)
			out.New = &text
		}
		row.Fields = append(row.Fields, out)
	}
	return a.ui.PrintRowDiff(row)
}

func (a *app) diffStat(ctx context.Context, r repo.Door, from, to, tableName string) (differ bool, err error) {
	counts := map[string]*shape.DiffStat{}
	err = r.Diff(ctx, from, to, tableName, func(d repo.Difference) error {
		c := counts[d.Table]
		if c == nil {
			c = &shape.DiffStat{Table: d.Table}
			counts[d.Table] = c
		}
		switch {
		case d.Schema:
		case d.Kind == repo.Added:
			c.Added++
		case d.Kind == repo.Removed:
			c.Removed++
		default:
			c.Changed++
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	var names []string
	for name := range counts {
		names = append(names, name)
	}
	sort.Strings(names)
	right := func(title string) ui.Column { return ui.Column{Title: title, Right: true} }
	t := a.ui.Table(ui.Column{Title: "TABLE"}, right("ADDED"), right("REMOVED"), right("CHANGED"))
	for _, name := range names {
		c := counts[name]
		if a.ui.JSON {
			if err := a.ui.PrintJSON(c); err != nil {
				return false, err
			}
			continue
		}
		t.Row(c.Table, number(c.Added), number(c.Removed), number(c.Changed))
	}
	return len(counts) > 0, t.Close()
}
