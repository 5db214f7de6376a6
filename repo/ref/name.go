package ref

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrBadName is wrapped by a *NameError.
var ErrBadName = errors.New("bad name")

// NameError says which rule a name breaks.
type NameError struct {
	Name string
	Rule string // "must not ...", to follow the name in a sentence
}

func (e *NameError) Error() string {
	shown := e.Name
	if len(shown) > NameMaxBytes {
		shown = shown[:NameMaxBytes] + "..."
	}
	return fmt.Sprintf("%v: %q %s", ErrBadName, shown, e.Rule)
}

func (e *NameError) Unwrap() error { return ErrBadName }

// NameMaxBytes is the greatest length of a name.
const NameMaxBytes = 100

// forbidden lists the characters that mean something in a revision, in a path or in a
// shell.
const forbidden = "/\\:~^?*[]{}@\"'<>|"

// Name names a branch, a tag or a remote. It is valid if ParseName accepts it, and then
// it is also a file name that stays in its folder; every function of this package that
// takes a Name checks it.
type Name string

// ParseName returns s as a Name if it keeps these rules: 1 to 100 bytes of UTF-8; no
// control character, no character that turns the direction of text, no space of any kind,
// none of / \ : ~ ^ ? * [ ] { } @ " ' < > |; not beginning with "-" or "."; not ending in
// "." or ".lock"; no ".."; not "HEAD"; not 64 hex digits, which are a hash. Shorter hex
// digits are a name ("cafe" is a fair name for a branch): where a name and a prefix of a
// hash are equal, the name is meant. Names are compared byte by byte; they are not
// normalised. The error is a *NameError.
func ParseName(s string) (Name, error) {
	if rule := brokenRule(s); rule != "" {
		return "", &NameError{Name: s, Rule: rule}
	}
	return Name(s), nil
}

// Check returns the error of ParseName.
func (n Name) Check() error {
	_, err := ParseName(string(n))
	return err
}

func (n Name) String() string { return string(n) }

// brokenRule returns the first rule that s breaks, or nothing.
func brokenRule(s string) string {
	switch {
	case s == "":
		return "must not be empty"
	case len(s) > NameMaxBytes:
		return fmt.Sprintf("must not be longer than %d bytes", NameMaxBytes)
	case !utf8.ValidString(s):
		return "must be valid UTF-8"
	case s[0] == '-' || s[0] == '.':
		return `must not begin with "-" or "."`
	case strings.HasSuffix(s, ".") || strings.HasSuffix(s, ".lock"):
		return `must not end in "." or ".lock"`
	case strings.Contains(s, ".."):
		return `must not contain ".."`
	case s == "HEAD":
		return "must not be HEAD"
	case len(s) == 64 && strings.Trim(s, "0123456789abcdefABCDEF") == "":
		return "must not be 64 hex digits: that is a hash"
	}
	for _, c := range s {
		switch {
		case unicode.IsSpace(c):
			return "must not contain a space"
		case unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c):
			return "must not contain a control character"
		case strings.ContainsRune(forbidden, c):
			return fmt.Sprintf("must not contain %q", c)
		}
	}
	return ""
}
