package table

import (
	"bytes"
	"fmt"

	"aergo/contract/value"
	"aergo/repo/object"
	"aergo/repo/state/key"
)

// The payload of a transaction is an array of 1 to MaxOps operations, each an array
//
//	[code, flags, table, key, [field, ...], [value, ...], seen]
//
// table and field are indices into the chunk's dictionary; key is the encoded row key, empty
// with define; fields ascend strictly by name, and there are as many values. seen is
//
//	put, define        [] with force, [0] if the author saw no row, else [1, hash, ...] with
//	                   16 bytes for each field, none for one that was absent
//	replace, del       [] with force, else [version] of 16 bytes
//	others             []

// Decoder reads payloads into operations. It reuses its memory and is not safe for
// concurrent use.
type Decoder struct {
	dict *Dict
	ops  []Op
	args []Arg
	keys []byte
}

// NewDecoder returns a decoder of payloads that refer to dict.
func NewDecoder(dict *Dict) *Decoder { return &Decoder{dict: dict} }

// Reset makes d decode payloads that refer to dict. Operations decoded before are no longer
// valid.
func (d *Decoder) Reset(dict *Dict) { d.dict = dict }

// Decode returns the operations of a payload, valid until the next Decode or Reset. Values,
// row keys and hashes are slices of payload; state keys are not. What it accepts, a Builder
// encodes to the same bytes. Errors wrap object.ErrMalformed.
func (d *Decoder) Decode(payload []byte) ([]Op, error) {
	d.ops, d.args, d.keys = d.ops[:0], d.args[:0], d.keys[:0]
	r := object.ReaderOf(payload)
	n := r.Array(MaxOps)
	if n == 0 {
		r.Fail("transaction without operations")
	}
	for i := 0; i < n && r.Err() == nil; i++ {
		d.ops = append(d.ops, Op{})
		d.op(&r, &d.ops[i])
	}
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("operation %d: %w", max(len(d.ops)-1, 0), err)
	}
	return d.ops, nil
}

func (d *Decoder) op(r *object.Reader, op *Op) {
	r.ArrayOf(7)
	op.Code = Code(r.UintMax(codeCount - 1))
	op.Flags = Flags(r.UintMax(uint64(Create | Exact | Force)))
	if r.Err() == nil && !flagsFit(op.Code, op.Flags) {
		r.Fail("%v with flags %d", op.Code, op.Flags)
	}
	table := d.name(r)
	op.Tuple = r.Bytes(MaxTupleBytes)
	if r.Err() != nil {
		return
	}
	if table.asTable != nil {
		r.Fail("%v", table.asTable)
		return
	}
	op.Table, op.table = table.name, table
	if op.Code == Define {
		op.Key = table.schema
		if len(op.Tuple) != 0 {
			r.Fail("define with a key")
		}
	} else {
		d.rowKey(r, op, table)
	}
	d.fields(r, op)
	d.seen(r, op)
}

// flagsFit says whether an operation may have these flags.
func flagsFit(c Code, f Flags) bool {
	if c.delta() {
		return f&Force == 0
	}
	return f&Create == 0 && f != Exact|Force
}

func (d *Decoder) name(r *object.Reader) *entry {
	i := r.Uint()
	if r.Err() == nil && i >= uint64(len(d.dict.entries)) {
		r.Fail("name %d is not in the dictionary of %d", i, len(d.dict.entries))
	}
	if r.Err() != nil {
		return nil
	}
	return &d.dict.entries[i]
}

func (d *Decoder) rowKey(r *object.Reader, op *Op, table *entry) {
	if err := checkTuple(op.Tuple); err != nil {
		r.Fail("%v", err)
		return
	}
	from := len(d.keys)
	d.keys = append(append(d.keys, table.prefix...), op.Tuple...)
	op.Key = d.keys[from:len(d.keys):len(d.keys)]
}

// checkTuple says whether tuple is the key of a row. Most keys are one text or one small
// integer, which it recognises without decoding: the tags are those of package key.
func checkTuple(tuple []byte) error {
	const tagText, tagZero, maxInt = 0x02, 0x14, 8
	if len(tuple) == 0 {
		return fmt.Errorf("row key has no components")
	}
	if tuple[0] == tagText && isASCIIUntilEnd(tuple[1:]) {
		return nil
	}
	if n := int(tuple[0]) - tagZero; n >= 0 && n <= maxInt && len(tuple) == 1+n && (n == 0 || tuple[1] != 0) {
		return nil
	}
	_, err := key.Decode(tuple)
	return err
}

// isASCIIUntilEnd says whether b is ASCII without NUL, then NUL.
func isASCIIUntilEnd(b []byte) bool {
	if len(b) == 0 || b[len(b)-1] != 0 {
		return false
	}
	for _, c := range b[:len(b)-1] {
		if c-1 >= 0x7f {
			return false
		}
	}
	return true
}

func (d *Decoder) fields(r *object.Reader, op *Op) {
	n := r.Array(MaxFields)
	if r.Err() != nil {
		return
	}
	switch {
	case op.Code == Del && n > 0:
		r.Fail("del with fields")
	case op.Code.delta() && n == 0:
		r.Fail("%v without fields", op.Code)
	}
	from := len(d.args)
	for i := 0; i < n && r.Err() == nil; i++ {
		e := d.name(r)
		if e == nil {
			return
		}
		if e.asField != nil {
			r.Fail("%v", e.asField)
		}
		if i > 0 && d.args[from+i-1].Name >= e.name {
			r.Fail("fields do not ascend")
		}
		d.args = append(d.args, Arg{Name: e.name, entry: e})
	}
	r.ArrayOf(n)
	if r.Err() != nil {
		return
	}
	op.Fields = d.args[from : from+n : from+n]
	sizeBytes := object.HeadSize(uint64(2 * n))
	for i := 0; i < n && r.Err() == nil; i++ {
		arg := &op.Fields[i]
		arg.Value = readValue(r, op.Code)
		sizeBytes += len(arg.entry.text) + len(arg.Value)
	}
	if sizeBytes > MaxRowBytes {
		r.Fail("row of %d bytes is above the limit of %d", sizeBytes, MaxRowBytes)
	}
}

// readValue reads a value in its place in an operation.
func readValue(r *object.Reader, c Code) []byte {
	if c == Append || c == Remove {
		return value.ReadElement(r)
	}
	v := value.ReadOperand(r)
	if r.Err() == nil && !c.fieldwise() && value.Absent(v) {
		r.Fail("absent value in %v", c)
	}
	return v
}

func (d *Decoder) seen(r *object.Reader, op *Op) {
	n := r.Array(1 + len(op.Fields))
	if r.Err() != nil {
		return
	}
	want := 0
	switch {
	case op.Flags&Force != 0:
	case op.Code.fieldwise() && n > 0:
		op.SawRow = r.UintMax(1) == 1
		want = 1
		if op.SawRow {
			want += len(op.Fields)
		}
	case op.Code.fieldwise(), op.Code == Replace, op.Code == Del:
		want = 1
	}
	if r.Err() == nil && n != want {
		r.Fail("%d hashes seen, want %d", n, want)
	}
	if r.Err() != nil {
		return
	}
	if want > 0 && op.Code.wholeRow() {
		op.RowSeen = readSeen(r, false)
	}
	if op.SawRow {
		for i := range op.Fields {
			op.Fields[i].Seen = readSeen(r, true)
		}
	}
}

func readSeen(r *object.Reader, mayBeEmpty bool) []byte {
	h := r.Bytes(value.HashSize)
	if r.Err() == nil && len(h) != value.HashSize && !(mayBeEmpty && len(h) == 0) {
		r.Fail("hash seen of %d bytes", len(h))
	}
	if len(h) == 0 {
		return nil
	}
	return h
}

// seenMatches says whether a field holds what the author saw.
func seenMatches(seen, current []byte) bool {
	if value.Absent(current) || len(seen) == 0 {
		return value.Absent(current) && len(seen) == 0
	}
	h := value.Seen(current)
	return bytes.Equal(seen, h[:])
}
