package main

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aergo/cmd/aergo/ui"
	"aergo/repo"
	"aergo/repo/oplog"
)

// operationJSON is an entry of the operation log.
type operationJSON struct {
	N    uint64       `json:"n"`
	Time time.Time    `json:"time"`
	Who  string       `json:"who"`
	Verb string       `json:"verb"`
	Args []string     `json:"args"`
	Refs []changeJSON `json:"refs"`
}

// changeJSON is what became of a ref.
type changeJSON struct {
	Name   string  `json:"name"`
	Before *string `json:"before"` // a block; for HEAD a branch or tag; null if there was none
	After  *string `json:"after"`  // null if there is none
}

func operationShape(e oplog.Entry) operationJSON {
	out := operationJSON{N: e.N, Time: e.Time, Who: e.Who, Verb: e.Verb, Args: append([]string{}, e.Args...), Refs: []changeJSON{}}
	for _, c := range e.Refs {
		out.Refs = append(out.Refs, changeJSON{c.Name, refValue(c.Before), refValue(c.After)})
	}
	return out
}

// refValue is what a recorded ref stood at, nil for none.
func refValue(record json.RawMessage) *string {
	var r struct{ Head, Block, Branch, Tag string }
	if len(record) == 0 || json.Unmarshal(record, &r) != nil {
		return nil
	}
	value := cmp.Or(r.Head, r.Block, r.Branch, r.Tag)
	return &value
}

func newUndo(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "undo",
		Short: "Take back what the last command changed",
		Long: `Take back what the last command changed: branches, tags, what is checked out and what is
pending become what they were. Undoing twice does it again. aergo op log lists what there
is to undo.`,
		Args: wants(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return a.undo(c.Context()) },
	}
}

func (a *app) undo(ctx context.Context) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		e, err := r.Undo(ctx)
		if err != nil {
			return err
		}
		if a.ui.JSON {
			return a.ui.PrintJSON(operationShape(e))
		}
		return a.ui.Printf("Undid operation %s: %s\n", number(e.N), commandLine(e))
	})
}

func newOp(a *app) *cobra.Command {
	var limit uint64
	list := &cobra.Command{
		Use:     "log",
		Short:   "List the operations, newest first",
		Example: "  aergo op log -n 5",
		Args:    wants(0, 0),
		RunE:    func(c *cobra.Command, _ []string) error { return a.operations(c.Context(), limit) },
	}
	list.Flags().Uint64VarP(&limit, "limit", "n", 0, "list at most `N` operations")
	return family("op", "Look at what was done to the repository", "", list)
}

func (a *app) operations(ctx context.Context, limit uint64) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		return a.paged(ctx, func() error {
			t := a.ui.Table(ui.Column{Title: "N", Right: true}, ui.Column{Title: "TIME"}, ui.Column{Title: "WHO"}, ui.Column{Title: "COMMAND"})
			n := uint64(0)
			for e, err := range r.Operations(ctx) {
				if err != nil {
					return err
				}
				if n++; limit > 0 && n > limit {
					break
				}
				if a.ui.JSON {
					if err := a.ui.PrintJSON(operationShape(e)); err != nil {
						return err
					}
					continue
				}
				t.Row(number(e.N), when(e.Time), e.Who, commandLine(e))
			}
			return t.Close()
		})
	})
}

// commandLine is what was typed, as far as it was recorded.
func commandLine(e oplog.Entry) string {
	if len(e.Args) == 0 {
		return e.Verb
	}
	words := make([]string, len(e.Args))
	for i, arg := range e.Args {
		words[i] = arg
		if arg == "" || strings.ContainsAny(arg, " \t\n'\"$&|;<>()*?[]{}\\`!#~") {
			words[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	return ui.Clean(strings.Join(words, " "))
}
