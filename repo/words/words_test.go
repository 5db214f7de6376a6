package words

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// What Clean lets through cannot steer a terminal, and is one line.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"plain", "a\x1b[31m", "\xff\xfe", "日本 👩‍👩‍👧", "\u202eabc", "\u0085\n\r\t", "a\\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Clean(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return unicode.IsControl(r) || !isVisible(r) }) {
			t.Fatalf("%q gives %q", s, got)
		}
		if Clean(got) != got {
			t.Fatalf("%q gives %q, which is not clean", s, got)
		}
	})
}

func TestNumbers(t *testing.T) {
	for got, want := range map[string]string{
		Number(0): "0", Number(999): "999", Number(1000): "1,000", Number(-1234567): "-1,234,567",
		Count(1, "block", ""): "1 block", Count(2, "batch", "batches"): "2 batches", Count(0, "row", ""): "0 rows",
		FirstLine("\nFix prices\nand more"): "Fix prices", FirstLine(""): "",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
