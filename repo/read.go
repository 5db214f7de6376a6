package repo

import (
	"bytes"
	"cmp"
	"context"
	"fmt"

	"aergo/branch"
	"aergo/contract/table"
	"aergo/contract/table/format"
	"aergo/contract/value"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/state"
	rowkey "aergo/repo/state/key"
)

// Row is one row: its key, and its fields by name, encoded (see contract/value).
type Row struct {
	Table  string
	Key    []rowkey.Component
	Tuple  []byte // the key, encoded
	Data   []byte // the fields, encoded (see contract/table)
	Fields []value.Field
}

// view is a state to read from.
type view struct {
	ledger *branch.Ledger
	tree   state.Tree
}

// stateAt returns the state at a revision. The empty revision is what is checked out with
// everything pending on top.
func (r *Repo) stateAt(ctx context.Context, rev string) (view, error) {
	l, err := r.ledger(ctx)
	if err != nil {
		return view{}, err
	}
	if rev != "" {
		b, err := r.Resolve(ctx, rev)
		if err != nil {
			return view{}, err
		}
		return r.viewOf(ctx, l, b)
	}
	h, err := r.refs.Head(ctx)
	if err != nil {
		return view{}, err
	}
	if h.Tag != "" {
		return r.stateAt(ctx, "HEAD")
	}
	b, err := r.refs.Branch(ctx, h.Branch)
	if err != nil {
		return view{}, err
	}
	head, err := l.Block(ctx, b.Head)
	if err != nil {
		return view{}, err
	}
	c, err := r.pool(ctx, b)
	if err != nil {
		return view{}, err
	}
	p := live(c)
	if p == nil {
		return view{l, l.State(head)}, nil
	}
	tree, err := l.PendingState(ctx, p, head)
	return view{l, tree}, err
}

// viewOf returns the state of a block, if it is here.
func (r *Repo) viewOf(ctx context.Context, l *branch.Ledger, b branch.Block) (view, error) {
	if r.boundary() != nil {
		if has, err := l.Objects.Has(ctx, b.Header.State); err != nil || !has {
			return view{}, cmp.Or(err, lackingBlock(b))
		}
	}
	return view{l, l.State(b)}, nil
}

// Get returns one row. key is as a person types it (see format.ParseKey).
func (r *Repo) Get(ctx context.Context, tableName, key, at string) (Row, error) {
	if err := r.mayRead(tableName); err != nil {
		return Row{}, err
	}
	s, err := r.stateAt(ctx, at)
	if err != nil {
		return Row{}, err
	}
	k, comps, err := r.parseKey(ctx, s, tableName, key)
	if err != nil {
		return Row{}, err
	}
	data, ok, err := s.tree.Get(ctx, k)
	if err != nil {
		return Row{}, err
	}
	if !ok {
		if has, err := hasTable(ctx, s.tree, tableName); err == nil && !has {
			return Row{}, fmt.Errorf("table %q: %w", tableName, ErrNoTable)
		}
		return Row{}, fmt.Errorf("row %s of table %s: %w", format.FormatKey(comps), tableName, ErrNoRow)
	}
	return Row{Table: tableName, Key: comps, Data: data, Fields: table.FieldList(data)}, nil
}

// parseKey turns what a person typed into a state key.
func (r *Repo) parseKey(ctx context.Context, s view, tableName, key string) ([]byte, []rowkey.Component, error) {
	sc := &schemas{ctx: ctx, view: branch.NewDesk(ctx, s.ledger.Runtime, s.tree), known: map[string]*table.Schema{}}
	types, err := sc.keyTypes(tableName)
	if err != nil {
		return nil, nil, err
	}
	comps, err := format.ParseKey(key, types)
	if err != nil {
		return nil, nil, err
	}
	k, err := rowkey.Row(tableName, comps...)
	return k, comps, err
}

// ParseKey turns a key as a person types it into components, by the table's schema.
func (r *Repo) ParseKey(ctx context.Context, tableName, key string) ([]rowkey.Component, error) {
	s, err := r.stateAt(ctx, "")
	if err != nil {
		return nil, err
	}
	_, comps, err := r.parseKey(ctx, s, tableName, key)
	return comps, err
}

// Schema returns a table's schema at a revision ("" with what is pending), nil if it
// states none.
func (r *Repo) Schema(ctx context.Context, tableName, at string) (*table.Schema, error) {
	if err := r.mayRead(tableName); err != nil {
		return nil, err
	}
	s, err := r.schemas(ctx, at)
	if err != nil {
		return nil, err
	}
	return s.of(tableName)
}

// Table is what there is to say about a table.
type Table struct {
	Name string
	Rows uint64
}

// Tables returns the tables at a revision, by name. It costs as much as there are tables.
func (r *Repo) Tables(ctx context.Context, at string) ([]Table, error) {
	s, err := r.stateAt(ctx, at)
	if err != nil {
		return nil, err
	}
	rows, err := r.filledTables(ctx, s.tree)
	if err != nil {
		return nil, err
	}
	stated, err := tablesOf(ctx, s.tree, rowkey.KindSchema)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, n := range append(rows, stated...) {
		names[n] = r.mayRead(n) == nil
	}
	var out []Table
	for _, n := range sortedKeys(names) {
		if !names[n] {
			continue
		}
		prefix := rowkey.TablePrefix(n)
		count, err := s.tree.CountRange(ctx, prefix, rowkey.PrefixEnd(prefix))
		if err != nil {
			return nil, err
		}
		out = append(out, Table{Name: n, Rows: count})
	}
	return out, nil
}

// filledTables returns the tables that have rows, as far as those are here.
func (r *Repo) filledTables(ctx context.Context, tree state.Tree) ([]string, error) {
	if !r.isFiltered() {
		return tablesOf(ctx, tree, rowkey.KindRow)
	}
	var names []string
	for _, n := range r.Lacking().Tables {
		prefix := rowkey.TablePrefix(n)
		count, err := tree.CountRange(ctx, prefix, rowkey.PrefixEnd(prefix))
		if err != nil {
			return nil, err
		}
		if count > 0 {
			names = append(names, n)
		}
	}
	return names, nil
}

// tablesOf skips from table to table through the keys of one kind.
func tablesOf(ctx context.Context, tree state.Tree, kind rowkey.Kind) ([]string, error) {
	var names []string
	c := tree.Cursor(ctx)
	for ok := c.Seek([]byte{byte(kind)}); ok && c.Key()[0] == byte(kind); {
		_, name, _, err := rowkey.Split(c.Key())
		if err != nil {
			return nil, err
		}
		names = append(names, name)
		if kind == rowkey.KindSchema {
			ok = c.Next()
			continue
		}
		ok = c.Seek(rowkey.PrefixEnd(rowkey.TablePrefix(name)))
	}
	return names, c.Err()
}

func hasTable(ctx context.Context, tree state.Tree, name string) (bool, error) {
	if rowkey.CheckTable(name) != nil {
		return false, nil
	}
	if k, err := rowkey.Schema(name); err == nil {
		if _, ok, err := tree.Get(ctx, k); err != nil || ok {
			return ok, err
		}
	}
	prefix := rowkey.TablePrefix(name)
	n, err := tree.CountRange(ctx, prefix, rowkey.PrefixEnd(prefix))
	return n > 0, err
}

// Rows calls fn for every row of a table at a revision, by key. The row is valid until fn
// returns. Fields is not filled in.
func (r *Repo) Rows(ctx context.Context, tableName, at string, fn func(Row) error) error {
	return r.RowsFrom(ctx, tableName, at, nil, fn)
}

// RowsFrom is Rows from a key on, encoded as in Row.Tuple, whether there is such a row or not.
// What comes before costs nothing.
func (r *Repo) RowsFrom(ctx context.Context, tableName, at string, tuple []byte, fn func(Row) error) error {
	s, err := r.stateAt(ctx, at)
	if err != nil {
		return err
	}
	if err := rowkey.CheckTable(tableName); err != nil {
		return err
	}
	if err := r.mayRead(tableName); err != nil {
		return err
	}
	if has, err := hasTable(ctx, s.tree, tableName); err != nil || !has {
		if err == nil {
			err = fmt.Errorf("table %q: %w", tableName, ErrNoTable)
		}
		return err
	}
	prefix := rowkey.TablePrefix(tableName)
	from := append(bytes.Clone(prefix), tuple...)
	return s.tree.Range(ctx, from, rowkey.PrefixEnd(prefix), func(k, v []byte) error {
		return fn(Row{Table: tableName, Tuple: k[len(prefix):], Data: v})
	})
}

// Status is where the repository stands.
type Status struct {
	Branch  ref.Name // what is checked out; empty for a tag
	Tag     ref.Name
	Head    object.Hash
	Height  uint64
	Pending uint64              // transactions not committed
	Others  map[ref.Name]uint64 // pending on other branches
	Lacking *Partial            // what a partial clone was made without; nil for nothing
}

// Status reads refs, pools and one header. What grows with the data is the opening of the
// store, which reads the indexes of its packs.
func (r *Repo) Status(ctx context.Context) (Status, error) {
	var st Status
	h, err := r.refs.Head(ctx)
	if err != nil {
		return st, err
	}
	st.Branch, st.Tag, st.Lacking = h.Branch, h.Tag, r.Lacking()
	if st.Head, err = r.here(ctx); err != nil {
		return st, err
	}
	chain, err := r.chain()
	if err != nil {
		return st, err
	}
	b, err := chain.Block(ctx, st.Head)
	if err != nil {
		return st, err
	}
	st.Height = b.Height
	branches, err := r.refs.Branches(ctx)
	if err != nil {
		return st, err
	}
	for _, b := range branches {
		c, err := r.pool(ctx, b)
		if err != nil {
			return st, err
		}
		p := live(c)
		switch {
		case p == nil:
		case b.Name == st.Branch:
			st.Pending = p.Count()
		default:
			if st.Others == nil {
				st.Others = map[ref.Name]uint64{}
			}
			st.Others[b.Name] = p.Count()
		}
	}
	return st, nil
}
