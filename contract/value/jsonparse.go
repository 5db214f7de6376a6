package value

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"aergo/repo/object"
)

// parser reads JSON (RFC 8259) into values. It is our own since encoding/json repairs bad
// UTF-8 and lone surrogates in silence, lets a member stand twice, and loses order.
type parser struct {
	in  []byte
	pos int
}

// maxPathDepth bounds the nesting of objects whose members become fields.
const maxPathDepth = 64

func newParser(raw []byte) (*parser, error) {
	if !utf8.Valid(raw) {
		return nil, fmt.Errorf("json: %w: not valid UTF-8", ErrSyntax)
	}
	return &parser{in: raw}, nil
}

func (p *parser) fail(format string, args ...any) error {
	return fmt.Errorf("%w at byte %d: %s", ErrSyntax, p.pos, fmt.Sprintf(format, args...))
}

// peek returns the next byte that is no white space.
func (p *parser) peek() (byte, error) {
	for p.pos < len(p.in) {
		switch c := p.in[p.pos]; c {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return c, nil
		}
	}
	return 0, p.fail("input ends too early")
}

func (p *parser) end() error {
	if c, err := p.peek(); err == nil {
		return p.fail("%q after the value", c)
	}
	return nil
}

// next skips c, or fails.
func (p *parser) next(c byte) error {
	got, err := p.peek()
	if err != nil {
		return err
	}
	if got != c {
		return p.fail("%q, want %q", got, c)
	}
	p.pos++
	return nil
}

// more is called after an element: it skips a comma and returns true, or the end and false.
func (p *parser) more(end byte) (bool, error) {
	c, err := p.peek()
	if err != nil {
		return false, err
	}
	if c != ',' && c != end {
		return false, p.fail("%q, want ',' or %q", c, end)
	}
	p.pos++
	return c == ',', nil
}

// value appends the next value; depth is the number of lists and records around it.
func (p *parser) value(dst []byte, depth int) ([]byte, error) {
	c, err := p.peek()
	if err != nil {
		return dst, err
	}
	switch c {
	case '"':
		s, err := p.str()
		return object.AppendText(dst, s), err
	case '[':
		return p.list(dst, depth)
	case '{':
		return p.object(dst, depth)
	case 't', 'f', 'n':
		return p.word(dst)
	}
	return p.number(dst)
}

func (p *parser) word(dst []byte) ([]byte, error) {
	rest := p.in[p.pos:]
	for _, w := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(rest, []byte(w)) {
			p.pos += len(w)
			if w == "null" {
				return AppendNull(dst), nil
			}
			return AppendBool(dst, w == "true"), nil
		}
	}
	return dst, p.fail("no such word")
}

func (p *parser) list(dst []byte, depth int) ([]byte, error) {
	if depth == MaxDepth {
		return dst, fmt.Errorf("nested deeper than %d: %w", MaxDepth, ErrLimit)
	}
	p.pos++
	var body []byte
	n := 0
	c, err := p.peek()
	if err == nil && c == ']' {
		p.pos++
		return AppendList(dst), nil
	}
	for more := true; more && err == nil; n++ {
		if body, err = p.value(body, depth+1); err == nil {
			more, err = p.more(']')
		}
	}
	dst = append(object.AppendArray(dst, 1+n), tagList)
	return append(dst, body...), err
}

// object appends a record, or bytes. A record that is a field has no members.
func (p *parser) object(dst []byte, depth int) ([]byte, error) {
	var fields []Field
	blob, isBytes, err := p.members(func(name string) error {
		if depth == 0 {
			return p.fail("object with members where one value stands")
		}
		if depth == MaxDepth {
			return fmt.Errorf("nested deeper than %d: %w", MaxDepth, ErrLimit)
		}
		if name == selfMember {
			return p.fail("%s has no place inside a list", selfMember)
		}
		enc, err := p.value(nil, depth+1)
		fields = append(fields, Field{Name: unescapeMember(name), Enc: enc})
		return err
	})
	if err != nil {
		return dst, err
	}
	if isBytes {
		return AppendBytes(dst, blob), nil
	}
	slices.SortFunc(fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	dst = append(object.AppendArray(dst, 1+2*len(fields)), tagRecord)
	for _, f := range fields {
		dst = append(object.AppendText(dst, f.Name), f.Enc...)
	}
	return dst, nil
}

// fields appends the fields that the members of the next object are, under a path.
func (p *parser) fields(fields []Field, path string, depth int) ([]Field, error) {
	if depth == maxPathDepth {
		return nil, fmt.Errorf("objects nested deeper than %d: %w", maxPathDepth, ErrLimit)
	}
	empty := true
	blob, isBytes, err := p.members(func(name string) error {
		empty = false
		at := path
		if name != selfMember {
			at = JoinPath(unescapeMember(name))
			if depth > 0 {
				at = path + "." + at
			}
		}
		c, err := p.peek()
		if err != nil {
			return err
		}
		if c == '{' {
			fields, err = p.fields(fields, at, depth+1)
			return err
		}
		enc, err := p.value(nil, 0)
		fields = append(fields, Field{Name: at, Enc: enc})
		return err
	})
	switch {
	case err != nil:
	case isBytes && depth == 0:
		err = p.fail("%s has no place here", bytesMember)
	case isBytes:
		fields = append(fields, Field{Name: path, Enc: AppendBytes(nil, blob)})
	case empty && depth > 0:
		fields = append(fields, Field{Name: path, Enc: AppendEmptyRecord(nil)})
	}
	return fields, err
}

// members reads an object and calls fn at the value of each member, which fn reads. If the
// object is {"$bytes":"..."} it returns the bytes instead.
func (p *parser) members(fn func(name string) error) (blob []byte, isBytes bool, err error) {
	if err := p.next('{'); err != nil {
		return nil, false, err
	}
	if c, err := p.peek(); err != nil {
		return nil, false, err
	} else if c == '}' {
		p.pos++
		return nil, false, nil
	}
	var names []string
	for n, more := 0, true; more; n++ {
		name, err := p.str()
		if err == nil {
			err = p.next(':')
		}
		if err != nil {
			return nil, false, err
		}
		names = append(names, name)
		isBytes = isBytes || name == bytesMember
		if isBytes && (n > 0 || name != bytesMember) {
			return nil, false, p.fail("%s stands beside another member", bytesMember)
		}
		if isBytes {
			blob, err = p.blob()
		} else {
			err = fn(name)
		}
		if err == nil {
			more, err = p.more('}')
		}
		if err != nil {
			return nil, false, err
		}
	}
	slices.Sort(names)
	for i := range names[1:] {
		if names[i] == names[i+1] {
			return nil, false, p.fail("member %q stands twice", names[i])
		}
	}
	return blob, isBytes, nil
}

func (p *parser) blob() ([]byte, error) {
	s, err := p.str()
	if err != nil {
		return nil, err
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || base64.StdEncoding.EncodeToString(b) != s {
		return nil, p.fail("bad base64")
	}
	return b, nil
}

// unescapeMember takes one $ from a name that has more than the members with a meaning.
func unescapeMember(name string) string {
	if isMarker(name) {
		return name[1:]
	}
	return name
}

// str reads a string.
func (p *parser) str() (string, error) {
	if err := p.next('"'); err != nil {
		return "", err
	}
	from := p.pos
	for p.pos < len(p.in) {
		switch c := p.in[p.pos]; {
		case c == '"':
			p.pos++
			return string(p.in[from : p.pos-1]), nil
		case c == '\\':
			return p.escaped(append([]byte(nil), p.in[from:p.pos]...))
		case c < 0x20:
			return "", p.fail("control character in a string")
		}
		p.pos++
	}
	return "", p.fail("string has no end")
}

// escaped reads the rest of a string whose first part is in b.
func (p *parser) escaped(b []byte) (string, error) {
	for p.pos < len(p.in) {
		c := p.in[p.pos]
		p.pos++
		switch {
		case c == '"':
			return string(b), nil
		case c < 0x20:
			return "", p.fail("control character in a string")
		case c != '\\':
			b = append(b, c)
			continue
		}
		r, err := p.escape()
		if err != nil {
			return "", err
		}
		b = utf8.AppendRune(b, r)
	}
	return "", p.fail("string has no end")
}

// escape reads what follows a backslash.
func (p *parser) escape() (rune, error) {
	if p.pos == len(p.in) {
		return 0, p.fail("string has no end")
	}
	c := p.in[p.pos]
	p.pos++
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		return rune("\"\\/\b\f\n\r\t"[i]), nil
	}
	if c != 'u' {
		return 0, p.fail("escape \\%c", c)
	}
	r, err := p.hex4()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if !bytes.HasPrefix(p.in[p.pos:], []byte(`\u`)) {
		return 0, p.fail("surrogate without its other half")
	}
	p.pos += 2
	low, err := p.hex4()
	if err != nil {
		return 0, err
	}
	if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
		return 0, p.fail("surrogate without its other half")
	}
	return r, nil
}

func (p *parser) hex4() (rune, error) {
	if len(p.in)-p.pos < 4 {
		return 0, p.fail("string has no end")
	}
	n, err := strconv.ParseUint(string(p.in[p.pos:p.pos+4]), 16, 16)
	if err != nil {
		return 0, p.fail("bad \\u escape")
	}
	p.pos += 4
	return rune(n), nil
}

// number reads a number of any spelling, exactly.
func (p *parser) number(dst []byte) ([]byte, error) {
	from := p.pos
	for p.pos < len(p.in) && strings.IndexByte("+-.eE0123456789", p.in[p.pos]) >= 0 {
		p.pos++
	}
	lit := p.in[from:p.pos]
	if out, ok := parseNumeral(dst, lit); ok {
		return out, nil
	}
	if len(lit) == 0 {
		return dst, p.fail("%q begins no value", p.in[p.pos])
	}
	mantissa, exponent, hasExponent := strings.Cut(strings.ToLower(string(lit)), "e")
	exp := 0
	if hasExponent {
		var err error
		if exp, err = strconv.Atoi(exponent); err != nil || len(exponent) > 6 {
			return dst, p.fail("number %.40q: bad exponent", lit)
		}
	}
	whole, fraction, hasPoint := strings.Cut(mantissa, ".")
	digits := strings.TrimPrefix(whole, "-")
	if digits == "" || len(digits) > 1 && digits[0] == '0' || hasPoint && fraction == "" ||
		!allDigits(digits) || !allDigits(fraction) {
		return dst, p.fail("%.40q is no number", lit)
	}
	if len(mantissa) > 4*maxNumeralBytes {
		return dst, fmt.Errorf("number of %d digits: %w", len(mantissa), ErrRange)
	}
	return appendScaled(dst, whole+fraction, len(fraction)-exp)
}

func allDigits(s string) bool {
	return strings.TrimLeft(s, "0123456789") == ""
}

// appendScaled appends coefficient / 10^scale for a scale of any sign.
func appendScaled(dst []byte, coefficient string, scale int) ([]byte, error) {
	c, _ := new(big.Int).SetString(coefficient, 10)
	if scale < 0 {
		if c.Sign() != 0 {
			// 10^78 is above 2^256 already; so the power below stays small.
			if scale < -OperandBits {
				return dst, fmt.Errorf("number: %w", ErrRange)
			}
			c.Mul(c, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(-scale)), nil))
		}
		scale = 0
	}
	if c.BitLen() > OperandBits {
		return dst, fmt.Errorf("number of %d bits: %w", c.BitLen(), ErrRange)
	}
	return AppendDecimal(dst, c, scale)
}
