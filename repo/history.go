package repo

import (
	"bytes"
	"context"
	"errors"
	"time"

	"aergo/branch"
	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo/object"
	"aergo/repo/state"
	rowkey "aergo/repo/state/key"
)

// Batch is a batch in words.
type Batch struct {
	ID           object.Hash
	Author       object.Identity
	Message      string
	Time         time.Time
	Transactions uint64 // of it that the block took
	Total        uint64 // that it has
	Excluded     uint64 // of those taken
}

// Block is a block in words.
type Block struct {
	ID       object.Hash
	Height   uint64
	Time     time.Time
	Parents  []object.Hash // the parent, and the head that a merge took in
	Producer object.Identity
	State    object.Hash
	Orders   []Order
	Batches  []Batch
	Applied  uint64
	Excluded []Exclusion
}

// Order is an order in words.
type Order struct {
	ID      object.Hash
	Kind    object.OrderKind
	Signer  object.Identity
	Source  object.Hash
	Mode    object.Mode
	Message string
	Time    time.Time
}

func timeOf(millis uint64) time.Time { return time.UnixMilli(int64(min(millis, 1<<53))).UTC() }

// errStop ends a walk that has seen enough; it never leaves the package.
var errStop = errors.New("stop")

// Log calls fn for the blocks of a chain from a revision back to the root, at most limit
// of them if limit is above 0. Blocks that merges took in are not part of the chain. It ends
// at the boundary of a shallow clone, with a block that has a parent.
func (r *Repo) Log(ctx context.Context, rev string, limit int, fn func(Block) error) error {
	b, err := r.Resolve(ctx, rev)
	if err != nil {
		return err
	}
	cuts := r.boundary()
	for n := 0; limit <= 0 || n < limit; n++ {
		if n > 0 && cuts[b.ID] {
			return nil
		}
		described, err := r.describe(ctx, b)
		if n > 0 && IsLacking(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := fn(described); err != nil {
			return err
		}
		if b.Parent.IsZero() {
			return nil
		}
		if b, err = r.led().Block(ctx, b.Parent); err != nil {
			return err
		}
	}
	return nil
}

// Show describes the block that a revision names.
func (r *Repo) Show(ctx context.Context, rev string) (Block, error) {
	b, err := r.Resolve(ctx, rev)
	if err != nil {
		return Block{}, err
	}
	return r.describe(ctx, b)
}

func (r *Repo) describe(ctx context.Context, b branch.Block) (Block, error) {
	l, err := r.ledger(ctx)
	if err != nil {
		return Block{}, err
	}
	out := Block{ID: b.ID, Height: b.Height, Time: timeOf(b.TimeMillis), Producer: b.Producer, State: b.Header.State}
	for _, p := range [...]object.Hash{b.Parent, b.Absorbed} {
		if !p.IsZero() {
			out.Parents = append(out.Parents, p)
		}
	}
	body, err := l.Body(ctx, b)
	if IsLacking(err) {
		return Block{}, lackingBlock(b)
	}
	if err != nil {
		return Block{}, err
	}
	for _, id := range body.Orders {
		o, err := l.Order(ctx, id)
		if err != nil {
			return Block{}, err
		}
		out.Orders = append(out.Orders, Order{
			ID: id, Kind: o.Kind, Signer: o.Signer, Source: o.Source, Mode: o.Mode, Message: o.Message, Time: timeOf(o.TimeMillis),
		})
	}
	places := map[object.Hash]int{}
	for i := range body.Entries {
		if err := describeEntry(ctx, l, &out, &body.Entries[i], places); err != nil {
			return Block{}, err
		}
	}
	return out, nil
}

func describeEntry(ctx context.Context, l *branch.Ledger, out *Block, e *object.Entry, places map[object.Hash]int) error {
	at, known := places[e.Batch]
	if !known {
		batch, err := l.Batch(ctx, e.Batch)
		if err != nil {
			return err
		}
		at = len(out.Batches)
		places[e.Batch] = at
		out.Batches = append(out.Batches, Batch{
			ID: e.Batch, Author: batch.Author, Message: batch.Message, Time: timeOf(batch.TimeMillis), Total: batch.Count,
		})
	}
	for _, run := range e.Runs {
		out.Batches[at].Transactions += run.Count
		if run.Verdict.Applied() {
			out.Applied += run.Count
		}
	}
	out.Batches[at].Excluded += uint64(len(e.Excluded))
	for _, x := range e.Excluded {
		out.Excluded = append(out.Excluded, explain(e.Batch, x))
	}
	return nil
}

// Difference is one row that differs between two states.
type Difference struct {
	Table  string
	Key    []rowkey.Component
	Schema bool // the table's schema differs, not a row
	Kind   DifferenceKind
	Fields []FieldDifference // by name
}

// FieldDifference is a field's value before and after; nil is none.
type FieldDifference struct {
	Name     string
	Old, New []byte
}

// DifferenceKind says what became of a row.
type DifferenceKind string

// The kinds of difference.
const (
	Added   DifferenceKind = "added"
	Removed DifferenceKind = "removed"
	Changed DifferenceKind = "changed"
)

// Diff calls fn for every row that differs from one revision to another, by key. The
// empty from is the head of what is checked out, the empty to what is pending on it. It
// costs as much as there are differences.
func (r *Repo) Diff(ctx context.Context, from, to, tableName string, fn func(Difference) error) error {
	if from == "" {
		from = "HEAD"
	}
	a, err := r.stateAt(ctx, from)
	if err != nil {
		return err
	}
	b, err := r.stateAt(ctx, to)
	if err != nil {
		return err
	}
	if tableName != "" {
		if err := r.mayRead(tableName); err != nil {
			return err
		}
	}
	spans := r.Lacking().rows()
	if spans == nil {
		spans = []state.Span{{}}
	}
	for _, span := range spans {
		err := state.DiffWithin(ctx, a.tree, b.tree, span, func(k, old, new []byte) error {
			if kind := rowkey.Kind(k[0]); kind != rowkey.KindRow && kind != rowkey.KindSchema {
				return nil // the merge logic of a branch, say, is nobody's row
			}
			d, err := difference(k, old, new)
			if err != nil || tableName != "" && d.Table != tableName || r.mayRead(d.Table) != nil {
				return err
			}
			return fn(d)
		})
		if err != nil {
			return ignore(err, errStop)
		}
	}
	return nil
}

func difference(k, old, new []byte) (Difference, error) {
	kind, name, tuple, err := rowkey.Split(k)
	if err != nil {
		return Difference{}, err
	}
	d := Difference{Table: name, Schema: kind == rowkey.KindSchema, Kind: Changed}
	if !d.Schema {
		if d.Key, err = rowkey.Decode(tuple); err != nil {
			return Difference{}, err
		}
	}
	switch {
	case old == nil:
		d.Kind = Added
	case new == nil:
		d.Kind = Removed
	}
	d.Fields = fieldDifferences(table.FieldList(old), table.FieldList(new))
	return d, nil
}

// fieldDifferences walks two lists of fields, both by name.
func fieldDifferences(old, new []value.Field) []FieldDifference {
	var out []FieldDifference
	for len(old) > 0 || len(new) > 0 {
		switch {
		case len(new) == 0 || len(old) > 0 && old[0].Name < new[0].Name:
			out = append(out, FieldDifference{Name: old[0].Name, Old: old[0].Enc})
			old = old[1:]
		case len(old) == 0 || new[0].Name < old[0].Name:
			out = append(out, FieldDifference{Name: new[0].Name, New: new[0].Enc})
			new = new[1:]
		default:
			if !bytes.Equal(old[0].Enc, new[0].Enc) {
				out = append(out, FieldDifference{Name: old[0].Name, Old: old[0].Enc, New: new[0].Enc})
			}
			old, new = old[1:], new[1:]
		}
	}
	return out
}

// Blamed is who gave a field of a row its value.
type Blamed struct {
	Field  string
	Value  []byte
	Block  object.Hash
	Height uint64
	Time   time.Time
	Author object.Identity
	Batch  object.Hash
	Note   string // the batch's message
}

// Blame says, for every field of a row, which block gave it the value that it has at a
// revision, and whose batch did. It walks back block by block and stops when every field
// is accounted for; blocks that leave the state alone cost nothing.
func (r *Repo) Blame(ctx context.Context, tableName, key, at string) ([]Blamed, error) {
	row, err := r.Get(ctx, tableName, key, nonEmptyRev(at))
	if err != nil {
		return nil, err
	}
	k, err := rowkey.Row(tableName, row.Key...)
	if err != nil {
		return nil, err
	}
	out := make([]Blamed, len(row.Fields))
	open := map[string]int{}
	for i, f := range row.Fields {
		out[i] = Blamed{Field: f.Name, Value: f.Enc}
		open[f.Name] = i
	}
	b, err := r.Resolve(ctx, nonEmptyRev(at))
	if err != nil {
		return nil, err
	}
	for len(open) > 0 {
		before, parent, err := r.rowBefore(ctx, b, k)
		if err != nil {
			return nil, err
		}
		var here []int
		for name, i := range open {
			if v, ok := table.Lookup(before, name); before == nil || !ok || !bytes.Equal(v, out[i].Value) {
				here = append(here, i)
				delete(open, name)
			}
		}
		if len(here) > 0 {
			if err := r.blame(ctx, b, k, out, here); err != nil {
				return nil, err
			}
		}
		if parent == nil {
			break
		}
		b = *parent
	}
	return out, nil
}

func nonEmptyRev(rev string) string {
	if rev == "" {
		return "HEAD"
	}
	return rev
}

// rowBefore returns a row as a block's parent has it, nil for none, and the parent.
func (r *Repo) rowBefore(ctx context.Context, b branch.Block, k []byte) ([]byte, *branch.Block, error) {
	if b.Parent.IsZero() {
		return nil, nil, nil
	}
	parent, err := r.led().Block(ctx, b.Parent)
	if err != nil {
		return nil, nil, err
	}
	v, err := r.viewOf(ctx, r.led(), parent)
	if err != nil {
		return nil, nil, err
	}
	row, ok, err := v.tree.Get(ctx, k)
	if !ok {
		row = nil
	}
	return row, &parent, err
}

// blame fills in the block, and the last batch in it that names the row and field.
func (r *Repo) blame(ctx context.Context, b branch.Block, k []byte, out []Blamed, fields []int) error {
	body, err := r.led().Body(ctx, b)
	if err != nil {
		return err
	}
	for _, i := range fields {
		out[i].Block, out[i].Height, out[i].Time = b.ID, b.Height, timeOf(b.TimeMillis)
	}
	for e := range body.Entries {
		batch, err := r.led().Batch(ctx, body.Entries[e].Batch)
		if err != nil {
			return err
		}
		touched, err := r.led().Touches(ctx, batch, body.Entries[e].Runs, k)
		if err != nil {
			return err
		}
		for _, i := range fields {
			if touched[out[i].Field] || touched[""] {
				out[i].Author, out[i].Batch, out[i].Note, out[i].Time = batch.Author, batch.ID, batch.Message, timeOf(batch.TimeMillis)
			}
		}
	}
	return nil
}
