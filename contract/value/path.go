package value

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxNameBytes is the length of the longest field name.
const MaxNameBytes = 256

// CheckName says whether a field may have this name: 1 to MaxNameBytes bytes of UTF-8
// without control characters, in which a '\' stands only before a '.' or a '\', so that
// different names are different paths.
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("field name is empty: %w", ErrSyntax)
	case len(name) > MaxNameBytes:
		return fmt.Errorf("field name of %d bytes: %w of %d", len(name), ErrLimit, MaxNameBytes)
	case !utf8.ValidString(name):
		return fmt.Errorf("field name %q: %w: not valid UTF-8", name, ErrSyntax)
	}
	for _, r := range name {
		if r < 0x20 || r >= 0x7f && r < 0xa0 {
			return fmt.Errorf("field name %q: %w: contains a control character", name, ErrSyntax)
		}
	}
	for i := 0; i < len(name); i++ {
		if name[i] != '\\' {
			continue
		}
		if i++; i == len(name) || name[i] != '.' && name[i] != '\\' {
			return fmt.Errorf("field name %q: %w: write a '\\' as '\\\\'", name, ErrSyntax)
		}
	}
	return nil
}

// The members of a nested JSON object are fields named by path: {"name":{"first":1}} is the
// field name.first. A '.' or '\' of a member's own name stands behind a '\'.

// JoinPath returns the field name of a path of member names.
func JoinPath(members ...string) string {
	var b strings.Builder
	for i, m := range members {
		if i > 0 {
			b.WriteByte('.')
		}
		for j := range len(m) {
			if m[j] == '.' || m[j] == '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(m[j])
		}
	}
	return b.String()
}

// SplitPath returns the member names in the path that a field is named by: the inverse of
// JoinPath for a name that CheckName takes.
func SplitPath(name string) []string {
	if strings.IndexByte(name, '.') < 0 && strings.IndexByte(name, '\\') < 0 {
		return []string{name}
	}
	var members []string
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '.':
			members = append(members, b.String())
			b.Reset()
			continue
		case c == '\\' && i+1 < len(name) && (name[i+1] == '.' || name[i+1] == '\\'):
			i++
		}
		b.WriteByte(name[i])
	}
	return append(members, b.String())
}
