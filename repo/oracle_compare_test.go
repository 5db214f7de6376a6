package repo

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"aergo/branch"
	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/merge/oracle"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/state"
	rowkey "aergo/repo/state/key"
)

// moved notes that a branch is at a block by the oracle, and compares the repository's head
// with it.
func (tr *trial) moved(tw *twin, name ref.Name, want *oracle.Block) {
	tr.t.Helper()
	b, err := tw.r.refs.Branch(tr.t.Context(), name)
	tr.must(err)
	if have, known := tr.blocks[b.Head]; known && have != want {
		tr.fail("%s:%s is at %s, a block that was known, not where the oracle goes", tw.path, name, b.Head.Short())
	} else if !known {
		if want.Name != "" {
			tr.fail("%s:%s is at %s, a new block; the oracle stays at %.8s", tw.path, name, b.Head.Short(), want.Name)
		}
		want.Name = b.Head.String()
		tr.blocks[b.Head] = want
		tr.compareBlock(tw, b.Head, want)
	}
	tw.set(name, want)
	tr.compare(tw, name)
}

// compare compares a branch: its head, rows and account.
func (tr *trial) compare(tw *twin, name ref.Name) {
	tr.t.Helper()
	b, err := tw.r.refs.Branch(tr.t.Context(), name)
	tr.must(err)
	want := tw.heads[name]
	if b.Head.String() != want.Name {
		tr.fail("%s:%s is at %s, the oracle at %.8s", tw.path, name, b.Head.Short(), want.Name)
	}
	got := tr.rows(tw, b.Head)
	if !got.Equal(want.State) {
		tr.fail("%s:%s has the rows\n%s\nthe oracle\n%s", tw.path, name, printed(got), printed(want.State))
	}
	tr.compareAccount(tw, b.Head, want)
}

// rows returns the rows at a block, as the repository answers.
func (tr *trial) rows(tw *twin, at object.Hash) oracle.State {
	tr.t.Helper()
	got := oracle.State{}
	err := tw.r.Rows(tr.t.Context(), "t", at.String(), func(r Row) error {
		comps, err := rowkey.Decode(r.Tuple)
		if err != nil {
			return err
		}
		row := oracle.Row{}
		for _, f := range table.FieldList(r.Data) {
			row[f.Name] = oracle.Value(value.AppendJSON(nil, f.Enc))
		}
		got[keyText(comps)] = row
		return nil
	})
	if err != nil && !errors.Is(err, ErrNoTable) {
		tr.fail("%v", err)
	}
	return got
}

func keyText(comps []rowkey.Component) string {
	if len(comps) == 0 {
		return ""
	}
	s, _ := comps[0].Text()
	return s
}

func printed(s oracle.State) string {
	var lines []string
	for key, row := range s {
		lines = append(lines, fmt.Sprintf("  %s %v", key, row))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// compareAccount compares the verdict on every transaction that a head has decided.
func (tr *trial) compareAccount(tw *twin, at object.Hash, want *oracle.Block) {
	tr.t.Helper()
	l := tw.r.led()
	b, err := l.Block(tr.t.Context(), at)
	tr.must(err)
	account := want.Account()
	nobody := branch.Account{Tree: state.New(l.Objects, state.EmptyRoot())}
	tr.must(branch.Missing(tr.t.Context(), nobody, l.Account(b), func(e branch.AccountEntry) error {
		for _, run := range e.Runs {
			for i := run.First; i < run.First+run.Count; i++ {
				id := oracle.ID{Batch: e.Batch.String(), Index: int(i)}
				if x := account[id]; x == nil || string(x.Verdict) != run.Verdict.String() {
					return fmt.Errorf("the account says that %.8s.%d is %s, the oracle %+v", id.Batch, i, run.Verdict, x)
				}
				delete(account, id)
			}
		}
		return nil
	}))
	for id, e := range account {
		tr.fail("the account does not know %.8s.%d, which the oracle finds %s", id.Batch, id.Index, e.Verdict)
	}
}

// compareBlock compares what a new block decided, transaction for transaction.
func (tr *trial) compareBlock(tw *twin, at object.Hash, want *oracle.Block) {
	tr.t.Helper()
	b, err := tw.r.led().Block(tr.t.Context(), at)
	tr.must(err)
	for _, link := range []struct {
		got  object.Hash
		want *oracle.Block
	}{{b.Parent, want.Parent}, {b.Absorbed, want.Absorbed}} {
		if link.want == nil && link.got.IsZero() {
			continue
		}
		if link.want == nil || link.got.String() != link.want.Name {
			tr.fail("block %s is linked to %s, the oracle's to %+v", at.Short(), link.got.Short(), link.want)
		}
	}
	body, err := tw.r.led().Body(tr.t.Context(), b)
	tr.must(err)
	var got, expected []string
	for i := range body.Entries {
		got = append(got, entryLines(&body.Entries[i])...)
	}
	for _, e := range want.Entries {
		line := fmt.Sprintf("%.8s.%d %s", e.Tx.ID.Batch, e.Tx.ID.Index, e.Verdict)
		switch {
		case e.By != nil:
			line += fmt.Sprintf(" inherited by %.8s", e.By.Name)
		case e.Failure != nil:
			line += failureText(string(e.Failure.Reason), uint64(e.Failure.Op), e.Failure.Key, e.Failure.Field)
		}
		expected = append(expected, line)
		tr.seen[string(e.Verdict)+" "+string(e.Reason())]++
	}
	if !slices.Equal(got, expected) {
		tr.fail("block %s decides\n  %s\nthe oracle\n  %s\non the rows\n%s", at.Short(), strings.Join(got, "\n  "), strings.Join(expected, "\n  "), printed(want.Parent.State))
	}
}

func failureText(reason string, op uint64, key, field string) string {
	return fmt.Sprintf(" %s at operation %d, row %q, field %q", reason, op, key, field)
}

// entryLines writes an entry as a line for each transaction.
func entryLines(e *object.Entry) (lines []string) {
	excluded := e.Excluded
	for _, run := range e.Runs {
		for i := run.First; i < run.First+run.Count; i++ {
			line := fmt.Sprintf("%s.%d %s", e.Batch.Short(), i, run.Verdict)
			if run.Verdict == object.VerdictExcluded {
				x := excluded[0]
				excluded = excluded[1:]
				if x.Reason == object.ReasonInherited {
					line += " inherited by " + x.Block.Short()
				} else {
					w := explain(e.Batch, x)
					line += failureText(x.Reason.String(), x.Op, keyText(w.Key), x.Field)
				}
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// answers compares what a merge or an order says it did.
func (tr *trial) answers(got Merged, want oracle.Answer) {
	tr.t.Helper()
	const counts = "up to date %v, fast-forward %v, %d applied, %d of them no-ops, %d inherited, %d dropped, %d already, %d forced"
	said := fmt.Sprintf(counts, got.UpToDate, got.FastForward, got.Applied, got.Noop, got.Inherited, got.Dropped, got.Already, got.Forced)
	expected := fmt.Sprintf(counts, want.UpToDate, want.FastForward, want.Applied, want.Noop, want.Inherited, want.Dropped, want.Already, want.ForcedDone)
	for _, x := range got.Excluded {
		batch := x.Transaction.Batch.String()
		if tr.batch[batch] == nil {
			batch = "" // of a batch that this very merge makes
		}
		said += fmt.Sprintf("\n  %.8s.%d", batch, x.Transaction.Index) + failureText(x.Reason.String(), x.Op, keyText(x.Key), x.Field)
	}
	for _, e := range want.Excluded {
		f := e.Failure
		expected += fmt.Sprintf("\n  %.8s.%d", e.Tx.ID.Batch, e.Tx.ID.Index) + failureText(string(f.Reason), uint64(f.Op), f.Key, f.Field)
	}
	for _, x := range got.Overruled {
		said += fmt.Sprintf("\n  overruled %s %s", x.Transaction, x.Reason)
	}
	for _, e := range want.Overruled {
		expected += fmt.Sprintf("\n  overruled %.8s.%d %s", e.Tx.ID.Batch, e.Tx.ID.Index, e.Reason())
	}
	if said != expected {
		tr.fail("the answer is: %s\nthe oracle's: %s", said, expected)
	}
}

// nameForced tells the oracle what the batch is called that a merge by theirs added.
func (tr *trial) nameForced(tw *twin, at object.Hash, want oracle.Answer) {
	tr.t.Helper()
	if len(want.Forced) == 0 {
		return
	}
	b, err := tw.r.led().Block(tr.t.Context(), at)
	tr.must(err)
	body, err := tw.r.led().Body(tr.t.Context(), b)
	tr.must(err)
	tr.named(body.Entries[len(body.Entries)-1].Batch, want.Forced)
}
