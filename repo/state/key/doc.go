// Package key turns typed tuples into byte strings whose order as bytes is the order of
// the tuples, and builds the keys of the state from them.
//
// # The tuple encoding
//
// A tuple is a list of components; a component is bytes, text or an integer. The
// encoding is in the manner of FoundationDB's tuple layer. Every component starts with a
// tag byte, and tags are in the order of the types:
//
//	0x01        bytes: the bytes, each 0x00 written as 0x00 0xff, then 0x00
//	0x02        text: the same with UTF-8
//	0x0b        integer below -(2^64-1): 0xff minus the length n of its magnitude, then the
//	            complement of the magnitude in n bytes
//	0x0c..0x13  negative integer of 8..1 bytes: the complement of its magnitude
//	0x14        zero
//	0x15..0x1c  positive integer of 1..8 bytes, big-endian
//	0x1d        integer above 2^64-1: the length n of its magnitude, then the magnitude
//
// A magnitude has no leading zero byte, so an integer has one encoding only. A 0x00 that
// ends a string is followed by a tag or by the end, never by 0xff, so the end cannot be
// mistaken for an escaped zero, and a string sorts before its own extensions. Encodings
// concatenate: the encoding of a tuple is a prefix of that of every tuple it begins, and
// nothing else lies between them.
//
// Text sorts by its UTF-8 bytes. Collation by language is not this package's business.
//
// # State keys
//
// A state key is one kind byte, the table's name as a text component, and for rows the
// components of the row's key. The rows of a table are thus one contiguous range.
//
// The package refuses keys above MaxBytes, invalid UTF-8, and table names that could
// escape from a path, a terminal or a composite name.
package key
