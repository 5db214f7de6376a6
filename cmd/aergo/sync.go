package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"aergo/cmd/aergo/ui"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/shape"
)

// fetchedJSON is what a fetch did.
type fetchedJSON struct {
	Remote    string              `json:"remote"` // empty if it was named by its path
	Branches  []fetchedBranchJSON `json:"branches"`
	Tags      []shape.Name        `json:"tags"`
	Conflicts []conflictJSON      `json:"conflicts"`
	Transfer  transferJSON        `json:"transfer"`
}

type fetchedBranchJSON struct {
	Name   string       `json:"name"`
	Before *object.Hash `json:"before"` // null if it was not known
	Block  object.Hash  `json:"block"`
}

func fetchedShape(f repo.Fetched) fetchedJSON {
	out := fetchedJSON{
		Remote: string(f.Remote), Branches: []fetchedBranchJSON{}, Tags: tagShapes(f.Tags),
		Conflicts: conflictShapes(f.Conflicts), Transfer: transferShape(f.Transfer),
	}
	for _, b := range f.Branches {
		out.Branches = append(out.Branches, fetchedBranchJSON{string(b.Name), shape.Optional(b.Before), b.Head})
	}
	return out
}

func newFetch(a *app) *cobra.Command {
	var depth uint64
	var all bool
	c := &cobra.Command{
		Use:   "fetch [REPOSITORY[:BRANCH]]",
		Short: "Bring what a remote has, without merging it",
		Long: `Bring what a remote's branches lead to, and its tags. No branch here moves; log, diff and
merge take what was fetched as remote/branch. Without a repository it is origin.

In a clone of the newest blocks, --depth and --unshallow bring blocks before them, too.`,
		Example:           "  aergo fetch\n  aergo fetch ada:feature && aergo diff master ada/feature\n  aergo fetch --unshallow",
		Args:              wants(0, 1),
		ValidArgsFunction: a.complete(remoteNames),
		RunE: func(c *cobra.Command, args []string) error {
			remote, branch := remoteAndBranch(args)
			deeper := all || c.Flags().Changed("depth")
			if deeper && branch != "" {
				return usagef("leave out :"+string(branch), "fetch: --depth and --unshallow are about all branches of a remote")
			}
			return a.fetch(c.Context(), func(ctx context.Context, r repo.Door) (repo.Fetched, error) {
				switch {
				case all:
					return r.Deepen(ctx, repo.DeepenRequest{Remote: remote, Depth: repo.Unshallow})
				case deeper:
					return r.Deepen(ctx, repo.DeepenRequest{Remote: remote, Depth: depth})
				}
				return r.Fetch(ctx, remote, branch)
			})
		},
	}
	c.Flags().Uint64Var(&depth, "depth", 0, "have the last `N` blocks of each branch whole")
	c.Flags().BoolVar(&all, "unshallow", false, "have all blocks whole")
	c.MarkFlagsMutuallyExclusive("depth", "unshallow")
	return c
}

func (a *app) fetch(ctx context.Context, fetch func(context.Context, repo.Door) (repo.Fetched, error)) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		f, err := fetch(ctx, r)
		if err != nil {
			return err
		}
		if a.ui.JSON {
			return a.ui.PrintJSON(fetchedShape(f))
		}
		a.noteConflicts(f.Conflicts)
		t := a.ui.Table(ui.Column{}, ui.Column{}, ui.Column{})
		for _, b := range f.Branches {
			name := string(b.Name)
			if f.Remote != "" {
				name = string(f.Remote) + "/" + name
			}
			switch {
			case b.Before.IsZero():
				t.Row(name, b.Head.Short(), "new")
			case b.Before != b.Head:
				t.Row(name, b.Head.Short(), "was "+b.Before.Short())
			}
		}
		for _, tag := range f.Tags {
			t.Row(string(tag.Name), tag.Block.Short(), "new tag")
		}
		if err := t.Close(); err != nil {
			return err
		}
		return a.ui.Printf("Fetched %s in %s\n", count(f.Transfer.Blocks, "block", ""), count(f.Transfer.Objects, "object", ""))
	})
}

// noteConflicts warns of tags that the two sides disagree on.
func (a *app) noteConflicts(list []repo.TagConflict) {
	for _, c := range list {
		a.ui.Note("tag %s stays as it is: %s here, %s there", c.Name, c.Ours.Short(), c.Theirs.Short())
	}
}

type pulledJSON struct {
	mergedJSON
	Fetched fetchedJSON `json:"fetched"`
}

func newPull(a *app) *cobra.Command {
	var flags mergeFlags
	c := &cobra.Command{
		Use:   "pull [REPOSITORY:BRANCH]",
		Short: "Merge a branch of another repository into the one checked out",
		Long: `Fetch a branch of another repository, named as a remote or by its path, and merge it into
the branch that is checked out. Without a repository it is origin, without a branch the one
of the same name.`,
		Example:           "  aergo pull origin:master\n  aergo pull ../ada:feature\n  aergo pull",
		Args:              wants(0, 1),
		ValidArgsFunction: a.complete(remoteNames),
		RunE: func(c *cobra.Command, args []string) error {
			remote, branch := remoteAndBranch(args)
			return a.pull(c.Context(), args, repo.PullRequest{Remote: remote, Branch: branch, Mode: flags.mode(), Strict: flags.strict, Message: flags.message})
		},
	}
	flags.add(c)
	return c
}

func (a *app) pull(ctx context.Context, args []string, req repo.PullRequest) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		a.collectAt(lavishGCPercent)
		p, err := r.Pull(ctx, req)
		if err != nil && !errors.Is(err, repo.ErrConflict) {
			return err
		}
		if a.ui.JSON {
			if printErr := a.ui.PrintJSON(pulledJSON{mergedShape(p.Merged), fetchedShape(p.Fetched)}); printErr != nil {
				return printErr
			}
			return err
		}
		a.noteConflicts(p.Fetched.Conflicts)
		if printErr := a.printMerged(p.Merged, account{what: named(args), verb: merging(), refused: err != nil}); printErr != nil {
			return printErr
		}
		return refusedMerge(p.Merged, "", err)
	})
}

// named is a repository and branch as typed.
func named(args []string) string { return ui.Clean(nonEmpty(strings.Join(args, " "), "origin")) }

type pushedJSON struct {
	mergedJSON
	Remote     string         `json:"remote"` // empty if it was named by its path
	Created    bool           `json:"created"`
	LocalMoved bool           `json:"local_moved"`
	Tags       []shape.Name   `json:"tags"`
	Conflicts  []conflictJSON `json:"conflicts"`
	Transfer   transferJSON   `json:"transfer"`
}

func newPush(a *app) *cobra.Command {
	var flags mergeFlags
	c := &cobra.Command{
		Use:   "push [REPOSITORY:BRANCH]",
		Short: "Ask another repository to merge what is checked out",
		Long: `Ask another repository, named as a remote or by its path, to merge the branch that is
checked out into a branch of its own, which it makes if there is none. Only what it lacks
travels. Without a repository it is origin, without a branch the one of the same name.`,
		Example:           "  aergo push origin:master\n  aergo push ../ada:from-bob --strict\n  aergo push",
		Args:              wants(0, 1),
		ValidArgsFunction: a.complete(remoteNames),
		RunE: func(c *cobra.Command, args []string) error {
			remote, branch := remoteAndBranch(args)
			return a.push(c.Context(), args, repo.PushRequest{Remote: remote, Branch: branch, Mode: flags.mode(), Strict: flags.strict, Message: flags.message})
		},
	}
	flags.add(c)
	return c
}

func (a *app) push(ctx context.Context, args []string, req repo.PushRequest) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		p, err := r.Push(ctx, req)
		if err != nil && !errors.Is(err, repo.ErrConflict) {
			return err
		}
		if a.ui.JSON {
			out := pushedJSON{
				mergedShape(p.Merged), string(p.Remote), p.Created, p.LocalMoved, tagShapes(p.Tags), conflictShapes(p.Conflicts), transferShape(p.Transfer),
			}
			if printErr := a.ui.PrintJSON(out); printErr != nil {
				return printErr
			}
			return err
		}
		a.noteConflicts(p.Conflicts)
		if printErr := a.printPushed(p, named(args), err != nil); printErr != nil {
			return printErr
		}
		return err
	})
}

func (a *app) printPushed(p repo.Pushed, where string, refused bool) error {
	about := account{what: where, verb: pushing(), refused: refused}
	switch {
	case p.Created && !refused:
		return a.ui.Printf("Made %s at block %s\n", where, p.Block.Short())
	case p.UpToDate && len(p.Overruled) == 0:
		return a.ui.Printf("Nothing to do: %s has all of it\n", where)
	case p.UpToDate:
		if err := a.ui.Printf("Nothing to do: %s has decided all of it, %s\n", where, overruledPart(p.Merged, about)); err != nil {
			return err
		}
		return a.printOverruled(p.Merged, about)
	}
	if err := a.printMerged(p.Merged, about); err != nil {
		return err
	}
	if p.LocalMoved {
		a.ui.Note("the branch here went forward to block %s", p.Block.Short())
	}
	return nil
}
