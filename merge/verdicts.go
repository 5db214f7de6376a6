package merge

import (
	"context"

	"aergo/branch"
	"aergo/repo/object"
)

// disputes is where two accounts give verdicts of different kinds on one transaction. That
// one side found a transaction to be a no-op and the other applied it is no dispute.
type disputes struct {
	any       bool
	overruled []branch.AccountEntry // applied by the source, excluded on the target; in account order
}

// findDisputes compares what a target and a source have both decided. It costs as much as
// their accounts differ, not as they hold.
func findDisputes(ctx context.Context, target, source branch.Account) (disputes, error) {
	var d disputes
	err := branch.Decided(ctx, target, source, func(mark uint64, batch object.Hash, ours, theirs []object.Run) error {
		for _, run := range ours {
			for _, other := range branch.ClipRuns(theirs, run) {
				if kindOf(run.Verdict) == kindOf(other.Verdict) {
					continue
				}
				d.any = true
				if run.Verdict == object.VerdictExcluded && other.Verdict.Applied() {
					d.add(mark, batch, other)
				}
			}
		}
		return nil
	})
	return d, err
}

func (d *disputes) add(mark uint64, batch object.Hash, run object.Run) {
	if n := len(d.overruled); n == 0 || d.overruled[n-1].Batch != batch {
		d.overruled = append(d.overruled, branch.AccountEntry{MarkHeight: mark, Batch: batch})
	}
	last := &d.overruled[len(d.overruled)-1]
	last.Runs = append(last.Runs, run)
}

// kindOf is a verdict for what it means to the rows: applied, excluded or dropped.
func kindOf(v object.Verdict) object.Verdict {
	if v.Applied() {
		return object.VerdictApplied
	}
	return v
}
