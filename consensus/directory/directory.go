// Package directory is a repository's Distributed Directory: who owns the repository, whose
// keys count, and who may do what.
//
// A Directory is a chain of its own. Its first block is the genesis, whose producer is the
// owner and the only delegate. The genesis of a new ledger names no lineage, and its own hash
// becomes the lineage; the genesis of a clone is a fork: it names the lineage that it shares
// and the block of the Directory that it was cloned from. Later blocks take batches like those
// of any branch; what they may do to the rows of its tables is the system contract of this
// package (Check). DIRECTORY.md specifies the tables and the rules.
//
// The package refuses to hold keys, to execute blocks and to know branches by more than their
// names; it only says whose word counts.
package directory

import (
	"aergo/repo/object"
)

// NonceSize is the length of the random bytes that make a genesis unlike any other.
const NonceSize = 16

// Directory is a repository's Directory at one of its blocks. It is immutable.
type Directory struct {
	ID       object.Hash // of the block
	Genesis  object.Hash // of the chain that the block is in
	Height   uint64
	Lineage  object.Hash // shared by all forks
	Founder  object.Identity
	Owner    object.Identity // with the key that is current: who seals blocks
	Upstream *Directory      // what this one was forked from; nil for the first of a lineage
	View
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

// Permission is what a key may do with a branch, at time atMillis. The owner may do all.
func (d *Directory) Permission(k Key, branch string, atMillis uint64) Permission {
	if k == d.Owner.Key {
		return Admin
	}
	return d.View.Permission(k, branch, atMillis)
}

// MayWrite says whether the holder of a key may write to every branch of the repository.
func (d *Directory) MayWrite(k Key, atMillis uint64) bool {
	return d.Permission(k, AnyBranch, atMillis) >= Write
}

// Answers returns the Directory, this one or one upstream, whose chain begins with a genesis;
// nil if none does.
func (d *Directory) Answers(genesis object.Hash) *Directory {
	for at := d; at != nil; at = at.Upstream {
		if at.Genesis == genesis {
			return at
		}
	}
	return nil
}

// Native says whether a block that cites a Directory and was made by producer may stand in
// the own chains of the repository of this one: this Directory's chain or one upstream
// answers for it; or its producer owns one of them, and made the block in another clone of
// the lineage. Any other block is foreign: its transactions come in only by a merge.
func (d *Directory) Native(cited *Directory, producer Key) bool {
	if d.Answers(cited.Genesis) != nil {
		return cited.Owner.Key == producer
	}
	for at := d; at != nil; at = at.Upstream {
		if at.Owner.Key == producer {
			return true
		}
	}
	return false
}
