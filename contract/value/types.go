package value

import "fmt"

// Type is what a column of a table holds.
type Type uint8

// The types. Their names, not their numbers, stand in schemas.
const (
	TypeAny Type = iota
	TypeBool
	TypeInteger
	TypeDecimal
	TypeText
	TypeBytes
	TypeList
	typeCount = iota
)

var typeNames = [typeCount]string{"any", "bool", "integer", "decimal", "text", "bytes", "list"}

func (t Type) String() string {
	if t < typeCount {
		return typeNames[t]
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// ParseType returns the type of a name.
func ParseType(name string) (Type, error) {
	for i, n := range typeNames {
		if n == name {
			return Type(i), nil
		}
	}
	return 0, fmt.Errorf("type %.40q: %w: want any, bool, integer, decimal, text, bytes or list", name, ErrSyntax)
}

// Fits says whether an encoded value may stand in a column of type t. Null and absent fit
// every type, an integer fits decimal, and everything fits any.
func (t Type) Fits(enc []byte) bool {
	k := KindOf(enc)
	switch {
	case k == KindInvalid:
		return false
	case t == TypeAny || k == KindNull || k == KindAbsent:
		return true
	}
	switch t {
	case TypeBool:
		return k == KindBool
	case TypeInteger:
		return k == KindInteger
	case TypeDecimal:
		return k == KindInteger || k == KindDecimal
	case TypeText:
		return k == KindText
	case TypeBytes:
		return k == KindBytes
	case TypeList:
		return k == KindList
	}
	return false
}
