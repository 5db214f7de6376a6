package replay

import (
	"bytes"
	"context"
	"fmt"

	"aergo/repo"
)

// CheckFinal compares a table of what is checked out with the history's last state, row
// for row. It fails with ErrDiffers at the first that differs.
func CheckFinal(ctx context.Context, r *repo.Repo, h *History, t *Table) error {
	var want []byte
	if t.Final != nil {
		var err error
		if want, err = h.Final(t.Name); err != nil {
			return err
		}
	}
	var line []byte
	var facts Facts
	err := reader{r}.rows(ctx, t, "HEAD", func(row Row) error {
		line = t.appendCanonical(line[:0], &row)
		facts.Rows++
		facts.Digest.Add(line)
		next, rest, _ := bytes.Cut(want, []byte("\n"))
		if !bytes.Equal(line, next) {
			return fmt.Errorf("%w: row %d is %s, want %s", ErrDiffers, facts.Rows, line, next)
		}
		want = rest
		return nil
	})
	if err != nil {
		return err
	}
	if len(want) > 0 {
		return fmt.Errorf("%w: rows are missing from row %d on", ErrDiffers, facts.Rows+1)
	}
	if t.Final != nil && facts != *t.Final {
		return differs(t.Name, facts, *t.Final)
	}
	return nil
}
