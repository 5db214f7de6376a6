package repo

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"aergo/merge/oracle"
	"aergo/repo/object"
	"aergo/repo/ref"
)

// eachSeed runs a property on several random histories of one repository, whose master has
// a few commits.
func eachSeed(t *testing.T, property func(tr *trial, up *twin)) {
	t.Helper()
	first := *oracleSeed
	if first == 0 {
		first = uint64(time.Now().UnixNano())
	}
	for i := range 4 * *oracleHistories {
		seed := first + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Logf("seed %d", seed)
			tr := newTrial(t, seed)
			up := tr.twins[0]
			for range 3 {
				tr.step++
				tr.work(up)
			}
			property(tr, up)
		})
	}
}

// fork makes a branch at the head of another, with so many commits of its own.
func (tr *trial) fork(tw *twin, from, name ref.Name, commits int) {
	tr.t.Helper()
	tr.checkout(tw, from)
	_, err := tw.r.CheckoutNew(tr.t.Context(), name, "")
	tr.must(err)
	tr.note("%s:%s  branch %s", tw.path, from, name)
	tw.set(name, tw.heads[from])
	tw.at = name
	for range commits {
		tr.step++
		tr.work(tw)
	}
}

// mergeInto merges a branch as both say it is to be merged, and compares the account with
// what the source had.
func (tr *trial) mergeInto(tw *twin, target, source ref.Name) oracle.Answer {
	tr.t.Helper()
	tr.checkout(tw, target)
	tr.note("%s:%s  merge %s", tw.path, target, source)
	missing := 0
	here := tw.head().Account()
	for id := range tw.heads[source].Account() {
		if here[id] == nil {
			missing++
		}
	}
	want := oracle.Merge(tw.head(), tw.heads[source], oracle.Merging{Mode: oracle.Exclude, Producer: tw.owner, MayStand: tw.mayStand})
	got, err := tw.r.Merge(tr.t.Context(), MergeRequest{Source: string(source)})
	tr.must(err)
	tr.answers(got, want)
	if n := int(got.Applied+got.Inherited+got.Dropped) + len(got.Excluded); n != missing {
		tr.fail("the account is about %d transactions of %d", n, missing)
	}
	tr.moved(tw, target, want.Block)
	return want
}

// apart makes what the trial does next be about rows of its own.
type apart struct{ from, to int }

// workApart commits random transactions on some rows only.
func (tr *trial) workApart(tw *twin, rows apart) {
	tr.t.Helper()
	d := oracle.NewDraft(tw.head().State)
	for range 2 + tr.rng.IntN(5) {
		wants := tr.randomOps()
		for i := range wants {
			wants[i].Key = fmt.Sprintf("k%d", rows.from+tr.rng.IntN(rows.to-rows.from))
		}
		tr.apply(tw, d, wants)
	}
	tr.commit(tw, d)
}

// The order in which two branches are merged that touch different rows does not matter for
// the rows, nor for what is excluded, whatever the target did.
func TestOracleOrderOfDisjointBranches(t *testing.T) {
	eachSeed(t, func(tr *trial, up *twin) {
		for i, rows := range []apart{{0, 4}, {4, 8}} {
			tr.fork(up, DefaultBranch, ref.Name(fmt.Sprint("side", i)), 0)
			for range 1 + tr.rng.IntN(3) {
				tr.workApart(up, rows)
			}
		}
		tr.fork(up, DefaultBranch, "one", 0)
		tr.workApart(up, apart{0, 8})
		tr.fork(up, "one", "other", 0)
		var excluded [2]map[oracle.ID]oracle.Reason
		for i, order := range [2][3]ref.Name{{"one", "side0", "side1"}, {"other", "side1", "side0"}} {
			excluded[i] = map[oracle.ID]oracle.Reason{}
			for _, side := range order[1:] {
				for _, e := range tr.mergeInto(up, order[0], side).Excluded {
					excluded[i][e.Tx.ID] = e.Reason()
				}
			}
		}
		a, b := tr.rows(up, tr.headOf(up, "one")), tr.rows(up, tr.headOf(up, "other"))
		if !a.Equal(b) || !maps.Equal(excluded[0], excluded[1]) {
			tr.fail("one order leads to\n%s\n%v\nthe other to\n%s\n%v", printed(a), excluded[0], printed(b), excluded[1])
		}
	})
}

func (tr *trial) headOf(tw *twin, name ref.Name) object.Hash {
	tr.t.Helper()
	b, err := tw.r.refs.Branch(tr.t.Context(), name)
	tr.must(err)
	return b.Head
}

// Nothing is decided twice on a branch but by a replay or a drop, however it came there:
// by criss-cross merges, by merges of merges, from a source that holds part of the target,
// by two ways, or picked first and merged with the rest.
func TestOracleExactlyOnce(t *testing.T) {
	eachSeed(t, func(tr *trial, up *twin) {
		sides := []ref.Name{DefaultBranch, "left", "right", "far"}
		for _, name := range sides[1:] {
			tr.fork(up, DefaultBranch, name, 2)
		}
		for range 12 {
			tr.step++
			into, from := tr.rng.IntN(len(sides)), tr.rng.IntN(len(sides)-1)
			if from >= into {
				from++
			}
			switch tr.checkout(up, sides[into]); tr.rng.IntN(4) {
			case 0:
				tr.work(up)
			case 1:
				tr.pickOne(up, sides[from])
			default:
				// Both take what the other had before: a criss-cross.
				tr.fork(up, sides[into], ref.Name(fmt.Sprint("before", tr.step)), 0)
				tr.mergeInto(up, sides[into], sides[from])
				tr.mergeInto(up, sides[from], ref.Name(fmt.Sprint("before", tr.step)))
			}
			for _, name := range sides {
				tr.once(up, name)
			}
		}
	})
}

// pickOne picks a transaction of a branch.
func (tr *trial) pickOne(tw *twin, from ref.Name) {
	tr.t.Helper()
	decided := tw.heads[from].Decided()
	if len(decided) == 0 {
		return
	}
	tx := decided[tr.rng.IntN(len(decided))].Tx
	what := fmt.Sprintf("%s.%d", tx.ID.Batch, tx.ID.Index)
	tr.note("%s:%s  cherry-pick %s of %s", tw.path, tw.at, what, from)
	want, wantErr := oracle.Pick(tw.head(), tw.owner, []*oracle.Tx{tx})
	got, err := tw.r.CherryPick(tr.t.Context(), what, "")
	tr.settleOrder(tw, "pick", got, err, want, wantErr)
}

// once checks, by the bodies of a branch's blocks, that no transaction stands in two.
func (tr *trial) once(tw *twin, name ref.Name) {
	tr.t.Helper()
	where := map[string]string{}
	for b := tr.headOf(tw, name); !b.IsZero(); {
		block, err := tw.r.led().Block(tr.t.Context(), b)
		tr.must(err)
		body, err := tw.r.led().Body(tr.t.Context(), block)
		tr.must(err)
		for i := range body.Entries {
			for _, line := range entryLines(&body.Entries[i]) {
				tx, _, _ := strings.Cut(line, " ")
				if at, twice := where[tx]; twice {
					tr.fail("%s decides %s in %s and in %s", name, tx, at, b.Short())
				}
				where[tx] = b.Short()
			}
		}
		b = block.Parent
	}
}

// Picking all that a branch did to some of its rows, and then merging the rest, leads where
// merging at once does, if the target left them alone.
func TestOraclePickSomeAndMergeTheRest(t *testing.T) {
	eachSeed(t, func(tr *trial, up *twin) {
		tr.fork(up, DefaultBranch, "side", 0)
		tr.workApart(up, apart{0, 4})
		picked := up.head()
		tr.workApart(up, apart{4, 8})
		tr.workApart(up, apart{4, 8})
		tr.checkout(up, DefaultBranch)
		tr.workApart(up, apart{100, 104})
		tr.fork(up, DefaultBranch, "at-once", 0)
		tr.mergeInto(up, "at-once", "side")
		tr.checkout(up, DefaultBranch)
		if txs := oracle.AppliedBy(picked); len(txs) > 0 {
			want, wantErr := oracle.Pick(up.head(), up.owner, txs)
			got, err := up.r.CherryPick(tr.t.Context(), picked.Name, "")
			tr.settleOrder(up, "pick", got, err, want, wantErr)
			tr.must(wantErr)
		}
		rest := tr.mergeInto(up, DefaultBranch, "side")
		if rest.Already != len(picked.Entries) || len(rest.Excluded) > 0 {
			tr.fail("%d already, %d picked, %d excluded", rest.Already, len(picked.Entries), len(rest.Excluded))
		}
		a, b := tr.rows(up, tr.headOf(up, DefaultBranch)), tr.rows(up, tr.headOf(up, "at-once"))
		if !a.Equal(b) {
			tr.fail("picking first leads to\n%s\nmerging at once to\n%s", printed(a), printed(b))
		}
	})
}

// One policy: a side chain comes onto a head with the same rows, verdicts and reasons
// whether the head's owner merges it, the owner of the side chain brings a branch of his own
// from that head up to date by a pull, or pushes and lets the remote merge.
func TestOracleOnePolicy(t *testing.T) {
	eachSeed(t, func(tr *trial, up *twin) {
		tr.clone(up)
		side := tr.twins[1]
		for range 1 + tr.rng.IntN(3) {
			tr.work(side)
			tr.work(up)
		}
		// The head's owner fetches the side chain and merges it.
		must(tr.t, up.r.AddRemote(tr.t.Context(), "side", side.path))
		_, err := up.r.CheckoutNew(tr.t.Context(), "local", "")
		tr.must(err)
		_, err = up.r.Fetch(tr.t.Context(), "side", "")
		tr.must(err)
		merged, err := up.r.Merge(tr.t.Context(), MergeRequest{Source: "side/master"})
		tr.must(err)
		// The side's owner makes a branch where the head is, and pulls his own work into it.
		_, err = side.r.Fetch(tr.t.Context(), "origin", "")
		tr.must(err)
		_, err = side.r.CheckoutNew(tr.t.Context(), "rebased", "origin/master")
		tr.must(err)
		rebased, err := side.r.Merge(tr.t.Context(), MergeRequest{Source: "master"})
		tr.must(err)
		// He pushes, and the remote merges.
		_, err = side.r.Checkout(tr.t.Context(), DefaultBranch)
		tr.must(err)
		pushed, err := side.r.Push(tr.t.Context(), PushRequest{})
		tr.must(err)
		want := decisionsOf(tr, up, merged)
		for _, other := range []struct {
			tw  *twin
			how string
			got Merged
		}{{side, "rebased", rebased}, {up, "pushed", pushed.Merged}} {
			if got := decisionsOf(tr, other.tw, other.got); got != want {
				tr.fail("merged:\n%s\n%s:\n%s", want, other.how, got)
			}
		}
	})
}

// decisionsOf writes down the rows at a merge, what it decided and what it answers.
func decisionsOf(tr *trial, tw *twin, m Merged) string {
	tr.t.Helper()
	b, err := tw.r.led().Block(tr.t.Context(), m.Block)
	tr.must(err)
	body, err := tw.r.led().Body(tr.t.Context(), b)
	tr.must(err)
	lines := []string{fmt.Sprintf("%d applied, %d excluded, %d already", m.Applied, len(m.Excluded), m.Already), printed(tr.rows(tw, m.Block))}
	for i := range body.Entries {
		lines = append(lines, entryLines(&body.Entries[i])...)
	}
	return strings.Join(lines, "\n")
}

// A merge keeps every signature: no batch in a merge's block is by who merged, unless it
// was before, or conflicts were forced.
func TestOraclePullSignsNothingAnew(t *testing.T) {
	eachSeed(t, func(tr *trial, up *twin) {
		tr.clone(up)
		mine := tr.twins[1]
		tr.work(mine)
		tr.work(up)
		known := slices.Sorted(maps.Keys(tr.batch))
		tr.pullFrom(mine, up)
		b, err := mine.r.Show(tr.t.Context(), "HEAD")
		tr.must(err)
		for _, batch := range b.Batches {
			if batch.Total > 0 && !slices.Contains(known, batch.ID.String()) {
				tr.fail("the pull made batch %s", batch.ID.Short())
			}
		}
	})
}

func (tr *trial) pullFrom(tw, other *twin) {
	tr.t.Helper()
	want := oracle.Merge(tw.head(), other.heads[DefaultBranch], oracle.Merging{Mode: oracle.Exclude, Producer: tw.owner, MayStand: tw.mayStand})
	got, err := tw.r.Pull(tr.t.Context(), PullRequest{})
	if errors.Is(err, ErrConflict) {
		tr.fail("a pull that is not strict conflicts")
	}
	tr.must(err)
	tr.answers(got.Merged, want)
	tr.moved(tw, tw.at, want.Block)
}
