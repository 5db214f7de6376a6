package repo

import (
	"context"
	"errors"

	"github.com/go-git/go-billy/v5"

	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/ref"
)

var (
	// ErrNoRemote says that there is no remote of this name, nor a repository at this path.
	ErrNoRemote = errors.New("remote not found")
	// ErrRemoteExists says that a remote has this name already.
	ErrRemoteExists = errors.New("remote exists already")
)

// Remote is another repository as this one talks to it. One on the same file system is
// opened by Options.OpenPath; a transport over a network implements the same.
type Remote interface {
	// Refs says whose the repository is, and where it stands.
	Refs(ctx context.Context) (RemoteRefs, error)
	// Objects gives its objects. Nothing that they hold is trusted: hashes, signatures and
	// blocks are checked by the side that receives.
	Objects() Source
	// Merge asks the repository to take what the head leads to from the source, as far as
	// it lacks it, and to merge it into a branch of its own.
	Merge(ctx context.Context, from Source, req RemoteMerge) (RemoteMerged, error)
	// Close ends the conversation.
	Close() error
}

// Source gives objects by hash. It is safe for concurrent use.
type Source interface {
	// Get returns the bytes of an object, which the caller must not change.
	Get(ctx context.Context, h object.Hash) ([]byte, error)
	// Seal returns the seal beside an object, nil if it has none.
	Seal(ctx context.Context, h object.Hash) ([]byte, error)
}

// RemoteRefs is where another repository stands.
type RemoteRefs struct {
	Directory object.Hash
	Lineage   object.Hash
	Head      ref.Head
	Branches  []ref.Branch
	Tags      []ref.Tag
}

// RemoteMerge is what one repository asks another to merge.
type RemoteMerge struct {
	Branch  ref.Name // target there; made if there is none
	Head    object.Hash
	Tags    []ref.Tag // to be copied there
	Mode    object.Mode
	Strict  bool
	Message string
}

// RemoteMerged is the answer to it.
type RemoteMerged struct {
	Merged   Merged
	Branch   ref.Branch // afterwards
	Created  bool
	Tags     []ref.Tag // copied
	Refused  []TagConflict
	Transfer Transfer
}

// Transfer counts what went from one repository to another.
type Transfer struct {
	Objects uint64
	Bytes   uint64 // plain, before compression
	Blocks  uint64 // of the objects
}

// TagConflict is a tag that was not copied, since the other side has one of its name that
// names something else.
type TagConflict struct {
	Name         ref.Name
	Ours, Theirs object.Hash // the blocks
}

// RemoteInfo is a remote in the configuration.
type RemoteInfo struct {
	Name     ref.Name
	URL      string
	Branches []ref.RemoteBranch // as last seen
}

// FetchedBranch is what became of one branch of a remote.
type FetchedBranch struct {
	Name   ref.Name
	Before object.Hash // zero if it was not known
	Head   object.Hash
}

// Fetched is what a fetch did.
type Fetched struct {
	Remote    ref.Name // empty for a repository that is named by its path only
	Branches  []FetchedBranch
	Tags      []ref.Tag // that are new here
	Conflicts []TagConflict
	Transfer  Transfer
}

// PullRequest says what to pull, and how to merge it.
type PullRequest struct {
	Remote  string   // a remote's name, or a path; empty for "origin"
	Branch  ref.Name // there; empty for the name of the branch that is checked out
	Mode    object.Mode
	Strict  bool
	Message string
}

// Pulled is what a pull did.
type Pulled struct {
	Merged
	Fetched Fetched
}

// PushRequest says what to push, and how it is to be merged.
type PushRequest struct {
	Remote  string   // a remote's name, or a path; empty for "origin"
	Branch  ref.Name // there; empty for the name of the branch that is checked out
	Mode    object.Mode
	Strict  bool
	Message string
}

// Pushed is what a push did. The account in Merged is the other side's: Target is its
// branch, Block that branch's head afterwards.
type Pushed struct {
	Merged
	Remote     ref.Name // empty for a repository that is named by its path only
	Created    bool     // the branch was not there before
	LocalMoved bool     // the local branch went forward to the merge that the remote made
	Tags       []ref.Tag
	Conflicts  []TagConflict
	Transfer   Transfer
}

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
	Branches []ref.Branch
	Tags     []ref.Tag
	Transfer Transfer
}

var errTODO = errors.New("not written yet")

// Remotes returns the remotes, by name.
func (r *Repo) Remotes(ctx context.Context) ([]RemoteInfo, error) { return nil, errTODO }

// AddRemote gives a repository elsewhere a name. It need not exist yet.
func (r *Repo) AddRemote(ctx context.Context, name ref.Name, url string) error { return errTODO }

// RemoveRemote forgets a remote and its branches, as last seen.
func (r *Repo) RemoveRemote(ctx context.Context, name ref.Name) (RemoteInfo, error) {
	return RemoteInfo{}, errTODO
}

// Fetch brings what a remote's branches lead to, or one branch if it is named, and its
// tags. No branch of this repository moves.
func (r *Repo) Fetch(ctx context.Context, remote string, branch ref.Name) (Fetched, error) {
	return Fetched{}, errTODO
}

// Pull fetches a branch and merges it into the one that is checked out.
func (r *Repo) Pull(ctx context.Context, req PullRequest) (Pulled, error) { return Pulled{}, errTODO }

// Push asks a remote to merge what is checked out into a branch of its own.
func (r *Repo) Push(ctx context.Context, req PushRequest) (Pushed, error) { return Pushed{}, errTODO }

// Clone makes a repository in fs, an empty folder, with the branches and tags of another.
func Clone(ctx context.Context, fs billy.Filesystem, opts Options, req CloneRequest) (*Repo, Cloned, error) {
	return nil, Cloned{}, errTODO
}

var _ = key.Public{}
