package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"aergo/contract/table/format"
	"aergo/contract/value"
	"aergo/repo"
	"aergo/repo/shape"
)

type importOptions struct {
	repo.ImportRequest
	file string
}

type importedJSON struct {
	preparedJSON
	Table   string         `json:"table"`
	Rows    uint64         `json:"rows"`
	Added   uint64         `json:"added"`
	Changed uint64         `json:"changed"`
	Removed uint64         `json:"removed"`
	Columns []shape.Column `json:"columns"`
}

func newImport(a *app) *cobra.Command {
	var o importOptions
	var null string
	var types []string
	c := &cobra.Command{
		Use:   "import FILE|- --table TABLE [--key COLUMN,...]",
		Short: "Make a table's rows those of a CSV or JSON file",
		Long: `Make a table's rows those of a file: new rows are added, rows that differ get the fields
that differ, the others stay as they are, or go with --delete-missing. Each row is a
transaction. All is imported or nothing.

CSV has a header line. JSON is an array of objects or one object on each line. The first
import of a table states its columns, their types and its key; --key is not needed later.`,
		Example: `  aergo import accounts.csv --table accounts --key id
  aergo import prices.csv --table prices --key region,sku --delete-missing
  aergo export accounts --at v1 --format jsonl | aergo import - --format jsonl --table old --key id`,
		Args: wants(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o.file = args[0]
			if c.Flags().Changed("null") {
				o.Null = &null
			}
			var err error
			if o.Types, err = columnTypes(types); err != nil {
				return err
			}
			return a.importFile(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVarP(&o.Table, "table", "t", "", "`NAME` of the table")
	f.StringSliceVarP(&o.Key, "key", "k", nil, "`COLUMN,...` of the key, in order")
	f.StringVar(&o.Format, "format", "", "read as `FORMAT`: csv, json or jsonl (default: what the file's name says, else csv)")
	f.StringVar(&null, "null", "", "in CSV, unquoted `WORD` is null (default: nothing is; an empty cell is an empty text)")
	f.BoolVar(&o.Trim, "trim", false, "in CSV, leave out spaces around names and unquoted cells")
	f.StringSliceVar(&types, "type", nil, "`COLUMN=TYPE,...` where a type is not to be inferred")
	f.BoolVar(&o.AddColumns, "add-columns", false, "let the table have columns that are new")
	f.BoolVar(&o.DeleteMissing, "delete-missing", false, "delete rows that the file does not have")
	f.BoolVar(&o.IfChanged, "if-changed", false, "exit with 1 if nothing would change")
	_ = c.MarkFlagRequired("table")
	_ = c.RegisterFlagCompletionFunc("table", a.complete(tableNames))
	return c
}

// columnTypes reads COLUMN=TYPE words.
func columnTypes(words []string) (map[string]value.Type, error) {
	types := map[string]value.Type{}
	for _, w := range words {
		name, word, ok := strings.Cut(w, "=")
		if !ok || name == "" {
			return nil, usagef("write COLUMN=TYPE, as in amount=decimal", "%q is no column with its type", w)
		}
		t, err := columnType(word)
		if err != nil {
			return nil, err
		}
		if _, twice := types[name]; twice {
			return nil, usagef("write each column once", "column %s stands twice", name)
		}
		types[name] = t
	}
	return types, nil
}

func (a *app) importFile(ctx context.Context, o importOptions) error {
	var err error
	if o.Format, err = fileFormat(o.Format, o.file, "csv"); err != nil {
		return err
	}
	if o.Format == "jsonl" {
		o.Format = "json" // one reader knows both
	}
	return a.withRepository(ctx, func(r repo.Door) error {
		in, err := a.input(o.file)
		if err != nil {
			return err
		}
		defer in.Close()
		a.collectAt(thriftyGCPercent)
		done, err := r.Import(ctx, in, o.ImportRequest)
		if err != nil {
			return explainImport(o, err)
		}
		if a.ui.JSON {
			out := importedJSON{
				preparedJSON: preparedShape(done.Prepared), Table: o.Table, Rows: done.Rows,
				Added: done.Added, Changed: done.Changed, Removed: done.Removed, Columns: []shape.Column{},
			}
			for _, col := range done.Columns {
				out.Columns = append(out.Columns, shape.Column{Name: col.Name, Type: col.Type.String(), Key: col.Key})
			}
			return a.ui.PrintJSON(out)
		}
		return a.ui.Printf("Imported %s into %s on %s: %s added, %s changed, %s removed, %s unchanged; %s pending\n",
			count(done.Rows, "row", ""), o.Table, done.Branch, number(done.Added), number(done.Changed), number(done.Removed),
			number(done.Unchanged), number(done.Pending))
	})
}

// explainImport says where in the file, or in the schema, it went wrong.
func explainImport(o importOptions, err error) error {
	var unknown *repo.UnknownColumnsError
	switch {
	case errors.As(err, &unknown):
		return hinted("add them with --add-columns, or state them: aergo schema "+o.Table+" COLUMN=TYPE", err)
	case errors.Is(err, repo.ErrColumns) && len(o.Key) == 0:
		return hinted("name the key's columns: --key COLUMN,...", err)
	}
	var at *format.Error
	if errors.As(err, &at) {
		return inFile(o.file, err)
	}
	return err
}
