package main

import (
	"strings"

	"aergo/cmd/aergo/ui"
	"aergo/repo"
)

// printLacking says what a clone of a part does not have.
func (a *app) printLacking(p *repo.Partial) error {
	if p == nil {
		return nil
	}
	if n := len(p.Boundary); n > 0 {
		err := a.ui.Printf("A clone of the newest blocks: of %s and what is before there are no changes, aergo fetch --unshallow brings them\n",
			count(uint64(n), "block", ""))
		if err != nil {
			return err
		}
	}
	if len(p.Tables) > 0 {
		return a.ui.Printf("A clone of %s, by proof and to read only: %s\n", count(uint64(len(p.Tables)), "table", ""), ui.Clean(strings.Join(p.Tables, ", ")))
	}
	return nil
}

// boundary notices where a log ends before the root, as it does in a clone of the newest
// blocks.
type boundary struct {
	last   repo.Block
	listed int
}

func (b *boundary) pass(at repo.Block) {
	b.last = at
	b.listed++
}

// note says so. limit is how many blocks were asked for, 0 for all.
func (a *app) noteBoundary(b boundary, limit int) {
	if b.listed == 0 || len(b.last.Parents) == 0 || limit > 0 && b.listed >= limit {
		return
	}
	a.ui.Note("the %s before height %s are not in this clone: aergo fetch --unshallow brings them", count(b.last.Height, "block", ""), number(b.last.Height))
}
