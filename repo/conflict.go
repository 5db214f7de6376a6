package repo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"aergo/branch"
	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo/object"
	rowkey "aergo/repo/state/key"
)

// Operation is one operation of a transaction in words.
type Operation struct {
	Code   table.Code
	Flags  table.Flags
	Table  string
	Key    []rowkey.Component // none with define
	Fields []value.Field      // by name; an absent value takes the field away
}

// Writer is who gave a cell what it holds, and when.
type Writer struct {
	Author      object.Identity
	Time        time.Time   // that the author's batch states
	Transaction TxID        // zero if no transaction of the block claims the cell
	Block       object.Hash // that took it; zero for the excluded transaction itself
}

// Version is what one side has in a cell.
type Version struct {
	// Known is false if all that is known of it is a hash: the value is not here.
	Known  bool
	Exists bool          // the field, or the row, is there
	Value  []byte        // of the field, encoded
	Fields []value.Field // of the row as a whole
	// Delta, if Known and Exists, says that Value is added (incr), or joins (append) or leaves
	// (remove) a list; otherwise it is table.Put.
	Delta table.Code
	By    *Writer // nil if nobody has written it, or nobody asked
}

// Cell is a field of a row, or a row as a whole, in which a transaction and a branch
// disagree: what its author saw and what the branch held, both before the transaction, and
// what the transaction wants.
type Cell struct {
	Op     int // which operation, from 0
	Table  string
	Key    []rowkey.Component // none if it is the table's schema
	Field  string             // empty if the row as a whole
	Reason object.Reason
	Base   Version
	Ours   Version
	Theirs Version
}

// Conflict is why a transaction is excluded, in full. Ours is what the branch held when the
// transaction's turn came, earlier transactions of the same block included.
type Conflict struct {
	Exclusion  // as the block that decided has it, which it names
	Height     uint64
	Decided    time.Time
	Author     object.Identity // of the transaction
	Written    time.Time       // by the author
	Message    string
	Operations []Operation // none if the transaction cannot be read
	// Cells are those in the way. The first is the one that the block names, whose rule
	// decided; the others would have excluded the transaction just as well.
	Cells []Cell
}

// conflictsAtOnce bounds the conflicts that are looked into together.
const conflictsAtOnce = 1 << 14

// Conflicts calls fn with the conflict behind every transaction that is excluded at a
// revision, the latest decision first. An inherited one is that of the block that decided.
func (r *Repo) Conflicts(ctx context.Context, rev string, fn func(Conflict) error) error {
	var group []Exclusion
	flush := func() error {
		if len(group) == 0 {
			return nil
		}
		list, err := r.conflictsOf(ctx, r.led(), group[0].Block, group, true)
		group = group[:0]
		for i := range list {
			if err == nil {
				err = fn(list[i])
			}
		}
		return err
	}
	err := r.Excluded(ctx, rev, func(x Exclusion) error {
		if len(group) > 0 && (group[0].Block != x.Block || len(group) == conflictsAtOnce) {
			if err := flush(); err != nil {
				return err
			}
		}
		group = append(group, x)
		return nil
	})
	if err != nil && !IsLacking(err) {
		return err
	}
	return errors.Join(flush(), err)
}

// InTheWay says of the first transactions that an account leaves out, at most limit, who
// wrote what stands in their way: their conflicts have one cell at most, with Ours alone.
// It serves accounts of what was only tried, too: then the target's head is looked at.
func (r *Repo) InTheWay(ctx context.Context, m Merged, limit int) ([]Conflict, error) {
	l, err := r.ledger(ctx)
	if err != nil {
		return nil, err
	}
	return r.conflictsOf(ctx, l, m.Block, m.Excluded[:min(max(limit, 0), len(m.Excluded))], false)
}

// conflictsOf looks into transactions that one block excluded or, if it did not, that what
// it leads to would exclude. deep asks for base and theirs, and for all cells.
func (r *Repo) conflictsOf(ctx context.Context, l *branch.Ledger, block object.Hash, list []Exclusion, deep bool) ([]Conflict, error) {
	b, err := l.Block(ctx, block)
	if err != nil {
		return nil, err
	}
	body, err := l.Body(ctx, b)
	if err != nil {
		return nil, err
	}
	decided := map[TxID]*object.Exclusion{}
	for i := range body.Entries {
		e := &body.Entries[i]
		for j := range e.Excluded {
			decided[TxID{e.Batch, e.Excluded[j].Index}] = &e.Excluded[j]
		}
	}
	read := newOpReader(l)
	open := make([]*disagreement, len(list))
	within := true
	for i, x := range list {
		d := &disagreement{seen: map[string]*heldRow{}, held: map[string]*heldRow{}}
		d.Exclusion, d.Block = x, block
		if own := decided[x.Transaction]; own != nil {
			d.Exclusion = explain(x.Transaction.Batch, *own)
			d.Block, d.found = block, own.Found
		} else {
			within = false
		}
		d.Height, d.Decided = b.Height, timeOf(b.TimeMillis)
		if err := d.load(ctx, read); err != nil {
			return nil, err
		}
		open[i] = d
	}
	look := &look{repo: r, ledger: l, block: b, body: body, deep: deep, within: within}
	if err := look.into(ctx, open); err != nil {
		return nil, err
	}
	out := make([]Conflict, len(open))
	for i, d := range open {
		out[i] = d.Conflict
	}
	return out, nil
}

// disagreement is a conflict that is being looked into.
type disagreement struct {
	Conflict
	batch branch.Batch
	ops   []table.Op
	first map[string]int      // operation on each row, by state key
	found []byte              // hash of what the block found in the way
	held  map[string]*heldRow // by the branch when the transaction's turn came, by state key
	seen  map[string]*heldRow // by the author's branch before the transaction
}

// load reads the transaction.
func (d *disagreement) load(ctx context.Context, read *opReader) (err error) {
	if d.batch, err = read.chunks.Chain.Batch(ctx, d.Transaction.Batch); err != nil {
		return err
	}
	d.Author, d.Written, d.Message = d.batch.Author, timeOf(d.batch.TimeMillis), d.batch.Message
	if d.ops, d.Operations, err = read.operations(ctx, d.batch, d.Transaction.Index); err != nil {
		return err
	}
	d.first = make(map[string]int, len(d.ops))
	for i := len(d.ops) - 1; i >= 0; i-- {
		d.first[string(d.ops[i].Key)] = i
	}
	return nil
}

// opReader reads the operations of one transaction after another, best in their order.
type opReader struct {
	chunks branch.ChunkReader
	last   *object.Chunk
	dict   *table.Dict
}

func newOpReader(l *branch.Ledger) *opReader {
	return &opReader{chunks: branch.ChunkReader{Chain: l.Chain}}
}

// operations reads the operations of a transaction: none if they cannot be read, which
// would exclude the transaction anywhere.
func (r *opReader) operations(ctx context.Context, batch branch.Batch, index uint64) (ops []table.Op, words []Operation, err error) {
	err = r.chunks.Transactions(ctx, batch, index, 1, func(_ uint64, tx *object.Transaction, chunk *object.Chunk) error {
		if tx.Kind != object.TransactionOperations {
			return nil
		}
		if chunk != r.last {
			r.last, r.dict = chunk, table.NewDict(chunk.Names)
		}
		if decoded, err := table.NewDecoder(r.dict).Decode(tx.Payload); err == nil {
			ops = decoded
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for i := range ops {
		op := &ops[i]
		o := Operation{Code: op.Code, Flags: op.Flags, Table: op.Table}
		if o.Key, err = keyOf(op); err != nil {
			return nil, nil, err
		}
		for _, arg := range op.Fields {
			o.Fields = append(o.Fields, value.Field{Name: arg.Name, Enc: arg.Value})
		}
		words = append(words, o)
	}
	return ops, words, nil
}

// keyOf returns the key of an operation's row, none for a schema.
func keyOf(op *table.Op) ([]rowkey.Component, error) {
	if op.Code == table.Define {
		return nil, nil
	}
	comps, err := rowkey.Decode(op.Tuple)
	if err != nil {
		return nil, fmt.Errorf("%v on table %q: %w", op.Code, op.Table, err)
	}
	return comps, nil
}
