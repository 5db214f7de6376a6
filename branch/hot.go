package branch

import (
	"context"
	"fmt"

	"aergo/dtt"
	"aergo/repo/object"
)

// HotRow is a row at which transactions of a block meet: one of them changes it, or a field
// of it, that another one touches, and the two do not commute.
type HotRow struct {
	Key []byte // the state key; nil for the whole state, which transactions that run alone touch
	// Fields are the names of the fields that they meet at, ascending; none if it is the row
	// as a whole, or whether it is there. They are hotFieldsMax at the most.
	Fields []string
}

// HotCount is how many of some transactions meet others at a row.
type HotCount struct {
	Row          int // index in Hotness.Rows
	Transactions int
}

// Hotness tells what the transactions of a block wait for.
type Hotness struct {
	Meeting int // transactions that meet any other
	Rows    []HotRow
	Counts  [][]HotCount  // of each node of the tree in depth-first order, most first
	Claims  map[int][]int // the rows that each cut claims, by the number of its node
}

const (
	hotFieldsMax = 8
	hotRootRows  = 16
	// hotStageRows is how many rows of each stage count for the block. A row that is beyond
	// them in some stage is counted too low there.
	hotStageRows = 256
	// hotRowsMax is from how many rows on nodes keep fewer than they were asked to.
	hotRowsMax = 1 << 18
)

// Hot finds, from what transactions declare, at which rows they meet. It runs nothing and
// checks no signature. Transactions of different stages (see StageTransactions) never run
// side by side, so only those of one stage count as meeting, and memory follows the stage and
// the nodes of the tree, not the block. It keeps that many rows for each node, and for the
// block hotRootRows.
func (l *Ledger) Hot(ctx context.Context, b Block, tree dtt.Tree, top int) (*Hotness, error) {
	spans, err := l.spansOf(ctx, b)
	if err != nil {
		return nil, err
	}
	return l.hot(ctx, spans, tree, top, StageTransactions)
}

// hot is Hot of spans, with stages of so many transactions.
func (l *Ledger) hot(ctx context.Context, spans []Span, tree dtt.Tree, top, stageTransactions int) (*Hotness, error) {
	h := newHeat(newStage(l.Runtime, 1), tree, top)
	in := newFeed(l.Chain, l.Runtime, spans, l.Workers.Workers())
	defer in.drain()
	for {
		p, err := in.next(ctx)
		if err != nil {
			return nil, err
		}
		if p == nil {
			break
		}
		for i := range p.items {
			h.stage.add(p.items[i], p.declared(i))
			if (h.from+len(h.stage.items))%stageTransactions == 0 {
				if err := h.flush(); err != nil {
					return nil, err
				}
			}
		}
	}
	if err := h.flush(); err != nil {
		return nil, err
	}
	if h.from != tree.Len() {
		return nil, fmt.Errorf("tree: %w: it runs %d transactions, the block has %d", FaultTreeLength, tree.Len(), h.from)
	}
	return h.result(), nil
}

// spansOf returns what a block takes, in block order, without looking at its right to. What
// the source of a merge decided does not run, and declares nothing.
func (l *Ledger) spansOf(ctx context.Context, b Block) ([]Span, error) {
	body, err := l.Body(ctx, b)
	if err != nil {
		return nil, err
	}
	var spans []Span
	for i := range body.Entries {
		e := &body.Entries[i]
		batch, err := l.Batch(ctx, e.Batch)
		if err != nil {
			return nil, err
		}
		spans = append(spans, decidedApart(batch, e)...)
	}
	return spans, nil
}

// decidedApart returns what an entry takes, with what had been decided before apart.
func decidedApart(batch Batch, e *object.Entry) []Span {
	var spans []Span
	add := func(first, count uint64, decided bool) {
		s := Span{Batch: batch, Order: e.Order, First: first, Count: count, Decided: decided}
		if n := len(spans); n > 0 && spans[n-1].goesOn(&s) {
			spans[n-1].Count += count
		} else if count > 0 {
			spans = append(spans, s)
		}
	}
	excluded := e.Excluded
	for _, run := range e.Runs {
		known := uint64(0)
		if run.Verdict == object.VerdictExcluded {
			known = min(run.Count, uint64(len(excluded)))
			for i := range known {
				add(run.First+i, 1, excluded[i].Reason == object.ReasonInherited)
			}
			excluded = excluded[known:]
		}
		add(run.First+known, run.Count-known, run.Verdict == object.VerdictDropped)
	}
	return spans
}
