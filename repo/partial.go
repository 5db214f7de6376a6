package repo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"aergo/branch"
	"aergo/repo/object"
	"aergo/repo/state"
	rowkey "aergo/repo/state/key"
	"aergo/repo/store"
)

var (
	// ErrBeyond says that something lies beyond the boundary of a shallow clone.
	ErrBeyond = errors.New("beyond the depth of this clone")
	// ErrOtherTable says that something is about tables that a filtered clone left out.
	ErrOtherTable = errors.New("not among the tables of this clone")
	// ErrLeftOut says that a filtered clone has not taken what blocks were made from, such as
	// transactions.
	ErrLeftOut = errors.New("left out by the filter of this clone")
	// ErrFiltered says that a filtered clone cannot do what needs all tables: it executes
	// nothing, and makes no blocks.
	ErrFiltered = errors.New("a clone of some tables executes nothing")
	// ErrDepth says that a depth makes no sense.
	ErrDepth = errors.New("not a depth")
	// ErrRemotePartial says that the other side is a partial clone and lacks what is needed.
	ErrRemotePartial = errors.New("the other side is a partial clone")
)

// Partial says which part of a history a clone has. The headers of all blocks are always
// there, down to the roots.
//
// A shallow clone has whole blocks from its heads back to a boundary, a set of blocks of
// which it has the header, the state and the account. They are where execution begins again;
// before them there are headers only.
//
// A filtered clone has the rows of some tables only: of each state the nodes that prove
// those, and of each batch the record without its transactions. It can execute nothing.
type Partial struct {
	Boundary []object.Hash `json:"boundary"` // ascending
	Tables   []string      `json:"tables"`   // ascending; none for all
}

// maxBoundary bounds the blocks of a boundary: each branch and each absorbed head may need
// one.
const maxBoundary = 1 << 13

// check refuses what no clone has written.
func (p *Partial) check() error {
	if p == nil {
		return nil
	}
	if len(p.Boundary) > maxBoundary || len(p.Boundary)+len(p.Tables) == 0 {
		return fmt.Errorf("%w: a boundary of %d blocks, %d tables", ErrFormat, len(p.Boundary), len(p.Tables))
	}
	for i, h := range p.Boundary {
		if h.IsZero() || i > 0 && compareHashes(p.Boundary[i-1], h) >= 0 {
			return fmt.Errorf("%w: a boundary that is not in order", ErrFormat)
		}
	}
	return checkTables(p.Tables)
}

// checkTables checks the names of a filter, which ascend.
func checkTables(tables []string) error {
	for i, name := range tables {
		if err := rowkey.CheckTable(name); err != nil {
			return err
		}
		if i > 0 && tables[i-1] >= name {
			return fmt.Errorf("table %q: %w: it is named twice", name, rowkey.ErrBadName)
		}
	}
	return nil
}

func compareHashes(a, b object.Hash) int { return slices.Compare(a[:], b[:]) }

// rows returns the keys of the state that a filtered clone has: all but the rows of other
// tables. It is nil for a clone of all tables.
func (p *Partial) rows() []state.Span {
	if p == nil || len(p.Tables) == 0 {
		return nil
	}
	spans := []state.Span{{To: []byte{byte(rowkey.KindRow)}}}
	for _, name := range p.Tables {
		prefix := rowkey.TablePrefix(name)
		spans = append(spans, state.Span{From: prefix, To: rowkey.PrefixEnd(prefix)})
	}
	return append(spans, state.Span{From: []byte{byte(rowkey.KindRow) + 1}})
}

// cuts returns the boundary as a set.
func (p *Partial) cuts() map[object.Hash]bool {
	out := map[object.Hash]bool{}
	if p != nil {
		for _, h := range p.Boundary {
			out[h] = true
		}
	}
	return out
}

// boundary returns what closures stop at, nil if nothing of the history is left out.
func (r *Repo) boundary() map[object.Hash]bool {
	if cuts := r.Lacking().cuts(); len(cuts) > 0 {
		return cuts
	}
	return nil
}

// with returns a statement with another boundary, nil if nothing is lacking any more.
func (p *Partial) with(cuts map[object.Hash]bool) (*Partial, error) {
	next := Partial{Boundary: slices.SortedFunc(maps.Keys(cuts), compareHashes)}
	if p != nil {
		next.Tables = p.Tables
	}
	if len(next.Boundary)+len(next.Tables) == 0 {
		return nil, nil
	}
	if len(next.Boundary) > maxBoundary {
		return nil, fmt.Errorf("boundary of %d blocks: %w: at most %d; take more depth, or all of it", len(next.Boundary), ErrTooLarge, maxBoundary)
	}
	return &next, nil
}

// Lacking says what this clone lacks of what it was cloned from, nil if nothing. The result
// is not to be changed.
func (r *Repo) Lacking() *Partial { return r.settings.Load().Partial }

// isFiltered says whether rows of some tables only are here.
func (r *Repo) isFiltered() bool { return r.Lacking().rows() != nil }

// mayExecute fails in a clone that lacks what blocks are made from.
func (r *Repo) mayExecute() error {
	if r.isFiltered() {
		return fmt.Errorf("%w, and so makes no transactions or blocks: it has %s only", ErrFiltered, tableList(r.Lacking().Tables))
	}
	return nil
}

func tableList(names []string) string {
	if len(names) == 1 {
		return "table " + names[0]
	}
	return fmt.Sprintf("%d tables", len(names))
}

// mayRead fails for a table whose rows a filtered clone left out.
func (r *Repo) mayRead(tableName string) error {
	p := r.Lacking()
	if p.rows() == nil || slices.Contains(p.Tables, tableName) {
		return nil
	}
	return fmt.Errorf("table %q: %w", tableName, ErrOtherTable)
}

// readable wraps the repository's objects, so that what a partial clone lacks is not taken
// for damage.
func (r *Repo) readable(objects store.Reader) store.Reader {
	return partialReader{objects, r}
}

// partialReader is the objects of a partial clone.
type partialReader struct {
	store.Reader
	repo *Repo
}

// Get implements store.Reader.
func (p partialReader) Get(ctx context.Context, h object.Hash) ([]byte, error) {
	data, err := p.Reader.Get(ctx, h)
	return data, p.explain(h, err)
}

// Packed implements store.PackedReader.
func (p partialReader) Packed(ctx context.Context, h object.Hash) (zstd []byte, sizeBytes int) {
	if packed, ok := p.Reader.(store.PackedReader); ok {
		return packed.Packed(ctx, h)
	}
	return nil, 0
}

// Seal implements store.Reader.
func (p partialReader) Seal(ctx context.Context, h object.Hash) ([]byte, error) {
	seal, err := p.Reader.Seal(ctx, h)
	return seal, p.explain(h, err)
}

func (p partialReader) explain(h object.Hash, err error) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	switch lacks := p.repo.Lacking(); {
	case lacks == nil:
		return err
	case len(lacks.Tables) > 0:
		return &lackingError{h, ErrLeftOut}
	}
	return &lackingError{h, ErrBeyond}
}

// lackingError says that a partial clone does not have an object.
type lackingError struct {
	hash object.Hash
	why  error
}

func (e *lackingError) Error() string   { return fmt.Sprintf("object %s: %v", e.hash.Short(), e.why) }
func (e *lackingError) Unwrap() []error { return []error{e.why, store.ErrNotFound} }

// cannotPush is the error of a push that needs what one of the two sides lacks: this one, if
// it lacks anything.
func (r *Repo) cannotPush(err error) error {
	switch {
	case r.Lacking() == nil:
		return fmt.Errorf("remote: %w: %w", ErrRemotePartial, err)
	case errors.Is(err, ErrLeftOut):
		return fmt.Errorf("push: the remote lacks what is %w", ErrLeftOut)
	}
	return fmt.Errorf("push: the remote lacks what is %w", ErrBeyond)
}

// IsLacking says whether an error is about what a partial clone does not have.
func IsLacking(err error) bool {
	return errors.Is(err, ErrBeyond) || errors.Is(err, ErrLeftOut) || errors.Is(err, ErrOtherTable)
}

// lackingBlock is the error of a block of which only the header is here.
func lackingBlock(b branch.Block) error {
	return fmt.Errorf("block %s at height %d: %w", b.ID.Short(), b.Height, ErrBeyond)
}
