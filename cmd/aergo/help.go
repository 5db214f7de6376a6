package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// printUsage prints what can be typed behind a command: examples first, options last.
func printUsage(c *cobra.Command) error {
	w := c.OutOrStdout()
	if c.HasParent() {
		fmt.Fprintf(w, "Usage:\n  %s\n", c.UseLine())
	} else {
		fmt.Fprintf(w, "Usage:\n  aergo COMMAND\n")
	}
	if c.HasExample() {
		fmt.Fprintf(w, "\nExamples:\n%s\n", c.Example)
	}
	for _, g := range c.Groups() {
		printCommands(w, c, g.ID, g.Title)
	}
	printCommands(w, c, "", "Commands:")
	printOptions(w, "Options:", c.LocalNonPersistentFlags().FlagUsages())
	if c.HasParent() {
		printOptions(w, "Options of every command:", c.InheritedFlags().FlagUsages())
	} else {
		printOptions(w, "Options of every command:", c.PersistentFlags().FlagUsages())
	}
	return nil
}

func printCommands(w io.Writer, parent *cobra.Command, group, title string) {
	for _, c := range parent.Commands() {
		if c.GroupID != group || !c.IsAvailableCommand() && c.Name() != "help" {
			continue
		}
		if title != "" {
			fmt.Fprintf(w, "\n%s\n", title)
			title = ""
		}
		fmt.Fprintf(w, "  %-*s %s\n", parent.Commands()[0].NamePadding(), c.Name(), c.Short)
	}
}

func printOptions(w io.Writer, title, usages string) {
	if usages != "" {
		fmt.Fprintf(w, "\n%s\n%s\n", title, strings.TrimRight(usages, "\n"))
	}
}

// printHelp prints what a command does, and its usage.
func printHelp(c *cobra.Command, _ []string) {
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	fmt.Fprintf(c.OutOrStdout(), "%s\n\n", text)
	_ = printUsage(c)
}
