package main

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"aergo/cmd/aergo/ui"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/ref"
)

type checkoutJSON struct {
	Branch  string      `json:"branch"` // empty for a tag
	Tag     string      `json:"tag,omitempty"`
	Block   object.Hash `json:"block"`
	Created bool        `json:"created"`
	Left    uint64      `json:"left"`
	Carried uint64      `json:"carried"`
}

func newCheckout(a *app) *cobra.Command {
	var create string
	c := &cobra.Command{
		Use:   "checkout BRANCH|TAG | -b NEW [REV]",
		Short: "Work on another branch, or look at a tag",
		Long: `Make a branch what the other commands work on, or look at a tag, which is read-only. What
is pending stays with its branch. -b makes a branch first, here or at REV; if it starts
where you are, what is pending comes along.`,
		Example:           "  aergo checkout master\n  aergo checkout -b feature\n  aergo checkout -b fix v1",
		Aliases:           []string{"co"},
		Args:              wants(0, 1),
		ValidArgsFunction: a.complete(revisionNames),
		RunE: func(c *cobra.Command, args []string) error {
			target := ""
			if len(args) == 1 {
				target = args[0]
			}
			switch {
			case create != "":
				return a.checkoutNew(c.Context(), create, target)
			case target == "":
				return usagef("usage: "+c.UseLine(), "checkout: no branch or tag")
			}
			return a.checkout(c.Context(), target)
		},
	}
	c.Flags().StringVarP(&create, "branch", "b", "", "make `NEW` and check it out")
	return c
}

func (a *app) checkout(ctx context.Context, name string) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		var done repo.Checkout
		parsed, err := ref.ParseName(name)
		if err == nil {
			done, err = r.Checkout(ctx, parsed)
		}
		if err == nil {
			return a.printCheckout(done)
		}
		if errors.Is(err, repo.ErrNoRevision) || errors.Is(err, ref.ErrBadName) {
			if _, resolveErr := r.Resolve(ctx, name); resolveErr == nil {
				return usagef("make a branch there: aergo checkout -b NAME "+name, "%q is a block, not a branch or tag", name)
			}
		}
		return meantName(ctx, r, name, revisionNames, err)
	})
}

func (a *app) checkoutNew(ctx context.Context, name, at string) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		parsed, err := ref.ParseName(name)
		if err != nil {
			return err
		}
		done, err := r.CheckoutNew(ctx, parsed, at)
		if err != nil {
			return err
		}
		return a.printCheckout(done)
	})
}

func (a *app) printCheckout(done repo.Checkout) error {
	if a.ui.JSON {
		return a.ui.PrintJSON(checkoutJSON{string(done.Branch), string(done.Tag), done.Block, done.Created, done.Left, done.Carried})
	}
	if done.Left > 0 {
		a.ui.Note("%s still pending on the branch that you left", transactions(done.Left))
	}
	if done.Carried > 0 {
		a.ui.Note("%s pending came along", transactions(done.Carried))
	}
	switch {
	case done.Tag != "":
		return a.ui.Printf("On tag %s at block %s, read-only\n", done.Tag, done.Block.Short())
	case done.Created:
		return a.ui.Printf("On new branch %s at block %s\n", done.Branch, done.Block.Short())
	}
	return a.ui.Printf("On branch %s at block %s\n", done.Branch, done.Block.Short())
}

// meantName adds the name that was probably meant to an error about one that is not there.
func meantName(ctx context.Context, r repo.Door, name string, names completer, err error) error {
	if !errors.Is(err, repo.ErrNoRevision) && !errors.Is(err, ref.ErrNotFound) && !errors.Is(err, repo.ErrNoTable) {
		return err
	}
	candidates := names(ctx, r)
	if slices.Contains(candidates, name) {
		return err
	}
	if meant, ok := ui.Suggest(name, candidates); ok {
		return hinted("did you mean "+meant+"?", err)
	}
	return err
}
