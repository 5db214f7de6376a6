package key

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"unicode/utf8"
)

// Type is the type of a component. Its order is the order of the types in a tuple.
type Type uint8

// The types of component.
const (
	TypeBytes Type = 1 + iota
	TypeText
	TypeInt
)

func (t Type) String() string {
	switch t {
	case TypeBytes:
		return "bytes"
	case TypeText:
		return "text"
	case TypeInt:
		return "integer"
	}
	return "type " + strconv.Itoa(int(t))
}

// MaxIntBytes is the length of the largest integer's magnitude.
const MaxIntBytes = 255

const (
	tagBytes  = 0x01
	tagText   = 0x02
	tagNegBig = 0x0b
	tagZero   = 0x14
	tagPosBig = 0x1d
)

// ErrMalformed is wrapped by the errors of Decode and Split.
var ErrMalformed = errors.New("malformed key")

// Component is one element of a tuple. Components are comparable with ==, and equal
// exactly when their encodings are. The zero Component is not valid.
type Component struct {
	typ Type
	neg bool
	mag uint64 // magnitude of an integer that fits
	str string // the string; or the magnitude, above eight bytes, of a big integer
}

// Text returns a text component. Encode and Row refuse it unless s is valid UTF-8.
func Text(s string) Component { return Component{typ: TypeText, str: s} }

// Bytes returns a bytes component with a copy of b.
func Bytes(b []byte) Component { return Component{typ: TypeBytes, str: string(b)} }

// Int returns an integer component.
func Int(n int64) Component {
	if n < 0 {
		return Component{typ: TypeInt, neg: true, mag: -uint64(n)}
	}
	return Component{typ: TypeInt, mag: uint64(n)}
}

// Uint returns an integer component.
func Uint(n uint64) Component { return Component{typ: TypeInt, mag: n} }

// BigInt returns an integer component with a copy of n, which is not nil. Encode and Row
// refuse it above MaxIntBytes.
func BigInt(n *big.Int) Component {
	c := Component{typ: TypeInt, neg: n.Sign() < 0}
	if n.BitLen() <= 64 {
		c.mag = new(big.Int).Abs(n).Uint64()
	} else {
		c.str = string(n.Bytes())
	}
	return c
}

// Type returns the component's type.
func (c Component) Type() Type { return c.typ }

// Text returns the content of a text component and whether c is one.
func (c Component) Text() (string, bool) {
	if c.typ != TypeText {
		return "", false
	}
	return c.str, true
}

// Bytes returns a copy of the content of a bytes component and whether c is one.
func (c Component) Bytes() ([]byte, bool) {
	if c.typ != TypeBytes {
		return nil, false
	}
	return []byte(c.str), true
}

// Int returns an integer component that fits, and whether c is one.
func (c Component) Int() (int64, bool) {
	switch {
	case c.typ != TypeInt || c.str != "":
		return 0, false
	case c.neg && c.mag <= 1<<63:
		return int64(-c.mag), true
	case !c.neg && c.mag <= math.MaxInt64:
		return int64(c.mag), true
	}
	return 0, false
}

// BigInt returns an integer component of any size, and whether c is one.
func (c Component) BigInt() (*big.Int, bool) {
	if c.typ != TypeInt {
		return nil, false
	}
	n := new(big.Int).SetUint64(c.mag)
	if c.str != "" {
		n.SetBytes([]byte(c.str))
	}
	if c.neg {
		n.Neg(n)
	}
	return n, true
}

// String returns text as it is, bytes in hex, and integers in decimal, for people.
func (c Component) String() string {
	switch c.typ {
	case TypeText:
		return c.str
	case TypeBytes:
		return hex.EncodeToString([]byte(c.str))
	case TypeInt:
		if n, ok := c.Int(); ok {
			return strconv.FormatInt(n, 10)
		}
		n, _ := c.BigInt()
		return n.String()
	}
	return c.typ.String()
}

// Append appends the encoding of comps to dst. It checks nothing: what is not valid
// UTF-8, too large, or a zero Component, makes bytes that Decode refuses. Encode checks.
func Append(dst []byte, comps ...Component) []byte {
	for i := range comps {
		switch c := &comps[i]; c.typ {
		case TypeText:
			dst = appendString(append(dst, tagText), c.str)
		case TypeBytes:
			dst = appendString(append(dst, tagBytes), c.str)
		case TypeInt:
			dst = appendInt(dst, c)
		default:
			dst = append(dst, 0)
		}
	}
	return dst
}

// AppendText appends the encoding of the text component s: Append without a Component.
// s may come from a larger buffer; it is copied. Like Append it checks nothing.
func AppendText(dst, s []byte) []byte { return appendString(append(dst, tagText), s) }

func appendString[S string | []byte](dst []byte, s S) []byte {
	from := 0
	for i := range len(s) {
		if s[i] == 0 {
			dst = append(append(dst, s[from:i+1]...), 0xff)
			from = i + 1
		}
	}
	return append(append(dst, s[from:]...), 0)
}

func appendInt(dst []byte, c *Component) []byte {
	if n := len(c.str); n > 0 {
		if !c.neg {
			return append(append(dst, tagPosBig, byte(n)), c.str...)
		}
		dst = append(dst, tagNegBig, ^byte(n))
		for i := range n {
			dst = append(dst, ^c.str[i])
		}
		return dst
	}
	var buf [8]byte
	n := magnitudeSize(c.mag)
	if c.neg {
		binary.BigEndian.PutUint64(buf[:], ^c.mag)
		return append(append(dst, byte(tagZero-n)), buf[8-n:]...)
	}
	binary.BigEndian.PutUint64(buf[:], c.mag)
	return append(append(dst, byte(tagZero+n)), buf[8-n:]...)
}

func magnitudeSize(n uint64) int {
	size := 0
	for ; n > 0; n >>= 8 {
		size++
	}
	return size
}

// Encode returns the encoding of comps. It fails on a component that Decode would refuse
// and above MaxTupleBytes.
func Encode(comps ...Component) ([]byte, error) {
	for i, c := range comps {
		switch {
		case c.typ < TypeBytes || c.typ > TypeInt:
			return nil, fmt.Errorf("key component %d has no type", i)
		case c.typ == TypeText && !utf8.ValidString(c.str):
			return nil, fmt.Errorf("key component %d is not valid UTF-8", i)
		case c.typ == TypeInt && len(c.str) > MaxIntBytes:
			return nil, fmt.Errorf("key component %d: integer of %d bytes: %w", i, len(c.str), ErrTooLong)
		case len(c.str) > MaxTupleBytes:
			return nil, fmt.Errorf("key component %d of %d bytes: %w", i, len(c.str), ErrTooLong)
		}
	}
	b := Append(nil, comps...)
	if len(b) > MaxTupleBytes {
		return nil, fmt.Errorf("key of %d bytes: %w: at most %d", len(b), ErrTooLong, MaxTupleBytes)
	}
	return b, nil
}

// Decode returns the components of an encoded tuple of at most MaxBytes. What it accepts
// encodes back to the same bytes. The components keep no reference to b.
func Decode(b []byte) ([]Component, error) {
	if len(b) > MaxBytes {
		return nil, fmt.Errorf("key of %d bytes: %w: at most %d", len(b), ErrTooLong, MaxBytes)
	}
	var comps []Component
	for pos := 0; pos < len(b); {
		c, n, err := decodeOne(b[pos:])
		if err != nil {
			return nil, fmt.Errorf("%w at byte %d: %w", ErrMalformed, pos, err)
		}
		comps = append(comps, c)
		pos += n
	}
	return comps, nil
}

// decodeOne reads the first component of b, which is not empty, and returns its length.
func decodeOne(b []byte) (Component, int, error) {
	switch tag := b[0]; {
	case tag == tagBytes:
		s, n, err := decodeString(b[1:])
		return Component{typ: TypeBytes, str: string(s)}, 1 + n, err
	case tag == tagText:
		s, n, err := decodeString(b[1:])
		if err == nil && !utf8.Valid(s) {
			err = errors.New("text is not valid UTF-8")
		}
		return Component{typ: TypeText, str: string(s)}, 1 + n, err
	case tag == tagNegBig || tag == tagPosBig:
		return decodeBig(b)
	case tag > tagNegBig && tag < tagPosBig:
		return decodeInt(b)
	default:
		return Component{}, 0, fmt.Errorf("unknown tag 0x%02x", tag)
	}
}

func decodeString(b []byte) (s []byte, n int, err error) {
	for from := 0; ; {
		i := bytes.IndexByte(b[from:], 0)
		if i < 0 {
			return nil, 0, errors.New("string has no end")
		}
		end := from + i
		if end+1 == len(b) || b[end+1] != 0xff {
			if s == nil {
				return b[:end], end + 1, nil
			}
			return append(s, b[from:end]...), end + 1, nil
		}
		s = append(s, b[from:end+1]...)
		from = end + 2
	}
}

func decodeInt(b []byte) (Component, int, error) {
	c := Component{typ: TypeInt}
	n := int(b[0]) - tagZero
	if n < 0 {
		c.neg, n = true, -n
	}
	if len(b) < 1+n {
		return c, 0, errors.New("integer runs past the end")
	}
	for _, x := range b[1 : 1+n] {
		if c.neg {
			x = ^x
		}
		c.mag = c.mag<<8 | uint64(x)
	}
	if magnitudeSize(c.mag) != n {
		return c, 0, errors.New("integer has a leading zero")
	}
	return c, 1 + n, nil
}

func decodeBig(b []byte) (Component, int, error) {
	c := Component{typ: TypeInt, neg: b[0] == tagNegBig}
	if len(b) < 2 {
		return c, 0, errors.New("integer runs past the end")
	}
	flip := byte(0)
	if c.neg {
		flip = 0xff
	}
	n := int(b[1] ^ flip)
	if n <= 8 || len(b)-2 < n {
		return c, 0, fmt.Errorf("big integer of %d bytes", n)
	}
	mag := make([]byte, n)
	for i, x := range b[2 : 2+n] {
		mag[i] = x ^ flip
	}
	if mag[0] == 0 {
		return c, 0, errors.New("integer has a leading zero")
	}
	c.str = string(mag)
	return c, 2 + n, nil
}
