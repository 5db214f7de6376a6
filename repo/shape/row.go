package shape

import (
	"encoding/json"
	"slices"
	"time"

	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo"
	"aergo/repo/object"
)

// Table is a table and how many rows it has.
type Table struct {
	Table string `json:"table"`
	Rows  uint64 `json:"rows"`
}

// Schema is a table's columns and key.
type Schema struct {
	Table   string   `json:"table"`
	Key     []string `json:"key"`
	Columns []Column `json:"columns"`
}

// Column is a column of a table.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Key  bool   `json:"key"`
}

// OfSchema is the shape of a table's schema; columns of the key that it does not state may hold anything.
func OfSchema(name string, s *table.Schema) Schema {
	out := Schema{Table: name, Key: append([]string{}, s.Key...), Columns: []Column{}}
	stated := map[string]bool{}
	for _, c := range s.Columns {
		stated[c.Name] = true
		out.Columns = append(out.Columns, Column{Name: c.Name, Type: c.Type.String(), Key: slices.Contains(s.Key, c.Name)})
	}
	for _, k := range s.Key {
		if !stated[k] {
			out.Columns = append(out.Columns, Column{Name: k, Type: value.TypeAny.String(), Key: true})
		}
	}
	return out
}

// Difference is a row, or a schema, that differs between two states.
type Difference struct {
	Table  string                     `json:"table"`
	Key    json.RawMessage            `json:"key"` // null for the table's schema
	Kind   string                     `json:"kind"`
	Fields map[string]json.RawMessage `json:"fields"` // [OLD,NEW]
	// Fields of a changed row that were missing before, or are missing now: null in
	// Fields can be a value, too.
	FieldsAdded   []string `json:"fields_added,omitempty"`
	FieldsRemoved []string `json:"fields_removed,omitempty"`
}

// OfDifference is the shape of a difference.
func OfDifference(d repo.Difference) Difference {
	out := Difference{Table: d.Table, Key: Key(d.Key), Kind: string(d.Kind), Fields: map[string]json.RawMessage{}}
	for _, f := range d.Fields {
		pair := append([]byte{'['}, Value(f.Old)...)
		pair = append(append(pair, ','), Value(f.New)...)
		out.Fields[f.Name] = append(pair, ']')
		switch {
		case d.Kind != repo.Changed:
		case f.Old == nil:
			out.FieldsAdded = append(out.FieldsAdded, f.Name)
		case f.New == nil:
			out.FieldsRemoved = append(out.FieldsRemoved, f.Name)
		}
	}
	return out
}

// DiffStat counts the rows of a table that differ.
type DiffStat struct {
	Table   string `json:"table"`
	Added   uint64 `json:"added"`
	Removed uint64 `json:"removed"`
	Changed uint64 `json:"changed"`
}

// Blamed is who gave a field its value.
type Blamed struct {
	Field   string          `json:"field"`
	Value   json.RawMessage `json:"value"`
	Block   object.Hash     `json:"block"`
	Height  uint64          `json:"height"`
	Time    time.Time       `json:"time"`
	Author  string          `json:"author"`
	Batch   object.Hash     `json:"batch"`
	Message string          `json:"message"`
}

// OfBlamed is the shape of who gave a field its value.
func OfBlamed(b repo.Blamed) Blamed {
	return Blamed{
		Field: b.Field, Value: Value(b.Value), Block: b.Block, Height: b.Height, Time: b.Time, Author: b.Author.Name, Batch: b.Batch, Message: b.Note,
	}
}

// Contract is a contract as list and show tell of it.
type Contract struct {
	Name   string      `json:"name"`
	Hash   object.Hash `json:"hash"`
	Bytes  int         `json:"bytes"`
	Source string      `json:"source,omitempty"`
}

// OfContract is the shape of a contract, without its source.
func OfContract(c repo.Contract) Contract {
	return Contract{Name: c.Name, Hash: c.Hash, Bytes: len(c.Source)}
}
