package format

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"aergo/contract/value"
	"aergo/repo/state/key"
)

// ParseKey reads a row's key as it stands on a command line. types are those of the table's
// key columns in order; none if they are not stated.
//
// With one type the text as a whole is the component, in plain form: 42, or 2024-01-01, or
// hex digits for bytes. With several it is a JSON array of as many strings or numbers:
// '["eu","42"]'. With none it is such an array if it is JSON of one that is not empty,
// whose numbers are integers, and otherwise one text.
func ParseKey(text string, types []value.Type) ([]key.Component, error) {
	if !utf8.ValidString(text) {
		return nil, because(ErrSyntax, "key is not valid UTF-8")
	}
	if len(types) == 1 {
		c, ok := parseComponent(types[0], []byte(text))
		if !ok {
			return nil, fmt.Errorf("key: %w", misfit(types[0], []byte(text)))
		}
		return []key.Component{c}, nil
	}
	isArray := strings.HasPrefix(strings.TrimLeft(text, " "), "[")
	if len(types) == 0 && !isArray {
		return []key.Component{key.Text(text)}, nil
	}
	enc, err := value.ParseJSON([]byte(text))
	if len(types) == 0 && (err != nil || !keyLike(enc)) {
		return []key.Component{key.Text(text)}, nil
	}
	if !isArray || err != nil {
		return nil, because(ErrSyntax, "key %s: want a JSON array of %d, as in '%s'", short(text), len(types), sampleKey(len(types)))
	}
	return keyFromK(types, enc)
}

// keyLike says whether a value is a list that can be a key.
func keyLike(list []byte) bool {
	n := 0
	for e := range value.Elements(list) {
		if _, ok := componentOf(e); !ok {
			return false
		}
		n++
	}
	return n > 0
}

func sampleKey(n int) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = fmt.Sprintf("%q", string(rune('a'+i%26)))
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// keyFromK reads K: a string or number, or a list of them for a composite key.
func keyFromK(types []value.Type, enc []byte) ([]key.Component, error) {
	elements := [][]byte{enc}
	if value.KindOf(enc) == value.KindList {
		elements = elements[:0]
		for e := range value.Elements(enc) {
			elements = append(elements, e)
		}
	}
	if len(elements) == 0 {
		return nil, because(ErrSyntax, "key is empty")
	}
	if len(types) > 0 && len(elements) != len(types) {
		return nil, because(ErrType, "key has %d components, the table's keys have %d", len(elements), len(types))
	}
	comps := make([]key.Component, len(elements))
	for i, e := range elements {
		t := value.TypeAny
		if len(types) > 0 {
			t = types[i]
		}
		var err error
		if comps[i], err = keyFromJSON(t, e, true); err != nil {
			return nil, err
		}
	}
	return comps, nil
}

// FormatKey writes a row's key for people and command lines: one component in plain form,
// several as a JSON array. ParseKey reads it with the columns' types.
func FormatKey(comps []key.Component) string {
	if len(comps) == 1 {
		return comps[0].String()
	}
	return string(AppendKeyJSON(nil, comps))
}

// AppendKeyJSON appends K: a string, or an array of strings if there are several components.
// Integers are written in digits, bytes as {"$bytes":"base64"}.
func AppendKeyJSON(dst []byte, comps []key.Component) []byte {
	if len(comps) == 1 {
		return appendComponentJSON(dst, comps[0])
	}
	dst = append(dst, '[')
	for i, c := range comps {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendComponentJSON(dst, c)
	}
	return append(dst, ']')
}

func appendComponentJSON(dst []byte, c key.Component) []byte {
	if b, ok := c.Bytes(); ok {
		return value.AppendJSON(dst, value.AppendBytes(nil, b))
	}
	return value.AppendJSON(dst, value.AppendText(nil, c.String()))
}

// ParseField reads one argument of a command line: NAME=VALUE, or NAME:=JSON. typeOf states
// a column's type; nil, or false from it, if there is none.
//
// VALUE is in plain form: of the column's type if that is stated, else a number, true,
// false, null or a JSON array if it is exactly that, and otherwise a text. JSON is any
// value; an object is as many fields as it has leaves, named by path. Of a stated type, null
// is written NAME:=null. A name may hold '=' only behind a '\', which ParseField takes away.
func ParseField(arg string, typeOf func(name string) (value.Type, bool)) ([]value.Field, error) {
	name, text, isJSON, err := cutField(arg)
	if err != nil {
		return nil, err
	}
	if err := value.CheckName(name); err != nil {
		return nil, err
	}
	if !utf8.ValidString(text) {
		return nil, because(ErrSyntax, "field %s: value is not valid UTF-8", name)
	}
	if isJSON {
		return jsonFields(name, []byte(text))
	}
	t := value.TypeAny
	if typeOf != nil {
		if stated, ok := typeOf(name); ok {
			t = stated
		}
	}
	enc, err := value.ParsePlain(nil, t, []byte(text))
	if err != nil {
		return nil, fmt.Errorf("field %s: %w", name, misfit(t, []byte(text)))
	}
	if err := value.CheckOperand(enc); err != nil {
		return nil, fmt.Errorf("field %s: %w", name, err)
	}
	return []value.Field{{Name: name, Enc: enc}}, nil
}

// ParseFields reads the JSON object of a row's fields, as put takes it from a file, in
// ascending order of their names. It fails with an *Error.
func ParseFields(text []byte) ([]value.Field, error) {
	at := place{line: 1, column: 1}
	if len(text) > MaxJSONBytes {
		return nil, &Error{Err: because(ErrLimit, "object of %d bytes is above the limit of %d", len(text), MaxJSONBytes)}
	}
	if err := checkJSON(text, at); err != nil {
		return nil, err
	}
	return fieldsOf(text, at, span{0, len(text)})
}

// cutField splits an argument at the first '=' that no '\' stands before.
func cutField(arg string) (name, text string, isJSON bool, err error) {
	var b strings.Builder
	for i := 0; i < len(arg); i++ {
		switch {
		case arg[i] == '\\' && i+1 < len(arg):
			if i++; arg[i] != '=' {
				b.WriteByte('\\')
			}
			b.WriteByte(arg[i])
			continue
		case arg[i] == '=':
			name, isJSON = strings.CutSuffix(b.String(), ":")
			return name, arg[i+1:], isJSON, nil
		}
		b.WriteByte(arg[i])
	}
	return "", "", false, because(ErrSyntax, "%s: want FIELD=VALUE or FIELD:=JSON", short(fmt.Sprintf("%q", arg)))
}

// jsonFields reads the JSON of a field, or of the fields below a path.
func jsonFields(name string, text []byte) ([]value.Field, error) {
	if err := checkJSON(text, place{line: 1, column: 1}); err != nil {
		return nil, fmt.Errorf("field %s: %w", name, err)
	}
	s := jsonScanner{in: text}
	if s.peek() != '{' {
		enc, err := value.ParseJSON(text)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", name, err)
		}
		return []value.Field{{Name: name, Enc: enc}}, nil
	}
	// The object is read as the value of a member, since only there may it be bytes.
	wrapped := append(append([]byte(`{"v":`), text...), '}')
	fields, err := value.ParseJSONObject(wrapped)
	if err != nil {
		return nil, fmt.Errorf("field %s: %w", name, err)
	}
	for i := range fields {
		fields[i].Name = name + strings.TrimPrefix(fields[i].Name, "v")
		if err := value.CheckName(fields[i].Name); err != nil {
			return nil, err
		}
	}
	return fields, nil
}
