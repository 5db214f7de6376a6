package key

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"unicode/utf8"
)

// stringJSON is a component that JSON has no form of its own for.
type stringJSON struct {
	Bytes *[]byte `json:"bytes,omitempty"`
	Text  *[]byte `json:"text,omitempty"` // that is not UTF-8, and so in no key
}

// MarshalJSON implements json.Marshaler: text is a string, an integer of any size a number,
// bytes are {"bytes": BASE64}, and the zero Component is null.
func (c Component) MarshalJSON() ([]byte, error) {
	raw := []byte(c.str)
	switch c.typ {
	case TypeText:
		if !utf8.ValidString(c.str) {
			return json.Marshal(stringJSON{Text: &raw})
		}
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		err := e.Encode(c.str)
		return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), err
	case TypeBytes:
		return json.Marshal(stringJSON{Bytes: &raw})
	case TypeInt:
		return []byte(c.String()), nil
	}
	return []byte("null"), nil
}

// UnmarshalJSON implements json.Unmarshaler. The error wraps ErrMalformed.
func (c *Component) UnmarshalJSON(data []byte) error {
	switch {
	case len(data) == 0:
		return fmt.Errorf("%w: no JSON", ErrMalformed)
	case string(data) == "null":
		*c = Component{}
		return nil
	case data[0] == '"':
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		*c = Text(s)
		return nil
	case data[0] == '{':
		var s stringJSON
		err := json.Unmarshal(data, &s)
		switch {
		case err != nil:
			return fmt.Errorf("%w: %w", ErrMalformed, err)
		case s.Bytes != nil && s.Text == nil:
			*c = Bytes(*s.Bytes)
		case s.Text != nil && s.Bytes == nil:
			*c = Text(string(*s.Text))
		default:
			return fmt.Errorf("%w: want bytes", ErrMalformed)
		}
		return nil
	}
	const maxDigits = 2500 // of MaxIntBytes
	if len(data) > maxDigits {
		return fmt.Errorf("%w: number of %d digits", ErrMalformed, len(data))
	}
	n, ok := new(big.Int).SetString(string(data), 10)
	if !ok {
		return fmt.Errorf("%w: %q is no integer", ErrMalformed, data)
	}
	*c = BigInt(n)
	return nil
}
