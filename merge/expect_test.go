package merge

import (
	"slices"

	"aergo/branch"
	"aergo/repo/object"
)

// expectation is what a merge has to take, found by going through all of history.
type expectation struct {
	spans                      []decision // in order
	replayed, inherited, drops uint64
	already                    uint64
	overruled                  []txID // in any order
	disputed                   bool
}

func (b *book) expect(target, from branch.Block) expectation {
	b.t.Helper()
	decided, there := b.verdicts(target), b.verdicts(from)
	var e expectation
	overruled := map[txID]bool{}
	for tx, v := range decided {
		other, both := there[tx]
		if !both || kindOf(other) == kindOf(v) {
			continue
		}
		e.disputed = true
		if v == object.VerdictExcluded && other.Applied() {
			overruled[tx] = true
			e.overruled = append(e.overruled, tx)
		}
	}
	common := map[object.Hash]bool{}
	b.ancestors(target, common)
	all := map[txID]bool{}
	for _, block := range b.trunk(from) {
		for _, d := range b.decisions(block) {
			if _, is := decided[d.txID]; is {
				if d.made && !common[block.ID] && !all[d.txID] && !overruled[d.txID] {
					all[d.txID] = true
					e.already++
				}
				continue
			}
			// The last decision counts, at its place.
			e.spans = slices.DeleteFunc(e.spans, func(o decision) bool { return o.txID == d.txID })
			e.spans = append(e.spans, d)
		}
	}
	for _, d := range e.spans {
		switch {
		case d.verdict.Applied():
			e.replayed++
		case d.verdict == object.VerdictExcluded:
			e.inherited++
		default:
			e.drops++
		}
	}
	return e
}

// verdicts returns what stands at a head.
func (b *book) verdicts(head branch.Block) map[txID]object.Verdict {
	b.t.Helper()
	out := map[txID]object.Verdict{}
	for _, block := range b.trunk(head) {
		for _, d := range b.decisions(block) {
			out[d.txID] = d.verdict
		}
	}
	return out
}

// ancestors marks a block and all that it comes from.
func (b *book) ancestors(of branch.Block, marked map[object.Hash]bool) {
	b.t.Helper()
	if marked[of.ID] {
		return
	}
	marked[of.ID] = true
	for _, up := range []object.Hash{of.Parent, of.Absorbed} {
		if !up.IsZero() {
			block, err := b.Block(b.t.Context(), up)
			must(b.t, err)
			b.ancestors(block, marked)
		}
	}
}

// selected returns the transactions of entries of an account.
func selected(entries []branch.AccountEntry) (out []txID) {
	for _, e := range entries {
		for _, run := range e.Runs {
			for i := range run.Count {
				out = append(out, txID{e.Batch, run.First + i})
			}
		}
	}
	return out
}

func sameSet(a, b []txID) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(tx txID) bool { return !slices.Contains(b, tx) })
}
