package daemon

import (
	"context"
	"fmt"
	"io"

	"aergo/net/problem"
	"aergo/repo"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/ref"
)

// SubmitLines implements gateway.LineSubmitter. The operations are signed with the key of the
// identity that the token stands for, which the daemon has to have.
func (s shown) SubmitLines(ctx context.Context, who object.Identity, repository string, branch ref.Name, in io.Reader) (repo.SubmittedLines, error) {
	var out repo.SubmittedLines
	folder, err := s.d.repositories.folder(repository)
	if err != nil {
		return out, err
	}
	opts, err := s.d.opts.Repository(folder)
	if err != nil {
		return out, err
	}
	private, err := opts.Keys.Load(ctx, who.Name)
	if err != nil || private.Public() != key.Public(who.Key) {
		err := fmt.Errorf("submit as %s: %w: the daemon has no key to sign with", who.Name, repo.ErrNotPermitted)
		return out, problem.WithHint("sign it yourself: aergo submit, with the address of the daemon", err)
	}
	opts.Identity, opts.Who, opts.Args = who.Name, who.Name, []string{"submit"}
	err = s.d.repositories.Use(ctx, repository, func(r *repo.Repo) error {
		as, err := r.As(ctx, opts)
		if err != nil {
			return err
		}
		defer as.Close()
		out, err = as.SubmitLines(ctx, in, repo.SubmitRequest{Branch: branch})
		return err
	})
	return out, err
}
