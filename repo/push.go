package repo

import (
	"context"
	"errors"
	"fmt"

	"aergo/branch"
	"aergo/merge"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/ref"
)

// PushRequest says what to push, and how it is to be merged.
type PushRequest struct {
	Remote  string   // a remote's name, or a path; empty for "origin"
	Branch  ref.Name // there; empty for the name of the branch that is checked out
	Mode    object.Mode
	Strict  bool
	Message string
}

// Pushed is what a push did. The account in Merged is the other side's: Target is its
// branch, Block that branch's head afterwards.
type Pushed struct {
	Merged
	Remote     ref.Name // empty for a repository that is named by its path only
	Branch     ref.Name // there
	Created    bool     // the branch was not there before
	LocalMoved bool     // the local branch went forward to the merge that the remote made
	// Behind says why the answer could not be taken in here, though the remote has merged;
	// the next fetch tries again. It is nil if all went well.
	Behind    error
	Tags      []ref.Tag
	Conflicts []TagConflict
	Transfer  Transfer
}

// Push asks a remote to merge what is checked out into a branch of its own. Only what is
// committed goes. When the remote's branch of the same name has all that ours has
// afterwards, ours goes forward to it: with a merge that was made for this push it takes the
// remote's verdicts, also where they differ. Otherwise, and where earlier decisions there
// overrule it, ours goes forward only if none of its verdicts is overturned.
func (r *Repo) Push(ctx context.Context, req PushRequest) (Pushed, error) {
	var out Pushed
	b, err := r.current(ctx)
	if err != nil {
		return out, err
	}
	if req.Branch == "" {
		req.Branch = b.Name
	}
	if err := req.Branch.Check(); err != nil {
		return out, err
	}
	other, name, err := r.dial(ctx, req.Remote)
	if err != nil {
		return out, err
	}
	defer other.Close()
	if _, err := r.remoteRefs(ctx, other); err != nil {
		return out, err
	}
	tags, err := r.refs.Tags(ctx)
	if err != nil {
		return out, err
	}
	// Our lock is not held meanwhile: two repositories may push to each other.
	answer, err := other.Merge(ctx, offered{r}, RemoteMerge{
		Branch: req.Branch, Head: b.Head, Tags: tags, Mode: req.Mode, Strict: req.Strict, Message: req.Message,
	})
	out = Pushed{
		Merged: answer.Merged, Remote: name, Branch: req.Branch, Created: answer.Created,
		Tags: answer.Tags, Conflicts: answer.Refused, Transfer: answer.Transfer,
	}
	if IsLacking(err) {
		return out, r.cannotPush(err)
	}
	if err != nil {
		return out, fmt.Errorf("remote: %w", err)
	}
	out.LocalMoved, out.Behind = r.takeAnswer(ctx, other, name, b, answer)
	return out, nil
}

// takeAnswer brings here what the remote made of a push.
func (r *Repo) takeAnswer(ctx context.Context, other Remote, name ref.Name, pushed ref.Branch, answer RemoteMerged) (moved bool, err error) {
	theirs := answer.Branch
	if name == "" && pushed.Name != theirs.Name {
		return false, nil
	}
	from := other.Objects()
	if err := r.gatherAhead(ctx, from, theirs.Head); err != nil {
		return false, err
	}
	err = r.exchange(ctx, "push", func(c *change) error {
		l, w, err := c.open(ctx)
		if err != nil {
			return err
		}
		rc := r.newReceiver(l, w, from)
		if err := r.admit(ctx, c, rc, theirs.Head); err != nil {
			return err
		}
		if name != "" {
			if _, err := r.track(ctx, c, name, theirs); err != nil {
				return err
			}
		}
		if pushed.Name != theirs.Name || pushed.Head == theirs.Head {
			return nil
		}
		moved, err = r.follow(ctx, c, rc, pushed, answer)
		return err
	})
	return moved && err == nil, err
}

// follow moves a branch forward to where the remote's is, unless the branch has moved
// meanwhile, the block is not our own, what is pending would no longer apply, or the block
// overturns verdicts and is no answer to the push.
func (r *Repo) follow(ctx context.Context, c *change, rc *receiver, b ref.Branch, answer RemoteMerged) (bool, error) {
	now, err := r.refs.Branch(ctx, b.Name)
	if err != nil || now != b {
		return false, ignore(err, ref.ErrNotFound)
	}
	to := answer.Branch.Head
	head, err := rc.ledger.Block(ctx, to)
	if err != nil {
		return false, err
	}
	if answer.Merged.UpToDate || len(answer.Merged.Overruled) > 0 {
		ours, err := rc.ledger.Block(ctx, b.Head)
		if err != nil {
			return false, err
		}
		plan, err := merge.NewPlan(ctx, rc.ledger.Chain, ours, head)
		if err != nil || !plan.FastForward {
			return false, err
		}
	}
	own, err := r.allNative(ctx, rc.ledger, head)
	if err != nil || !own {
		return false, err
	}
	moved := b
	moved.Head = to
	err = r.moveBranch(ctx, c, rc.ledger, rc.to, b, moved)
	return err == nil, ignore(err, branch.ErrStale)
}

// ignore returns nil instead of the expected error.
func ignore(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

// Receive takes what a block leads to from another repository, and merges it into a
// branch, which is made if there is none. It is the other side of Push, and checks as
// Fetch does. The block that a merge makes is signed by this repository's owner.
func (r *Repo) Receive(ctx context.Context, from Source, req RemoteMerge) (RemoteMerged, error) {
	var out RemoteMerged
	if err := r.gatherAhead(ctx, from, req.Head); err != nil {
		return out, err
	}
	err := r.exchange(ctx, "push", func(c *change) error {
		l, w, err := c.open(ctx)
		if err != nil {
			return err
		}
		rc := r.newReceiver(l, w, from)
		c.ledger = rc.ledger // the merge reads what has just come
		if err := r.admit(ctx, c, rc, req.Head); err != nil {
			return err
		}
		head, err := rc.ledger.Block(ctx, req.Head)
		if err != nil {
			return err
		}
		if out.Branch, out.Created, err = r.receiving(ctx, rc.ledger, req.Branch, head); err != nil {
			return err
		}
		if err := r.mergeReceived(ctx, c, &out, head, req); err != nil {
			return err
		}
		if out.Tags, out.Refused, err = rc.tags(ctx, req.Tags, r.held(ctx)); err != nil {
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

func (r *Repo) mergeReceived(ctx context.Context, c *change, out *RemoteMerged, head branch.Block, req RemoteMerge) error {
	if req.Message == "" {
		req.Message = fmt.Sprintf("Merge %s into %s", head.ID.Short(), req.Branch)
	}
	target := out.Branch
	var err error
	out.Merged, err = r.merge(ctx, c, target, head, MergeRequest{Mode: req.Mode, Strict: req.Strict, Message: req.Message})
	if errors.Is(err, key.ErrNoKey) {
		err = fmt.Errorf("%w: only the owner of the repository may merge there: %w", ErrNotPermitted, err)
	}
	if err != nil {
		return err
	}
	out.Branch.Head = out.Merged.Block
	if out.Created {
		c.branches = []refEdit[ref.Branch]{{new: out.Branch}}
	}
	return nil
}

// receiving returns the branch that a push goes to. A new one starts at the newest block
// of the pushed chain that may stand in a chain of this repository: at the pushed block
// itself, if this repository's owner made it.
func (r *Repo) receiving(ctx context.Context, l *branch.Ledger, name ref.Name, head branch.Block) (b ref.Branch, created bool, err error) {
	b, err = r.refs.Branch(ctx, name)
	if !errors.Is(err, ref.ErrNotFound) {
		return b, false, err
	}
	if _, err := r.refs.Tag(ctx, name); err == nil {
		return b, false, fmt.Errorf("tag %s: %w", name, ref.ErrExists)
	}
	j, err := r.judge(ctx, l)
	if err != nil {
		return b, false, err
	}
	start := head
	for {
		own, err := j.isOwn(ctx, start)
		if err != nil {
			return b, false, err
		}
		if own {
			break
		}
		if start.Parent.IsZero() {
			return b, false, fmt.Errorf("branch %s: %w: it shares no block with this repository", name, branch.ErrForeign)
		}
		if start, err = l.Block(ctx, start.Parent); err != nil {
			return b, false, err
		}
	}
	if before, err := r.disk.Has(ctx, start.ID); err != nil || before {
		if err == nil {
			err = r.mustHold(ctx, start)
		}
		if err != nil {
			return b, false, err
		}
	}
	nonce := r.now()
	return ref.Branch{
		Name: name, ID: object.BranchID(l.Directory.Genesis, start.ID, string(name), nonce), Root: start.ID, Head: start.ID, Nonce: nonce,
	}, true, nil
}
