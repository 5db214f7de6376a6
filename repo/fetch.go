package repo

import (
	"context"
	"errors"
	"fmt"

	"aergo/branch"
	"aergo/repo/object"
	"aergo/repo/ref"
)

// FetchedBranch is what became of one branch of a remote.
type FetchedBranch struct {
	Name   ref.Name
	Before object.Hash // zero if it was not known
	Head   object.Hash
}

// Fetched is what a fetch did.
type Fetched struct {
	Remote    ref.Name // empty for a repository that is named by its path only
	Branches  []FetchedBranch
	Tags      []ref.Tag // that are new here
	Conflicts []TagConflict
	Transfer  Transfer
}

// PullRequest says what to pull, and how to merge it.
type PullRequest struct {
	Remote  string   // a remote's name, or a path; empty for "origin"
	Branch  ref.Name // there; empty for the name of the branch that is checked out
	Mode    object.Mode
	Strict  bool
	Message string
}

// Pulled is what a pull did.
type Pulled struct {
	Merged
	Fetched Fetched
}

// Fetch brings what a remote's branches lead to, or one branch if it is named, and its
// tags. No branch of this repository moves. Every block that comes is checked first: if
// one does not hold, nothing comes, and the error names the block.
//
// A repository that is named by a path at which no remote is has nowhere to note its
// branches: what came stays until the next clean-up.
func (r *Repo) Fetch(ctx context.Context, remote string, branch ref.Name) (Fetched, error) {
	other, name, err := r.dial(ctx, remote)
	if err != nil {
		return Fetched{}, err
	}
	defer other.Close()
	return r.fetch(ctx, other, name, branch, 0)
}

// fetch is Fetch, of one branch if only is named. A depth above 0 deepens a shallow clone.
func (r *Repo) fetch(ctx context.Context, other Remote, name, only ref.Name, depth uint64) (Fetched, error) {
	out := Fetched{Remote: name}
	refs, err := r.remoteRefs(ctx, other)
	if err != nil {
		return out, err
	}
	branches := refs.Branches
	if only != "" {
		b, err := branchNamed(refs, only)
		if err != nil {
			return out, err
		}
		branches = []ref.Branch{b}
	}
	var heads []object.Hash
	for _, b := range branches {
		heads = append(heads, b.Head)
	}
	if only == "" {
		for _, t := range refs.Tags {
			heads = append(heads, t.Block)
		}
	}
	from := other.Objects()
	if err := r.gatherAhead(ctx, from, heads...); err != nil {
		return out, err
	}
	err = r.exchange(ctx, "fetch", func(c *change) error {
		l, w, err := c.open(ctx)
		if err != nil {
			return err
		}
		rc := r.newReceiver(l, w, from)
		if err := r.admitDepth(ctx, c, rc, depth, heads...); err != nil {
			return err
		}
		for _, b := range branches {
			f := FetchedBranch{Name: b.Name, Head: b.Head}
			if name != "" {
				if f.Before, err = r.track(ctx, c, name, b); err != nil {
					return err
				}
			}
			out.Branches = append(out.Branches, f)
		}
		if out.Tags, out.Conflicts, err = rc.tags(ctx, refs.Tags, r.held(ctx)); err != nil {
			return err
		}
		for _, t := range out.Tags {
			c.setTag(ref.Tag{}, t)
		}
		out.Transfer = rc.Transfer
		return nil
	})
	return out, err
}

// remoteRefs asks where a remote stands, and checks that it is of our lineage.
func (r *Repo) remoteRefs(ctx context.Context, other Remote) (RemoteRefs, error) {
	l, err := r.ledger(ctx)
	if err != nil {
		return RemoteRefs{}, err
	}
	refs, err := other.Refs(ctx)
	if err != nil {
		return RemoteRefs{}, fmt.Errorf("remote: %w", err)
	}
	if ours := l.Directory.Lineage; refs.Lineage != ours {
		return RemoteRefs{}, fmt.Errorf("remote: %w: its lineage is %s, ours is %s: only clones of one repository share transactions",
			branch.ErrForeign, refs.Lineage.Short(), ours.Short())
	}
	for _, b := range refs.Branches {
		if err := b.Name.Check(); err != nil {
			return RemoteRefs{}, fmt.Errorf("remote: %w", err)
		}
	}
	for _, t := range refs.Tags {
		if err := t.Name.Check(); err != nil {
			return RemoteRefs{}, fmt.Errorf("remote: %w", err)
		}
	}
	return refs, nil
}

func branchNamed(refs RemoteRefs, name ref.Name) (ref.Branch, error) {
	for _, b := range refs.Branches {
		if b.Name == name {
			return b, nil
		}
	}
	return ref.Branch{}, fmt.Errorf("remote: branch %s: %w", name, ref.ErrNotFound)
}

// admit takes what blocks lead to and checks every block that comes, oldest first. A shallow
// clone takes what is new, and goes no further back than it does already.
func (r *Repo) admit(ctx context.Context, c *change, rc *receiver, heads ...object.Hash) error {
	return r.admitDepth(ctx, c, rc, 0, heads...)
}

// admitDepth is admit that makes a shallow clone at least so deep.
func (r *Repo) admitDepth(ctx context.Context, c *change, rc *receiver, depth uint64, heads ...object.Hash) error {
	if _, err := r.editConfig(); err != nil { // another process may have deepened it
		return err
	}
	if len(r.Lacking().cuts()) == 0 {
		return r.admitAll(ctx, rc, heads)
	}
	before, err := r.surroundings(ctx)
	if err != nil {
		return err
	}
	if depth == Unshallow {
		at := &roots{}
		if _, err := r.refRoots(ctx, at, func(err error) error { return err }); err != nil {
			return err
		}
		heads = append(at.blocks, heads...)
	}
	cuts, err := r.admitWithin(ctx, rc, before, depth, heads)
	if err != nil {
		return err
	}
	return c.setBoundary(cuts)
}

// admitAll is admit where nothing of a history is left out. Unless rows are, states and
// accounts do not travel: executing the blocks makes them.
func (r *Repo) admitAll(ctx context.Context, rc *receiver, heads []object.Hash) error {
	rc.rebuild = rc.rows == nil
	if err := rc.take(ctx, heads...); err != nil {
		return err
	}
	if rc.rebuild {
		return r.rebuildAll(ctx, rc)
	}
	return r.judgeAll(ctx, rc, rc.blocks, nil)
}

// track notes where a branch of a remote stands, and returns where it stood.
func (r *Repo) track(ctx context.Context, c *change, remote ref.Name, b ref.Branch) (before object.Hash, err error) {
	old, err := r.refs.RemoteBranch(ctx, remote, b.Name)
	if err != nil && !errors.Is(err, ref.ErrNotFound) {
		return object.Hash{}, err
	}
	next := ref.RemoteBranch{Remote: remote, Name: b.Name, Head: b.Head, ID: b.ID, Root: b.Root}
	if old != next {
		c.setRemote(old, next)
	}
	return old.Head, nil
}

// held tells the block that a tag's name stands for here, if it is taken.
func (r *Repo) held(ctx context.Context) func(ref.Name) (object.Hash, bool, error) {
	return func(name ref.Name) (object.Hash, bool, error) {
		t, err := r.refs.Tag(ctx, name)
		if err == nil || !errors.Is(err, ref.ErrNotFound) {
			return t.Block, err == nil, err
		}
		b, err := r.refs.Branch(ctx, name)
		if errors.Is(err, ref.ErrNotFound) {
			return object.Hash{}, false, nil
		}
		return b.Head, err == nil, err
	}
}

// Pull fetches a branch and merges it into the one that is checked out. They are two
// operations: when the merge fails, what was fetched stays.
func (r *Repo) Pull(ctx context.Context, req PullRequest) (Pulled, error) {
	var out Pulled
	target, err := r.current(ctx)
	if err != nil {
		return out, err
	}
	if req.Branch == "" {
		req.Branch = target.Name
	}
	other, name, err := r.dial(ctx, req.Remote)
	if err != nil {
		return out, err
	}
	defer other.Close()
	if out.Fetched, err = r.fetch(ctx, other, name, req.Branch, 0); err != nil {
		return out, err
	}
	if req.Message == "" {
		from := req.Remote
		if name != "" {
			from = string(name)
		}
		req.Message = fmt.Sprintf("Merge %s:%s into %s", from, req.Branch, target.Name)
	}
	err = r.write(ctx, "pull", func(c *change) error {
		l, _, err := c.open(ctx)
		if err != nil {
			return err
		}
		source, err := l.Block(ctx, out.Fetched.Branches[0].Head)
		if err != nil {
			return err
		}
		if target, err = r.current(ctx); err != nil {
			return err
		}
		out.Merged, err = r.merge(ctx, c, target, source, MergeRequest{Mode: req.Mode, Strict: req.Strict, Message: req.Message})
		return err
	})
	return out, err
}
