package oracle

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// Value is what a field holds, as JSON; the empty Value is no value at all.
type Value string

// Absent is the value of a field that is not there.
const Absent Value = ""

// Integer returns the value of a number.
func Integer(n int) Value { return Value(strconv.Itoa(n)) }

// number returns the number that v is, and whether it is one.
func (v Value) number() (int, bool) {
	n, err := strconv.Atoi(string(v))
	return n, err == nil
}

// elements returns the texts in the list that v is, and whether it is one. A field that is
// not there is a list without elements.
func (v Value) elements() ([]string, bool) {
	if v == Absent {
		return nil, true
	}
	var list []string
	if v[0] != '[' || json.Unmarshal([]byte(v), &list) != nil {
		return nil, false
	}
	return list, true
}

// element returns the text that v is.
func (v Value) element() string {
	var s string
	_ = json.Unmarshal([]byte(v), &s) // what is no text is taken for the empty one
	return s
}

// set returns the list of elements, ascending and each once.
func set(elements []string) Value {
	elements = slices.Sorted(slices.Values(elements))
	out, _ := json.Marshal(append([]string{}, slices.Compact(elements)...)) // texts always encode
	return Value(out)
}

// Row is the fields of a row by name. The nil Row is no row; a row may have no fields.
type Row map[string]Value

// with returns the row, made if there is none, with one field set or taken away.
func (r Row) with(name string, v Value) Row {
	out := Row{}
	maps.Copy(out, r)
	if v == Absent {
		delete(out, name)
	} else {
		out[name] = v
	}
	return out
}

// equal says whether two rows are the same. No row equals no row only.
func (r Row) equal(other Row) bool {
	return (r == nil) == (other == nil) && maps.Equal(r, other)
}

// State is every row by its key.
type State map[string]Row

// clone returns a copy. Rows are never changed, so the copy may share them.
func (s State) clone() State { return maps.Clone(s) }

// Equal says whether two states have the same rows.
func (s State) Equal(other State) bool {
	return maps.EqualFunc(s, other, Row.equal)
}

// put sets or takes away a row.
func (s State) put(key string, r Row) {
	if r == nil {
		delete(s, key)
	} else {
		s[key] = r
	}
}

// names returns the names of fields in order.
func names(fields map[string]Value) []string { return slices.Sorted(maps.Keys(fields)) }
