package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"aergo/branch"
	"aergo/merge"
	"aergo/repo/object"
	"aergo/repo/ref"
)

// selection finds the transactions that a word names: one (BATCH.INDEX), all of a batch,
// or all that a block took.
func (r *Repo) selection(ctx context.Context, l *branch.Ledger, what string) ([]object.Selection, error) {
	if prefix, index, found := strings.Cut(what, "."); found {
		if n, err := strconv.ParseUint(index, 10, 40); err == nil {
			id, err := r.batchByPrefix(ctx, prefix)
			if err != nil {
				return nil, err
			}
			batch, err := l.Batch(ctx, id)
			if err != nil {
				return nil, err
			}
			if n >= batch.Count {
				return nil, fmt.Errorf("%q: %w: the batch has %d transactions, counted from 0", what, ErrNoRevision, batch.Count)
			}
			return []object.Selection{{Batch: id, First: n, Count: 1}}, nil
		}
	}
	if id, err := r.batchByPrefix(ctx, what); err == nil {
		batch, err := l.Batch(ctx, id)
		if err != nil {
			return nil, err
		}
		if batch.Count == 0 {
			return nil, fmt.Errorf("batch %s: %w: it is empty", id.Short(), ErrNothing)
		}
		return []object.Selection{{Batch: id, First: 0, Count: batch.Count}}, nil
	} else if errors.Is(err, ErrAmbiguous) {
		return nil, err
	}
	b, err := r.Resolve(ctx, what)
	if err != nil {
		return nil, err
	}
	body, err := l.Body(ctx, b)
	if err != nil {
		return nil, err
	}
	var out []object.Selection
	for i := range body.Entries {
		for _, run := range body.Entries[i].Runs {
			if run.Verdict.Applied() {
				out = append(out, object.Selection{Batch: body.Entries[i].Batch, First: run.First, Count: run.Count})
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("block %s: %w: it applied no transactions", b.ID.Short(), ErrNothing)
	}
	return out, nil
}

// CherryPick takes transactions that are not on the branch that is checked out: one, a
// batch or what a block took. Each keeps its author's signature. What is here already is
// counted as already. If one conflicts or is excluded here, nothing is taken and the error is
// ErrConflict; the account says which row or field is in the way, and as far as it is easily
// found which transaction would have made it.
func (r *Repo) CherryPick(ctx context.Context, what, message string) (Merged, error) {
	if message == "" {
		message = "Cherry-pick " + what
	}
	return r.order(ctx, "cherry-pick", object.OrderPick, message, func(l *branch.Ledger, _ branch.Block) ([]object.Selection, error) {
		return r.selection(ctx, l, what)
	})
}

// ReplayExcluded tries excluded transactions of the branch that is checked out again: the
// named one, or with an empty name all, those that were excluded first before the others.
// What conflicts still stays excluded; if that is
// all of it, nothing happens and the error is ErrConflict.
func (r *Repo) ReplayExcluded(ctx context.Context, what, message string) (Merged, error) {
	if message == "" {
		message = "Replay excluded transactions"
	}
	return r.order(ctx, "excluded replay", object.OrderReplay, message, func(l *branch.Ledger, head branch.Block) ([]object.Selection, error) {
		return r.excludedSelection(ctx, l, head, what)
	})
}

// DropExcluded gives excluded transactions up: the named one, or with an empty name all.
func (r *Repo) DropExcluded(ctx context.Context, what, message string) (Merged, error) {
	if message == "" {
		message = "Drop excluded transactions"
	}
	return r.order(ctx, "excluded drop", object.OrderDrop, message, func(l *branch.Ledger, head branch.Block) ([]object.Selection, error) {
		return r.excludedSelection(ctx, l, head, what)
	})
}

// order makes a block under an order that names transactions.
func (r *Repo) order(ctx context.Context, verb string, kind object.OrderKind, message string, choose func(*branch.Ledger, branch.Block) ([]object.Selection, error)) (Merged, error) {
	var out Merged
	err := r.write(ctx, verb, func(c *change) error {
		b, head, err := c.onCurrent(ctx)
		if err != nil {
			return err
		}
		l, w := c.ledger, c.writer
		out = Merged{Target: b.Name, Block: b.Head, Height: head.Height}
		items, err := choose(l, head)
		if err != nil {
			return err
		}
		if len(items) > object.MaxOrderItems {
			return fmt.Errorf("%s: %w: %d runs of transactions, at most %d fit one order", kind, ErrTooLarge, len(items), object.MaxOrderItems)
		}
		signer, err := r.owner(ctx, l)
		if err != nil {
			return err
		}
		res, err := merge.Select(ctx, l, w, head, kind, items, merge.Request{Branch: b.ID, Message: message, Signer: signer, Now: r.now()})
		switch {
		case errors.Is(err, merge.ErrNothing):
			out.Already, out.UpToDate = res.Already, true
			return nil
		case errors.Is(err, merge.ErrExcluded):
			out.Already = res.Already
			if out.Overruled, err = exclusionsOf(ctx, l, head, res.Overruled); err != nil {
				return err
			}
			return fmt.Errorf("%s: %w: %s", kind, ErrConflict, excludedHere(out.Overruled))
		case err != nil:
			return err
		}
		out.take(res)
		if len(out.Excluded) > 0 && (kind == object.OrderPick || out.Applied == 0) {
			if kind == object.OrderPick {
				if out.Needs, err = needs(ctx, l, head, items, res.Excluded); err != nil {
					return err
				}
			}
			return fmt.Errorf("%s: %w: %d of %d", kind, ErrConflict, len(out.Excluded), uint64(len(out.Excluded))+out.Applied)
		}
		moved := b
		moved.Head = res.Block.ID
		out.Block, out.Height = res.Block.ID, res.Block.Height
		return r.moveBranch(ctx, c, l, w, b, moved)
	})
	return out, err
}

// excludedHere says what a pick should not have named.
func excludedHere(list []Exclusion) string {
	if len(list) == 1 {
		return fmt.Sprintf("%s is excluded here already, as %s", list[0].Transaction, list[0].Reason)
	}
	return fmt.Sprintf("%d transactions are excluded here already", len(list))
}

// Excluded calls fn for every transaction that is excluded at a revision, the latest
// decision first: those of its account, with the reasons that the deciding blocks give.
func (r *Repo) Excluded(ctx context.Context, rev string, fn func(Exclusion) error) error {
	b, err := r.Resolve(ctx, nonEmptyRev(rev))
	if err != nil {
		return err
	}
	open, err := openHere(ctx, r.led(), b)
	if err != nil {
		return err
	}
	return findExclusions(ctx, r.led(), b, open, func(list []Exclusion) error {
		for i := range list {
			if err := fn(list[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// openHere returns the transactions that are excluded at a block.
func openHere(ctx context.Context, l *branch.Ledger, b branch.Block) (map[TxID]bool, error) {
	open := map[TxID]bool{}
	return open, l.Account(b).Excluded(ctx, func(batch object.Hash, index uint64) error {
		open[TxID{batch, index}] = true
		return nil
	})
}

// findExclusions looks for transactions that are excluded at a block, and calls fn for each
// block of the chain that decided some of them so, the latest first: with those, in the
// block's order. It takes them out of open.
func findExclusions(ctx context.Context, l *branch.Ledger, b branch.Block, open map[TxID]bool, fn func([]Exclusion) error) error {
	for len(open) > 0 {
		body, err := l.Body(ctx, b)
		if IsLacking(err) {
			return fmt.Errorf("%d transactions were excluded earlier: %w", len(open), lackingBlock(b))
		}
		if err != nil {
			return err
		}
		var list []Exclusion
		for i := range body.Entries {
			for _, x := range body.Entries[i].Excluded {
				id := TxID{body.Entries[i].Batch, x.Index}
				if !open[id] {
					continue
				}
				delete(open, id)
				e := explain(id.Batch, x)
				if e.Block.IsZero() {
					e.Block = b.ID
				}
				list = append(list, e)
			}
		}
		if len(list) > 0 {
			if err := fn(list); err != nil {
				return err
			}
		}
		if b.Parent.IsZero() {
			break
		}
		if b, err = l.Block(ctx, b.Parent); err != nil {
			return err
		}
	}
	return nil
}

// exclusionsOf returns what an account says of excluded transactions, in words, in the
// order of the chain: the oldest decision first.
func exclusionsOf(ctx context.Context, l *branch.Ledger, at branch.Block, entries []branch.AccountEntry) ([]Exclusion, error) {
	open := map[TxID]bool{}
	for i := range entries {
		for _, run := range entries[i].Runs {
			for n := range run.Count {
				open[TxID{entries[i].Batch, run.First + n}] = true
			}
		}
	}
	return oldestFirst(ctx, l, at, open)
}

// oldestFirst returns transactions that are excluded at a block in the order of its chain.
func oldestFirst(ctx context.Context, l *branch.Ledger, at branch.Block, open map[TxID]bool) ([]Exclusion, error) {
	var lists [][]Exclusion
	err := findExclusions(ctx, l, at, open, func(list []Exclusion) error {
		lists = append(lists, list)
		return nil
	})
	slices.Reverse(lists)
	return slices.Concat(lists...), err
}

// excludedSelection returns the excluded transactions that a word names, or with an empty
// one all, in the order of the chain: what was excluded by two merges may build on each
// other.
func (r *Repo) excludedSelection(ctx context.Context, l *branch.Ledger, head branch.Block, what string) ([]object.Selection, error) {
	if what != "" {
		return r.selection(ctx, l, what)
	}
	open, err := openHere(ctx, l, head)
	if err != nil {
		return nil, err
	}
	list, err := oldestFirst(ctx, l, head, open)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("excluded: %w: no transactions are excluded here", ErrNothing)
	}
	var out []object.Selection
	for i := range list {
		tx := list[i].Transaction
		if n := len(out); n > 0 && out[n-1].Batch == tx.Batch && out[n-1].First+out[n-1].Count == tx.Index {
			out[n-1].Count++
			continue
		}
		out = append(out, object.Selection{Batch: tx.Batch, First: tx.Index, Count: 1})
	}
	return out, nil
}

// Fate is what became of a transaction on a branch.
type Fate struct {
	Branch  ref.Name
	Verdict object.Verdict
	Block   object.Hash // that decided
	Height  uint64
	Reason  *Exclusion // if it is excluded
	Circumstances
}

// Story is all there is to say about a transaction.
type Story struct {
	Transaction TxID
	Author      object.Identity
	Message     string
	Batch       Batch
	Fates       []Fate // one for each branch that decided it
	Operations  []Operation
}

// Why says what became of a transaction on every branch, where, and for what reason.
func (r *Repo) Why(ctx context.Context, what string) (Story, error) {
	s, batch, err := r.transaction(ctx, what)
	if err != nil {
		return Story{}, err
	}
	l := r.led()
	branches, err := r.refs.Branches(ctx)
	if err != nil {
		return Story{}, err
	}
	blocks, indexed, err := r.takers(ctx, l, batch.ID)
	if err != nil {
		return Story{}, err
	}
	for _, b := range branches {
		fate, ok, err := r.fate(ctx, l, b, batch, s.Transaction, blocks, indexed)
		if err != nil {
			return Story{}, err
		}
		if ok {
			s.Fates = append(s.Fates, fate)
		}
	}
	return s, r.elaborate(ctx, l, &s)
}

// fate finds the block of a branch that decided a transaction last. If indexed is set it
// is one of blocks, and the bodies of others are not read.
func (r *Repo) fate(ctx context.Context, l *branch.Ledger, b ref.Branch, batch branch.Batch, tx TxID, blocks map[object.Hash]bool, indexed bool) (Fate, bool, error) {
	at, err := l.Block(ctx, b.Head)
	if err != nil {
		return Fate{}, false, err
	}
	runs, err := l.Account(at).Runs(ctx, batch.Mark.Height, batch.ID)
	if err != nil {
		return Fate{}, false, err
	}
	verdict, ok := branch.VerdictOf(runs, tx.Index)
	if !ok {
		return Fate{}, false, nil
	}
	f := Fate{Branch: b.Name, Verdict: verdict}
	for {
		if indexed && !blocks[at.ID] && !at.Parent.IsZero() {
			if at, err = l.Block(ctx, at.Parent); err != nil {
				return Fate{}, false, err
			}
			continue
		}
		body, err := l.Body(ctx, at)
		if IsLacking(err) {
			return f, true, nil // beyond the boundary: the account knows the verdict, and no more
		}
		if err != nil {
			return Fate{}, false, err
		}
		for i := range body.Entries {
			e := &body.Entries[i]
			if e.Batch != batch.ID || len(branch.IntersectRuns(e.Runs, object.Run{First: tx.Index, Count: 1})) == 0 {
				continue
			}
			f.Block, f.Height = at.ID, at.Height
			for _, x := range e.Excluded {
				if x.Index == tx.Index {
					reason := explain(batch.ID, x)
					f.Reason = &reason
				}
			}
			return f, true, nil
		}
		if at.Parent.IsZero() {
			return f, true, nil
		}
		if at, err = l.Block(ctx, at.Parent); err != nil {
			return Fate{}, false, err
		}
	}
}
