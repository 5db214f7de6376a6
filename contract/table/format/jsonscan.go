package format

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"aergo/contract/value"
)

// MaxJSONDepth bounds how deep objects and arrays may stand in each other.
const MaxJSONDepth = 96

// jsonScanner checks that a text is JSON (RFC 8259) and finds its parts, for their places.
// What they mean is package value's to say.
type jsonScanner struct {
	in  []byte
	pos int
}

// jsonFault is a mistake at an offset of a text.
type jsonFault struct {
	offset int
	err    error
}

func (f *jsonFault) Error() string { return f.err.Error() }

func (s *jsonScanner) fail(format string, args ...any) error {
	return &jsonFault{s.pos, because(ErrSyntax, format, args...)}
}

// checkJSON says whether text, which begins at p, is one JSON value.
func checkJSON(text []byte, p place) error {
	if err := checkUTF8(text, p); err != nil {
		return err
	}
	s := jsonScanner{in: text}
	err := s.value(0)
	if err == nil {
		err = s.end()
	}
	return inText(text, p, err)
}

// checkObject is checkJSON for an object, and appends its members to dst.
func checkObject(dst []member, text []byte, p place) ([]member, error) {
	if err := checkUTF8(text, p); err != nil {
		return dst, err
	}
	s := jsonScanner{in: text}
	if s.peek() != '{' {
		if err := checkJSON(text, p); err != nil {
			return dst, err
		}
		return dst, inText(text, p, s.fail("%s, want an object", s.found()))
	}
	dst, err := s.members(dst)
	if err == nil {
		err = s.end()
	}
	return dst, inText(text, p, err)
}

func checkUTF8(text []byte, p place) error {
	if utf8.Valid(text) {
		return nil
	}
	pos := 0
	for pos < len(text) {
		r, size := utf8.DecodeRune(text[pos:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		pos += size
	}
	return p.at(text, pos).fault("", because(ErrSyntax, "not valid UTF-8"))
}

// inText puts an error to its place in a text that begins at the place.
func inText(text []byte, at place, err error) error {
	var fault *jsonFault
	switch {
	case err == nil:
		return nil
	case errors.As(err, &fault):
		return at.at(text, fault.offset).fault("", fault.err)
	}
	return at.fault("", err)
}

// end fails unless nothing but white space follows.
func (s *jsonScanner) end() error {
	if s.peek(); s.pos < len(s.in) {
		return s.fail("%s after the value", s.found())
	}
	return nil
}

// peek skips white space and returns the next byte, 0 at the end. A NUL in the text is 0 as
// well, and begins nothing.
func (s *jsonScanner) peek() byte {
	for s.pos < len(s.in) {
		switch c := s.in[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// found names what stands at the position.
func (s *jsonScanner) found() string {
	if s.pos >= len(s.in) {
		return "the end"
	}
	r, _ := utf8.DecodeRune(s.in[s.pos:])
	return fmt.Sprintf("%q", r)
}

func (s *jsonScanner) value(depth int) error {
	switch c := s.peek(); c {
	case '"':
		return s.str()
	case '{', '[':
		if depth == MaxJSONDepth {
			return &jsonFault{s.pos, because(ErrLimit, "nested deeper than %d", MaxJSONDepth)}
		}
		if c == '{' {
			return s.object(depth, nil)
		}
		return s.array(depth)
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	return s.number()
}

func (s *jsonScanner) word(w string) error {
	if !bytes.HasPrefix(s.in[s.pos:], []byte(w)) {
		return s.fail("%s begins no value", s.found())
	}
	s.pos += len(w)
	return nil
}

// str skips the string that begins here.
func (s *jsonScanner) str() error {
	start := s.pos
	for s.pos++; s.pos < len(s.in); s.pos++ {
		switch c := s.in[s.pos]; {
		case c == '"':
			s.pos++
			return nil
		case c < 0x20:
			return s.fail("control character in a string")
		case c == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		}
	}
	s.pos = start
	return s.fail("string has no end")
}

// escape skips an escape up to its last byte.
func (s *jsonScanner) escape() error {
	rest := s.in[s.pos+1:]
	switch {
	case len(rest) > 0 && bytes.IndexByte([]byte(`"\/bfnrt`), rest[0]) >= 0:
		s.pos++
		return nil
	case len(rest) >= 5 && rest[0] == 'u' && isHex(rest[1:5]):
		s.pos += 5
		return nil
	}
	return s.fail("bad escape in a string")
}

func isHex(b []byte) bool {
	for _, c := range b {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			return false
		}
	}
	return true
}

func (s *jsonScanner) number() error {
	start := s.pos
	if s.pos < len(s.in) && s.in[s.pos] == '-' {
		s.pos++
	}
	whole := s.digits()
	if whole == 0 {
		s.pos = start
		return s.fail("%s begins no value", s.found())
	}
	if whole > 1 && s.in[s.pos-whole] == '0' {
		s.pos -= whole
		return s.fail("number with a leading zero")
	}
	if s.pos < len(s.in) && s.in[s.pos] == '.' {
		if s.pos++; s.digits() == 0 {
			return s.fail("number without a digit after the point")
		}
	}
	if s.pos < len(s.in) && (s.in[s.pos] == 'e' || s.in[s.pos] == 'E') {
		s.pos++
		if s.pos < len(s.in) && (s.in[s.pos] == '+' || s.in[s.pos] == '-') {
			s.pos++
		}
		if s.digits() == 0 {
			return s.fail("number without a digit in its exponent")
		}
	}
	return nil
}

func (s *jsonScanner) digits() int {
	from := s.pos
	for s.pos < len(s.in) && s.in[s.pos] >= '0' && s.in[s.pos] <= '9' {
		s.pos++
	}
	return s.pos - from
}

func (s *jsonScanner) array(depth int) error {
	s.pos++
	if s.peek() == ']' {
		s.pos++
		return nil
	}
	for {
		if err := s.value(depth + 1); err != nil {
			return err
		}
		switch s.peek() {
		case ',':
			s.pos++
		case ']':
			s.pos++
			return nil
		default:
			return s.fail("%s, want ',' or ']'", s.found())
		}
	}
}

// span is a part of a text: from <= offset < to.
type span struct{ from, to int }

func (p span) of(text []byte) []byte { return text[p.from:p.to:p.to] }

// object skips the object that begins here, and calls visit, unless nil, with each member.
func (s *jsonScanner) object(depth int, visit func(name, value span)) error {
	s.pos++
	if s.peek() == '}' {
		s.pos++
		return nil
	}
	for {
		if s.peek() != '"' {
			return s.fail("%s, want a member's name in quotes", s.found())
		}
		name := span{from: s.pos}
		if err := s.str(); err != nil {
			return err
		}
		name.to = s.pos
		if s.peek() != ':' {
			return s.fail("%s, want ':'", s.found())
		}
		s.pos++
		s.peek()
		val := span{from: s.pos}
		if err := s.value(depth + 1); err != nil {
			return err
		}
		val.to = s.pos
		if visit != nil {
			visit(name, val)
		}
		switch s.peek() {
		case ',':
			s.pos++
		case '}':
			s.pos++
			return nil
		default:
			return s.fail("%s, want ',' or '}'", s.found())
		}
	}
}

// member is one member of an object.
type member struct {
	name  []byte // a slice of the text, unless it has escapes
	named span   // the name, in quotes
	value span
}

// members skips the object that begins here and appends its members to dst. It fails with a
// *jsonFault, also where a name is no text.
func (s *jsonScanner) members(dst []member) ([]member, error) {
	var bad error
	err := s.object(0, func(name, val span) {
		content, err := unquote(name.of(s.in))
		if err != nil && bad == nil {
			bad = &jsonFault{name.from, err}
		}
		dst = append(dst, member{content, name, val})
	})
	if err == nil {
		err = bad
	}
	return dst, err
}

// membersOf returns the members of the object that text is, which checkJSON has accepted.
func membersOf(text []byte) ([]member, error) {
	s := jsonScanner{in: text}
	if s.peek() != '{' {
		return nil, s.fail("%s, want an object", s.found())
	}
	return s.members(nil)
}

// unquote returns what a JSON string stands for.
func unquote(quoted []byte) ([]byte, error) {
	if inner := quoted[1 : len(quoted)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return inner, nil
	}
	enc, err := value.ParseJSON(quoted)
	if err != nil {
		return nil, err
	}
	content, _ := value.AsText(enc)
	return content, nil
}
