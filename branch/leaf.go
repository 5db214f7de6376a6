package branch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"aergo/contract"
	"aergo/dtt"
	"aergo/repo/object"
	"aergo/repo/state"
)

// hand is what a worker needs to run transactions, one after another.
type hand struct {
	out     contract.Outcome
	view    view
	ids     []uint32 // the slots of the effects
	locked  []uint32 // the same, ascending
	cells   []*cell  // of the ids
	merging contract.Merging
	alone   *aloneView // in place of view, for a transaction that runs alone
	after   []rowState
}

// writable returns the slot of an effect's row, if the transaction may make the effect.
func (h *hand) writable(e *contract.Effect) (uint32, error) {
	if h.alone != nil {
		return h.alone.slotOf(e.Key)
	}
	return h.view.writable(e)
}

// rowState is a row, or that there is none.
type rowState struct {
	row    []byte
	exists bool
}

// runLeaf runs consecutive transactions, one after another.
func (s *stage) runLeaf(ctx context.Context, spans []Span, worker int, at dtt.Space, first, count int) error {
	h := &s.hands[worker]
	for i := first; i < first+count; i++ {
		if i&0x3ff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := s.runOne(ctx, &spans[s.items[i].span], i, at, h); err != nil {
			return fmt.Errorf("transaction %s: %w", s.nameOf(spans, i), err)
		}
	}
	return nil
}

// nameOf returns how people name the transaction of an item.
func (s *stage) nameOf(spans []Span, i int) string {
	it := &s.items[i]
	return fmt.Sprintf("%s.%d", spans[it.span].Batch.ID.Short(), it.index)
}

func (s *stage) runOne(ctx context.Context, span *Span, i int, at dtt.Space, h *hand) error {
	it, d := &s.items[i], &s.decisions[i]
	if span.Decided {
		d.verdict = span.Verdict
		if d.verdict == object.VerdictExcluded {
			d.exclusion = &object.Exclusion{Reason: object.ReasonInherited, Block: span.Block}
			if span.Block.IsZero() {
				d.exclusion.Reason = object.ReasonRevoked
			}
		}
		return nil
	}
	h.out.Reset()
	var seen contract.View = &h.view
	h.view, h.alone = view{stage: s, space: at, declared: s.reaches[s.starts[i]:s.starts[i+1]]}, nil
	if it.alone {
		h.alone = &aloneView{ctx: ctx, stage: s}
		seen = h.alone
	}
	if err := s.runtime.Run(it.tx, it.dict, seen, span.merging(it.index, &h.merging), &h.out); err != nil {
		return err
	}
	d.cost = h.out.CostUnits
	if len(h.out.Effects) > 0 {
		if err := s.apply(h); err != nil {
			return err
		}
	}
	d.verdict, d.exclusion = h.out.Verdict, h.out.Exclusion
	if d.exclusion != nil {
		d.exclusion.Reason = reasonUnder(span.Mode, d.exclusion.Reason)
	}
	return nil
}

// reasonUnder turns the reason of a conflict into what the order said of conflicts. What
// could apply nowhere keeps its own reason.
func reasonUnder(mode object.Mode, reason object.Reason) object.Reason {
	if !reason.Conflict() {
		return reason
	}
	switch mode {
	case object.ModeOurs:
		return object.ReasonOurs
	case object.ModeTheirs:
		return object.ReasonSuperseded
	}
	return reason
}

// apply makes a transaction's effects, all or none. If one does not fit, the verdict
// becomes excluded.
func (s *stage) apply(h *hand) error {
	h.ids = h.ids[:0]
	for i := range h.out.Effects {
		id, err := h.writable(&h.out.Effects[i])
		if err != nil {
			return err
		}
		h.ids = append(h.ids, id)
	}
	// Transactions that run side by side may share rows, in fields of their own: locks in
	// slot order keep each row whole, and the tree keeps the result the same.
	h.locked = append(h.locked[:0], h.ids...)
	slices.Sort(h.locked)
	at := h.view.space
	for _, id := range h.locked {
		s.cell(at, id).mu.Lock()
	}
	defer func() {
		for _, id := range h.locked {
			s.cell(at, id).mu.Unlock()
		}
	}()
	h.after, h.cells = h.after[:0], h.cells[:0]
	for i, id := range h.ids {
		c, e := s.cell(at, id), &h.out.Effects[i]
		row, exists, err := applyEffect(s.runtime, c.row, c.exists, e)
		if errors.Is(err, contract.ErrEffect) {
			h.out.Exclude(tooLarge(e))
			return nil
		}
		if err != nil {
			return err
		}
		h.after, h.cells = append(h.after, rowState{row, exists}), append(h.cells, c)
	}
	for i, c := range h.cells {
		c.row, c.exists = h.after[i].row, h.after[i].exists
	}
	clear(h.after)
	return nil
}

// applyEffect returns a row after an effect. If no row may be so long, the error wraps
// contract.ErrEffect.
func applyEffect(rt Runtime, row []byte, exists bool, e *contract.Effect) ([]byte, bool, error) {
	after, there, err := rt.Apply(row, exists, e)
	if err == nil && len(after) > state.MaxValueBytes {
		err = contract.ErrEffect
	}
	return after, there, err
}

// tooLarge says why a transaction with an effect that does not fit is excluded.
func tooLarge(e *contract.Effect) object.Exclusion {
	return object.Exclusion{Reason: object.ReasonLimit, Op: e.Op, Key: bytes.Clone(e.Key)}
}
