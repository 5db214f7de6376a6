package merge

import (
	"errors"
	"fmt"
	"testing"

	"aergo/branch"
	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo/object"
	"aergo/repo/state"
	"aergo/repo/store"
)

// A source that goes on from the target but has decided otherwise is merged, and overturns
// nothing.
func TestNoFastForwardOverAVerdict(t *testing.T) {
	n := func(v uint64) []table.Spec { return put("r", num("n", v)) }
	type sides struct{ ours, theirs *line }
	for _, test := range []struct {
		name      string
		more      func(s sides) // after theirs has merged ours
		forward   bool
		upToDate  bool
		overruled int
		row       string
	}{
		{name: "excluded there, applied here", more: func(s sides) { s.theirs.commit(put("s", num("n", 1))) }, row: `{"n":2}`},
		{name: "nothing to bring", more: func(s sides) { s.ours.merge(s.theirs.head, object.ModeExclude) }, upToDate: true, overruled: 1, row: `{"n":2}`},
		{name: "the exclusion was dropped", more: func(s sides) { must(s.ours.t, s.theirs.orderAll(object.OrderDrop)) }, row: `{"n":2}`},
		{name: "decided alike in the end", more: func(s sides) {
			s.theirs.commit(n(1))
			must(s.ours.t, s.theirs.orderAll(object.OrderReplay))
		}, forward: true, row: `{"n":2}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBook(t)
			ours := b.line(1, b.root)
			ours.commit(n(1))
			theirs := b.line(2, ours.head)
			ours.commit(n(2))
			theirs.commit(n(3))
			theirs.merge(ours.head, object.ModeExclude)
			test.more(sides{ours, theirs})
			plan, err := NewPlan(t.Context(), b.Chain, ours.head, theirs.head)
			must(t, err)
			if test.upToDate {
				// The other way round: theirs takes the block that ours made of it.
				plan, err = NewPlan(t.Context(), b.Chain, theirs.head, ours.head)
				must(t, err)
			}
			if plan.FastForward != test.forward || plan.UpToDate != test.upToDate || len(selected(plan.Overruled)) != test.overruled {
				t.Errorf("fast-forward %v, up to date %v, overruled %v", plan.FastForward, plan.UpToDate, plan.Overruled)
			}
			if !plan.FastForward && !plan.UpToDate {
				ours.merge(theirs.head, object.ModeExclude)
			}
			if plan.FastForward {
				ours.head = theirs.head
			}
			if got := ours.row("r"); got != test.row {
				t.Errorf("r is %s, want %s", got, test.row)
			}
		})
	}
}

// orderAll gives an order about everything that is excluded.
func (l *line) orderAll(kind object.OrderKind) error {
	l.t.Helper()
	var items []object.Selection
	must(l.t, l.Account(l.head).Excluded(l.t.Context(), func(batch object.Hash, index uint64) error {
		items = append(items, object.Selection{Batch: batch, First: index, Count: 1})
		return nil
	}))
	_, err := l.order(kind, items...)
	return err
}

// What cannot even be forced is in the account, by the name of the forced transaction.
func TestTheirsAccountsForWhatItCannotForce(t *testing.T) {
	b := newBook(t)
	ours := b.line(1, b.root)
	ours.commit(put("r", num("n", 1), num("m", 1)), put("s", num("n", 1)))
	theirs := b.line(2, ours.head)
	theirs.commit([]table.Spec{spec(table.Put, "r", 0, num("m", 2)), spec(table.Incr, "r", 0, num("n", 1))}, put("s", num("n", 2)))
	ours.commit(put("r", num("m", 3), value.Field{Name: "n", Enc: value.AppendText(nil, "x")}), put("s", num("n", 3)))
	_, res := ours.merge(theirs.head, object.ModeTheirs)
	var reasons []string
	for _, x := range res.Excluded {
		reasons = append(reasons, fmt.Sprint(x.Index, " ", x.Reason))
	}
	if want := []string{"0 superseded", "1 superseded", "0 type"}; fmt.Sprint(reasons) != fmt.Sprint(want) {
		t.Errorf("excluded are %q, want %q", reasons, want)
	}
	if res.Forced != 1 || ours.row("r") != `{"m":3,"n":"x"}` || ours.row("s") != `{"n":2}` {
		t.Errorf("%d forced, r is %s, s is %s", res.Forced, ours.row("r"), ours.row("s"))
	}
	if last := res.Excluded[len(res.Excluded)-1]; last.Batch == res.Excluded[0].Batch {
		t.Error("it is excluded by the name of the original")
	}
}

func TestAPickOfWhatIsExcludedHere(t *testing.T) {
	b := newBook(t)
	ours := b.line(1, b.root)
	ours.commit(put("r", num("n", 1)))
	theirs := b.line(2, ours.head)
	batch := theirs.commit(put("r", num("n", 2)), put("s", num("n", 2)))
	late := theirs.commit(put("t", num("n", 2)))
	ours.commit(put("r", num("n", 3)))
	sel := func(b branch.Batch, first, count uint64) object.Selection {
		return object.Selection{Batch: b.ID, First: first, Count: count}
	}
	at, err := b.Block(t.Context(), theirs.head.Parent)
	must(t, err)
	ours.merge(at, object.ModeExclude)
	before := ours.head
	res, err := ours.order(object.OrderPick, sel(late, 0, 1), sel(batch, 0, 2))
	if !errors.Is(err, ErrExcluded) || res.Already != 1 || len(selected(res.Overruled)) != 1 || ours.head.ID != before.ID {
		t.Errorf("result %+v, %v", res, err)
	}
	if _, err := ours.order(object.OrderPick, sel(batch, 1, 1)); !errors.Is(err, ErrNothing) {
		t.Errorf("what is applied: %v", err)
	}
}

// An account that is not in its form is refused, not believed.
func TestDisputesOfAMalformedAccount(t *testing.T) {
	b := newBook(t)
	l := b.line(1, b.root)
	batch := l.commit(put("r", num("n", 1)))
	good := l.Account(l.head)
	key := make([]byte, 8+object.HashSize+4)
	copy(key[8:], batch.ID[:])
	run := func(first, count uint64) object.Run { return object.Run{First: first, Count: count} }
	for name, edit := range map[string]state.Edit{
		"short key":     {Key: key[:20], Value: object.AppendRuns(nil, []object.Run{run(0, 1)})},
		"no runs":       {Key: key, Value: []byte{0xff}},
		"they overlap":  {Key: key, Value: object.AppendRuns(nil, []object.Run{run(0, 4), {First: 2, Count: 3, Verdict: object.VerdictNoop}})},
		"more than one": {Key: key, Value: append(object.AppendRuns(nil, []object.Run{run(0, 1)}), 0)},
	} {
		b.write(func(w store.Writer) {
			other := edit
			other.Value = object.AppendRuns(nil, []object.Run{run(0, 9)})
			ours, err := good.Update(t.Context(), w, []state.Edit{other}, 1)
			must(t, err)
			theirs, err := good.Update(t.Context(), w, []state.Edit{edit}, 1)
			must(t, err)
			_, err = findDisputes(t.Context(), branch.Account{Tree: state.New(w, ours.Root())}, branch.Account{Tree: state.New(w, theirs.Root())})
			if !errors.Is(err, object.ErrMalformed) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}
