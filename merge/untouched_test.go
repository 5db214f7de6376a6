package merge

import (
	"testing"

	"aergo/repo/object"
)

// Whatever a source did, a target that did nothing to the same rows takes all of it and
// ends where the source is.
func TestMergingIntoAnUntouchedTargetGivesTheSource(t *testing.T) {
	rng := source(t)
	for range 150 {
		b := newBook(t)
		target := b.line(1, b.root)
		for range rng.IntN(6) {
			target.commit(randomSpecs(rng, 4, true))
		}
		from := b.line(2, target.head)
		for range 1 + rng.IntN(12) {
			from.commit(randomSpecs(rng, 4, true), randomSpecs(rng, 4, true))
		}
		target.commit(put("elsewhere", num("n", 1)))
		_, res := target.merge(from.head, object.ModeExclude)
		if len(res.Excluded) > 0 {
			t.Fatalf("excluded are %+v", res.Excluded)
		}
		if got, want := target.rows("elsewhere"), from.rows("elsewhere"); !sameRows(got, want) {
			t.Fatalf("the rows are %q, want %q", got, want)
		}
	}
}

// What makes a row as a whole must not bring back a field that a put took away.
func TestFieldsUnsetStayUnset(t *testing.T) {
	b := newBook(t)
	target := b.line(1, b.root)
	from := b.line(2, b.root)
	from.commit(insert("r", num("a", 2)), unset("r", "a"))
	target.commit(put("elsewhere", num("n", 1)))
	_, res := target.merge(from.head, object.ModeExclude)
	if len(res.Excluded) > 0 || target.row("r") != from.row("r") {
		t.Errorf("r is %s, want %s; excluded are %+v", target.row("r"), from.row("r"), res.Excluded)
	}
}

// Theirs forces what conflicts, and leaves alone what the source took back.
func TestTheirsDoesNotForceWhatTheSourceTookBack(t *testing.T) {
	b := newBook(t)
	ours := b.line(1, b.root)
	ours.commit(put("r", num("n", 0)), put("s", num("n", 0)))
	theirs := b.line(2, ours.head)
	theirs.commit(append(put("r", num("n", 1)), put("s", num("n", 1))...))
	theirs.commit(put("r", num("n", 0)))
	ours.commit(put("r", num("n", 9)), put("s", num("n", 9)))
	_, res := ours.merge(theirs.head, object.ModeTheirs)
	if ours.row("r") != `{"n":9}` || ours.row("s") != `{"n":1}` || res.Forced != 1 {
		t.Errorf("r is %s, s is %s, %d forced", ours.row("r"), ours.row("s"), res.Forced)
	}
}

// rows returns the rows of the state, but for the one named.
func (l *line) rows(without string) map[string]string {
	l.t.Helper()
	out := map[string]string{}
	must(l.t, l.State(l.head).Range(l.t.Context(), nil, nil, func(k, row []byte) error {
		if string(k) != string(rowID(l.t, without)) {
			out[string(k)] = string(row)
		}
		return nil
	}))
	return out
}

func sameRows(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}
