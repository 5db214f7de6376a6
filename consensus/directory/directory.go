// Package directory is a repository's Distributed Directory: who owns the repository and
// who may write to it.
//
// A Directory is a chain of its own. This version knows its first block only: the genesis,
// whose producer is the owner and the only delegate. The genesis of a new ledger names no
// lineage, and its own hash becomes the lineage; the genesis of a clone is a fork: it
// names the lineage that it shares and the Directory that it was cloned from.
//
// The package refuses to hold keys or to decide about blocks; it only says whose word counts.
package directory

import (
	"context"
	"errors"
	"fmt"

	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/store"
)

// ErrInvalid is wrapped when a genesis breaks a rule.
var ErrInvalid = errors.New("invalid directory")

// maxForks bounds the chain of forks of forks that Load follows.
const maxForks = 64

// NonceSize is the length of the random bytes that make a genesis unlike any other.
const NonceSize = 16

// Directory is who a repository belongs to.
type Directory struct {
	ID       object.Hash // of its genesis
	Lineage  object.Hash // shared by all forks
	Owner    object.Identity
	Upstream []Owned // the Directories that it was forked from, nearest first
}

// Owned is a Directory's id and owner.
type Owned struct {
	ID    object.Hash
	Owner object.Identity
}

// Genesis returns the first header of a Directory. upstream is nil for a new ledger. The
// caller signs the header and stores it with the empty trees that it names.
func Genesis(owner object.Identity, nonce [NonceSize]byte, timeMillis uint64, upstream *Directory, empty Roots) *object.Header {
	h := &object.Header{
		TimeMillis: timeMillis, Producer: owner, Consensus: nonce[:],
		State: empty.State, Account: empty.State, Entries: empty.Body, Tree: empty.Tree, Receipts: empty.Receipts,
		Delegates: Delegates(owner), NextDelegates: Delegates(owner),
	}
	if upstream != nil {
		h.Lineage, h.Directory = upstream.Lineage, upstream.ID
	}
	return h
}

// Roots are the records of a block in which nothing happens.
type Roots struct{ State, Body, Tree, Receipts object.Hash }

// Delegates returns the hash by which headers name a set of one delegate.
func Delegates(owner object.Identity) object.Hash {
	b := object.AppendArray(nil, 1)
	return object.Sum(object.AppendBytes(b, owner.Key[:]))
}

// Load reads the Directory whose genesis is id, and those it was forked from, and checks
// their seals.
func Load(ctx context.Context, objects store.Reader, id object.Hash) (*Directory, error) {
	d := &Directory{ID: id}
	for at := id; ; {
		h, err := genesis(ctx, objects, at)
		if err != nil {
			return nil, fmt.Errorf("directory %s: %w", at.Short(), err)
		}
		if at == id {
			d.Owner = h.Producer
		} else {
			d.Upstream = append(d.Upstream, Owned{ID: at, Owner: h.Producer})
		}
		if h.Directory.IsZero() {
			d.Lineage = at
			return d, nil
		}
		if len(d.Upstream) == maxForks {
			return nil, fmt.Errorf("directory %s: %w: more than %d forks", id.Short(), ErrInvalid, maxForks)
		}
		at = h.Directory
	}
}

// genesis loads one genesis and checks it. Every genesis of a lineage signs for the
// lineage that it names; the first one, which is the lineage, for its own hash.
func genesis(ctx context.Context, objects store.Reader, id object.Hash) (*object.Header, error) {
	data, err := objects.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	h, err := object.DecodeHeader(data)
	if err != nil {
		return nil, err
	}
	if !h.Branch.IsZero() || !h.Parent.IsZero() || h.Lineage.IsZero() != h.Directory.IsZero() || len(h.Consensus) != NonceSize {
		return nil, fmt.Errorf("%w: not a genesis", ErrInvalid)
	}
	if h.Delegates != Delegates(h.Producer) {
		return nil, fmt.Errorf("%w: its delegates are not its producer", ErrInvalid)
	}
	lineage := h.Lineage
	if lineage.IsZero() {
		lineage = id
	}
	seal, err := objects.Seal(ctx, id)
	if err != nil {
		return nil, err
	}
	sig, err := key.SignatureFromBytes(seal)
	if err != nil {
		return nil, err
	}
	return h, key.Verify(key.Public(h.Producer.Key), key.DomainBlock, lineage, id, sig)
}

// MayWrite says whether the holder of a key may write to the repository's branches.
func (d *Directory) MayWrite(k [object.PublicSize]byte) bool { return d.Owner.Key == k }

// Producer returns the delegate that seals blocks which cite the Directory named id: the
// owner of this Directory or of one that it was forked from.
func (d *Directory) Producer(id object.Hash) (object.Identity, bool) {
	if id == d.ID {
		return d.Owner, true
	}
	for _, up := range d.Upstream {
		if up.ID == id {
			return up.Owner, true
		}
	}
	return object.Identity{}, false
}

// Native says whether a block that cites the Directory named id and was made by producer
// may stand in this repository's own chains: this Directory or one upstream answers for
// it; or its producer owns one of them, and made the block in another clone of the
// lineage. Any other block is foreign: its transactions come in only by a merge.
func (d *Directory) Native(id object.Hash, producer [object.PublicSize]byte) bool {
	if who, ok := d.Producer(id); ok {
		return who.Key == producer
	}
	if d.MayWrite(producer) {
		return true
	}
	for _, up := range d.Upstream {
		if up.Owner.Key == producer {
			return true
		}
	}
	return false
}
