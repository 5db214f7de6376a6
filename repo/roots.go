package repo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"aergo/branch"
	"aergo/repo/object"
	"aergo/repo/oplog"
	"aergo/repo/ref"
	"aergo/repo/store"
)

// undoable is how many of the newest operations keep what they led away from.
const undoable = 1000

// roots are the places from which everything that is needed can be reached.
type roots struct {
	blocks []object.Hash
	tags   []object.Hash // their records
	pools  []pooled
	places map[ref.Name]map[uint64]bool // files of pools that operations name
}

// pooled is a pool, now or at a place of its past.
type pooled struct {
	branch   ref.Name
	contents branch.Contents
}

// refRoots adds everything that refs lead to. What is damaged goes to fault, which says
// whether to go on without.
func (r *Repo) refRoots(ctx context.Context, to *roots, fault func(error) error) (refs uint64, err error) {
	to.blocks = append(to.blocks, r.config().directoryHead())
	branches, err := r.refs.Branches(ctx)
	if err := fault(err); err != nil {
		return 0, err
	}
	for _, b := range branches {
		// The root is before the head: a shallow clone has its header, and no more.
		to.blocks = append(to.blocks, b.Head)
	}
	tags, err := r.refs.Tags(ctx)
	if err := fault(err); err != nil {
		return 0, err
	}
	for _, t := range tags {
		to.blocks = append(to.blocks, t.Block)
		if !t.Object.IsZero() {
			to.tags = append(to.tags, t.Object)
		}
	}
	refs = uint64(len(branches) + len(tags))
	remotes, err := r.refs.Remotes(ctx)
	if err := fault(err); err != nil {
		return 0, err
	}
	for _, name := range remotes {
		branches, err := r.refs.RemoteBranches(ctx, name)
		if err := fault(err); err != nil {
			return 0, err
		}
		for _, b := range branches {
			to.blocks = append(to.blocks, b.Head)
		}
		refs += uint64(len(branches))
	}
	// What a shallow clone lacks is stated before refs lead to where it does: so it is looked at
	// after them.
	return refs, fault(r.refreshConfig())
}

// poolNames returns the branches, of now or of the past, that have a folder of pools.
func (r *Repo) poolNames() ([]ref.Name, error) { return r.foldersIn(poolsFolder) }

// foldersIn returns the names of branches that have a folder of their own in another one.
func (r *Repo) foldersIn(folder string) ([]ref.Name, error) {
	infos, err := r.fs.ReadDir(folder)
	if err != nil {
		return nil, ignore(err, os.ErrNotExist)
	}
	var names []ref.Name
	for _, info := range infos {
		if name, err := ref.ParseName(info.Name()); err == nil && info.IsDir() {
			names = append(names, name)
		}
	}
	return names, nil
}

// undoRoots adds what the newest operations led away from, as far as it is still there.
func (r *Repo) undoRoots(ctx context.Context, to *roots) error {
	to.places = map[ref.Name]map[uint64]bool{}
	left := undoable
	for entry, err := range r.log.List(ctx) {
		if err != nil {
			return err
		}
		for _, ch := range entry.Refs {
			for _, state := range [...]json.RawMessage{ch.Before, ch.After} {
				if err := r.undoBlocks(ctx, to, ch.Name, state); err != nil {
					return fmt.Errorf("operation %d: %s: %w", entry.N, ch.Name, err)
				}
			}
		}
		for _, ch := range entry.Pools {
			for _, state := range [...]json.RawMessage{ch.Before, ch.After} {
				if err := r.undoPlace(to, ch.Name, state); err != nil {
					return fmt.Errorf("operation %d: pool of %s: %w", entry.N, ch.Name, err)
				}
			}
		}
		if left--; left == 0 {
			return nil
		}
	}
	return nil
}

func (r *Repo) undoBlocks(ctx context.Context, to *roots, name string, state json.RawMessage) error {
	// One shape fits the records of branches, tags and remotes' branches.
	var v struct {
		Head, Block, Object object.Hash
		Directory           object.Hash `json:"directory_head"`
	}
	switch kind, _, _ := strings.Cut(name, "/"); kind {
	case "branches", "tags", "remotes", configFile:
	default:
		return nil
	}
	if len(state) == 0 {
		return nil
	}
	if err := json.Unmarshal(state, &v); err != nil {
		return fmt.Errorf("%w: %w", oplog.ErrDamaged, err)
	}
	for _, h := range [...]object.Hash{v.Head, v.Block, v.Object, v.Directory} {
		if h.IsZero() {
			continue
		}
		has, err := r.disk.Has(ctx, h)
		switch {
		case err != nil:
			return err
		case !has: // an earlier clean-up took it, when it was older than what can be undone
		case h == v.Object:
			to.tags = append(to.tags, h)
		default:
			to.blocks = append(to.blocks, h)
		}
	}
	return nil
}

func (r *Repo) undoPlace(to *roots, name string, state json.RawMessage) error {
	if len(state) == 0 {
		return nil
	}
	branchName, err := ref.ParseName(name)
	if err != nil {
		return err
	}
	var p branch.Place
	if err := json.Unmarshal(state, &p); err != nil {
		return fmt.Errorf("%w: %w", oplog.ErrDamaged, err)
	}
	c, err := r.journal(branchName).At(p)
	if err != nil { // gone with an earlier clean-up, or with newer files
		return ignore(err, os.ErrNotExist)
	}
	if to.places[branchName] == nil {
		to.places[branchName] = map[uint64]bool{}
	}
	to.places[branchName][p.File] = true
	to.pools = append(to.pools, pooled{branchName, c})
	return nil
}

// walk finds everything that the roots lead to.
func (to *roots) walk(ctx context.Context, c *closure) error {
	if err := c.blocks(ctx, to.blocks...); err != nil {
		return err
	}
	for _, t := range to.tags {
		if err := c.failed(c.single(ctx, object.KindTag, t)); err != nil {
			return err
		}
	}
	for _, p := range to.pools {
		if err := c.pool(ctx, p.contents.Pending); err != nil {
			return fmt.Errorf("pool of %s: %w", p.branch, err)
		}
	}
	return nil
}

// pool finds what a pool leads to.
func (c *closure) pool(ctx context.Context, p *branch.Pending) error {
	if p == nil {
		return nil
	}
	if err := c.blocks(ctx, p.Base); err != nil {
		return err
	}
	for _, chunk := range p.Closed {
		if err := c.failed(c.single(ctx, object.KindChunk, chunk.Hash)); err != nil {
			return err
		}
	}
	if p.Done.Count == 0 {
		return nil
	}
	return c.failed(c.tree(ctx, p.Done.State))
}

// hashes is a set of objects that a closure has found.
type hashes map[object.Hash]struct{}

func (s hashes) known(_ context.Context, h object.Hash) (bool, error) {
	_, ok := s[h]
	return ok, nil
}

// present adds an object that the store has, and says of one that it has not that it is
// missing.
func (s hashes) present(objects store.Store) func(context.Context, object.Kind, object.Hash) error {
	return func(ctx context.Context, kind object.Kind, h object.Hash) error {
		s[h] = struct{}{}
		info, err := objects.Stat(ctx, h)
		if errors.Is(err, store.ErrNotFound) {
			return &missingError{kind, h}
		}
		if err == nil && info.Kind != kind {
			err = fmt.Errorf("object %s: %w: it is stored as a %s, and is a %s", h.Short(), store.ErrCorrupt, info.Kind, kind)
		}
		return err
	}
}

// missingError names an object that something leads to and that is not there.
type missingError struct {
	kind object.Kind
	hash object.Hash
}

func (e *missingError) Error() string { return fmt.Sprintf("%s %s is missing", e.kind, e.hash) }

// Is makes errors.Is(err, store.ErrCorrupt) true.
func (e *missingError) Is(target error) bool { return target == store.ErrCorrupt }
