package repo

import (
	"context"
	"io"
	"iter"

	"aergo/branch"
	"aergo/contract/table"
	"aergo/repo/object"
	"aergo/repo/oplog"
	"aergo/repo/ref"
	rowkey "aergo/repo/state/key"
)

// Door is the list of verbs. Repo implements it in this process; whatever else serves a
// repository implements the same, so that a command need not know where it runs. The
// methods' promises are those of Repo.
type Door interface {
	Reading
	Working
	Branching
	Merging
	Contracting
	Governing
	Sharing
	Submitting
	Caring
	io.Closer
}

// Reading looks at rows and history, and waits for nobody.
type Reading interface {
	Status(ctx context.Context) (Status, error)
	Get(ctx context.Context, tableName, key, at string) (Row, error)
	Rows(ctx context.Context, tableName, at string, fn func(Row) error) error
	Tables(ctx context.Context, at string) ([]Table, error)
	Schema(ctx context.Context, tableName, at string) (*table.Schema, error)
	ParseKey(ctx context.Context, tableName, key string) ([]rowkey.Component, error)
	Resolve(ctx context.Context, rev string) (branch.Block, error)
	Log(ctx context.Context, rev string, limit int, fn func(Block) error) error
	Show(ctx context.Context, rev string) (Block, error)
	Diff(ctx context.Context, from, to, tableName string, fn func(Difference) error) error
	Blame(ctx context.Context, tableName, key, at string) ([]Blamed, error)
	Schedule(ctx context.Context, rev string) (Schedule, error)
	Operations(ctx context.Context) iter.Seq2[oplog.Entry, error]
}

// Working prepares transactions and signs them.
type Working interface {
	Apply(ctx context.Context, verb string, transactions [][]table.Spec) (Prepared, error)
	ApplyLines(ctx context.Context, in io.Reader) (Prepared, error)
	Import(ctx context.Context, in io.Reader, req ImportRequest) (Imported, error)
	Commit(ctx context.Context, req CommitRequest) (Committed, error)
	Revert(ctx context.Context, what, message string) (Committed, error)
	Undo(ctx context.Context) (oplog.Entry, error)
}

// Branching names chains and blocks, and chooses what to work on.
type Branching interface {
	Branches(ctx context.Context) (all []ref.Branch, current ref.Name, err error)
	CreateBranch(ctx context.Context, name ref.Name, at string) (ref.Branch, error)
	FoundBranch(ctx context.Context, name ref.Name, at, logic string) (ref.Branch, error)
	MergeLogic(ctx context.Context, name ref.Name) (*MergeLogic, error)
	DeleteBranch(ctx context.Context, name ref.Name, force bool) (ref.Branch, error)
	Tags(ctx context.Context) ([]ref.Tag, error)
	CreateTag(ctx context.Context, name ref.Name, at, message string) (ref.Tag, error)
	DeleteTag(ctx context.Context, name ref.Name) (ref.Tag, error)
	Checkout(ctx context.Context, name ref.Name) (Checkout, error)
	CheckoutNew(ctx context.Context, name ref.Name, at string) (Checkout, error)
}

// Merging brings transactions from one branch to another, and accounts for them.
type Merging interface {
	Merge(ctx context.Context, req MergeRequest) (Merged, error)
	CherryPick(ctx context.Context, what, message string) (Merged, error)
	Excluded(ctx context.Context, rev string, fn func(Exclusion) error) error
	ReplayExcluded(ctx context.Context, what, message string) (Merged, error)
	DropExcluded(ctx context.Context, what, message string) (Merged, error)
	Repair(ctx context.Context, req RepairRequest) (Repaired, error)
	Conflicts(ctx context.Context, rev string, fn func(Conflict) error) error
	InTheWay(ctx context.Context, m Merged, limit int) ([]Conflict, error)
	Transaction(ctx context.Context, what string) (Story, error)
	Why(ctx context.Context, what string) (Story, error)
}

// Contracting stores the rules by which conflicts are decided.
type Contracting interface {
	SetContract(ctx context.Context, name string, source []byte) (Prepared, error)
	Contract(ctx context.Context, name, at string) (Contract, error)
	Contracts(ctx context.Context, at string, fn func(Contract) error) error
}

// Governing says who may do what.
type Governing interface {
	Directory(ctx context.Context) (DirectoryInfo, error)
	ChangeDirectory(ctx context.Context, req DirectoryChange) (DirectoryChanged, error)
}

// Sharing works with other repositories.
type Sharing interface {
	Remotes(ctx context.Context) ([]RemoteInfo, error)
	AddRemote(ctx context.Context, name ref.Name, url string) error
	RemoveRemote(ctx context.Context, name ref.Name) (RemoteInfo, error)
	Fetch(ctx context.Context, remote string, branch ref.Name) (Fetched, error)
	Deepen(ctx context.Context, req DeepenRequest) (Fetched, error)
	Pull(ctx context.Context, req PullRequest) (Pulled, error)
	Push(ctx context.Context, req PushRequest) (Pushed, error)
}

// Submitting hands signed batches to branches, and takes them.
type Submitting interface {
	SubmitLines(ctx context.Context, in io.Reader, req SubmitRequest) (SubmittedLines, error)
	Followed(ctx context.Context, remote string, name ref.Name, batch object.Hash, wait bool) (Submitted, error)
	Submitter
}

// Caring checks a repository and keeps it small.
type Caring interface {
	Verify(ctx context.Context, req VerifyRequest) (Verified, error)
	Fsck(ctx context.Context) (FsckReport, error)
	GC(ctx context.Context) (GCReport, error)
}

var _ Door = (*Repo)(nil)
