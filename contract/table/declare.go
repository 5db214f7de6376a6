package table

import (
	"aergo/contract"
	"aergo/contract/value"
	"aergo/repo/state/key"
)

// The access rules. A unit is a row's existence, a row as a whole, or a field.
//
//	every operation   Read of existence and row of the table's schema, but for define, which
//	                  is a put on them
//	put               Write of each field, Delta of the row, and of existence: Read if the
//	                  author saw the row, else Write, for it may make it
//	insert, replace,  Write of existence and of the row
//	del
//	incr, append,     Delta of each field, Delta of the row, and of existence: Read, or with
//	remove            create Delta, for making a row that is there changes nothing
//	incr              also Read of each field's type unit
//	append, remove    also Delta of each field's type unit, and Write of the element's unit:
//	                  other elements commute, equal ones are ordered
//
// The rules do not depend on the state. So a schema offers no constraint on a field but its
// type, which a delta is checked against without reading the field: the smallest value, or
// not null, would make a delta a read.

// maxNumberBytes bounds an encoded stored number: heads, scale, sign and magnitude.
const maxNumberBytes = 8 + value.StoredBits/8

// itemSlackBytes bounds the growth of the heads around a new field or element.
const itemSlackBytes = 16

// emptyRowBytes is the length of a row without fields.
const emptyRowBytes = 1

// Declare appends the units that a transaction of ops touches. It may list a unit twice.
// The keys and names are those of ops and share their lifetime.
func Declare(ops []Op, dst []contract.Access) []contract.Access {
	for i := range ops {
		op := &ops[i]
		if op.Code != Define && (i == 0 || ops[i-1].Table != op.Table || ops[i-1].Code == Define) {
			schema := op.schemaKey()
			dst = append(dst,
				contract.Access{Key: schema, Part: contract.PartExistence, Mode: contract.Read},
				contract.Access{Key: schema, Part: contract.PartRow, Mode: contract.Read})
		}
		dst = declareOp(op, dst)
	}
	return dst
}

func declareOp(op *Op, dst []contract.Access) []contract.Access {
	existence, row := contract.Write, contract.Delta
	switch {
	case op.Code.wholeRow():
		row = contract.Write
	case op.Code.delta() && op.Flags&Create != 0:
		existence = contract.Delta
	case op.Code.delta(), op.SawRow && op.Flags&Force == 0:
		existence = contract.Read
	}
	dst = append(dst, contract.Access{Key: op.Key, Part: contract.PartExistence, Mode: existence})
	at := len(dst)
	dst = append(dst, contract.Access{Key: op.Key, Part: contract.PartRow, Mode: row})
	if len(op.Fields) == 0 && existence != contract.Read {
		dst[at].GrowBytes = emptyRowBytes // with fields, their slack covers it
	}
	adds := op.Code != Put && op.Code != Incr && op.Code != Define
	for i := range op.Fields {
		arg := &op.Fields[i]
		grow := len(arg.Name) + len(arg.Value) + 2*itemSlackBytes
		if op.Code == Incr {
			grow += maxNumberBytes
		}
		if adds {
			dst[at].GrowBytes += grow
		}
		if op.Code.wholeRow() {
			continue
		}
		field := len(dst)
		dst = declareField(op, arg, dst)
		if !adds {
			dst[field].GrowBytes = grow // however often: a value takes the place of another
		}
	}
	return dst
}

func declareField(op *Op, arg *Arg, dst []contract.Access) []contract.Access {
	field := contract.Access{Key: op.Key, Part: contract.PartField, Field: arg.Name, Mode: contract.Write}
	if !op.Code.delta() {
		return append(dst, field)
	}
	field.Mode = contract.Delta
	unit := field
	unit.Field = arg.typeUnit()
	if op.Code == Incr {
		unit.Mode = contract.Read
		return append(dst, field, unit)
	}
	element := field
	h := value.Seen(arg.Value)
	element.Field = arg.Name + elementMarker + string(h[:])
	element.Mode = contract.Write
	return append(dst, field, unit, element)
}

// schemaKey returns the state key of the schema of the operation's table.
func (op *Op) schemaKey() []byte {
	if op.table != nil {
		return op.table.schema
	}
	k, err := key.Schema(op.Table)
	if err != nil {
		return nil
	}
	return k
}

// Cost units of an operation: its share for keys and schema, for each field, for each 64
// bytes of values, and for an exact append or remove, which looks through the list.
const (
	costOp     = 8
	costField  = 2
	costValue  = 1
	costSearch = 256
)

// Cost returns the deterministic cost of running ops, in units of very roughly 50 ns.
func Cost(ops []Op) uint64 {
	var units uint64
	for i := range ops {
		op := &ops[i]
		bytes := 0
		for j := range op.Fields {
			bytes += len(op.Fields[j].Value)
		}
		units += costOp + uint64(len(op.Fields))*costField + uint64(bytes/64)*costValue
		if (op.Code == Append || op.Code == Remove) && op.Flags&Exact != 0 {
			units += costSearch * uint64(len(op.Fields))
		}
	}
	return units
}
