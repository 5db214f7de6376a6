package oracle

import (
	"maps"
)

// Kind is what an operation does.
type Kind string

// The kinds of operation.
const (
	Put     Kind = "put"     // set fields, make the row if there is none
	Insert  Kind = "insert"  // make the row
	Replace Kind = "replace" // the row becomes these fields
	Delete  Kind = "del"     // the row goes
	Add     Kind = "incr"    // add a number to each field
	Append  Kind = "append"  // put an element in the set in each field
	Remove  Kind = "remove"  // take an element out of it
)

// Op is one operation on one row, with what its author saw.
type Op struct {
	Kind   Kind
	Key    string
	Fields map[string]Value // with Put, an Absent value takes the field away

	Create, Exact, Force bool

	SawRow bool             // whether the author saw a row; with Put, Replace and Delete
	Saw    map[string]Value // what the author saw in each of Fields; with Put
	SawAll Row              // the whole row that the author saw; with Replace and Delete
}

// isDelta says whether an operation changes fields without a precondition on their values.
func (op *Op) isDelta() bool { return op.Kind == Add || op.Kind == Append || op.Kind == Remove }

// isWhole says whether an operation makes or takes a row as a whole.
func (op *Op) isWhole() bool { return op.Kind == Insert || op.Kind == Replace || op.Kind == Delete }

// ID names a transaction: its batch, as the caller calls it, and its place in it.
type ID struct {
	Batch string
	Index int
}

// Tx is one transaction. It is never changed once it is on a chain, but for its ID, which
// the caller fills in when it knows how the batch is called.
type Tx struct {
	ID  ID
	Ops []Op
}

// Reason is why a transaction is left out, as the product words it.
type Reason string

// The reasons that the model knows.
const (
	FieldChanged Reason = "field-changed"
	RowGone      Reason = "row-gone"
	RowExists    Reason = "row-exists"
	RowChanged   Reason = "row-changed"
	RowMissing   Reason = "row-missing"
	WrongType    Reason = "type"
	KeptOurs     Reason = "kept-ours"
	Superseded   Reason = "superseded"
	Inherited    Reason = "inherited"
)

// isConflict says whether a reason is a disagreement with what others did.
func (r Reason) isConflict() bool {
	switch r {
	case FieldChanged, RowGone, RowExists, RowChanged, RowMissing:
		return true
	}
	return false
}

// Failure says what stood in a transaction's way first.
type Failure struct {
	Reason Reason
	Op     int // which operation, from 0
	Key    string
	Field  string // empty if it was the row as a whole
}

// step does one operation on a state, or says why not and leaves the state as it is.
// Unguarded, no precondition is looked at.
func step(s State, op *Op, guarded bool) *Failure {
	guarded = guarded && !op.Force
	row := s[op.Key]
	fail := func(r Reason, field string) *Failure { return &Failure{Reason: r, Key: op.Key, Field: field} }
	switch {
	case op.Kind == Put:
		if guarded && op.SawRow && row == nil {
			return fail(RowGone, "")
		}
		if guarded && !op.SawRow && row != nil {
			return fail(RowExists, "")
		}
		for _, name := range names(op.Fields) {
			if guarded && row[name] != op.Saw[name] {
				return fail(FieldChanged, name)
			}
		}
		s.put(op.Key, putFields(row, op.Fields))
	case op.isWhole():
		if guarded && op.Kind == Insert && row != nil {
			return fail(RowExists, "")
		}
		if guarded && op.Kind != Insert && row == nil {
			return fail(RowGone, "")
		}
		if guarded && op.Kind != Insert && !row.equal(op.SawAll) {
			return fail(RowChanged, "")
		}
		s.put(op.Key, nil)
		if op.Kind != Delete {
			s.put(op.Key, maps.Clone(Row(op.Fields)))
		}
	default:
		if row == nil && !op.Create {
			return fail(RowMissing, "")
		}
		after := putFields(row, nil)
		for _, name := range names(op.Fields) {
			v, reason := delta(op, row[name], op.Fields[name])
			if reason != "" {
				return fail(reason, name)
			}
			after = after.with(name, v)
		}
		s.put(op.Key, after)
	}
	return nil
}

// putFields returns a row, made if there is none, with fields set.
func putFields(row Row, fields map[string]Value) Row {
	out := Row{}
	maps.Copy(out, row)
	for name, v := range fields {
		out = out.with(name, v)
	}
	return out
}

// delta returns what a delta makes of a field's value, or why it cannot.
func delta(op *Op, current, arg Value) (Value, Reason) {
	if op.Kind == Add {
		n, isNumber := current.number()
		amount, fits := arg.number()
		if current != Absent && !isNumber || !fits {
			return current, WrongType
		}
		return Integer(n + amount), ""
	}
	list, isList := current.elements()
	if !isList {
		return current, WrongType
	}
	present := false
	var left []string
	for _, e := range list {
		if e == arg.element() {
			present = true
		} else {
			left = append(left, e)
		}
	}
	switch {
	case op.Exact && present == (op.Kind == Append):
		return current, FieldChanged
	case op.Kind == Append:
		return set(append(left, arg.element())), ""
	case current == Absent:
		return Absent, ""
	}
	return set(left), ""
}
