package replay

import (
	"context"
	"errors"

	"aergo/repo"
	"aergo/repo/object"
)

// reader asks a repository for rows.
type reader struct{ repo *repo.Repo }

// row returns a row at a block.
func (r reader) row(ctx context.Context, t *Table, k Key, at object.Hash) (Row, error) {
	got, err := r.repo.Get(ctx, t.Name, k.String(), at.String())
	switch {
	case errors.Is(err, repo.ErrNoRow), errors.Is(err, repo.ErrNoTable):
		return Row{Key: k}, nil
	case err != nil:
		return Row{}, err
	}
	return Row{Key: k, Exists: true, Fields: got.Fields}, nil
}

// changed calls fn for every row that differs between two blocks, with what it was and
// what it is.
func (r reader) changed(ctx context.Context, h *History, from, to object.Hash, fn func(t *Table, before, after Row) error) error {
	if from == to {
		return nil
	}
	return r.repo.Diff(ctx, from.String(), to.String(), "", func(d repo.Difference) error {
		t, err := h.table(d.Table)
		if err != nil {
			return err
		}
		before, err := r.row(ctx, t, d.Key, from)
		if err != nil {
			return err
		}
		after, err := r.row(ctx, t, d.Key, to)
		if err != nil {
			return err
		}
		return fn(t, before, after)
	})
}

// rows calls fn for every row of a table at a revision, by key.
func (r reader) rows(ctx context.Context, t *Table, at string, fn func(Row) error) error {
	err := r.repo.Rows(ctx, t.Name, at, func(got repo.Row) error {
		row, err := decodeRow(got)
		if err != nil {
			return err
		}
		return fn(row)
	})
	if errors.Is(err, repo.ErrNoTable) {
		return nil
	}
	return err
}
