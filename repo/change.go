package repo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"sort"

	"aergo/branch"
	"aergo/repo/object"
	"aergo/repo/oplog"
	"aergo/repo/ref"
	"aergo/repo/store"
)

// change is one operation while it is prepared. Nothing that readers can see happens
// before apply: objects are committed first, then what refers to them, in an order in
// which stopping anywhere leaves the repository as it was before or after.
type change struct {
	repo   *Repo
	ledger *branch.Ledger
	writer store.Writer

	branches []refEdit[ref.Branch]
	tags     []refEdit[ref.Tag]
	remotes  []refEdit[ref.RemoteBranch]
	head     *refEdit[ref.Head]
	pools    []poolEdit
	config   *config
}

type refEdit[T any] struct{ old, new T }

// poolEdit is what happens to a branch's pool.
type poolEdit struct {
	branch  ref.Name
	from    branch.Contents
	pending *branch.Pending // becomes the pool; nil to empty it
	sealed  *branch.Sealed  // emptied by a commit
	place   *branch.Place   // goes back to a place
}

// write runs fn as one recorded operation under the lock. fn prepares the change; if it
// fails nothing has happened.
func (r *Repo) write(ctx context.Context, verb string, fn func(c *change) error) error {
	unlock, err := r.acquire(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return r.writeLocked(ctx, verb, fn)
}

func (r *Repo) writeLocked(ctx context.Context, verb string, fn func(c *change) error) (err error) {
	if err := r.takeBackStopped(ctx); err != nil {
		return err
	}
	if err := r.refreshConfig(); err != nil { // while this one waited, another may have changed it
		return err
	}
	c := &change{repo: r}
	defer func() { err = errors.Join(err, c.rollback()) }()
	if err := fn(c); err != nil {
		return err
	}
	return c.apply(ctx, verb)
}

// open gives the ledger and a writer of objects, begun when first asked for.
func (c *change) open(ctx context.Context) (*branch.Ledger, store.Writer, error) {
	if c.writer != nil {
		return c.ledger, c.writer, nil
	}
	l, err := c.repo.ledger(ctx)
	if err != nil {
		return nil, nil, err
	}
	w, err := c.repo.disk.Begin(ctx)
	if err != nil {
		return nil, nil, err
	}
	c.ledger, c.writer = l, w
	return l, w, nil
}

// onCurrent opens the change for a new block on the branch that is checked out, and returns
// the branch and its head.
func (c *change) onCurrent(ctx context.Context) (ref.Branch, branch.Block, error) {
	if err := c.repo.mayExecute(); err != nil {
		return ref.Branch{}, branch.Block{}, err
	}
	b, err := c.repo.current(ctx)
	if err != nil {
		return ref.Branch{}, branch.Block{}, err
	}
	if _, _, err = c.open(ctx); err != nil {
		return ref.Branch{}, branch.Block{}, err
	}
	head, err := c.ledger.Block(ctx, b.Head)
	return b, head, err
}

// rollback forgets what was written and not committed.
func (c *change) rollback() error {
	if c.writer == nil {
		return nil
	}
	if err := c.writer.Rollback(); err != nil {
		return &rollbackError{err}
	}
	return nil
}

func (c *change) setBranch(old, new ref.Branch) {
	c.branches = append(c.branches, refEdit[ref.Branch]{old, new})
}
func (c *change) setTag(old, new ref.Tag)   { c.tags = append(c.tags, refEdit[ref.Tag]{old, new}) }
func (c *change) setHead(old, new ref.Head) { c.head = &refEdit[ref.Head]{old, new} }
func (c *change) setRemote(old, new ref.RemoteBranch) {
	c.remotes = append(c.remotes, refEdit[ref.RemoteBranch]{old, new})
}

func (c *change) empty() bool {
	return len(c.branches)+len(c.tags)+len(c.remotes)+len(c.pools) == 0 && c.head == nil && c.config == nil
}

// apply makes the change, durably and as a whole: if it fails, or is stopped, everything
// is as it was.
func (c *change) apply(ctx context.Context, verb string) error {
	r := c.repo
	if c.writer != nil {
		if err := c.writer.Commit(ctx); err != nil {
			return err
		}
	}
	if c.empty() {
		return nil
	}
	entry, err := c.entry(ctx, verb)
	if err != nil {
		return err
	}
	if err := r.intend(entry); err != nil {
		return err
	}
	if err = c.perform(ctx, entry); err == nil {
		_, err = r.log.Append(ctx, *entry)
	}
	if err != nil {
		if undoErr := r.takeBack(ctx, entry); undoErr != nil {
			// The intent stays, and with it the promise to take back what happened.
			return errors.Join(err, undoErr)
		}
		r.fulfilled()
		return err
	}
	r.fulfilled()
	if c.config != nil {
		r.setConfig(*c.config)
	}
	return nil
}

// entry describes the change for the operation log. The places of pools after it are not
// known yet.
func (c *change) entry(ctx context.Context, verb string) (*oplog.Entry, error) {
	r := c.repo
	last, err := r.log.Last(ctx)
	if err := ignore(err, oplog.ErrNotFound); err != nil {
		return nil, err
	}
	entry := &oplog.Entry{N: last.N + 1, Time: r.opts.Clock().UTC(), Who: r.opts.Who, Verb: verb, Args: r.opts.Args}
	for _, e := range c.branches {
		record(&entry.Refs, "branches/"+string(nonEmpty(e.old.Name, e.new.Name)), e.old, e.new)
	}
	for _, e := range c.tags {
		record(&entry.Refs, "tags/"+string(nonEmpty(e.old.Name, e.new.Name)), e.old, e.new)
	}
	for _, e := range c.remotes {
		name := path.Join("remotes", string(nonEmpty(e.old.Remote, e.new.Remote)), string(nonEmpty(e.old.Name, e.new.Name)))
		record(&entry.Refs, name, e.old, e.new)
	}
	if c.head != nil {
		record(&entry.Refs, "HEAD", c.head.old, c.head.new)
	}
	if c.config != nil {
		entry.Refs = append(entry.Refs, oplog.Change{Name: configFile, Before: encodeConfig(r.config()), After: encodeConfig(*c.config)})
	}
	for _, p := range c.pools {
		record(&entry.Pools, string(p.branch), p.from.Place, p.from.Place)
	}
	return entry, nil
}

// perform changes the files, in an order in which readers see the change happen at once:
// pools that become something, the configuration, then refs, then pools that a commit has emptied.
func (c *change) perform(ctx context.Context, entry *oplog.Entry) error {
	// Notes that pools are sealed mean nothing until their branch moves.
	for i := range c.pools {
		if p := &c.pools[i]; p.sealed != nil {
			if err := c.repo.journal(p.branch).MarkSealed(p.from, *p.sealed); err != nil {
				return err
			}
		}
	}
	if err := c.applyPools(entry, false); err != nil {
		return err
	}
	// What a shallow clone lacks is stated before refs lead to where it does.
	if c.config != nil {
		if err := writeConfig(c.repo.fs, *c.config); err != nil {
			return err
		}
	}
	if err := c.applyRefs(ctx); err != nil {
		return err
	}
	return c.applyPools(entry, true)
}

func (c *change) applyPools(entry *oplog.Entry, sealed bool) error {
	for i := range c.pools {
		p := &c.pools[i]
		if (p.sealed != nil) != sealed {
			continue
		}
		place, err := c.applyPool(p)
		if err != nil {
			return fmt.Errorf("pool of %s: %w", p.branch, err)
		}
		entry.Pools[i].After = encodeState(place)
	}
	return nil
}

func (c *change) applyPool(p *poolEdit) (branch.Place, error) {
	j := c.repo.journal(p.branch)
	switch {
	case p.place != nil:
		return j.Return(*p.place)
	case p.pending == nil:
		return j.Return(branch.Place{})
	}
	return j.Update(p.from, p.pending)
}

// applyRefs moves refs: branches and tags first, what is checked out last.
func (c *change) applyRefs(ctx context.Context) error {
	refs := c.repo.refs
	for _, e := range c.branches {
		if err := move(ctx, e, refs.SetBranch, refs.DeleteBranch); err != nil {
			return err
		}
	}
	for _, e := range c.tags {
		if err := move(ctx, e, refs.SetTag, refs.DeleteTag); err != nil {
			return err
		}
	}
	for _, e := range c.remotes {
		if err := move(ctx, e, refs.SetRemoteBranch, refs.DeleteRemoteBranch); err != nil {
			return err
		}
	}
	if c.head != nil {
		return refs.SetHead(ctx, c.head.old, c.head.new)
	}
	return nil
}

func nonEmpty(a, b ref.Name) ref.Name {
	if a == "" {
		return b
	}
	return a
}

// move sets a ref, or deletes it if the new record is zero.
func move[T comparable](ctx context.Context, e refEdit[T], set func(context.Context, T, T) error, remove func(context.Context, T) error) error {
	var none T
	if e.new == none {
		return remove(ctx, e.old)
	}
	return set(ctx, e.old, e.new)
}

// record notes a value before and after; the zero value is noted as none.
func record[T comparable](to *[]oplog.Change, name string, before, after T) {
	*to = append(*to, oplog.Change{Name: name, Before: encodeState(before), After: encodeState(after)})
}

func encodeState[T comparable](v T) json.RawMessage {
	var none T
	if v == none {
		return nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return nil // no type recorded here can fail to encode
	}
	return data
}

func (r *Repo) journal(name ref.Name) *branch.Journal {
	return branch.NewJournal(r.fs, path.Join(poolsFolder, string(name)))
}

// pool loads what is pending on a branch whose head is given; nil contents of the pool
// become an empty one.
func (r *Repo) pool(ctx context.Context, b ref.Branch) (branch.Contents, error) {
	c, err := r.journal(b.Name).Load()
	if err != nil {
		return c, fmt.Errorf("pool of %s: %w", b.Name, err)
	}
	if c.Sealed != nil {
		in, err := r.contains(ctx, c.Sealed.Block, b.Head)
		if err != nil {
			return c, err
		}
		if !in {
			// The commit stopped before its branch moved: the transactions are pending still.
			c.Sealed = nil
		}
	}
	return c, nil
}

// live returns what is pending, nil for nothing.
func live(c branch.Contents) *branch.Pending {
	if c.Pending == nil || c.Sealed != nil || c.Pending.Count() == 0 {
		return nil
	}
	return c.Pending
}

// pendingOn returns what is pending on a head, or an empty pool.
func pendingOn(c branch.Contents, head branch.Block) *branch.Pending {
	if p := live(c); p != nil {
		return p
	}
	return branch.NewPending(head)
}

// clonePending returns a copy of a pool that can be changed while the original is compared with.
func clonePending(p *branch.Pending) *branch.Pending {
	out := *p
	out.Closed = append([]object.ChunkRef(nil), p.Closed...)
	out.Open = p.Open.Clone()
	return &out
}

func encodeConfig(c config) json.RawMessage {
	data, err := json.Marshal(c)
	if err != nil {
		return nil
	}
	return data
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
