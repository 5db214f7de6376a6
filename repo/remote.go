package repo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/state"
	"aergo/repo/store"
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

// PackedSource is a Source that may have objects compressed, as they are stored or as they
// came, so that they need not be compressed again.
type PackedSource interface {
	Source
	// Packed returns an object as one zstd frame (RFC 8878, no dictionary), and its plain size;
	// nil if it is not at hand like that, or has a seal. The bytes are the caller's. Nothing of
	// them is trusted.
	Packed(ctx context.Context, h object.Hash) (zstd []byte, sizeBytes int)
}

// Gatherer is a Source from which it is slow to ask for one object after the other. It is
// told before a walk where that begins, so that it can fetch ahead what will be asked for.
type Gatherer interface {
	Source
	// Gather brings near what will be walked. It may leave out what it cannot get or read:
	// Get tells. It stores nothing here, and nothing that it brings is believed.
	Gather(ctx context.Context, w Walk) error
}

// Walk is what is about to be asked for: what some objects lead to, and is not known.
type Walk struct {
	Heads []object.Hash // blocks, or objects that lead to nothing
	Parts []object.Hash // of blocks: their accounts, trees and receipts
	// States and Bodies are parts of blocks, too.
	States, Bodies []object.Hash

	Known func(ctx context.Context, h object.Hash) (bool, error)
	// Headers says that blocks lead to nothing but the headers of other blocks.
	Headers bool
	// Rebuilt says that blocks lead neither to states nor to accounts, but those of Directories:
	// executing the blocks makes them.
	Rebuilt bool
	// Rows are the keys of the rows that are wanted, nil for all of them. If it is set, batches
	// lead to no transactions, and blocks neither to trees nor to receipts.
	Rows []state.Span
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

// DefaultRemote is what a clone calls the repository that it came from, and where fetch,
// pull and push go if no remote is named.
const DefaultRemote ref.Name = "origin"

// Remotes returns the remotes, by name.
func (r *Repo) Remotes(ctx context.Context) ([]RemoteInfo, error) {
	c, err := readConfig(r.fs)
	if err != nil {
		return nil, err
	}
	var all []RemoteInfo
	for _, name := range slices.Sorted(maps.Keys(c.Remotes)) {
		branches, err := r.refs.RemoteBranches(ctx, name)
		if err != nil {
			return nil, err
		}
		all = append(all, RemoteInfo{Name: name, URL: c.Remotes[name], Branches: branches})
	}
	return all, nil
}

// AddRemote gives a repository elsewhere a name. It need not exist yet.
func (r *Repo) AddRemote(ctx context.Context, name ref.Name, url string) error {
	if err := name.Check(); err != nil {
		return err
	}
	if url == "" || !utf8.ValidString(url) || strings.ContainsFunc(url, unicode.IsControl) {
		return fmt.Errorf("remote %s: %w: not an address: %q", name, ref.ErrBadName, url)
	}
	return r.write(ctx, "remote", func(c *change) error {
		next, err := r.editConfig()
		if err != nil {
			return err
		}
		if _, taken := next.Remotes[name]; taken {
			return fmt.Errorf("remote %s: %w", name, ErrRemoteExists)
		}
		next.Remotes[name] = url
		c.config = &next
		return nil
	})
}

// RemoveRemote forgets a remote and its branches, as last seen.
func (r *Repo) RemoveRemote(ctx context.Context, name ref.Name) (RemoteInfo, error) {
	var out RemoteInfo
	err := r.write(ctx, "remote", func(c *change) error {
		next, err := r.editConfig()
		if err != nil {
			return err
		}
		url, known := next.Remotes[name]
		if !known {
			return fmt.Errorf("remote %q: %w", name, ErrNoRemote)
		}
		out = RemoteInfo{Name: name, URL: url}
		if out.Branches, err = r.refs.RemoteBranches(ctx, name); err != nil {
			return err
		}
		for _, b := range out.Branches {
			c.setRemote(b, ref.RemoteBranch{})
		}
		delete(next.Remotes, name)
		c.config = &next
		return nil
	})
	return out, err
}

// editConfig returns the configuration as it stands in the file, since another process may
// have changed it, to be changed.
func (r *Repo) editConfig() (config, error) {
	c, err := readConfig(r.fs)
	if err != nil {
		return config{}, err
	}
	r.setConfig(c)
	c.Remotes = maps.Clone(c.Remotes)
	if c.Remotes == nil {
		c.Remotes = map[ref.Name]string{}
	}
	return c, nil
}

// dial opens a remote by its name, or a repository by its path. The name is empty if no
// remote is at that path.
func (r *Repo) dial(ctx context.Context, remote string) (Remote, ref.Name, error) {
	if remote == "" {
		remote = string(DefaultRemote)
	}
	c, err := readConfig(r.fs)
	if err != nil {
		return nil, "", err
	}
	name := ref.Name(remote)
	url, named := c.Remotes[name]
	if !named {
		name, url = "", remote
		for _, n := range slices.Sorted(maps.Keys(c.Remotes)) {
			if c.Remotes[n] == remote {
				name = n
				break
			}
		}
	}
	opened, err := openRemote(ctx, r.opts, url)
	if err != nil && !named && errors.Is(err, ErrNoRemote) {
		err = fmt.Errorf("%w: no remote has this name, and no repository is at this path", err)
	}
	return opened, name, err
}

func openRemote(ctx context.Context, opts Options, url string) (Remote, error) {
	if scheme, _, ok := strings.Cut(url, "://"); ok && scheme != "file" && opts.Dial != nil {
		other, err := opts.Dial(ctx, url)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", url, err)
		}
		return other, nil
	}
	if opts.OpenPath == nil {
		return nil, fmt.Errorf("%q: %w", url, ErrNoRemote)
	}
	other, err := opts.OpenPath(ctx, url)
	if errors.Is(err, ErrNoRepository) {
		return nil, fmt.Errorf("%q: %w: %w", url, ErrNoRemote, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%q: %w", url, err)
	}
	return local{other}, nil
}

// AsRemote returns a repository as others talk to it. Closing it closes the repository.
func AsRemote(r *Repo) Remote { return local{r} }

// local is a Remote on the same machine.
type local struct{ repo *Repo }

// Refs implements Remote.
func (l local) Refs(ctx context.Context) (RemoteRefs, error) { return l.repo.Offer(ctx) }

// Objects implements Remote.
func (l local) Objects() Source { return offered(l) }

// Merge implements Remote.
func (l local) Merge(ctx context.Context, from Source, req RemoteMerge) (RemoteMerged, error) {
	return l.repo.Receive(ctx, from, req)
}

// Close implements Remote.
func (l local) Close() error { return l.repo.Close() }

// offered is a repository's objects, opened when they are first asked for.
type offered struct{ repo *Repo }

// Get implements Source.
func (o offered) Get(ctx context.Context, h object.Hash) ([]byte, error) {
	l, err := o.repo.ledger(ctx)
	if err != nil {
		return nil, err
	}
	return l.Objects.Get(ctx, h)
}

// Packed implements PackedSource.
func (o offered) Packed(ctx context.Context, h object.Hash) (zstd []byte, sizeBytes int) {
	l, err := o.repo.ledger(ctx)
	if err != nil {
		return nil, 0
	}
	if packed, ok := l.Objects.(store.PackedReader); ok {
		return packed.Packed(ctx, h)
	}
	return nil, 0
}

// Seal implements Source.
func (o offered) Seal(ctx context.Context, h object.Hash) ([]byte, error) {
	l, err := o.repo.ledger(ctx)
	if err != nil {
		return nil, err
	}
	return l.Objects.Seal(ctx, h)
}

// Offer says where this repository stands, to another one.
func (r *Repo) Offer(ctx context.Context) (RemoteRefs, error) {
	l, err := r.ledger(ctx)
	if err != nil {
		return RemoteRefs{}, err
	}
	out := RemoteRefs{Directory: l.Directory.ID, Lineage: l.Directory.Lineage}
	if out.Head, err = r.refs.Head(ctx); err != nil {
		return RemoteRefs{}, err
	}
	if out.Branches, err = r.refs.Branches(ctx); err != nil {
		return RemoteRefs{}, err
	}
	out.Tags, err = r.refs.Tags(ctx)
	return out, err
}
