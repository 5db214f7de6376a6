// Package contract is what a block executor and a runtime say to each other: a runtime
// declares what a transaction touches, runs it on a confined View and returns an Outcome;
// the executor schedules, checks and applies.
//
// A runtime is a pure function of a transaction and a view. It keeps no state, reads no
// clock, and never writes: its effects are data, applied by the executor only if the
// verdict says so. The package refuses to know how transactions are signed, ordered, run
// in parallel or stored; the runtimes are its sub-packages.
package contract

import (
	"errors"

	"aergo/repo/object"
)

// ErrUndeclared is wrapped by a View when a transaction reaches for what its access list
// does not hold. It is a fault of the runtime or of the block, never a verdict.
var ErrUndeclared = errors.New("access outside the declared list")

// Part says which unit of a row an access is to.
type Part uint8

// The units of a row. A write of one field is a Delta of PartRow, so that it meets whole-row
// reads and writes but not the writes of other fields.
const (
	PartExistence Part = iota // whether the row is there
	PartRow                   // all its fields together
	PartField                 // one field, or a sub-unit of one (see Access.Field)
	// PartAll is the whole state: what the transaction touches shows only when it runs. Such a
	// transaction runs alone, after all before it and before all behind it, and nothing
	// confines it. The access has no key.
	PartAll
)

// Mode says how a unit is touched. Read and Read, and Delta and Delta, of two transactions
// commute; every other pair conflicts. A Delta and a Read of one unit by one transaction
// are a Write.
type Mode uint8

// The modes of access, weakest first.
const (
	Read Mode = iota
	Delta
	Write
)

// Access is one unit that a transaction touches. A transaction may list a unit more than
// once; the executor joins them.
type Access struct {
	// Key is the state key of the row.
	Key []byte
	// Part is the unit's kind.
	Part Part
	// Field names the unit if Part is PartField: a field's name, alone or followed by a
	// byte below 0x20, which no name contains, and a sub-unit. A runtime chooses its
	// sub-units; the executor only compares them. A sub-unit is never read through the View.
	Field string
	// Mode is how the unit is touched.
	Mode Mode
	// GrowBytes bounds from above the bytes by which the access lengthens the row's value. On
	// PartRow it adds up over accesses; on PartField all accesses to the field together
	// lengthen the row by no more than the greatest of them. If a row's size before a block
	// and its Growth in the block stay within the largest value that the state takes, no order
	// of execution exceeds it; otherwise the executor makes every PartRow access to that row a
	// Write, and excludes, with object.ReasonLimit, a transaction whose effect does not fit.
	GrowBytes int
}

// View is the state as a transaction sees it. Everything it returns is immutable and stays
// valid while the block runs. It returns an error wrapping ErrUndeclared for a unit outside
// the transaction's access list; a runtime passes errors on unchanged.
//
// A field declared as a Delta may be read, but other transactions' deltas may or may not be
// in the value: a runtime may use of it only what no commuting delta changes.
type View interface {
	// Exists says whether the row is there. It needs PartExistence.
	Exists(key []byte) (bool, error)
	// Field returns the encoded value of a field (see contract/value), and false if the row
	// or the field is absent. It needs PartField of that name, or PartRow.
	Field(key []byte, name string) (value []byte, ok bool, err error)
	// Row returns the encoded row (see contract/table), and false if it is absent. It needs
	// PartRow as a Read or Write.
	Row(key []byte) (row []byte, ok bool, err error)
}

// EffectKind says what an Effect does to its row.
type EffectKind uint8

// The kinds of effect.
const (
	EffectFields EffectKind = iota // change the fields listed in Effect.Fields
	EffectPut                      // the row becomes Effect.Row, whatever it was
	EffectDelete                   // the row goes
)

// Effect is what a transaction does to one row. A transaction has at most one effect for
// each row.
type Effect struct {
	Key  []byte
	Kind EffectKind
	// Ensure, with EffectFields, makes an empty row first if there is none.
	Ensure bool
	// Row is the encoded new row, with EffectPut.
	Row []byte
	// Fields, with EffectFields, ascend by name. A name has one Set, Unset or Incr, or
	// Adds and Removes of elements that ascend by their encoding; an element that is added
	// and then removed has both, in this order.
	Fields []FieldEffect
	// Op is the index of the last operation that had a part in the effect.
	Op uint64
}

// FieldEffectKind says what a FieldEffect does.
type FieldEffectKind uint8

// The kinds of field effect. The last three are deltas: they commute with those of other
// transactions on the same field, as far as the access rules let those run unordered.
const (
	FieldSet    FieldEffectKind = iota // the field becomes Value
	FieldUnset                         // the field goes
	FieldIncr                          // Value is added to the number in the field
	FieldAdd                           // Value joins the set in the field
	FieldRemove                        // Value leaves the set in the field
)

// FieldEffect is what a transaction does to one field.
type FieldEffect struct {
	Name  string
	Kind  FieldEffectKind
	Value []byte // encoded; nil with FieldUnset
}

// Outcome is what became of one transaction. It is reused from one to the next; everything
// in it is valid until Reset, except Exclusion, which is the executor's to keep.
type Outcome struct {
	// Verdict is applied, no-op or excluded.
	Verdict object.Verdict
	// Exclusion tells why, if and only if Verdict is excluded. Its Index is the executor's
	// to fill in.
	Exclusion *object.Exclusion
	// Effects are to be applied if Verdict is applied; otherwise there are none.
	Effects []Effect
	// CostUnits is the deterministic cost of the run.
	CostUnits uint64
	// Memory is where a runtime puts bytes that Effects refer to, by appending.
	Memory []byte
}

// Reset makes o ready for the next transaction, keeping its memory.
func (o *Outcome) Reset() {
	o.Verdict = object.VerdictApplied
	o.Exclusion = nil
	o.Effects = o.Effects[:0]
	o.CostUnits = 0
	o.Memory = o.Memory[:0]
}

// Add appends an effect on a row and returns it, valid until the next call.
func (o *Outcome) Add(key []byte, kind EffectKind) *Effect {
	if n := len(o.Effects); n < cap(o.Effects) {
		o.Effects = o.Effects[:n+1]
		fields := o.Effects[n].Fields[:0]
		o.Effects[n] = Effect{Key: key, Kind: kind, Fields: fields}
	} else {
		o.Effects = append(o.Effects, Effect{Key: key, Kind: kind})
	}
	return &o.Effects[len(o.Effects)-1]
}

// Exclude makes the verdict excluded for a copy of why, and drops the effects.
func (o *Outcome) Exclude(why object.Exclusion) {
	o.Verdict = object.VerdictExcluded
	o.Exclusion = &why
	o.Effects = o.Effects[:0]
}
