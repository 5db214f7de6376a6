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
	for {
		text, at, err := s.next()
		if text == nil || err != nil {
			return err
		}
		specs, err := parseOps(text, at, keyTypes)
		if err != nil {
			return err
		}
		if err := fn(at.line, specs); err != nil {
			return err
		}
	}
}

// parseOps reads one line.
func parseOps(text []byte, at place, keyTypes KeyTypes) ([]table.Spec, error) {
	if err := checkJSON(text, at); err != nil {
		return nil, err
	}
	p := opParser{text: text, at: at, keyTypes: keyTypes}
	whole := span{0, len(text)}
	members, err := p.members(whole)
	if err != nil {
		return nil, err
	}
	if len(members) == 0 || members[0].name != "tx" {
		spec, err := p.operation(whole, members)
		return []table.Spec{spec}, err
	}
	if len(members) > 1 {
		return nil, p.fault(members[1].named, "", because(ErrSyntax, "member %q stands beside tx", members[1].name))
	}
	return p.transaction(members[0].value)
}

// opParser reads the operations in a text that checkJSON has accepted.
type opParser struct {
	text     []byte
	at       place
	keyTypes KeyTypes
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
		for _, before := range members[:i] {
			if before.name == m.name {
				return nil, p.fault(m.named, "", because(ErrSyntax, "member %q stands twice", m.name))
			}
		}
		if i == maxOpMembers {
			return nil, p.fault(m.named, "", because(ErrSyntax, "unknown member %q", m.name))
		}
	}
	return members, nil
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
	var k span
	given := map[string]bool{}
	for _, m := range members {
		given[m.name] = true
		var err error
		switch m.name {
		case "op":
			err = p.code(&spec, m)
		case "table":
			err = p.table(&spec, m)
		case "key":
			k = m.value
		case "fields":
			spec.Fields, err = fieldsOf(p.text, p.at, m.value)
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
	for _, name := range []string{"op", "table", "key"} {
		if !given[name] {
			return spec, p.fault(whole, "", because(ErrSyntax, "operation has no member %q", name))
		}
	}
	if err := p.key(&spec, k); err != nil {
		return spec, err
	}
	if err := checkSpec(&spec, given["fields"]); err != nil {
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
		return p.fault(m.value, m.name, because(ErrSyntax, "no operation is called %.40q: want put, insert, replace, del, incr, append or remove", name))
	}
	return nil
}

func (p *opParser) table(spec *table.Spec, m member) error {
	var err error
	if spec.Table, err = p.word(m); err != nil {
		return err
	}
	if err := key.CheckTable(spec.Table); err != nil {
		return p.fault(m.value, m.name, err)
	}
	return nil
}

// word reads a text.
func (p *opParser) word(m member) (string, error) {
	if p.text[m.value.from] != '"' {
		return "", p.fault(m.value, m.name, because(ErrSyntax, "want a text"))
	}
	s, err := unquote(m.value.of(p.text))
	if err != nil {
		return "", p.fault(m.value, m.name, err)
	}
	return s, nil
}

func (p *opParser) flag(spec *table.Spec, m member, f table.Flags) error {
	switch string(m.value.of(p.text)) {
	case "true":
		spec.Flags |= f
		return nil
	case "false":
		return nil
	}
	return p.fault(m.value, m.name, because(ErrSyntax, "want true or false"))
}

func (p *opParser) unset(m member) ([]string, error) {
	parts, ok := p.elements(m.value)
	if !ok {
		return nil, p.fault(m.value, m.name, because(ErrSyntax, "want an array of field names"))
	}
	if len(parts) > table.MaxFields {
		return nil, p.fault(m.value, m.name, because(ErrLimit, "%d fields are above the limit of %d", len(parts), table.MaxFields))
	}
	names := make([]string, 0, len(parts))
	for _, part := range parts {
		name, err := p.word(member{name: m.name, value: part})
		if err == nil {
			if err = value.CheckName(name); err != nil {
				err = p.fault(part, m.name, err)
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
	enc, err := value.ParseJSON(k.of(p.text))
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
	names := slices.Clone(s.Unset)
	for _, f := range s.Fields {
		if s.Code == table.Incr && !value.IsNumber(f.Enc) {
			return fmt.Errorf("incr: field %q: %w", f.Name, because(ErrType, "%s is not a number", short(string(value.AppendJSON(nil, f.Enc)))))
		}
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
