package table

import (
	"bytes"

	"aergo/contract"
	"aergo/contract/value"
	"aergo/repo/object"
)

// source is what a step reads: the view, or the overlay of the steps before it.
type source interface {
	contract.View
	// kind returns the kind of a field's value, KindAbsent if there is none.
	kind(key []byte, name string) (value.Kind, error)
	// contains says whether the list in a field has an element.
	contains(key []byte, name string, element []byte) (bool, error)
}

// step checks one operation and, unless it fails, appends its effect to out. In mode
// converge it sets the verdict to no-op, without an effect, if all holds already.
func (r *Runner) step(op *Op, src source, m mode, out *contract.Outcome) (failure, error) {
	if op.Code == Define {
		return r.stepFieldwise(op, nil, src, m, out)
	}
	schema, err := r.schema(op, src)
	if err != nil {
		return failure{}, err
	}
	if !schema.keyFits(op.Tuple) {
		return failure{reason: object.ReasonBadKey}, nil
	}
	switch {
	case op.Code.wholeRow():
		return r.stepWholeRow(op, schema, src, m, out)
	case op.Code.delta():
		return stepDelta(op, schema, src, out)
	}
	return r.stepFieldwise(op, schema, src, m, out)
}

func (r *Runner) stepFieldwise(op *Op, schema *Schema, src source, m mode, out *contract.Outcome) (failure, error) {
	guarded := m != forced && op.Flags&Force == 0
	exists := false
	if guarded {
		var err error
		if exists, err = src.Exists(op.Key); err != nil {
			return failure{}, err
		}
	}
	converged := guarded && exists && !op.SawRow // as far as existence goes
	switch {
	case guarded && op.SawRow && !exists:
		return failure{reason: object.ReasonRowGone, precondition: true}, nil
	case converged && m == strict:
		fail := failure{reason: object.ReasonRowExists, precondition: true}
		return r.insertResolved(op, schema, src, &fail, out)
	}
	held := exists
	var resolved []resolvedArg
	for i := range op.Fields {
		arg := &op.Fields[i]
		if reason := reasonOfArg(op, schema, arg); reason != object.ReasonNone {
			return failure{reason: reason, field: arg.Name}, nil
		}
		if !guarded {
			continue
		}
		var current []byte
		if exists {
			var err error
			if current, _, err = src.Field(op.Key, arg.Name); err != nil {
				return failure{}, err
			}
		}
		equal := same(current, arg.Value)
		held = held && equal
		if seenMatches(arg.Seen, current) {
			continue
		}
		if m == strict || !equal {
			fail := failure{reason: object.ReasonFieldChanged, field: arg.Name, found: found(current), precondition: true}
			enc, fail, err := r.resolve(op, schema, arg, src, fail)
			if err != nil || fail.failed() {
				return fail, err
			}
			resolved = append(resolved, resolvedArg{i, enc})
			held = false
			continue
		}
		converged = true
	}
	if converged && held {
		out.Verdict = object.VerdictNoop
		return failure{}, nil
	}
	e := out.Add(op.Key, contract.EffectFields)
	e.Ensure = m == forced || !op.SawRow
	for i := range op.Fields {
		enc := op.Fields[i].Value
		if len(resolved) > 0 && resolved[0].index == i {
			enc, resolved = resolved[0].value, resolved[1:]
		}
		addField(e, op.Fields[i].Name, enc)
	}
	return failure{}, nil
}

// addField adds the effect that sets a field to a value, or takes it away.
func addField(e *contract.Effect, name string, enc []byte) {
	if value.Absent(enc) {
		e.Fields = append(e.Fields, contract.FieldEffect{Name: name, Kind: contract.FieldUnset})
	} else {
		e.Fields = append(e.Fields, contract.FieldEffect{Name: name, Kind: contract.FieldSet, Value: enc})
	}
}

// reasonOfArg says why a field may not hold the value that op sets it to, or ReasonNone.
func reasonOfArg(op *Op, schema *Schema, arg *Arg) object.Reason {
	if op.Code != Define {
		return schema.reasonOf(arg.Name, arg.Value)
	}
	if !value.Absent(arg.Value) {
		if _, ok := parseCell(arg.Name, arg.Value); !ok {
			return object.ReasonType
		}
	}
	return object.ReasonNone
}

func (r *Runner) stepWholeRow(op *Op, schema *Schema, src source, m mode, out *contract.Outcome) (failure, error) {
	if m != forced && op.Flags&Force == 0 {
		row, exists, err := src.Row(op.Key)
		if err != nil {
			return failure{}, err
		}
		fail := failure{precondition: true}
		switch {
		case op.Code == Insert && exists:
			fail.reason = object.ReasonRowExists
		case op.Code != Insert && !exists:
			fail.reason = object.ReasonRowGone
		case op.Code != Insert && !bytes.Equal(op.RowSeen, versionOf(row)):
			fail.reason = object.ReasonRowChanged
		}
		if fail.failed() {
			if exists {
				fail.found = versionOf(row)
			}
			if op.Code == Insert {
				return r.insertResolved(op, schema, src, &fail, out)
			}
			return fail, nil
		}
	}
	if op.Code == Del {
		out.Add(op.Key, contract.EffectDelete)
		return failure{}, nil
	}
	for i := range op.Fields {
		arg := &op.Fields[i]
		if reason := schema.reasonOf(arg.Name, arg.Value); reason != object.ReasonNone {
			return failure{reason: reason, field: arg.Name}, nil
		}
	}
	from := len(out.Memory)
	out.Memory = object.AppendArray(out.Memory, 2*len(op.Fields))
	for i := range op.Fields {
		out.Memory = append(op.Fields[i].appendName(out.Memory), op.Fields[i].Value...)
	}
	out.Add(op.Key, contract.EffectPut).Row = out.Memory[from:len(out.Memory):len(out.Memory)]
	return failure{}, nil
}

func stepDelta(op *Op, schema *Schema, src source, out *contract.Outcome) (failure, error) {
	create := op.Flags&Create != 0
	if !create {
		exists, err := src.Exists(op.Key)
		if err != nil {
			return failure{}, err
		}
		if !exists {
			return failure{reason: object.ReasonRowMissing}, nil
		}
	}
	for i := range op.Fields {
		if fail, err := checkDelta(op, schema, src, &op.Fields[i]); err != nil || fail.failed() {
			return fail, err
		}
	}
	kind := contract.FieldIncr
	switch op.Code {
	case Append:
		kind = contract.FieldAdd
	case Remove:
		kind = contract.FieldRemove
	}
	e := out.Add(op.Key, contract.EffectFields)
	e.Ensure = create
	for i := range op.Fields {
		arg := &op.Fields[i]
		e.Fields = append(e.Fields, contract.FieldEffect{Name: arg.Name, Kind: kind, Value: arg.Value})
	}
	return failure{}, nil
}

// checkDelta uses nothing of the field but what no delta that runs beside it can change:
// whether it holds a number, a list or neither, and whether an element is in it.
func checkDelta(op *Op, schema *Schema, src source, arg *Arg) (failure, error) {
	kind, err := src.kind(op.Key, arg.Name)
	if err != nil {
		return failure{}, err
	}
	fail := failure{field: arg.Name}
	if op.Code == Incr {
		fail.reason = schema.reasonOf(arg.Name, arg.Value)
		number := kind == value.KindAbsent || kind == value.KindInteger || kind == value.KindDecimal
		if fail.reason == object.ReasonNone && (!number || !value.IsNumber(arg.Value)) {
			fail.reason = object.ReasonType
		}
		return fail, nil
	}
	fail.reason = schema.reasonOfElement(arg.Name)
	if fail.reason == object.ReasonNone && kind != value.KindAbsent && kind != value.KindList {
		fail.reason = object.ReasonType
	}
	if fail.failed() || op.Flags&Exact == 0 {
		return fail, nil
	}
	present, err := src.contains(op.Key, arg.Name, arg.Value)
	if err == nil && present == (op.Code == Append) {
		fail.reason = object.ReasonFieldChanged
		if present {
			fail.found = found(arg.Value)
		}
	}
	return fail, err
}

// versionOf is Version as a slice.
func versionOf(row []byte) []byte {
	h := Version(row)
	return h[:]
}

// found returns the hash of a value that stands in the way, nil if nothing does.
func found(enc []byte) []byte {
	if value.Absent(enc) {
		return nil
	}
	h := value.Seen(enc)
	return bytes.Clone(h[:])
}
