package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"aergo/repo/object"
)

func compareHash(a, b object.Hash) int { return bytes.Compare(a[:], b[:]) }

func kindIn(k object.Kind, kinds []object.Kind) bool {
	return len(kinds) == 0 || slices.Contains(kinds, k)
}

// found turns the error of a lookup into the answer of Has.
func found(err error) (bool, error) {
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// prefixRange returns the lowest and the highest hash that begin with the hex digits.
func prefixRange(hexPrefix string) (low, high object.Hash, err error) {
	if len(hexPrefix) > 2*object.HashSize {
		return low, high, fmt.Errorf("prefix of %d digits: %w", len(hexPrefix), object.ErrBadHash)
	}
	for i := range high {
		high[i] = 0xff
	}
	for i := range len(hexPrefix) {
		var digit byte
		switch c := hexPrefix[i]; {
		case '0' <= c && c <= '9':
			digit = c - '0'
		case 'a' <= c && c <= 'f':
			digit = c - 'a' + 10
		default:
			return low, high, fmt.Errorf("prefix %q: %w: want lower-case hex", hexPrefix, object.ErrBadHash)
		}
		if i%2 == 0 {
			low[i/2], high[i/2] = digit<<4, digit<<4|0x0f
		} else {
			low[i/2] |= digit
			high[i/2] = high[i/2]&0xf0 | digit
		}
	}
	return low, high, nil
}
