package table

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"aergo/contract"
	"aergo/contract/value"
	"aergo/repo/object"
	"aergo/repo/state/key"
)

// ErrRowExists is wrapped when an insert is authored where a row is.
var ErrRowExists = errors.New("row exists already")

// RefusedError says that a transaction would be excluded from the very state its author
// sees, for a reason that lies in the transaction or in the table's schema.
type RefusedError struct {
	Reason object.Reason
	Op     int // which operation
	Code   Code
	Table  string
	Field  string // empty if the key or the row as a whole
}

func (e *RefusedError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("%v on table %q: %v", e.Code, e.Table, e.Reason)
	}
	return fmt.Sprintf("%v on table %q, field %q: %v", e.Code, e.Table, e.Field, e.Reason)
}

// Spec is what an author wants done, without what it was seen to replace.
type Spec struct {
	Code   Code
	Table  string
	Key    []key.Component // none with Define
	Fields []value.Field   // in any order, none twice
	Unset  []string        // fields to take away, with Put and Define
	Flags  Flags
}

// Draft returns the operation of a Spec, with the preconditions that an author who sees the
// view states. A replace where there is no row becomes an insert; an incr or append there
// gets the flag Create. It fails with ErrRowExists for an insert and with ErrNoRow for a
// del or remove that cannot hold.
func Draft(view contract.View, s *Spec) (Op, error) {
	op, err := s.op()
	if err != nil {
		return Op{}, fmt.Errorf("%v: %w", s.Code, err)
	}
	if op.Flags&Force != 0 {
		return op, nil
	}
	if err := op.see(view); err != nil {
		return Op{}, fmt.Errorf("%v: %w", s.Code, err)
	}
	return op, nil
}

// op returns the operation without preconditions.
func (s *Spec) op() (Op, error) {
	op := Op{Code: s.Code, Flags: s.Flags, Table: s.Table}
	var err error
	if s.Code == Define {
		op.Key, err = key.Schema(s.Table)
	} else if op.Key, err = key.Row(s.Table, s.Key...); err == nil {
		_, _, op.Tuple, err = key.Split(op.Key)
	}
	if err != nil {
		return op, err
	}
	if len(s.Unset) > 0 && !s.Code.fieldwise() {
		return op, errors.New("only put and define unset fields")
	}
	op.Fields = make([]Arg, 0, len(s.Fields)+len(s.Unset))
	for _, f := range s.Fields {
		op.Fields = append(op.Fields, Arg{Name: f.Name, Value: f.Enc})
	}
	for _, name := range s.Unset {
		op.Fields = append(op.Fields, Arg{Name: name, Value: value.AppendAbsent(nil)})
	}
	slices.SortFunc(op.Fields, func(a, b Arg) int { return strings.Compare(a.Name, b.Name) })
	return op, nil
}

// see fills in what the author sees in the view.
func (op *Op) see(view contract.View) error {
	exists, err := view.Exists(op.Key)
	if err != nil {
		return err
	}
	switch {
	case op.Code == Insert && exists:
		return ErrRowExists
	case op.Code == Replace && !exists:
		op.Code = Insert
		return nil
	case op.Code == Del && !exists, op.Code == Remove && !exists && op.Flags&Create == 0:
		return ErrNoRow
	case op.Code.delta() && !exists:
		op.Flags |= Create
		return nil
	case op.Code == Replace, op.Code == Del:
		row, _, err := view.Row(op.Key)
		op.RowSeen = versionOf(row)
		return err
	case !op.Code.fieldwise() || !exists:
		return nil
	}
	op.SawRow = true
	for i := range op.Fields {
		arg := &op.Fields[i]
		current, _, err := view.Field(op.Key, arg.Name)
		if err != nil {
			return err
		}
		arg.Seen = found(current)
	}
	return nil
}

// Author makes payloads for one author. It reuses its memory and is not safe for concurrent
// use.
type Author struct {
	builder *Builder
	runner  Runner
}

// NewAuthor returns an author of payloads that refer to names.
func NewAuthor(names Namer) *Author { return &Author{builder: NewBuilder(names)} }

// AppendPayload appends the payload of one transaction that does specs in order, each seen
// on top of the ones before it on the view, which is not confined. It fails, besides as
// Draft and Builder.Add do, with a *RefusedError.
func (a *Author) AppendPayload(dst []byte, view contract.View, specs []Spec) ([]byte, error) {
	a.builder.Reset()
	r := &a.runner
	r.base.View = view
	r.overlay.reset(&r.base)
	r.steps.Reset()
	for i := range specs {
		op, err := Draft(&r.overlay, &specs[i])
		if err == nil {
			err = a.builder.Add(&op)
		}
		if err == nil {
			err = a.try(&op, i)
		}
		if err != nil && len(specs) > 1 {
			err = fmt.Errorf("operation %d: %w", i+1, err)
		}
		if err != nil {
			return dst, err
		}
	}
	if a.builder.Count() == 0 {
		return dst, errors.New("transaction without operations")
	}
	return a.builder.AppendPayload(dst), nil
}

// try runs an operation on top of the ones before it.
func (a *Author) try(op *Op, i int) error {
	fail, err := a.runner.step(op, &a.runner.overlay, strict, &a.runner.steps)
	if err != nil {
		return err
	}
	if fail.failed() {
		return &RefusedError{Reason: fail.reason, Op: i, Code: op.Code, Table: op.Table, Field: fail.field}
	}
	return a.runner.absorb(i)
}

// DiffRows returns the operation that makes the row new of the row old, as an author who
// sees old states it, and false if they are equal. It is a del if new is nil, and otherwise
// a put of the fields that differ, which of a new row are all: so two authors who add the
// same row with other fields do not conflict. The operation's memory is its own but for
// tuple and the values of new.
func DiffRows(table string, tuple, old, new []byte) (Op, bool) {
	op := Op{Code: Put, Table: table, Tuple: tuple, SawRow: true}
	op.Key = key.RowFromEncoded(table, tuple)
	switch {
	case old == nil && new == nil, old != nil && bytes.Equal(old, new):
		return Op{}, false
	case old == nil:
		op.SawRow = false
		for name, v := range Fields(new) {
			op.Fields = append(op.Fields, Arg{Name: string(name), Value: v})
		}
		return op, true
	case new == nil:
		op.Code, op.SawRow = Del, false
		op.RowSeen = versionOf(old)
		return op, true
	}
	a, b := cursorOf(old), cursorOf(new)
	inA, inB := a.next(), b.next()
	for inA || inB {
		order := -1
		switch {
		case inA && inB:
			order = bytes.Compare(a.name, b.name)
		case inB:
			order = 1
		}
		switch {
		case order < 0:
			op.Fields = append(op.Fields, Arg{Name: string(a.name), Value: value.AppendAbsent(nil), Seen: found(a.value)})
		case order > 0:
			op.Fields = append(op.Fields, Arg{Name: string(b.name), Value: b.value})
		case !bytes.Equal(a.value, b.value):
			op.Fields = append(op.Fields, Arg{Name: string(b.name), Value: b.value, Seen: found(a.value)})
		}
		if order <= 0 {
			inA = a.next()
		}
		if order >= 0 {
			inB = b.next()
		}
	}
	return op, true
}
