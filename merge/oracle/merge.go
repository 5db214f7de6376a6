package oracle

import "slices"

// Mode is what a merge does with conflicts.
type Mode string

// The modes.
const (
	Exclude Mode = "exclude"
	Ours    Mode = "ours"
	Theirs  Mode = "theirs"
)

// Answer is the account of a merge or of an order.
type Answer struct {
	Block       *Block // the head afterwards
	UpToDate    bool
	FastForward bool
	Applied     int // no-ops among them
	Noop        int
	Excluded    []*Entry // in block order, without those inherited
	Inherited   int
	Dropped     int
	Already     int
	Overruled   []*Entry // of the target: excluded, though the source applied them; oldest first
	Forced      []*Tx    // what Theirs added, in order; the caller names their batch
	ForcedDone  int      // how many of them applied; the others are among Excluded
}

// LeavesOut says whether anything is left out that the source had, now or before: a strict
// merge refuses that.
func (a *Answer) LeavesOut() bool { return len(a.Excluded)+a.Inherited+len(a.Overruled) > 0 }

// count notes an entry in the answer.
func (a *Answer) count(e *Entry) {
	switch {
	case e.Verdict == Dropped:
		a.Dropped++
	case e.By != nil:
		a.Inherited++
	case e.Verdict == Excluded:
		a.Excluded = append(a.Excluded, e)
	default:
		a.Applied++
		if e.Verdict == Noop {
			a.Noop++
		}
	}
}

// Merging is who merges, and how.
type Merging struct {
	Mode     Mode
	Producer string
	// MayStand says whether a block of a producer may stand in the target's own chain. Without
	// it all may.
	MayStand func(producer string) bool
}

// Merge returns what becomes of a target when a source is merged into it. Neither changes.
//
// The source's transactions are those that stand decided on its chain and are not decided
// on the target's, in the order of the source's chain, where each was decided last. What
// the source excluded is inherited and what it dropped stays dropped; the rest is settled
// among itself and run again.
//
// A source that goes on from the target becomes its head, unless it decides otherwise what
// the target has decided: then it is merged like any other, if there is anything to bring.
func Merge(target, source *Block, how Merging) Answer {
	overruled, disputed := disputes(target, source)
	if target.Contains(source) {
		return Answer{Block: target, UpToDate: true, Overruled: overruled}
	}
	here := target.Account()
	var take []*Entry
	for _, e := range source.Standing() {
		if here[e.Tx.ID] == nil {
			take = append(take, e)
		}
	}
	switch {
	case !source.Contains(target):
	case disputed && len(take) == 0:
		return Answer{Block: target, UpToDate: true, Overruled: overruled}
	case !disputed && how.Mode == Exclude && how.mayStand(target, source):
		a := Answer{Block: source, FastForward: true}
		for _, e := range take {
			taken := *e
			if taken.Verdict == Excluded {
				taken.By = source // whoever excluded it: here it is inherited
			}
			a.count(&taken)
		}
		a.Noop = 0 // nothing is run, so nobody looks
		return a
	}
	b := target.next(how.Producer)
	b.Absorbed = source
	a := Answer{Block: b, Already: already(target, source), Overruled: overruled}
	settled := settle(target.State, toRun(take))
	var superseded []*Tx
	for _, e := range take {
		if !e.Verdict.isApplied() {
			a.count(b.inherit(e, source))
			continue
		}
		got := b.run(e.Tx, true, settled)
		if got.Failure != nil && got.Failure.Reason.isConflict() {
			switch how.Mode {
			case Ours:
				got.Failure.Reason = KeptOurs
			case Theirs:
				got.Failure.Reason = Superseded
				superseded = append(superseded, e.Tx)
			}
		}
		a.count(got)
	}
	for _, tx := range superseded {
		f := force(tx, settled)
		f.ID.Index = len(a.Forced)
		a.Forced = append(a.Forced, f)
		if got := b.run(f, false, nil); got.Failure != nil {
			a.Excluded = append(a.Excluded, got)
		} else {
			a.ForcedDone++
		}
	}
	return a
}

// Disputed says whether two heads decide anything differently: one applied it, excluded it
// or dropped it, and the other did not.
func Disputed(a, b *Block) bool {
	_, disputed := disputes(a, b)
	return disputed
}

// disputes returns what the source applied and the target holds as excluded, in the order
// of the target's chain, and whether the two are Disputed.
func disputes(target, source *Block) (overruled []*Entry, disputed bool) {
	there := source.Account()
	for _, e := range target.Standing() {
		other := there[e.Tx.ID]
		if other == nil || other.Verdict == e.Verdict || other.Verdict.isApplied() && e.Verdict.isApplied() {
			continue
		}
		disputed = true
		if e.Verdict == Excluded && other.Verdict.isApplied() {
			overruled = append(overruled, e)
		}
	}
	return overruled, disputed
}

// mayStand says whether all blocks of the source's chain may stand in the target's.
func (how *Merging) mayStand(target, source *Block) bool {
	ours := map[*Block]bool{}
	for _, b := range target.Chain() {
		ours[b] = true
	}
	for _, b := range source.Chain() {
		if !ours[b] && how.MayStand != nil && !how.MayStand(b.Producer) {
			return false
		}
	}
	return true
}

func toRun(entries []*Entry) (txs []*Tx) {
	for _, e := range entries {
		if e.Verdict.isApplied() {
			txs = append(txs, e.Tx)
		}
	}
	return txs
}

// already counts what was made on the source, in blocks that the target does not know, and
// is decided on the target, but for what it overruled.
func already(target, source *Block) int {
	known, here, there := target.ancestors(), target.Account(), source.Account()
	made := map[ID]bool{}
	for _, b := range source.Chain() {
		for _, e := range b.Entries {
			ours := here[e.Tx.ID]
			if known[b] || e.Merged || ours == nil || ours.Verdict == Excluded && there[e.Tx.ID].Verdict.isApplied() {
				continue
			}
			made[e.Tx.ID] = true
		}
	}
	return len(made)
}

// inherit takes over a verdict that the source gave without applying.
func (b *Block) inherit(e *Entry, source *Block) *Entry {
	got := &Entry{Tx: e.Tx, Merged: true, Verdict: e.Verdict}
	if e.Verdict == Excluded {
		got.Failure, got.By = e.Failure, e.By
		if got.By == nil {
			got.By = source.where(e)
		}
	}
	b.Entries = append(b.Entries, got)
	return got
}

// where returns the block of a chain that an entry stands in.
func (b *Block) where(e *Entry) *Block {
	for _, at := range b.Chain() {
		if slices.Contains(at.Entries, e) {
			return at
		}
	}
	return nil
}

// force returns the transaction that does the same without preconditions, as far as it is
// not settled.
func force(tx *Tx, settled settlement) *Tx {
	out := &Tx{}
	left, _ := settled.leave(tx.Ops)
	for _, op := range left {
		out.Ops = append(out.Ops, forced(op))
	}
	return out
}
