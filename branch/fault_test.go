package branch

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"aergo/repo/key"
	"aergo/repo/object"
)

// faultWords returns the words of fault.go, by their names.
func faultWords(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "fault.go", nil, 0)
	must(t, err)
	words := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 {
			if value, ok := spec.Values[0].(*ast.BasicLit); ok {
				word, err := strconv.Unquote(value.Value)
				must(t, err)
				words[spec.Names[0].Name] = word
			}
		}
		return true
	})
	if len(words) < 90 {
		t.Fatalf("%d faults were found in fault.go", len(words))
	}
	return words
}

// Each word stands for one rule, is short enough for the wire, and is documented.
func TestFaultsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/faults.md")
	must(t, err)
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]*)` \\|").FindAllStringSubmatch(string(page), -1) {
		if documented[row[1]] {
			t.Errorf("%s is documented twice", row[1])
		}
		documented[row[1]] = true
	}
	names := map[string]string{}
	form := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	for name, word := range faultWords(t) {
		switch {
		case !form.MatchString(word) || len(word) > 40:
			t.Errorf("%s: %q is no word", name, word)
		case names[word] != "":
			t.Errorf("%s and %s are both %q", name, names[word], word)
		case !documented[word]:
			t.Errorf("%s: %q is not in docs/faults.md", name, word)
		}
		names[word] = name
	}
	for word := range documented {
		if names[word] == "" {
			t.Errorf("docs/faults.md has %q, which is no fault", word)
		}
	}
}

func TestFaultOf(t *testing.T) {
	lineage := fmt.Errorf("batch: %w: %w: of another", FaultBatchLineage, ErrForeign)
	malformed := fmt.Errorf("header: %w", FaultHeader.Of(object.ErrMalformed))
	for _, test := range []struct {
		err     error
		want    Fault
		invalid bool
	}{
		{nil, "", false},
		{errors.New("x"), "", false},
		{ErrInvalid, "", true},
		{fmt.Errorf("block: %w: height", FaultHeight), FaultHeight, true},
		{lineage, FaultBatchLineage, true},
		{malformed, FaultHeader, false},
		{FaultBody.Of(malformed), FaultHeader, false},
		{FaultBody.Of(nil), "", false},
		{errors.Join(errors.New("x"), FaultTime), FaultTime, true},
	} {
		if got := FaultOf(test.err); got != test.want || errors.Is(test.err, ErrInvalid) != test.invalid {
			t.Errorf("%v: fault %q, invalid %v", test.err, got, !test.invalid)
		}
	}
	if !errors.Is(lineage, ErrForeign) || !errors.Is(malformed, object.ErrMalformed) {
		t.Error("an error is no longer what it was")
	}
	if text := malformed.Error(); strings.Contains(text, "invalid block") {
		t.Errorf("the text is %q", text)
	}
	for domain, want := range map[key.Domain]Fault{
		key.DomainBlock: FaultSeal, key.DomainBatch: FaultBatchSeal, key.DomainOrder: FaultOrderSeal, key.DomainTag: FaultTagSeal, key.DomainPoolReceipt: FaultReceiptSeal,
	} {
		if got := SignatureFault(domain); got != want {
			t.Errorf("%s: %s", domain, got)
		}
	}
}
