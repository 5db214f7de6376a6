package sql

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentedExamples runs the rules of RESOLVERS.md on the cases below them.
func TestDocumentedExamples(t *testing.T) {
	text, err := os.ReadFile("RESOLVERS.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```(sql|cases)\n(.*?)^```$").FindAllStringSubmatch(string(text), -1)
	source := ""
	ran := 0
	for _, block := range blocks {
		if block[1] == "sql" {
			source = block[2]
			continue
		}
		with := source
		for line := range strings.Lines(block[2]) {
			with += casePrefix + " " + line
		}
		r, err := Compile([]byte(with))
		if err != nil {
			t.Fatalf("%s\n%v", with, err)
		}
		tried, err := r.Try(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.Count(block[2], "\n") + strings.Count(source, casePrefix); len(tried) != want {
			t.Errorf("%d of %d cases ran", len(tried), want)
		}
		for _, c := range tried {
			if !c.Holds() {
				t.Errorf("%s\ngot  %s\nwant %s", c.Case, c.Got, c.Want)
			}
			ran++
		}
	}
	if ran < 15 {
		t.Errorf("%d cases only", ran)
	}
}

// TestDocumentedNames compares the functions that RESOLVERS.md names with the ones there are.
func TestDocumentedNames(t *testing.T) {
	text, err := os.ReadFile("RESOLVERS.md")
	if err != nil {
		t.Fatal(err)
	}
	names := append([]string(nil), nativeFunctions[:]...)
	for _, f := range ownFunctions {
		names = append(names, f.name)
	}
	for _, name := range names {
		if !regexp.MustCompile("[` \n]" + regexp.QuoteMeta(name) + "[`( \n]").Match(text) {
			t.Errorf("%s is not in RESOLVERS.md", name)
		}
	}
}
