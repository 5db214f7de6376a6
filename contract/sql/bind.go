package sql

import (
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"aergo/contract/table"
	"aergo/contract/value"
)

// cells are the encoded values of a case's cell, nil for none.
type cells struct{ base, ours, theirs []byte }

// bind gives a statement what its rule looks at.
func (s *Session) bind(st *sqlite3.Stmt, rule *Rule) (cells, error) {
	c := s.now
	rows := [originCount][]byte{fromBase: c.Base, fromOurs: c.Ours, fromTheirs: c.Theirs}
	var own [originCount][]byte
	for o, row := range rows[:fromTheirs+1] {
		own[o], _ = table.Lookup(row, c.Field)
	}
	s.bound = s.bound[:0]
	input := 0
	for _, r := range rule.refs {
		var d datum
		switch {
		case r.origin > fromTheirs:
			d = s.circumstance(r)
		case r.column == "" || r.column == c.Field:
			d = datumOf(own[r.origin], &s.scratch)
		default:
			enc, _ := table.Lookup(rows[r.origin], r.column)
			d = datumOf(enc, &s.scratch)
		}
		if d.decimal && r.inexact >= 0 {
			return cells{}, s.resolver.errorAt(rule, r.inexact, ErrRun, "%v is %s here, and %s is for integers: use decimal_add, decimal_sub, decimal_mul, decimal_cmp, decimal_min or decimal_max", r, d.bytes, r.sign)
		}
		input += len(d.bytes)
		s.bound = append(s.bound, d)
	}
	s.lengthBytes, s.steps = allowance(input)
	s.limit(s.lengthBytes)
	for i, d := range s.bound {
		if err := bindDatum(st, i+1, d); err != nil {
			return cells{}, fmt.Errorf("sqlite: %w", err)
		}
	}
	return cells{base: own[fromBase], ours: own[fromOurs], theirs: own[fromTheirs]}, nil
}

func bindDatum(st *sqlite3.Stmt, parameter int, d datum) error {
	switch d.typ {
	case sqlite3.INTEGER:
		return st.BindInt64(parameter, d.integer)
	case sqlite3.TEXT:
		return st.BindRawText(parameter, d.bytes)
	case sqlite3.BLOB:
		return st.BindBlob(parameter, d.bytes)
	}
	return st.BindNull(parameter)
}

// circumstance returns what a rule looks at besides the rows.
func (s *Session) circumstance(r ref) datum {
	c := s.now
	text := func(t string) datum { return datum{typ: sqlite3.TEXT, bytes: []byte(t)} }
	switch r.String() {
	case "author.name":
		return text(c.Author.Name)
	case "author.key":
		return text(c.Author.Key)
	case "author.roles":
		return s.array(c.Author.Roles)
	case "cell.table_name":
		return text(c.Table)
	case "cell.row_key":
		return s.array(c.Key)
	case "cell.field":
		return text(c.Field)
	}
	return datum{typ: sqlite3.INTEGER, integer: c.TimeMillis}
}

// array returns texts as a JSON array.
func (s *Session) array(texts []string) datum {
	elements := make([][]byte, len(texts))
	for i, t := range texts {
		elements[i] = value.AppendText(nil, t)
	}
	return datum{typ: sqlite3.TEXT, bytes: value.AppendJSON(nil, value.AppendList(nil, elements...))}
}
