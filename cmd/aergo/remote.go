package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"aergo/cmd/aergo/ui"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/shape"
)

// remoteJSON is a remote.
type remoteJSON struct {
	Name     string       `json:"name"`
	URL      string       `json:"url"`
	Branches []shape.Name `json:"branches"` // as last seen
	Removed  bool         `json:"removed,omitempty"`
}

// transferJSON is what went from one repository to another.
type transferJSON struct {
	Objects uint64 `json:"objects"`
	Bytes   uint64 `json:"bytes"`
	Blocks  uint64 `json:"blocks"`
}

func transferShape(t repo.Transfer) transferJSON { return transferJSON{t.Objects, t.Bytes, t.Blocks} }

// conflictJSON is a tag that names something else on the other side.
type conflictJSON struct {
	Tag    string      `json:"tag"`
	Ours   object.Hash `json:"ours"`
	Theirs object.Hash `json:"theirs"`
}

func conflictShapes(list []repo.TagConflict) []conflictJSON {
	out := make([]conflictJSON, 0, len(list))
	for _, c := range list {
		out = append(out, conflictJSON{string(c.Name), c.Ours, c.Theirs})
	}
	return out
}

func tagShapes(list []ref.Tag) []shape.Name {
	out := make([]shape.Name, 0, len(list))
	for _, t := range list {
		out = append(out, shape.Name{Name: string(t.Name), Block: t.Block})
	}
	return out
}

// remoteAndBranch splits REPOSITORY:BRANCH. Either may be missing; a colon inside of a
// path or an address is part of the repository.
func remoteAndBranch(args []string) (remote string, branch ref.Name) {
	if len(args) == 0 {
		return "", ""
	}
	at := strings.LastIndexByte(args[0], ':')
	if at < 0 {
		return args[0], ""
	}
	name, err := ref.ParseName(args[0][at+1:])
	if err != nil {
		return args[0], ""
	}
	return args[0][:at], name
}

// address is what is kept of a repository's place: an absolute path, or a URL as it is.
func (a *app) address(typed string) (string, error) {
	if strings.Contains(typed, "://") {
		return typed, nil
	}
	return a.path(typed)
}

func newRemote(a *app) *cobra.Command {
	list := &cobra.Command{
		Use:   "list",
		Short: "List the remotes",
		Args:  wants(0, 0),
		RunE:  func(c *cobra.Command, _ []string) error { return a.listRemotes(c.Context()) },
	}
	add := &cobra.Command{
		Use:   "add NAME REPOSITORY",
		Short: "Give a repository elsewhere a name",
		Args:  wants(2, 2),
		RunE:  func(c *cobra.Command, args []string) error { return a.addRemote(c.Context(), args[0], args[1]) },
	}
	rm := &cobra.Command{
		Use:               "rm NAME",
		Short:             "Forget a remote",
		Args:              wants(1, 1),
		ValidArgsFunction: a.complete(remoteNames),
		RunE:              func(c *cobra.Command, args []string) error { return a.removeRemote(c.Context(), args[0]) },
	}
	c := family("remote", "List, add or forget remotes", "Without a word it lists.", list, add, rm)
	c.Example = "  aergo remote\n  aergo remote add ada ../ada\n  aergo remote rm ada"
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(c, args[0])
		}
		return a.listRemotes(c.Context())
	}
	return c
}

func remoteNames(ctx context.Context, r repo.Door) []string {
	var names []string
	all, _ := r.Remotes(ctx)
	for _, x := range all {
		names = append(names, string(x.Name))
	}
	return names
}

func (a *app) listRemotes(ctx context.Context) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		all, err := r.Remotes(ctx)
		if err != nil {
			return err
		}
		t := a.ui.Table(ui.Column{}, ui.Column{}, ui.Column{})
		for _, x := range all {
			if a.ui.JSON {
				if err := a.ui.PrintJSON(remoteShape(x)); err != nil {
					return err
				}
				continue
			}
			t.Row(string(x.Name), x.URL, count(uint64(len(x.Branches)), "branch", "branches"))
		}
		return t.Close()
	})
}

func remoteShape(x repo.RemoteInfo) remoteJSON {
	out := remoteJSON{Name: string(x.Name), URL: x.URL, Branches: []shape.Name{}}
	for _, b := range x.Branches {
		out.Branches = append(out.Branches, shape.Name{Name: string(b.Name), Block: b.Head})
	}
	return out
}

func (a *app) addRemote(ctx context.Context, name, typed string) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		parsed, err := ref.ParseName(name)
		if err != nil {
			return err
		}
		url, err := a.address(typed)
		if err != nil {
			return err
		}
		if err := r.AddRemote(ctx, parsed, url); err != nil {
			return err
		}
		if a.ui.JSON {
			return a.ui.PrintJSON(remoteJSON{Name: name, URL: url, Branches: []shape.Name{}})
		}
		return a.ui.Printf("Added remote %s at %s\n", parsed, ui.Clean(url))
	})
}

func (a *app) removeRemote(ctx context.Context, name string) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		parsed, err := ref.ParseName(name)
		if err != nil {
			return err
		}
		gone, err := r.RemoveRemote(ctx, parsed)
		if err != nil {
			return err
		}
		if a.ui.JSON {
			out := remoteShape(gone)
			out.Removed = true
			return a.ui.PrintJSON(out)
		}
		return a.ui.Printf("Forgot remote %s at %s\n", parsed, ui.Clean(gone.URL))
	})
}
