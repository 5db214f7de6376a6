// Package words writes numbers and names for people, wherever they read them: on a terminal, in
// a drawing, on a page. What strangers wrote comes out as one line that does nothing.
//
// It knows no ledger, and leaves escaping for HTML to who writes HTML.
package words

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean returns text with everything escaped, as Go would, that is not a printable
// character or a space: control characters, invalid UTF-8, characters that turn the
// direction of text. The result is one line.
func Clean(text string) string {
	if isClean(text) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		if (r == utf8.RuneError && size == 1) || !isVisible(r) {
			quoted := strconv.Quote(text[:size])
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteString(text[:size])
		}
		text = text[size:]
	}
	return b.String()
}

func isClean(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] >= 0x7f {
			return utf8.ValidString(text) && strings.IndexFunc(text, func(r rune) bool { return !isVisible(r) }) < 0
		}
	}
	return true
}

// isVisible allows the joiners inside of words and emoji, which do not print.
func isVisible(r rune) bool { return unicode.IsPrint(r) || r == '\u200c' || r == '\u200d' }

// Number returns a whole number with separators: "1,000,000".
func Number(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// Count returns the number and the word for it: Count(2, "batch", "batches") is
// "2 batches". An empty plural is the singular and an s.
func Count(n int64, one, many string) string {
	if many == "" {
		many = one + "s"
	}
	if n == 1 || n == -1 {
		many = one
	}
	return Number(n) + " " + many
}

// FirstLine is a message's subject.
func FirstLine(message string) string {
	line, _, _ := strings.Cut(strings.TrimLeft(message, "\n"), "\n")
	return line
}
