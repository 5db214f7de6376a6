package repo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"aergo/branch"
	"aergo/merge"
	"aergo/repo/object"
	"aergo/repo/ref"
	rowkey "aergo/repo/state/key"
	"aergo/repo/store"
)

// ErrConflict says that transactions were excluded where none may be.
var ErrConflict = errors.New("transactions conflict")

// MergeRequest says what to merge, and how.
type MergeRequest struct {
	Source  string   // a revision
	Into    ref.Name // the target branch; empty for what is checked out
	Mode    object.Mode
	Message string
	DryRun  bool // say what would happen and change nothing
	Strict  bool // change nothing if anything of the source's would be left out, or is already
}

// Merged is the account of a merge.
type Merged struct {
	Target      ref.Name
	Source      object.Hash
	Bases       []object.Hash
	Block       object.Hash // the target's head afterwards
	Height      uint64
	UpToDate    bool
	FastForward bool
	DryRun      bool
	Applied     uint64
	Noop        uint64
	Resolved    uint64
	Excluded    []Exclusion
	Inherited   uint64
	Dropped     uint64
	Already     uint64
	Forced      uint64 // transactions that a merge by theirs added; those that it could not are among Excluded
	// Overruled are what the source has applied and the target holds as excluded, by earlier
	// decisions: the oldest first, with their reasons. They are not among Already. Of a
	// cherry-pick they are what was asked for and is excluded here.
	Overruled []Exclusion
	// Needs are, if a cherry-pick conflicts, the transactions that it turns out to build on.
	Needs []Need
}

// refusal is the error of a strict merge that leaves something out, nil if it leaves
// nothing out.
func (m *Merged) refusal() error {
	var what []string
	for _, part := range []struct {
		n    uint64
		text string
	}{
		{uint64(len(m.Excluded)), "would be excluded"}, {m.Inherited, "excluded on the source"}, {uint64(len(m.Overruled)), "excluded here before"},
	} {
		if part.n > 0 {
			what = append(what, fmt.Sprintf("%d %s", part.n, part.text))
		}
	}
	if len(what) == 0 {
		return nil
	}
	return fmt.Errorf("merge: %w: %s", ErrConflict, strings.Join(what, ", "))
}

// Exclusion is one transaction that was left out, in words.
type Exclusion struct {
	Transaction TxID
	Reason      object.Reason
	Op          uint64
	Table       string
	Key         []rowkey.Component // empty if no row stood in the way
	Field       string
	Block       object.Hash // that decided, if it is not the one asked about
	Words       string      // of the resolver, if it left the transaction out
}

// TxID names a transaction: its batch, and its place in it.
type TxID struct {
	Batch object.Hash
	Index uint64
}

func (t TxID) String() string { return fmt.Sprintf("%s.%d", t.Batch.Short(), t.Index) }

// explain puts a committed exclusion in words.
func explain(batch object.Hash, x object.Exclusion) Exclusion {
	out := Exclusion{Transaction: TxID{batch, x.Index}, Reason: x.Reason, Op: x.Op, Field: x.Field, Block: x.Block}
	if _, name, tuple, err := rowkey.Split(x.Key); err == nil {
		out.Table = name
		out.Key, _ = rowkey.Decode(tuple)
	}
	if x.Reason == object.ReasonResolver {
		out.Words = string(x.Found)
	}
	return out
}

// Merge brings a source's transactions to a target branch and accounts for each. With
// Strict anything left out is ErrConflict, whether it is excluded now, on the source or
// by an earlier decision here, and the account is returned all the same.
func (r *Repo) Merge(ctx context.Context, req MergeRequest) (Merged, error) {
	var out Merged
	err := r.write(ctx, "merge", func(c *change) error {
		source, err := r.Resolve(ctx, req.Source)
		if err != nil {
			return err
		}
		target, err := r.target(ctx, req.Into)
		if err != nil {
			return err
		}
		if req.Message == "" {
			req.Message = fmt.Sprintf("Merge %s into %s", req.Source, target.Name)
		}
		out, err = r.merge(ctx, c, target, source, req)
		return err
	})
	return out, err
}

// target returns the named branch, or the one that is checked out.
func (r *Repo) target(ctx context.Context, into ref.Name) (ref.Branch, error) {
	if into == "" {
		return r.current(ctx)
	}
	return r.refs.Branch(ctx, into)
}

// merge prepares a merge. Nothing happens to the target if it fails, or on a dry run.
func (r *Repo) merge(ctx context.Context, c *change, target ref.Branch, source branch.Block, req MergeRequest) (Merged, error) {
	out := Merged{Target: target.Name, Source: source.ID, DryRun: req.DryRun, Block: target.Head}
	l, w, err := c.open(ctx)
	if err != nil {
		return out, err
	}
	head, err := l.Block(ctx, target.Head)
	if err != nil {
		return out, err
	}
	out.Height = head.Height
	plan, err := merge.NewPlan(ctx, l.Chain, head, source)
	if err != nil {
		return out, err
	}
	for _, b := range plan.Bases {
		out.Bases = append(out.Bases, b.ID)
	}
	if out.Overruled, err = exclusionsOf(ctx, l, head, plan.Overruled); err != nil {
		return out, err
	}
	if plan.UpToDate {
		out.UpToDate = true
		if req.Strict {
			err = out.refusal()
		}
		return out, err
	}
	moved := target
	forward := plan.FastForward && req.Mode == object.ModeExclude
	if forward {
		if forward, err = r.allNative(ctx, l, source); err != nil {
			return out, err
		}
	}
	if forward {
		out.FastForward = true
		out.Applied, out.Inherited, out.Dropped = plan.Replayed, plan.Inherited, plan.Dropped
		moved.Head, out.Block, out.Height = source.ID, source.ID, source.Height
	} else {
		if req.DryRun {
			if w, err = branch.NewScratch(ctx, l.Objects); err != nil {
				return out, err
			}
		}
		res, err := r.replay(ctx, l, w, target, head, plan, req)
		if err != nil {
			return out, err
		}
		out.take(res)
		moved.Head, out.Block, out.Height = res.Block.ID, res.Block.ID, res.Block.Height
	}
	if req.Strict {
		err = out.refusal()
	}
	if err != nil || req.DryRun {
		out.Block, out.Height = target.Head, head.Height
		return out, err
	}
	return out, r.moveBranch(ctx, c, l, w, target, moved)
}

// replay makes the block that merges what is planned into the target, by the target's own merge
// logic if the request leaves the choice to it.
func (r *Repo) replay(ctx context.Context, l *branch.Ledger, w store.Writer, target ref.Branch, head branch.Block, plan *merge.Plan, req MergeRequest) (*merge.Result, error) {
	signer, err := r.owner(ctx, l)
	if err != nil {
		return nil, err
	}
	order := merge.Request{Branch: target.ID, Mode: req.Mode, Message: req.Message, Signer: signer, Now: r.now()}
	if order.Mode == object.ModeExclude {
		if order.Logic, err = l.MergeLogic(ctx, head, target.ID); err != nil {
			return nil, err
		}
		if order.Logic != nil {
			order.Mode = object.ModeResolve
		}
	}
	return merge.Merge(ctx, r.watched(l, "merging", plan.Replayed), w, plan, order)
}

func (m *Merged) take(res *merge.Result) {
	m.Applied, m.Noop, m.Resolved = res.Applied, res.Noop, res.Resolved
	m.Inherited, m.Dropped, m.Already, m.Forced = res.Inherited, res.Dropped, res.Already, res.Forced
	for _, x := range res.Excluded {
		m.Excluded = append(m.Excluded, explain(x.Batch, x.Exclusion))
	}
}

// moveBranch sets a branch to a new head. What is pending on it moves along, if it still
// applies; otherwise nothing moves.
func (r *Repo) moveBranch(ctx context.Context, c *change, l *branch.Ledger, w store.Writer, from, to ref.Branch) error {
	contents, err := r.pool(ctx, from)
	if err != nil {
		return err
	}
	if p := live(contents); p != nil {
		moved := clonePending(p)
		head, err := branch.Chain{Objects: w}.Block(ctx, to.Head)
		if err != nil {
			return err
		}
		// What was done on the old head is done again on the new one, which also tells
		// whether everything still applies.
		moved.Base, moved.Done = head.ID, branch.Done{}
		if err := l.Materialise(ctx, w, moved, head); err != nil {
			return fmt.Errorf("branch %s: %w", from.Name, err)
		}
		c.pools = append(c.pools, poolEdit{branch: from.Name, from: contents, pending: moved})
	}
	c.setBranch(from, to)
	return nil
}

// allNative says whether a fast-forward to a block brings only blocks that may stand in
// this repository's own chains.
func (r *Repo) allNative(ctx context.Context, l *branch.Ledger, source branch.Block) (bool, error) {
	j, err := r.judge(ctx, l)
	if err != nil {
		return false, err
	}
	return j.isOwn(ctx, source)
}
