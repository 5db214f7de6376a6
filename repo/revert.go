package repo

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"aergo/branch"
	"aergo/contract"
	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo/object"
	rowkey "aergo/repo/state/key"
)

// Revert takes back what transactions did on the branch that is checked out: one, a batch
// or what a block took. It commits new transactions with the opposite effects, signed by
// the identity: numbers that were added are subtracted, elements that joined a list leave
// it, and fields and rows that were set become what they were. If one of those has been
// changed since, nothing happens and the error is ErrConflict.
func (r *Repo) Revert(ctx context.Context, what, message string) (Committed, error) {
	var out Committed
	if message == "" {
		message = "Revert " + what
	}
	err := r.write(ctx, "revert", func(c *change) error {
		b, head, err := c.onCurrent(ctx)
		if err != nil {
			return err
		}
		l, w := c.ledger, c.writer
		items, err := r.selection(ctx, l, what)
		if err != nil {
			return err
		}
		did, err := r.traceItems(ctx, l, head, items)
		if err != nil {
			return err
		}
		p := branch.NewPending(head)
		u := undoer{ledger: l, desk: branch.NewDesk(ctx, l.Runtime, l.State(head)), pending: p}
		for i := len(did) - 1; i >= 0; i-- {
			if err := u.undo(&did[i]); err != nil {
				return fmt.Errorf("revert %s.%d: %w", did[i].Batch.ID.Short(), did[i].Index, err)
			}
			if err := p.CloseChunk(w, false); err != nil {
				return err
			}
		}
		if p.Count() == 0 {
			return fmt.Errorf("revert: %w: nothing of it is left", ErrNothing)
		}
		sealer, author, err := r.signers(ctx, l, "")
		if err != nil {
			return err
		}
		at := r.now()
		block, batch, err := l.Commit(ctx, w, p, branch.Commitment{
			Branch: b.ID, Head: head, Author: author, Sealer: sealer, Message: message, Authored: at, Now: at,
		})
		if err != nil {
			return err
		}
		moved := b
		moved.Head = block.ID
		out = Committed{Branch: b.Name, Block: block.ID, Height: block.Height, Batch: batch.ID, Transactions: batch.Count}
		return r.moveBranch(ctx, c, l, w, b, moved)
	})
	return out, err
}

// traceItems finds the blocks of a chain that applied the chosen transactions, and what
// each of those did, oldest first.
func (r *Repo) traceItems(ctx context.Context, l *branch.Ledger, head branch.Block, items []object.Selection) ([]branch.Traced, error) {
	open := map[object.Hash][]object.Run{}
	for _, s := range items {
		open[s.Batch] = append(open[s.Batch], object.Run{First: s.First, Count: s.Count})
	}
	var blocks [][]branch.Traced
	for b := head; len(open) > 0; {
		body, err := l.Body(ctx, b)
		if err != nil {
			return nil, err
		}
		chosen := map[object.Hash][]object.Run{}
		for i := range body.Entries {
			e := &body.Entries[i]
			for _, run := range e.Runs {
				took := branch.IntersectRuns(open[e.Batch], run)
				chosen[e.Batch] = append(chosen[e.Batch], took...)
				if open[e.Batch] = branch.SubtractRuns(open[e.Batch], took); len(open[e.Batch]) == 0 {
					delete(open, e.Batch)
				}
			}
		}
		var did []branch.Traced
		if slices.ContainsFunc(body.Entries, func(e object.Entry) bool { return len(chosen[e.Batch]) > 0 }) {
			err = l.Trace(ctx, b, func(t branch.Traced) error {
				if len(branch.IntersectRuns(chosen[t.Batch.ID], object.Run{First: t.Index, Count: 1})) > 0 {
					did = append(did, t)
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
		blocks = append(blocks, did)
		if b.Parent.IsZero() {
			break
		}
		if b, err = l.Block(ctx, b.Parent); err != nil {
			return nil, err
		}
	}
	for batch := range open {
		return nil, fmt.Errorf("batch %s: %w: it is not on this branch", batch.Short(), ErrNoRevision)
	}
	slices.Reverse(blocks)
	return slices.Concat(blocks...), nil
}

// undoer makes transactions with the opposite effects, on a desk.
type undoer struct {
	ledger  *branch.Ledger
	desk    *branch.Desk
	pending *branch.Pending
}

func (u *undoer) undo(t *branch.Traced) error {
	builder := table.NewBuilder(u.pending.Open)
	for i := len(t.Effects) - 1; i >= 0; i-- {
		ops, err := u.opposite(&t.Effects[i], t.Before[i], t.After[i])
		if err != nil {
			return err
		}
		for j := range ops {
			if err := builder.Add(&ops[j]); err != nil {
				return err
			}
		}
	}
	if builder.Count() == 0 {
		return nil
	}
	tx := object.Transaction{Payload: builder.AppendPayload(nil)}
	_, excluded, err := u.desk.Try(&tx, u.ledger.Runtime.Prepare(u.pending.Open.Names()))
	if err != nil {
		return err
	}
	if excluded != nil {
		return fmt.Errorf("%w: %s", ErrConflict, excluded.Reason)
	}
	u.pending.Open.Add(&tx)
	return nil
}

// opposite returns the operations that take an effect back, none if the row is already
// what it was.
func (u *undoer) opposite(e *contract.Effect, before, after []byte) ([]table.Op, error) {
	kind, name, tuple, err := rowkey.Split(e.Key)
	if err != nil {
		return nil, err
	}
	current, exists, err := u.desk.Row(e.Key)
	if err != nil {
		return nil, err
	}
	if !exists {
		current = nil
	}
	if bytes.Equal(current, before) && (current == nil) == (before == nil) {
		return nil, nil
	}
	whole := kind == rowkey.KindRow && (e.Kind != contract.EffectFields || before == nil)
	if whole && bytes.Equal(current, after) && (current == nil) == (after == nil) {
		op, _ := table.DiffRows(name, tuple, current, before)
		return []table.Op{op}, nil
	}
	if e.Kind != contract.EffectFields || current == nil {
		return nil, changedSince(name, tuple)
	}
	return oppositeFields(e, kind, name, tuple, current, before, after)
}

func changedSince(name string, tuple []byte) error {
	comps, err := rowkey.Decode(tuple)
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: row %v of table %s has been changed since", ErrConflict, comps, name)
}

// oppositeFields takes changes of single fields back: deltas by their opposite, whatever
// the field holds now, and values only if nobody has changed them since.
func oppositeFields(e *contract.Effect, kind rowkey.Kind, name string, tuple, current, before, after []byte) ([]table.Op, error) {
	put := table.Op{Code: table.Put, Table: name, Tuple: tuple, SawRow: true}
	if kind == rowkey.KindSchema {
		put.Code = table.Define
	}
	var ops []table.Op
	for i := range e.Fields {
		f := &e.Fields[i]
		delta := table.Op{Table: name, Tuple: tuple, Fields: []table.Arg{{Name: f.Name, Value: f.Value}}}
		switch f.Kind {
		case contract.FieldIncr:
			negated, err := value.AppendNegated(nil, f.Value)
			if err != nil {
				return nil, err
			}
			delta.Code, delta.Fields[0].Value = table.Incr, negated
			ops = append(ops, delta)
			continue
		case contract.FieldAdd, contract.FieldRemove:
			if was, _ := table.Lookup(before, f.Name); value.Contains(was, f.Value) == (f.Kind == contract.FieldAdd) {
				continue // it did nothing then
			}
			delta.Code = table.Remove
			if f.Kind == contract.FieldRemove {
				delta.Code = table.Append
			}
			ops = append(ops, delta)
			continue
		}
		was, _ := table.Lookup(before, f.Name)
		made, _ := table.Lookup(after, f.Name)
		now, _ := table.Lookup(current, f.Name)
		switch {
		case sameValue(now, was):
			continue
		case !sameValue(now, made):
			return nil, fmt.Errorf("field %s: %w", f.Name, changedSince(name, tuple))
		}
		arg := table.Arg{Name: f.Name, Value: was}
		if len(was) == 0 {
			arg.Value = value.AppendAbsent(nil)
		}
		if !value.Absent(now) {
			seen := value.Seen(now)
			arg.Seen = seen[:]
		}
		put.Fields = append(put.Fields, arg)
	}
	if len(put.Fields) > 0 {
		slices.SortFunc(put.Fields, func(a, b table.Arg) int { return strings.Compare(a.Name, b.Name) })
		ops = append(ops, put)
	}
	return ops, nil
}

func sameValue(a, b []byte) bool { return bytes.Equal(a, b) || value.Absent(a) && value.Absent(b) }
