package table

import (
	"fmt"
	"maps"
	"slices"

	"aergo/contract"
	"aergo/contract/value"
)

// overlay is a view with the effects of earlier operations of one transaction on top. It
// gathers them, so that a transaction has one effect for each row.
type overlay struct {
	base  *base
	rows  map[string]*pendingRow
	order []*pendingRow // as they were first touched
}

// pendingRow is what a transaction has done to one row so far.
type pendingRow struct {
	key []byte
	// whole says that fields are all the fields of the row, or, if gone, that there is
	// none; otherwise they lie on top of the row below.
	whole, gone bool
	ensure      bool
	fields      map[string]*pendingField
	op          uint64
	row         []byte // what Row returned last; nil if it changed since
}

// pendingField is a field effect, or a Set whose value elements have yet to change.
type pendingField struct {
	kind     contract.FieldEffectKind // Add if there are only elements
	value    []byte
	elements map[string]elementChange
}

// elementChange is what became of an element: it is added, removed, or first added and then
// removed, which leaves a list where none was.
type elementChange struct{ added, removed bool }

func (o *overlay) reset(b *base) {
	o.base = b
	if o.rows == nil {
		o.rows = map[string]*pendingRow{}
	}
	clear(o.rows)
	o.order = o.order[:0]
}

// Exists is part of contract.View.
func (o *overlay) Exists(key []byte) (bool, error) {
	p := o.rows[string(key)]
	switch {
	case p == nil || !p.whole && !p.ensure:
		return o.base.Exists(key)
	case p.whole:
		return !p.gone, nil
	}
	return true, nil
}

// Field is part of contract.View.
func (o *overlay) Field(key []byte, name string) ([]byte, bool, error) {
	p := o.rows[string(key)]
	if p == nil {
		return o.base.Field(key, name)
	}
	f := p.fields[name]
	var current []byte
	if !p.whole && (f == nil || f.onTop()) {
		var err error
		if current, _, err = o.base.Field(key, name); err != nil {
			return nil, false, err
		}
	}
	if f == nil {
		return current, len(current) > 0, nil
	}
	v, ok, err := f.on(name, current)
	return v, ok, err
}

// Row is part of contract.View.
func (o *overlay) Row(key []byte) ([]byte, bool, error) {
	p := o.rows[string(key)]
	switch {
	case p == nil:
		return o.base.Row(key)
	case p.gone:
		return nil, false, nil
	case p.row != nil:
		return p.row, true, nil
	}
	var below []byte
	exists := false
	if !p.whole {
		var err error
		if below, exists, err = o.base.Row(key); err != nil {
			return nil, false, err
		}
	}
	if !p.whole && !p.ensure && !exists {
		return nil, false, nil
	}
	row, err := applyFields(nil, below, p.effects(nil))
	if err != nil {
		return nil, false, err
	}
	p.row = row
	return row, true, nil
}

func (o *overlay) kind(key []byte, name string) (value.Kind, error) {
	p := o.rows[string(key)]
	if p == nil {
		return o.base.kind(key, name)
	}
	f := p.fields[name]
	switch {
	case f == nil && p.whole:
		return value.KindAbsent, nil
	case f == nil:
		return o.base.kind(key, name)
	case f.kind == contract.FieldUnset:
		return value.KindAbsent, nil
	case len(f.elements) > 0:
		return value.KindList, nil
	}
	return value.KindOf(f.value), nil
}

func (o *overlay) contains(key []byte, name string, element []byte) (bool, error) {
	p := o.rows[string(key)]
	if p == nil {
		return o.base.contains(key, name, element)
	}
	f := p.fields[name]
	if f == nil {
		if p.whole {
			return false, nil
		}
		return o.base.contains(key, name, element)
	}
	if change, ok := f.elements[string(element)]; ok {
		return !change.removed, nil
	}
	if f.kind == contract.FieldAdd {
		return o.base.contains(key, name, element)
	}
	return value.Contains(f.value, element), nil
}

// absorb puts an effect on top. The overlay keeps the slices in it.
func (o *overlay) absorb(e *contract.Effect) error {
	p := o.rows[string(e.Key)]
	if p == nil {
		p = &pendingRow{key: e.Key, fields: map[string]*pendingField{}}
		o.rows[string(e.Key)] = p
		o.order = append(o.order, p)
	}
	p.op, p.row = e.Op, nil
	switch e.Kind {
	case contract.EffectPut, contract.EffectDelete:
		p.whole, p.gone = true, e.Kind == contract.EffectDelete
		clear(p.fields)
		for name, v := range Fields(e.Row) {
			p.fields[string(name)] = &pendingField{kind: contract.FieldSet, value: v}
		}
		return nil
	}
	if e.Ensure {
		p.ensure, p.gone = true, false
	}
	for i := range e.Fields {
		if err := p.absorbField(&e.Fields[i]); err != nil {
			return fmt.Errorf("field %q: %w", e.Fields[i].Name, err)
		}
	}
	return nil
}

func (p *pendingRow) absorbField(e *contract.FieldEffect) error {
	f := p.fields[e.Name]
	if f == nil {
		f = &pendingField{kind: contract.FieldAdd}
		if p.whole {
			f.kind = contract.FieldUnset
		} else if e.Kind == contract.FieldIncr {
			f.kind, f.value = contract.FieldIncr, value.AppendUint(nil, 0)
		}
		p.fields[e.Name] = f
	}
	switch e.Kind {
	case contract.FieldSet, contract.FieldUnset:
		*f = pendingField{kind: e.Kind, value: e.Value}
	case contract.FieldIncr:
		return f.incr(e.Value)
	default:
		f.change(e.Value, e.Kind == contract.FieldRemove)
	}
	return nil
}

func (f *pendingField) incr(amount []byte) error {
	if f.kind == contract.FieldUnset {
		*f = pendingField{kind: contract.FieldSet, value: amount}
		return nil
	}
	sum, err := value.Add(f.value, amount)
	f.value = sum
	return err
}

func (f *pendingField) change(element []byte, remove bool) {
	if f.kind == contract.FieldUnset {
		if remove {
			return
		}
		*f = pendingField{kind: contract.FieldSet, value: value.AppendList(nil)}
	}
	if f.elements == nil {
		f.elements = map[string]elementChange{}
	}
	had := f.elements[string(element)]
	f.elements[string(element)] = elementChange{added: had.added || !remove, removed: remove}
}

// onTop says whether the field's value depends on the one below.
func (f *pendingField) onTop() bool {
	return f.kind == contract.FieldAdd || f.kind == contract.FieldIncr
}

// on returns the field's value on top of the one below, nil if that is absent.
func (f *pendingField) on(name string, below []byte) ([]byte, bool, error) {
	return changeValue(nil, below, f.effects(name, nil))
}

// effects appends the field's effects as contract.Effect has them.
func (f *pendingField) effects(name string, dst []contract.FieldEffect) []contract.FieldEffect {
	if len(f.elements) == 0 && f.kind != contract.FieldAdd {
		return append(dst, contract.FieldEffect{Name: name, Kind: f.kind, Value: f.value})
	}
	from := len(dst)
	for _, e := range slices.Sorted(maps.Keys(f.elements)) {
		change, element := f.elements[e], []byte(e)
		if change.added {
			dst = append(dst, contract.FieldEffect{Name: name, Kind: contract.FieldAdd, Value: element})
		}
		if change.removed {
			dst = append(dst, contract.FieldEffect{Name: name, Kind: contract.FieldRemove, Value: element})
		}
	}
	if f.kind != contract.FieldAdd {
		// The list below is known, so what the elements make of it is set.
		v, _, err := changeValue(nil, f.value, dst[from:])
		if err != nil {
			v = f.value
		}
		f.value, f.elements = v, nil
		return append(dst[:from], contract.FieldEffect{Name: name, Kind: contract.FieldSet, Value: v})
	}
	return dst
}

// effects appends the effects of all fields, ascending by name.
func (p *pendingRow) effects(dst []contract.FieldEffect) []contract.FieldEffect {
	for _, name := range slices.Sorted(maps.Keys(p.fields)) {
		dst = p.fields[name].effects(name, dst)
	}
	return dst
}

// emit appends one effect for each row touched, in the order in which they were.
func (o *overlay) emit(out *contract.Outcome) error {
	for _, p := range o.order {
		switch {
		case p.gone:
			out.Add(p.key, contract.EffectDelete).Op = p.op
		case p.whole:
			from := len(out.Memory)
			row, err := applyFields(out.Memory, nil, p.effects(nil))
			if err != nil {
				return err
			}
			out.Memory = row
			e := out.Add(p.key, contract.EffectPut)
			e.Row, e.Op = row[from:len(row):len(row)], p.op
		default:
			e := out.Add(p.key, contract.EffectFields)
			e.Ensure, e.Op = p.ensure, p.op
			e.Fields = p.effects(e.Fields)
		}
	}
	return nil
}
