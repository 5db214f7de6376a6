package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/util"

	"aergo/branch"
	"aergo/consensus/directory"
	"aergo/repo/lock"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/store"
)

// CloneRequest says what to clone.
type CloneRequest struct {
	From   string   // a path, for Options.OpenPath
	Remote ref.Name // what to call it; empty for "origin"
	Branch ref.Name // what to check out; empty for what is checked out there

	// Depth, if it is above 0, is how many blocks of each branch are to be whole, from its head
	// back. Of those before there are headers only; Deepen brings more.
	Depth uint64
	// At, if it is not empty, names a block of the remote by a branch, a tag, name@height or
	// 4 or more digits of its hash, each followed by ~n for the n-th parent. The clone has one
	// branch, which ends there, and nothing later.
	At string
	// Tables, if there are any, are those whose rows are wanted. The clone can be read, and
	// executes nothing.
	Tables []string
}

// Cloned is what a clone did.
type Cloned struct {
	Branch   ref.Name
	Head     object.Hash
	Height   uint64
	Branches []ref.Branch // of the remote; none if the clone ends at a block
	Lacking  *Partial     // what was left out; nil for nothing
	Tags     []ref.Tag
	Transfer Transfer
}

const (
	// SpoolFolder, in a repository's folder, is for whoever brings objects from elsewhere:
	// what a transfer that was cut has left there spares the next one to ask for it.
	SpoolFolder = "spool"
	lockFile    = "lock"
)

// mayPrecede says whether something may lie in a folder before there is a repository in it.
func mayPrecede(name string) bool { return name == lockFile || name == SpoolFolder }

// Clone makes a repository in fs, an empty folder, of another one: all its branches as
// those of a remote, its tags, and a branch of our own at the head of one of them. Its
// Directory is a fork that the identity owns, and every block is executed again. A clone
// that fails leaves the folder empty.
func Clone(ctx context.Context, fs billy.Filesystem, opts Options, req CloneRequest) (*Repo, Cloned, error) {
	var out Cloned
	if req.Remote == "" {
		req.Remote = DefaultRemote
	}
	if err := req.check(); err != nil {
		return nil, out, err
	}
	if opts.Lock == nil {
		opts.Lock = lock.NewMemory(opts.Who)
	}
	if err := prepareFolder(ctx, fs, opts); err != nil {
		return nil, out, err
	}
	other, err := openRemote(ctx, opts, req.From)
	if err != nil {
		return nil, out, err
	}
	defer other.Close()
	refs, err := other.Refs(ctx)
	if err != nil {
		return nil, out, fmt.Errorf("remote: %w", err)
	}
	cl := cloning{from: other, refs: refs, req: req, out: &out}
	r, err := create(ctx, fs, opts, &cl)
	if err != nil {
		return nil, Cloned{}, err
	}
	_ = fs.Remove(incomingFile)
	return r, out, nil
}

// check refuses a request that makes no sense, and puts the tables in order.
func (req *CloneRequest) check() error {
	if err := req.Remote.Check(); err != nil {
		return err
	}
	req.Tables = slices.Clone(req.Tables)
	slices.Sort(req.Tables)
	return checkTables(req.Tables)
}

// prepareFolder checks that a folder is empty. What a clone left that was stopped, it
// removes.
func prepareFolder(ctx context.Context, fs billy.Filesystem, opts Options) error {
	unlock, err := opts.Lock.Acquire(ctx, opts.Waiting)
	if err != nil {
		return err
	}
	defer unlock()
	if err := checkUnused(fs); err != nil {
		return err
	}
	stopped, err := isIncoming(fs)
	if err != nil {
		return err
	}
	if stopped {
		return removeContents(fs)
	}
	infos, err := fs.ReadDir("")
	if err != nil {
		return ignore(err, os.ErrNotExist)
	}
	for _, info := range infos {
		if !mayPrecede(info.Name()) {
			return fmt.Errorf("%w: the folder holds %q", ErrExists, info.Name())
		}
	}
	return nil
}

// removeContents removes everything from a folder but the lock. The mark of a clone goes
// last: a folder that still has it may be cleaned again.
func removeContents(fs billy.Filesystem) error {
	infos, err := fs.ReadDir("")
	if err != nil {
		return err
	}
	for _, info := range infos {
		if name := info.Name(); !mayPrecede(name) && name != incomingFile {
			err = errors.Join(err, util.RemoveAll(fs, name))
		}
	}
	if err != nil {
		return err
	}
	return ignore(fs.Remove(incomingFile), os.ErrNotExist)
}

// cloning is a clone while it is made.
type cloning struct {
	begun bool
	from  Remote
	refs  RemoteRefs
	req   CloneRequest
	out   *Cloned
}

// genesis implements creation: it forks the other repository's Directory.
func (cl *cloning) genesis(ctx context.Context, r *Repo, w store.Writer, owner branch.Signer) (branch.Block, error) {
	cl.begun = true
	if err := markIncoming(r.fs); err != nil {
		return branch.Block{}, err
	}
	if len(cl.req.Tables) > 0 {
		next := r.config()
		next.Partial = &Partial{Tables: cl.req.Tables}
		r.setConfig(next)
	}
	upstream := &directory.Directory{Lineage: cl.refs.Lineage}
	rc := r.newReceiver(r.ledgerOver(nil, upstream), w, cl.from.Objects())
	if err := rc.take(ctx, cl.refs.Directory); err != nil {
		return branch.Block{}, err
	}
	cl.out.Transfer = rc.Transfer
	for _, id := range rc.blocks {
		b, err := rc.ledger.Block(ctx, id)
		if err == nil {
			err = rc.ledger.Validate(ctx, b)
		}
		if err != nil {
			return branch.Block{}, fmt.Errorf("remote: directory: %w", err)
		}
	}
	upstream, err := r.directories.At(ctx, w, cl.refs.Directory)
	if err != nil {
		return branch.Block{}, err
	}
	nonce, err := r.nonce()
	if err != nil {
		return branch.Block{}, err
	}
	return branch.PutGenesis(w, owner, nonce, r.now(), upstream)
}

// abandon implements creation.
func (cl *cloning) abandon(fs billy.Filesystem) error {
	if !cl.begun {
		return nil
	}
	return removeContents(fs) // all of it is ours
}

// fill implements creation: it takes everything, checks it, and then lets refs lead to it.
func (cl *cloning) fill(ctx context.Context, r *Repo, w store.Writer, l *branch.Ledger, _ branch.Signer) error {
	rc := r.newReceiver(l, w, cl.from.Objects())
	rc.Transfer = cl.out.Transfer
	b, err := cl.start(ctx, rc)
	if err != nil {
		return err
	}
	if err := cl.admit(ctx, r, rc, b); err != nil {
		return err
	}
	tags, _, err := rc.tags(ctx, cl.refs.Tags, func(ref.Name) (object.Hash, bool, error) { return object.Hash{}, false, nil })
	if err != nil {
		return err
	}
	head, err := rc.ledger.Block(ctx, b.Head)
	if err != nil {
		return err
	}
	if err := w.Commit(ctx); err != nil {
		return err
	}
	nonce := r.now()
	own := ref.Branch{
		Name: b.Name, ID: object.BranchID(l.Directory.Genesis, b.Root, string(b.Name), nonce), Root: b.Root, Head: b.Head, Nonce: nonce,
	}
	*cl.out = Cloned{
		Branch: b.Name, Head: head.ID, Height: head.Height, Branches: cl.refs.Branches, Lacking: r.Lacking(), Tags: tags, Transfer: rc.Transfer,
	}
	c := r.config()
	c.Remotes = map[ref.Name]string{cl.req.Remote: cl.req.From}
	r.setConfig(c)
	return cl.setRefs(ctx, r, own, tags)
}

// start chooses the branch that is checked out here, and with it where it ends.
func (cl *cloning) start(ctx context.Context, rc *receiver) (ref.Branch, error) {
	if cl.req.At == "" {
		return cl.branch()
	}
	b, err := cl.at(ctx, rc)
	if err != nil {
		return b, err
	}
	// The remote's branches go on where this clone does not.
	cl.refs.Branches = nil
	return b, nil
}

// admit receives and checks what the clone is to have.
func (cl *cloning) admit(ctx context.Context, r *Repo, rc *receiver, start ref.Branch) error {
	heads := []object.Hash{start.Head}
	for _, b := range cl.refs.Branches {
		heads = append(heads, b.Head)
	}
	if cl.req.Depth > 0 {
		cuts, err := r.admitWithin(ctx, rc, &surroundings{}, cl.req.Depth, heads)
		if err != nil {
			return err
		}
		next := r.config()
		if next.Partial, err = next.Partial.with(cuts); err != nil {
			return err
		}
		r.setConfig(next)
		return nil
	}
	if cl.req.At == "" {
		for _, t := range cl.refs.Tags {
			heads = append(heads, t.Block)
		}
	}
	return r.admitAll(ctx, rc, heads)
}

func (cl *cloning) setRefs(ctx context.Context, r *Repo, own ref.Branch, tags []ref.Tag) error {
	for _, b := range cl.refs.Branches {
		rb := ref.RemoteBranch{Remote: cl.req.Remote, Name: b.Name, Head: b.Head, ID: b.ID, Root: b.Root}
		if err := r.refs.SetRemoteBranch(ctx, ref.RemoteBranch{}, rb); err != nil {
			return err
		}
	}
	for _, t := range tags {
		if err := r.refs.SetTag(ctx, ref.Tag{}, t); err != nil {
			return err
		}
	}
	if err := r.refs.SetBranch(ctx, ref.Branch{}, own); err != nil {
		return err
	}
	return r.refs.SetHead(ctx, ref.Head{}, ref.Head{Branch: own.Name})
}

// branch chooses the remote's branch that is checked out here.
func (cl *cloning) branch() (ref.Branch, error) {
	if cl.req.Branch != "" {
		return branchNamed(cl.refs, cl.req.Branch)
	}
	for _, name := range [...]ref.Name{cl.refs.Head.Branch, DefaultBranch} {
		if b, err := branchNamed(cl.refs, name); err == nil {
			return b, nil
		}
	}
	if len(cl.refs.Branches) == 0 {
		return ref.Branch{}, fmt.Errorf("remote: branch %s: %w", DefaultBranch, ref.ErrNotFound)
	}
	return cl.refs.Branches[0], nil
}
