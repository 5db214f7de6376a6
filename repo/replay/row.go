package replay

import (
	"bytes"
	"slices"
	"strings"

	"aergo/contract/table"
	"aergo/contract/table/format"
	"aergo/contract/value"
	"aergo/repo"
	rowkey "aergo/repo/state/key"
)

// Key is a row's key.
type Key []rowkey.Component

func textKey(words []string) Key {
	k := make(Key, len(words))
	for i, w := range words {
		k[i] = rowkey.Text(w)
	}
	return k
}

// String writes the key as ParseKey reads it, whatever is in it.
func (k Key) String() string {
	if len(k) == 1 {
		return "[" + string(format.AppendKeyJSON(nil, k)) + "]"
	}
	return string(format.AppendKeyJSON(nil, k))
}

// Row is what a key stands for: a row, or none.
type Row struct {
	Key    Key
	Exists bool
	Fields []value.Field // ascending by name; none if the row does not exist
}

func (r *Row) equal(o *Row) bool {
	return r.Exists == o.Exists && slices.EqualFunc(r.Fields, o.Fields, func(a, b value.Field) bool {
		return a.Name == b.Name && bytes.Equal(a.Enc, b.Enc)
	})
}

// field returns a field's encoded value, nil if there is none.
func (r *Row) field(name string) []byte {
	at, ok := slices.BinarySearchFunc(r.Fields, name, func(f value.Field, name string) int { return strings.Compare(f.Name, name) })
	if !ok {
		return nil
	}
	return r.Fields[at].Enc
}

func sortFields(fields []value.Field) {
	slices.SortFunc(fields, func(a, b value.Field) int { return strings.Compare(a.Name, b.Name) })
}

// appendCanonical appends the row as a JSON object: its members, those of the key among
// them, sorted, without spaces.
func (t *Table) appendCanonical(dst []byte, r *Row) []byte {
	fields := slices.Clone(r.Fields)
	for i, name := range t.Key {
		word, _ := r.Key[i].Text()
		if word == "" && t.Format == "json" {
			continue // the object had no such member
		}
		fields = append(fields, value.Field{Name: value.JoinPath(name), Enc: value.AppendText(nil, word)})
	}
	sortFields(fields)
	return value.AppendJSONObject(dst, fields)
}

// step returns the operation that makes of the row before the row after, with only the
// fields that differ, and false if they are equal.
func (t *Table) step(before, after *Row) (table.Spec, bool) {
	s := table.Spec{Code: table.Put, Table: t.Name, Key: after.Key}
	if before.equal(after) {
		return s, false
	}
	if !after.Exists {
		s.Code = table.Del
		return s, true
	}
	for _, f := range after.Fields {
		if !bytes.Equal(before.field(f.Name), f.Enc) {
			s.Fields = append(s.Fields, f)
		}
	}
	for _, f := range before.Fields {
		if after.field(f.Name) == nil {
			s.Unset = append(s.Unset, f.Name)
		}
	}
	return s, true
}

// decodeRow reads what the door's Rows gives.
func decodeRow(r repo.Row) (Row, error) {
	k, err := rowkey.Decode(r.Tuple)
	return Row{Key: k, Exists: true, Fields: table.FieldList(r.Data)}, err
}
