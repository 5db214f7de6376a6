package merge

import (
	"context"
	"errors"
	"fmt"

	"aergo/branch"
	"aergo/contract"
	"aergo/repo/object"
	"aergo/repo/store"
)

var (
	// ErrNothing is wrapped when an order would decide nothing.
	ErrNothing = errors.New("nothing to do")
	// ErrExcluded is wrapped when a pick names what is excluded on the target: only a replay
	// decides that again.
	ErrExcluded = errors.New("excluded here")
)

// Request is what an order is made for.
type Request struct {
	Branch  object.Hash        // id of the target branch
	Mode    object.Mode        // of a merge
	Logic   *branch.MergeLogic // of the target branch, in mode object.ModeResolve
	Message string             // of the order
	Signer  branch.Signer      // of the order, of the forced batch, and of the block
	Now     uint64             // milliseconds since the Unix epoch
}

// Result is the account of an order: what became of every transaction that it was about.
type Result struct {
	Block     branch.Block
	Entries   []object.Entry
	Applied   uint64 // applied, no-op or resolved
	Noop      uint64 // of those: held already
	Resolved  uint64 // of those: decided by the resolver
	Excluded  []Excluded
	Inherited uint64
	Dropped   uint64
	Already   uint64
	Forced    uint64 // transactions that --theirs added and that applied; others are among Excluded
	// Overruled are what a pick named and the target holds as excluded, in the pick's order.
	Overruled []branch.AccountEntry
}

// Excluded is one transaction left out, and why.
type Excluded struct {
	Batch object.Hash
	object.Exclusion
}

// Merge replays what the plan found on the target's state and seals the block, through w.
// The block's validity is that of branch.Ledger.Validate.
func Merge(ctx context.Context, l *branch.Ledger, w store.Writer, p *Plan, req Request) (*Result, error) {
	if p.UpToDate {
		return nil, fmt.Errorf("merge: %w: the target has all of the source", ErrNothing)
	}
	spans := make([]branch.Span, len(p.Spans))
	for i, s := range p.Spans {
		if err := branch.MayEnter(s.Batch, req.Branch, p.Target.Height+1); err != nil {
			return nil, fmt.Errorf("merge: %w", err)
		}
		s.Mode = req.Mode
		spans[i] = s
	}
	l.LeaveOut(spans)
	x := l.NewExecutor(w, p.Target.Header.State)
	if err := branch.SettleSpans(ctx, l.Chain, l.Runtime, x.State(), spans, l.Workers.Workers()); err != nil {
		return nil, err
	}
	draft := branch.Draft{Branch: req.Branch, Parent: &p.Target, Absorbed: &p.Source, Mode: req.Mode, Now: req.Now, Run: x}
	if req.Mode == object.ModeResolve {
		resolving, err := p.resolve(ctx, l, req, spans, &draft)
		if err != nil {
			return nil, err
		}
		defer func() { _ = resolving.Close() }()
	}
	if err := x.Propose(ctx, spans); err != nil {
		return nil, err
	}
	res := account(x.Entries())
	if req.Mode == object.ModeTheirs {
		if err := force(ctx, l, w, x, p.Target, req, settledBy(spans), res); err != nil {
			return nil, err
		}
	}
	order, err := branch.PutOrder(w, &object.Order{
		Lineage: l.Directory.Lineage, Kind: object.OrderMerge, Branch: req.Branch, Source: p.Source.ID, Mode: req.Mode,
		Message: req.Message, TimeMillis: req.Now, Mark: markOf(p.Target),
	}, req.Signer)
	if err != nil {
		return nil, err
	}
	draft.Orders = []object.Hash{order}
	res.Block, err = l.Seal(ctx, w, draft, req.Signer)
	res.Entries, res.Already = x.Entries(), p.Already
	return res, err
}

func markOf(b branch.Block) object.Mark { return object.Mark{Block: b.ID, Height: b.Height} }

// account counts what became of the transactions of entries.
func account(entries []object.Entry) *Result {
	res := &Result{}
	for i := range entries {
		e := &entries[i]
		for _, run := range e.Runs {
			switch run.Verdict {
			case object.VerdictNoop:
				res.Noop += run.Count
			case object.VerdictResolved:
				res.Resolved += run.Count
			case object.VerdictDropped:
				res.Dropped += run.Count
			}
			if run.Verdict.Applied() {
				res.Applied += run.Count
			}
		}
		for _, x := range e.Excluded {
			if x.Reason == object.ReasonInherited {
				res.Inherited++
				continue
			}
			res.Excluded = append(res.Excluded, Excluded{Batch: e.Batch, Exclusion: x})
		}
	}
	return res
}

// settledBy returns what the transactions of a merge settled among themselves.
func settledBy(spans []branch.Span) *contract.Settlement {
	for i := range spans {
		if spans[i].Settled != nil {
			return spans[i].Settled
		}
	}
	return nil
}

// force adds a batch of the signer's own with the effects of what conflicted, without
// preconditions, as far as the merge did not settle them. The originals stay excluded, as
// superseded.
func force(ctx context.Context, l *branch.Ledger, w store.Writer, x *branch.Executor, target branch.Block, req Request,
	settled *contract.Settlement, res *Result) error {
	var superseded []object.Selection
	for _, e := range res.Excluded {
		if e.Reason != object.ReasonSuperseded {
			continue
		}
		if n := len(superseded); n > 0 && superseded[n-1].Batch == e.Batch && superseded[n-1].First+superseded[n-1].Count == e.Index {
			superseded[n-1].Count++
			continue
		}
		superseded = append(superseded, object.Selection{Batch: e.Batch, First: e.Index, Count: 1})
	}
	if len(superseded) == 0 {
		return nil
	}
	message := req.Message
	if message == "" {
		message = "Force the source's conflicting changes"
	}
	batch, err := rewrite(ctx, l, w, superseded, message, target, req, func(tx *object.Transaction, dict any, to *object.ChunkBuilder) error {
		return l.Runtime.Force(tx, dict, settled, to)
	})
	if err != nil {
		return err
	}
	before := len(x.Entries())
	if err := x.Propose(ctx, []branch.Span{{Batch: batch, Count: batch.Count}}); err != nil {
		return err
	}
	// It is signed by who merges, and accounted for apart from what the source had.
	forced := account(x.Entries()[before:])
	res.Forced = forced.Applied
	res.Excluded = append(res.Excluded, forced.Excluded...)
	return nil
}

// rewrite signs a new batch made of transactions of others, each put through change.
func rewrite(ctx context.Context, l *branch.Ledger, w store.Writer, items []object.Selection, message string, target branch.Block, req Request,
	change func(tx *object.Transaction, dict any, to *object.ChunkBuilder) error) (branch.Batch, error) {
	p := branch.NewPending(target)
	chunks := branch.ChunkReader{Chain: branch.Chain{Objects: w}}
	var last *object.Chunk
	var dict any
	for _, s := range items {
		from, err := chunks.Chain.Batch(ctx, s.Batch)
		if err != nil {
			return branch.Batch{}, err
		}
		err = chunks.Transactions(ctx, from, s.First, s.Count, func(_ uint64, tx *object.Transaction, chunk *object.Chunk) error {
			if chunk != last {
				last, dict = chunk, l.Runtime.Prepare(chunk.Names)
			}
			if err := change(tx, dict, p.Open); err != nil {
				return err
			}
			return p.CloseChunk(w, false)
		})
		if err != nil {
			return branch.Batch{}, err
		}
	}
	if err := p.CloseChunk(w, true); err != nil {
		return branch.Batch{}, err
	}
	return branch.PutBatch(w, &object.Batch{
		Lineage: l.Directory.Lineage, Message: message, TimeMillis: req.Now, Mark: markOf(target), Count: p.Count(), Chunks: p.Closed,
	}, req.Signer)
}

// Select runs an order that names transactions: a pick, a replay or a drop. What the
// target has decided already, as far as the order may not change it, is counted as
// already and left out; but a pick of what is excluded there is ErrExcluded, with the
// result saying of what.
func Select(ctx context.Context, l *branch.Ledger, w store.Writer, target branch.Block, kind object.OrderKind, items []object.Selection, req Request) (*Result, error) {
	c := branch.Chain{Objects: w}
	var spans []branch.Span
	var chosen []object.Selection
	var already uint64
	var overruled []branch.AccountEntry
	named := map[object.Hash][]object.Run{} // chosen so far
	for _, s := range items {
		batch, err := c.Batch(ctx, s.Batch)
		if err != nil {
			return nil, err
		}
		have, err := c.Account(target).Runs(ctx, batch.Mark.Height, s.Batch)
		if err != nil {
			return nil, err
		}
		if err := branch.MayEnter(batch, req.Branch, target.Height+1); err != nil {
			return nil, fmt.Errorf("%s: %w", kind, err)
		}
		run := object.Run{First: s.First, Count: s.Count}
		open := openRuns(kind, run, have)
		already += s.Count - branch.CountRuns(open)
		if kind == object.OrderPick {
			if left := openRuns(object.OrderReplay, run, have); len(left) > 0 {
				already -= branch.CountRuns(left)
				overruled = append(overruled, branch.AccountEntry{MarkHeight: batch.Mark.Height, Batch: s.Batch, Runs: left})
			}
		}
		open = branch.SubtractRuns(open, named[s.Batch])
		named[s.Batch] = append(named[s.Batch], open...)
		for _, run := range open {
			span := branch.Span{Batch: batch, Order: 1, First: run.First, Count: run.Count}
			if kind == object.OrderDrop {
				span.Decided, span.Verdict = true, object.VerdictDropped
			}
			spans = append(spans, span)
			chosen = append(chosen, object.Selection{Batch: s.Batch, First: run.First, Count: run.Count})
		}
	}
	if len(overruled) > 0 {
		return &Result{Already: already, Overruled: overruled}, fmt.Errorf("%s: %w: %d of what it names", kind, ErrExcluded, countEntries(overruled))
	}
	if len(spans) == 0 {
		return &Result{Already: already}, fmt.Errorf("%s: %w: all of it has been decided here", kind, ErrNothing)
	}
	l.LeaveOut(spans)
	x := l.NewExecutor(w, target.Header.State)
	if err := x.Propose(ctx, spans); err != nil {
		return nil, err
	}
	order, err := branch.PutOrder(w, &object.Order{
		Lineage: l.Directory.Lineage, Kind: kind, Branch: req.Branch, Items: chosen, Message: req.Message, TimeMillis: req.Now, Mark: markOf(target),
	}, req.Signer)
	if err != nil {
		return nil, err
	}
	res := account(x.Entries())
	res.Already = already
	res.Block, err = l.Seal(ctx, w, branch.Draft{Branch: req.Branch, Parent: &target, Orders: []object.Hash{order}, Now: req.Now, Run: x}, req.Signer)
	res.Entries = x.Entries()
	return res, err
}

func countEntries(list []branch.AccountEntry) (n uint64) {
	for i := range list {
		n += branch.CountRuns(list[i].Runs)
	}
	return n
}

// openRuns returns the part of a run that an order of the given kind may decide: for a
// pick what has no verdict yet, for a replay or drop what is excluded.
func openRuns(kind object.OrderKind, run object.Run, have []object.Run) []object.Run {
	if kind == object.OrderPick {
		return branch.SubtractRuns([]object.Run{run}, have)
	}
	var open []object.Run
	for _, h := range have {
		if h.Verdict == object.VerdictExcluded {
			open = append(open, branch.IntersectRuns([]object.Run{run}, h)...)
		}
	}
	return open
}
