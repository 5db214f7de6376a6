package contract

import (
	"errors"

	"aergo/repo/object"
)

// ErrResolver is wrapped when a branch's resolver gives no answer: it gives up, runs out of
// steps, or answers what the field cannot hold. The merge stops then; there is no verdict.
var ErrResolver = errors.New("merge logic")

// Merging is what a merge knows of a transaction before it runs on the target. The nil
// Merging is that of a transaction which comes by no merge.
type Merging struct {
	Settled *Settlement
	// Resolver decides cells that both sides have changed; nil if the target has none. With it,
	// Sides are the rows in which the transaction may conflict.
	Resolver   Resolver
	Sides      []Side
	Author     Author
	TimeMillis uint64 // of the transaction
}

// Side is a row as the source of a merge has it.
type Side struct {
	Key []byte
	// Base is the row that the transaction found where it was made, Theirs the row that it
	// left there; nil for none.
	Base, Theirs []byte
	// OursMillis is when the target changed a field last, of the changes that the source does
	// not have; the empty name stands for the row as a whole.
	OursMillis map[string]uint64
}

// Author is who made a transaction, as resolvers see it.
type Author struct {
	Key   [object.PublicSize]byte
	Name  string
	Roles []string
}

// Side returns what the source has of a row, nil if it is not known.
func (m *Merging) Side(key []byte) *Side {
	if m == nil || m.Resolver == nil {
		return nil
	}
	for i := range m.Sides {
		if string(m.Sides[i].Key) == string(key) {
			return &m.Sides[i]
		}
	}
	return nil
}

// Conflict is a cell that both sides of a merge have changed. Rows are encoded, nil for
// none; Ours has the fields that the rule looks at.
type Conflict struct {
	Table              string
	Tuple              []byte // the encoded row key
	Field              string
	Base, Ours, Theirs []byte
	OursMillis         uint64 // 0 if the target has not changed the field
	Author             Author
	TimeMillis         uint64 // of the transaction
}

// Resolution is what becomes of a conflict: the field takes Value, encoded, which may be
// the absent value; or the transaction is excluded, for Reason.
type Resolution struct {
	Value   []byte
	Exclude bool
	Reason  string
}

// Resolver is the merge logic of a branch. It is a pure function of the conflict, and safe
// for concurrent use.
type Resolver interface {
	// Looks returns the other fields of the row that the rule for a field looks at, and false
	// if there is no rule: then the conflict stays one.
	Looks(table, field string) (fields []string, ok bool)
	// Resolve decides a conflict that has a rule. Its error wraps ErrResolver.
	Resolve(c *Conflict) (Resolution, error)
}
