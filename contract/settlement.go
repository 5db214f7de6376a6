package contract

import (
	"errors"

	"aergo/repo/object"
)

// ErrEffect is wrapped when an effect does not fit the row it is for: the row would be
// larger than a row may be. The transaction is excluded then.
var ErrEffect = errors.New("effect does not fit the row")

// Settlement is what the transactions of one merge come to among themselves, found before
// any of them runs. A cell (a field of a row, or its existence) is settled if their net
// change of it is none, or if the target holds already what they lead to. A settled cell
// is left as it is: its preconditions count as held, its effects as made.
//
// Without it a change that its own branch took back would conflict with, or even undo,
// what the target did meanwhile. The nil Settlement settles nothing.
type Settlement struct{ rows map[string]*SettledRow }

// SettledRow is what is settled in one row.
type SettledRow struct {
	All    bool // existence and every field
	Fields map[string]bool
}

// NewSettlement returns a settlement of rows by state key, which it keeps.
func NewSettlement(rows map[string]*SettledRow) *Settlement { return &Settlement{rows: rows} }

// Row returns what is settled in a row, nil for nothing.
func (s *Settlement) Row(key []byte) *SettledRow {
	if s == nil {
		return nil
	}
	return s.rows[string(key)]
}

// Field says whether a field is settled. The nil row settles nothing.
func (r *SettledRow) Field(name string) bool { return r != nil && (r.All || r.Fields[name]) }

// Settler looks at all transactions of a merge and finds their settlement. It is told of
// every transaction twice: first by Count, in any order, then, when all have been counted,
// by Observe, in the order of the merge. dict is the chunk's dictionary as the runtime
// prepared it.
type Settler interface {
	Count(tx *object.Transaction, dict any)
	// Repeats says whether any of what was counted may meet in a row. If not there is nothing
	// to observe.
	Repeats() bool
	Observe(tx *object.Transaction, dict any)
	// Keys returns the state keys of the rows that Decide wants, ascending.
	Keys() [][]byte
	// Decide returns the settlement, given the rows of Keys as the target has them before
	// the merge; nil is no row.
	Decide(rows [][]byte) *Settlement
}
