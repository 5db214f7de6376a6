package sql

import (
	"context"
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
	form := regexp.MustCompile(`^(\w+)\.(\w+) +base (none|{.*?}) +ours (none|{.*?}) +theirs (none|{.*?})(?: +by (\w+) \((\w+)\))? +answers (.*)$`)
	var r *Resolver
	ran := 0
	for _, block := range blocks {
		if block[1] == "sql" {
			if r, err = Compile([]byte(block[2])); err != nil {
				t.Fatalf("%s\n%v", block[2], err)
			}
			continue
		}
		s := r.NewSession()
		for line := range strings.Lines(block[2]) {
			m := form.FindStringSubmatch(strings.TrimSpace(line))
			if m == nil {
				t.Fatalf("not a case: %s", line)
			}
			for i, version := range m {
				if version == "none" {
					m[i] = ""
				}
			}
			c := &Case{Table: m[1], Field: m[2], Base: row(t, m[3]), Ours: row(t, m[4]), Theirs: row(t, m[5]), Author: Author{Name: m[6], Roles: []string{m[7]}}}
			a, err := s.Resolve(context.Background(), c)
			got := say(a, err)
			if err != nil {
				got = "error: " + strings.TrimPrefix(got, m[1]+"."+m[2]+": ")
			}
			if got != m[8] {
				t.Errorf("%s got %s", line, got)
			}
			ran++
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
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
