package value

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"unicode/utf8"

	"aergo/repo/object"
)

// The plain form is how a value stands in a CSV cell, on a terminal and on a command line:
// text as it is, numbers in canonical decimal digits, true and false, bytes in lower-case
// hex, null as the word null, lists as JSON. Within one type other than any, the plain form
// of a value that is not null parses back to the same bytes.

// maxNumeralBytes bounds a canonical number: sign, 78 digits of a coefficient below 2^256
// and leading zeros up to MaxScale, point.
const maxNumeralBytes = 1 + 78 + 2

// AppendPlain appends the plain form of an encoded value; nothing if it is absent.
func AppendPlain(dst, enc []byte) []byte {
	switch KindOf(enc) {
	case KindInvalid, KindAbsent:
		return dst
	case KindText:
		s, _ := AsText(enc)
		return append(dst, s...)
	case KindBytes:
		b, _ := AsBytes(enc)
		return hex.AppendEncode(dst, b)
	}
	return AppendJSON(dst, enc)
}

// ParsePlain appends the value of type t whose plain form is cell. It fails with ErrSyntax
// or ErrRange. With TypeAny it is a number, bool or null if cell is exactly the plain form
// of one, a list if cell is JSON of one, and a text otherwise.
func ParsePlain(dst []byte, t Type, cell []byte) ([]byte, error) {
	switch t {
	case TypeText:
		if !utf8.Valid(cell) {
			return dst, fmt.Errorf("text: %w: not valid UTF-8", ErrSyntax)
		}
		return appendTextBytes(dst, cell), nil
	case TypeInteger:
		if out, ok := parseInteger(dst, cell); ok {
			return out, nil
		}
	case TypeDecimal:
		if out, ok := parseNumeral(dst, cell); ok {
			return out, nil
		}
	case TypeBool:
		if IsBool(cell) {
			return AppendBool(dst, cell[0] == 't'), nil
		}
	case TypeBytes:
		if b, err := hex.DecodeString(string(cell)); err == nil && strings.ToLower(string(cell)) == string(cell) {
			return AppendBytes(dst, b), nil
		}
	case TypeList:
		if enc, err := ParseJSON(cell); err == nil && KindOf(enc) == KindList {
			return append(dst, enc...), nil
		}
	case TypeAny:
		return parseAny(dst, cell)
	}
	return dst, fmt.Errorf("%.40q: %w for type %v", cell, ErrSyntax, t)
}

func appendTextBytes(dst, s []byte) []byte {
	head := len(dst)
	dst = object.AppendBytes(dst, s)
	dst[head] ^= 0x40 ^ 0x60 // the head of a text differs from that of bytes in the type only
	return dst
}

func parseAny(dst, cell []byte) ([]byte, error) {
	if out, ok := parseNumeral(dst, cell); ok {
		return out, nil
	}
	switch string(cell) {
	case "true", "false":
		return AppendBool(dst, cell[0] == 't'), nil
	case "null":
		return AppendNull(dst), nil
	}
	if len(cell) > 0 && cell[0] == '[' {
		if enc, err := ParseJSON(cell); err == nil {
			return append(dst, enc...), nil
		}
	}
	return ParsePlain(dst, TypeText, cell)
}

// IsBool says whether cell is exactly true or false.
func IsBool(cell []byte) bool { return string(cell) == "true" || string(cell) == "false" }

// IsInteger says whether cell is the plain form of an integer below 2^OperandBits: no
// leading zeros, no plus, no minus zero.
func IsInteger(cell []byte) bool {
	_, scale, ok := scanNumeral(cell)
	return ok && scale == 0 && inRange(cell, scale)
}

// IsDecimal says whether cell is the plain form of a decimal or integer with a coefficient
// below 2^OperandBits.
func IsDecimal(cell []byte) bool {
	_, scale, ok := scanNumeral(cell)
	return ok && inRange(cell, scale)
}

// scanNumeral checks the form of a number and counts the digits after its point.
func scanNumeral(cell []byte) (negative bool, scale int, ok bool) {
	if len(cell) == 0 || len(cell) > maxNumeralBytes {
		return false, 0, false
	}
	digits := cell
	if digits[0] == '-' {
		negative, digits = true, digits[1:]
	}
	whole, zero := 0, true
	for whole < len(digits) && isDigit(digits[whole]) {
		zero = zero && digits[whole] == '0'
		whole++
	}
	if whole == 0 || whole > 1 && digits[0] == '0' {
		return false, 0, false
	}
	if whole < len(digits) {
		if digits[whole] != '.' {
			return false, 0, false
		}
		for _, c := range digits[whole+1:] {
			if !isDigit(c) {
				return false, 0, false
			}
			zero = zero && c == '0'
			scale++
		}
		if scale == 0 || scale > MaxScale {
			return false, 0, false
		}
	}
	return negative, scale, !(negative && zero)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// inRange says whether the coefficient of a number of good form is below 2^OperandBits.
func inRange(cell []byte, scale int) bool {
	if len(cell) <= 77 {
		return true
	}
	return coefficient(cell, scale).BitLen() <= OperandBits
}

func coefficient(cell []byte, scale int) *big.Int {
	digits := string(cell)
	if scale > 0 {
		point := len(cell) - scale - 1
		digits = digits[:point] + digits[point+1:]
	}
	c, _ := new(big.Int).SetString(digits, 10)
	return c
}

// parseInteger appends the integer that cell is the plain form of.
func parseInteger(dst, cell []byte) ([]byte, bool) {
	_, scale, ok := scanNumeral(cell)
	if !ok || scale != 0 {
		return dst, false
	}
	return parseNumeral(dst, cell)
}

// parseNumeral appends the integer or decimal that cell is the plain form of.
func parseNumeral(dst, cell []byte) ([]byte, bool) {
	negative, scale, ok := scanNumeral(cell)
	switch {
	case !ok:
		return dst, false
	case scale == 0 && len(cell) <= 18:
		digits, n := cell, int64(0)
		if negative {
			digits = cell[1:]
		}
		for _, c := range digits {
			n = n*10 + int64(c-'0')
		}
		if negative {
			n = -n
		}
		return AppendInt(dst, n), true
	}
	c := coefficient(cell, scale)
	if c.BitLen() > OperandBits {
		return dst, false
	}
	out, err := AppendDecimal(dst, c, scale)
	return out, err == nil
}

// appendNumeral appends the digits of an integer or decimal.
func appendNumeral(dst, enc []byte) []byte {
	n, ok := AsNumber(enc)
	if !ok {
		return dst
	}
	if n.Scale == 0 {
		return n.Coefficient.Append(dst, 10)
	}
	digits := n.Coefficient.String()
	if digits[0] == '-' {
		dst, digits = append(dst, '-'), digits[1:]
	}
	if short := n.Scale + 1 - len(digits); short > 0 {
		digits = strings.Repeat("0", short) + digits
	}
	point := len(digits) - n.Scale
	return append(append(append(dst, digits[:point]...), '.'), digits[point:]...)
}
