package merge

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"aergo/branch"
	"aergo/contract"
	"aergo/contract/sql"
	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo/object"
	"aergo/repo/store"
)

// newRuledBook is newBook whose ledger runs merge logics.
func newRuledBook(t testing.TB) *book {
	b := newBook(t)
	b.Logics = func(source []byte) (branch.Logic, error) {
		r, err := sql.Compile(source)
		if err != nil {
			return nil, err
		}
		return r.ForMerge(), nil
	}
	return b
}

// found begins a line with merge logic.
func (b *book) found(name string, at branch.Block, source string) *line {
	b.t.Helper()
	var block branch.Block
	b.write(func(w store.Writer) {
		var err error
		block, err = b.Found(b.t.Context(), w, at, name, 1, branch.MergeLogic{Name: "rules", Source: []byte(source)}, b.tick(), b.ada)
		must(b.t, err)
	})
	must(b.t, b.Validate(b.t.Context(), block))
	return &line{b, block.Branch, block}
}

// resolve merges a block into the line by its logic, if it has one. It returns nil if there
// is nothing to do.
func (l *line) resolve(from branch.Block) (*Plan, *Result, error) {
	l.t.Helper()
	plan, err := NewPlan(l.t.Context(), l.Chain, l.head, from)
	must(l.t, err)
	if plan.UpToDate {
		return plan, nil, nil
	}
	req := l.request(object.ModeExclude)
	req.Logic, err = l.MergeLogic(l.t.Context(), l.head, l.id)
	must(l.t, err)
	if req.Logic != nil {
		req.Mode = object.ModeResolve
	}
	w, err := l.mem.Begin(l.t.Context())
	must(l.t, err)
	defer func() { _ = w.Rollback() }()
	res, err := Merge(l.t.Context(), l.Ledger, w, plan, req)
	if err != nil {
		return plan, nil, err
	}
	must(l.t, w.Commit(l.t.Context()))
	l.head = res.Block
	must(l.t, l.Validate(l.t.Context(), l.head))
	if n := uint64(len(res.Excluded)); res.Applied+n != plan.Replayed || res.Inherited != plan.Inherited {
		l.t.Errorf("of %d transactions %d are applied and %d excluded", plan.Replayed, res.Applied, n)
	}
	return plan, res, nil
}

func TestResolvedMerges(t *testing.T) {
	n, m := func(v uint64) value.Field { return num("n", v) }, func(v uint64) value.Field { return num("m", v) }
	const sum, none = "on *: sum;", "on other: ours;"
	for _, test := range []struct {
		name, logic string
		base        step
		rounds      [][2]step // of the target, of the source; a merge behind each
		back        bool      // the source merges the target in between
		row         string    // "r" afterwards
		resolved    int
		excluded    int
	}{
		{name: "a field both changed", logic: sum, base: do(put("r", n(10))), rounds: [][2]step{{do(put("r", n(8))), do(put("r", n(13)))}}, row: `{"n":11}`, resolved: 1},
		{name: "no rule", logic: none, base: do(put("r", n(10))), rounds: [][2]step{{do(put("r", n(8))), do(put("r", n(13)))}}, row: `{"n":8}`, excluded: 1},
		{name: "several in a row", logic: sum, base: do(put("r", n(10))),
			rounds: [][2]step{{do(put("r", n(8))), do(put("r", n(13)), put("r", n(20)), put("r", n(21)))}}, row: `{"n":19}`, resolved: 3},
		{name: "rows made on both sides", logic: sum, rounds: [][2]step{{do(insert("r", n(3))), do(insert("r", n(4), m(1)))}}, row: `{"m":1,"n":7}`, resolved: 1},
		{name: "made and changed", logic: sum, rounds: [][2]step{{do(put("r", n(3))), do(put("r", n(4)), put("r", n(6)))}}, row: `{"n":9}`, resolved: 2},
		{name: "a row that is gone", logic: sum, base: do(put("r", n(10))), rounds: [][2]step{{do(del("r")), do(put("r", n(13)))}}, row: ``, excluded: 1},
		{name: "counts beside puts", logic: sum, base: do(put("r", n(10))),
			rounds: [][2]step{{do(put("r", n(8))), do(one(table.Incr, "r", 0, n(2)), put("r", n(15)))}}, row: `{"n":13}`, resolved: 1},
		{name: "merged twice", logic: sum, base: do(put("r", n(10))),
			rounds: [][2]step{{do(put("s", n(1))), do(put("r", n(13)))}, {do(put("r", n(14))), do(put("r", n(20)))}}, row: `{"n":21}`, resolved: 1},
		// What the source had after a merge that decided otherwise is in no state of the target.
		{name: "merged twice, decided the first time", logic: sum, base: do(put("r", n(10))),
			rounds: [][2]step{{do(put("r", n(8))), do(put("r", n(13)))}, {nil, do(put("r", n(20)))}}, row: `{"n":11}`, resolved: 1, excluded: 1},
		{name: "merged back and again", logic: sum, base: do(put("r", n(10))), back: true,
			rounds: [][2]step{{do(put("r", n(8))), do(put("r", n(13)))}, {do(put("r", n(12))), do(put("r", n(20)))}}, row: `{"n":21}`, resolved: 2},
		{name: "three rounds", logic: sum, base: do(put("r", n(0))), back: true,
			rounds: [][2]step{{do(put("r", n(1))), do(put("r", n(2)))}, {do(put("r", n(7))), do(put("r", n(11)))}, {do(put("r", n(31))), do(put("r", n(47)))}},
			row:    `{"n":63}`, resolved: 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newRuledBook(t)
			trunk := b.line(1, b.root)
			trunk.commit(test.base...)
			target := b.found("shop", trunk.head, test.logic)
			from := b.line(2, target.head)
			resolved, excluded := 0, 0
			for _, round := range test.rounds {
				if len(round[0]) > 0 {
					target.commit(round[0]...)
				}
				from.commit(round[1]...)
				_, res, err := target.resolve(from.head)
				must(t, err)
				resolved, excluded = resolved+int(res.Resolved), excluded+len(res.Excluded)
				if test.back {
					from.head = target.head
				}
			}
			if got := target.row("r"); got != test.row || resolved != test.resolved || excluded != test.excluded {
				t.Errorf("r is %s, %d resolved, %d excluded; want %s, %d, %d", got, resolved, excluded, test.row, test.resolved, test.excluded)
			}
		})
	}
}

// The later change wins, by the times that authors give; on a tie what the target has. Of the
// target's changes its own count, not what an earlier merge brought from the source.
func TestNewestGoesByTheTargetsOwnChanges(t *testing.T) {
	at := func(millis uint64) func(*object.Batch) { return func(b *object.Batch) { b.TimeMillis = millis } }
	for _, test := range []struct {
		ours, theirs uint64
		row          string
	}{{50, 60, `{"m":0,"n":2}`}, {60, 50, `{"m":0,"n":1}`}, {50, 50, `{"m":0,"n":1}`}} {
		b := newRuledBook(t)
		trunk := b.line(1, b.root)
		trunk.commit(put("r", num("n", 0), num("m", 0)))
		target := b.found("shop", trunk.head, "on *: newest;")
		from := b.line(2, target.head)
		target.commitAs(b.ada, at(test.ours), put("r", num("n", 1)))
		target.commitAs(b.ada, at(1000), put("r", num("m", 5)), put("r", num("m", 0)), put("s", num("n", 0))) // other cells
		from.commitAs(b.ada, at(test.theirs), put("r", num("n", 2)))
		_, res, err := target.resolve(from.head)
		must(t, err)
		if got := target.row("r"); got != test.row || res.Resolved != 1 {
			t.Errorf("ours of %d, theirs of %d: %s, %d resolved", test.ours, test.theirs, got, res.Resolved)
		}
	}
	// A row replaced as a whole is a change of each of its fields.
	b := newRuledBook(t)
	trunk := b.line(1, b.root)
	trunk.commit(put("r", num("n", 0)))
	target := b.found("shop", trunk.head, "on *: newest;")
	from := b.line(2, target.head)
	target.commitAs(b.ada, at(70), one(table.Replace, "r", 0, num("n", 1)))
	from.commitAs(b.ada, at(60), put("r", num("n", 2)))
	if _, _, err := target.resolve(from.head); err != nil || target.row("r") != `{"n":1}` {
		t.Errorf("%s, %v", target.row("r"), err)
	}
}

// A merge whose resolver gives no answer leaves nothing behind.
func TestUnresolvedMergeWritesNothing(t *testing.T) {
	b := newRuledBook(t)
	trunk := b.line(1, b.root)
	trunk.commit(put("r", num("n", 0)), put("s", num("n", 0)))
	target := b.found("shop", trunk.head, "on *:\n fail('ask');")
	from := b.line(2, target.head)
	from.commit(put("s", num("n", 1)), put("r", num("n", 2)))
	target.commit(put("r", num("n", 1)))
	before := b.objects()
	var e *sql.Error
	if _, _, err := target.resolve(from.head); !errors.Is(err, contract.ErrResolver) || !errors.As(err, &e) || e.Line != 2 {
		t.Errorf("%v", err)
	}
	if target.row("s") != `{"n":0}` || b.objects() != before {
		t.Errorf("s is %s, and there are %d objects, not %d", target.row("s"), b.objects(), before)
	}
}

// objects counts what is stored.
func (b *book) objects() (n int) {
	b.t.Helper()
	must(b.t, b.mem.Each(b.t.Context(), func(store.Info) error { n++; return nil }))
	return n
}

// growth is a history of cells that only ever grow, each change by a power of two of its own:
// so a cell tells which changes are in it.
type growth struct {
	*book
	rng   *rand.Rand
	lines []*line
	made  map[object.Hash][]map[string]uint64 // by batch and index: how much each row grew
	next  map[string]uint
}

const growingRows = 4

// work commits a few transactions to a line.
func (g *growth) work(l *line) {
	g.t.Helper()
	now := map[string]uint64{}
	for i := range growingRows {
		k := fmt.Sprint("row", i)
		now[k] = l.number(k)
	}
	var txs [][]table.Spec
	var all []map[string]uint64
	for range 1 + g.rng.IntN(3) {
		grew := map[string]uint64{}
		var specs []table.Spec
		for range 1 + g.rng.IntN(2) {
			k := fmt.Sprint("row", g.rng.IntN(growingRows))
			if grew[k] > 0 || g.next[k] > 60 {
				continue
			}
			by := uint64(1) << g.next[k]
			g.next[k]++
			grew[k], now[k] = by, now[k]+by
			if g.rng.IntN(5) == 0 {
				specs = append(specs, spec(table.Incr, k, 0, num("n", by)))
			} else {
				specs = append(specs, spec(table.Put, k, 0, num("n", now[k])))
			}
		}
		if len(specs) > 0 {
			txs, all = append(txs, specs), append(all, grew)
		}
	}
	if len(txs) > 0 {
		g.made[l.commit(txs...).ID] = all
	}
}

func (l *line) number(k string) uint64 {
	row, _, err := l.State(l.head).Get(l.t.Context(), rowID(l.t, k))
	must(l.t, err)
	enc, _ := table.Lookup(row, "n")
	n, _ := value.AsUint(enc)
	return n
}

// check compares the cells of a line with what its account says is in them.
func (g *growth) check(l *line) {
	g.t.Helper()
	want := map[string]uint64{}
	for id, all := range g.made {
		batch, err := g.Batch(g.t.Context(), id)
		must(g.t, err)
		runs, err := g.Account(l.head).Runs(g.t.Context(), batch.Mark.Height, id)
		must(g.t, err)
		for i, grew := range all {
			if v, ok := branch.VerdictOf(runs, uint64(i)); ok && v.Applied() {
				for k, by := range grew {
					want[k] += by
				}
			}
		}
	}
	for i := range growingRows {
		if k := fmt.Sprint("row", i); l.number(k) != want[k] {
			g.t.Fatalf("%s is %b, and its changes make %b", k, l.number(k), want[k])
		}
	}
}

// On random histories, with merges repeated, criss-cross and in circles, a sum has each
// change that was applied once, and nothing else.
func TestSumsAreOfWhatWasApplied(t *testing.T) {
	rng := source(t)
	resolved, excluded, merges := uint64(0), 0, 0
	for range 40 {
		b := newRuledBook(t)
		g := &growth{book: b, rng: rng, made: map[object.Hash][]map[string]uint64{}, next: map[string]uint{}}
		trunk := b.line(1, b.root)
		var rows [][]table.Spec
		for i := range growingRows {
			rows = append(rows, put(fmt.Sprint("row", i), num("n", 0)))
		}
		trunk.commit(rows...)
		g.lines = append(g.lines, b.line(2, trunk.head))
		for i := range 2 + rng.IntN(2) {
			g.lines = append(g.lines, b.found(fmt.Sprint(i), trunk.head, "on *: sum;"))
		}
		for range 25 {
			l, from := g.lines[rng.IntN(len(g.lines))], g.lines[rng.IntN(len(g.lines))]
			if l == from || rng.IntN(2) == 0 {
				g.work(l)
				continue
			}
			_, res, err := l.resolve(from.head)
			must(t, err)
			g.check(l)
			if res != nil {
				merges++
				resolved, excluded = resolved+res.Resolved, excluded+len(res.Excluded)
				if res.Noop > 0 {
					t.Errorf("%d transactions are no-op", res.Noop)
				}
			}
		}
	}
	t.Logf("%d merges, %d resolved, %d excluded", merges, resolved, excluded)
	if resolved < 100 {
		t.Error("too few conflicts")
	}
}

// Whatever the operations and the rules, each of the source's transactions is applied or
// excluded; or the merge fails as a whole.
func TestEveryTransactionIsAccountedForByRules(t *testing.T) {
	rng := source(t)
	resolved, failed := uint64(0), 0
	for i := range 120 {
		b := newRuledBook(t)
		trunk := b.line(1, b.root)
		trunk.commit(randomSpecs(rng, 2, true), randomSpecs(rng, 2, true))
		logic := []string{
			"on *: sum;", "on *: theirs;", "on *: newest; on *.a: sum;", "on *.a: max; on *.b: exclude('b is ours');",
			"on t: iif(ours.d > theirs.d, ours, theirs);", "on *: CASE WHEN theirs > 0 THEN fail('too much') ELSE theirs END;",
		}[i%6]
		lines := []*line{b.found("one", trunk.head, logic), b.found("two", trunk.head, logic), b.line(2, trunk.head)}
		for range 24 {
			l, from := lines[rng.IntN(len(lines))], lines[rng.IntN(len(lines))]
			if l == from || rng.IntN(2) == 0 {
				l.commit(randomSpecs(rng, 2, true), randomSpecs(rng, 2, true))
				continue
			}
			before := l.head.ID
			_, res, err := l.resolve(from.head)
			switch {
			case errors.Is(err, contract.ErrResolver):
				failed++
				if l.head.ID != before {
					t.Error("a merge that failed moved the line")
				}
			case err != nil:
				t.Fatal(err)
			case res != nil:
				resolved += res.Resolved
			}
		}
	}
	t.Logf("%d resolved, %d merges failed", resolved, failed)
	if resolved == 0 || failed == 0 {
		t.Error("too few conflicts")
	}
}

// Grounds are found in one walk down both sides, also where these share no first block.
func TestLineageIsWhatIsAncestorSays(t *testing.T) {
	rng := source(t)
	b := newBook(t)
	lines := []*line{b.line(1, b.root), b.line(2, b.root), b.line(3, b.root)}
	for range 60 {
		l, from := lines[rng.IntN(3)], lines[rng.IntN(3)]
		if l == from || rng.IntN(3) > 0 {
			l.commit(randomSpecs(rng, 4, true))
			continue
		}
		_, _, err := l.resolve(from.head)
		must(t, err)
	}
	for _, head := range []branch.Block{lines[0].head, lines[1].head} {
		has := newLineage(head)
		for at := lines[2].head; ; {
			want, err := IsAncestor(t.Context(), b.Chain, at, head)
			must(t, err)
			if got, err := has.ancestor(t.Context(), b.Chain, at); err != nil || got != want {
				t.Fatalf("%v, %v at height %d, want %v", got, err, at.Height, want)
			}
			if at.Parent.IsZero() {
				break
			}
			at, err = b.Block(t.Context(), at.Parent)
			must(t, err)
		}
	}
}
