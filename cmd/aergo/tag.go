package main

import (
	"context"

	"github.com/spf13/cobra"

	"aergo/repo"
	"aergo/repo/ref"
	"aergo/repo/shape"
)

func newTag(a *app) *cobra.Command {
	var block, message, remove string
	c := &cobra.Command{
		Use:     "tag [NAME]",
		Short:   "List tags, or name a block",
		Long:    "List the tags, or name a block for good, in a record that you sign. A tag never moves.",
		Example: "  aergo tag\n  aergo tag v1 -m \"As reported to the board\"\n  aergo tag old --block=1f3a9c2e\n  aergo tag -d old",
		Args:    wants(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case remove != "":
				if len(args) > 0 || block != "" || message != "" {
					return usagef("usage: aergo tag -d NAME", "tag: delete one tag at a time")
				}
				return a.deleteTag(c.Context(), remove)
			case len(args) == 1:
				return a.createTag(c.Context(), args[0], block, message)
			case block != "" || message != "":
				return usagef("usage: aergo tag NAME --block=HASH", "tag: no name")
			}
			return a.listTags(c.Context())
		},
	}
	f := c.Flags()
	f.StringVar(&block, "block", "", "name `HASH`, a block or another revision")
	f.StringVarP(&message, "message", "m", "", "`MESSAGE` that says why")
	f.StringVarP(&remove, "delete", "d", "", "delete `NAME`")
	_ = c.RegisterFlagCompletionFunc("delete", a.complete(tagNames))
	_ = c.RegisterFlagCompletionFunc("block", a.complete(revisionNames))
	return c
}

func (a *app) createTag(ctx context.Context, name, at, message string) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		parsed, err := ref.ParseName(name)
		if err != nil {
			return err
		}
		t, err := r.CreateTag(ctx, parsed, at, message)
		if err != nil {
			return err
		}
		if a.ui.JSON {
			return a.ui.PrintJSON(shape.Name{Name: name, Block: t.Block})
		}
		return a.ui.Printf("Tagged block %s as %s\n", t.Block.Short(), t.Name)
	})
}

func (a *app) deleteTag(ctx context.Context, name string) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		parsed, err := ref.ParseName(name)
		if err != nil {
			return err
		}
		t, err := r.DeleteTag(ctx, parsed)
		if err != nil {
			return meantName(ctx, r, name, tagNames, err)
		}
		if a.ui.JSON {
			return a.ui.PrintJSON(shape.Name{Name: name, Block: t.Block, Deleted: true})
		}
		return a.ui.Printf("Deleted tag %s, which named block %s\n", t.Name, t.Block.Short())
	})
}

func (a *app) listTags(ctx context.Context) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		all, err := r.Tags(ctx)
		if err != nil {
			return err
		}
		st, err := r.Status(ctx)
		if err != nil {
			return err
		}
		var list []shape.Name
		for _, t := range all {
			list = append(list, shape.Name{Name: string(t.Name), Block: t.Block, Current: t.Name == st.Tag})
		}
		return a.printNames(list)
	})
}
