package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"aergo/branch"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/ref"
)

// scope is as much of a repository as who asks may read.
type scope struct {
	all      bool // every branch, and so everything
	branches []ref.Branch
	tags     []ref.Tag
	home     string // the revision that is meant if none is named
	refs     string // changes whenever a branch or tag does
}

// scopeOf returns what somebody may read of a repository, or an error that wraps ErrDenied if
// that is nothing. r is nil if there is no such repository.
func (g *Gateway) scopeOf(ctx context.Context, who object.Identity, name string, r Repository) (scope, error) {
	denied := g.opts.Access.Allow(ctx, who, name, Read, "")
	if denied != nil && !errors.Is(denied, ErrDenied) || r == nil {
		return scope{}, denied
	}
	branches, current, err := r.Branches(ctx)
	if err != nil {
		return scope{}, err
	}
	tags, err := r.Tags(ctx)
	if err != nil {
		return scope{}, err
	}
	s := scope{all: denied == nil, branches: branches, tags: tags, home: "HEAD"}
	if !s.all {
		if err := g.narrow(ctx, who, name, r, &s, current); err != nil {
			return scope{}, err
		}
		if len(s.branches) == 0 {
			return scope{}, denied
		}
	}
	sum := sha256.New()
	for _, b := range s.branches {
		fmt.Fprintf(sum, "%q %s %v\n", b.Name, b.Head, b.Name == current)
	}
	for _, t := range s.tags {
		fmt.Fprintf(sum, "%q %s\n", t.Name, t.Block)
	}
	s.refs = hex.EncodeToString(sum.Sum(nil)[:16])
	return s, nil
}

// narrow leaves the branches that somebody may read, and the tags on them.
func (g *Gateway) narrow(ctx context.Context, who object.Identity, name string, r Repository, s *scope, current ref.Name) error {
	var readable []ref.Branch
	for _, b := range s.branches {
		switch err := g.opts.Access.Allow(ctx, who, name, Read, b.Name); {
		case err == nil:
			readable = append(readable, b)
		case !errors.Is(err, ErrDenied):
			return err
		}
	}
	s.branches = readable
	if len(readable) == 0 {
		return nil
	}
	s.home = string(readable[0].Name)
	if slices.ContainsFunc(readable, func(b ref.Branch) bool { return b.Name == current }) {
		s.home = string(current)
	}
	blocks, err := g.reach.of(ctx, r, readable)
	if err != nil {
		return err
	}
	s.tags = slices.DeleteFunc(slices.Clone(s.tags), func(t ref.Tag) bool { return !blocks[t.Block] })
	return nil
}

// block finds the block of a revision; the empty one is that of the repository's own branch.
// What leads to no block that who asks may read is not there. Operations and what is known of
// remotes are nobody's business here.
func (v *visit) block(rev string) (branch.Block, error) {
	missing := fmt.Errorf("%s: %w", quoted(rev), repo.ErrNoRevision)
	if strings.HasPrefix(rev, "@{") || strings.Contains(rev, "/") {
		return branch.Block{}, missing
	}
	asked := rev
	if end := strings.IndexAny(rev, "~@"); !v.all || rev == "" {
		base, rest := rev, ""
		if end >= 0 {
			base, rest = rev[:end], rev[end:]
		}
		if rest == "@" {
			rest = ""
		}
		if base == "" || base == "HEAD" {
			asked = v.home + rest
		}
	}
	b, err := v.repo.Resolve(v.ctx, asked)
	if v.all || err != nil && !errors.Is(err, repo.ErrNoRevision) && !errors.Is(err, repo.ErrAmbiguous) {
		return b, err
	}
	if err != nil {
		return branch.Block{}, missing
	}
	blocks, err := v.g.reach.of(v.ctx, v.repo, v.branches)
	if err != nil {
		return branch.Block{}, err
	}
	if !blocks[b.ID] {
		return branch.Block{}, missing
	}
	return b, nil
}

// isLacking says whether an error is that a clone of a part has not got something.
func isLacking(err error) bool {
	return errors.Is(err, repo.ErrBeyond) || errors.Is(err, repo.ErrLeftOut) || errors.Is(err, repo.ErrOtherTable)
}

// at is block for the parameter of that name, as a revision.
func (v *visit) at(param string) (object.Hash, string, error) {
	b, err := v.block(v.query[param])
	return b.ID, b.ID.String(), err
}

// story is a transaction with what became of it on the branches that who asks may read: one
// that none of them has decided is not there, unless they may read everything.
func (v *visit) story(what string) (repo.Story, error) {
	missing := fmt.Errorf("%s: %w", quoted(what), repo.ErrNoRevision)
	// A batch or a block would do for the door, if it has one transaction.
	if prefix, _, found := strings.Cut(what, "."); !found || strings.Trim(prefix, "0123456789abcdef") != "" {
		return repo.Story{}, missing
	}
	s, err := v.repo.Why(v.ctx, what)
	if v.all {
		return s, err
	}
	if errors.Is(err, repo.ErrNoRevision) || errors.Is(err, repo.ErrAmbiguous) {
		return repo.Story{}, missing
	}
	if err != nil {
		return repo.Story{}, err
	}
	s.Fates = slices.DeleteFunc(s.Fates, func(f repo.Fate) bool {
		_, readable := v.branchNamed(f.Branch)
		return !readable
	})
	if len(s.Fates) == 0 {
		return repo.Story{}, missing
	}
	return s, nil
}

// maxReaches bounds for how many sets of heads what they lead to is remembered.
const maxReaches = 64

// reaches remembers what heads lead to, for those who may not read every branch.
type reaches struct {
	mu    sync.Mutex
	known map[string]map[object.Hash]bool
}

func newReaches() *reaches { return &reaches{known: map[string]map[object.Hash]bool{}} }

// of returns the blocks that the heads of branches lead to.
func (c *reaches) of(ctx context.Context, r Repository, branches []ref.Branch) (map[object.Hash]bool, error) {
	var key strings.Builder
	var open []object.Hash
	for _, b := range branches {
		key.Write(b.Head[:])
		open = append(open, b.Head)
	}
	c.mu.Lock()
	blocks := c.known[key.String()]
	c.mu.Unlock()
	if blocks != nil {
		return blocks, nil
	}
	blocks = map[object.Hash]bool{}
	for len(open) > 0 {
		id := open[len(open)-1]
		open = open[:len(open)-1]
		if id.IsZero() || blocks[id] {
			continue
		}
		b, err := r.Resolve(ctx, id.String())
		if isLacking(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		blocks[id] = true
		open = append(open, b.Parent, b.Absorbed)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= maxReaches {
		clear(c.known)
	}
	c.known[key.String()] = blocks
	return blocks, nil
}
