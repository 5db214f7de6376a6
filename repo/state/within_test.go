package state

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"aergo/repo/object"
)

// cutOut copies the nodes that reading some spans of a tree takes, and returns the tree over
// those alone.
func cutOut(t testing.TB, tree Tree, spans []Span) (Tree, int) {
	t.Helper()
	some := NewOverlay(nil)
	copied := 0
	open := []object.Hash{tree.Root()}
	for len(open) > 0 {
		h := open[len(open)-1]
		open = open[:len(open)-1]
		data, err := tree.reader.Get(t.Context(), h)
		if err != nil {
			t.Fatal(err)
		}
		if err := some.Put(object.KindStateNode, h, data); err != nil {
			t.Fatal(err)
		}
		copied++
		_, children, err := ChildrenWithin(data, spans)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, children...)
	}
	return New(some, tree.Root()), copied
}

// changes lists a diff in words.
func changes(t testing.TB, a, b Tree, within Span) []string {
	t.Helper()
	var out []string
	err := DiffWithin(t.Context(), a, b, within, func(key, old, new []byte) error {
		out = append(out, fmt.Sprintf("%q: %q, %q", key, old, new))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAPartOfATreeReadsAsTheWhole(t *testing.T) {
	r := newRand(t)
	empty, store := emptyTree(t)
	key := func(n int) []byte { return fmt.Appendf(nil, "%03d/%05d", n/400, n*7) }
	var first, second []Edit
	for i := range 3000 {
		first = append(first, Edit{Key: key(i), Value: fmt.Appendf(nil, "value %d", i)})
		if r.IntN(20) == 0 {
			second = append(second, Edit{Key: key(i), Value: []byte("other"), Delete: r.IntN(3) == 0})
		}
	}
	before := update(t, empty, store, first, 1)
	after := update(t, before, store, second, 1)
	for range 60 {
		spans := []Span{{From: key(r.IntN(3000)), To: key(r.IntN(3000))}}
		if bytes.Compare(spans[0].From, spans[0].To) > 0 {
			spans[0].From, spans[0].To = spans[0].To, spans[0].From
		}
		switch r.IntN(6) {
		case 0:
			spans[0].From = nil
		case 1:
			spans[0].To = nil
		case 2:
			spans = append(spans, Span{From: []byte("zzz")})
		}
		a, _ := cutOut(t, before, spans)
		b, _ := cutOut(t, after, spans)
		for _, s := range spans {
			var whole, some bytes.Buffer
			list := func(to *bytes.Buffer) func(k, v []byte) error {
				return func(k, v []byte) error {
					fmt.Fprintf(to, "%q=%q\n", k, v)
					return nil
				}
			}
			if err := errors.Join(after.Range(t.Context(), s.From, s.To, list(&whole)), b.Range(t.Context(), s.From, s.To, list(&some))); err != nil {
				t.Fatalf("%q: %v", s, err)
			}
			if whole.String() != some.String() {
				t.Fatalf("%q: the rows differ", s)
			}
			n, err := after.CountRange(t.Context(), s.From, s.To)
			m, errPart := b.CountRange(t.Context(), s.From, s.To)
			if n != m || err != nil || errPart != nil {
				t.Fatalf("%q: %d rows, of the part %d; %v, %v", s, n, m, err, errPart)
			}
			var want []string
			for _, line := range changes(t, before, after, Span{}) {
				var k []byte
				if _, err := fmt.Sscanf(line, "%q", &k); err != nil {
					t.Fatal(err)
				}
				if bytes.Compare(k, s.From) >= 0 && (s.To == nil || bytes.Compare(k, s.To) < 0) {
					want = append(want, line)
				}
			}
			if got := changes(t, a, b, s); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("%q: %d changes, want %d", s, len(got), len(want))
			}
		}
	}
}

func TestAPartOfATreeIsSmallAndSaysWhatIsNotThere(t *testing.T) {
	empty, store := emptyTree(t)
	var edits []Edit
	for i := range 20000 {
		edits = append(edits, Edit{Key: fmt.Appendf(nil, "%02d/%05d", i/2000, i), Value: []byte("some value of a row")})
	}
	tree := update(t, empty, store, edits, 1)
	_, all := cutOut(t, tree, []Span{{}})
	some, n := cutOut(t, tree, []Span{{From: []byte("03/"), To: []byte("030")}})
	if n*8 > all {
		t.Errorf("a tenth of the rows takes %d of %d nodes", n, all)
	}
	if _, _, err := some.Get(t.Context(), []byte("07/14007")); !errors.Is(err, ErrNoNode) {
		t.Errorf("a row that is not there: %v", err)
	}
}
