package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"aergo/branch"
	"aergo/contract/table"
	"aergo/contract/table/format"
	"aergo/contract/value"
	"aergo/repo/object"
	"aergo/repo/ref"
	rowkey "aergo/repo/state/key"
)

var (
	// ErrRefused says that a transaction cannot be applied to what is there.
	ErrRefused = errors.New("transaction refused")
	// ErrNoTable says that there is no such table.
	ErrNoTable = errors.New("table not found")
	// ErrNoRow says that there is no such row.
	ErrNoRow = errors.New("row not found")
)

// Prepared is what Apply and Import did: nothing is signed before Commit.
type Prepared struct {
	Branch       ref.Name
	Transactions uint64 // added by this call
	Unchanged    uint64 // left out, since they would change nothing
	Pending      uint64 // in all
}

// Apply adds transactions to the pool of the branch that is checked out. Each element of
// transactions is one, atomic, and is seen on top of the ones before it. Either all are
// added or none: the error names the first that cannot be, as *ApplyError.
func (r *Repo) Apply(ctx context.Context, verb string, transactions [][]table.Spec) (Prepared, error) {
	var out Prepared
	err := r.write(ctx, verb, func(c *change) error {
		return r.prepare(ctx, c, &out, func(l *branch.Ledger, p *branch.Pending, head branch.Block) error {
			return r.author(ctx, c, l, p, head, transactions, &out)
		})
	})
	return out, err
}

// ApplyError says which transaction of a call could not be applied.
type ApplyError struct {
	Index     int // from 0
	Exclusion *object.Exclusion
	Err       error
}

func (e *ApplyError) Error() string {
	return fmt.Sprintf("transaction %d: %v", e.Index+1, e.Err)
}

func (e *ApplyError) Unwrap() error { return e.Err }

// prepare changes the pool of the branch that is checked out.
func (r *Repo) prepare(ctx context.Context, c *change, out *Prepared, fn func(*branch.Ledger, *branch.Pending, branch.Block) error) error {
	if err := r.mayExecute(); err != nil {
		return err
	}
	b, err := r.current(ctx)
	if err != nil {
		return err
	}
	l, err := r.ledger(ctx)
	if err != nil {
		return err
	}
	head, err := l.Block(ctx, b.Head)
	if err != nil {
		return err
	}
	contents, err := r.pool(ctx, b)
	if err != nil {
		return err
	}
	p := clonePending(pendingOn(contents, head))
	before := p.Count()
	if err := fn(l, p, head); err != nil {
		return err
	}
	out.Branch, out.Transactions, out.Pending = b.Name, p.Count()-before, p.Count()
	if p.Count() == before {
		return nil
	}
	if p.Count()-p.Done.Count > branch.MaterialiseTransactions || len(p.Closed) > 0 {
		_, w, err := c.open(ctx)
		if err != nil {
			return err
		}
		if err := p.CloseChunk(w, p.Open.SizeBytes() > object.ChunkTargetBytes/8); err != nil {
			return err
		}
		if p.Done.Count < p.Count() {
			if err := l.Materialise(ctx, w, p, head); err != nil {
				return err
			}
		}
	}
	c.pools = append(c.pools, poolEdit{branch: b.Name, from: contents, pending: p})
	return nil
}

// author turns specs into transactions on top of what is pending.
func (r *Repo) author(ctx context.Context, c *change, l *branch.Ledger, p *branch.Pending, head branch.Block, transactions [][]table.Spec, out *Prepared) error {
	tree, err := l.PendingState(ctx, p, head)
	if err != nil {
		return err
	}
	desk := branch.NewDesk(ctx, l.Runtime, tree)
	if err := desk.Prefetch(rowKeys(transactions), r.workers.Workers()); err != nil {
		return err
	}
	author, names := table.NewAuthor(p.Open), 0
	var dict any
	var payload []byte
	for i, specs := range transactions {
		if payload, err = author.AppendPayload(payload[:0], desk, specs); err != nil {
			return &ApplyError{Index: i, Err: refused(err)}
		}
		if n := len(p.Open.Names()); dict == nil || n != names {
			dict, names = l.Runtime.Prepare(p.Open.Names()), n
		}
		tx := object.Transaction{Payload: payload}
		changed, excluded, err := desk.Try(&tx, dict)
		switch {
		case err != nil:
			return err
		case excluded != nil:
			return &ApplyError{Index: i, Exclusion: excluded, Err: fmt.Errorf("%w: %s", ErrRefused, excluded.Reason)}
		case !changed:
			out.Unchanged++
			continue
		}
		p.Open.Add(&tx)
		if p.Open.SizeBytes() < object.ChunkTargetBytes {
			continue
		}
		_, w, err := c.open(ctx)
		if err != nil {
			return err
		}
		if err := p.CloseChunk(w, true); err != nil {
			return err
		}
		author, dict = table.NewAuthor(p.Open), nil
	}
	return nil
}

// refused marks errors that lie in the transaction, so that they map to the same code.
func refused(err error) error {
	var why *table.RefusedError
	if errors.As(err, &why) || errors.Is(err, table.ErrNoRow) || errors.Is(err, table.ErrRowExists) {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}

// rowKeys returns the state keys that transactions name, ascending, each once.
func rowKeys(transactions [][]table.Spec) [][]byte {
	var keys [][]byte
	for _, specs := range transactions {
		for i := range specs {
			if k, err := rowkey.Row(specs[i].Table, specs[i].Key...); err == nil {
				keys = append(keys, k)
			}
			if k, err := rowkey.Schema(specs[i].Table); err == nil && (i == 0 || specs[i].Table != specs[i-1].Table) {
				keys = append(keys, k)
			}
		}
	}
	slices.SortFunc(keys, bytes.Compare)
	return slices.CompactFunc(keys, bytes.Equal)
}

// ApplyLines is Apply for operations as JSON lines.
func (r *Repo) ApplyLines(ctx context.Context, in io.Reader) (Prepared, error) {
	schemas, err := r.schemas(ctx, "")
	if err != nil {
		return Prepared{}, err
	}
	var lines []int
	var transactions [][]table.Spec
	err = format.ReadOps(in, schemas.keyTypes, func(line int, specs []table.Spec) error {
		lines = append(lines, line)
		transactions = append(transactions, slices.Clone(specs))
		return nil
	})
	if err != nil {
		return Prepared{}, err
	}
	out, err := r.Apply(ctx, "apply", transactions)
	var at *ApplyError
	if errors.As(err, &at) {
		err = fmt.Errorf("line %d: %w", lines[at.Index], at.Err)
	}
	return out, err
}

// schemas reads tables' schemas from one state and remembers them.
type schemas struct {
	ctx   context.Context
	view  *branch.Desk
	known map[string]*table.Schema
}

// schemas returns the schemas at a revision; "" is what is pending.
func (r *Repo) schemas(ctx context.Context, at string) (*schemas, error) {
	s, err := r.stateAt(ctx, at)
	if err != nil {
		return nil, err
	}
	return &schemas{ctx: ctx, view: branch.NewDesk(ctx, s.ledger.Runtime, s.tree), known: map[string]*table.Schema{}}, nil
}

// of returns a table's schema, nil if it states none.
func (s *schemas) of(name string) (*table.Schema, error) {
	if sc, ok := s.known[name]; ok {
		return sc, nil
	}
	k, err := rowkey.Schema(name)
	if err != nil {
		return nil, err
	}
	row, ok, err := s.view.Row(k)
	if err != nil {
		return nil, err
	}
	var sc *table.Schema
	if ok {
		if sc, err = table.ParseSchema(row); err != nil {
			return nil, err
		}
	}
	s.known[name] = sc
	return sc, nil
}

// keyTypes implements format.KeyTypes.
func (s *schemas) keyTypes(name string) ([]value.Type, error) {
	sc, err := s.of(name)
	if err != nil || sc == nil {
		return nil, err
	}
	var types []value.Type
	for _, k := range sc.Key {
		types = append(types, columnType(sc, k))
	}
	return types, nil
}

func columnType(sc *table.Schema, name string) value.Type {
	for _, c := range sc.Columns {
		if c.Name == name {
			return c.Type
		}
	}
	return value.TypeAny
}
