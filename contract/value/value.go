package value

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"aergo/repo/object"
)

// Limits of a value.
const (
	MaxBytes    = 63 << 10 // of one encoded field value; as much as a whole row may take
	MaxDepth    = 8        // of lists and records inside each other
	MaxScale    = 64       // digits after a decimal's point
	OperandBits = 256      // of an integer or coefficient that an author writes
	StoredBits  = 512      // of one in the state
)

// Errors that callers branch on. They are wrapped.
var (
	ErrType   = errors.New("value has the wrong type")
	ErrRange  = errors.New("number out of range")
	ErrLimit  = errors.New("value above the limit")
	ErrSyntax = errors.New("bad literal")
)

// Kind is what an encoded value is.
type Kind uint8

// The kinds. KindInvalid is no value.
const (
	KindInvalid Kind = iota
	KindAbsent
	KindNull
	KindBool
	KindInteger
	KindDecimal
	KindText
	KindBytes
	KindList
	KindRecord
)

var kindNames = [...]string{
	"invalid", "absent", "null", "bool", "integer", "decimal", "text", "bytes", "list", "record",
}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Tags of the values that are arrays.
const (
	tagNull = iota
	tagBool
	tagNegative
	tagBig
	tagDecimal
	tagList
	tagRecord
)

var tagKinds = [...]Kind{
	tagNull: KindNull, tagBool: KindBool, tagNegative: KindInteger, tagBig: KindInteger,
	tagDecimal: KindDecimal, tagList: KindList, tagRecord: KindRecord,
}

// KindOf returns the kind of an encoded value.
func KindOf(enc []byte) Kind {
	if len(enc) == 0 {
		return KindInvalid
	}
	switch enc[0] >> 5 {
	case 0:
		return KindInteger
	case 2:
		return KindBytes
	case 3:
		return KindText
	case 4:
		return kindOfArray(enc)
	}
	return KindInvalid
}

func kindOfArray(enc []byte) Kind {
	head := 1
	switch info := enc[0] & 0x1f; {
	case info == 0:
		return KindAbsent
	case info >= 24 && info < 28:
		head += 1 << (info - 24)
	}
	if len(enc) <= head || int(enc[head]) >= len(tagKinds) {
		return KindInvalid
	}
	return tagKinds[enc[head]]
}

// Absent says whether enc is the absent value, or nothing at all.
func Absent(enc []byte) bool { return len(enc) == 0 || enc[0] == 0x80 }

// HashSize is the length of what Seen returns, in bytes.
const HashSize = 16

// Seen returns the hash by which a precondition names an encoded value or row: the first 16
// bytes of its SHA-256.
func Seen(enc []byte) [HashSize]byte {
	sum := sha256.Sum256(enc)
	return [HashSize]byte(sum[:HashSize])
}

// limits are those of one place where a value stands.
type limits struct {
	bits   int
	absent bool
	depth  int // of lists and records around it
}

// ReadStored reads a field's value as the state holds it and returns its bytes, a slice of
// the input. Errors stick to r.
func ReadStored(r *object.Reader) []byte { return read(r, limits{bits: StoredBits}) }

// ReadOperand reads a value as an operation holds it: it may be absent, and its numbers are
// below 2^OperandBits.
func ReadOperand(r *object.Reader) []byte { return read(r, limits{bits: OperandBits, absent: true}) }

// ReadElement reads an element of a list as an operation holds it: unlike an operand it is
// never absent, may be a record with members, and has one level of nesting less.
func ReadElement(r *object.Reader) []byte {
	return read(r, limits{bits: OperandBits, depth: 1})
}

// Check says whether enc is one stored value.
func Check(enc []byte) error { return check(enc, ReadStored) }

// CheckElement says whether enc is one element that an operation may hold.
func CheckElement(enc []byte) error { return check(enc, ReadElement) }

// CheckOperand says whether enc is one operand.
func CheckOperand(enc []byte) error { return check(enc, ReadOperand) }

func check(enc []byte, read func(*object.Reader) []byte) error {
	if len(enc) > MaxBytes {
		return fmt.Errorf("value of %d bytes: %w of %d", len(enc), ErrLimit, MaxBytes)
	}
	r := object.ReaderOf(enc)
	read(&r)
	if err := r.End(); err != nil {
		return fmt.Errorf("value: %w", err)
	}
	return nil
}

func read(r *object.Reader, lim limits) []byte {
	rest, from := r.Rest(), r.Pos()
	switch r.Peek() {
	case object.ItemText:
		r.TextBytes(MaxBytes)
	case object.ItemBytes:
		r.Bytes(MaxBytes)
	case object.ItemUint:
		r.Uint()
	default:
		readArray(r, lim, lim.depth)
	}
	size := r.Pos() - from
	if r.Err() == nil && size > MaxBytes {
		r.Fail("value of %d bytes is above the limit of %d", size, MaxBytes)
	}
	if r.Err() != nil {
		return nil
	}
	return rest[:size:size]
}

// readArray reads a value that is an array; depth is the number of lists and records around it.
func readArray(r *object.Reader, lim limits, depth int) {
	n := r.Array(MaxBytes)
	if n == 0 {
		if r.Err() == nil && (!lim.absent || depth > 0) {
			r.Fail("absent value has no place here")
		}
		return
	}
	tag := r.UintMax(tagRecord)
	if r.Err() != nil {
		return
	}
	want := [...]int{tagNull: 1, tagBool: 2, tagNegative: 2, tagBig: 3, tagDecimal: 4}
	if tag < uint64(len(want)) && n != want[tag] {
		r.Fail("value of tag %d has %d elements, want %d", tag, n, want[tag])
		return
	}
	switch tag {
	case tagBool:
		r.UintMax(1)
	case tagNegative:
		r.Uint()
	case tagBig:
		readBig(r, lim)
	case tagDecimal:
		readDecimal(r, lim)
	case tagList:
		readElements(r, n-1, lim, depth)
	case tagRecord:
		readRecord(r, n-1, lim, depth)
	}
}

func readBig(r *object.Reader, lim limits) {
	sign := r.UintMax(1)
	mag := readMagnitude(r, lim)
	if r.Err() != nil {
		return
	}
	if len(mag) < 9 || sign == 1 && len(mag) == 9 && isPowerOf256(mag) {
		r.Fail("big integer has a shorter form")
	}
}

// isPowerOf256 says whether mag is 1 followed by zero bytes.
func isPowerOf256(mag []byte) bool {
	for _, c := range mag[1:] {
		if c != 0 {
			return false
		}
	}
	return mag[0] == 1
}

func readDecimal(r *object.Reader, lim limits) {
	scale := r.UintMax(MaxScale)
	sign := r.UintMax(1)
	mag := readMagnitude(r, lim)
	if r.Err() != nil {
		return
	}
	if scale == 0 {
		r.Fail("decimal of scale 0")
	}
	if sign == 1 && len(mag) == 0 {
		r.Fail("negative zero")
	}
}

func readMagnitude(r *object.Reader, lim limits) []byte {
	mag := r.Bytes(lim.bits / 8)
	if len(mag) > 0 && mag[0] == 0 {
		r.Fail("magnitude has a leading zero")
		return nil
	}
	return mag
}

func readElements(r *object.Reader, n int, lim limits, depth int) {
	if depth == MaxDepth {
		r.Fail("value nested deeper than %d", MaxDepth)
		return
	}
	for ; n > 0 && r.Err() == nil; n-- {
		readNested(r, lim, depth+1)
	}
}

func readRecord(r *object.Reader, n int, lim limits, depth int) {
	switch {
	case n%2 != 0:
		r.Fail("record has a name without a value")
	case depth == 0 && n > 0:
		r.Fail("record as a field is not empty")
	case depth == MaxDepth:
		r.Fail("value nested deeper than %d", MaxDepth)
	}
	last := ""
	for i := 0; i < n && r.Err() == nil; i += 2 {
		name := r.TextBytes(MaxBytes)
		if i > 0 && string(name) <= last {
			r.Fail("names of a record do not ascend")
		}
		last = string(name)
		readNested(r, lim, depth+1)
	}
}

func readNested(r *object.Reader, lim limits, depth int) {
	switch r.Peek() {
	case object.ItemText:
		r.TextBytes(MaxBytes)
	case object.ItemBytes:
		r.Bytes(MaxBytes)
	case object.ItemUint:
		r.Uint()
	default:
		readArray(r, lim, depth)
	}
}
