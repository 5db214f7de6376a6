package repo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"aergo/branch"
	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo/object"
	rowkey "aergo/repo/state/key"
)

// ErrNoSuchChange says that a repair sets a field where its transaction sets none.
var ErrNoSuchChange = errors.New("nothing in the transaction sets fields there")

// RepairRequest says which excluded transaction to do in another way, and in which.
type RepairRequest struct {
	Transaction string // one that is excluded from the branch that is checked out
	Set         []RowChange
	Message     string // of the new batch; which transaction it stands for is added
}

// RowChange is fields of one row that are to have other values. In an incr, append or remove
// the value is what is added or taken away.
type RowChange struct {
	Table  string
	Key    []rowkey.Component
	Fields []value.Field
}

// Repaired is what a repair did.
type Repaired struct {
	Committed
	Original TxID
	Author   object.Identity // of the original
}

// Repair does what an excluded transaction wanted, with some fields changed, on top of what
// the branch that is checked out holds now. It is a new transaction, signed by the identity
// and not by the author of the original, which the same block drops: so the account says
// what became of it. The new batch's message names it.
//
// What the original wanted is taken as far as the rows allow: an insert where a row is sets
// its fields, a put where the row is gone makes one of the fields that it sets, and what
// would delete or remove from a row that is not there does nothing.
func (r *Repo) Repair(ctx context.Context, req RepairRequest) (Repaired, error) {
	var out Repaired
	err := r.write(ctx, "excluded replay", func(c *change) error {
		b, head, err := c.onCurrent(ctx)
		if err != nil {
			return err
		}
		l := c.ledger
		original, item, err := r.excludedHere(ctx, l, head, req.Transaction)
		if err != nil {
			return err
		}
		p, err := r.repaired(ctx, c, head, original, item.First, req.Set)
		if err != nil {
			return err
		}
		sealer, author, err := r.signers(ctx, l, "")
		if err != nil {
			return err
		}
		out.Original, out.Author = TxID{original.ID, item.First}, original.Author
		message := repairMessage(req.Message, out)
		if len(message) > object.MaxMessageBytes {
			return fmt.Errorf("message: %w: at most %d bytes", ErrTooLarge, object.MaxMessageBytes)
		}
		block, batch, err := r.sealRepair(ctx, c, b.ID, head, p, item, message, sealer, author)
		if err != nil {
			return err
		}
		moved := b
		moved.Head = block.ID
		out.Committed = Committed{Branch: b.Name, Block: block.ID, Height: block.Height, Batch: batch.ID, Transactions: batch.Count}
		return r.moveBranch(ctx, c, l, c.writer, b, moved)
	})
	return out, err
}

// excludedHere finds one transaction that is excluded at a head.
func (r *Repo) excludedHere(ctx context.Context, l *branch.Ledger, head branch.Block, what string) (branch.Batch, object.Selection, error) {
	s, batch, err := r.transaction(ctx, what)
	if err != nil {
		return batch, object.Selection{}, err
	}
	item := object.Selection{Batch: batch.ID, First: s.Transaction.Index, Count: 1}
	runs, err := l.Account(head).Runs(ctx, batch.Mark.Height, batch.ID)
	if err != nil {
		return batch, item, err
	}
	if verdict, ok := branch.VerdictOf(runs, item.First); !ok || verdict != object.VerdictExcluded {
		return batch, item, fmt.Errorf("%s: %w: it is not excluded here", s.Transaction, ErrNothing)
	}
	return batch, item, nil
}

// repairMessage is the message of the batch that stands for another's transaction.
func repairMessage(message string, out Repaired) string {
	if message = strings.TrimRight(message, "\n"); message == "" {
		message = fmt.Sprintf("Repair %s of %s", out.Original, out.Author.Name)
	}
	return fmt.Sprintf("%s\n\nIn place of %s.%d of %s", message, out.Original.Batch, out.Original.Index, out.Author.Name)
}

// repaired authors the transaction that stands for the original.
func (r *Repo) repaired(ctx context.Context, c *change, head branch.Block, original branch.Batch, index uint64, set []RowChange) (*branch.Pending, error) {
	l := c.ledger
	ops, words, err := newOpReader(l).operations(ctx, original, index)
	if err != nil {
		return nil, err
	}
	if len(ops) == 0 {
		return nil, fmt.Errorf("transaction: %w: it cannot be read, so nobody knows what it wants", ErrRefused)
	}
	specs, err := specsOf(words, func(i int) (bool, error) {
		_, ok, err := l.State(head).Get(ctx, ops[i].Key)
		return ok, err
	}, set)
	if err != nil {
		return nil, err
	}
	if len(specs) == 0 {
		return nil, fmt.Errorf("transaction: %w: all that it takes away is gone", ErrNothing)
	}
	p := branch.NewPending(head)
	var done Prepared
	err = r.author(ctx, c, l, p, head, [][]table.Spec{specs}, &done)
	var at *ApplyError
	if errors.As(err, &at) {
		err = at.Err
	}
	if err == nil && p.Count() == 0 {
		err = fmt.Errorf("transaction: %w: the rows are so already; drop it", ErrNothing)
	}
	return p, err
}

// specsOf turns operations into what their author would ask for now, with fields changed.
// exists says whether the row of an operation is there before the transaction.
func specsOf(ops []Operation, exists func(i int) (bool, error), set []RowChange) ([]table.Spec, error) {
	ops, err := withChanges(ops, set)
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	var specs []table.Spec
	for i := range ops {
		o := &ops[i]
		row := rowLabel(o.Table, o.Key)
		is, known := there[row]
		if !known {
			if is, err = exists(i); err != nil {
				return nil, err
			}
		}
		s := table.Spec{Code: o.Code, Table: o.Table, Key: o.Key, Flags: o.Flags}
		for _, f := range o.Fields {
			if value.Absent(f.Enc) {
				s.Unset = append(s.Unset, f.Name)
				continue
			}
			s.Fields = append(s.Fields, f)
		}
		switch {
		case o.Code == table.Insert && is:
			s.Code = table.Put
		case !is && (o.Code == table.Del || o.Code == table.Remove && o.Flags&table.Create == 0):
			continue
		}
		there[row] = o.Code != table.Del
		specs = append(specs, s)
	}
	return specs, nil
}

// rowLabel tells rows apart.
func rowLabel(tableName string, comps []rowkey.Component) string {
	if len(comps) == 0 {
		return tableName
	}
	k, err := rowkey.Row(tableName, comps...)
	if err != nil {
		return tableName // a row that cannot be is nobody's
	}
	return string(k)
}

// withChanges returns operations of which those on a row that is to be changed set its
// fields to the values given: the last that names the field, else the last that sets any.
func withChanges(ops []Operation, set []RowChange) ([]Operation, error) {
	out := make([]Operation, len(ops))
	for i := range ops {
		out[i] = ops[i]
		out[i].Fields = append([]value.Field(nil), ops[i].Fields...)
	}
	for _, change := range set {
		for _, f := range change.Fields {
			if !setField(out, rowLabel(change.Table, change.Key), f) {
				return nil, fmt.Errorf("field %s of table %s: %w", f.Name, change.Table, ErrNoSuchChange)
			}
		}
	}
	return out, nil
}

// setField gives a field of a row another value, and says whether an operation could take it.
func setField(ops []Operation, row string, f value.Field) bool {
	at := -1
	for i := len(ops) - 1; i >= 0; i-- {
		o := &ops[i]
		if rowLabel(o.Table, o.Key) != row {
			continue
		}
		for j := range o.Fields {
			if o.Fields[j].Name == f.Name {
				o.Fields[j].Enc = f.Enc
				return true
			}
		}
		if at < 0 && (o.Code == table.Put || o.Code == table.Insert || o.Code == table.Replace) {
			at = i
		}
	}
	if at >= 0 {
		ops[at].Fields = append(ops[at].Fields, f)
	}
	return at >= 0
}

// sealRepair seals the block of a repair: the original is dropped by an order, and the new
// batch enters, if its author may not write here by another.
func (r *Repo) sealRepair(ctx context.Context, c *change, onBranch object.Hash, head branch.Block, p *branch.Pending, item object.Selection,
	message string, sealer, author branch.Signer) (branch.Block, branch.Batch, error) {
	l, w, now := c.ledger, c.writer, r.now()
	none := func(err error) (branch.Block, branch.Batch, error) { return branch.Block{}, branch.Batch{}, err }
	if err := p.CloseChunk(w, true); err != nil {
		return none(err)
	}
	mark := object.Mark{Block: head.ID, Height: head.Height}
	batch, err := branch.PutBatch(w, &object.Batch{
		Lineage: l.Directory.Lineage, Message: message, TimeMillis: now, Mark: mark, Count: p.Count(), Chunks: p.Closed,
	}, author)
	if err != nil {
		return none(err)
	}
	original, err := l.Batch(ctx, item.Batch)
	if err != nil {
		return none(err)
	}
	orders := []object.Order{{Kind: object.OrderDrop, Items: []object.Selection{item}, Message: firstOf(message)}}
	entry := branch.Span{Batch: batch, Count: batch.Count}
	if !l.Directory.MayWrite(author.Identity.Key, max(now, head.TimeMillis+1)) {
		orders = append(orders, object.Order{Kind: object.OrderPick, Items: []object.Selection{{Batch: batch.ID, Count: batch.Count}}})
		entry.Order = uint64(len(orders))
	}
	x := l.NewExecutor(w, head.Header.State)
	err = x.Propose(ctx, []branch.Span{
		{Batch: original, Order: 1, First: item.First, Count: item.Count, Decided: true, Verdict: object.VerdictDropped}, entry,
	})
	if err != nil {
		return none(err)
	}
	d := branch.Draft{Branch: onBranch, Parent: &head, Now: now, Run: x}
	for i := range orders {
		o := &orders[i]
		o.Lineage, o.Branch, o.TimeMillis, o.Mark = l.Directory.Lineage, onBranch, now, mark
		id, err := branch.PutOrder(w, o, sealer)
		if err != nil {
			return none(err)
		}
		d.Orders = append(d.Orders, id)
	}
	block, err := l.Seal(ctx, w, d, sealer)
	return block, batch, err
}

// firstOf returns the first line of a message.
func firstOf(message string) string {
	line, _, _ := strings.Cut(message, "\n")
	return line
}
