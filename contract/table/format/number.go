package format

import (
	"math/big"

	"aergo/contract/value"
)

// maxSmallDigits is how many digits surely fit an int64.
const maxSmallDigits = 18

// smallNumber parses the plain form of an integer or decimal of few digits: coefficient /
// 10^scale. What it does not take may still be a number.
func smallNumber(c []byte) (coefficient int64, scale int, ok bool) {
	digits, negative := c, false
	if len(digits) > 0 && digits[0] == '-' {
		digits, negative = digits[1:], true
	}
	if len(digits) == 0 || len(digits) > maxSmallDigits+1 {
		return 0, 0, false
	}
	point := len(digits)
	for i, d := range digits {
		switch {
		case d >= '0' && d <= '9':
			coefficient = coefficient*10 + int64(d-'0')
		case d == '.' && point == len(digits):
			point = i
		default:
			return 0, 0, false
		}
	}
	hasPoint := point < len(digits)
	if hasPoint {
		scale = len(digits) - point - 1
	}
	switch {
	case point == 0, point > 1 && digits[0] == '0', hasPoint && scale == 0,
		!hasPoint && len(digits) > maxSmallDigits, negative && coefficient == 0:
		return 0, 0, false
	case negative:
		coefficient = -coefficient
	}
	return coefficient, scale, true
}

// smallInt is smallNumber for integers.
func smallInt(c []byte) (int64, bool) {
	n, scale, ok := smallNumber(c)
	return n, ok && scale == 0
}

// numberEncoder is value.ParsePlain with a short way for numbers of few digits.
type numberEncoder struct {
	coefficient big.Int
}

func (e *numberEncoder) appendValue(dst []byte, t value.Type, c []byte) ([]byte, error) {
	switch t {
	case value.TypeInteger, value.TypeDecimal:
		n, scale, ok := smallNumber(c)
		switch {
		case !ok || scale > 0 && t == value.TypeInteger:
		case scale == 0:
			return value.AppendInt(dst, n), nil
		default:
			return value.AppendDecimal(dst, e.coefficient.SetInt64(n), scale)
		}
	}
	return value.ParsePlain(dst, t, c)
}
