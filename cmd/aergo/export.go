package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"aergo/contract/table/format"
	"aergo/repo"
)

type exportOptions struct {
	table, at, format, output string
	null                      *string
}

type exportedJSON struct {
	Table  string `json:"table"`
	File   string `json:"file"`
	Format string `json:"format"`
	Rows   uint64 `json:"rows"`
}

func newExport(a *app) *cobra.Command {
	var o exportOptions
	var null string
	c := &cobra.Command{
		Use:   "export TABLE",
		Short: "Write a table as CSV, JSON or JSON lines",
		Long: `Write a table, by key, with what is pending or as it was at a revision. CSV has the key's
columns first. json is one array of plain rows, jsonl has a line {"key":K,"fields":{...}}
for each row, which import reads. What CSV cannot tell apart, a missing field, null
and an empty text, JSON can. The file appears whole or not at all.`,
		Example: `  aergo export accounts -o accounts.csv
  aergo export accounts --at v1 --format jsonl | grep vip`,
		Args:              wants(1, 1),
		ValidArgsFunction: a.complete(tableNames),
		RunE: func(c *cobra.Command, args []string) error {
			o.table = args[0]
			if c.Flags().Changed("null") {
				o.null = &null
			}
			return a.export(c.Context(), o)
		},
	}
	a.atFlag(c, &o.at)
	f := c.Flags()
	f.StringVar(&o.format, "format", "", "write as `FORMAT`: csv, json or jsonl (default: what the file's name says, else csv)")
	f.StringVarP(&o.output, "output", "o", "", "write to `FILE`, not to standard output")
	f.StringVar(&null, "null", "", "write null in CSV as `WORD`")
	return c
}

// fileFormat is the format that was asked for, or that a file's name tells.
func fileFormat(asked, file, otherwise string) (string, error) {
	if asked == "" {
		asked = otherwise
		switch strings.ToLower(filepath.Ext(file)) {
		case ".csv":
			asked = "csv"
		case ".json":
			asked = "json"
		case ".jsonl", ".ndjson":
			asked = "jsonl"
		}
	}
	switch asked {
	case "csv", "json", "jsonl":
		return asked, nil
	}
	return "", usagef("use csv, json or jsonl", "no format is called %q", asked)
}

func (a *app) export(ctx context.Context, o exportOptions) error {
	// With --json, rows come as lines of JSON unless another format is asked for.
	usual := "csv"
	if a.ui.JSON && o.output == "" {
		usual = "jsonl"
	}
	var err error
	if o.format, err = fileFormat(o.format, o.output, usual); err != nil {
		return err
	}
	return a.withRepository(ctx, func(r repo.Door) error {
		if o.output == "" || o.output == "-" {
			_, err := exportTo(ctx, r, a.ui.Out, o)
			return err
		}
		path, err := a.path(o.output)
		if err != nil {
			return err
		}
		var n uint64
		err = writeFile(path, func(w io.Writer) error {
			n, err = exportTo(ctx, r, w, o)
			return err
		})
		if err != nil {
			return err
		}
		if a.ui.JSON {
			return a.ui.PrintJSON(exportedJSON{o.table, path, o.format, n})
		}
		return a.ui.Printf("Wrote %s of %s to %s\n", count(n, "row", ""), o.table, o.output)
	})
}

func exportTo(ctx context.Context, r repo.Door, out io.Writer, o exportOptions) (n uint64, err error) {
	rows := rowsOf(ctx, r, o.table, o.at, 0)
	w := format.NewJSONLinesWriter(out)
	if o.format != "jsonl" {
		columns, err := columnsOf(ctx, r, o.table, o.at, rows)
		if err != nil {
			return 0, err
		}
		if o.format == "csv" {
			w, err = format.NewCSVWriter(out, columns, format.CSVOptions{Null: o.null})
		} else {
			w = format.NewJSONWriter(out, keyColumns(columns))
		}
		if err != nil {
			return 0, err
		}
	}
	err = writeRows(w, func(fn func(repo.Row) error) error {
		return rows(func(row repo.Row) error {
			n++
			return fn(row)
		})
	})
	return n, err
}

func keyColumns(columns []format.Column) []string {
	var names []string
	for _, c := range columns {
		if c.Key {
			names = append(names, c.Name)
		}
	}
	return names
}

// writeFile writes a file that appears whole or not at all.
func writeFile(path string, fn func(io.Writer) error) error {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	var at *fs.PathError
	if errors.As(err, &at) {
		at.Path = path // nobody knows the other name
	}
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // does nothing after the rename
	buffered := bufio.NewWriterSize(temp, 1<<20)
	err = fn(buffered)
	if err == nil {
		err = buffered.Flush()
	}
	if err == nil {
		err = temp.Chmod(0o644)
	}
	if err == nil {
		err = temp.Sync()
	}
	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	return err
}
