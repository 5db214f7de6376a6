package ref

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"

	"github.com/go-git/go-billy/v5"
)

var (
	// ErrNotFound is wrapped when a ref does not exist.
	ErrNotFound = errors.New("not found")
	// ErrExists is wrapped when a ref that is to be made exists.
	ErrExists = errors.New("exists already")
	// ErrConflict is wrapped when a ref is not what the caller expected it to be.
	ErrConflict = errors.New("changed in the meantime")
	// ErrDamaged is wrapped when a file is not what the Store would have written. The
	// message names the file.
	ErrDamaged = errors.New("damaged")
)

// Store holds the refs of one repository. It is safe for concurrent use, and caches
// nothing. Each method does a handful of operations on small files.
//
// The Set methods take the record that they replace: the zero record if the ref must not
// exist yet (ErrExists if it does); otherwise the ref must be exactly old (ErrConflict if
// it is not, ErrNotFound if it is gone). old and new must have the same name. When Set or
// Delete returns nil the change is durable; when it returns an error of the filesystem
// the ref has its old value or its new one, whole in either case.
type Store struct {
	fs billy.Filesystem

	change sync.Mutex   // held by one writer over the whole of its compare-and-set
	files  sync.RWMutex // held by a writer only for the moment in which names change
}

// NewStore returns the store in the root of fs, whose folders are made when they are
// needed. On disk, fs must be osfs.New(dir, osfs.WithBoundOS()): other kinds hide Sync,
// and then nothing is durable.
func NewStore(fs billy.Filesystem) *Store { return &Store{fs: fs} }

// Branch returns a branch, or an error that wraps ErrNotFound, ErrBadName or ErrDamaged.
func (s *Store) Branch(ctx context.Context, name Name) (Branch, error) {
	return get(ctx, s, Branch{Name: name}, parseBranch)
}

// Branches returns all branches, by name. A damaged file does not hide the others: the
// result holds every branch that is sound, and the error names every file that is not.
func (s *Store) Branches(ctx context.Context) ([]Branch, error) {
	return list(ctx, s, branchesFolder, parseBranch, func(n Name) Branch { return Branch{Name: n} })
}

// SetBranch replaces old by new; see Store.
func (s *Store) SetBranch(ctx context.Context, old, new Branch) error {
	return set(ctx, s, old, new, parseBranch)
}

// DeleteBranch removes a branch that must be exactly old.
func (s *Store) DeleteBranch(ctx context.Context, old Branch) error {
	return remove(ctx, s, old, parseBranch)
}

// Tag returns a tag, or an error that wraps ErrNotFound, ErrBadName or ErrDamaged.
func (s *Store) Tag(ctx context.Context, name Name) (Tag, error) {
	return get(ctx, s, Tag{Name: name}, parseTag)
}

// Tags returns all tags, as Branches does.
func (s *Store) Tags(ctx context.Context) ([]Tag, error) {
	return list(ctx, s, tagsFolder, parseTag, func(n Name) Tag { return Tag{Name: n} })
}

// SetTag replaces old by new; see Store.
func (s *Store) SetTag(ctx context.Context, old, new Tag) error {
	return set(ctx, s, old, new, parseTag)
}

// DeleteTag removes a tag that must be exactly old.
func (s *Store) DeleteTag(ctx context.Context, old Tag) error { return remove(ctx, s, old, parseTag) }

// RemoteBranch returns a branch of a remote, or an error that wraps ErrNotFound,
// ErrBadName or ErrDamaged.
func (s *Store) RemoteBranch(ctx context.Context, remote, name Name) (RemoteBranch, error) {
	return get(ctx, s, RemoteBranch{Remote: remote, Name: name}, parseRemote)
}

// RemoteBranches returns all branches of one remote, as Branches does.
func (s *Store) RemoteBranches(ctx context.Context, remote Name) ([]RemoteBranch, error) {
	if err := remote.Check(); err != nil {
		return nil, err
	}
	return list(ctx, s, remotesFolder+"/"+string(remote), parseRemote,
		func(n Name) RemoteBranch { return RemoteBranch{Remote: remote, Name: n} })
}

// Remotes returns the names of the remotes that have at least one branch here, sorted.
func (s *Store) Remotes(ctx context.Context) ([]Name, error) {
	folders, err := s.entries(ctx, remotesFolder)
	if err != nil {
		return nil, err
	}
	var remotes []Name
	for _, folder := range folders {
		files, err := s.entries(ctx, remotesFolder+"/"+folder)
		if err != nil {
			return nil, err
		}
		if len(files) > 0 && Name(folder).Check() == nil {
			remotes = append(remotes, Name(folder))
		}
	}
	return remotes, nil
}

// SetRemoteBranch replaces old by new; see Store.
func (s *Store) SetRemoteBranch(ctx context.Context, old, new RemoteBranch) error {
	return set(ctx, s, old, new, parseRemote)
}

// DeleteRemoteBranch removes a branch of a remote that must be exactly old.
func (s *Store) DeleteRemoteBranch(ctx context.Context, old RemoteBranch) error {
	return remove(ctx, s, old, parseRemote)
}

// Head returns what is checked out; the error wraps ErrNotFound in a new repository, or
// ErrDamaged.
func (s *Store) Head(ctx context.Context) (Head, error) { return get(ctx, s, Head{}, parseHead) }

// SetHead replaces old by new; see Store.
func (s *Store) SetHead(ctx context.Context, old, new Head) error {
	return set(ctx, s, old, new, parseHead)
}

// Clean removes what interrupted changes left behind and returns how many files that
// were. The caller holds the repository's lock.
func (s *Store) Clean(ctx context.Context) (int, error) {
	s.change.Lock()
	defer s.change.Unlock()
	folders := []string{".", branchesFolder, tagsFolder}
	remotes, err := s.entries(ctx, remotesFolder)
	if err != nil {
		return 0, err
	}
	for _, r := range remotes {
		folders = append(folders, remotesFolder+"/"+r)
	}
	removed := 0
	for _, folder := range folders {
		infos, err := s.readDir(folder)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return removed, fmt.Errorf("clean refs: %w", err)
		}
		for _, info := range infos {
			if !strings.HasPrefix(info.Name(), tempPrefix) || info.IsDir() {
				continue
			}
			if err := s.unlink(folder + "/" + info.Name()); err != nil {
				return removed, fmt.Errorf("clean refs: %w", err)
			}
			removed++
		}
	}
	return removed, nil
}

// get reads the ref that has the name of want.
func get[R record](ctx context.Context, s *Store, want R, parse func(*reader) R) (R, error) {
	var none R
	// The zero Head is the question for HEAD, though not a record that may be stored.
	if err := want.check(); err != nil && want.path() != headFile {
		return none, err
	}
	if err := ctx.Err(); err != nil {
		return none, fmt.Errorf("%s: %w", want.label(), err)
	}
	text, err := s.read(want.path())
	if errors.Is(err, os.ErrNotExist) {
		return none, fmt.Errorf("%s: %w", want.label(), ErrNotFound)
	}
	if err != nil {
		return none, fmt.Errorf("%s: %w", want.label(), err)
	}
	rec, err := decode(text, parse)
	if err == nil && rec.path() != want.path() {
		// A copied file, or a filesystem that takes Dev for dev.
		err = fmt.Errorf("it holds %s", rec.label())
	}
	if err != nil {
		return none, fmt.Errorf("ref file %s is %w: %w", want.path(), ErrDamaged, err)
	}
	return rec, nil
}

// list reads all refs in a folder. Missing ones, deleted since the folder was read, are
// passed over.
func list[R record](ctx context.Context, s *Store, folder string, parse func(*reader) R, named func(Name) R) ([]R, error) {
	files, err := s.entries(ctx, folder)
	if err != nil {
		return nil, err
	}
	records := make([]R, 0, len(files))
	var damaged []error
	for _, file := range files {
		rec, err := get(ctx, s, named(Name(file)), parse)
		switch {
		case err == nil:
			records = append(records, rec)
		case errors.Is(err, ErrNotFound):
		case errors.Is(err, ErrBadName):
			damaged = append(damaged, fmt.Errorf("ref file %s/%s is %w: %w", folder, file, ErrDamaged, err))
		case errors.Is(err, ErrDamaged):
			damaged = append(damaged, err)
		default:
			return nil, err
		}
	}
	return records, errors.Join(damaged...)
}

// entries returns the sorted names in a folder, without the leftovers; none if there is
// no such folder.
func (s *Store) entries(ctx context.Context, folder string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("list %s: %w", folder, err)
	}
	infos, err := s.readDir(folder)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", folder, err)
	}
	names := make([]string, 0, len(infos))
	for _, info := range infos {
		if !strings.HasPrefix(info.Name(), ".") {
			names = append(names, info.Name())
		}
	}
	sort.Strings(names)
	return names, nil
}

// set is the compare-and-set that every change of a value goes through.
func set[R record](ctx context.Context, s *Store, old, new R, parse func(*reader) R) error {
	if err := new.check(); err != nil {
		return err
	}
	s.change.Lock()
	defer s.change.Unlock()
	if err := expect(ctx, s, old, new, parse); err != nil {
		return err
	}
	if err := s.replace(new.path(), encode(new)); err != nil {
		return fmt.Errorf("write %s: %w", new.label(), err)
	}
	return nil
}

// remove is the compare-and-delete.
func remove[R record](ctx context.Context, s *Store, old R, parse func(*reader) R) error {
	if err := old.check(); err != nil {
		return err
	}
	s.change.Lock()
	defer s.change.Unlock()
	if err := expect(ctx, s, old, old, parse); err != nil {
		return err
	}
	if err := s.unlink(old.path()); err != nil {
		return fmt.Errorf("delete %s: %w", old.label(), err)
	}
	return nil
}

// expect returns nil if the ref that new names has the value old, or does not exist and
// old is zero.
func expect[R record](ctx context.Context, s *Store, old, new R, parse func(*reader) R) error {
	var none R
	if old != none && old.path() != new.path() {
		return fmt.Errorf("%s: %w: expected %s", new.label(), ErrConflict, old.label())
	}
	current, err := get(ctx, s, new, parse)
	switch {
	case old == none && errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return err
	case old == none:
		return fmt.Errorf("%s: %w", new.label(), ErrExists)
	case current != old:
		return fmt.Errorf("%s: %w", new.label(), ErrConflict)
	}
	return nil
}
