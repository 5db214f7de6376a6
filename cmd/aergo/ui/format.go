package ui

import (
	"fmt"
	"strconv"
	"strings"
	"time"
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
		if (r == utf8.RuneError && size == 1) || !fitsTerminal(r) {
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
			return utf8.ValidString(text) && strings.IndexFunc(text, func(r rune) bool { return !fitsTerminal(r) }) < 0
		}
	}
	return true
}

// fitsTerminal allows the joiners inside of words and emoji, which do not print.
func fitsTerminal(r rune) bool { return unicode.IsPrint(r) || r == '\u200c' || r == '\u200d' }

// Count returns n with its thousands separated: "1,234,567".
func Count(n int64) string {
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

// Plural returns the number and the word for it: Plural(2, "batch", "batches") is
// "2 batches". An empty plural is the singular and an s.
func Plural(n int64, one, many string) string {
	if many == "" {
		many = one + "s"
	}
	if n == 1 || n == -1 {
		many = one
	}
	return Count(n) + " " + many
}

// Bytes returns a size with three digits or so, in units of 1000: "61.7 MB".
func Bytes(sizeBytes int64) string {
	if sizeBytes > -1000 && sizeBytes < 1000 {
		return fmt.Sprintf("%d B", sizeBytes)
	}
	value, unit := float64(sizeBytes)/1000, 0
	// 999.95 and above would be printed as 1000.0.
	for ; value >= 999.95 || value <= -999.95; value /= 1000 {
		unit++
	}
	return fmt.Sprintf("%.1f %cB", value, "kMGTPE"[unit])
}

// Duration returns a time span as people say it: "350 ms", "1.2 s", "2 min 05 s",
// "3 h 07 min".
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Duration(-max(d, -1<<62))
	case d < time.Millisecond:
		return fmt.Sprintf("%d us", d.Microseconds())
	case d < 999500*time.Microsecond:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	case d < 59950*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	seconds := int64(d.Round(time.Second) / time.Second)
	if seconds < 3600 {
		return fmt.Sprintf("%d min %02d s", seconds/60, seconds%60)
	}
	minutes := (seconds + 30) / 60
	return fmt.Sprintf("%d h %02d min", minutes/60, minutes%60)
}

// ShortHash returns the first eight digits of a hash in hex.
func ShortHash(hex string) string {
	if len(hex) <= 8 {
		return hex
	}
	return hex[:8]
}
