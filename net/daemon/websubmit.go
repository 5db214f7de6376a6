package daemon

import (
	"context"
	"encoding/json"
	"fmt"

	"aergo/net/gateway"
	"aergo/net/problem"
	"aergo/repo"
	"aergo/repo/key"
	"aergo/repo/shape"
)

// submittedJSON is the answer to what is submitted by HTTP: that of aergo submit.
type submittedJSON struct {
	shape.Submitted
	Transactions uint64 `json:"transactions"`
	Unchanged    uint64 `json:"unchanged"`
}

// Submit implements gateway.Submitter. The operations, as JSON lines, are signed with the key
// of the identity that the token stands for, which the daemon has to have.
func (s shown) Submit(ctx context.Context, what gateway.Submission) (json.RawMessage, error) {
	folder, err := s.d.repositories.folder(what.Repository)
	if err != nil {
		return nil, err
	}
	opts, err := s.d.opts.Repository(folder)
	if err != nil {
		return nil, err
	}
	private, err := opts.Keys.Load(ctx, what.Who.Name)
	if err != nil || private.Public() != key.Public(what.Who.Key) {
		err := fmt.Errorf("submit as %s: %w: the daemon has no key to sign with", what.Who.Name, repo.ErrNotPermitted)
		return nil, problem.WithHint("sign it yourself: aergo submit, with the address of the daemon", err)
	}
	opts.Identity, opts.Who, opts.Args = what.Who.Name, what.Who.Name, []string{"submit"}
	var out repo.SubmittedLines
	err = s.d.repositories.Use(ctx, what.Repository, func(r *repo.Repo) error {
		as, err := r.As(ctx, opts)
		if err != nil {
			return err
		}
		defer as.Close()
		out, err = as.SubmitLines(ctx, what.Body, repo.SubmitRequest{Branch: what.Branch})
		return err
	})
	if err != nil {
		return nil, err
	}
	return json.Marshal(submittedJSON{shape.OfSubmitted(out.Submitted), out.Transactions, out.Unchanged})
}
