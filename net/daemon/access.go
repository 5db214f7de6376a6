package daemon

import (
	"context"
	"fmt"
	"path"

	"aergo/net/transfer"
	"aergo/repo"
	"aergo/repo/key"
)

// Access says who may do what with a repository: nil if so, otherwise an error that wraps
// transfer.ErrDenied and says why, for the log. A peer is known by its key, which the
// connection has proved.
type Access interface {
	Allow(ctx context.Context, who key.Public, name string, r *repo.Repo, verb transfer.Verb) error
}

// Ownership is an Access by the Directory's owner, who may do everything, while others may
// read what is readable.
type Ownership struct {
	Readable []string // patterns of names, as of path.Match
}

// Allow implements Access.
func (o Ownership) Allow(ctx context.Context, who key.Public, name string, r *repo.Repo, verb transfer.Verb) error {
	owner, err := r.Owner(ctx)
	if err != nil {
		return err
	}
	its := key.Public(owner.Key)
	if who == its {
		return nil
	}
	if verb != transfer.Read {
		return fmt.Errorf("%w: %s belongs to %s (%s), and nobody else may write there", transfer.ErrDenied, name, owner.Name, its.Short())
	}
	for _, pattern := range o.Readable {
		if ok, err := path.Match(pattern, name); ok && err == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: not readable by everybody", transfer.ErrDenied)
}

func checkPatterns(patterns []string) error {
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			return fmt.Errorf("readable: %w: %q is no pattern", ErrBadSetting, p)
		}
	}
	return nil
}
