package value

import (
	"fmt"
	"math/big"

	"aergo/repo/object"
)

// AppendAbsent appends the absent value.
func AppendAbsent(dst []byte) []byte { return object.AppendArray(dst, 0) }

// AppendNull appends null.
func AppendNull(dst []byte) []byte { return append(dst, 0x81, tagNull) }

// AppendBool appends a bool.
func AppendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 0x82, tagBool, 1)
	}
	return append(dst, 0x82, tagBool, 0)
}

// AppendUint appends an integer.
func AppendUint(dst []byte, n uint64) []byte { return object.AppendUint(dst, n) }

// AppendInt appends an integer.
func AppendInt(dst []byte, n int64) []byte {
	if n >= 0 {
		return object.AppendUint(dst, uint64(n))
	}
	return object.AppendUint(append(dst, 0x82, tagNegative), ^uint64(n))
}

// AppendText appends a text, which must be valid UTF-8.
func AppendText(dst []byte, s string) []byte { return object.AppendText(dst, s) }

// AppendBytes appends a byte string.
func AppendBytes(dst, b []byte) []byte { return object.AppendBytes(dst, b) }

// AppendBigInt appends an integer. It fails with ErrRange from 2^StoredBits on.
func AppendBigInt(dst []byte, n *big.Int) ([]byte, error) {
	if n.IsUint64() {
		return object.AppendUint(dst, n.Uint64()), nil
	}
	if n.BitLen() > StoredBits {
		return dst, fmt.Errorf("integer of %d bits: %w", n.BitLen(), ErrRange)
	}
	mag := n.Bytes()
	if n.Sign() > 0 {
		return object.AppendBytes(append(dst, 0x83, tagBig, 0), mag), nil
	}
	if less := new(big.Int).Not(n); less.IsUint64() {
		return object.AppendUint(append(dst, 0x82, tagNegative), less.Uint64()), nil
	}
	return object.AppendBytes(append(dst, 0x83, tagBig, 1), mag), nil
}

// AppendDecimal appends coefficient / 10^scale, an integer if scale is 0. It fails with
// ErrRange beyond 2^StoredBits or MaxScale.
func AppendDecimal(dst []byte, coefficient *big.Int, scale int) ([]byte, error) {
	if scale == 0 {
		return AppendBigInt(dst, coefficient)
	}
	if scale < 0 || scale > MaxScale || coefficient.BitLen() > StoredBits {
		return dst, fmt.Errorf("decimal of %d bits and scale %d: %w", coefficient.BitLen(), scale, ErrRange)
	}
	sign := byte(0)
	if coefficient.Sign() < 0 {
		sign = 1
	}
	dst = object.AppendUint(append(dst, 0x84, tagDecimal), uint64(scale))
	return object.AppendBytes(append(dst, sign), coefficient.Bytes()), nil
}

// AppendList appends a list of encoded elements, in the order given.
func AppendList(dst []byte, elements ...[]byte) []byte {
	dst = append(object.AppendArray(dst, 1+len(elements)), tagList)
	for _, e := range elements {
		dst = append(dst, e...)
	}
	return dst
}

// AppendEmptyRecord appends the record without members.
func AppendEmptyRecord(dst []byte) []byte { return append(dst, 0x81, tagRecord) }

// AsText returns the content of a text, a slice of enc, and whether enc is one.
func AsText(enc []byte) ([]byte, bool) {
	if KindOf(enc) != KindText {
		return nil, false
	}
	r := object.ReaderOf(enc)
	s := r.TextBytes(len(enc))
	return s, r.Err() == nil
}

// AsBytes returns the content of a byte string, a slice of enc, and whether enc is one.
func AsBytes(enc []byte) ([]byte, bool) {
	if KindOf(enc) != KindBytes {
		return nil, false
	}
	r := object.ReaderOf(enc)
	s := r.Bytes(len(enc))
	return s, r.Err() == nil
}

// AsBool returns the content of a bool and whether enc is one.
func AsBool(enc []byte) (v, ok bool) {
	if KindOf(enc) != KindBool || len(enc) != 3 {
		return false, false
	}
	return enc[2] == 1, true
}

// AsUint returns an integer that fits, and whether enc is one.
func AsUint(enc []byte) (uint64, bool) {
	if len(enc) == 0 || enc[0]>>5 != 0 {
		return 0, false
	}
	r := object.ReaderOf(enc)
	n := r.Uint()
	return n, r.Err() == nil
}
