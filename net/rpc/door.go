package rpc

import (
	"context"
	"errors"
	"io"
	"iter"

	"aergo/branch"
	"aergo/contract/table"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/oplog"
	"aergo/repo/ref"
	rowkey "aergo/repo/state/key"
)

// ask makes a call with one result.
func ask[T any](ctx context.Context, c *Client, verb string, args ...any) (out T, err error) {
	err = c.do(ctx, request{verb: verb, args: args, out: []any{&out}})
	return out, err
}

// each makes a call whose items fn takes.
func each[T any](ctx context.Context, c *Client, fn func(T) error, verb string, args ...any) error {
	return c.do(ctx, request{verb: verb, args: args, items: func(payload []byte) error {
		var items []T
		if err := decode(payload, &items); err != nil {
			return err
		}
		for _, item := range items {
			if err := fn(item); err != nil {
				return err
			}
		}
		return nil
	}})
}

// Status implements repo.Door.
func (c *Client) Status(ctx context.Context) (repo.Status, error) {
	return ask[repo.Status](ctx, c, "Status")
}

// Get implements repo.Door.
func (c *Client) Get(ctx context.Context, tableName, key, at string) (repo.Row, error) {
	return ask[repo.Row](ctx, c, "Get", tableName, key, at)
}

// Rows implements repo.Door.
func (c *Client) Rows(ctx context.Context, tableName, at string, fn func(repo.Row) error) error {
	return c.do(ctx, request{verb: "Rows", args: []any{tableName, at}, items: func(payload []byte) error { return eachRow(payload, fn) }})
}

// Tables implements repo.Door.
func (c *Client) Tables(ctx context.Context, at string) ([]repo.Table, error) {
	return ask[[]repo.Table](ctx, c, "Tables", at)
}

// Schema implements repo.Door.
func (c *Client) Schema(ctx context.Context, tableName, at string) (*table.Schema, error) {
	return ask[*table.Schema](ctx, c, "Schema", tableName, at)
}

// ParseKey implements repo.Door.
func (c *Client) ParseKey(ctx context.Context, tableName, key string) ([]rowkey.Component, error) {
	return ask[[]rowkey.Component](ctx, c, "ParseKey", tableName, key)
}

// Resolve implements repo.Door.
func (c *Client) Resolve(ctx context.Context, rev string) (branch.Block, error) {
	return ask[branch.Block](ctx, c, "Resolve", rev)
}

// Log implements repo.Door.
func (c *Client) Log(ctx context.Context, rev string, limit int, fn func(repo.Block) error) error {
	return each(ctx, c, fn, "Log", rev, limit)
}

// Show implements repo.Door.
func (c *Client) Show(ctx context.Context, rev string) (repo.Block, error) {
	return ask[repo.Block](ctx, c, "Show", rev)
}

// Diff implements repo.Door.
func (c *Client) Diff(ctx context.Context, from, to, tableName string, fn func(repo.Difference) error) error {
	return each(ctx, c, fn, "Diff", from, to, tableName)
}

// Blame implements repo.Door.
func (c *Client) Blame(ctx context.Context, tableName, key, at string) ([]repo.Blamed, error) {
	return ask[[]repo.Blamed](ctx, c, "Blame", tableName, key, at)
}

// Schedule implements repo.Door.
func (c *Client) Schedule(ctx context.Context, rev string) (repo.Schedule, error) {
	out, err := ask[repo.Schedule](ctx, c, "Schedule", rev)
	shareRows(&out)
	return out, err
}

// Operations implements repo.Door.
func (c *Client) Operations(ctx context.Context) iter.Seq2[oplog.Entry, error] {
	return func(yield func(oplog.Entry, error) bool) {
		err := each(ctx, c, func(e oplog.Entry) error {
			if !yield(e, nil) {
				return errStopped
			}
			return nil
		}, "Operations")
		if err != nil && !errors.Is(err, errStopped) {
			yield(oplog.Entry{}, err)
		}
	}
}

// Apply implements repo.Door.
func (c *Client) Apply(ctx context.Context, verb string, transactions [][]table.Spec) (repo.Prepared, error) {
	return ask[repo.Prepared](ctx, c, "Apply", verb, transactions)
}

// ApplyLines implements repo.Door.
func (c *Client) ApplyLines(ctx context.Context, in io.Reader) (out repo.Prepared, err error) {
	err = c.do(ctx, request{verb: "ApplyLines", in: in, args: []any{}, out: []any{&out}})
	return out, err
}

// Import implements repo.Door.
func (c *Client) Import(ctx context.Context, in io.Reader, req repo.ImportRequest) (out repo.Imported, err error) {
	err = c.do(ctx, request{verb: "Import", in: in, args: []any{req}, out: []any{&out}})
	return out, err
}

// Commit implements repo.Door.
func (c *Client) Commit(ctx context.Context, req repo.CommitRequest) (repo.Committed, error) {
	return ask[repo.Committed](ctx, c, "Commit", req)
}

// Revert implements repo.Door.
func (c *Client) Revert(ctx context.Context, what, message string) (repo.Committed, error) {
	return ask[repo.Committed](ctx, c, "Revert", what, message)
}

// Undo implements repo.Door.
func (c *Client) Undo(ctx context.Context) (oplog.Entry, error) {
	return ask[oplog.Entry](ctx, c, "Undo")
}

// Branches implements repo.Door.
func (c *Client) Branches(ctx context.Context) (all []ref.Branch, current ref.Name, err error) {
	err = c.do(ctx, request{verb: "Branches", out: []any{&all, &current}})
	return all, current, err
}

// CreateBranch implements repo.Door.
func (c *Client) CreateBranch(ctx context.Context, name ref.Name, at string) (ref.Branch, error) {
	return ask[ref.Branch](ctx, c, "CreateBranch", name, at)
}

// FoundBranch implements repo.Door.
func (c *Client) FoundBranch(ctx context.Context, name ref.Name, at, logic string) (ref.Branch, error) {
	return ask[ref.Branch](ctx, c, "FoundBranch", name, at, logic)
}

// MergeLogic implements repo.Door.
func (c *Client) MergeLogic(ctx context.Context, name ref.Name) (*repo.MergeLogic, error) {
	return ask[*repo.MergeLogic](ctx, c, "MergeLogic", name)
}

// DeleteBranch implements repo.Door.
func (c *Client) DeleteBranch(ctx context.Context, name ref.Name, force bool) (ref.Branch, error) {
	return ask[ref.Branch](ctx, c, "DeleteBranch", name, force)
}

// Tags implements repo.Door.
func (c *Client) Tags(ctx context.Context) ([]ref.Tag, error) {
	return ask[[]ref.Tag](ctx, c, "Tags")
}

// CreateTag implements repo.Door.
func (c *Client) CreateTag(ctx context.Context, name ref.Name, at, message string) (ref.Tag, error) {
	return ask[ref.Tag](ctx, c, "CreateTag", name, at, message)
}

// DeleteTag implements repo.Door.
func (c *Client) DeleteTag(ctx context.Context, name ref.Name) (ref.Tag, error) {
	return ask[ref.Tag](ctx, c, "DeleteTag", name)
}

// Checkout implements repo.Door.
func (c *Client) Checkout(ctx context.Context, name ref.Name) (repo.Checkout, error) {
	return ask[repo.Checkout](ctx, c, "Checkout", name)
}

// CheckoutNew implements repo.Door.
func (c *Client) CheckoutNew(ctx context.Context, name ref.Name, at string) (repo.Checkout, error) {
	return ask[repo.Checkout](ctx, c, "CheckoutNew", name, at)
}

// Merge implements repo.Door.
func (c *Client) Merge(ctx context.Context, req repo.MergeRequest) (repo.Merged, error) {
	return ask[repo.Merged](ctx, c, "Merge", req)
}

// CherryPick implements repo.Door.
func (c *Client) CherryPick(ctx context.Context, what, message string) (repo.Merged, error) {
	return ask[repo.Merged](ctx, c, "CherryPick", what, message)
}

// Excluded implements repo.Door.
func (c *Client) Excluded(ctx context.Context, rev string, fn func(repo.Exclusion) error) error {
	return each(ctx, c, fn, "Excluded", rev)
}

// ReplayExcluded implements repo.Door.
func (c *Client) ReplayExcluded(ctx context.Context, what, message string) (repo.Merged, error) {
	return ask[repo.Merged](ctx, c, "ReplayExcluded", what, message)
}

// DropExcluded implements repo.Door.
func (c *Client) DropExcluded(ctx context.Context, what, message string) (repo.Merged, error) {
	return ask[repo.Merged](ctx, c, "DropExcluded", what, message)
}

// Repair implements repo.Door.
func (c *Client) Repair(ctx context.Context, req repo.RepairRequest) (repo.Repaired, error) {
	return ask[repo.Repaired](ctx, c, "Repair", req)
}

// Conflicts implements repo.Door.
func (c *Client) Conflicts(ctx context.Context, rev string, fn func(repo.Conflict) error) error {
	return each(ctx, c, fn, "Conflicts", rev)
}

// InTheWay implements repo.Door.
func (c *Client) InTheWay(ctx context.Context, m repo.Merged, limit int) ([]repo.Conflict, error) {
	return ask[[]repo.Conflict](ctx, c, "InTheWay", m, limit)
}

// Transaction implements repo.Door.
func (c *Client) Transaction(ctx context.Context, what string) (repo.Story, error) {
	return ask[repo.Story](ctx, c, "Transaction", what)
}

// Why implements repo.Door.
func (c *Client) Why(ctx context.Context, what string) (repo.Story, error) {
	return ask[repo.Story](ctx, c, "Why", what)
}

// SetContract implements repo.Door.
func (c *Client) SetContract(ctx context.Context, name string, source []byte) (repo.Prepared, error) {
	return ask[repo.Prepared](ctx, c, "SetContract", name, source)
}

// Contract implements repo.Door.
func (c *Client) Contract(ctx context.Context, name, at string) (repo.Contract, error) {
	return ask[repo.Contract](ctx, c, "Contract", name, at)
}

// Contracts implements repo.Door.
func (c *Client) Contracts(ctx context.Context, at string, fn func(repo.Contract) error) error {
	return each(ctx, c, fn, "Contracts", at)
}

// Remotes implements repo.Door.
func (c *Client) Remotes(ctx context.Context) ([]repo.RemoteInfo, error) {
	return ask[[]repo.RemoteInfo](ctx, c, "Remotes")
}

// AddRemote implements repo.Door.
func (c *Client) AddRemote(ctx context.Context, name ref.Name, url string) error {
	return c.do(ctx, request{verb: "AddRemote", args: []any{name, url}})
}

// RemoveRemote implements repo.Door.
func (c *Client) RemoveRemote(ctx context.Context, name ref.Name) (repo.RemoteInfo, error) {
	return ask[repo.RemoteInfo](ctx, c, "RemoveRemote", name)
}

// Fetch implements repo.Door.
func (c *Client) Fetch(ctx context.Context, remote string, branch ref.Name) (repo.Fetched, error) {
	return ask[repo.Fetched](ctx, c, "Fetch", remote, branch)
}

// Deepen implements repo.Door.
func (c *Client) Deepen(ctx context.Context, req repo.DeepenRequest) (repo.Fetched, error) {
	return ask[repo.Fetched](ctx, c, "Deepen", req)
}

// Pull implements repo.Door.
func (c *Client) Pull(ctx context.Context, req repo.PullRequest) (repo.Pulled, error) {
	return ask[repo.Pulled](ctx, c, "Pull", req)
}

// Push implements repo.Door.
func (c *Client) Push(ctx context.Context, req repo.PushRequest) (repo.Pushed, error) {
	out, err := ask[pushed](ctx, c, "Push", req)
	return out.value(), err
}

// SubmitLines implements repo.Door.
func (c *Client) SubmitLines(ctx context.Context, in io.Reader, req repo.SubmitRequest) (out repo.SubmittedLines, err error) {
	err = c.do(ctx, request{verb: "SubmitLines", in: in, args: []any{req}, out: []any{&out}})
	return out, err
}

// Followed implements repo.Door.
func (c *Client) Followed(ctx context.Context, remote string, name ref.Name, batch object.Hash, wait bool) (repo.Submitted, error) {
	return ask[repo.Submitted](ctx, c, "Followed", remote, name, batch, wait)
}

// Submit implements repo.Door.
func (c *Client) Submit(ctx context.Context, s repo.Submission) (repo.Submitted, error) {
	return ask[repo.Submitted](ctx, c, "Submit", s)
}

// Submission implements repo.Door.
func (c *Client) Submission(ctx context.Context, name ref.Name, batch object.Hash, wait bool) (repo.Submitted, error) {
	return ask[repo.Submitted](ctx, c, "Submission", name, batch, wait)
}

// Verify implements repo.Door.
func (c *Client) Verify(ctx context.Context, req repo.VerifyRequest) (repo.Verified, error) {
	return ask[repo.Verified](ctx, c, "Verify", req)
}

// Fsck implements repo.Door.
func (c *Client) Fsck(ctx context.Context) (repo.FsckReport, error) {
	return ask[repo.FsckReport](ctx, c, "Fsck")
}

// GC implements repo.Door.
func (c *Client) GC(ctx context.Context) (repo.GCReport, error) {
	return ask[repo.GCReport](ctx, c, "GC")
}

// Directory implements repo.Door.
func (c *Client) Directory(ctx context.Context) (repo.DirectoryInfo, error) {
	return ask[repo.DirectoryInfo](ctx, c, "Directory")
}

// ChangeDirectory implements repo.Door.
func (c *Client) ChangeDirectory(ctx context.Context, req repo.DirectoryChange) (repo.DirectoryChanged, error) {
	return ask[repo.DirectoryChanged](ctx, c, "ChangeDirectory", req)
}
