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
	"aergo/repo/state"
	rowkey "aergo/repo/state/key"
)

var (
	// ErrColumns says that a file's columns are not those of the table.
	ErrColumns = errors.New("columns do not fit the table")
	// ErrUnchanged says that an import would change nothing.
	ErrUnchanged = errors.New("nothing changed")
)

// ImportRequest says how a file becomes a table.
type ImportRequest struct {
	Table         string
	Format        string   // "csv", or "json" for an array of objects or JSON lines
	Key           []string // columns; empty for those that the table's schema states
	Null          *string  // the word that stands for null in CSV
	Trim          bool     // leave out spaces around unquoted cells and names of CSV
	Types         map[string]value.Type
	AddColumns    bool // columns that the schema does not have join it
	DeleteMissing bool // rows that the file does not have go
	IfChanged     bool // fail with ErrUnchanged if there is nothing to do
}

// Imported is what an import did.
type Imported struct {
	Prepared
	Rows    uint64 // in the file
	Added   uint64
	Changed uint64
	Removed uint64
	Columns []format.Column
}

// Import makes a table's rows those of a file, in the pool of the branch that is checked
// out: rows that are new are put, rows that differ get the fields that differ, and with
// DeleteMissing the others go. Each row is a transaction. Memory holds the file once.
func (r *Repo) Import(ctx context.Context, in io.Reader, req ImportRequest) (Imported, error) {
	var out Imported
	if err := rowkey.CheckTable(req.Table); err != nil {
		return out, err
	}
	if err := r.mayExecute(); err != nil {
		return out, err
	}
	err := r.write(ctx, "import", func(c *change) error {
		s, err := r.stateAt(ctx, "")
		if err != nil {
			return err
		}
		desk := branch.NewDesk(ctx, s.ledger.Runtime, s.tree)
		stated, err := (&schemas{ctx: ctx, view: desk, known: map[string]*table.Schema{}}).of(req.Table)
		if err != nil {
			return err
		}
		rows, err := r.readTable(in, &req, stated)
		if err != nil {
			return err
		}
		out.Rows, out.Columns = uint64(rows.Len()), rows.Columns()
		schema, err := mergeSchema(req, stated, rows.Columns())
		if err != nil {
			return err
		}
		return r.importRows(ctx, c, s, desk, rows, schema, req, &out)
	})
	return out, err
}

// readTable reads and sorts the file. Columns that the schema states are read as it says.
func (r *Repo) readTable(in io.Reader, req *ImportRequest, stated *table.Schema) (*format.Table, error) {
	opt := format.Options{Key: req.Key, Null: req.Null, Trim: req.Trim, Types: map[string]value.Type{}}
	if stated != nil {
		for _, c := range stated.Columns {
			opt.Types[c.Name] = c.Type
		}
		if len(req.Key) == 0 {
			opt.Key = stated.Key
		} else if len(stated.Key) > 0 && !slices.Equal(stated.Key, req.Key) {
			return nil, fmt.Errorf("table %s: %w: its key is %q", req.Table, ErrColumns, stated.Key)
		}
	}
	for name, t := range req.Types {
		if before, ok := opt.Types[name]; ok && before != t {
			return nil, fmt.Errorf("table %s: %w: column %q is of type %s", req.Table, ErrColumns, name, before)
		}
		opt.Types[name] = t
	}
	if len(opt.Key) == 0 {
		return nil, fmt.Errorf("table %s: %w: no key is stated", req.Table, ErrColumns)
	}
	req.Key = opt.Key
	r.opts.Progress(Progress{Phase: "reading"})
	read := format.ReadCSV
	if req.Format == "json" {
		read = format.ReadJSON
	}
	rows, err := read(in, opt)
	if err != nil {
		return nil, err
	}
	return rows, rows.Sort()
}

// mergeSchema returns the schema that the table has after the import.
func mergeSchema(req ImportRequest, stated *table.Schema, columns []format.Column) (*table.Schema, error) {
	schema := &table.Schema{Key: req.Key}
	next := uint64(0)
	if stated != nil {
		schema.Columns = slices.Clone(stated.Columns)
		if len(stated.Key) > 0 {
			schema.Key = stated.Key
		}
		for _, c := range stated.Columns {
			next = max(next, c.Position+1)
		}
	}
	var unknown []string
	for _, c := range columns {
		if slices.ContainsFunc(schema.Columns, func(k table.Column) bool { return k.Name == c.Name }) {
			continue
		}
		if stated != nil && len(stated.Columns) > 0 {
			unknown = append(unknown, c.Name)
		}
		position := uint64(c.Position)
		if stated != nil {
			position = next
			next++
		}
		schema.Columns = append(schema.Columns, table.Column{Name: c.Name, Type: c.Type, Position: position})
	}
	if len(unknown) > 0 && !req.AddColumns {
		return nil, &UnknownColumnsError{Table: req.Table, Columns: unknown}
	}
	return schema, nil
}

// UnknownColumnsError names columns of a file that the table does not have. It matches
// ErrColumns.
type UnknownColumnsError struct {
	Table   string
	Columns []string
}

func (e *UnknownColumnsError) Error() string {
	return fmt.Sprintf("table %s has no column %q", e.Table, e.Columns)
}

// Is makes errors.Is(err, ErrColumns) true.
func (e *UnknownColumnsError) Is(target error) bool { return target == ErrColumns }

// importer turns rows of a file into transactions.
type importer struct {
	repo     *Repo
	ingest   *branch.Ingest
	req      ImportRequest
	out      *Imported
	cursor   *state.Cursor
	prefix   []byte
	more     bool // the cursor stands on a row of the table that the file has not reached
	builder  *table.Builder
	template *table.Template
	fields   []string
	tx       object.Transaction
}

func (r *Repo) importRows(ctx context.Context, c *change, s view, desk *branch.Desk, rows *format.Table, schema *table.Schema, req ImportRequest, out *Imported) error {
	return r.prepare(ctx, c, &out.Prepared, func(l *branch.Ledger, p *branch.Pending, head branch.Block) error {
		_, w, err := c.open(ctx)
		if err != nil {
			return err
		}
		before := p.Count()
		ingest, err := l.NewIngest(ctx, w, p, head)
		if err != nil {
			return err
		}
		defer ingest.Abort()
		im := &importer{repo: r, ingest: ingest, req: req, out: out, cursor: s.tree.Cursor(ctx), prefix: rowkey.TablePrefix(req.Table)}
		im.fields, _ = rows.FieldNames()
		im.more = im.cursor.Seek(im.prefix) && bytes.HasPrefix(im.cursor.Key(), im.prefix)
		if err := im.define(ctx, desk, schema); err != nil {
			return err
		}
		if err := im.all(ctx, rows); err != nil {
			return err
		}
		if p.Count() == before && req.IfChanged {
			return fmt.Errorf("table %s: %w", req.Table, ErrUnchanged)
		}
		return ingest.Finish(ctx)
	})
}

// define states the table's schema, if it is not stated so already.
func (im *importer) define(ctx context.Context, desk *branch.Desk, schema *table.Schema) error {
	k, err := rowkey.Schema(im.req.Table)
	if err != nil {
		return err
	}
	current, _, err := desk.Row(k)
	if err != nil {
		return err
	}
	var changed []value.Field
	for _, f := range schema.Fields() {
		if v, ok := table.Lookup(current, f.Name); current == nil || !ok || !bytes.Equal(v, f.Enc) {
			changed = append(changed, f)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	author := table.NewAuthor(im.ingest.Names())
	payload, err := author.AppendPayload(nil, desk, []table.Spec{{Code: table.Define, Table: im.req.Table, Fields: changed}})
	if err != nil {
		return err
	}
	return im.add(ctx, payload)
}

// add appends a transaction. When a chunk closes, names begin anew.
func (im *importer) add(ctx context.Context, payload []byte) error {
	im.tx.Payload = payload
	closed, err := im.ingest.Add(ctx, &im.tx)
	if closed {
		im.builder, im.template = nil, nil
	}
	return err
}

// all walks the file's rows and the table's, both by key, side by side.
func (im *importer) all(ctx context.Context, rows *format.Table) error {
	total := uint64(rows.Len())
	var buf []byte
	each := func(i int, tuple, data []byte, values bool) error {
		if i&0x3fff == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			im.repo.opts.Progress(Progress{Phase: "importing", Done: uint64(i), Total: total})
		}
		var err error
		buf, err = im.row(ctx, buf[:0], tuple, data, values)
		return err
	}
	var err error
	if !im.more && im.fields != nil {
		err = rows.EachValues(0, rows.Len(), func(i int, tuple, values []byte) error { return each(i, tuple, values, true) })
	} else {
		err = rows.Each(func(i int, tuple, row []byte) error { return each(i, tuple, row, false) })
	}
	if err != nil {
		return err
	}
	return im.missing(ctx, nil)
}

// row adds what makes the table's row that of the file.
func (im *importer) row(ctx context.Context, buf, tuple, data []byte, values bool) ([]byte, error) {
	if values {
		return im.insert(ctx, buf, tuple, data)
	}
	if err := im.missing(ctx, tuple); err != nil {
		return buf, err
	}
	var old []byte
	if im.more && bytes.Equal(im.cursor.Key()[len(im.prefix):], tuple) {
		old = im.cursor.Value()
		defer im.next()
	}
	op, differs := table.DiffRows(im.req.Table, tuple, old, data)
	switch {
	case !differs:
		im.out.Unchanged++
		return buf, nil
	case old == nil:
		im.out.Added++
	default:
		im.out.Changed++
	}
	return im.operation(ctx, buf, &op)
}

// insert adds a row of CSV to a table that has none, the way of a first import.
func (im *importer) insert(ctx context.Context, buf, tuple, values []byte) ([]byte, error) {
	if im.template == nil {
		var err error
		if im.template, err = table.NewTemplate(im.ingest.Names(), im.req.Table, im.fields); err != nil {
			return buf, err
		}
	}
	buf, err := im.template.AppendPayload(buf, tuple, values)
	if err != nil {
		return buf, err
	}
	im.out.Added++
	return buf, im.add(ctx, buf)
}

func (im *importer) operation(ctx context.Context, buf []byte, op *table.Op) ([]byte, error) {
	if im.builder == nil {
		im.builder = table.NewBuilder(im.ingest.Names())
	}
	im.builder.Reset()
	if err := im.builder.Add(op); err != nil {
		return buf, err
	}
	buf = im.builder.AppendPayload(buf)
	return buf, im.add(ctx, buf)
}

// missing passes over the table's rows below tuple, or all that are left if it is nil,
// which the file does not have.
func (im *importer) missing(ctx context.Context, tuple []byte) error {
	for im.more && (tuple == nil || bytes.Compare(im.cursor.Key()[len(im.prefix):], tuple) < 0) {
		if im.req.DeleteMissing {
			key := bytes.Clone(im.cursor.Key()[len(im.prefix):])
			op, _ := table.DiffRows(im.req.Table, key, im.cursor.Value(), nil)
			if _, err := im.operation(ctx, nil, &op); err != nil {
				return err
			}
			im.out.Removed++
		}
		im.next()
	}
	return im.cursor.Err()
}

func (im *importer) next() {
	im.more = im.cursor.Next() && bytes.HasPrefix(im.cursor.Key(), im.prefix)
}
