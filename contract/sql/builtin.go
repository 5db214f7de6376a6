package sql

import (
	"bytes"
	"fmt"
	"slices"

	"aergo/contract/table"
	"aergo/contract/value"
)

// builtin is a rule of one word, run without SQLite.
type builtin string

// The built-in logics.
const (
	builtinOurs   builtin = "ours"   // keep ours
	builtinTheirs builtin = "theirs" // take theirs
	builtinNewest builtin = "newest" // what was written later; ours on a tie
	builtinSum    builtin = "sum"    // numbers: what each side added to base
	builtinUnion  builtin = "union"  // lists: what either side added, less what either removed
	builtinMin    builtin = "min"    // the smaller number, or the text that sorts first
	builtinMax    builtin = "max"    // the greater number, or the text that sorts last
)

// Builtins returns the names of the built-in logics. Each is a rule's whole body, and a
// logic by itself for everything.
func Builtins() []string {
	return []string{
		string(builtinOurs), string(builtinTheirs), string(builtinNewest), string(builtinSum),
		string(builtinUnion), string(builtinMin), string(builtinMax),
	}
}

// BuiltinSource returns the source of a built-in logic, or false if there is none of that
// name.
func BuiltinSource(name string) ([]byte, bool) {
	if !slices.Contains(Builtins(), name) {
		return nil, false
	}
	return fmt.Appendf(nil, "on *: %s;\n", name), true
}

// builtinOf returns the built-in logic that a body is, empty if it is none.
func builtinOf(source []byte, body []token) builtin {
	if len(body) != 1 || body[0].kind != tokenWord {
		return ""
	}
	for _, name := range Builtins() {
		if body[0].is(source, name) {
			return builtin(name)
		}
	}
	return ""
}

// builtinSteps is what a built-in logic counts for.
const builtinSteps = 10

// resolve decides a case. What a logic can't decide is an error that says why.
func (b builtin) resolve(c *Case) ([]byte, error) {
	base, _ := table.Lookup(c.Base, c.Field)
	ours, _ := table.Lookup(c.Ours, c.Field)
	theirs, _ := table.Lookup(c.Theirs, c.Field)
	switch b {
	case builtinOurs:
		return orAbsent(ours), nil
	case builtinTheirs:
		return orAbsent(theirs), nil
	case builtinNewest:
		if c.TimeMillis > c.OursMillis {
			return orAbsent(theirs), nil
		}
		return orAbsent(ours), nil
	case builtinSum:
		return sum(base, ours, theirs)
	case builtinUnion:
		return union(base, ours, theirs)
	}
	return extreme(b, ours, theirs)
}

func orAbsent(enc []byte) []byte {
	if len(enc) == 0 {
		return value.AppendAbsent(nil)
	}
	return enc
}

func shown(enc []byte) string {
	if value.Absent(enc) {
		return "nothing"
	}
	return string(value.AppendJSON(nil, enc))
}

// sum takes nothing for 0.
func sum(base, ours, theirs []byte) ([]byte, error) {
	total := value.AppendUint(nil, 0)
	for i, enc := range [][]byte{ours, theirs, base} {
		if value.Absent(enc) {
			continue
		}
		if !value.IsNumber(enc) {
			return nil, fmt.Errorf("sum is for numbers, and here is %s", shown(enc))
		}
		if i == 2 {
			negated, err := value.AppendNegated(nil, enc)
			if err != nil {
				return nil, err
			}
			enc = negated
		}
		var err error
		if total, err = value.Add(total, enc); err != nil {
			return nil, err
		}
	}
	return total, nil
}

// union takes nothing for an empty list.
func union(base, ours, theirs []byte) ([]byte, error) {
	for _, enc := range [][]byte{base, ours, theirs} {
		if !value.Absent(enc) && value.KindOf(enc) != value.KindList {
			return nil, fmt.Errorf("union is for lists, and here is %s", shown(enc))
		}
	}
	kept := func(element []byte) bool {
		return !contains(base, element) || contains(ours, element) && contains(theirs, element)
	}
	var elements [][]byte
	for _, side := range [][]byte{ours, theirs} {
		if value.Absent(side) {
			continue
		}
		for e := range value.Elements(side) {
			if kept(e) {
				elements = append(elements, e)
			}
		}
	}
	slices.SortFunc(elements, bytes.Compare)
	return value.AppendList(nil, slices.CompactFunc(elements, bytes.Equal)...), nil
}

func contains(list, element []byte) bool {
	return !value.Absent(list) && value.Contains(list, element)
}

// extreme takes what is there if one side has nothing.
func extreme(b builtin, ours, theirs []byte) ([]byte, error) {
	switch {
	case value.Absent(ours):
		return orAbsent(theirs), nil
	case value.Absent(theirs):
		return ours, nil
	}
	order, err := compareValues(ours, theirs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b, err)
	}
	if (order < 0) == (b == builtinMax) && order != 0 {
		return theirs, nil
	}
	return ours, nil
}

func compareValues(a, b []byte) (int, error) {
	if value.IsNumber(a) && value.IsNumber(b) {
		negated, err := value.AppendNegated(nil, b)
		if err != nil {
			return 0, err
		}
		difference, err := value.Add(a, negated)
		if err != nil {
			return 0, err
		}
		n, _ := value.AsNumber(difference)
		return n.Coefficient.Sign(), nil
	}
	x, isText := value.AsText(a)
	y, alike := value.AsText(b)
	if !isText || !alike {
		return 0, fmt.Errorf("it is for two numbers or two texts, and here are %s and %s", shown(a), shown(b))
	}
	return bytes.Compare(x, y), nil
}
