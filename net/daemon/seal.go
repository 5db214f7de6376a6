package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"

	"aergo/repo"
)

// seal makes blocks of what is submitted to a repository, as long as it is open.
func (d *Daemon) seal(ctx context.Context, name string, r *repo.Repo) {
	defer func() {
		if bug := recover(); bug != nil {
			d.metrics.panics.Inc()
			d.log.Error("bug", "repository", name, "panic", fmt.Sprint(bug), "stack", string(debug.Stack()))
			go d.repositories.Forget(name) // which waits until this has ended
		}
	}()
	err := r.KeepSealing(ctx, repo.SealPolicy{Report: func(s repo.SealedSubmissions, err error) {
		if err != nil {
			d.log.Error("seal", "repository", name, "branch", string(s.Branch), "error", err.Error())
			return
		}
		d.metrics.sealed.Add(float64(s.Batches))
		d.log.Info("seal", "repository", name, "branch", string(s.Branch), "block", s.Block.Short(), "height", s.Height,
			"batches", s.Batches, "changed", s.Changed, "refused", s.Refused)
	}})
	if err != nil && !errors.Is(err, context.Canceled) {
		d.log.Error("seal", "repository", name, "error", err.Error())
	}
}

// sealLeft opens the repositories in which an earlier daemon may have accepted submissions that
// are in no block yet.
func (d *Daemon) sealLeft(ctx context.Context, names []string) {
	for _, name := range names {
		folder, err := d.repositories.folder(name)
		if err != nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(folder, repo.InboxesFolder)); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := d.repositories.Use(ctx, name, func(*repo.Repo) error { return nil }); err != nil {
			d.log.Error("open", "repository", name, "error", err.Error())
		}
	}
}
