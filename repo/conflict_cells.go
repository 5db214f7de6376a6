package repo

import (
	"bytes"
	"slices"

	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo/object"
)

// place is where operations of a transaction and a branch disagree, and by which rule.
type place struct {
	op     int
	field  string
	reason object.Reason
}

// disagreements returns every place in which the operations of a transaction do not find
// what they ask for in the rows of a branch. Of several operations on one row the first
// counts: the others see what it leaves. They follow the rules of table.Runner.Run.
func disagreements(ops []table.Op, held func(key []byte) []byte) []place {
	var out []place
	lenient := len(ops) == 1 && ops[0].Flags&table.Exact == 0
	seen := map[string]bool{}
	for i := range ops {
		op := &ops[i]
		if seen[string(op.Key)] {
			continue
		}
		seen[string(op.Key)] = true
		for _, p := range disagreementsOf(op, held(op.Key), lenient) {
			p.op = i
			out = append(out, p)
		}
	}
	return out
}

// disagreementsOf is disagreements of one operation. lenient lets it converge, field by
// field, with what another author wrote.
func disagreementsOf(op *table.Op, row []byte, lenient bool) []place {
	exists := row != nil
	switch op.Code {
	case table.Incr, table.Append, table.Remove:
		if !exists && op.Flags&table.Create == 0 {
			return []place{{reason: object.ReasonRowMissing}}
		}
		return exactDisagreements(op, row)
	case table.Insert, table.Replace, table.Del:
		switch {
		case op.Flags&table.Force != 0:
		case op.Code == table.Insert && exists:
			return []place{{reason: object.ReasonRowExists}}
		case op.Code != table.Insert && !exists:
			return []place{{reason: object.ReasonRowGone}}
		case op.Code != table.Insert && !seesRow(op.RowSeen, row):
			return []place{{reason: object.ReasonRowChanged}}
		}
		return nil
	}
	switch {
	case op.Flags&table.Force != 0:
		return nil
	case op.SawRow && !exists:
		return []place{{reason: object.ReasonRowGone}}
	case !op.SawRow && exists && !lenient:
		return []place{{reason: object.ReasonRowExists}}
	}
	var out []place
	for i := range op.Fields {
		arg := &op.Fields[i]
		current, _ := table.Lookup(row, arg.Name)
		if !sees(arg.Seen, current) && !(lenient && sameValue(current, arg.Value)) {
			out = append(out, place{field: arg.Name, reason: object.ReasonFieldChanged})
		}
	}
	return out
}

// exactDisagreements are those of an exact append or remove.
func exactDisagreements(op *table.Op, row []byte) []place {
	if op.Code == table.Incr || op.Flags&table.Exact == 0 {
		return nil
	}
	var out []place
	for i := range op.Fields {
		arg := &op.Fields[i]
		list, _ := table.Lookup(row, arg.Name)
		if value.Contains(list, arg.Value) == (op.Code == table.Append) {
			out = append(out, place{field: arg.Name, reason: object.ReasonFieldChanged})
		}
	}
	return out
}

// sees says whether a hash names an encoded value; no hash names none.
func sees(hash, enc []byte) bool {
	if len(hash) == 0 || value.Absent(enc) {
		return len(hash) == 0 && value.Absent(enc)
	}
	h := value.Seen(enc)
	return bytes.Equal(hash, h[:])
}

// seesRow says whether a hash names a row as a whole.
func seesRow(hash, row []byte) bool {
	v := table.Version(row)
	return row != nil && bytes.Equal(hash, v[:])
}

// places returns the places in the way of a transaction, the one that decided first. With
// all unset it is that one alone.
func (d *disagreement) places(all bool) []place {
	if d.Op >= uint64(len(d.ops)) {
		return nil
	}
	first := place{op: int(d.Op), field: d.Field, reason: d.Reason}
	found := disagreements(d.ops, func(key []byte) []byte { return d.held[string(key)].row })
	at := slices.IndexFunc(found, func(p place) bool { return p.op == first.op && p.field == first.field })
	if at >= 0 {
		first = found[at] // with the rule, where the order says why it counts
		found = slices.Delete(found, at, at+1)
	}
	if !all {
		return []place{first}
	}
	return append([]place{first}, found...)
}

// cells turns places into cells, with what each side has there and without who wrote it.
func (d *disagreement) cells(places []place) error {
	for _, p := range places {
		op := &d.ops[p.op]
		comps, err := keyOf(op)
		if err != nil {
			return err
		}
		for _, field := range d.fieldsOf(op, p) {
			d.Cells = append(d.Cells, Cell{
				Op: p.op, Table: op.Table, Key: comps, Field: field, Reason: p.reason,
				Base: d.base(op, field), Ours: versionIn(d.held[string(op.Key)].row, field), Theirs: theirs(op, field),
			})
		}
	}
	return nil
}

// fieldsOf returns the fields to show for a place. Of a row that is there, and is not what
// the author saw, they are those that differ, as far as that is known; else the empty name
// stands for the row as a whole.
func (d *disagreement) fieldsOf(op *table.Op, p place) []string {
	if p.field != "" {
		return []string{p.field}
	}
	var fields []string
	ours := d.held[string(op.Key)].row
	switch {
	case p.reason == object.ReasonRowChanged && d.base(op, "").Known:
		for _, f := range fieldDifferences(table.FieldList(d.seen[string(op.Key)].row), table.FieldList(ours)) {
			fields = append(fields, f.Name)
		}
	case p.reason == object.ReasonRowExists:
		for _, arg := range op.Fields {
			if current, _ := table.Lookup(ours, arg.Name); !sameValue(current, arg.Value) {
				fields = append(fields, arg.Name)
			}
		}
	}
	if len(fields) == 0 {
		return []string{""}
	}
	return fields
}

// versionIn returns what a row that is known holds, in a field or as a whole.
func versionIn(row []byte, field string) Version {
	v := Version{Known: true, Exists: row != nil}
	if field == "" {
		v.Fields = table.FieldList(row)
		return v
	}
	v.Value, v.Exists = table.Lookup(row, field)
	return v
}

// theirs returns what an operation wants in a field, or in the row as a whole.
func theirs(op *table.Op, field string) Version {
	v := Version{Known: true, Exists: op.Code != table.Del}
	if op.Code == table.Incr || op.Code == table.Append || op.Code == table.Remove {
		v.Delta = op.Code
	}
	if field == "" {
		for _, arg := range op.Fields {
			if !value.Absent(arg.Value) {
				v.Fields = append(v.Fields, value.Field{Name: arg.Name, Enc: arg.Value})
			}
		}
		return v
	}
	for _, arg := range op.Fields {
		if arg.Name == field {
			v.Value, v.Exists = arg.Value, !value.Absent(arg.Value)
			return v
		}
	}
	v.Exists = false // the row goes, or becomes one without the field
	return v
}

// base returns what an operation's author saw in a field, or of the row as a whole, before
// the transaction, if what is here is what the operation names.
func (d *disagreement) base(op *table.Op, field string) Version {
	held := d.seen[string(op.Key)]
	if held == nil {
		return Version{}
	}
	v := versionIn(held.row, field)
	fieldwise := op.Code == table.Put || op.Code == table.Define
	switch first := &d.ops[d.first[string(op.Key)]]; {
	case first != op:
		// It names what the transaction itself made of the row; that began with what first names.
		v.Known = sawIn(first, held.row)
	case op.Flags&table.Force != 0, !fieldwise && op.Code != table.Insert && op.Code != table.Replace && op.Code != table.Del:
		// It names nothing: the author saw what was there.
	case op.Code == table.Insert, fieldwise && !op.SawRow:
		return versionIn(nil, field)
	case !fieldwise:
		v.Known = held.row != nil && seesRow(op.RowSeen, held.row)
	case field == "":
		v.Known = held.row != nil
	default:
		v.Known = sees(seenOf(op, field), v.Value)
	}
	if !v.Known {
		return Version{}
	}
	return v
}

// seenOf returns the hash of what the author saw in a field.
func seenOf(op *table.Op, field string) []byte {
	for i := range op.Fields {
		if op.Fields[i].Name == field {
			return op.Fields[i].Seen
		}
	}
	return nil
}
