package format

import (
	"fmt"
	"math/big"

	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo/state/key"
)

// appendComponent appends the key component whose plain form is c, of a column of type t.
func appendComponent(dst []byte, t value.Type, c []byte) ([]byte, bool) {
	switch t {
	case value.TypeText, value.TypeAny:
		return key.AppendText(dst, c), true
	case value.TypeInteger:
		if n, ok := smallInt(c); ok {
			return key.Append(dst, key.Int(n)), true
		}
	}
	comp, ok := parseComponent(t, c)
	if !ok {
		return dst, false
	}
	return key.Append(dst, comp), true
}

// parseComponent returns the key component whose plain form is c, of a column of type t (see
// table.ComponentType), and whether there is one. Of TypeAny it is a text.
func parseComponent(t value.Type, c []byte) (key.Component, bool) {
	switch t {
	case value.TypeText, value.TypeAny:
		return key.Text(string(c)), true
	case value.TypeInteger:
		if n, ok := smallInt(c); ok {
			return key.Int(n), true
		}
	}
	enc, err := value.ParsePlain(nil, t, c)
	if err != nil {
		return key.Component{}, false
	}
	if want, _ := table.ComponentType(t); want == key.TypeText {
		return key.Text(string(c)), true
	}
	return componentOf(enc)
}

// componentOf returns the key component that a text, an integer or bytes is.
func componentOf(enc []byte) (key.Component, bool) {
	switch value.KindOf(enc) {
	case value.KindText:
		s, ok := value.AsText(enc)
		return key.Text(string(s)), ok
	case value.KindBytes:
		b, ok := value.AsBytes(enc)
		return key.Bytes(b), ok
	case value.KindInteger:
		if n, ok := value.AsUint(enc); ok {
			return key.Uint(n), true
		}
		n, ok := value.AsNumber(enc)
		if !ok {
			return key.Component{}, false
		}
		return key.BigInt(n.Coefficient), true
	}
	return key.Component{}, false
}

// valueOf appends the value of the type that a key component has.
func valueOf(dst []byte, c key.Component) ([]byte, error) {
	if s, ok := c.Text(); ok {
		return value.AppendText(dst, s), nil
	}
	if b, ok := c.Bytes(); ok {
		return value.AppendBytes(dst, b), nil
	}
	if n, ok := c.Int(); ok {
		return value.AppendInt(dst, n), nil
	}
	n, ok := c.BigInt()
	if !ok {
		n = new(big.Int)
	}
	return value.AppendBigInt(dst, n)
}

// keyFromJSON returns the key component that a JSON value stands for in a column of type t.
// untyped says that a text of it has no type of its own, as in K, and is in plain form.
func keyFromJSON(t value.Type, enc []byte, untyped bool) (key.Component, error) {
	want, fixed := table.ComponentType(t)
	if s, isText := value.AsText(enc); isText && fixed && (untyped || want == key.TypeText && t != value.TypeText) {
		if c, ok := parseComponent(t, s); ok {
			return c, nil
		}
		return key.Component{}, misfit(t, s)
	}
	if kind := value.KindOf(enc); fixed && kind == value.KindNull || !t.Fits(enc) {
		return key.Component{}, misfitJSON(t, enc)
	} else if fixed && want == key.TypeText && kind != value.KindText {
		return key.Text(string(value.AppendPlain(nil, enc))), nil
	}
	c, ok := componentOf(enc)
	if !ok {
		return c, because(ErrType, "%.40s is no key: want a text or an integer", value.AppendJSON(nil, enc))
	}
	return c, nil
}

// wanted says what a value of a type is, for people.
func wanted(t value.Type) string {
	switch t {
	case value.TypeBool:
		return "true or false"
	case value.TypeInteger:
		return "an integer"
	case value.TypeDecimal:
		return "a decimal number"
	case value.TypeBytes:
		return "bytes"
	case value.TypeList:
		return "a list"
	case value.TypeText:
		return "a text"
	}
	return "a value"
}

// misfit says that a cell is not of its column's type.
func misfit(t value.Type, c []byte) error {
	hint := ""
	switch t {
	case value.TypeBytes:
		hint = " in lower-case hex"
	case value.TypeList:
		hint = " in JSON"
	}
	return because(ErrType, "%s is not %s%s", short(fmt.Sprintf("%q", c)), wanted(t), hint)
}

// misfitJSON says that a JSON value is not of its column's type.
func misfitJSON(t value.Type, enc []byte) error {
	return because(ErrType, "%s is not %s", short(string(value.AppendJSON(nil, enc))), wanted(t))
}

// short cuts a long text for an error.
func short(s string) string {
	const most = 60
	runes := 0
	for i := range s {
		if runes++; runes > most {
			return s[:i] + "..."
		}
	}
	return s
}
