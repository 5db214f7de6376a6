package repo

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"aergo/branch"
	"aergo/repo/object"
)

// Unshallow is the depth at which nothing of a history is left out.
const Unshallow = math.MaxUint64

// DeepenRequest says how much more of its history a shallow clone is to have.
type DeepenRequest struct {
	Remote string // a remote's name, or a path; empty for "origin"
	// Depth is how many blocks of each of the remote's branches are to be whole, from its
	// head back; Unshallow for all.
	Depth uint64
}

// Deepen brings more of the history that a shallow clone was made without, and what is new
// on the remote. Every block that becomes whole is executed. In a clone that lacks nothing
// of its history it is a Fetch.
func (r *Repo) Deepen(ctx context.Context, req DeepenRequest) (Fetched, error) {
	if req.Depth == 0 {
		return Fetched{}, fmt.Errorf("depth 0: %w: the head is at depth 1", ErrDepth)
	}
	other, name, err := r.dial(ctx, req.Remote)
	if err != nil {
		return Fetched{}, err
	}
	defer other.Close()
	return r.fetch(ctx, other, name, "", req.Depth)
}

// surroundings are what a repository has of a history before something comes.
type surroundings struct {
	whole map[object.Hash]bool // with all that they did
	cuts  map[object.Hash]bool // the boundary
}

// surroundings goes from all refs back to the boundary.
func (r *Repo) surroundings(ctx context.Context) (*surroundings, error) {
	at := &roots{}
	if _, err := r.refRoots(ctx, at, func(err error) error { return err }); err != nil {
		return nil, err
	}
	out := &surroundings{whole: map[object.Hash]bool{}, cuts: r.Lacking().cuts()}
	s, err := (&closure{from: r.disk}).survey(ctx, at.blocks, func(id object.Hash, _ uint64) (reach, error) {
		if out.cuts[id] {
			return reachCut, nil
		}
		return reachWhole, nil
	})
	if err != nil {
		return nil, err
	}
	for _, b := range s.whole {
		out.whole[b.id] = true
	}
	return out, nil
}

// edge says of a block that is neither whole nor new whether the boundary may run there: only
// if it does already, or further on. The header of any other block has come because something
// was marked with it; nobody has said that its state is to be taken as its header names it.
func (s *surroundings) edge(ctx context.Context, chain branch.Chain, id object.Hash) (reach, error) {
	if len(s.whole) == 0 || s.cuts[id] {
		return reachCut, nil
	}
	b, err := chain.Block(ctx, id)
	if err != nil {
		return reachCut, err
	}
	open := slices.Collect(maps.Keys(s.cuts))
	for seen := map[object.Hash]bool{{}: true}; len(open) > 0; {
		at := open[len(open)-1]
		if open = open[:len(open)-1]; seen[at] {
			continue
		}
		seen[at] = true
		later, err := chain.Block(ctx, at)
		switch {
		case err != nil:
			return reachCut, err
		case later.Parent == id || later.Absorbed == id:
			return reachCut, nil
		case later.TimeMillis > b.TimeMillis:
			open = append(open, later.Parent, later.Absorbed)
		}
	}
	return reachWhole, nil
}

// mustHold fails for a block before the boundary: no name may stand for it, since what names
// lead to is here.
func (r *Repo) mustHold(ctx context.Context, b branch.Block) error {
	if r.boundary() == nil {
		return nil
	}
	s, err := r.surroundings(ctx)
	if err == nil && !s.whole[b.ID] && !s.cuts[b.ID] {
		err = lackingBlock(b)
	}
	return err
}

// takeWithin receives what some heads lead to, as far as that goes: blocks that are nearer
// to a head than depth, and those that are new here, up to what is here. What those go on
// from becomes the boundary, if it is not here. It returns what came, and the boundary.
func (rc *receiver) takeWithin(ctx context.Context, before *surroundings, depth uint64, heads []object.Hash) (*stretch, map[object.Hash]bool, error) {
	if err := rc.gather(ctx, Walk{Heads: heads, Headers: true}); err != nil {
		return nil, nil, err
	}
	c := rc.closure()
	if err := c.skeleton(ctx, heads...); err != nil {
		return nil, nil, fmt.Errorf("fetch: %w", err)
	}
	fresh := map[object.Hash]bool{}
	if len(before.whole) > 0 { // of a clone everything is new, and its depth counts
		for _, id := range rc.blocks {
			fresh[id] = true
		}
	}
	s, err := c.survey(ctx, heads, func(id object.Hash, distance uint64) (reach, error) {
		switch {
		case distance < depth && before.whole[id]:
			return reachPast, nil
		case distance < depth, fresh[id]:
			return reachWhole, nil
		case before.whole[id]:
			return reachHeld, nil
		}
		return before.edge(ctx, rc.chain(), id)
	})
	if err != nil {
		return nil, nil, fmt.Errorf("fetch: %w", err)
	}
	w, err := s.walk(ctx, rc.chain(), rc.rows != nil)
	if err == nil {
		err = rc.gather(ctx, w)
	}
	if err != nil {
		return nil, nil, err
	}
	if err := c.stretch(ctx, s); err != nil {
		return nil, nil, fmt.Errorf("fetch: %w", err)
	}
	rc.report()
	cuts := map[object.Hash]bool{}
	maps.Copy(cuts, before.cuts)
	for _, b := range s.cuts {
		cuts[b.ID] = true
	}
	for _, b := range s.whole {
		delete(cuts, b.id)
	}
	return s, cuts, nil
}

// walk is what a stretch leads to. A filtered clone takes less of a block.
func (s *stretch) walk(ctx context.Context, chain branch.Chain, filtered bool) (Walk, error) {
	w := Walk{Headers: true}
	for _, b := range s.cuts {
		w.States, w.Parts = append(w.States, b.Header.State), append(w.Parts, b.Header.Account)
	}
	for _, at := range s.whole {
		b, err := chain.Block(ctx, at.id)
		if err != nil {
			return w, err
		}
		w.States, w.Parts, w.Bodies = append(w.States, b.Header.State), append(w.Parts, b.Header.Account), append(w.Bodies, b.Entries)
		if !filtered {
			w.Parts = append(w.Parts, b.Header.Tree, b.Receipts)
		}
	}
	return w, nil
}

// admitWithin is admit for a shallow clone, or for one that becomes it. It returns the new
// boundary.
func (r *Repo) admitWithin(ctx context.Context, rc *receiver, before *surroundings, depth uint64, heads []object.Hash) (map[object.Hash]bool, error) {
	s, cuts, err := rc.takeWithin(ctx, before, depth, heads)
	if err != nil {
		return nil, err
	}
	taken := make(map[object.Hash]bool, len(s.whole))
	for _, b := range s.whole {
		taken[b.id] = true
	}
	// Headers first: they come before what was executed on them.
	ids := slices.DeleteFunc(slices.Clone(rc.blocks), func(id object.Hash) bool { return taken[id] })
	for _, b := range s.whole {
		ids = append(ids, b.id)
	}
	rc.holds = func(id object.Hash) bool { return taken[id] || before.whole[id] || cuts[id] }
	return cuts, r.judgeAll(ctx, rc, ids, func(id object.Hash) bool { return !taken[id] && !before.whole[id] })
}

// judgeAll checks blocks that came, in their order: light ones by their headers only.
func (r *Repo) judgeAll(ctx context.Context, rc *receiver, ids []object.Hash, light func(object.Hash) bool) error {
	j, err := r.judge(ctx, rc.ledger)
	if err != nil {
		return err
	}
	j.light, j.byProof = light, rc.rows != nil
	done := uint64(0)
	return j.checkAll(ctx, ids, func(judged) error {
		done++
		r.opts.Progress(Progress{Phase: "verifying", Done: done, Total: uint64(len(ids))})
		return nil
	})
}

// setBoundary notes a new boundary in the configuration.
func (c *change) setBoundary(cuts map[object.Hash]bool) error {
	if maps.Equal(cuts, c.repo.Lacking().cuts()) {
		return nil
	}
	next, err := c.repo.editConfig()
	if err != nil {
		return err
	}
	if next.Partial, err = next.Partial.with(cuts); err != nil {
		return err
	}
	c.config = &next
	return nil
}
