package format

import (
	"bytes"
	"io"
	"slices"
	"strings"

	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo/state/key"
)

// KeyTypes returns the types of a table's key columns, in order; none if they are not
// stated.
type KeyTypes func(table string) ([]value.Type, error)

// ReadOps reads operations as JSON lines and calls fn with the number of each line and the
// operations of the transaction that it is. They are fn's to keep. Blank lines are
// skipped. A line is
//
//	{"op":OP,"table":T,"key":K,"fields":{...},"unset":["NAME",...],"create":true,"exact":true,"force":true}
//
// or {"tx":[{...},...]} with one or more of those, which apply together or not at all. OP is
// put, insert, replace, del, incr, append or remove; table and key are needed. A member null
// in fields is the value null; unset, with put, takes fields away. create goes with incr,
// append and remove; exact and force do not go together, and force not with those three.
// With append and remove each field's value is the element. Members of other names are
// refused. keyTypes may be nil.
//
// ReadOps stops at the first error, fn's included, and returns it; an *Error where a line
// is not as it should be. Lines before it have been given to fn already.
func ReadOps(r io.Reader, keyTypes KeyTypes, fn func(line int, specs []table.Spec) error) error {
	s, err := newJSONLines(r)
	if err != nil {
		return err
	}
	p := opParser{keyTypes: keyTypes}
	for {
		text, at, err := s.next()
		if text == nil || err != nil {
			return err
		}
		p.text, p.at = text, at
		specs, err := p.line()
		if err != nil {
			return err
		}
		if err := fn(at.line, specs); err != nil {
			return err
		}
	}
}

// opParser reads the operations in one line.
type opParser struct {
	keyTypes KeyTypes
	text     []byte
	at       place // of the text
	reader   fieldReader
	list     []member
}

// line reads the transaction that the text is.
func (p *opParser) line() ([]table.Spec, error) {
	var err error
	if p.list, err = checkObject(p.list[:0], p.text, p.at); err != nil {
		return nil, err
	}
	if err := p.checkMembers(p.list); err != nil {
		return nil, err
	}
	if len(p.list) == 0 || string(p.list[0].name) != "tx" {
		spec, err := p.operation(span{0, len(p.text)}, p.list)
		return []table.Spec{spec}, err
	}
	if len(p.list) > 1 {
		return nil, p.fault(p.list[1].named, "", because(ErrSyntax, "member %q stands beside tx", p.list[1].name))
	}
	return p.transaction(p.list[0].value)
}

// fault reports what is wrong with a part of the text.
func (p *opParser) fault(part span, name string, err error) error {
	return p.at.at(p.text, part.from).fault(name, err)
}

// members returns the members of the object that a part of the text is, none twice. Their
// spans are in the whole text.
func (p *opParser) members(object span) ([]member, error) {
	members, err := membersOf(object.of(p.text))
	if err != nil {
		return nil, inText(object.of(p.text), p.at.at(p.text, object.from), err)
	}
	for i := range members {
		m := &members[i]
		m.named = span{m.named.from + object.from, m.named.to + object.from}
		m.value = span{m.value.from + object.from, m.value.to + object.from}
	}
	return members, p.checkMembers(members)
}

func (p *opParser) checkMembers(members []member) error {
	for i, m := range members {
		for _, before := range members[:i] {
			if bytes.Equal(before.name, m.name) {
				return p.fault(m.named, "", because(ErrSyntax, "member %q stands twice", m.name))
			}
		}
		if i == maxOpMembers {
			return p.fault(m.named, "", because(ErrSyntax, "unknown member %q", m.name))
		}
	}
	return nil
}

// maxOpMembers is how many members an operation has at most.
const maxOpMembers = 8

// transaction reads the array of operations in tx.
func (p *opParser) transaction(array span) ([]table.Spec, error) {
	parts, ok := p.elements(array)
	switch {
	case !ok || len(parts) == 0:
		return nil, p.fault(array, "tx", because(ErrSyntax, "want an array of one or more operations"))
	case len(parts) > table.MaxOps:
		return nil, p.fault(array, "tx", because(ErrLimit, "%d operations are above the limit of %d", len(parts), table.MaxOps))
	}
	specs := make([]table.Spec, 0, len(parts))
	for _, part := range parts {
		members, err := p.members(part)
		if err != nil {
			return nil, err
		}
		spec, err := p.operation(part, members)
		if err != nil {
			return nil, err
		}
		specs = append(specs, spec)
	}
	return specs, nil
}

// elements returns the parts of an array, and whether it is one.
func (p *opParser) elements(array span) ([]span, bool) {
	s := jsonScanner{in: p.text[:array.to], pos: array.from}
	if s.peek() != '[' {
		return nil, false
	}
	var parts []span
	for s.pos++; s.peek() != ']'; {
		part := span{from: s.pos}
		if s.value(1) != nil {
			return nil, false // which checkJSON has ruled out
		}
		part.to = s.pos
		parts = append(parts, part)
		if s.peek() == ',' {
			s.pos++
		}
	}
	return parts, true
}

// operation reads one operation.
func (p *opParser) operation(whole span, members []member) (table.Spec, error) {
	var spec table.Spec
	var hasOp, hasTable, hasFields bool
	var k span
	for _, m := range members {
		var err error
		switch string(m.name) {
		case "op":
			hasOp, err = true, p.code(&spec, m)
		case "table":
			hasTable, err = true, p.table(&spec, m)
		case "key":
			k = m.value
		case "fields":
			hasFields = true
			spec.Fields, err = p.reader.read(p.text, p.at, m.value)
			p.reader.release()
		case "unset":
			spec.Unset, err = p.unset(m)
		case "create":
			err = p.flag(&spec, m, table.Create)
		case "exact":
			err = p.flag(&spec, m, table.Exact)
		case "force":
			err = p.flag(&spec, m, table.Force)
		default:
			err = p.fault(m.named, "", because(ErrSyntax, "unknown member %q", m.name))
		}
		if err != nil {
			return spec, err
		}
	}
	missing := ""
	switch {
	case !hasOp:
		missing = "op"
	case !hasTable:
		missing = "table"
	case k.to == 0:
		missing = "key"
	}
	if missing != "" {
		return spec, p.fault(whole, "", because(ErrSyntax, "operation has no member %q", missing))
	}
	if err := p.key(&spec, k); err != nil {
		return spec, err
	}
	if err := checkSpec(&spec, hasFields); err != nil {
		return spec, p.fault(whole, "", err)
	}
	return spec, nil
}

func (p *opParser) code(spec *table.Spec, m member) error {
	name, err := p.word(m)
	if err != nil {
		return err
	}
	spec.Code, err = table.ParseCode(name)
	if err != nil || spec.Code == table.Define {
		return p.fault(m.value, string(m.name), because(ErrSyntax, "no operation is called %.40q: want put, insert, replace, del, incr, append or remove", name))
	}
	return nil
}

func (p *opParser) table(spec *table.Spec, m member) error {
	var err error
	if spec.Table, err = p.word(m); err != nil {
		return err
	}
	if err := key.CheckTable(spec.Table); err != nil {
		return p.fault(m.value, string(m.name), err)
	}
	return nil
}

// word reads a text.
func (p *opParser) word(m member) (string, error) {
	if p.text[m.value.from] != '"' {
		return "", p.fault(m.value, string(m.name), because(ErrSyntax, "want a text"))
	}
	s, err := unquote(m.value.of(p.text))
	if err != nil {
		return "", p.fault(m.value, string(m.name), err)
	}
	return string(s), nil
}

func (p *opParser) flag(spec *table.Spec, m member, f table.Flags) error {
	switch string(m.value.of(p.text)) {
	case "true":
		spec.Flags |= f
		return nil
	case "false":
		return nil
	}
	return p.fault(m.value, string(m.name), because(ErrSyntax, "want true or false"))
}

func (p *opParser) unset(m member) ([]string, error) {
	parts, ok := p.elements(m.value)
	if !ok {
		return nil, p.fault(m.value, string(m.name), because(ErrSyntax, "want an array of field names"))
	}
	if len(parts) > table.MaxFields {
		return nil, p.fault(m.value, string(m.name), because(ErrLimit, "%d fields are above the limit of %d", len(parts), table.MaxFields))
	}
	names := make([]string, 0, len(parts))
	for _, part := range parts {
		name, err := p.word(member{name: m.name, value: part})
		if err == nil {
			if err = value.CheckName(name); err != nil {
				err = p.fault(part, string(m.name), err)
			}
		}
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

func (p *opParser) key(spec *table.Spec, k span) error {
	var types []value.Type
	if p.keyTypes != nil {
		var err error
		if types, err = p.keyTypes(spec.Table); err != nil {
			return p.fault(k, "key", err)
		}
	}
	enc, err := p.reader.value(k.of(p.text))
	if err == nil {
		spec.Key, err = keyFromK(types, enc)
	}
	if err == nil {
		_, err = key.Encode(spec.Key...)
	}
	if err != nil {
		return p.fault(k, "key", err)
	}
	return nil
}

// checkSpec says whether the parts of an operation go together.
func checkSpec(s *table.Spec, hasFields bool) error {
	delta := s.Code == table.Incr || s.Code == table.Append || s.Code == table.Remove
	switch {
	case s.Code == table.Del && hasFields:
		return because(ErrSyntax, "del takes no fields")
	case delta && len(s.Fields) == 0:
		return because(ErrSyntax, "%v needs fields", s.Code)
	case s.Code != table.Put && len(s.Unset) > 0:
		return because(ErrSyntax, "unset goes with put only")
	case !delta && s.Flags&table.Create != 0:
		return because(ErrSyntax, "create goes with incr, append and remove only")
	case delta && s.Flags&table.Force != 0:
		return because(ErrSyntax, "force does not go with %v, which has no preconditions", s.Code)
	case s.Flags&table.Exact != 0 && s.Flags&table.Force != 0:
		return because(ErrSyntax, "exact and force do not go together")
	}
	for _, f := range s.Fields {
		if s.Code == table.Incr && !value.IsNumber(f.Enc) {
			return because(ErrType, "incr: field %q: %s is not a number", f.Name, short(string(value.AppendJSON(nil, f.Enc))))
		}
	}
	return checkUnset(s)
}

// checkUnset makes sure that no field is unset twice, or set as well.
func checkUnset(s *table.Spec) error {
	if len(s.Unset) == 0 {
		return nil // names of Fields are distinct
	}
	names := slices.Clone(s.Unset)
	for _, f := range s.Fields {
		names = append(names, f.Name)
	}
	slices.SortFunc(names, strings.Compare)
	for i := 1; i < len(names); i++ {
		if names[i-1] == names[i] {
			return because(ErrSyntax, "field %q stands twice", names[i])
		}
	}
	return nil
}
