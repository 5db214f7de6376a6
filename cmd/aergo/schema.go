package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aergo/cmd/aergo/ui"
	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo"
	"aergo/repo/shape"
)

type schemaOptions struct {
	table   string
	columns []string // COLUMN=TYPE
	key     []string
	drop    []string
	at      string
}

func newSchema(a *app) *cobra.Command {
	var o schemaOptions
	c := &cobra.Command{
		Use:   "schema TABLE [COLUMN=TYPE...]",
		Short: "Show or state a table's columns and key",
		Long: `Show a table's columns and key, or state them. A table without a schema takes rows with
any fields. Types are any, bool, integer, decimal, text, bytes and list. Schemas are part of
the data: a change is a transaction, and merges column by column.`,
		Example: `  aergo schema accounts
  aergo schema accounts id=text balance=decimal --key id
  aergo schema accounts --drop note`,
		Args:              wants(1, -1),
		ValidArgsFunction: a.complete(tableNames, nil),
		RunE: func(c *cobra.Command, args []string) error {
			o.table, o.columns = args[0], args[1:]
			if len(o.columns)+len(o.key)+len(o.drop) == 0 {
				return a.showSchema(c.Context(), o.table, o.at)
			}
			if o.at != "" {
				return usagef("leave --at away to state a schema", "schema: the past cannot be changed")
			}
			return a.setSchema(c.Context(), o)
		},
	}
	c.Flags().StringSliceVarP(&o.key, "key", "k", nil, "`COLUMN,...` of the key, in order")
	c.Flags().StringSliceVar(&o.drop, "drop", nil, "take `COLUMN,...` out of the schema")
	a.atFlag(c, &o.at)
	return c
}

func columnType(word string) (value.Type, error) {
	t, err := value.ParseType(word)
	if err != nil {
		return 0, usagef("types are any, bool, integer, decimal, text, bytes and list", "no type is called %q", word)
	}
	return t, nil
}

func (a *app) showSchema(ctx context.Context, tableName, at string) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		s, err := r.Schema(ctx, tableName, at)
		if err != nil {
			return err
		}
		if s == nil {
			if err := tableMustExist(ctx, r, tableName, at); err != nil {
				return err
			}
			s = &table.Schema{}
		}
		if a.ui.JSON {
			return a.ui.PrintJSON(shape.OfSchema(tableName, s))
		}
		if len(s.Columns)+len(s.Key) == 0 {
			a.ui.Note("table %s states no columns: its rows may have any fields", tableName)
		}
		t := a.ui.Table(ui.Column{Title: "COLUMN"}, ui.Column{Title: "TYPE"}, ui.Column{Title: "KEY"})
		for _, c := range shape.OfSchema(tableName, s).Columns {
			place := ""
			if c.Key {
				place = fmt.Sprint(slices.Index(s.Key, c.Name) + 1)
			}
			t.Row(c.Name, c.Type, place)
		}
		return t.Close()
	})
}

// tableMustExist is an error if a table has neither rows nor a schema.
func tableMustExist(ctx context.Context, r repo.Door, name, at string) error {
	tables, err := r.Tables(ctx, at)
	if err != nil {
		return err
	}
	for _, t := range tables {
		if t.Name == name {
			return nil
		}
	}
	if _, err := r.Schema(ctx, name, at); errors.Is(err, repo.ErrOtherTable) {
		return err
	}
	return meantName(ctx, r, name, tableNames, fmt.Errorf("table %q: %w", name, repo.ErrNoTable))
}

func (a *app) setSchema(ctx context.Context, o schemaOptions) error {
	var wanted []table.Column
	for _, word := range o.columns {
		name, typeWord, ok := strings.Cut(word, "=")
		if !ok {
			return usagef("write COLUMN=TYPE, as in amount=decimal", "%q is no column with its type", word)
		}
		t, err := columnType(typeWord)
		if err != nil {
			return err
		}
		wanted = append(wanted, table.Column{Name: name, Type: t})
	}
	return a.withRepository(ctx, func(r repo.Door) error {
		current, err := r.Schema(ctx, o.table, "")
		if err != nil {
			return err
		}
		spec, err := defineSpec(o, wanted, current)
		if err != nil {
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
			return a.ui.Printf("The schema of %s is so already\n", ui.Clean(o.table))
		}
		return a.ui.Printf("Stated the schema of %s on %s, %s pending\n", ui.Clean(o.table), p.Branch, number(p.Pending))
	})
}

// defineSpec is the operation that makes a schema what was asked for. Columns that are
// there keep their places, new ones come last.
func defineSpec(o schemaOptions, wanted []table.Column, current *table.Schema) (table.Spec, error) {
	spec := table.Spec{Code: table.Define, Table: o.table}
	places := map[string]uint64{}
	next := uint64(0)
	if current != nil {
		for _, c := range current.Columns {
			places[c.Name] = c.Position
			next = max(next, c.Position+1)
		}
	}
	for i := range wanted {
		at, known := places[wanted[i].Name]
		if !known {
			at = next
			next++
			places[wanted[i].Name] = at
		}
		wanted[i].Position = at
	}
	spec.Fields = (&table.Schema{Key: o.key, Columns: wanted}).Fields()
	for _, name := range o.drop {
		if _, known := places[name]; !known {
			return spec, hinted("aergo schema "+o.table+" shows the columns", fmt.Errorf("column %q: %w", name, repo.ErrColumns))
		}
		field := (&table.Schema{Columns: []table.Column{{Name: name}}}).Fields()[0].Name
		spec.Unset = append(spec.Unset, field)
	}
	return spec, nil
}
