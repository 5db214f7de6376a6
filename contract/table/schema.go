package table

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"aergo/contract/value"
	"aergo/repo/object"
	"aergo/repo/state/key"
)

// A table's schema is a row of its own, so that schemas merge field by field. Its field
// "key" is the list of the key columns' names, and for each column the field "col." + name
// is the list [type's name, position]. A column of the key may have such a field too.
const (
	schemaKeyField   = "key"
	schemaColumnMark = "col."
)

// Column is one column of a schema.
type Column struct {
	Name     string
	Type     value.Type
	Position uint64 // where it stands in exports; ties by name
}

// Schema is what a table's rows must look like. The zero Schema, like one without columns,
// lets rows have any fields.
type Schema struct {
	// Key names the columns of the row key, in order; none says nothing about it.
	Key []string
	// Columns are in the order of Position, those of the key included.
	Columns []Column

	byName map[string]columnUse
}

type columnUse struct {
	typ   value.Type
	inKey bool
}

// Fields returns the fields of the schema row that says s, ascending by name.
func (s *Schema) Fields() []value.Field {
	var names [][]byte
	for _, k := range s.Key {
		names = append(names, value.AppendText(nil, k))
	}
	var fields []value.Field
	if len(names) > 0 {
		fields = append(fields, value.Field{Name: schemaKeyField, Enc: value.AppendList(nil, names...)})
	}
	for _, c := range s.Columns {
		cell := value.AppendList(nil, value.AppendText(nil, c.Type.String()), value.AppendUint(nil, c.Position))
		fields = append(fields, value.Field{Name: schemaColumnMark + c.Name, Enc: cell})
	}
	slices.SortFunc(fields, func(a, b value.Field) int { return strings.Compare(a.Name, b.Name) })
	return fields
}

// ParseSchema reads a schema row. It fails if the row has a cell that no define can have
// made.
func ParseSchema(row []byte) (*Schema, error) {
	s := &Schema{}
	for name, v := range Fields(row) {
		field := string(name)
		if field == schemaKeyField {
			s.Key, _ = keyColumns(v)
		}
		column, ok := parseCell(field, v)
		if !ok {
			return nil, fmt.Errorf("schema field %q: %w", field, object.ErrMalformed)
		}
		if column.Name != "" {
			s.Columns = append(s.Columns, column)
		}
	}
	s.index()
	slices.SortStableFunc(s.Columns, func(a, b Column) int {
		if a.Position != b.Position {
			if a.Position < b.Position {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return s, nil
}

// index makes the columns findable by name.
func (s *Schema) index() {
	s.byName = make(map[string]columnUse, len(s.Columns))
	for _, c := range s.Columns {
		s.byName[c.Name] = columnUse{typ: c.Type}
	}
	for _, k := range s.Key {
		use := s.byName[k]
		use.inKey = true
		s.byName[k] = use
	}
}

// UnmarshalJSON implements json.Unmarshaler: what encoding/json makes of a Schema is read
// back as one that works.
func (s *Schema) UnmarshalJSON(data []byte) error {
	type plain Schema
	var p plain
	if err := json.Unmarshal(data, &p); err != nil {
		return err
	}
	*s = Schema(p)
	s.index()
	return nil
}

// parseCell reads a field of a schema row: a column, or the key, which has no column name.
func parseCell(field string, v []byte) (Column, bool) {
	if field == schemaKeyField {
		_, ok := keyColumns(v)
		return Column{}, ok
	}
	name, ok := strings.CutPrefix(field, schemaColumnMark)
	if !ok || value.CheckName(name) != nil {
		return Column{}, false
	}
	cell := slices.Collect(value.Elements(v))
	if len(cell) != 2 {
		return Column{}, false
	}
	word, isText := value.AsText(cell[0])
	position, isUint := value.AsUint(cell[1])
	typ, err := value.ParseType(string(word))
	return Column{Name: name, Type: typ, Position: position}, isText && isUint && err == nil
}

// keyColumns reads the list of the key's columns, at least one and none twice.
func keyColumns(v []byte) ([]string, bool) {
	var names []string
	for e := range value.Elements(v) {
		name, ok := value.AsText(e)
		if !ok || value.CheckName(string(name)) != nil || slices.Contains(names, string(name)) {
			return nil, false
		}
		names = append(names, string(name))
		if len(names) > maxKeyColumns {
			return nil, false
		}
	}
	return names, len(names) > 0
}

// maxKeyColumns bounds the columns of a key; each takes a byte of it at least.
const maxKeyColumns = 64

// reasonOf says why a field of a put may not hold v, or ReasonNone. An absent v unsets it.
func (s *Schema) reasonOf(name string, v []byte) object.Reason {
	if s == nil || len(s.Columns) == 0 {
		return object.ReasonNone
	}
	use, ok := s.byName[name]
	switch {
	case value.Absent(v):
		return object.ReasonNone
	case !ok || use.inKey:
		return object.ReasonNoColumn
	case !use.typ.Fits(v):
		return object.ReasonType
	}
	return object.ReasonNone
}

// reasonOfElement is reasonOf for an element that joins or leaves the list in a field.
func (s *Schema) reasonOfElement(name string) object.Reason {
	if s == nil || len(s.Columns) == 0 {
		return object.ReasonNone
	}
	use, ok := s.byName[name]
	switch {
	case !ok || use.inKey:
		return object.ReasonNoColumn
	case use.typ != value.TypeList && use.typ != value.TypeAny:
		return object.ReasonType
	}
	return object.ReasonNone
}

// keyFits says whether a row key has a component for each column of the key, of the type
// that ComponentType states.
func (s *Schema) keyFits(tuple []byte) bool {
	if s == nil || len(s.Key) == 0 {
		return true
	}
	comps, err := key.Decode(tuple)
	if err != nil || len(comps) != len(s.Key) {
		return false
	}
	for i, c := range comps {
		want, stated := ComponentType(s.byName[s.Key[i]].typ)
		if stated && c.Type() != want {
			return false
		}
	}
	return true
}

// ComponentType returns the type of key component that a key column of type t has, and
// whether it is fixed: an integer for integer, bytes for bytes, and text, the value's plain
// form, for the others; of type any it may be each.
func ComponentType(t value.Type) (want key.Type, stated bool) {
	switch t {
	case value.TypeAny:
		return 0, false
	case value.TypeInteger:
		return key.TypeInt, true
	case value.TypeBytes:
		return key.TypeBytes, true
	}
	return key.TypeText, true
}

// schemaCache keeps the parsed schemas of the tables that a Runner meets.
type schemaCache struct {
	byTable map[string]cachedSchema
	last    string
	lastHit cachedSchema
}

type cachedSchema struct {
	row    []byte
	schema *Schema
}

// maxCachedSchemas bounds the cache, which is emptied when it is full.
const maxCachedSchemas = 256

// parse returns the schema that a schema row says, parsing it only if it is another row
// than the table's last.
func (c *schemaCache) parse(table string, row []byte) (*Schema, error) {
	if c.last == table && bytes.Equal(c.lastHit.row, row) && c.lastHit.schema != nil {
		return c.lastHit.schema, nil
	}
	hit, ok := c.byTable[table]
	if !ok || !bytes.Equal(hit.row, row) {
		s, err := ParseSchema(row)
		if err != nil {
			return nil, fmt.Errorf("table %q: %w", table, err)
		}
		if c.byTable == nil || len(c.byTable) >= maxCachedSchemas {
			c.byTable = map[string]cachedSchema{}
		}
		hit = cachedSchema{row: bytes.Clone(row), schema: s}
		c.byTable[strings.Clone(table)] = hit
	}
	c.last, c.lastHit = table, hit
	return hit.schema, nil
}
