package branch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"aergo/contract"
	"aergo/repo/object"
	"aergo/repo/state"
	"aergo/repo/store"
)

// A resolver is asked what becomes of a cell, given what the source's transaction found
// there and left there. That is not in the transaction, which has a hash of what its author
// saw. So before a merge by a resolver runs, its transactions run on the states of the
// merge's grounds: blocks of the target's chain in which the source's rows are as they were
// where the two parted, or as the last merge of the source left them. Where a transaction
// applies there, the rows before and after it are the source's; where it does not, its
// conflicts stay conflicts.

// maxGrounds bounds the grounds of a merge.
const maxGrounds = 2

// Resolving is what a merge by a resolver knows beforehand.
type Resolving struct {
	Logic Logic
	owner [object.PublicSize]byte
	sides map[txID][]contract.Side
}

// Resolve is what a merge by a resolver is made from.
type Resolve struct {
	Logic          *MergeLogic     // of the target branch
	Owner          object.Identity // of the repository where the merge is made: whoever makes the block
	Target, Source Block
	Grounds        []Block // of the target's chain
}

// EncodeGrounds returns the extension that names grounds.
func EncodeGrounds(grounds []Block) object.Extension {
	ids := make([]object.Hash, len(grounds))
	for i := range grounds {
		ids[i] = grounds[i].ID
	}
	return object.Extension{ID: object.ExtensionGrounds, Critical: true, Data: encodeGrounds(ids)}
}

func encodeGrounds(ids []object.Hash) []byte {
	b := object.AppendArray(nil, len(ids))
	for _, id := range ids {
		b = object.AppendHash(b, id)
	}
	return b
}

func decodeGrounds(data []byte) ([]object.Hash, error) {
	r := object.NewReader(data)
	n := r.Array(maxGrounds)
	var ids []object.Hash
	for range n {
		ids = append(ids, r.Hash())
	}
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("grounds: %w", err)
	}
	return ids, nil
}

// Grounds returns the blocks that a header names as grounds, none if it names none.
func Grounds(b Block) ([]object.Hash, error) {
	data, ok := object.FindExtension(b.Extensions, object.ExtensionGrounds)
	if !ok {
		return nil, nil
	}
	ids, err := decodeGrounds(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", FaultGrounds, err)
	}
	return ids, nil
}

// readGrounds returns the blocks that a header names as grounds: they are on its parent's
// chain.
func (l *Ledger) readGrounds(ctx context.Context, p *prepared) ([]Block, error) {
	ids, err := Grounds(p.Block)
	if err != nil {
		return nil, err
	}
	var grounds []Block
	for _, id := range ids {
		b, err := l.Block(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return nil, fmt.Errorf("%w: ground: %w", FaultGrounds, err)
		}
		if err != nil {
			return nil, err
		}
		if at, err := l.AtHeight(ctx, *p.parent, b.Height); err != nil || at.ID != id {
			return nil, fmt.Errorf("%w: ground %s is not a block of its branch", FaultGrounds, id.Short())
		}
		grounds = append(grounds, b)
	}
	return grounds, nil
}

// PrepareResolving readies a merge by a resolver of the transactions in spans, and sets it
// in them. The caller closes it.
func (l *Ledger) PrepareResolving(ctx context.Context, from Resolve, spans []Span) (*Resolving, error) {
	logic, err := l.compile(from.Logic)
	if err != nil {
		return nil, err
	}
	r := &Resolving{Logic: logic, owner: from.Owner.Key, sides: map[txID][]contract.Side{}}
	if err := l.findSides(ctx, r, from, spans); err != nil {
		return nil, errors.Join(err, logic.Close())
	}
	for i := range spans {
		if spans[i].runsMerged() {
			spans[i].Resolving = r
		}
	}
	return r, nil
}

// Close ends what the resolver runs in.
func (r *Resolving) Close() error { return r.Logic.Close() }

// merging returns what a merge knows of a transaction of the span, nil for nothing.
func (s *Span) merging(index uint64, m *contract.Merging) *contract.Merging {
	if s.Settled == nil && s.Resolving == nil {
		return nil
	}
	*m = contract.Merging{Settled: s.Settled, TimeMillis: s.Batch.TimeMillis}
	if r := s.Resolving; r != nil {
		m.Resolver = r.Logic
		m.Sides = r.sides[txID{s.Batch.ID, index}]
		m.Author = contract.Author{Key: s.Batch.Author.Key, Name: s.Batch.Author.Name}
		if m.Author.Key == r.owner {
			m.Author.Roles = []string{"owner"}
		}
	}
	return m
}

// findSides finds the rows that both sides have changed, and what the source had of them.
func (l *Ledger) findSides(ctx context.Context, r *Resolving, from Resolve, spans []Span) error {
	if len(from.Grounds) == 0 {
		return nil
	}
	c := l.Chain
	var merged []Span
	for i := range spans {
		if spans[i].runsMerged() {
			merged = append(merged, spans[i])
		}
	}
	contested, err := l.contested(ctx, c, from.Target, from.Grounds, merged)
	if err != nil || len(contested) == 0 {
		return err
	}
	times := map[string]map[string]uint64{}
	if r.Logic.NeedsTimes() {
		if err := l.lastChanges(ctx, c, from.Target, from.Source, contested, times); err != nil {
			return err
		}
	}
	for _, ground := range from.Grounds {
		desk := NewDesk(ctx, l.Runtime, c.State(ground))
		err := l.eachTransaction(ctx, c, merged, func(it *item) error {
			out := &desk.out
			if err := desk.run(it.tx, it.dict, nil, out); err != nil || !out.Verdict.Applied() {
				return err
			}
			id := txID{merged[it.span].Batch.ID, it.index}
			_, known := r.sides[id]
			for i := range out.Effects {
				k := out.Effects[i].Key
				if !known && contested[string(k)] {
					before, after := desk.rows[string(k)], desk.after[i]
					r.sides[id] = append(r.sides[id], contract.Side{
						Key: bytes.Clone(k), Base: rowOrNil(before.row, before.exists), Theirs: rowOrNil(after.row, after.exists),
						OursMillis: times[string(k)],
					})
				}
			}
			desk.take(out)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eachTransaction calls fn for the transactions of spans, in order.
func (l *Ledger) eachTransaction(ctx context.Context, c Chain, spans []Span, fn func(*item) error) error {
	return l.eachDeclared(ctx, c, spans, func(it *item, _ []contract.Access) error { return fn(it) })
}

func (l *Ledger) eachDeclared(ctx context.Context, c Chain, spans []Span, fn func(*item, []contract.Access) error) error {
	in := newFeed(c, l.Runtime, spans, l.Workers.Workers())
	defer in.drain()
	for {
		p, err := in.next(ctx)
		if err != nil || p == nil {
			return err
		}
		for i := range p.items {
			if err := fn(&p.items[i], p.declared(i)); err != nil {
				return err
			}
		}
	}
}

// contested returns the rows that the merged transactions write and that the target holds
// otherwise than some ground.
func (l *Ledger) contested(ctx context.Context, c Chain, target Block, grounds []Block, merged []Span) (map[string]bool, error) {
	written := map[string]bool{}
	err := l.eachDeclared(ctx, c, merged, func(_ *item, declared []contract.Access) error {
		for i := range declared {
			if a := &declared[i]; a.Mode == contract.Write && !written[string(a.Key)] {
				written[string(a.Key)] = true
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var keys [][]byte
	for _, k := range slices.Sorted(maps.Keys(written)) {
		keys = append(keys, []byte(k))
	}
	ours, err := rowsOf(ctx, c.State(target), keys, l.Workers.Workers())
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, ground := range grounds {
		before, err := rowsOf(ctx, c.State(ground), keys, l.Workers.Workers())
		if err != nil {
			return nil, err
		}
		for i, k := range keys {
			if before[i].exists != ours[i].exists || !bytes.Equal(before[i].row, ours[i].row) {
				out[string(k)] = true
			}
		}
	}
	return out, nil
}

func rowsOf(ctx context.Context, t state.Tree, keys [][]byte, workers int) ([]rowState, error) {
	rows := make([]rowState, len(keys))
	err := t.GetMany(ctx, keys, workers, func(i int, value []byte, ok bool) error {
		rows[i] = rowState{value, ok}
		return nil
	})
	return rows, err
}

// lastChanges finds when the target changed the fields of contested rows last, of what it
// has applied and the source has not decided, by the times of the batches.
func (l *Ledger) lastChanges(ctx context.Context, c Chain, target, source Block, contested map[string]bool, times map[string]map[string]uint64) error {
	var spans []Span
	err := Missing(ctx, c.Account(source), c.Account(target), func(e AccountEntry) error {
		batch, err := c.Batch(ctx, e.Batch)
		for _, run := range e.Runs {
			if run.Verdict.Applied() {
				spans = append(spans, Span{Batch: batch, First: run.First, Count: run.Count})
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	return l.eachDeclared(ctx, c, spans, func(it *item, declared []contract.Access) error {
		at := spans[it.span].Batch.TimeMillis
		for i := range declared {
			a := &declared[i]
			if a.Mode == contract.Read || a.Part == contract.PartExistence || !contested[string(a.Key)] || a.Part == contract.PartRow && a.Mode == contract.Delta {
				continue
			}
			row := times[string(a.Key)]
			if row == nil {
				row = map[string]uint64{}
				times[string(a.Key)] = row
			}
			row[a.Field] = max(row[a.Field], at)
		}
		return nil
	})
}
