package format

import (
	"errors"

	"aergo/contract/value"
)

// Package value says what is wrong with an object, but not where. What is here finds out, on
// the way to an error only, so that it may take its time.

// blame tells what is wrong with text, an object that package value refuses as a row's
// fields for the reason given: which member, and why.
func blame(text []byte, given error) *jsonFault {
	members, err := membersOf(text)
	var fault *jsonFault
	if errors.As(err, &fault) {
		return fault
	}
	seen := map[string]bool{}
	for _, m := range members {
		if seen[string(m.name)] {
			return &jsonFault{m.named.from, because(ErrSyntax, "member %q stands twice", m.name)}
		}
		seen[string(m.name)] = true
		alone := append(append([]byte{'{'}, text[m.named.from:m.value.to]...), '}')
		_, why := value.ParseJSONObject(alone)
		if why == nil {
			continue
		}
		inner := m.value.of(text)
		// An object whose first member is $bytes is one value, and said to be a bad one.
		if inner[0] != '{' || firstMember(inner) == "$bytes" {
			if _, err := value.ParseJSON(inner); err != nil {
				why = err
			}
		} else if _, err := value.ParseJSONObject(inner); err != nil {
			fault := blame(inner, err)
			return &jsonFault{m.value.from + fault.offset, fault.err}
		}
		return &jsonFault{m.value.from, why}
	}
	return &jsonFault{0, given}
}

func firstMember(object []byte) string {
	members, err := membersOf(object)
	if err != nil || len(members) == 0 {
		return ""
	}
	return string(members[0].name)
}

// locate returns the offset of a field's value in text, the object of a row, or that of the
// innermost object on the way to it that is found.
func locate(text []byte, field string) int {
	offset := 0
	for _, step := range value.SplitPath(field) {
		members, err := membersOf(text[offset:])
		if err != nil {
			return offset
		}
		for _, m := range members {
			if string(m.name) == step {
				offset += m.value.from
				break
			}
		}
	}
	return offset
}
