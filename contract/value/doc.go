// Package value holds the typed, exact values of table fields: null, bool, integer,
// decimal, text, bytes, list and record. There are no floats, and nothing is rounded.
//
// A value is handled as its encoding, a byte slice: each value has one encoding, so values
// are equal if and only if the bytes are. The encoding is made of package object's items:
//
//	text               a text string
//	bytes              a byte string
//	0 .. 2^64-1        an unsigned integer
//	absent             []              only in operations, where it unsets a field
//	null               [0]
//	bool               [1, 0 or 1]
//	-2^64 .. -1        [2, n]          the integer -1-n
//	other integers     [3, sign, magnitude]            sign 1 is negative
//	decimal            [4, scale, sign, magnitude]     magnitude / 10^scale, scale 1 to MaxScale
//	list               [5, element, ...]
//	record             [6, name, value, ...]           names ascending, as bytes
//
// A magnitude is a big-endian byte string without leading zero bytes; zero is empty and
// has sign 0. A decimal keeps its scale, so 1.50 stays 1.50 and differs from 1.5; a decimal
// of scale 0 does not exist, it is an integer. A record is the JSON object inside a list:
// as a field only the empty one exists, since the members of an object are fields of their
// own, named by path (see JoinPath).
//
// What an author writes, an operand, has integers and coefficients below 2^256 in
// magnitude. What is stored may reach 2^512, so that sums do not overflow: 2^43 operands of
// the largest scale difference fit, and no field sees as many.
//
// The package refuses anything that is not in this form, nested deeper than MaxDepth or
// larger than MaxBytes. It knows no rows, schemas or files. Functions that take an encoded
// value and return no error take one that Check or a Read has accepted; given other bytes
// they return a meaningless result but do not panic.
package value
