package object

import "fmt"

// Verdict is what became of a transaction on a branch.
type Verdict uint8

// The verdicts. Numbers are part of the format.
const (
	VerdictApplied  Verdict = 0 // its preconditions held and its effects were made
	VerdictNoop     Verdict = 1 // all its effects held already
	VerdictResolved Verdict = 2 // the branch's resolver decided, counted as applied
	VerdictExcluded Verdict = 3 // inconsistent: left out, with a reason
	VerdictDropped  Verdict = 4 // excluded first, then given up by a drop order
	verdictCount            = 5
)

var verdictNames = [verdictCount]string{"applied", "no-op", "resolved", "excluded", "dropped"}

// Valid says whether v is a known verdict.
func (v Verdict) Valid() bool { return v < verdictCount }

// Applied says whether v counts as applied: applied, no-op or resolved.
func (v Verdict) Applied() bool { return v <= VerdictResolved }

func (v Verdict) String() string {
	if v.Valid() {
		return verdictNames[v]
	}
	return fmt.Sprintf("verdict %d", uint8(v))
}

// Reason is why a transaction is excluded: the first failure in the fixed order of
// operations, then existence, then fields by name.
type Reason uint8

// The reasons. Numbers are part of the format and never reused.
const (
	ReasonNone         Reason = 0
	ReasonFieldChanged Reason = 1  // a field holds another value than the author saw
	ReasonRowGone      Reason = 2  // the row that the author saw is not there
	ReasonRowExists    Reason = 3  // a row is there where the author saw none
	ReasonRowChanged   Reason = 4  // the row is another version than the author saw
	ReasonRowMissing   Reason = 5  // a delta on a row that is not there
	ReasonType         Reason = 6  // a value does not fit the column, or the operation the value
	ReasonNoColumn     Reason = 7  // the table's schema has no such column
	ReasonLimit        Reason = 8  // the row would be larger than a row may be
	ReasonOurs         Reason = 9  // conflicted, and the order said to keep ours
	ReasonSuperseded   Reason = 10 // conflicted, and the order's own batch forces its effects
	ReasonInherited    Reason = 11 // excluded on the source already
	ReasonMalformed    Reason = 12 // the transaction's payload cannot be read
	ReasonBadKey       Reason = 13 // the row's key does not fit the schema's key columns
	ReasonResolver     Reason = 14 // the branch's resolver left it out
	ReasonRevoked      Reason = 15 // its author's key is revoked
	reasonCount               = 16
)

var reasonNames = [reasonCount]string{
	"none", "field-changed", "row-gone", "row-exists", "row-changed", "row-missing", "type", "no-such-column",
	"limit", "kept-ours", "superseded", "inherited", "malformed", "bad-key", "resolver", "revoked",
}

// Conflict says whether r is a disagreement with what others did, rather than a fault of
// the transaction that would exclude it anywhere.
func (r Reason) Conflict() bool { return r >= ReasonFieldChanged && r <= ReasonRowMissing }

// Valid says whether r is a known reason other than ReasonNone.
func (r Reason) Valid() bool { return r != ReasonNone && r < reasonCount }

// String returns the word that JSON output uses.
func (r Reason) String() string {
	if r < reasonCount {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// Exclusion is the committed reason why one transaction of an entry is left out.
type Exclusion struct {
	Index  uint64 // of the transaction in its batch
	Reason Reason
	Op     uint64 // which operation of the transaction failed, from 0
	Key    []byte // state key of the row in the way, empty if none
	Field  string // field in the way, empty if the row as a whole
	// Found is the first 16 bytes of the SHA-256 of what was found there, empty if nothing. For
	// ReasonResolver it is the resolver's own words, up to MaxReasonBytes of UTF-8.
	Found []byte
	Block Hash // for ReasonInherited: the block that decided; else zero
}

// FoundSize is the length of Exclusion.Found when there is one.
const FoundSize = 16

// MaxReasonBytes is the length of the longest reason in a resolver's own words.
const MaxReasonBytes = 256
