package repo

import (
	"context"
	"errors"
	"fmt"
	"os"

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
}

// Cloned is what a clone did.
type Cloned struct {
	Branch   ref.Name
	Head     object.Hash
	Height   uint64
	Branches []ref.Branch // of the remote
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
	if err := req.Remote.Check(); err != nil {
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
	b, err := cl.branch()
	if err != nil {
		return err
	}
	rc := r.newReceiver(l, w, cl.from.Objects())
	rc.Transfer = cl.out.Transfer
	var heads []object.Hash
	for _, b := range cl.refs.Branches {
		heads = append(heads, b.Head)
	}
	for _, t := range cl.refs.Tags {
		heads = append(heads, t.Block)
	}
	if err := r.admit(ctx, rc, heads...); err != nil {
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
		Branch: b.Name, Head: head.ID, Height: head.Height, Branches: cl.refs.Branches, Tags: tags, Transfer: rc.Transfer,
	}
	r.config.Remotes = map[ref.Name]string{cl.req.Remote: cl.req.From}
	return cl.setRefs(ctx, r, own, tags)
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
