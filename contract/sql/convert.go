package sql

import (
	"bytes"
	"fmt"
	"math/big"
	"unicode/utf8"

	"github.com/ncruces/go-sqlite3"

	"aergo/contract/value"
)

// datum is a value as SQLite has it: NULL, INTEGER, TEXT or BLOB. A float is none.
type datum struct {
	typ     sqlite3.Datatype
	integer int64
	bytes   []byte
	// decimal says that the text is the digits of a number that SQLite can't compute with
	// exactly.
	decimal bool
}

// datumOf returns the form of an encoded value that a rule sees. Its bytes are enc's own or
// appended to *scratch.
func datumOf(enc []byte, scratch *[]byte) datum {
	if n, ok := value.AsUint(enc); ok && n <= 1<<63-1 {
		return datum{typ: sqlite3.INTEGER, integer: int64(n)}
	}
	switch value.KindOf(enc) {
	case value.KindBool:
		if v, _ := value.AsBool(enc); v {
			return datum{typ: sqlite3.INTEGER, integer: 1}
		}
		return datum{typ: sqlite3.INTEGER}
	case value.KindInteger, value.KindDecimal:
		if n, ok := value.AsNumber(enc); ok && n.Scale == 0 && n.Coefficient.IsInt64() {
			return datum{typ: sqlite3.INTEGER, integer: n.Coefficient.Int64()}
		}
		return datum{typ: sqlite3.TEXT, bytes: plain(enc, scratch), decimal: true}
	case value.KindText:
		text, _ := value.AsText(enc)
		return datum{typ: sqlite3.TEXT, bytes: text}
	case value.KindBytes:
		b, _ := value.AsBytes(enc)
		return datum{typ: sqlite3.BLOB, bytes: b}
	case value.KindList, value.KindRecord:
		return datum{typ: sqlite3.TEXT, bytes: plain(enc, scratch)}
	}
	return datum{typ: sqlite3.NULL}
}

func plain(enc []byte, scratch *[]byte) []byte {
	start := len(*scratch)
	*scratch = value.AppendPlain(*scratch, enc)
	return (*scratch)[start:]
}

func (d datum) equal(other datum) bool {
	return d.typ == other.typ && d.integer == other.integer && bytes.Equal(d.bytes, other.bytes)
}

// answerOf returns the value that a datum stands for in a cell: the first of ours, theirs
// and base that a rule sees as this very datum, or what fits beside the first of these that
// it fits beside. It fails with the reason why it is no answer.
func answerOf(d datum, ours, theirs, base []byte, seen [3]datum) ([]byte, error) {
	sides := [3][]byte{ours, theirs, base}
	if d.typ == sqlite3.NULL {
		for _, side := range sides[:2] {
			if absentOrNull(side) {
				return known(side), nil
			}
		}
		return nil, fmt.Errorf("NULL, and neither side is null or missing (base may be: coalesce(base, 0) helps); to say so on purpose there are set_null() and unset()")
	}
	for i, side := range sides {
		if d.equal(seen[i]) {
			return bytes.Clone(side), nil
		}
	}
	var first error
	for _, side := range sides {
		if absentOrNull(side) {
			continue
		}
		enc, err := fit(d, value.KindOf(side), sides)
		if err == nil {
			return enc, nil
		}
		if first == nil {
			first = err
		}
	}
	if first != nil {
		return nil, first
	}
	return fit(d, value.KindNull, sides)
}

func absentOrNull(enc []byte) bool { return value.Absent(enc) || value.KindOf(enc) == value.KindNull }

// known returns a copy of an encoded value, the absent one for nil.
func known(enc []byte) []byte {
	if value.Absent(enc) {
		return value.AppendAbsent(nil)
	}
	return bytes.Clone(enc)
}

// fit returns a datum as a value of a kind; of its own nearest kind if that is null.
func fit(d datum, kind value.Kind, sides [3][]byte) ([]byte, error) {
	switch {
	case d.typ == sqlite3.TEXT && !utf8.Valid(d.bytes):
		return nil, fmt.Errorf("a text that is not valid UTF-8")
	case len(d.bytes) > value.MaxBytes-8: // the head of its encoding
		return nil, fmt.Errorf("%d bytes, more than a value may have", len(d.bytes))
	}
	switch kind {
	case value.KindBool:
		if d.typ == sqlite3.INTEGER && (d.integer == 0 || d.integer == 1) {
			return value.AppendBool(nil, d.integer == 1), nil
		}
	case value.KindInteger, value.KindDecimal:
		return fitNumber(d, kind, sides)
	case value.KindText, value.KindNull:
		if d.typ == sqlite3.TEXT {
			return value.AppendText(nil, string(d.bytes)), nil
		}
		if kind == value.KindNull && d.typ == sqlite3.INTEGER {
			return value.AppendInt(nil, d.integer), nil
		}
		if kind == value.KindNull && d.typ == sqlite3.BLOB {
			return value.AppendBytes(nil, d.bytes), nil
		}
		if d.typ == sqlite3.INTEGER {
			return nil, fmt.Errorf("integer %d for a text: CAST(... AS TEXT) makes it one", d.integer)
		}
	case value.KindBytes:
		if d.typ == sqlite3.BLOB {
			return value.AppendBytes(nil, d.bytes), nil
		}
	case value.KindList:
		if d.typ == sqlite3.TEXT {
			return fitList(d, sides)
		}
	}
	return nil, fmt.Errorf("%v for a %v", d, kind)
}

func (d datum) String() string {
	switch d.typ {
	case sqlite3.INTEGER:
		return fmt.Sprintf("integer %d", d.integer)
	case sqlite3.TEXT:
		return fmt.Sprintf("text %.40q", d.bytes)
	case sqlite3.BLOB:
		return fmt.Sprintf("bytes %.20x", d.bytes)
	}
	return "NULL"
}

func fitNumber(d datum, kind value.Kind, sides [3][]byte) ([]byte, error) {
	if d.typ == sqlite3.INTEGER {
		return value.AppendInt(nil, d.integer), nil
	}
	if d.typ != sqlite3.TEXT {
		return nil, fmt.Errorf("%v for a %v", d, kind)
	}
	enc, err := value.ParsePlain(nil, value.TypeDecimal, d.bytes)
	if err != nil {
		return nil, fmt.Errorf("%v for a %v", d, kind)
	}
	decimals := false
	for _, side := range sides {
		decimals = decimals || value.KindOf(side) == value.KindDecimal
	}
	if value.KindOf(enc) == value.KindDecimal && !decimals {
		return nil, fmt.Errorf("decimal %s where all are integers", d.bytes)
	}
	return enc, nil
}

// fitList reads a list from its JSON. SQLite's functions on JSON take numbers with a point
// as floats, and a list that went through them may have other digits: such numbers are
// taken only if they stand in one of the sides.
func fitList(d datum, sides [3][]byte) ([]byte, error) {
	enc, err := value.ParseJSON(d.bytes)
	if err != nil || value.KindOf(enc) != value.KindList {
		return nil, fmt.Errorf("%v for a list: want a JSON array", d)
	}
	had := map[string]bool{}
	for _, side := range sides {
		eachDecimal(side, func(e []byte) { had[string(e)] = true })
	}
	eachDecimal(enc, func(e []byte) {
		if !had[string(e)] {
			err = fmt.Errorf("a list with the number %s, which came through floating point", value.AppendPlain(nil, e))
		}
	})
	return enc, err
}

// eachDecimal calls fn for every number in a list that SQLite does not hold exactly.
func eachDecimal(enc []byte, fn func(e []byte)) {
	switch value.KindOf(enc) {
	case value.KindList:
		for e := range value.Elements(enc) {
			eachDecimal(e, fn)
		}
	case value.KindRecord:
		for _, e := range value.Members(enc) {
			eachDecimal(e, fn)
		}
	case value.KindInteger, value.KindDecimal:
		if n, ok := value.AsNumber(enc); !ok || n.Scale > 0 || !n.Coefficient.IsInt64() {
			fn(enc)
		}
	}
}

// numberOf returns the number that a datum is.
func numberOf(d datum) (value.Number, bool) {
	switch d.typ {
	case sqlite3.INTEGER:
		return value.Number{Coefficient: big.NewInt(d.integer)}, true
	case sqlite3.TEXT:
		if enc, err := value.ParsePlain(nil, value.TypeDecimal, d.bytes); err == nil {
			return value.AsNumber(enc)
		}
	}
	return value.Number{}, false
}
