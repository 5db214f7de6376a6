package merge

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"aergo/branch"
	"aergo/contract/table"
	"aergo/repo/object"
	"aergo/repo/store"
)

// txID names a transaction.
type txID struct {
	batch object.Hash
	index uint64
}

// decision is one verdict in a block, and how it came there.
type decision struct {
	txID
	verdict object.Verdict
	block   object.Hash // that excluded it first, as far as inherited
	made    bool        // not brought in by a merge
}

// decisions returns what a block decided, in block order.
func (b *book) decisions(block branch.Block) []decision {
	b.t.Helper()
	body, err := b.Body(b.t.Context(), block)
	must(b.t, err)
	var out []decision
	for _, e := range body.Entries {
		made := e.Order == 0
		if !made {
			o, err := b.Order(b.t.Context(), body.Orders[e.Order-1])
			must(b.t, err)
			made = o.Kind != object.OrderMerge
		}
		excluded := e.Excluded
		for _, run := range e.Runs {
			for i := run.First; i < run.First+run.Count; i++ {
				d := decision{txID: txID{e.Batch, i}, verdict: run.Verdict, made: made}
				if run.Verdict == object.VerdictExcluded {
					if d.block = block.ID; excluded[0].Reason == object.ReasonInherited {
						d.block = excluded[0].Block
					}
					excluded = excluded[1:]
				}
				out = append(out, d)
			}
		}
	}
	return out
}

// trunk returns the blocks from the root to a head along parents.
func (b *book) trunk(head branch.Block) []branch.Block {
	b.t.Helper()
	out := []branch.Block{head}
	for !head.Parent.IsZero() {
		var err error
		head, err = b.Block(b.t.Context(), head.Parent)
		must(b.t, err)
		out = append(out, head)
	}
	slices.Reverse(out)
	return out
}

func (b *book) checkPlan(p *Plan, target, from branch.Block) {
	b.t.Helper()
	want := b.expect(target, from)
	above, below := map[object.Hash]bool{}, map[object.Hash]bool{}
	b.ancestors(target, above)
	b.ancestors(from, below)
	ahead := below[target.ID] && target.ID != from.ID
	if p.UpToDate != (above[from.ID] || ahead && want.disputed && len(want.spans) == 0) || p.FastForward != (ahead && !want.disputed) {
		b.t.Fatalf("up to date %v, fast-forward %v", p.UpToDate, p.FastForward)
	}
	if overruled := selected(p.Overruled); !sameSet(overruled, want.overruled) {
		b.t.Fatalf("overruled are %v, want %v", overruled, want.overruled)
	}
	if p.UpToDate {
		if len(want.spans) > 0 {
			b.t.Fatalf("up to date, but %d transactions are missing", len(want.spans))
		}
		return
	}
	if p.Replayed != want.replayed || p.Inherited != want.inherited || p.Dropped != want.drops || p.Already != want.already {
		b.t.Fatalf("plan counts %d, %d, %d, %d; want %d, %d, %d, %d", p.Replayed, p.Inherited, p.Dropped, p.Already,
			want.replayed, want.inherited, want.drops, want.already)
	}
	at := 0
	for _, s := range p.Spans {
		if !s.Merged || s.Order != 1 {
			b.t.Fatalf("span %+v is not of a merge", s)
		}
		for i := s.First; i < s.First+s.Count; i++ {
			d := want.spans[at]
			at++
			if d.txID != (txID{s.Batch.ID, i}) || s.Decided == d.verdict.Applied() || s.Decided && (s.Verdict != d.verdict || s.Block != d.block) {
				b.t.Fatalf("transaction %d of the plan is %s.%d, decided %v as %s by %s; want %+v", at-1, s.Batch.ID.Short(), i, s.Decided, s.Verdict, s.Block.Short(), d)
			}
		}
	}
	if at != len(want.spans) {
		b.t.Fatalf("the plan has %d of %d transactions", at, len(want.spans))
	}
}

// Random histories of several branches, with merges in all directions, picks, replays and
// drops: a plan takes exactly what the target has not decided, in the source's order, and
// the merge accounts for all of it.
func TestPlansOfRandomHistories(t *testing.T) {
	rng := source(t)
	var merges, conflicts, inherited, dropped, already uint64
	// Some of what can happen is rare: the histories go on until all of it has.
	rare := func() bool { return conflicts == 0 || inherited == 0 || dropped == 0 || already == 0 }
	for n := 0; n < 50 || n < 1000 && rare(); n++ {
		b := newBook(t)
		lines := []*line{b.line(1, b.root)}
		lines[0].commit(put("row0", num("a", 0)), put("row1", num("a", 0)))
		for i := byte(2); i <= 4; i++ {
			lines = append(lines, b.line(i, lines[0].head))
		}
		for range 40 {
			l, other := lines[rng.IntN(len(lines))], lines[rng.IntN(len(lines))]
			switch rng.IntN(8) {
			case 0, 1, 2:
				l.commit(randomSpecs(rng, 5, true), randomSpecs(rng, 5, true), randomSpecs(rng, 5, true))
			case 3:
				l.orderSomething(rng, other)
			case 4: // forget the newest blocks, as undo does
				if rng.IntN(3) == 0 && !l.head.Parent.IsZero() {
					back, err := l.Back(t.Context(), l.head, 1)
					must(t, err)
					l.head = back
				}
			default:
				plan, err := NewPlan(t.Context(), b.Chain, l.head, other.head)
				must(t, err)
				b.checkPlan(plan, l.head, other.head)
				if plan.FastForward && rng.IntN(2) == 0 {
					l.head = other.head
					continue
				}
				before := l.head
				_, res := l.merge(other.head, object.Mode(rng.IntN(3)))
				if res == nil {
					continue
				}
				l.accounts(plan, res, before)
				merges++
				conflicts += uint64(len(res.Excluded))
				inherited, dropped, already = inherited+res.Inherited, dropped+res.Dropped, already+res.Already
			}
		}
	}
	t.Logf("%d merges, %d conflicts, %d inherited, %d dropped, %d already", merges, conflicts, inherited, dropped, already)
	if rare() {
		t.Error("the histories are too simple")
	}
}

// orderSomething picks from another line, or replays or drops what is excluded.
func (l *line) orderSomething(rng *rand.Rand, other *line) {
	l.t.Helper()
	kind := []object.OrderKind{object.OrderPick, object.OrderReplay, object.OrderDrop, object.OrderDrop}[rng.IntN(4)]
	var items []object.Selection
	if kind == object.OrderPick {
		for _, d := range l.decisions(other.head) {
			if rng.IntN(2) == 0 {
				items = append(items, object.Selection{Batch: d.batch, First: d.index, Count: 1})
			}
		}
	} else {
		must(l.t, l.Account(l.head).Excluded(l.t.Context(), func(batch object.Hash, index uint64) error {
			if rng.IntN(2) == 0 {
				items = append(items, object.Selection{Batch: batch, First: index, Count: 1})
			}
			return nil
		}))
	}
	if _, err := l.order(kind, items...); err != nil && !errors.Is(err, ErrNothing) && !errors.Is(err, ErrExcluded) {
		l.t.Fatal(err)
	}
}

// accounts checks that a merge says what became of everything, and that nothing is left.
func (l *line) accounts(p *Plan, res *Result, before branch.Block) {
	l.t.Helper()
	if got := res.Applied + uint64(len(res.Excluded)); got != p.Replayed {
		l.t.Fatalf("%d applied or excluded, %d were replayed", got, p.Replayed)
	}
	if res.Inherited != p.Inherited || res.Dropped != p.Dropped || res.Already != p.Already {
		l.t.Fatalf("result %+v of plan %+v", res, p)
	}
	again, err := NewPlan(l.t.Context(), l.Chain, l.head, p.Source)
	must(l.t, err)
	if !again.UpToDate {
		l.t.Fatal("after the merge something is left to merge")
	}
	must(l.t, branch.Missing(l.t.Context(), l.Account(l.head), l.Account(p.Source), func(e branch.AccountEntry) error {
		return fmt.Errorf("%v of batch %s are missing", e.Runs, e.Batch.Short())
	}))
	// What the target decided before stays as it was.
	must(l.t, branch.Missing(l.t.Context(), l.Account(l.head), l.Account(before), func(e branch.AccountEntry) error {
		return fmt.Errorf("%v of batch %s were lost", e.Runs, e.Batch.Short())
	}))
	for _, d := range l.decisions(before) {
		batch, err := l.Batch(l.t.Context(), d.batch)
		must(l.t, err)
		runs, err := l.Account(l.head).Runs(l.t.Context(), batch.Mark.Height, d.batch)
		must(l.t, err)
		if v, _ := branch.VerdictOf(runs, d.index); v != d.verdict {
			l.t.Fatalf("transaction %s.%d was %s and is %s", d.batch.Short(), d.index, d.verdict, v)
		}
	}
}

// A transaction that comes by two ways is taken once.
func TestATransactionArrivesOnce(t *testing.T) {
	b := newBook(t)
	master := b.line(1, b.root)
	feature, x, y := b.line(2, b.root), b.line(3, b.root), b.line(4, b.root)
	batch := feature.commit(put("r", num("n", 1)))
	x.commit(put("x", num("n", 1)))
	y.commit(put("y", num("n", 1)))
	x.merge(feature.head, object.ModeExclude)
	y.merge(feature.head, object.ModeExclude)
	master.commit(put("m", num("n", 1)))
	if _, res := master.merge(x.head, object.ModeExclude); res.Applied != 2 {
		t.Errorf("%d applied", res.Applied)
	}
	plan, res := master.merge(y.head, object.ModeExclude)
	if res.Applied != 1 || res.Noop != 0 || res.Already != 0 || len(plan.Spans) != 1 || plan.Spans[0].Batch.ID == batch.ID {
		t.Errorf("the second way brings %+v", res)
	}
	if plan, _ = master.merge(feature.head, object.ModeExclude); !plan.UpToDate {
		t.Error("feature is not in master")
	}
	// Back: the feature takes what the others made.
	if _, res := feature.merge(master.head, object.ModeExclude); res.Applied != 3 {
		t.Errorf("%d applied", res.Applied)
	}
}

func TestMergesOfDisjointBranchesCommute(t *testing.T) {
	rng := source(t)
	for range 20 {
		b := newBook(t)
		base := b.line(1, b.root)
		base.commit(put("row0", num("n", 1)), put("sum", num("n", 0)))
		x, y := b.line(2, base.head), b.line(3, base.head)
		for range 1 + rng.IntN(5) {
			x.commit(randomSpecs(rng, 4, true), one(table.Incr, "sum", 0, num("n", uint64(rng.IntN(9)))))
			y.commit(put(fmt.Sprint("y", rng.IntN(4)), num("n", uint64(rng.IntN(9)))), one(table.Incr, "sum", 0, num("n", uint64(rng.IntN(9)))))
		}
		base.commit(put("elsewhere", num("n", 1)))
		one, other := b.line(5, base.head), b.line(6, base.head)
		one.merge(x.head, object.ModeExclude)
		one.merge(y.head, object.ModeExclude)
		other.merge(y.head, object.ModeExclude)
		other.merge(x.head, object.ModeExclude)
		if one.head.State != other.head.State {
			t.Fatal("merging in another order gives another state")
		}
		if one.head.Account != other.head.Account {
			t.Fatal("merging in another order gives another account")
		}
	}
}

// Branches merged into each other may differ in a verdict, and stay so: a verdict changes
// by an order on the branch itself.
func TestVerdictsStayWhereTheyWereGiven(t *testing.T) {
	b := newBook(t)
	ours := b.line(1, b.root)
	ours.commit(put("r", num("n", 0)))
	theirs := b.line(2, ours.head)
	batch := theirs.commit(put("r", num("n", 1)))
	ours.commit(put("r", num("n", 9)))
	if _, res := ours.merge(theirs.head, object.ModeExclude); len(res.Excluded) != 1 {
		t.Fatalf("excluded are %+v", res.Excluded)
	}
	verdict := func(l *line) object.Verdict {
		runs, err := l.Account(l.head).Runs(t.Context(), batch.Mark.Height, batch.ID)
		must(t, err)
		v, _ := branch.VerdictOf(runs, 0)
		return v
	}
	// Back into theirs: what it applied stays applied, and counts as neither.
	plan, res := theirs.merge(ours.head, object.ModeExclude)
	if plan.Inherited != 0 || res.Already != 0 || verdict(theirs) != object.VerdictApplied || theirs.row("r") != `{"n":1}` {
		t.Errorf("theirs is %s, plan %+v", theirs.row("r"), plan)
	}
	// A third branch inherits from the one that it merges first.
	third := b.line(3, b.root)
	third.merge(ours.head, object.ModeExclude)
	if verdict(third) != object.VerdictExcluded {
		t.Errorf("third has it as %s", verdict(third))
	}
	third.merge(theirs.head, object.ModeExclude)
	if verdict(third) != object.VerdictExcluded {
		t.Errorf("third has it as %s after the other", verdict(third))
	}
	// Replayed on ours, after making way: then third, which decided already, is not moved.
	ours.commit(put("r", num("n", 0)))
	if _, err := ours.order(object.OrderReplay, object.Selection{Batch: batch.ID, Count: 1}); err != nil || verdict(ours) != object.VerdictApplied || ours.row("r") != `{"n":1}` {
		t.Fatalf("replay: %v, %s, %s", err, verdict(ours), ours.row("r"))
	}
	plan, _ = third.merge(ours.head, object.ModeExclude)
	if verdict(third) != object.VerdictExcluded || plan.Already != 0 || len(selected(plan.Overruled)) != 1 {
		t.Errorf("third has it as %s, plan %+v", verdict(third), plan)
	}
	// A fourth takes it at its new place in the source's order.
	fourth := b.line(4, b.root)
	if _, res = fourth.merge(ours.head, object.ModeExclude); len(res.Excluded) != 0 || verdict(fourth) != object.VerdictApplied || fourth.row("r") != `{"n":1}` {
		t.Errorf("fourth: %s, %+v", fourth.row("r"), res)
	}
}

func TestSelections(t *testing.T) {
	b := newBook(t)
	master, other := b.line(1, b.root), b.line(2, b.root)
	batch := other.commit(put("a", num("n", 1)), put("b", num("n", 1)), put("c", num("n", 1)), put("d", num("n", 1)))
	sel := func(first, count uint64) object.Selection {
		return object.Selection{Batch: batch.ID, First: first, Count: count}
	}
	res, err := master.order(object.OrderPick, sel(0, 2), sel(1, 2), sel(1, 1))
	if err != nil || res.Applied != 3 || res.Already != 0 {
		t.Fatalf("overlapping items: %+v, %v", res, err)
	}
	res, err = master.order(object.OrderPick, sel(2, 2), sel(0, 1))
	if err != nil || res.Applied != 1 || res.Already != 2 {
		t.Errorf("some again: %+v, %v", res, err)
	}
	if res, err := master.order(object.OrderPick, sel(0, 4)); !errors.Is(err, ErrNothing) || res.Already != 4 {
		t.Errorf("all again: %+v, %v", res, err)
	}
	for _, kind := range []object.OrderKind{object.OrderReplay, object.OrderDrop} {
		if _, err := master.order(kind, sel(0, 4)); !errors.Is(err, ErrNothing) {
			t.Errorf("%s of what applied: %v", kind, err)
		}
	}
	if _, err := master.order(object.OrderPick, sel(3, 2)); !errors.Is(err, branch.ErrInvalid) {
		t.Errorf("beyond the batch: %v", err)
	}
	if _, err := master.order(object.OrderPick, object.Selection{Batch: object.Hash{9}, Count: 1}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no such batch: %v", err)
	}
}

// What a batch says of where it may go holds for merges and picks too.
func TestScopeAndExpiryHoldForOrders(t *testing.T) {
	for name, change := range map[string]func(*object.Batch){
		"scope":   func(b *object.Batch) { b.Scope = object.Hash{2} },
		"expired": func(b *object.Batch) { b.Expiry = 1 },
	} {
		b := newBook(t)
		master, other := b.line(1, b.root), b.line(2, b.root)
		batch := other.commitAs(b.ada, change, put("a", num("n", 1)))
		must(t, b.Validate(t.Context(), other.head))
		master.commit(put("m", num("n", 1)))
		plan, err := NewPlan(t.Context(), b.Chain, master.head, other.head)
		must(t, err)
		b.write(func(w store.Writer) {
			if _, err := Merge(t.Context(), b.Ledger, w, plan, master.request(0)); !errors.Is(err, branch.ErrInvalid) {
				t.Errorf("%s: merge: %v", name, err)
			}
		})
		if _, err := master.order(object.OrderPick, object.Selection{Batch: batch.ID, Count: 1}); !errors.Is(err, branch.ErrInvalid) {
			t.Errorf("%s: pick: %v", name, err)
		}
	}
}

// Theirs: what conflicts stays excluded, and its effects come by a batch of the merger's.
func TestTheirsForcesWhatConflicts(t *testing.T) {
	b := newBook(t)
	ours := b.line(1, b.root)
	var base, change, edit [][]table.Spec
	for i := range 300 {
		k := fmt.Sprint("r", i)
		base = append(base, put(k, num("n", 0), num("m", 0)))
		change = append(change, put(k, num("n", 1)))
		if i%3 > 0 {
			edit = append(edit, put(k, num("n", 9), num("m", 9)))
		}
	}
	change = append(change, del("gone"), one(table.Incr, "gone2", 0, num("n", 3)))
	ours.commit(append(base, put("gone", num("n", 0)), put("gone2", num("n", 0)))...)
	theirs := b.line(2, ours.head)
	theirs.commitAs(person("ben"), func(*object.Batch) {})
	theirs.commit(change...)
	ours.commit(append(edit, put("gone", num("n", 5)), del("gone2"))...)
	_, res := ours.merge(theirs.head, object.ModeTheirs)
	if len(res.Excluded) != 202 || res.Forced != 202 || res.Applied != 100 {
		t.Fatalf("%d excluded, %d forced, %d applied", len(res.Excluded), res.Forced, res.Applied)
	}
	for _, x := range res.Excluded {
		if x.Reason != object.ReasonSuperseded {
			t.Errorf("excluded is %+v", x)
		}
	}
	for k, want := range map[string]string{"r0": `{"m":0,"n":1}`, "r1": `{"m":9,"n":1}`, "r299": `{"m":9,"n":1}`, "gone": "", "gone2": `{"n":3}`} {
		if got := ours.row(k); got != want {
			t.Errorf("%s is %s, want %s", k, got, want)
		}
	}
	// Nothing is forced where nothing conflicts.
	again := b.line(3, b.root)
	if _, res := again.merge(ours.head, object.ModeTheirs); res.Forced != 0 || len(res.Excluded) != 0 || res.Inherited != 202 {
		t.Errorf("forced %d, excluded %d, inherited %d", res.Forced, len(res.Excluded), res.Inherited)
	}
}

func TestMergingWhatIsThereIsNothing(t *testing.T) {
	b := newBook(t)
	l := b.line(1, b.root)
	l.commit(put("a", num("n", 1)))
	plan, err := NewPlan(t.Context(), b.Chain, l.head, b.root)
	must(t, err)
	b.write(func(w store.Writer) {
		if _, err := Merge(t.Context(), b.Ledger, w, plan, l.request(0)); !errors.Is(err, ErrNothing) {
			t.Errorf("error is %v", err)
		}
	})
}
