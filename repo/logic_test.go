package repo

import (
	"errors"
	"strings"
	"testing"

	"aergo/branch"
	"aergo/contract"
	"aergo/contract/sql"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/store/faultfs"
)

func setContract(t testing.TB, r *Repo, name, source string) {
	t.Helper()
	if _, err := r.SetContract(t.Context(), name, []byte(source)); err != nil {
		t.Fatal(err)
	}
}

func foundBranch(t testing.TB, r *Repo, name ref.Name, logic string) ref.Branch {
	t.Helper()
	b, err := r.FoundBranch(t.Context(), name, "", logic)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestContracts(t *testing.T) {
	r := initAt(t, faultfs.New())
	const first, second = "on *: ours;\n-- case: t.n base none ours {\"n\":1} theirs {\"n\":2} answers 1\n", "on *: theirs;\n"
	setContract(t, r, "stock", first)
	c, err := r.Contract(t.Context(), "stock", "") // pending
	if err != nil || string(c.Source) != first || c.Hash != object.Sum([]byte(first)) {
		t.Errorf("%+v, %v", c, err)
	}
	was := commit(t, r, "Rules").Block
	setContract(t, r, "stock", second)
	setContract(t, r, "another", first)
	commit(t, r, "Other rules")
	for at, want := range map[string]string{"": "another=" + first + "stock=" + second, was.String(): "stock=" + first} {
		got := ""
		must(t, r.Contracts(t.Context(), at, func(c Contract) error { got += c.Name + "=" + string(c.Source); return nil }))
		if got != want {
			t.Errorf("at %q there are %q, want %q", at, got, want)
		}
	}
	if p, err := r.SetContract(t.Context(), "stock", []byte(second)); err != nil || p.Transactions != 0 {
		t.Errorf("the same again: %+v, %v", p, err)
	}
	for _, test := range []struct {
		name, source string
		kind         error
	}{
		{"sum", second, ref.ErrBadName}, {"", second, ref.ErrBadName}, {strings.Repeat("n", branch.MaxLogicNameBytes+1), second, ref.ErrBadName}, {"a\x01b", second, ref.ErrBadName},
		{"bad", "on *: random();", sql.ErrProgram}, {"bad", "", sql.ErrProgram},
		{"bad", "on *: ours;\n-- case: t.n base none ours {\"n\":1} theirs {\"n\":2} answers 2\n", sql.ErrProgram},
		{"bad", "ours" + strings.Repeat(" ", MaxContractBytes), ErrTooLarge},
	} {
		if _, err := r.SetContract(t.Context(), test.name, []byte(test.source)); !errors.Is(err, test.kind) {
			t.Errorf("%q: %v, want %v", test.name, err, test.kind)
		}
	}
	if _, err := r.Contract(t.Context(), "bad", ""); !errors.Is(err, ErrNoContract) {
		t.Errorf("%v", err)
	}
	longest := "ours" + strings.Repeat(" ", MaxContractBytes-4)
	setContract(t, r, strings.Repeat("n", branch.MaxLogicNameBytes), longest)
	commit(t, r, "Longest")
	foundBranch(t, r, "longest", strings.Repeat("n", branch.MaxLogicNameBytes))
}

// A branch keeps the rules of its first day.
func TestBranchesKeepTheirLogic(t *testing.T) {
	r := initAt(t, faultfs.New())
	setContract(t, r, "stock", "on *: sum;")
	if _, err := r.FoundBranch(t.Context(), "early", "", "stock"); !errors.Is(err, ErrNoContract) {
		t.Errorf("a pending contract founds: %v", err)
	}
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":10}}`)
	was := commit(t, r, "Rules").Block
	shop := foundBranch(t, r, "shop", "stock")
	foundBranch(t, r, "built-in", "max")
	setContract(t, r, "stock", "on *: theirs;")
	commit(t, r, "Other rules")
	foundBranch(t, r, "later", "stock")
	if _, err := r.FoundBranch(t.Context(), "past", was.String(), "stock"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.CreateBranch(t.Context(), "plain", "shop"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[ref.Name]string{"shop": "on *: sum;", "built-in": "on *: max;\n", "later": "on *: theirs;", "past": "on *: sum;", "plain": "", "master": ""} {
		m, err := r.MergeLogic(t.Context(), name)
		got := ""
		if m != nil {
			got = string(m.Source)
		}
		if err != nil || got != want || m != nil && m.Hash != object.Sum(m.Source) {
			t.Errorf("%s merges by %q, %v; want %q", name, got, err, want)
		}
	}
	for name, logic := range map[ref.Name]string{"shop": "sum", "new": "none", "bad name": "sum"} {
		if _, err := r.FoundBranch(t.Context(), name, "", logic); err == nil {
			t.Errorf("founded %s with %s", name, logic)
		}
	}
	// A row written by hand that is no contract founds nothing.
	apply(t, r, `{"op":"put","table":"aergo.contracts","key":"hand","fields":{"source":"on *: nonsense("}}`)
	commit(t, r, "By hand")
	if _, err := r.FoundBranch(t.Context(), "hand", "", "hand"); !errors.Is(err, sql.ErrProgram) {
		t.Errorf("%v", err)
	}
	checkout(t, r, "shop")
	if b, err := r.current(t.Context()); err != nil || b.ID != shop.ID {
		t.Errorf("%v, %v", b, err)
	}
	validateAll(t, r)
}

// quarrel makes a branch by rules, checked out, and another that changed the same cells.
func quarrel(t testing.TB, r *Repo, source string) {
	t.Helper()
	setContract(t, r, "rules", source)
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":10}}`, `{"op":"put","table":"t","key":"b","fields":{"n":10}}`)
	commit(t, r, "first")
	foundBranch(t, r, "shop", "rules")
	checkoutNew(t, r, "field")
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":13}}`, `{"op":"put","table":"t","key":"b","fields":{"n":11}}`)
	commit(t, r, "in the field")
	checkout(t, r, "shop")
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":8}}`)
	commit(t, r, "in the shop")
}

func TestMergeByRules(t *testing.T) {
	r := initAt(t, faultfs.New())
	quarrel(t, r, "on *: sum;")
	dry, err := r.Merge(t.Context(), MergeRequest{Source: "field", DryRun: true})
	if err != nil || dry.Resolved != 1 || dry.Applied != 2 {
		t.Errorf("%+v, %v", dry, err)
	}
	wantField(t, r, "a", "n", "8")
	m, err := r.Merge(t.Context(), MergeRequest{Source: "field", Strict: true})
	if err != nil || m.Resolved != 1 || m.Applied != 2 || len(m.Excluded) > 0 {
		t.Errorf("%+v, %v", m, err)
	}
	wantField(t, r, "a", "n", "11")
	validateAll(t, r)
}

func TestMergeByRulesThatFail(t *testing.T) {
	r := initAt(t, faultfs.New())
	quarrel(t, r, "on *:\n  fail('ask');")
	before, err := r.current(t.Context())
	must(t, err)
	var e *sql.Error
	if _, err := r.Merge(t.Context(), MergeRequest{Source: "field"}); !errors.Is(err, contract.ErrResolver) || !errors.As(err, &e) || e.Line != 2 {
		t.Errorf("%v", err)
	}
	if after, err := r.current(t.Context()); err != nil || after != before {
		t.Errorf("the branch moved: %v", err)
	}
	wantField(t, r, "b", "n", "10")
	// An order that says of conflicts what becomes of them asks nobody.
	m, err := r.Merge(t.Context(), MergeRequest{Source: "field", Mode: object.ModeTheirs})
	if err != nil || m.Forced != 1 || m.Resolved != 0 {
		t.Errorf("%+v, %v", m, err)
	}
	wantField(t, r, "a", "n", "13")
	validateAll(t, r)
}

// Only merges ask a resolver: what is picked or replayed one by one applies or does not.
func TestPicksAndReplaysAskNobody(t *testing.T) {
	r := initAt(t, faultfs.New())
	quarrel(t, r, "on *: sum;")
	field, err := r.Resolve(t.Context(), "field")
	must(t, err)
	body, err := r.led().Body(t.Context(), field)
	must(t, err)
	tx := TxID{body.Entries[0].Batch, 0}
	if picked, err := r.CherryPick(t.Context(), tx.String(), ""); !errors.Is(err, ErrConflict) || picked.Resolved != 0 {
		t.Errorf("%+v, %v", picked, err)
	}
	if m, err := r.Merge(t.Context(), MergeRequest{Source: "field", Mode: object.ModeOurs}); err != nil || len(m.Excluded) != 1 {
		t.Errorf("%+v, %v", m, err)
	}
	if replayed, err := r.ReplayExcluded(t.Context(), tx.String(), ""); !errors.Is(err, ErrConflict) || replayed.Resolved != 0 {
		t.Errorf("%+v, %v", replayed, err)
	}
	wantField(t, r, "a", "n", "8")
	validateAll(t, r)
}

// A clone executes what was resolved upstream again, as it was there: whoever clones, the
// owner is the one of the repository that merged.
func TestClonesVerifyWhatWasResolved(t *testing.T) {
	w := newWorld(t, false)
	up := w.init("up", "ada")
	quarrel(t, up, "CASE WHEN has_role('owner') THEN ours + theirs - base ELSE exclude('not you') END")
	if m, err := up.Merge(t.Context(), MergeRequest{Source: "field"}); err != nil || m.Resolved != 1 {
		t.Fatalf("%+v, %v", m, err)
	}
	want, err := up.Verify(t.Context(), VerifyRequest{All: true})
	must(t, err)
	for _, who := range []string{"ada", "bob"} {
		r := w.clone("up", "clone of "+who, who)
		got, err := r.Verify(t.Context(), VerifyRequest{All: true})
		if err != nil || got.Foreign != 0 || got.Blocks < want.Blocks || got.Transactions < want.Transactions {
			t.Errorf("%s: %+v, %v; upstream it is %+v", who, got, err, want)
		}
	}
}

// A clone's branches are its own, and begin without rules; what is pushed to a branch that has
// some is merged by them.
func TestPushedToABranchWithRules(t *testing.T) {
	w := newWorld(t, false)
	up := w.init("up", "ada")
	apply(t, up, `{"op":"put","table":"t","key":"a","fields":{"n":10}}`)
	commit(t, up, "first")
	foundBranch(t, up, "shop", "sum")
	checkout(t, up, "shop")
	down := w.clone("up", "down", "bob")
	if logic, err := down.MergeLogic(t.Context(), "shop"); err != nil || logic != nil {
		t.Fatalf("the clone's branch merges by %v, %v", logic, err)
	}
	checkout(t, down, "shop")
	put(t, down, "a", "n", 13)
	put(t, up, "a", "n", 8)
	pushed, err := down.Push(t.Context(), PushRequest{})
	if err != nil || pushed.Resolved != 1 {
		t.Fatalf("%+v, %v", pushed, err)
	}
	wantField(t, up, "a", "n", "11")
	for _, r := range []*Repo{up, down} {
		if _, err := r.Verify(t.Context(), VerifyRequest{All: true}); err != nil {
			t.Error(err)
		}
	}
	// Bob's own branch by rules merges what is upstream by them.
	founded, err := down.FoundBranch(t.Context(), "mine", "", "sum")
	must(t, err)
	checkout(t, down, founded.Name)
	put(t, down, "a", "n", 20)
	put(t, up, "a", "n", 12)
	pulled, err := down.Pull(t.Context(), PullRequest{Branch: "shop"})
	if err != nil || pulled.Resolved != 1 {
		t.Errorf("%+v, %v", pulled, err)
	}
	wantField(t, down, "a", "n", "21")
	if _, err := down.Verify(t.Context(), VerifyRequest{All: true}); err != nil {
		t.Error(err)
	}
}

// TestDiffOverAFoundingBlock compares states of which one alone holds a merge logic.
func TestDiffOverAFoundingBlock(t *testing.T) {
	r := initAt(t, faultfs.New())
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":1}}`)
	commit(t, r, "first")
	if _, err := r.FoundBranch(t.Context(), "shop", "", "sum"); err != nil {
		t.Fatal(err)
	}
	for _, revs := range [][2]string{{"master", "shop"}, {"shop", "master"}, {"shop~1", "shop"}} {
		err := r.Diff(t.Context(), revs[0], revs[1], "", func(d Difference) error {
			t.Errorf("%v: %+v differs", revs, d)
			return nil
		})
		if err != nil {
			t.Errorf("%v: %v", revs, err)
		}
	}
}
