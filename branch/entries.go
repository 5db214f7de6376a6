package branch

import (
	"context"
	"fmt"
	"slices"

	"aergo/consensus/directory"
	"aergo/repo/object"
	"aergo/repo/state"
)

// admission checks what a block takes, entry by entry, and turns it into spans to run.
type admission struct {
	*Ledger
	*prepared
	account  Account                        // of the parent
	admitted []admitted                     // by batch
	items    []map[object.Hash][]object.Run // of each order but merges, by batch
	deciders map[object.Hash]map[txID]object.Reason
	spans    []Span
}

// txID names a transaction.
type txID struct {
	batch object.Hash
	index uint64
}

// admitted is a batch of which a block takes something.
type admitted struct {
	Batch
	have   []object.Run // decided before the block
	taken  []object.Run // by the block's entries so far
	source []object.Run // decided on the source of the block's merge, if it has one
	direct bool         // it has been checked that it may enter without an order
}

// batchesOf returns the batches that a block names, each once, and which of them each entry
// is of.
func batchesOf(body *object.Body) (ids []object.Hash, batchOf []int32) {
	numbers := make(map[object.Hash]int32, len(body.Entries))
	ids, batchOf = make([]object.Hash, 0, len(body.Entries)), make([]int32, len(body.Entries))
	for i := range body.Entries {
		id := body.Entries[i].Batch
		n, known := numbers[id]
		if !known {
			n = int32(len(ids))
			numbers[id] = n
			ids = append(ids, id)
		}
		batchOf[i] = n
	}
	return ids, batchOf
}

// checkEntries checks that everything a block takes may enter it, and returns it as spans
// to run.
func (l *Ledger) checkEntries(ctx context.Context, p *prepared) ([]Span, error) {
	body := p.body
	a := admission{
		Ledger: l, prepared: p, account: Account{state.New(l.Objects, state.EmptyRoot())},
		admitted: make([]admitted, len(p.batches)), deciders: map[object.Hash]map[txID]object.Reason{},
		spans: make([]Span, 0, len(body.Entries)),
	}
	if p.parent != nil {
		a.account = l.accountAt(*p.parent)
	}
	if err := a.load(ctx); err != nil {
		return nil, err
	}
	for i := range body.Entries {
		e := &body.Entries[i]
		if i > 0 && e.Batch == body.Entries[i-1].Batch && e.Order == body.Entries[i-1].Order {
			return nil, fmt.Errorf("batch %s: %w: entry %d goes on with the one before it", e.Batch.Short(), FaultEntrySplit, i)
		}
		if err := a.entry(ctx, &a.admitted[p.batchOf[i]], e); err != nil {
			return nil, fmt.Errorf("batch %s: %w", e.Batch.Short(), err)
		}
	}
	return a.spans, nil
}

// accountAt is Account that reads through what the ledger keeps in memory.
func (l *Ledger) accountAt(b Block) Account {
	if l.Nodes == nil {
		return l.Account(b)
	}
	return Account{state.New(l.Nodes.Over(l.Objects), b.Header.Account)}
}

// load looks up what has been decided of the batches that the block names, and what its
// orders are about.
func (a *admission) load(ctx context.Context) error {
	have, err := a.account.RunsOf(ctx, a.batches, a.Workers.Workers())
	if err != nil {
		return err
	}
	for i, batch := range a.batches {
		if err := MayEnter(batch, a.place(), a.Height); err != nil {
			return err
		}
		a.admitted[i] = admitted{Batch: batch, have: have[i]}
	}
	for _, order := range a.orders {
		if order.Kind != object.OrderMerge {
			byBatch := make(map[object.Hash][]object.Run, len(order.Items))
			for _, item := range order.Items {
				byBatch[item.Batch] = append(byBatch[item.Batch], object.Run{First: item.First, Count: item.Count})
			}
			for id, runs := range byBatch {
				byBatch[id] = UnionRuns(runs)
			}
			a.items = append(a.items, byBatch)
			continue
		}
		a.items = append(a.items, nil)
		source, err := a.Ledger.Block(ctx, order.Source)
		if err != nil {
			return err
		}
		runs, err := a.accountAt(source).RunsOf(ctx, a.batches, a.Workers.Workers())
		if err != nil {
			return err
		}
		for j := range a.admitted {
			a.admitted[j].source = runs[j]
		}
	}
	return nil
}

// entry checks one entry and adds its spans.
func (a *admission) entry(ctx context.Context, batch *admitted, e *object.Entry) error {
	runs := e.Runs
	if len(runs) > 1 {
		runs = sortedRuns(runs)
	}
	if end := endOf(runs[len(runs)-1]); end > batch.Count {
		return fmt.Errorf("%w: it has no transaction %d", FaultNoTransaction, end-1)
	}
	both := runs
	if len(batch.taken) > 0 {
		both = sortedRuns(slices.Concat(runs, batch.taken))
	}
	if index, twice := overlap(both); twice {
		return fmt.Errorf("%w: transaction %d is taken twice", FaultTwice, index)
	}
	batch.taken = both
	if len(both) > 1 {
		batch.taken = UnionRuns(both)
	}
	if e.Order == 0 {
		return a.direct(ctx, batch, e, runs)
	}
	order := a.orders[e.Order-1]
	allows := a.allowed(batch, e.Order)
	if left := subtractRuns(runs, allows); len(left) > 0 {
		return fmt.Errorf("%w: transaction %d is not what the order to %s is about", FaultOrderItems, left[0].First, order.Kind)
	}
	switch order.Kind {
	case object.OrderMerge:
		return a.merged(ctx, batch, e, order, allows)
	case object.OrderPick:
		if err := undecided(runs, batch.have); err != nil {
			return err
		}
	default:
		if err := excludedBefore(runs, batch.have); err != nil {
			return err
		}
	}
	return a.ordered(batch, e, order)
}

// allowed returns, ascending, the transactions of a batch that an order is about: those
// that it names or, with the source's verdicts, those that the source of a merge decided.
func (a *admission) allowed(batch *admitted, number uint64) []object.Run {
	if a.orders[number-1].Kind == object.OrderMerge {
		return batch.source
	}
	return a.items[number-1][batch.ID]
}

// undecided refuses transactions that have a verdict here. Both ascend.
func undecided(runs, have []object.Run) error {
	if open := subtractRuns(runs, have); CountRuns(open) != CountRuns(runs) {
		index := subtractRuns(runs, open)[0].First
		verdict, _ := VerdictOf(have, index)
		return fmt.Errorf("%w: transaction %d is %s here already", FaultDecided, index, verdict)
	}
	return nil
}

// excludedBefore refuses transactions that are not excluded here. Both ascend.
func excludedBefore(runs, have []object.Run) error {
	if left := subtractRuns(runs, onlyVerdict(have, object.VerdictExcluded)); len(left) > 0 {
		return fmt.Errorf("%w: transaction %d is not excluded here", FaultNotExcluded, left[0].First)
	}
	return nil
}

// direct adds what a batch's author takes to the branch himself.
func (a *admission) direct(ctx context.Context, batch *admitted, e *object.Entry, runs []object.Run) error {
	if !batch.direct {
		if err := a.checkDirect(ctx, a.prepared, batch.Batch); err != nil {
			return err
		}
		batch.direct = true
	}
	if err := undecided(runs, batch.have); err != nil {
		return err
	}
	return a.ordered(batch, e, nil)
}

// ordered adds the spans of an entry that comes by no merge.
func (a *admission) ordered(batch *admitted, e *object.Entry, order *object.Order) error {
	span := Span{Batch: batch.Batch, Order: e.Order}
	drops := order != nil && order.Kind == object.OrderDrop
	if order != nil {
		span.Mode = order.Mode
	}
	if !drops && a.revoked(batch) {
		return a.leaveOut(span, e)
	}
	for _, run := range e.Runs {
		if drops != (run.Verdict == object.VerdictDropped) {
			return fmt.Errorf("%w: transaction %d is %s, and not by the order for it", FaultVerdictOrder, run.First, run.Verdict)
		}
		one := span
		one.First, one.Count, one.Decided = run.First, run.Count, drops
		if drops {
			one.Verdict = run.Verdict
		}
		a.add(one)
	}
	for i := range e.Excluded {
		if e.Excluded[i].Reason == object.ReasonInherited {
			return fmt.Errorf("%w: transaction %d is inherited without a merge", FaultInherited, e.Excluded[i].Index)
		}
	}
	return nil
}

// merged adds the spans of an entry that comes by a merge: what the source applied is run
// again, what it excluded or dropped is taken over. source is its verdicts, ascending.
func (a *admission) merged(ctx context.Context, batch *admitted, e *object.Entry, order *object.Order, source []object.Run) error {
	if err := undecided(sortedRuns(e.Runs), batch.have); err != nil {
		return err
	}
	excluded := e.Excluded
	for _, run := range e.Runs {
		var reasons []object.Exclusion
		if run.Verdict == object.VerdictExcluded {
			reasons, excluded = excluded[:run.Count], excluded[run.Count:]
		}
		for _, there := range ClipRuns(source, run) {
			span := Span{Batch: batch.Batch, Order: e.Order, First: there.First, Count: there.Count, Mode: order.Mode, Merged: true}
			var err error
			switch {
			case there.Verdict == object.VerdictExcluded && run.Verdict == there.Verdict:
				from := there.First - run.First
				err = a.inherit(ctx, span, reasons[from:from+there.Count])
			case there.Verdict == object.VerdictDropped && run.Verdict == there.Verdict:
				span.Decided, span.Verdict = true, there.Verdict
				a.add(span)
			case there.Verdict.Applied() && a.revoked(batch):
				from := there.First - run.First
				err = a.leaveOutRun(span, run, reasons, from)
			case there.Verdict.Applied() && run.Verdict != object.VerdictDropped:
				a.add(span)
			default:
				err = fmt.Errorf("%w: transaction %d is %s, and %s on the source", FaultVerdictSource, there.First, run.Verdict, there.Verdict)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// inherit adds the transactions of a span as excluded by the blocks that the reasons name,
// and checks that those did.
func (a *admission) inherit(ctx context.Context, span Span, reasons []object.Exclusion) error {
	for i := range reasons {
		x := &reasons[i]
		if x.Reason != object.ReasonInherited {
			return fmt.Errorf("%w: transaction %d is excluded as %s, but was on the source already", FaultInheritedReason, x.Index, x.Reason)
		}
		by, err := a.excludedIn(ctx, x.Block)
		if err != nil {
			return err
		}
		if reason := by[txID{span.Batch.ID, x.Index}]; reason == object.ReasonNone || reason == object.ReasonInherited {
			return fmt.Errorf("%w: block %s did not exclude transaction %d", FaultInheritedBlock, x.Block.Short(), x.Index)
		}
		one := span
		one.First, one.Count, one.Decided, one.Verdict, one.Block = x.Index, 1, true, object.VerdictExcluded, x.Block
		a.add(one)
	}
	return nil
}

// revoked says whether the key of a batch's author is revoked: then no order takes anything of
// it in any more. What it has done before stays.
func (a *admission) revoked(batch *admitted) bool {
	return a.cited.KeyState(batch.Author.Key) == directory.Revoked
}

// leaveOut adds the spans of an entry of a revoked author.
func (a *admission) leaveOut(span Span, e *object.Entry) error {
	excluded := e.Excluded
	for _, run := range e.Runs {
		one := span
		one.First, one.Count = run.First, run.Count
		var reasons []object.Exclusion
		if run.Verdict == object.VerdictExcluded {
			reasons, excluded = excluded[:run.Count], excluded[run.Count:]
		}
		if err := a.leaveOutRun(one, run, reasons, 0); err != nil {
			return err
		}
	}
	return nil
}

// leaveOutRun adds the transactions of a span, which are part of a run from there on, as
// excluded because their author's key is revoked.
func (a *admission) leaveOutRun(span Span, run object.Run, reasons []object.Exclusion, from uint64) error {
	for i := range span.Count {
		if run.Verdict != object.VerdictExcluded || reasons[from+i].Reason != object.ReasonRevoked {
			return fmt.Errorf("%w: transaction %d is %s, and its author's key is revoked", FaultRevoked, span.First+i, run.Verdict)
		}
	}
	span.Decided, span.Verdict = true, object.VerdictExcluded
	a.add(span)
	return nil
}

// excludedIn returns what a block's body excludes, and why.
func (a *admission) excludedIn(ctx context.Context, block object.Hash) (map[txID]object.Reason, error) {
	if known := a.deciders[block]; known != nil {
		return known, nil
	}
	b, err := a.Ledger.Block(ctx, block)
	if err != nil {
		return nil, err
	}
	body, err := a.Body(ctx, b)
	if err != nil {
		return nil, err
	}
	reasons := map[txID]object.Reason{}
	for i := range body.Entries {
		for j := range body.Entries[i].Excluded {
			x := &body.Entries[i].Excluded[j]
			reasons[txID{body.Entries[i].Batch, x.Index}] = x.Reason
		}
	}
	a.deciders[block] = reasons
	return reasons, nil
}

// add appends a span, or lengthens the last one if it goes on with it.
func (a *admission) add(s Span) {
	if n := len(a.spans); n > 0 {
		if last := &a.spans[n-1]; last.goesOn(&s) {
			last.Count += s.Count
			return
		}
	}
	a.spans = append(a.spans, s)
}

// goesOn says whether next is what follows s in its batch and is taken alike.
func (s *Span) goesOn(next *Span) bool {
	return s.Batch.ID == next.Batch.ID && s.First+s.Count == next.First && s.Order == next.Order && s.Mode == next.Mode &&
		s.Merged == next.Merged && s.Decided == next.Decided && s.Verdict == next.Verdict && s.Block == next.Block
}
