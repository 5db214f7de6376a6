package replay

import (
	"context"
	"fmt"
	"slices"

	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo"
	"aergo/repo/object"
)

// merge brings the second parent into the first, compares the outcome with a three-way
// merge, and commits what people did beyond it. It returns the new head.
func (p *player) merge(ctx context.Context, i int, ours object.Hash) (object.Hash, error) {
	c := &p.history.Commits[i]
	theirs := p.blocks[c.Parents[1]]
	source := theirs.String()
	if name, ok := p.tips[c.Parents[1]]; ok {
		source = string(name)
	}
	account, err := p.repo.Merge(ctx, repo.MergeRequest{Source: source, Message: c.Message})
	if err != nil {
		return ours, fmt.Errorf("merge: %w", err)
	}
	m := Merge{Commit: i, Account: account, KnownAs: p.history.Merges[i], BasesAgree: true}
	if facts, known := p.history.Merges[i]; known {
		var bases []object.Hash
		for _, b := range facts.Bases {
			bases = append(bases, p.blocks[b])
		}
		m.BasesAgree = sameSet(bases, account.Bases) || account.UpToDate
		if len(bases) == 1 {
			if m.Cells, err = p.threeWay(ctx, bases[0], ours, theirs, account.Block); err != nil {
				return ours, fmt.Errorf("merge: %w", err)
			}
		}
	}
	p.report.Merges = append(p.report.Merges, m)
	return p.commit(ctx, i, account.Block, true)
}

func sameSet(a, b []object.Hash) bool {
	order := func(x, y object.Hash) int { return slices.Compare(x[:], y[:]) }
	a, b = slices.Clone(a), slices.Clone(b)
	slices.SortFunc(a, order)
	slices.SortFunc(b, order)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

// undone returns the operations that take back what a merge changed although the commit,
// as people made it, has it as its first parent did, and each of them in words.
func (p *player) undone(ctx context.Context, i int, head object.Hash) (steps []table.Spec, edits []string, err error) {
	c := &p.history.Commits[i]
	named := map[string]bool{}
	for _, ch := range c.Changes {
		for _, r := range ch.rows() {
			named[ch.Table.Name+"\x00"+r.Key.String()] = true
		}
	}
	err = p.changed(ctx, p.history, p.blocks[c.Parents[0]], head, func(t *Table, before, after Row) error {
		if s, differs := t.step(&after, &before); differs && !named[t.Name+"\x00"+after.Key.String()] {
			steps, edits = append(steps, s), append(edits, edit(t, &after, &before)+" (as it was before the merge)")
		}
		return nil
	})
	return steps, edits, err
}

// place names a row of a history.
type place struct{ table, key string }

// threeWay compares the outcome of a merge with a three-way merge by cell.
func (p *player) threeWay(ctx context.Context, base, ours, theirs, merged object.Hash) (Cells, error) {
	var cells Cells
	want := map[place]Row{}
	conflict := map[place]bool{}
	err := p.changed(ctx, p.history, base, theirs, func(t *Table, b, th Row) error {
		o, err := p.row(ctx, t, b.Key, ours)
		if err != nil {
			return err
		}
		row, clean := mergeCells(&b, &o, &th)
		at := place{t.Name, b.Key.String()}
		if !clean {
			conflict[at] = true
			cells.Conflicts++
			return nil
		}
		want[at] = row
		got, err := p.row(ctx, t, b.Key, merged)
		if err == nil && !got.equal(&row) {
			cells.Differ = append(cells.Differ, t.Name+" "+at.key)
		}
		return err
	})
	if err != nil {
		return cells, err
	}
	err = p.changed(ctx, p.history, ours, merged, func(t *Table, _, got Row) error {
		at := place{t.Name, got.Key.String()}
		if _, known := want[at]; !known && !conflict[at] {
			cells.Differ = append(cells.Differ, t.Name+" "+at.key)
		}
		return nil
	})
	return cells, err
}

// mergeCells merges one row by cell: what only one side changed is taken, what both
// changed alike too. It says whether nothing else was there.
func mergeCells(base, ours, theirs *Row) (Row, bool) {
	switch {
	case theirs.equal(base), theirs.equal(ours):
		return *ours, true
	case ours.equal(base):
		return *theirs, true
	case !ours.Exists || !theirs.Exists:
		return Row{}, false
	}
	names := map[string]bool{}
	for _, r := range []*Row{base, ours, theirs} {
		for _, f := range r.Fields {
			names[f.Name] = true
		}
	}
	out := Row{Key: ours.Key, Exists: true}
	for name := range names {
		b, o, t := string(base.field(name)), string(ours.field(name)), string(theirs.field(name))
		if o == b {
			o = t
		}
		if t != b && t != o {
			return Row{}, false
		}
		if o != "" {
			out.Fields = append(out.Fields, value.Field{Name: name, Enc: []byte(o)})
		}
	}
	sortFields(out.Fields)
	return out, true
}
