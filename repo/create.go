package repo

import (
	"context"
	"errors"

	"github.com/go-git/go-billy/v5"

	"aergo/branch"
	"aergo/consensus/directory"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/store"
)

// Init makes a new repository in fs: a Directory owned by the identity, and the branch
// master with an empty root block.
func Init(ctx context.Context, fs billy.Filesystem, opts Options) (*Repo, error) {
	return create(ctx, fs, opts, founding{})
}

// creation is what makes a new repository this one or that one.
type creation interface {
	// genesis writes the first block of the Directory.
	genesis(ctx context.Context, r *Repo, w store.Writer, owner branch.Signer) (branch.Block, error)
	// fill writes the first objects, commits them, and sets the first refs.
	fill(ctx context.Context, r *Repo, w store.Writer, l *branch.Ledger, owner branch.Signer) error
	// abandon cleans up after a failure.
	abandon(fs billy.Filesystem) error
}

// create makes a repository's folder. The configuration is written last: until then there
// is no repository.
func create(ctx context.Context, fs billy.Filesystem, opts Options, made creation) (_ *Repo, err error) {
	if err := checkUnused(fs); err != nil {
		return nil, err
	}
	r, err := open(fs, opts, config{Version: FormatVersion, Owner: opts.Identity})
	if err != nil {
		return nil, err
	}
	unlock, err := r.acquire(ctx)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	defer unlock()
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close(), made.abandon(fs))
		}
	}()
	if err := checkUnused(fs); err != nil { // now that nobody else is at it
		return nil, err
	}
	owner, err := r.signer(ctx, opts.Identity)
	if err != nil {
		return nil, err
	}
	disk, err := r.objects()
	if err != nil {
		return nil, err
	}
	w, err := disk.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer w.Rollback()
	block, err := made.genesis(ctx, r, w, owner)
	if err != nil {
		return nil, err
	}
	c := r.config()
	c.Directory = block.ID
	r.setConfig(c)
	dir, err := directory.Load(ctx, w, block.ID)
	if err != nil {
		return nil, err
	}
	l := r.ledgerOver(disk, dir)
	if err := made.fill(ctx, r, w, l, owner); err != nil {
		return nil, err
	}
	if err := writeConfig(fs, r.config()); err != nil {
		return nil, err
	}
	r.loaded.Store(l)
	return r, nil
}

// founding is the creation of a new ledger.
type founding struct{}

func (founding) genesis(_ context.Context, r *Repo, w store.Writer, owner branch.Signer) (branch.Block, error) {
	nonce, err := r.nonce()
	if err != nil {
		return branch.Block{}, err
	}
	return branch.PutGenesis(w, owner, nonce, r.now(), nil)
}

func (founding) fill(ctx context.Context, r *Repo, w store.Writer, l *branch.Ledger, owner branch.Signer) error {
	nonce := r.now()
	// A root block is not known before its branch's id, nor the id before the block:
	// the id of a branch that begins with a block of its own covers the zero hash.
	id := object.BranchID(l.Directory.Genesis, object.Hash{}, string(DefaultBranch), nonce)
	root, err := l.PutRoot(ctx, w, id, r.now(), owner)
	if err != nil {
		return err
	}
	if err := w.Commit(ctx); err != nil {
		return err
	}
	// An init that was stopped may have got so far before.
	before, err := r.refs.Branch(ctx, DefaultBranch)
	if err = ignore(err, ref.ErrNotFound); err != nil {
		return err
	}
	b := ref.Branch{Name: DefaultBranch, ID: id, Root: root.ID, Head: root.ID, Nonce: nonce}
	if err := r.refs.SetBranch(ctx, before, b); err != nil {
		return err
	}
	h, err := r.refs.Head(ctx)
	if err = ignore(err, ref.ErrNotFound); err != nil {
		return err
	}
	return r.refs.SetHead(ctx, h, ref.Head{Branch: DefaultBranch})
}

// abandon leaves what is there to the next try: it is no repository, and does no harm.
func (founding) abandon(billy.Filesystem) error { return nil }
