package merge

import (
	"context"
	"fmt"
	"slices"

	"aergo/branch"
	"aergo/repo/object"
)

// Plan is what a merge of a source head into a target head is about.
type Plan struct {
	Target, Source branch.Block
	Bases          []branch.Block
	UpToDate       bool // the source is an ancestor of the target, or goes on from it with nothing but other verdicts
	FastForward    bool // the target is an ancestor of the source, which overturns none of its verdicts
	Spans          []branch.Span
	Replayed       uint64 // transactions to run
	Inherited      uint64 // excluded on the source already
	Dropped        uint64 // dropped on the source already
	Already        uint64 // made on the source, and decided on the target already
	// Overruled are what the source has applied and the target holds as excluded, in account
	// order. They are not among Already, and stay excluded: a verdict changes only by an
	// order about its transaction.
	Overruled []branch.AccountEntry
}

// NewPlan finds what source has decided and target has not: the difference of their
// accounts, in the order of the source's chain.
//
// A source that goes on from the target may still decide otherwise what the target has
// decided. Then its block cannot become the target's head: what is missing is brought by a
// merge, and if nothing is, the target has all there is.
func NewPlan(ctx context.Context, c branch.Chain, target, source branch.Block) (*Plan, error) {
	p := &Plan{Target: target, Source: source}
	bases, sourceOnly, err := walk(ctx, c, target, source)
	if err != nil {
		return nil, err
	}
	p.Bases = bases
	disputed, err := findDisputes(ctx, c.Account(target), c.Account(source))
	if err != nil {
		return nil, err
	}
	p.Overruled = disputed.overruled
	if p.UpToDate = len(sourceOnly) == 0; p.UpToDate {
		return p, nil
	}
	g := gatherer{
		chain: c, plan: p, apart: map[object.Hash][]object.Run{}, needed: map[object.Hash][]object.Run{},
		counted: map[object.Hash][]object.Run{}, loaded: map[object.Hash]branch.Batch{},
	}
	err = branch.Missing(ctx, c.Account(target), c.Account(source), func(e branch.AccountEntry) error {
		g.apart[e.Batch], g.needed[e.Batch] = e.Runs, e.Runs
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, e := range p.Overruled {
		g.apart[e.Batch] = slices.Concat(g.apart[e.Batch], e.Runs)
	}
	if len(bases) == 1 && bases[0].ID == target.ID {
		p.FastForward = !disputed.any
		if p.UpToDate = disputed.any && len(g.needed) == 0; p.UpToDate {
			return p, nil
		}
	}
	if err := g.walkBack(ctx, sourceOnly); err != nil {
		return nil, err
	}
	slices.Reverse(p.Spans)
	p.Spans = joinSpans(p.Spans)
	return p, nil
}

// gatherer collects the needed transactions while walking the source's chain back from
// its head: the last block that decided a transaction is the one that counts.
type gatherer struct {
	chain   branch.Chain
	plan    *Plan
	apart   map[object.Hash][]object.Run // what the target has not decided, or has overruled
	needed  map[object.Hash][]object.Run // what it has not decided, and has not been found yet
	counted map[object.Hash][]object.Run // what was made on the source, as far as seen
	loaded  map[object.Hash]branch.Batch
}

func (g *gatherer) walkBack(ctx context.Context, sourceOnly map[object.Hash]branch.Block) error {
	for b := g.plan.Source; ; {
		_, only := sourceOnly[b.ID]
		if !only && len(g.needed) == 0 {
			return nil
		}
		if err := g.block(ctx, b, only); err != nil {
			return fmt.Errorf("block %s: %w", b.ID.Short(), err)
		}
		if b.Parent.IsZero() {
			break
		}
		parent, err := g.chain.Block(ctx, b.Parent)
		if err != nil {
			return err
		}
		b = parent
	}
	for batch := range g.needed {
		return fmt.Errorf("block %s: %w: its account decides batch %s, which none of its blocks took", g.plan.Source.ID.Short(), branch.FaultAccountRoot, batch.Short())
	}
	return nil
}

// block takes what is needed from one block, last entry first.
func (g *gatherer) block(ctx context.Context, b branch.Block, only bool) error {
	body, err := g.chain.Body(ctx, b)
	if err != nil {
		return err
	}
	merges := make([]bool, 1+len(body.Orders)) // by the number of the order in entries
	for i, id := range body.Orders {
		o, err := g.chain.Order(ctx, id)
		if err != nil {
			return err
		}
		merges[1+i] = o.Kind == object.OrderMerge
	}
	for i := len(body.Entries) - 1; i >= 0; i-- {
		e := &body.Entries[i]
		if branch.CountRuns(branch.UnionRuns(e.Runs)) != branch.CountRuns(e.Runs) {
			return fmt.Errorf("%w: it takes a transaction of batch %s twice", branch.FaultTwice, e.Batch.Short())
		}
		// What a merge brought in was not made on the source.
		if only && !merges[e.Order] {
			g.count(e)
		}
		if err := g.entry(ctx, b, e); err != nil {
			return err
		}
	}
	return nil
}

// count accounts for what an entry made on the source that the target has decided.
func (g *gatherer) count(e *object.Entry) {
	made := branch.SubtractRuns(branch.UnionRuns(e.Runs), g.counted[e.Batch])
	g.plan.Already += branch.CountRuns(branch.SubtractRuns(made, g.apart[e.Batch]))
	g.counted[e.Batch] = append(g.counted[e.Batch], made...)
}

func (g *gatherer) entry(ctx context.Context, b branch.Block, e *object.Entry) error {
	needed := g.needed[e.Batch]
	if len(needed) == 0 {
		return nil
	}
	batch, err := g.batch(ctx, e.Batch)
	if err != nil {
		return err
	}
	excluded := len(e.Excluded)
	for i := len(e.Runs) - 1; i >= 0; i-- {
		run := e.Runs[i]
		var reasons []object.Exclusion
		if run.Verdict == object.VerdictExcluded {
			reasons = e.Excluded[excluded-int(run.Count) : excluded]
			excluded -= int(run.Count)
		}
		took := branch.ClipRuns(needed, run)
		for j := len(took) - 1; j >= 0; j-- {
			g.take(b, batch, took[j], run, reasons)
		}
	}
	if needed = branch.SubtractRuns(needed, e.Runs); len(needed) == 0 {
		delete(g.needed, e.Batch)
	} else {
		g.needed[e.Batch] = needed
	}
	return nil
}

// take appends the span, or spans, of one run. The list is built backwards.
func (g *gatherer) take(b branch.Block, batch branch.Batch, took, run object.Run, reasons []object.Exclusion) {
	span := branch.Span{Batch: batch, Order: 1, First: took.First, Count: took.Count, Merged: true}
	switch run.Verdict {
	case object.VerdictDropped:
		span.Decided, span.Verdict = true, run.Verdict
		g.plan.Dropped += took.Count
	case object.VerdictExcluded:
		for i := took.Count; i > 0; i-- {
			x := reasons[took.First+i-1-run.First]
			one := span
			one.First, one.Count = x.Index, 1
			one.Decided, one.Verdict, one.Block = true, run.Verdict, b.ID
			if x.Reason == object.ReasonInherited {
				one.Block = x.Block
			}
			g.plan.Spans = append(g.plan.Spans, one)
		}
		g.plan.Inherited += took.Count
		return
	default:
		g.plan.Replayed += took.Count
	}
	g.plan.Spans = append(g.plan.Spans, span)
}

func (g *gatherer) batch(ctx context.Context, id object.Hash) (branch.Batch, error) {
	if b, ok := g.loaded[id]; ok {
		return b, nil
	}
	b, err := g.chain.Batch(ctx, id)
	if err != nil {
		return branch.Batch{}, err
	}
	g.loaded[id] = b
	return b, nil
}

// joinSpans joins spans that continue each other, so that a batch is read once.
func joinSpans(spans []branch.Span) []branch.Span {
	out := spans[:0]
	for _, s := range spans {
		if n := len(out); n > 0 {
			last := &out[n-1]
			alike := last.Decided == s.Decided && last.Verdict == s.Verdict && last.Block == s.Block
			if last.Batch.ID == s.Batch.ID && last.First+last.Count == s.First && alike {
				last.Count += s.Count
				continue
			}
		}
		out = append(out, s)
	}
	return out
}
