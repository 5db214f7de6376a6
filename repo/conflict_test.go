package repo

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/store/faultfs"
)

// conflicts returns what is excluded at the head, by transaction.
func conflicts(t testing.TB, r *Repo) map[TxID]Conflict {
	t.Helper()
	out := map[TxID]Conflict{}
	err := r.Conflicts(t.Context(), "", func(c Conflict) error {
		if _, twice := out[c.Transaction]; twice {
			t.Errorf("%s is told of twice", c.Transaction)
		}
		out[c.Transaction] = c
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sides writes the cells of a conflict: "t/a n: 1 9 2", with who wrote base and ours.
func sides(c Conflict) string {
	var out []string
	for _, x := range c.Cells {
		key := ""
		for _, k := range x.Key {
			key += "/" + k.String()
		}
		out = append(out, fmt.Sprintf("%s%s %s %s: %s %s %s", x.Table, key, x.Field, x.Reason, side(x.Base), side(x.Ours), side(x.Theirs)))
	}
	return strings.Join(out, "; ")
}

func side(v Version) string {
	text := "?"
	switch {
	case !v.Known:
	case !v.Exists:
		text = "-"
	case v.Value == nil:
		text = string(value.AppendJSONObject(nil, v.Fields))
	default:
		text = string(value.AppendJSON(nil, v.Value))
	}
	if v.Delta != table.Put {
		text = v.Delta.String() + text
	}
	if v.By != nil && v.By.Author.Name != "ada" {
		text += "@" + v.By.Author.Name
	}
	return text
}

// TestSidesOfEachReason merges one conflict of each kind and looks at what both sides have.
func TestSidesOfEachReason(t *testing.T) {
	const first = `{"op":"put","table":"t","key":"a","fields":{"n":1,"s":"x","l":["p"]}}`
	cases := map[string]struct{ theirs, ours, want string }{
		"a field that both set": {
			`{"op":"put","table":"t","key":"a","fields":{"n":2}}`, `{"op":"put","table":"t","key":"a","fields":{"n":9}}`,
			"t/a n field-changed: 1 9 2",
		},
		"two fields, of which one agrees": {
			`{"op":"put","table":"t","key":"a","fields":{"n":2,"s":"y"}}`, `{"op":"put","table":"t","key":"a","fields":{"n":9,"s":"y"}}`,
			"t/a n field-changed: 1 9 2",
		},
		"a field that one takes away": {
			`{"op":"put","table":"t","key":"a","unset":["s"]}`, `{"op":"put","table":"t","key":"a","fields":{"s":"z"}}`,
			`t/a s field-changed: "x" "z" -`,
		},
		"a new field on both sides": {
			`{"op":"put","table":"t","key":"a","fields":{"new":1}}`, `{"op":"put","table":"t","key":"a","fields":{"new":2}}`,
			"t/a new field-changed: - 2 1",
		},
		"a row that is gone": {
			`{"op":"put","table":"t","key":"a","fields":{"n":2}}`, `{"op":"del","table":"t","key":"a"}`,
			`t/a  row-gone: {"l":["p"],"n":1,"s":"x"} - {"n":2}`,
		},
		"a row that both make": {
			`{"op":"insert","table":"t","key":"b","fields":{"n":2,"s":"q"}}`, `{"op":"insert","table":"t","key":"b","fields":{"n":9,"s":"q"}}`,
			"t/b n row-exists: - 9 2",
		},
		"a row that one deletes": {
			`{"op":"del","table":"t","key":"a"}`, `{"op":"put","table":"t","key":"a","fields":{"s":"z"}}`,
			`t/a s row-changed: "x" "z" -`,
		},
		"a row that one replaces": {
			`{"op":"replace","table":"t","key":"a","fields":{"n":5}}`, `{"op":"put","table":"t","key":"a","fields":{"n":9,"s":"z"}}`,
			`t/a n row-changed: 1 9 5; t/a s row-changed: "x" "z" -`,
		},
		"a sum where no row is": {
			`{"op":"incr","table":"t","key":"a","fields":{"n":5}}`, `{"op":"del","table":"t","key":"a"}`,
			`t/a  row-missing: {"l":["p"],"n":1,"s":"x"} - incr{"n":5}`,
		},
		"a sum where no number is": {
			`{"op":"incr","table":"t","key":"a","fields":{"n":5}}`, `{"op":"put","table":"t","key":"a","fields":{"n":"many"}}`,
			`t/a n type: 1 "many" incr5`,
		},
		"an element that is there": {
			`{"op":"append","table":"t","key":"a","fields":{"l":"q"},"exact":true}`, `{"op":"append","table":"t","key":"a","fields":{"l":"q"}}`,
			`t/a l field-changed: ["p"] ["p","q"] append"q"`,
		},
		"several operations, each in the way": {
			`{"tx":[{"op":"put","table":"t","key":"a","fields":{"n":2}},{"op":"put","table":"t","key":"b","fields":{"n":2}}]}`,
			`{"tx":[{"op":"put","table":"t","key":"a","fields":{"n":9}},{"op":"put","table":"t","key":"b","fields":{"n":9}}]}`,
			"t/a n field-changed: 1 9 2; t/b n row-exists: - 9 2",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := initAt(t, faultfs.New())
			apply(t, r, first)
			commit(t, r, "first")
			checkoutNew(t, r, "feature")
			apply(t, r, c.theirs)
			tx := TxID{commit(t, r, "theirs").Batch, 0}
			checkout(t, r, "master")
			apply(t, r, c.ours)
			ours := commit(t, r, "ours")
			if m, err := r.Merge(t.Context(), MergeRequest{Source: "feature"}); err != nil || len(m.Excluded) != 1 {
				t.Fatalf("merged %+v, %v", m, err)
			}
			got := conflicts(t, r)[tx]
			if sides(got) != c.want {
				t.Errorf("sides\n%s\nwant\n%s", sides(got), c.want)
			}
			for _, x := range got.Cells {
				if w := x.Ours.By; w == nil || w.Transaction != (TxID{ours.Batch, 0}) || w.Block != ours.Block {
					t.Errorf("%s: ours is by %+v", x.Field, w)
				}
				if w := x.Theirs.By; w == nil || w.Transaction != tx {
					t.Errorf("%s: theirs is by %+v", x.Field, w)
				}
			}
		})
	}
}

// TestOursIsWhatTheTurnFound has a merge in which an earlier transaction of the source is
// what stands in the way of a later one.
func TestOursIsWhatTheTurnFound(t *testing.T) {
	r := initAt(t, faultfs.New(), "bob")
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":1,"m":1}}`)
	commit(t, r, "first")
	checkoutNew(t, r, "feature")
	apply(t, r, `{"tx":[{"op":"incr","table":"t","key":"a","fields":{"m":5}},{"op":"put","table":"t","key":"z","fields":{"n":0}}]}`)
	added, err := r.Commit(t.Context(), CommitRequest{Message: "theirs", As: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	apply(t, r, `{"tx":[{"op":"put","table":"t","key":"a","fields":{"m":7}},{"op":"put","table":"t","key":"b","fields":{"n":2}}]}`)
	late := TxID{commit(t, r, "late").Batch, 0}
	checkout(t, r, "master")
	apply(t, r, `{"op":"incr","table":"t","key":"a","fields":{"m":100}}`)
	commit(t, r, "ours")
	m, err := r.Merge(t.Context(), MergeRequest{Source: "feature"})
	if err != nil || len(m.Excluded) != 1 || m.Excluded[0].Transaction != late {
		t.Fatalf("merged %+v, %v", m, err)
	}
	c := conflicts(t, r)[late]
	if want := "t/a m field-changed: 6@bob 106@bob 7"; sides(c) != want {
		t.Errorf("sides %s, want %s", sides(c), want)
	}
	if w := c.Cells[0].Ours.By; w.Transaction != (TxID{added.Batch, 0}) || w.Block != m.Block {
		t.Errorf("ours is by %+v", w)
	}
	brief, err := r.InTheWay(t.Context(), m, 20)
	if err != nil || len(brief) != 1 || len(brief[0].Cells) != 1 || brief[0].Cells[0].Ours.By.Author.Name != "bob" {
		t.Errorf("in the way is %+v, %v", brief, err)
	}
}

// TestInTheWayOfATrial asks about accounts that no block holds.
func TestInTheWayOfATrial(t *testing.T) {
	r := initAt(t, faultfs.New())
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":1}}`)
	commit(t, r, "first")
	checkoutNew(t, r, "feature")
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":2}}`)
	commit(t, r, "theirs")
	checkout(t, r, "master")
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":9}}`)
	ours := commit(t, r, "ours")
	dry, err := r.Merge(t.Context(), MergeRequest{Source: "feature", DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{1, 20} {
		list, err := r.InTheWay(t.Context(), dry, limit)
		if err != nil || len(list) != 1 || list[0].Cells[0].Ours.By.Block != ours.Block {
			t.Errorf("in the way is %+v, %v", list, err)
		}
	}
	if list, err := r.InTheWay(t.Context(), dry, -1); err != nil || len(list) != 0 {
		t.Errorf("of none: %v, %v", list, err)
	}
}

// TestBaseWaitsInAPool has a transaction whose author saw a state long before the block that
// the batch marks: the branch moved on while it was pending.
func TestBaseWaitsInAPool(t *testing.T) {
	r := initAt(t, faultfs.New())
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":1,"m":1}}`)
	first := commit(t, r, "first")
	checkoutNew(t, r, "other")
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":2}}`)
	commit(t, r, "other")
	checkout(t, r, "master")
	checkoutNew(t, r, "feature")
	// It agrees with what the merge brings, so that it applies still.
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":2,"m":3}}`)
	if m, err := r.Merge(t.Context(), MergeRequest{Source: "other"}); err != nil || len(m.Excluded) > 0 {
		t.Fatalf("merged %+v, %v", m, err)
	}
	tx := TxID{commit(t, r, "late").Batch, 0}
	checkout(t, r, "master")
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":7,"m":7}}`)
	commit(t, r, "ours")
	if m, err := r.Merge(t.Context(), MergeRequest{Source: "feature"}); err != nil || len(m.Excluded) == 0 {
		t.Fatalf("merged %+v, %v", m, err)
	}
	c := conflicts(t, r)[tx]
	if want := "t/a m field-changed: 1 7 3; t/a n field-changed: 1 7 2"; sides(c) != want {
		t.Errorf("sides %s, want %s", sides(c), want)
	}
	for _, x := range c.Cells {
		if x.Base.By == nil || x.Base.By.Transaction != (TxID{first.Batch, 0}) {
			t.Errorf("%s: base is by %+v", x.Field, x.Base.By)
		}
	}
}

// TestInheritedIsExplainedWhereItWasDecided passes an exclusion on by a merge.
func TestInheritedIsExplainedWhereItWasDecided(t *testing.T) {
	ctx := t.Context()
	r := initAt(t, faultfs.New())
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":1}}`)
	commit(t, r, "first")
	for _, branch := range []string{"feature", "side"} {
		if _, err := r.CreateBranch(ctx, ref.Name(branch), ""); err != nil {
			t.Fatal(err)
		}
	}
	checkout(t, r, "feature")
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":2}}`)
	tx := TxID{commit(t, r, "theirs").Batch, 0}
	checkout(t, r, "side")
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":9}}`)
	commit(t, r, "ours")
	decided, err := r.Merge(ctx, MergeRequest{Source: "feature"})
	if err != nil {
		t.Fatal(err)
	}
	checkout(t, r, "master")
	apply(t, r, `{"op":"put","table":"t","key":"b","fields":{"n":0}}`)
	commit(t, r, "elsewhere")
	if m, err := r.Merge(ctx, MergeRequest{Source: "side"}); err != nil || m.Inherited != 1 {
		t.Fatalf("merged %+v, %v", m, err)
	}
	c := conflicts(t, r)[tx]
	if c.Block != decided.Block || c.Reason != object.ReasonFieldChanged || sides(c) != "t/a n field-changed: 1 9 2" {
		t.Errorf("the conflict is %+v", c)
	}
	s, err := r.Why(ctx, tx.String())
	if err != nil || len(s.Fates) != 3 || len(s.Operations) != 1 {
		t.Fatalf("the story is %+v, %v", s, err)
	}
	for _, f := range s.Fates {
		switch {
		case f.Time.IsZero():
			t.Errorf("on %s it has no time", f.Branch)
		case f.Branch == "feature" && (f.Conflict != nil || f.Order != nil):
			t.Errorf("on feature it was decided by %+v", f.Circumstances)
		case f.Branch != "feature" && (f.Conflict == nil || f.Conflict.Block != decided.Block || f.Order.Kind != object.OrderMerge):
			t.Errorf("on %s it was decided by %+v", f.Branch, f.Circumstances)
		}
	}
}

// TestModesKeepTheRule asks why where the order, not the rule, is the committed reason.
func TestModesKeepTheRule(t *testing.T) {
	for mode, reason := range map[object.Mode]object.Reason{object.ModeOurs: object.ReasonOurs, object.ModeTheirs: object.ReasonSuperseded} {
		r := initAt(t, faultfs.New())
		apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":1}}`)
		commit(t, r, "first")
		checkoutNew(t, r, "feature")
		apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":2}}`)
		tx := TxID{commit(t, r, "theirs").Batch, 0}
		checkout(t, r, "master")
		apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":9}}`)
		commit(t, r, "ours")
		if _, err := r.Merge(t.Context(), MergeRequest{Source: "feature", Mode: mode}); err != nil {
			t.Fatal(err)
		}
		c := conflicts(t, r)[tx]
		if c.Reason != reason || sides(c) != "t/a n field-changed: 1 9 2" {
			data, _ := json.Marshal(c)
			t.Errorf("%s: the conflict is %s: %s", mode, sides(c), data)
		}
	}
}
