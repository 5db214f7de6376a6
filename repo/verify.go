package repo

import (
	"context"

	"aergo/repo/object"
)

// VerifyRequest says what to verify.
type VerifyRequest struct {
	All bool   // everything that branches and tags lead to
	Rev string // otherwise what this leads to; empty for what is checked out
}

// Verified counts what a verification went through and found good.
type Verified struct {
	Blocks       uint64 // executed again
	Foreign      uint64 // of other repositories: hashes, links and signatures only
	Transactions uint64
	Signatures   uint64
	Excluded     uint64
	Tags         uint64
}

// Verify executes every block again, from the root, ancestors first and each once. The
// first fault ends it: the error names the block and wraps branch.ErrInvalid or
// store.ErrCorrupt. progress may be nil.
func (r *Repo) Verify(ctx context.Context, req VerifyRequest) (Verified, error) {
	return Verified{}, errTODO
}

// Problem is one fault of what is stored.
type Problem struct {
	File   string // in the repository's folder
	Offset int64  // in bytes; -1 if it is about the whole file, or none
	What   string
	Object object.Hash // zero if no object is known to be bad
}

// FsckReport is the state of what is stored.
type FsckReport struct {
	Packs, Objects uint64
	Bytes          uint64 // of packs and indexes
	TornBytes      uint64 // left by a crash, of no harm
	Reachable      uint64 // objects that something leads to
	Refs           uint64
	Pools          uint64
	Operations     uint64
	Problems       []Problem
}

// Fsck reads every byte that is stored, and says what is damaged or missing. It changes
// nothing.
func (r *Repo) Fsck(ctx context.Context) (FsckReport, error) { return FsckReport{}, errTODO }
