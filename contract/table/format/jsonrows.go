package format

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo/state/key"
)

// ReadJSON reads a table from an array of objects or from JSON lines; the package comment
// tells the forms. An input without any object is a table without rows. It fails with an
// *Error where the input is not as it should be.
func ReadJSON(r io.Reader, opt Options) (*Table, error) {
	if err := checkKey(opt.Key); err != nil {
		return nil, err
	}
	s, err := newJSONSplitter(r)
	if err != nil {
		return nil, err
	}
	j := newJSONReader(opt)
	for {
		text, at, err := s.next()
		if err != nil {
			return nil, err
		}
		if text == nil {
			return j.finish(), nil
		}
		if err := j.row(text, at); err != nil {
			return nil, err
		}
	}
}

// jsonReader puts objects into a table.
type jsonReader struct {
	opt      Options
	t        *Table
	decided  bool // whether rows are exported ones is known
	exported bool
	keyTypes []value.Type // TypeAny where none is stated
	keyKinds []kindSet
	guesses  []table.ColumnGuess // of the texts in K
	columns  map[string]*kindSet // of the fields
	reader   fieldReader
	members  []member
	tuple    []byte
	body     []byte
	comps    []key.Component
}

func newJSONReader(opt Options) *jsonReader {
	n := len(opt.Key)
	j := &jsonReader{
		opt: opt, t: &Table{keys: n, bodied: true}, keyTypes: make([]value.Type, n),
		keyKinds: make([]kindSet, n), guesses: make([]table.ColumnGuess, n), columns: map[string]*kindSet{},
	}
	for i, name := range opt.Key {
		j.keyTypes[i] = opt.Types[name]
	}
	return j
}

// row keeps the row that text, which begins at the place, stands for.
func (j *jsonReader) row(text []byte, at place) error {
	var err error
	if j.members, err = checkObject(j.members[:0], text, at); err != nil {
		return err
	}
	k, fields, isExported := exportedForm(j.members, text)
	if !j.decided {
		j.decided, j.exported = true, isExported && !j.opt.Plain
	}
	var rest []value.Field
	switch {
	case !j.exported:
		rest, err = j.plainRow(text, at)
	case isExported:
		rest, err = j.exportedRow(text, at, k, fields)
	default:
		err = at.fault("", because(ErrSyntax, `object is not of the form {"key":K,"fields":{...}}, which the first is`))
	}
	if err != nil {
		return err
	}
	return j.keep(at, rest)
}

// exportedForm returns the values of key and fields if they are the only members and fields
// is an object.
func exportedForm(members []member, text []byte) (k, fields span, ok bool) {
	if len(members) != 2 {
		return k, fields, false
	}
	a, b := members[0], members[1]
	if string(a.name) == "fields" {
		a, b = b, a
	}
	ok = string(a.name) == "key" && string(b.name) == "fields" && text[b.value.from] == '{'
	return a.value, b.value, ok
}

// fieldsOf reads the fields of the object in text.
func fieldsOf(text []byte, at place, object span) ([]value.Field, error) {
	fields, err := value.ParseJSONObject(object.of(text))
	if err != nil {
		fault := blame(object.of(text), err)
		return nil, at.at(text, object.from+fault.offset).fault("", fault.err)
	}
	return fields, nil
}

// plainRow reads a row whose key is among its fields, and returns the others.
func (j *jsonReader) plainRow(text []byte, at place) ([]value.Field, error) {
	whole := span{0, len(text)}
	fields, err := j.reader.read(text, at, whole)
	if err != nil {
		return nil, err
	}
	j.comps = j.comps[:0]
	for i, name := range j.opt.Key {
		n, ok := slices.BinarySearchFunc(fields, name, func(f value.Field, name string) int { return strings.Compare(f.Name, name) })
		if !ok {
			return nil, at.fault("", because(ErrType, "object has no member %q, the key", name))
		}
		c, err := keyFromJSON(j.keyTypes[i], fields[n].Enc, false)
		if err != nil {
			return nil, at.at(text, locate(text, name)).fault(name, err)
		}
		j.comps = append(j.comps, c)
		fields = slices.Delete(fields, n, n+1)
	}
	return fields, j.checkFields(text, at, whole, fields)
}

// exportedRow reads a row of the form {"key":K,"fields":{...}}.
func (j *jsonReader) exportedRow(text []byte, at place, k, object span) ([]value.Field, error) {
	enc, err := j.reader.value(k.of(text))
	if err == nil {
		j.comps, err = keyFromK(j.keyTypes, enc)
	}
	if err != nil {
		return nil, at.at(text, k.from).fault("key", err)
	}
	for i, c := range j.comps {
		if s, ok := c.Text(); ok && j.keyTypes[i] == value.TypeAny {
			j.guesses[i].Observe([]byte(s))
		}
	}
	fields, err := j.reader.read(text, at, object)
	if err != nil {
		return nil, err
	}
	return fields, j.checkFields(text, at, object, fields)
}

// checkFields holds fields against the stated types and notes what the others are.
func (j *jsonReader) checkFields(text []byte, at place, object span, fields []value.Field) error {
	for _, f := range fields {
		if t := j.opt.Types[f.Name]; !t.Fits(f.Enc) {
			offset := object.from + locate(object.of(text), f.Name)
			return at.at(text, offset).fault(f.Name, misfitJSON(t, f.Enc))
		}
		kinds := j.columns[f.Name]
		if kinds == nil {
			kinds = new(kindSet)
			j.columns[f.Name] = kinds
		}
		kinds.add(value.KindOf(f.Enc))
	}
	return nil
}

// keep puts the row of j.comps and fields into the table.
func (j *jsonReader) keep(at place, fields []value.Field) error {
	var err error
	if j.tuple, err = key.Encode(j.comps...); err != nil {
		return at.fault("", fmt.Errorf("key: %w", err))
	}
	if j.body, err = table.AppendRow(j.body[:0], fields); err != nil {
		return at.fault("", err)
	}
	for i, c := range j.comps {
		j.keyKinds[i].add(kindOfComponent(c))
	}
	dst := j.t.rows.room(len(j.tuple) + len(j.body) + 3*maxUvarint)
	dst = appendUvarint(dst, at.line)
	dst = appendCell(dst, j.tuple, false)
	j.t.rows.commit(appendCell(dst, j.body, false))
	return nil
}

func kindOfComponent(c key.Component) value.Kind {
	switch c.Type() {
	case key.TypeInt:
		return value.KindInteger
	case key.TypeBytes:
		return value.KindBytes
	}
	return value.KindText
}

// finish settles the types.
func (j *jsonReader) finish() *Table {
	t := j.t
	for i, name := range j.opt.Key {
		typ, stated := j.opt.Types[name]
		if !stated {
			typ = j.keyKinds[i].columnType()
			if j.exported && j.keyKinds[i].has(value.KindText) && j.guesses[i].Type() == value.TypeInteger {
				if t.retyped == nil {
					t.retyped = make([]bool, len(j.opt.Key))
				}
				t.retyped[i] = true
				j.keyKinds[i].replace(value.KindText, value.KindInteger)
				typ = j.keyKinds[i].columnType()
			}
		}
		t.columns = append(t.columns, Column{Name: name, Type: typ, Key: true})
	}
	for name, kinds := range j.columns {
		typ, stated := j.opt.Types[name]
		if !stated {
			typ = kinds.columnType()
		}
		t.columns = append(t.columns, Column{Name: name, Type: typ})
	}
	slices.SortFunc(t.columns[t.keys:], func(a, b Column) int { return strings.Compare(a.Name, b.Name) })
	for i := range t.columns {
		t.columns[i].Position = i
	}
	return t
}

// kindSet is the kinds of value met in a column.
type kindSet uint16

func (s *kindSet) add(k value.Kind)     { *s |= 1 << k }
func (s kindSet) has(k value.Kind) bool { return s&(1<<k) != 0 }

func (s *kindSet) replace(from, to value.Kind) {
	*s &^= 1 << from
	s.add(to)
}

// columnType returns the narrowest type that fits them all.
func (s kindSet) columnType() value.Type {
	s &^= 1 << value.KindNull
	switch s {
	case 1 << value.KindBool:
		return value.TypeBool
	case 1 << value.KindInteger:
		return value.TypeInteger
	case 1 << value.KindDecimal, 1<<value.KindDecimal | 1<<value.KindInteger:
		return value.TypeDecimal
	case 1 << value.KindText:
		return value.TypeText
	case 1 << value.KindBytes:
		return value.TypeBytes
	case 1 << value.KindList:
		return value.TypeList
	}
	return value.TypeAny
}
