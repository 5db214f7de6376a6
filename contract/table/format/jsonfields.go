package format

import (
	"bytes"
	"slices"
	"strings"

	"aergo/contract/value"
)

// fieldReader reads the JSON of rows and keys. What package value reads in general, it reads
// in about a fifth of the time where it is plain: one flat object of short names, strings
// without escapes, numbers of few digits, true, false and null. It keeps the names it has met.
type fieldReader struct {
	names  map[string]string
	number numberEncoder
	fields []value.Field
	memory []byte
}

// maxNames bounds the names that a fieldReader keeps.
const maxNames = 4096

// read returns the fields of an object in text, which checkJSON has accepted and which
// begins at the place, in ascending order of their names. They are valid until the next call.
func (f *fieldReader) read(text []byte, at place, object span) ([]value.Field, error) {
	f.fields, f.memory = f.fields[:0], f.memory[:0]
	if f.flat(object.of(text)) {
		return f.fields, nil
	}
	return fieldsOf(text, at, object)
}

// release makes the fields that read has returned the caller's to keep. The next are likely
// to need as much memory.
func (f *fieldReader) release() {
	f.fields = make([]value.Field, 0, len(f.fields))
	f.memory = make([]byte, 0, len(f.memory)+len(f.memory)/4)
}

// value returns the value of a part of a text that checkJSON has accepted.
func (f *fieldReader) value(raw []byte) ([]byte, error) {
	if enc, ok := f.scalar(nil, raw); ok {
		return enc, nil
	}
	return value.ParseJSON(raw)
}

// flat reads an object that is plain, and returns false if it is not.
func (f *fieldReader) flat(text []byte) bool {
	s := jsonScanner{in: text}
	if s.peek() != '{' {
		return false
	}
	ascending := true
	for s.pos++; s.peek() == '"'; {
		name, ok := f.name(s.plainString())
		if !ok || s.peek() != ':' {
			return false
		}
		s.pos++
		raw := s.plainValue()
		from := len(f.memory)
		if f.memory, ok = f.scalar(f.memory, raw); !ok {
			return false
		}
		if n := len(f.fields); n > 0 && f.fields[n-1].Name >= name {
			ascending = false
		}
		f.fields = append(f.fields, value.Field{Name: name, Enc: f.memory[from:len(f.memory):len(f.memory)]})
		if s.peek() == ',' {
			s.pos++
		}
	}
	if s.peek() != '}' {
		return false
	}
	return ascending || f.sort()
}

// sort puts the fields in order, and returns false if one stands twice.
func (f *fieldReader) sort() bool {
	slices.SortFunc(f.fields, func(a, b value.Field) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(f.fields); i++ {
		if f.fields[i-1].Name == f.fields[i].Name {
			return false
		}
	}
	return true
}

// plainString returns the content of the string that begins here, nil if it has escapes.
func (s *jsonScanner) plainString() []byte {
	rest := s.in[s.pos+1:]
	end := bytes.IndexByte(rest, '"')
	if end < 0 || bytes.IndexByte(rest[:end], '\\') >= 0 {
		return nil
	}
	s.pos += end + 2
	return rest[:end:end]
}

// plainValue returns the scalar that stands next, and nil for anything else.
func (s *jsonScanner) plainValue() []byte {
	c := s.peek()
	from := s.pos
	if c == '"' {
		if s.plainString() == nil {
			return nil
		}
		return s.in[from:s.pos]
	}
	for s.pos < len(s.in) && isScalarByte(s.in[s.pos]) {
		s.pos++
	}
	return s.in[from:s.pos]
}

// isScalarByte says whether a number or word may hold c.
func isScalarByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == '-' || c == '.' || c == '+' || c == 'E'
}

// name returns a field's name, and false if it must be looked at more closely.
func (f *fieldReader) name(raw []byte) (string, bool) {
	if name, ok := f.names[string(raw)]; ok {
		return name, true
	}
	if len(raw) == 0 || raw[0] == '$' || bytes.IndexByte(raw, '.') >= 0 {
		return "", false
	}
	name := string(raw)
	if value.CheckName(name) != nil {
		return "", false
	}
	if f.names == nil || len(f.names) >= maxNames {
		f.names = make(map[string]string)
	}
	f.names[name] = name
	return name, true
}

// scalar appends the value of a plain string, number or word.
func (f *fieldReader) scalar(dst, raw []byte) ([]byte, bool) {
	switch {
	case len(raw) == 0:
		return dst, false
	case raw[0] == '"':
		content := raw[1 : len(raw)-1]
		if len(content) > MaxCellBytes || bytes.IndexByte(content, '\\') >= 0 {
			return dst, false
		}
		out, err := value.ParsePlain(dst, value.TypeText, content)
		return out, err == nil
	case string(raw) == "null":
		return value.AppendNull(dst), true
	case string(raw) == "true", string(raw) == "false":
		return value.AppendBool(dst, raw[0] == 't'), true
	}
	if _, _, ok := smallNumber(raw); !ok {
		return dst, false
	}
	out, err := f.number.appendValue(dst, value.TypeDecimal, raw)
	return out, err == nil
}
