package branch

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"aergo/repo/object"
	"aergo/repo/state"
)

// Account is the tree that says what became of every transaction on a branch. A batch's
// transactions are cut in spans of accountSpan, so that no value grows with the batch: the
// key is the batch's mark height (8 bytes, big-endian), its id, and the span (4 bytes,
// big-endian); the value is the span's runs in ascending order. A transaction in no run
// has not been decided here.
type Account struct{ state.Tree }

const (
	accountSpan    = 4096
	accountKeySize = 8 + object.HashSize + 4
)

// accountKey returns the key of one span of a batch.
func accountKey(markHeight uint64, batch object.Hash, span uint64) []byte {
	k := binary.BigEndian.AppendUint64(make([]byte, 0, accountKeySize), markHeight)
	k = append(k, batch[:]...)
	return binary.BigEndian.AppendUint32(k, uint32(span))
}

// splitAccountKey is the inverse of accountKey.
func splitAccountKey(k []byte) (markHeight uint64, batch object.Hash, span uint64, err error) {
	if len(k) != accountKeySize {
		return 0, object.Hash{}, 0, fmt.Errorf("account: %w: key of %d bytes", object.ErrMalformed, len(k))
	}
	return binary.BigEndian.Uint64(k), object.Hash(k[8 : 8+object.HashSize]), uint64(binary.BigEndian.Uint32(k[8+object.HashSize:])), nil
}

// splitSpans cuts runs at span boundaries and calls fn for each span that has any.
func splitSpans(runs []object.Run, fn func(span uint64, runs []object.Run) error) error {
	var part []object.Run
	var span uint64
	for _, run := range sortedRuns(runs) {
		for run.Count > 0 {
			s := run.First / accountSpan
			if s != span && len(part) > 0 {
				if err := fn(span, part); err != nil {
					return err
				}
				part = nil
			}
			span = s
			n := min(run.Count, (s+1)*accountSpan-run.First)
			part = append(part, object.Run{First: run.First, Count: n, Verdict: run.Verdict})
			run.First, run.Count = run.First+n, run.Count-n
		}
	}
	if len(part) == 0 {
		return nil
	}
	return fn(span, part)
}

func decodeRuns(value []byte) ([]object.Run, error) {
	r := object.NewReader(value)
	runs := r.Runs()
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("account: %w", err)
	}
	for i := 1; i < len(runs); i++ {
		if runs[i].First < runs[i-1].First+runs[i-1].Count {
			return nil, fmt.Errorf("account: %w: runs overlap", object.ErrMalformed)
		}
	}
	return runs, nil
}

// Runs returns the verdicts of a batch's transactions in ascending order, none if the
// batch never came here.
func (a Account) Runs(ctx context.Context, markHeight uint64, batch object.Hash) ([]object.Run, error) {
	var all []object.Run
	from := accountKey(markHeight, batch, 0)
	to := append(accountKey(markHeight, batch, 1<<32-1), 0)
	err := a.Range(ctx, from, to, func(_, value []byte) error {
		runs, err := decodeRuns(value)
		all = append(all, runs...)
		return err
	})
	return joinRuns(all), err
}

// AccountEntry is verdicts of one batch on a branch.
type AccountEntry struct {
	MarkHeight uint64
	Batch      object.Hash
	Runs       []object.Run // ascending
}

// Missing calls fn for every batch of which source has decided transactions that target
// has not, in account order: the runs are those transactions, with the source's verdicts.
// It costs as much as the accounts differ, not as they hold.
func Missing(ctx context.Context, target, source Account, fn func(AccountEntry) error) error {
	var last AccountEntry
	flush := func() error {
		if len(last.Runs) == 0 {
			return nil
		}
		last.Runs = joinRuns(last.Runs)
		return fn(last)
	}
	err := state.Diff(ctx, target.Tree, source.Tree, func(k, ours, theirs []byte) error {
		if theirs == nil {
			return nil
		}
		mark, batch, _, err := splitAccountKey(k)
		if err != nil {
			return err
		}
		runs, err := decodeRuns(theirs)
		if err != nil {
			return err
		}
		if ours != nil {
			have, err := decodeRuns(ours)
			if err != nil {
				return err
			}
			runs = subtractRuns(runs, have)
		}
		if last.Batch != batch || last.MarkHeight != mark {
			if err := flush(); err != nil {
				return err
			}
			last = AccountEntry{MarkHeight: mark, Batch: batch}
		}
		last.Runs = append(last.Runs, runs...)
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// subtractRuns returns the parts of runs that no run of have covers. Both ascend.
func subtractRuns(runs, have []object.Run) []object.Run {
	var out []object.Run
	for _, run := range runs {
		at, end := run.First, run.First+run.Count
		for _, h := range have {
			if h.First+h.Count <= at || h.First >= end {
				continue
			}
			if h.First > at {
				out = append(out, object.Run{First: at, Count: h.First - at, Verdict: run.Verdict})
			}
			at = h.First + h.Count
		}
		if at < end {
			out = append(out, object.Run{First: at, Count: end - at, Verdict: run.Verdict})
		}
	}
	return out
}

// mergeRuns returns the union of two sets of runs in canonical form: ascending, and
// joined where they touch with the same verdict. A transaction in both takes the verdict
// of later: a replay or drop order has changed it.
func mergeRuns(earlier, later []object.Run) []object.Run {
	return joinRuns(sortedRuns(append(subtractRuns(earlier, sortedRuns(later)), later...)))
}

// joinRuns joins ascending runs where they touch with the same verdict, in place.
func joinRuns(runs []object.Run) []object.Run {
	out := runs[:0]
	for _, run := range runs {
		if n := len(out); n > 0 && out[n-1].First+out[n-1].Count == run.First && out[n-1].Verdict == run.Verdict {
			out[n-1].Count += run.Count
			continue
		}
		out = append(out, run)
	}
	return out
}

func sortedRuns(runs []object.Run) []object.Run {
	out := slices.Clone(runs)
	slices.SortFunc(out, func(a, b object.Run) int {
		switch {
		case a.First < b.First:
			return -1
		case a.First > b.First:
			return 1
		}
		return 0
	})
	return out
}

// VerdictOf returns the verdict of one transaction among ascending runs.
func VerdictOf(runs []object.Run, index uint64) (object.Verdict, bool) {
	for _, run := range runs {
		if index >= run.First && index < run.First+run.Count {
			return run.Verdict, true
		}
	}
	return 0, false
}

// update returns the account with the runs of a block's entries added. marks tells the
// mark height of each batch.
func (a Account) update(ctx context.Context, w state.NodeWriter, entries []object.Entry, marks map[object.Hash]uint64, workers int) (Account, error) {
	byBatch := make(map[object.Hash][]object.Run, len(entries))
	for i := range entries {
		e := &entries[i]
		byBatch[e.Batch] = append(byBatch[e.Batch], e.Runs...)
	}
	var edits []state.Edit
	for batch, runs := range byBatch {
		err := splitSpans(runs, func(span uint64, runs []object.Run) error {
			k := accountKey(marks[batch], batch, span)
			value, ok, err := a.Get(ctx, k)
			if err != nil {
				return err
			}
			var have []object.Run
			if ok {
				if have, err = decodeRuns(value); err != nil {
					return err
				}
			}
			edits = append(edits, state.Edit{Key: k, Value: object.AppendRuns(nil, mergeRuns(have, runs))})
			return nil
		})
		if err != nil {
			return Account{}, err
		}
	}
	slices.SortFunc(edits, func(x, y state.Edit) int { return bytes.Compare(x.Key, y.Key) })
	tree, err := a.Tree.Update(ctx, w, edits, workers)
	if err != nil {
		return Account{}, err
	}
	return Account{tree}, nil
}

// SubtractRuns returns the parts of ascending runs that no run of have covers.
func SubtractRuns(runs, have []object.Run) []object.Run { return subtractRuns(runs, sortedRuns(have)) }

// IntersectRuns returns the parts of ascending runs that within covers.
func IntersectRuns(runs []object.Run, within object.Run) []object.Run {
	var out []object.Run
	for _, run := range runs {
		first, end := max(run.First, within.First), min(run.First+run.Count, within.First+within.Count)
		if first < end {
			out = append(out, object.Run{First: first, Count: end - first, Verdict: run.Verdict})
		}
	}
	return out
}

// Excluded calls fn for every transaction whose verdict is excluded, in account order.
func (a Account) Excluded(ctx context.Context, fn func(batch object.Hash, index uint64) error) error {
	return a.Range(ctx, nil, nil, func(k, value []byte) error {
		_, batch, _, err := splitAccountKey(k)
		if err != nil {
			return err
		}
		runs, err := decodeRuns(value)
		if err != nil {
			return err
		}
		for _, run := range runs {
			if run.Verdict != object.VerdictExcluded {
				continue
			}
			for i := uint64(0); i < run.Count; i++ {
				if err := fn(batch, run.First+i); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
