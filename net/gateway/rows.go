package gateway

import (
	"encoding/hex"
	"errors"

	"aergo/contract/table"
	"aergo/contract/table/format"
	"aergo/contract/value"
	"aergo/repo"
	"aergo/repo/shape"
	rowkey "aergo/repo/state/key"
)

func (v *visit) tables() (answer, error) {
	a, at, err := v.about("at")
	if err != nil {
		return a, err
	}
	tables, err := v.repo.Tables(v.ctx, at)
	l := &list{}
	for _, t := range tables {
		err = errors.Join(err, l.add(line(shape.Table{Table: t.Name, Rows: t.Rows}), ""))
	}
	return v.answerList(a, l, err)
}

func (v *visit) schema() (answer, error) {
	name, err := v.mandatory("table")
	if err != nil {
		return answer{}, err
	}
	a, at, err := v.about("at")
	if err != nil {
		return a, err
	}
	s, err := v.schemaOf(name, at)
	if err != nil {
		return answer{}, err
	}
	a.body = encode(shape.OfSchema(name, s))
	return a, nil
}

// schemaOf returns the schema of a table that is there, an empty one if it states none.
func (v *visit) schemaOf(name, at string) (*table.Schema, error) {
	s, err := v.repo.Schema(v.ctx, name, at)
	if err != nil || s != nil {
		return s, err
	}
	// A walk of no rows says whether there is such a table.
	err = v.repo.RowsFrom(v.ctx, name, at, nil, func(repo.Row) error { return errFull })
	if err != nil && !errors.Is(err, errFull) {
		return nil, err
	}
	return &table.Schema{}, nil
}

func (v *visit) rows() (answer, error) {
	name, err := v.mandatory("table")
	if err != nil {
		return answer{}, err
	}
	a, l, at, place, err := v.listAbout("at")
	if err != nil {
		return a, err
	}
	from, err := v.startOf(name, at, place)
	if err != nil {
		return answer{}, err
	}
	err = v.repo.RowsFrom(v.ctx, name, at, from, func(row repo.Row) error {
		text, err := format.AppendRowJSON(nil, row.Tuple, row.Data)
		if err != nil {
			return err
		}
		return l.add(text, hex.EncodeToString(row.Tuple))
	})
	return v.answerList(a, l, err)
}

// startOf returns the encoded key that a walk over a table begins with: the one behind the
// place, or the one that is asked for.
func (v *visit) startOf(tableName, at, place string) ([]byte, error) {
	if place != "" {
		tuple, err := hex.DecodeString(place)
		if err != nil || len(tuple) > maxQueryBytes {
			return nil, errBadCursor
		}
		return append(tuple, 0), nil
	}
	if v.query["from"] == "" {
		return nil, nil
	}
	s, err := v.repo.Schema(v.ctx, tableName, at)
	if err != nil {
		return nil, err
	}
	comps, err := format.ParseKey(v.query["from"], keyTypes(s))
	if err != nil {
		return nil, err
	}
	return rowkey.Encode(comps...)
}

func (v *visit) row() (row repo.Row, a answer, err error) {
	name, err := v.mandatory("table")
	if err != nil {
		return row, a, err
	}
	key, err := v.mandatory("key")
	if err != nil {
		return row, a, err
	}
	a, at, err := v.about("at")
	if err != nil {
		return row, a, err
	}
	row, err = v.repo.Get(v.ctx, name, key, at)
	return row, a, err
}

func (v *visit) get() (answer, error) {
	row, a, err := v.row()
	if err != nil {
		return a, err
	}
	tuple, err := rowkey.Encode(row.Key...)
	if err != nil {
		return answer{}, err
	}
	text, err := format.AppendRowJSON(nil, tuple, row.Data)
	a.body = append(text, '\n')
	return a, err
}

func (v *visit) blame() (answer, error) {
	row, a, err := v.row()
	if err != nil {
		return a, err
	}
	_, at, err := v.at("at")
	if err != nil {
		return answer{}, err
	}
	blamed, err := v.repo.Blame(v.ctx, row.Table, v.query["key"], at)
	l := &list{}
	for _, b := range blamed {
		err = errors.Join(err, l.add(line(shape.OfBlamed(b)), ""))
	}
	return v.answerList(a, l, err)
}

// keyTypes are the types of the columns of a table's key, none if its schema states no key.
func keyTypes(s *table.Schema) []value.Type {
	if s == nil {
		return nil
	}
	types := make([]value.Type, len(s.Key))
	for i, name := range s.Key {
		types[i] = value.TypeAny
		for _, c := range s.Columns {
			if c.Name == name {
				types[i] = c.Type
			}
		}
	}
	return types
}
