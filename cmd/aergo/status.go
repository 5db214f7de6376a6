package main

import (
	"context"

	"github.com/spf13/cobra"

	"aergo/cmd/aergo/ui"
	"aergo/repo"
	"aergo/repo/ref"
	"aergo/repo/shape"
)

func newStatus(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Show what is checked out and what is pending",
		Aliases: []string{"st"},
		Args:    wants(0, 0),
		RunE:    func(c *cobra.Command, _ []string) error { return a.status(c.Context()) },
	}
}

func (a *app) status(ctx context.Context) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		st, err := r.Status(ctx)
		if err != nil {
			return err
		}
		if a.ui.JSON {
			return a.ui.PrintJSON(shape.OfStatus(st))
		}
		if err := a.printStatus(st); err != nil {
			return err
		}
		return a.printLacking(st.Lacking)
	})
}

func (a *app) printStatus(st repo.Status) error {
	if st.Tag != "" {
		return a.ui.Printf("On tag %s, read-only, at block %s, height %s\nGo on from here on a branch: aergo checkout -b NAME\n",
			st.Tag, st.Head.Short(), number(st.Height))
	}
	if err := a.ui.Printf("On branch %s at block %s, height %s\n", st.Branch, st.Head.Short(), number(st.Height)); err != nil {
		return err
	}
	pending := "Nothing is pending"
	if st.Pending > 0 {
		pending = transactions(st.Pending) + " pending: aergo diff, aergo commit -m MESSAGE"
	}
	if err := a.ui.Printf("%s\n", pending); err != nil {
		return err
	}
	return a.pendingElsewhere(st.Others)
}

func (a *app) pendingElsewhere(others map[ref.Name]uint64) error {
	if len(others) == 0 {
		return nil
	}
	if err := a.ui.Printf("Pending on other branches:\n"); err != nil {
		return err
	}
	t := a.ui.Table(ui.Column{}, ui.Column{Right: true})
	for _, name := range sortedNames(others) {
		t.Row("  "+string(name), number(others[name]))
	}
	return t.Close()
}
