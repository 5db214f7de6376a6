package branch

import (
	"context"
	"fmt"

	"aergo/repo/object"
	"aergo/repo/state"
)

// admission checks what a block takes, entry by entry, and turns it into spans to run.
type admission struct {
	*Ledger
	block    Block
	parent   *Block
	account  Account // of the parent
	orders   []*object.Order
	batches  map[object.Hash]*admitted
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
	direct bool         // it has been checked that it may enter without an order
	allows map[uint64][]object.Run
}

// checkEntries checks that everything a block takes may enter it, and returns it as spans
// to run.
func (l *Ledger) checkEntries(ctx context.Context, b Block, parent *Block, body *object.Body) ([]Span, error) {
	orders, err := l.checkOrders(ctx, b, parent, body)
	if err != nil {
		return nil, err
	}
	a := admission{
		Ledger: l, block: b, parent: parent, orders: orders, account: Account{state.New(l.Objects, state.EmptyRoot())},
		batches: map[object.Hash]*admitted{}, deciders: map[object.Hash]map[txID]object.Reason{},
	}
	if parent != nil {
		a.account = l.Account(*parent)
	}
	for i := range body.Entries {
		e := &body.Entries[i]
		if i > 0 && e.Batch == body.Entries[i-1].Batch && e.Order == body.Entries[i-1].Order {
			return nil, fmt.Errorf("batch %s: %w: entry %d goes on with the one before it", e.Batch.Short(), ErrInvalid, i)
		}
		batch, err := a.batch(ctx, e.Batch)
		if err != nil {
			return nil, err
		}
		if err := a.entry(ctx, batch, e); err != nil {
			return nil, fmt.Errorf("batch %s: %w", e.Batch.Short(), err)
		}
	}
	return a.spans, nil
}

// batch loads and checks a batch when an entry first names it.
func (a *admission) batch(ctx context.Context, id object.Hash) (*admitted, error) {
	if known := a.batches[id]; known != nil {
		return known, nil
	}
	batch, err := a.checkBatch(ctx, a.block, id)
	if err != nil {
		return nil, err
	}
	have, err := a.account.Runs(ctx, batch.Mark.Height, id)
	if err != nil {
		return nil, err
	}
	a.batches[id] = &admitted{Batch: batch, have: have, allows: map[uint64][]object.Run{}}
	return a.batches[id], nil
}

// entry checks one entry and adds its spans.
func (a *admission) entry(ctx context.Context, batch *admitted, e *object.Entry) error {
	runs := sortedRuns(e.Runs)
	if end := endOf(runs[len(runs)-1]); end > batch.Count {
		return fmt.Errorf("%w: it has no transaction %d", ErrInvalid, end-1)
	}
	both := sortedRuns(append(runs, batch.taken...))
	if index, twice := overlap(both); twice {
		return fmt.Errorf("%w: transaction %d is taken twice", ErrInvalid, index)
	}
	batch.taken = UnionRuns(both)
	if e.Order == 0 {
		return a.direct(ctx, batch, e, runs)
	}
	order := a.orders[e.Order-1]
	allows, err := a.allowed(ctx, batch, e.Order, order)
	if err != nil {
		return err
	}
	if left := subtractRuns(runs, allows); len(left) > 0 {
		return fmt.Errorf("%w: transaction %d is not what the order to %s is about", ErrInvalid, left[0].First, order.Kind)
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
func (a *admission) allowed(ctx context.Context, batch *admitted, number uint64, order *object.Order) ([]object.Run, error) {
	if runs, known := batch.allows[number]; known {
		return runs, nil
	}
	var runs []object.Run
	if order.Kind == object.OrderMerge {
		source, err := a.Block(ctx, order.Source)
		if err != nil {
			return nil, err
		}
		if runs, err = a.Account(source).Runs(ctx, batch.Mark.Height, batch.ID); err != nil {
			return nil, err
		}
	} else {
		for _, item := range order.Items {
			if item.Batch == batch.ID {
				runs = append(runs, object.Run{First: item.First, Count: item.Count})
			}
		}
		runs = UnionRuns(runs)
	}
	batch.allows[number] = runs
	return runs, nil
}

// undecided refuses transactions that have a verdict here. Both ascend.
func undecided(runs, have []object.Run) error {
	if open := subtractRuns(runs, have); CountRuns(open) != CountRuns(runs) {
		index := subtractRuns(runs, open)[0].First
		verdict, _ := VerdictOf(have, index)
		return fmt.Errorf("%w: transaction %d is %s here already", ErrInvalid, index, verdict)
	}
	return nil
}

// excludedBefore refuses transactions that are not excluded here. Both ascend.
func excludedBefore(runs, have []object.Run) error {
	if left := subtractRuns(runs, onlyVerdict(have, object.VerdictExcluded)); len(left) > 0 {
		return fmt.Errorf("%w: transaction %d is not excluded here", ErrInvalid, left[0].First)
	}
	return nil
}

// direct adds what a batch's author takes to the branch himself.
func (a *admission) direct(ctx context.Context, batch *admitted, e *object.Entry, runs []object.Run) error {
	if !batch.direct {
		if err := a.checkDirect(ctx, a.block, a.parent, batch.Batch); err != nil {
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
	for _, run := range e.Runs {
		if drops != (run.Verdict == object.VerdictDropped) {
			return fmt.Errorf("%w: transaction %d is %s, and not by the order for it", ErrInvalid, run.First, run.Verdict)
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
			return fmt.Errorf("%w: transaction %d is inherited without a merge", ErrInvalid, e.Excluded[i].Index)
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
			case there.Verdict.Applied() && run.Verdict != object.VerdictDropped:
				a.add(span)
			default:
				err = fmt.Errorf("%w: transaction %d is %s, and %s on the source", ErrInvalid, there.First, run.Verdict, there.Verdict)
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
			return fmt.Errorf("%w: transaction %d is excluded as %s, but was on the source already", ErrInvalid, x.Index, x.Reason)
		}
		by, err := a.excludedIn(ctx, x.Block)
		if err != nil {
			return err
		}
		if reason := by[txID{span.Batch.ID, x.Index}]; reason == object.ReasonNone || reason == object.ReasonInherited {
			return fmt.Errorf("%w: block %s did not exclude transaction %d", ErrInvalid, x.Block.Short(), x.Index)
		}
		one := span
		one.First, one.Count, one.Decided, one.Verdict, one.Block = x.Index, 1, true, object.VerdictExcluded, x.Block
		a.add(one)
	}
	return nil
}

// excludedIn returns what a block's body excludes, and why.
func (a *admission) excludedIn(ctx context.Context, block object.Hash) (map[txID]object.Reason, error) {
	if known := a.deciders[block]; known != nil {
		return known, nil
	}
	b, err := a.Block(ctx, block)
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
