package value

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// JSON and values map to each other exactly, but for the spelling of numbers: 1e2 is the
// integer 100, 1.5e1 the integer 15 and 1.50 the decimal 1.50. Bytes, which JSON does not
// have, are the object {"$bytes":"base64"}. A member whose own name is $bytes or $value,
// with any number of $ in front, has one $ more in JSON than in the value.

const (
	bytesMember = "$bytes"
	// selfMember names, in the JSON of a row that has both the fields a and a.b, the value
	// of a within the object of its members.
	selfMember = "$value"
)

// AppendJSON appends the JSON form of an encoded value, on one line without spaces; null if
// it is absent.
func AppendJSON(dst, enc []byte) []byte {
	switch KindOf(enc) {
	case KindBool:
		if v, _ := AsBool(enc); v {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	case KindInteger, KindDecimal:
		return appendNumeral(dst, enc)
	case KindText:
		s, _ := AsText(enc)
		return appendQuoted(dst, s)
	case KindBytes:
		b, _ := AsBytes(enc)
		dst = append(dst, `{"`+bytesMember+`":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, b)
		return append(dst, `"}`...)
	case KindList:
		dst = append(dst, '[')
		for e := range Elements(enc) {
			dst = append(AppendJSON(dst, e), ',')
		}
		return closeWith(dst, ']')
	case KindRecord:
		dst = append(dst, '{')
		for name, v := range Members(enc) {
			dst = append(appendQuoted(dst, escapeMember(name)), ':')
			dst = append(AppendJSON(dst, v), ',')
		}
		return closeWith(dst, '}')
	}
	return append(dst, "null"...)
}

// closeWith replaces a trailing comma by end, or appends it.
func closeWith(dst []byte, end byte) []byte {
	if dst[len(dst)-1] == ',' {
		dst = dst[:len(dst)-1]
	}
	return append(dst, end)
}

// escapeMember adds a $ to a name that would be read as one of the members with a meaning.
func escapeMember[S string | []byte](name S) S {
	if len(name) > 0 && name[0] == '$' && isMarker(string(name)) {
		return S("$" + string(name))
	}
	return name
}

// isMarker says whether name is $bytes or $value with any number of $ in front.
func isMarker(name string) bool {
	bare := strings.TrimLeft(name, "$")
	return len(bare) < len(name) && (bare == bytesMember[1:] || bare == selfMember[1:])
}

func appendQuoted[S string | []byte](dst []byte, s S) []byte {
	const hexDigits = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c != 0x7f {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(append(dst, s[from:]...), '"')
}

// ParseJSON returns the value that raw, the JSON of one field, stands for. An object with
// members is refused unless it is {"$bytes":...} or stands in a list. It fails with
// ErrSyntax, ErrRange or ErrLimit.
func ParseJSON(raw []byte) ([]byte, error) {
	p, err := newParser(raw)
	if err != nil {
		return nil, err
	}
	enc, err := p.value(nil, 0)
	if err == nil {
		err = p.end()
	}
	if err != nil {
		return nil, fmt.Errorf("json: %w", err)
	}
	if err := check(enc, ReadStored); err != nil {
		return nil, fmt.Errorf("json: %w: %w", ErrLimit, err)
	}
	return enc, nil
}

// Field is a named value. Enc is encoded.
type Field struct {
	Name string
	Enc  []byte
}

// ParseJSONObject returns the fields that raw, the JSON object of a row, stands for, in
// ascending order of their names. Nested objects become fields named by path, empty ones a
// field that holds the empty record. It fails as ParseJSON does, and with ErrSyntax if a
// member stands twice.
func ParseJSONObject(raw []byte) ([]Field, error) {
	p, err := newParser(raw)
	if err != nil {
		return nil, err
	}
	var fields []Field
	if c, err := p.peek(); err != nil {
		return nil, fmt.Errorf("json: %w", err)
	} else if c != '{' {
		return nil, fmt.Errorf("json: %w: want an object", ErrSyntax)
	}
	if fields, err = p.fields(nil, "", 0); err == nil {
		err = p.end()
	}
	if err != nil {
		return nil, fmt.Errorf("json: %w", err)
	}
	slices.SortFunc(fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	for i, f := range fields {
		if i > 0 && fields[i-1].Name == f.Name {
			return nil, fmt.Errorf("json: field %q: %w: stands twice", f.Name, ErrSyntax)
		}
		if err := CheckName(f.Name); err != nil {
			return nil, fmt.Errorf("json: %w", err)
		}
		if err := check(f.Enc, ReadStored); err != nil {
			return nil, fmt.Errorf("json: field %q: %w: %w", f.Name, ErrLimit, err)
		}
	}
	return fields, nil
}

// AppendJSONObject appends the JSON object of a row whose fields ascend by name, giving
// fields named by path their nesting back. It is the inverse of ParseJSONObject.
func AppendJSONObject(dst []byte, fields []Field) []byte {
	flat := true
	for _, f := range fields {
		flat = flat && strings.IndexByte(f.Name, '.') < 0 && strings.IndexByte(f.Name, '\\') < 0
	}
	if flat {
		dst = append(dst, '{')
		for _, f := range fields {
			dst = append(appendQuoted(dst, escapeMember(f.Name)), ':')
			dst = append(AppendJSON(dst, f.Enc), ',')
		}
		return closeWith(dst, '}')
	}
	leaves := make([]leaf, len(fields))
	for i, f := range fields {
		leaves[i] = leaf{path: SplitPath(f.Name), enc: f.Enc}
	}
	slices.SortFunc(leaves, func(a, b leaf) int { return slices.Compare(a.path, b.path) })
	return appendNested(dst, leaves, 0)
}

// leaf is a field by the members of its path.
type leaf struct {
	path []string
	enc  []byte
}

// appendNested writes the object of leaves, which are sorted and share their first depth
// members.
func appendNested(dst []byte, leaves []leaf, depth int) []byte {
	dst = append(dst, '{')
	if len(leaves) > 0 && len(leaves[0].path) == depth {
		dst = append(AppendJSON(append(dst, `"`+selfMember+`":`...), leaves[0].enc), ',')
		leaves = leaves[1:]
	}
	for len(leaves) > 0 {
		n, member := 1, leaves[0].path[depth]
		for n < len(leaves) && leaves[n].path[depth] == member {
			n++
		}
		dst = append(appendQuoted(dst, escapeMember(member)), ':')
		if n == 1 && len(leaves[0].path) == depth+1 {
			dst = AppendJSON(dst, leaves[0].enc)
		} else {
			dst = appendNested(dst, leaves[:n], depth+1)
		}
		dst = append(dst, ',')
		leaves = leaves[n:]
	}
	return closeWith(dst, '}')
}
