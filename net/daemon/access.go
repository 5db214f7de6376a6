package daemon

import (
	"context"
	"errors"
	"fmt"
	"path"

	"aergo/net/transfer"
	"aergo/repo"
	"aergo/repo/key"
	"aergo/repo/ref"
)

// Request is what a peer wants to do.
type Request struct {
	Who        key.Public // whose key the connection has proved to be at the other end
	Repository string
	Verb       transfer.Verb
	Branch     ref.Name // that is to be written to
}

// Access says who may do what with a repository: nil if so, otherwise an error that wraps
// transfer.ErrDenied and says why, for the log.
type Access interface {
	Allow(ctx context.Context, r *repo.Repo, req Request) error
}

// Rights is an Access by the repository's Directory. Some repositories may be read by
// everybody besides.
type Rights struct {
	Readable []string // patterns of names, as of path.Match
}

// Allow implements Access.
func (a Rights) Allow(ctx context.Context, r *repo.Repo, req Request) error {
	if req.Verb == transfer.Write {
		err := r.MayPush(ctx, req.Who, string(req.Branch))
		if errors.Is(err, repo.ErrNoRepository) {
			err = fmt.Errorf("branch %s: %w: key %s is nobody's who may write", req.Branch, repo.ErrNotPermitted, req.Who.Short())
		}
		return denied(err)
	}
	err := r.MayRead(ctx, req.Who)
	if !errors.Is(err, repo.ErrNoRepository) {
		return err
	}
	for _, pattern := range a.Readable {
		if ok, err := path.Match(pattern, req.Repository); ok && err == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: the key %s may not read it", transfer.ErrDenied, req.Who.Short())
}

// denied makes what the Directory says no to what a Server takes for that.
func denied(err error) error {
	if errors.Is(err, repo.ErrNotPermitted) {
		return fmt.Errorf("%w: %w", transfer.ErrDenied, err)
	}
	return err
}

func checkPatterns(patterns []string) error {
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			return fmt.Errorf("readable: %w: %q is no pattern", ErrBadSetting, p)
		}
	}
	return nil
}
