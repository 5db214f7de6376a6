package branch

import (
	"bytes"
	"cmp"
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
func splitSpans(runs []object.Run, fn func(span uint64, runs []object.Run)) {
	var part []object.Run
	var span uint64
	for _, run := range sortedRuns(runs) {
		for run.Count > 0 {
			s := run.First / accountSpan
			if s != span && len(part) > 0 {
				fn(span, part)
				part = nil
			}
			span = s
			n := min(run.Count, (s+1)*accountSpan-run.First)
			part = append(part, object.Run{First: run.First, Count: n, Verdict: run.Verdict})
			run.First, run.Count = run.First+n, run.Count-n
		}
	}
	if len(part) > 0 {
		fn(span, part)
	}
}

// decodeRuns reads the value of a span: runs that ascend and lie within it.
func decodeRuns(value []byte, span uint64) ([]object.Run, error) {
	r := object.NewReader(value)
	runs := r.Runs()
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("account: %w", err)
	}
	at := span * accountSpan
	for _, run := range runs {
		if run.First < at || endOf(run) > (span+1)*accountSpan {
			return nil, fmt.Errorf("account: %w: runs overlap or leave their span", object.ErrMalformed)
		}
		at = endOf(run)
	}
	return runs, nil
}

// Runs returns the verdicts of a batch's transactions in ascending order, none if the
// batch never came here.
func (a Account) Runs(ctx context.Context, markHeight uint64, batch object.Hash) ([]object.Run, error) {
	var all []object.Run
	from := accountKey(markHeight, batch, 0)
	to := append(accountKey(markHeight, batch, 1<<32-1), 0)
	err := a.Range(ctx, from, to, func(k, value []byte) error {
		_, _, span, err := splitAccountKey(k)
		if err != nil {
			return err
		}
		runs, err := decodeRuns(value, span)
		all = append(all, runs...)
		return err
	})
	return joinRuns(all), err
}

// RunsOf returns Runs of each batch. It looks up all together.
func (a Account) RunsOf(ctx context.Context, batches []Batch, workers int) ([][]object.Run, error) {
	out := make([][]object.Run, len(batches))
	var small []int // those that have a single span
	for i, b := range batches {
		if b.Count <= accountSpan {
			small = append(small, i)
			continue
		}
		var err error
		if out[i], err = a.Runs(ctx, b.Mark.Height, b.ID); err != nil {
			return nil, err
		}
	}
	keys := make([][]byte, len(small))
	slices.SortFunc(small, func(i, j int) int {
		return cmp.Or(cmp.Compare(batches[i].Mark.Height, batches[j].Mark.Height), bytes.Compare(batches[i].ID[:], batches[j].ID[:]))
	})
	for k, i := range small {
		keys[k] = accountKey(batches[i].Mark.Height, batches[i].ID, 0)
	}
	err := a.GetMany(ctx, keys, workers, func(k int, value []byte, ok bool) (err error) {
		if ok {
			out[small[k]], err = decodeRuns(value, 0)
		}
		return err
	})
	return out, err
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
		mark, batch, span, err := splitAccountKey(k)
		if err != nil {
			return err
		}
		runs, err := decodeRuns(theirs, span)
		if err != nil {
			return err
		}
		if ours != nil {
			have, err := decodeRuns(ours, span)
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

// update returns the account with the runs of a block's entries added. marks tells the
// mark height of each batch.
func (a Account) update(ctx context.Context, w state.NodeWriter, entries []object.Entry, marks map[object.Hash]uint64, workers int) (Account, error) {
	changes := make([]accountChange, 0, len(entries))
	for i := range entries {
		e := &entries[i]
		splitSpans(e.Runs, func(span uint64, runs []object.Run) {
			changes = append(changes, accountChange{accountKey(marks[e.Batch], e.Batch, span), span, runs})
		})
	}
	changes = joinChanges(sortChanges(changes))
	keys, edits := make([][]byte, len(changes)), make([]state.Edit, len(changes))
	for i := range changes {
		keys[i] = changes[i].key
	}
	err := a.GetMany(ctx, keys, workers, func(i int, value []byte, ok bool) error {
		c := &changes[i]
		var have []object.Run
		if ok {
			var err error
			if have, err = decodeRuns(value, c.span); err != nil {
				return err
			}
		}
		edits[i] = state.Edit{Key: c.key, Value: object.AppendRuns(nil, mergeRuns(have, c.runs))}
		return nil
	})
	if err != nil {
		return Account{}, err
	}
	tree, err := a.Tree.Update(ctx, w, edits, workers)
	if err != nil {
		return Account{}, err
	}
	return Account{tree}, nil
}

// accountChange is verdicts that one span of a batch gets.
type accountChange struct {
	key  []byte
	span uint64
	runs []object.Run
}

// Decided calls fn, in account order, for what both accounts have decided of a batch, or of a
// span of a large one, unless they are the same throughout. Runs ascend. It costs as much as
// the accounts differ, not as they hold.
func Decided(ctx context.Context, a, b Account, fn func(markHeight uint64, batch object.Hash, inA, inB []object.Run) error) error {
	return state.Diff(ctx, a.Tree, b.Tree, func(k, inA, inB []byte) error {
		if inA == nil || inB == nil {
			return nil
		}
		mark, batch, span, err := splitAccountKey(k)
		if err != nil {
			return err
		}
		runsA, err := decodeRuns(inA, span)
		if err != nil {
			return err
		}
		runsB, err := decodeRuns(inB, span)
		if err != nil {
			return err
		}
		return fn(mark, batch, runsA, runsB)
	})
}

// sortChanges returns changes in the order of their keys, those of one key as they came. What
// moves while it sorts is a number and the first bytes that tell keys apart, so that few of the
// keys themselves are looked at.
func sortChanges(changes []accountChange) []accountChange {
	type place struct {
		mark, batch uint64 // the mark height, and the first bytes of the batch's id
		number      int32
	}
	places := make([]place, len(changes))
	for i := range changes {
		k := changes[i].key
		places[i] = place{binary.BigEndian.Uint64(k), binary.BigEndian.Uint64(k[8:]), int32(i)}
	}
	slices.SortFunc(places, func(x, y place) int {
		if x.mark != y.mark {
			return cmp.Compare(x.mark, y.mark)
		}
		if x.batch != y.batch {
			return cmp.Compare(x.batch, y.batch)
		}
		if c := bytes.Compare(changes[x.number].key, changes[y.number].key); c != 0 {
			return c
		}
		return cmp.Compare(x.number, y.number)
	})
	sorted := make([]accountChange, len(changes))
	for i := range places {
		sorted[i] = changes[places[i].number]
	}
	return sorted
}

// joinChanges joins the changes of one span, which follow each other, in place.
func joinChanges(changes []accountChange) []accountChange {
	out := changes[:0]
	for _, c := range changes {
		if n := len(out); n > 0 && bytes.Equal(out[n-1].key, c.key) {
			out[n-1].runs = append(out[n-1].runs, c.runs...)
			continue
		}
		out = append(out, c)
	}
	return out
}

// Excluded calls fn for every transaction whose verdict is excluded, in account order.
func (a Account) Excluded(ctx context.Context, fn func(batch object.Hash, index uint64) error) error {
	return a.Range(ctx, nil, nil, func(k, value []byte) error {
		_, batch, span, err := splitAccountKey(k)
		if err != nil {
			return err
		}
		runs, err := decodeRuns(value, span)
		if err != nil {
			return err
		}
		for _, run := range runs {
			if run.Verdict != object.VerdictExcluded {
				continue
			}
			for i := run.First; i < endOf(run); i++ {
				if err := fn(batch, i); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
