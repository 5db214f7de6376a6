package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"aergo/repo"
)

func flagNames(c *cobra.Command) []string {
	var names []string
	visit := func(f *pflag.Flag) { names = append(names, f.Name) }
	c.Flags().VisitAll(visit)
	c.InheritedFlags().VisitAll(visit)
	return names
}

// completer says what may stand at an argument's place; nil for nothing that is known.
type completer func(ctx context.Context, r repo.Door) []string

// complete makes a shell complete the arguments of a command, one completer for each place
// and the last for all after it.
func (a *app) complete(places ...completer) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		var words []string
		if at := places[min(len(args), len(places)-1)]; at != nil {
			// A shell has no use for the error.
			_ = a.withRepository(c.Context(), func(r repo.Door) error {
				words = at(c.Context(), r)
				return nil
			})
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

func branchNames(ctx context.Context, r repo.Door) []string {
	var names []string
	all, _, _ := r.Branches(ctx)
	for _, b := range all {
		names = append(names, string(b.Name))
	}
	return names
}

func tagNames(ctx context.Context, r repo.Door) []string {
	var names []string
	all, _ := r.Tags(ctx)
	for _, t := range all {
		names = append(names, string(t.Name))
	}
	return names
}

func revisionNames(ctx context.Context, r repo.Door) []string {
	return append(branchNames(ctx, r), tagNames(ctx, r)...)
}

func tableNames(ctx context.Context, r repo.Door) []string {
	var names []string
	all, _ := r.Tables(ctx, "")
	for _, t := range all {
		names = append(names, t.Name)
	}
	return names
}
