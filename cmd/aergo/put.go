package main

import (
	"context"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"aergo/contract/table"
	"aergo/contract/table/format"
	"aergo/contract/value"
	"aergo/repo"
)

type putOptions struct {
	table, key string
	fields     []string
	unset      []string
	insert     bool
	replace    bool
	exact      bool
	force      bool
}

func newPut(a *app) *cobra.Command {
	var o putOptions
	c := &cobra.Command{
		Use:   "put TABLE KEY FIELD=VALUE... | @FILE.json",
		Short: "Set fields of a row, and make the row if there is none",
		Long: `Set fields of a row, and make the row if there is none. The other fields stay.

FIELD=VALUE takes a number, true, false, null or a JSON array if VALUE is exactly that,
and a text otherwise; a type that the table's schema states comes first. FIELD:=JSON takes
any JSON. @FILE takes a JSON object of fields from a file, @- from standard input. KEY is a
text or a number; of a table with several key columns it is a JSON array.`,
		Example: `  aergo put accounts ada balance=10 name="Ada Lovelace"
  aergo put accounts ada 'tags:=["vip"]' --unset note
  aergo put prices '["eu","42"]' amount=9.90
  aergo put accounts ada @row.json`,
		Args:              wants(2, -1),
		ValidArgsFunction: a.complete(tableNames, nil),
		RunE: func(c *cobra.Command, args []string) error {
			o.table, o.key, o.fields = args[0], args[1], args[2:]
			if len(o.fields) == 0 && len(o.unset) == 0 && !o.replace && !o.insert {
				return usagef("usage: "+c.UseLine(), "put: no fields")
			}
			return a.put(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringArrayVar(&o.unset, "unset", nil, "take `FIELD` away (may be repeated)")
	f.BoolVar(&o.insert, "insert", false, "the row must not be there yet")
	f.BoolVar(&o.replace, "replace", false, "the row becomes these fields and no others")
	f.BoolVar(&o.exact, "exact", false, "in a merge, never take another's equal change for this one")
	f.BoolVar(&o.force, "force", false, "in a merge, overwrite whatever is there")
	c.MarkFlagsMutuallyExclusive("insert", "replace")
	c.MarkFlagsMutuallyExclusive("exact", "force")
	return c
}

func (a *app) put(ctx context.Context, o putOptions) error {
	spec := table.Spec{Code: table.Put, Unset: o.unset}
	switch {
	case o.insert:
		spec.Code = table.Insert
	case o.replace:
		spec.Code = table.Replace
	}
	if o.exact {
		spec.Flags |= table.Exact
	}
	if o.force {
		spec.Flags |= table.Force
	}
	return a.changeRow(ctx, o.table, o.key, o.fields, spec)
}

// changeRow adds one transaction of one operation.
func (a *app) changeRow(ctx context.Context, tableName, key string, fields []string, spec table.Spec) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		var err error
		spec.Table = tableName
		if spec.Key, err = r.ParseKey(ctx, tableName, key); err != nil {
			return err
		}
		if spec.Fields, err = a.readFields(ctx, r, tableName, fields); err != nil {
			return err
		}
		p, err := r.Apply(ctx, a.verb, [][]table.Spec{{spec}})
		if err != nil {
			return unwrapSingle(err)
		}
		if a.ui.JSON {
			return a.ui.PrintJSON(preparedShape(p))
		}
		if p.Transactions == 0 {
			return a.ui.Printf("%s is so already\n", cleanRow(tableName, spec.Key))
		}
		return a.ui.Printf("%s %s on %s, %s pending\n", titleOf(spec.Code), cleanRow(tableName, spec.Key), p.Branch, number(p.Pending))
	})
}

// readFields reads what was typed, or the file that was named.
func (a *app) readFields(ctx context.Context, r repo.Door, tableName string, args []string) ([]value.Field, error) {
	schema, err := r.Schema(ctx, tableName, "")
	if err != nil {
		return nil, err
	}
	typeOf := func(name string) (value.Type, bool) {
		if schema == nil {
			return 0, false
		}
		for _, c := range schema.Columns {
			if c.Name == name {
				return c.Type, true
			}
		}
		return 0, false
	}
	var all []value.Field
	seen := map[string]bool{}
	for _, arg := range args {
		var fields []value.Field
		if name, ok := strings.CutPrefix(arg, "@"); ok && !strings.Contains(arg, "=") {
			fields, err = a.fieldsFrom(name)
		} else {
			fields, err = format.ParseField(arg, typeOf)
		}
		if err != nil {
			return nil, err
		}
		for _, f := range fields {
			if seen[f.Name] {
				return nil, usagef("write each field once", "field %s stands twice", f.Name)
			}
			seen[f.Name] = true
		}
		all = append(all, fields...)
	}
	return all, nil
}

// fieldsFrom reads the JSON object in a file.
func (a *app) fieldsFrom(name string) ([]value.Field, error) {
	in, err := a.input(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, format.MaxJSONBytes+1))
	if err != nil {
		return nil, err
	}
	fields, err := format.ParseFields(text)
	if err != nil {
		return nil, inFile(name, err)
	}
	return fields, nil
}

// input opens a file that was named, or standard input for "-".
func (a *app) input(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(a.ui.In), nil
	}
	path, err := a.path(name)
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}
