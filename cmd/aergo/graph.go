package main

import (
	"container/heap"
	"context"
	"errors"
	"slices"
	"strings"

	"aergo/cmd/aergo/ui"
	"aergo/repo"
	"aergo/repo/diagram"
	"aergo/repo/object"
	"aergo/repo/shape"
)

// logGraph lists a block before all that it leads back to, later ones first, with lines
// that show which leads to which.
func (a *app) logGraph(ctx context.Context, r repo.Door, o logOptions) error {
	blocks, first, err := history(ctx, r, o.rev)
	if err != nil {
		return err
	}
	t := a.ui.Table(append([]ui.Column{{}}, logColumns()...)...)
	var lanes lanes
	var seen boundary
	for n, b := range ordered(blocks, first) {
		if o.limit > 0 && n == o.limit {
			seen = boundary{}
			break
		}
		if slices.ContainsFunc(b.Parents, func(p object.Hash) bool { return blocks[p].ID != p }) {
			seen.pass(b)
		}
		if a.ui.JSON {
			if err := a.ui.PrintJSON(shape.OfBlock(b)); err != nil {
				return err
			}
			continue
		}
		before, own, after := lanes.step(b)
		for _, line := range before {
			t.Row(line)
		}
		t.Row(append([]string{own}, logCells(b)...)...)
		for _, line := range after {
			t.Row(line)
		}
	}
	err = t.Close()
	if err == nil {
		a.noteBoundary(seen, 0)
	}
	return err
}

// history returns everything that a revision leads back to, and its own block.
func history(ctx context.Context, r repo.Door, rev string) (map[object.Hash]repo.Block, object.Hash, error) {
	head, err := r.Show(ctx, rev)
	if err != nil {
		return nil, object.Hash{}, err
	}
	blocks := map[object.Hash]repo.Block{head.ID: head}
	for open := head.Parents; len(open) > 0; {
		id := open[len(open)-1]
		open = open[:len(open)-1]
		if _, seen := blocks[id]; seen {
			continue
		}
		b, err := r.Show(ctx, id.String())
		if errors.Is(err, repo.ErrBeyond) {
			continue
		}
		if err != nil {
			return nil, object.Hash{}, err
		}
		blocks[id] = b
		open = append(slices.Clip(open), b.Parents...)
	}
	return blocks, head.ID, nil
}

// ordered puts blocks in an order in which each stands before its parents, and otherwise
// the later ones first (Kahn's algorithm with a heap).
func ordered(blocks map[object.Hash]repo.Block, first object.Hash) []repo.Block {
	children := map[object.Hash]int{}
	for _, b := range blocks {
		for _, p := range b.Parents {
			children[p]++
		}
	}
	out := make([]repo.Block, 0, len(blocks))
	ready := &diagram.LatestFirst{blocks[first]}
	for ready.Len() > 0 {
		b := heap.Pop(ready).(repo.Block)
		out = append(out, b)
		for _, p := range b.Parents {
			if children[p]--; children[p] == 0 && blocks[p].ID == p { // a parent may lie beyond a boundary
				heap.Push(ready, blocks[p])
			}
		}
	}
	return out
}

// lanes are the columns of lines in the graph: the block that each leads down to.
type lanes []object.Hash

// step draws a block: lines where lanes that lead to it come together, its own line, and
// the line where the lane of a second parent begins.
func (l *lanes) step(b repo.Block) (before []string, own string, after []string) {
	at := slices.Index(*l, b.ID)
	if at < 0 {
		at = len(*l)
		*l = append(*l, b.ID)
	}
	// Other lanes to the same block join the leftmost, and those right of them move left.
	for other := len(*l) - 1; other > at; other-- {
		if (*l)[other] != b.ID {
			continue
		}
		line := strings.Repeat("| ", at) + "|" + strings.Repeat("_|", other-at-1) + "/"
		before = append(before, line+strings.Repeat(" /", len(*l)-other-1))
		*l = slices.Delete(*l, other, other+1)
	}
	own = strings.Repeat("| ", at) + "*" + strings.Repeat(" |", len(*l)-at-1)
	switch len(b.Parents) {
	case 0:
		*l = slices.Delete(*l, at, at+1)
	case 1:
		(*l)[at] = b.Parents[0]
	default:
		after = []string{strings.Repeat("| ", at) + "|\\" + strings.Repeat(" \\", len(*l)-at-1)}
		(*l)[at] = b.Parents[0]
		*l = slices.Insert(*l, at+1, b.Parents[1])
	}
	return before, own, after
}
