package value

import (
	"fmt"
	"math"
	"math/big"

	"aergo/repo/object"
)

// Number is the content of an integer or decimal: Coefficient / 10^Scale.
type Number struct {
	Coefficient *big.Int
	Scale       int // 0 for an integer
}

// AsNumber returns the content of an integer or decimal and whether enc is one.
func AsNumber(enc []byte) (Number, bool) {
	if n, ok := asInt64(enc); ok {
		return Number{Coefficient: big.NewInt(n)}, true
	}
	kind := KindOf(enc)
	if kind != KindInteger && kind != KindDecimal {
		return Number{}, false
	}
	r := object.ReaderOf(enc)
	if r.Peek() == object.ItemUint {
		return Number{Coefficient: new(big.Int).SetUint64(r.Uint())}, r.Err() == nil
	}
	r.Array(4)
	c, scale := new(big.Int), 0
	switch r.Uint() {
	case tagNegative:
		c.Not(c.SetUint64(r.Uint()))
	case tagDecimal:
		scale = int(r.UintMax(MaxScale))
		fallthrough
	case tagBig:
		sign := r.Uint()
		c.SetBytes(r.Bytes(StoredBits / 8))
		if sign == 1 {
			c.Neg(c)
		}
	}
	return Number{Coefficient: c, Scale: scale}, r.Err() == nil
}

// asInt64 is the fast way for integers that fit, which nearly all are.
func asInt64(enc []byte) (int64, bool) {
	if n, ok := AsUint(enc); ok {
		return int64(n), n <= math.MaxInt64
	}
	if len(enc) < 3 || enc[0] != 0x82 || enc[1] != tagNegative {
		return 0, false
	}
	n, ok := AsUint(enc[2:])
	return int64(^n), ok && n <= math.MaxInt64
}

// IsNumber says whether enc is an integer or a decimal.
func IsNumber(enc []byte) bool {
	k := KindOf(enc)
	return k == KindInteger || k == KindDecimal
}

// AppendSum appends the exact sum of two numbers. Its scale is the larger of the two, so
// the sum of several is the same in any order. It fails with ErrType if a or b is no number,
// and with ErrRange if the sum, in that scale, is not below 2^StoredBits.
func AppendSum(dst, a, b []byte) ([]byte, error) {
	if x, ok := asInt64(a); ok {
		if y, ok := asInt64(b); ok {
			if sum := x + y; (sum > x) == (y > 0) {
				return AppendInt(dst, sum), nil
			}
		}
	}
	x, ok := AsNumber(a)
	if !ok {
		return dst, fmt.Errorf("sum with %v: %w", KindOf(a), ErrType)
	}
	y, ok := AsNumber(b)
	if !ok {
		return dst, fmt.Errorf("sum with %v: %w", KindOf(b), ErrType)
	}
	scale := max(x.Scale, y.Scale)
	sum := x.rescaled(scale)
	sum.Add(sum, y.rescaled(scale))
	return AppendDecimal(dst, sum, scale)
}

// Add is AppendSum into a new slice.
func Add(a, b []byte) ([]byte, error) { return AppendSum(nil, a, b) }

// rescaled returns the coefficient at a scale of at least n.Scale. It may be n's own.
func (n Number) rescaled(scale int) *big.Int {
	if scale == n.Scale {
		return n.Coefficient
	}
	f := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale-n.Scale)), nil)
	return f.Mul(f, n.Coefficient)
}

// AppendNegated appends the number of the opposite sign. It fails with ErrType.
func AppendNegated(dst, enc []byte) ([]byte, error) {
	n, ok := AsNumber(enc)
	if !ok {
		return dst, fmt.Errorf("negative of %v: %w", KindOf(enc), ErrType)
	}
	return AppendDecimal(dst, n.Coefficient.Neg(n.Coefficient), n.Scale)
}
