package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"aergo/cmd/aergo/ui"
	"aergo/contract/table"
	"aergo/repo"
	rowkey "aergo/repo/state/key"
)

// titleOf says what was done to a row.
func titleOf(c table.Code) string {
	switch c {
	case table.Insert:
		return "Inserted"
	case table.Replace:
		return "Replaced"
	case table.Del:
		return "Deleted"
	case table.Incr:
		return "Added to"
	}
	return "Put"
}

func cleanRow(tableName string, key []rowkey.Component) string {
	return ui.Clean(rowName(tableName, key))
}

// unwrapSingle takes "transaction 1:" off an error where there is only one.
func unwrapSingle(err error) error {
	var at *repo.ApplyError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// inFile names the file that an error is about.
func inFile(name string, err error) error {
	if name == "-" {
		name = "standard input"
	}
	return fmt.Errorf("%s: %w", name, err)
}

func newIncr(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "incr TABLE KEY FIELD=N...",
		Short: "Add a number to fields of a row",
		Long: `Add N, which may be negative or a decimal, to each field. A field that is not there
counts as 0. Additions on different branches add up when the branches are merged.`,
		Example:           "  aergo incr accounts ada balance=5\n  aergo incr stock '[\"eu\",\"42\"]' count=-3 reserved=3",
		Args:              wants(3, -1),
		ValidArgsFunction: a.complete(tableNames, nil),
		RunE: func(c *cobra.Command, args []string) error {
			return a.changeRow(c.Context(), args[0], args[1], args[2:], table.Spec{Code: table.Incr})
		},
	}
}

func newDel(a *app) *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:               "del TABLE KEY",
		Short:             "Delete a row",
		Example:           "  aergo del accounts ada",
		Aliases:           []string{"rm"},
		Args:              wants(2, 2),
		ValidArgsFunction: a.complete(tableNames, nil),
		RunE: func(c *cobra.Command, args []string) error {
			spec := table.Spec{Code: table.Del}
			if force {
				spec.Flags = table.Force
			}
			return a.changeRow(c.Context(), args[0], args[1], nil, spec)
		},
	}
	c.Flags().BoolVar(&force, "force", false, "in a merge, delete whatever is there")
	return c
}
