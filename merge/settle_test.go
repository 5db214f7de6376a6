package merge

import (
	"testing"

	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo/object"
	"aergo/repo/state"
	rowkey "aergo/repo/state/key"
)

// step is one commit of a branch in a story.
type step = [][]table.Spec

func do(transactions ...[]table.Spec) step { return transactions }

// A change that its own branch took back neither conflicts with nor undoes what the target
// did, and what the target holds already is not in the way of how the source got there.
func TestSettlement(t *testing.T) {
	n, m, tag := func(v uint64) value.Field { return num("n", v) }, func(v uint64) value.Field { return num("m", v) },
		value.Field{Name: "tags", Enc: value.AppendText(nil, "x")}
	for _, test := range []struct {
		name     string
		base     step
		source   []step
		target   step
		row      string // "r" afterwards
		other    string // "s" afterwards
		excluded int
	}{
		{name: "two steps, the target took both at once", base: do(put("r", n(0))), source: []step{do(put("r", n(1))), do(put("r", n(2)))},
			target: do(put("r", n(2))), row: `{"n":2}`},
		{name: "there and back, the target went elsewhere", base: do(put("r", n(0))), source: []step{do(put("r", n(1))), do(put("r", n(0)))},
			target: do(put("r", n(9))), row: `{"n":9}`},
		{name: "there and back, the target went there", base: do(put("r", n(0))), source: []step{do(put("r", n(1))), do(put("r", n(0)))},
			target: do(put("r", n(1))), row: `{"n":1}`},
		{name: "there and back in one batch", base: do(put("r", n(0))), source: []step{do(put("r", n(1)), put("r", n(0)))},
			target: do(put("r", n(9))), row: `{"n":9}`},
		{name: "two steps, the target took the first", base: do(put("r", n(0))), source: []step{do(put("r", n(1)), put("r", n(2)))},
			target: do(put("r", n(1))), row: `{"n":2}`},
		{name: "two steps, the target went elsewhere", base: do(put("r", n(0))), source: []step{do(put("r", n(1))), do(put("r", n(2)))},
			target: do(put("r", n(9))), row: `{"n":9}`, excluded: 2},
		{name: "one step, the target took it", base: do(put("r", n(0))), source: []step{do(put("r", n(1)))}, target: do(put("r", n(1))), row: `{"n":1}`},
		{name: "made and unmade, the target made it", source: []step{do(insert("r", n(1))), do(del("r"))}, target: do(insert("r", n(1))), row: `{"n":1}`},
		{name: "made and unmade by put, the target made another", source: []step{do(put("r", n(1))), do(del("r"))}, target: do(insert("r", n(2))), row: `{"n":2}`},
		{name: "made, unmade and made again, as the target", source: []step{do(insert("r", n(1))), do(del("r")), do(insert("r", n(2)))},
			target: do(insert("r", n(2))), row: `{"n":2}`},
		{name: "made, unmade and made again, not as the target", source: []step{do(insert("r", n(1))), do(del("r")), do(insert("r", n(2)))},
			target: do(insert("r", n(3))), row: `{"n":3}`, excluded: 3},
		{name: "unmade and made the same, the target edited another field", base: do(put("r", n(1), m(1))),
			source: []step{do(del("r")), do(insert("r", m(1), n(1)))}, target: do(put("r", m(5))), row: `{"m":5,"n":1}`},
		{name: "unmade and made the same, the target unmade it", base: do(put("r", n(1))),
			source: []step{do(del("r")), do(insert("r", n(1)))}, target: do(del("r")), row: ""},
		{name: "edited and unmade, the target unmade it", base: do(put("r", n(0))), source: []step{do(put("r", n(1))), do(del("r"))}, target: do(del("r")), row: ""},
		{name: "edited and unmade, the target edited it", base: do(put("r", n(0))), source: []step{do(put("r", n(1))), do(del("r"))},
			target: do(put("r", n(9))), row: `{"n":9}`, excluded: 2},
		{name: "two fields, one there and back", base: do(put("r", n(0), m(0))), source: []step{do(put("r", n(1), m(3))), do(put("r", n(0), m(5)))},
			target: do(put("r", n(9))), row: `{"m":5,"n":9}`},
		{name: "two fields, the other conflicts", base: do(put("r", n(0), m(0))), source: []step{do(put("r", n(1), m(3))), do(put("r", n(0), m(5)))},
			target: do(put("r", n(9), m(9))), row: `{"m":9,"n":9}`, excluded: 2},
		{name: "a field made and unset", base: do(put("r", n(0))), source: []step{do(put("r", m(1))), do(unset("r", "m"))},
			target: do(put("r", m(9))), row: `{"m":9,"n":0}`},
		{name: "two rows at once, one there and back", base: do(put("r", n(0)), put("s", n(0))),
			source: []step{do([]table.Spec{spec(table.Put, "r", 0, n(1)), spec(table.Put, "s", 0, n(1))}), do(put("r", n(0)))},
			target: do(put("r", n(9))), row: `{"n":9}`, other: `{"n":1}`},
		{name: "two rows at once, the other conflicts", base: do(put("r", n(0)), put("s", n(0))),
			source: []step{do([]table.Spec{spec(table.Put, "r", 0, n(1)), spec(table.Put, "s", 0, n(1))}), do(put("r", n(0)))},
			target: do(put("r", n(9)), put("s", n(9))), row: `{"n":9}`, other: `{"n":9}`, excluded: 1},
		{name: "two rows at once, all there and back", base: do(put("r", n(0)), put("s", n(0))),
			source: []step{do([]table.Spec{spec(table.Put, "r", 0, n(1)), spec(table.Put, "s", 0, n(1))}), do([]table.Spec{spec(table.Put, "s", 0, n(0)), spec(table.Put, "r", 0, n(0))})},
			target: do(put("r", n(9)), put("s", n(9))), row: `{"n":9}`, other: `{"n":9}`},
		{name: "exact ones mean it", base: do(put("r", n(0))), source: []step{do(one(table.Put, "r", table.Exact, n(1))), do(put("r", n(0)))},
			target: do(put("r", n(9))), row: `{"n":9}`, excluded: 2},
		{name: "forced ones mean it", base: do(put("r", n(0))), source: []step{do(one(table.Put, "r", table.Force, n(1))), do(put("r", n(0)))},
			target: do(put("r", n(9))), row: `{"n":0}`},
		{name: "deltas add up", base: do(put("r", n(0))), source: []step{do(one(table.Incr, "r", 0, n(5))), do(one(table.Incr, "r", 0, n(2)))},
			target: do(one(table.Incr, "r", 0, n(3))), row: `{"n":10}`},
		{name: "deltas keep a chain plain", base: do(put("r", n(0))), source: []step{do(put("r", m(1))), do(one(table.Incr, "r", 0, n(2))), do(put("r", m(0)))},
			target: do(put("r", m(9))), row: `{"m":9,"n":2}`, excluded: 2},
		{name: "elements stay", base: do(put("r", n(0))), source: []step{do(one(table.Append, "r", 0, tag)), do(one(table.Remove, "r", 0, tag))},
			target: do(one(table.Append, "r", 0, tag)), row: `{"n":0,"tags":[]}`},
		{name: "schema there and back", base: do(put("r", n(0)), column("n", "integer")), source: []step{do(column("n", "text")), do(column("n", "integer"))},
			target: do(column("n", "any")), row: `{"n":0}`, excluded: 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBook(t)
			target := b.line(1, b.root)
			target.commit(test.base...)
			from := b.line(2, target.head)
			taken := uint64(0)
			for _, s := range test.source {
				taken += from.commit(s...).Count
			}
			target.commit(test.target...)
			_, res := target.merge(from.head, object.ModeExclude)
			if got := target.row("r"); got != test.row {
				t.Errorf("r is %s, want %s", got, test.row)
			}
			if got := target.row("s"); got != test.other {
				t.Errorf("s is %s, want %s", got, test.other)
			}
			if len(res.Excluded) != test.excluded || res.Applied+uint64(len(res.Excluded)) != taken {
				t.Errorf("%d of %d applied, excluded are %+v", res.Applied, taken, res.Excluded)
			}
		})
	}
}

func unset(k, field string) []table.Spec {
	s := spec(table.Put, k, 0)
	s.Unset = []string{field}
	return []table.Spec{s}
}

func column(name, typ string) []table.Spec {
	cell := value.AppendList(nil, value.AppendText(nil, typ), value.AppendUint(nil, 0))
	return []table.Spec{{Code: table.Define, Table: "t", Fields: []value.Field{{Name: "col." + name, Enc: cell}}}}
}

// A target that holds already what the source came to keeps it, without a conflict as far
// as the source's transactions are about single rows.
func TestMergingWhatTheTargetHoldsChangesNothing(t *testing.T) {
	rng := source(t)
	for range 150 {
		b := newBook(t)
		target := b.line(1, b.root)
		for range rng.IntN(6) {
			target.commit(randomSpecs(rng, 4, false))
		}
		from := b.line(2, target.head)
		for range 1 + rng.IntN(12) {
			from.commit(randomSpecs(rng, 4, false)[:1])
		}
		target.imitate(from)
		before := target.head.State
		_, res := target.merge(from.head, object.ModeExclude)
		if target.head.State != before {
			t.Fatalf("the state changed")
		}
		if len(res.Excluded) > 0 {
			t.Fatalf("excluded are %+v", res.Excluded)
		}
	}
}

// imitate makes the line's rows those of another, by transactions of its own.
func (l *line) imitate(of *line) {
	l.t.Helper()
	var txs [][]table.Spec
	must(l.t, state.Diff(l.t.Context(), l.State(l.head), of.State(of.head), func(k, old, new []byte) error {
		_, _, tuple, err := rowkey.Split(k)
		must(l.t, err)
		comps, err := rowkey.Decode(tuple)
		must(l.t, err)
		s := table.Spec{Code: table.Replace, Table: "t", Key: comps}
		if new == nil {
			s.Code = table.Del
		} else {
			for _, f := range table.FieldList(new) {
				f.Enc = append([]byte(nil), f.Enc...)
				s.Fields = append(s.Fields, f)
			}
		}
		txs = append(txs, []table.Spec{s})
		return nil
	}))
	l.commit(txs...)
}

// A source that took everything back changes nothing on the target, whatever that did:
// here by puts of fields, and by rows made and unmade.
func TestMergingWhatWasTakenBackChangesNothing(t *testing.T) {
	rng := source(t)
	for range 150 {
		b := newBook(t)
		target := b.line(1, b.root)
		target.commit(put("row0", num("a", 1), num("b", 1), num("c", 1)), put("row1", num("a", 2), num("b", 2)))
		from := b.line(2, target.head)
		for range 1 + rng.IntN(8) {
			k := []string{"row0", "row1"}[rng.IntN(2)]
			f := num(string(rune('a'+rng.IntN(3))), uint64(rng.IntN(4)))
			from.commit(put(k, f), insert("row3", f), []table.Spec{spec(table.Put, "row1", 0, f), spec(table.Put, "row0", 0, f)})
		}
		from.commit(del("row3"), put("row0", num("a", 1), num("b", 1), num("c", 1)), put("row1", num("a", 2), num("b", 2)), unset("row1", "c"))
		for range rng.IntN(4) {
			target.commit(randomSpecs(rng, 4, true), randomSpecs(rng, 4, true))
		}
		target.commit(put("elsewhere", num("n", 1)))
		before := target.head.State
		_, res := target.merge(from.head, object.ModeExclude)
		if target.head.State != before || len(res.Excluded) > 0 {
			t.Fatalf("the state changed: %v; excluded are %+v", target.head.State != before, res.Excluded)
		}
	}
}
