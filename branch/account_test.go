package branch

import (
	"encoding/binary"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"aergo/repo/object"
	"aergo/repo/state"
)

// decided is an account, and what it stands for.
type decided struct {
	account Account
	model   map[object.Hash]model
}

func newDecided(t *testing.T) decided {
	t.Helper()
	nodes := state.NewOverlay(nil)
	root, err := state.WriteEmpty(nodes)
	must(t, err)
	return decided{Account{state.New(nodes, root)}, map[object.Hash]model{}}
}

// take adds entries to the account, over the nodes of all accounts.
func (d *decided) take(t *testing.T, nodes *state.Overlay, entries []object.Entry, marks map[object.Hash]uint64, workers int) {
	t.Helper()
	var err error
	d.account, err = Account{state.New(nodes, d.account.Root())}.update(t.Context(), nodes, entries, marks, workers)
	must(t, err)
	for _, e := range entries {
		if d.model[e.Batch] == nil {
			d.model[e.Batch] = model{}
		}
		maps.Copy(d.model[e.Batch], modelOf(e.Runs))
	}
}

func accountBatches() (ids []object.Hash, marks map[object.Hash]uint64) {
	marks = map[object.Hash]uint64{}
	for i := range byte(5) {
		id := object.Sum([]byte{i})
		ids, marks[id] = append(ids, id), uint64(i)*3%4
	}
	return ids, marks
}

// randomEntries returns the entries of a block: no transaction twice.
func randomEntries(rng *rand.Rand, ids []object.Hash) []object.Entry {
	var out []object.Entry
	for _, id := range ids {
		if rng.IntN(2) == 0 {
			continue
		}
		runs := shuffled(rng, randomRuns(rng, 1+rng.IntN(5), []uint64{3, 50, 2 * accountSpan}[rng.IntN(3)]))
		n := rng.IntN(len(runs) + 1)
		for _, part := range [][]object.Run{runs[:n], runs[n:]} {
			if len(part) > 0 {
				out = append(out, object.Entry{Batch: id, Runs: part})
			}
		}
	}
	return out
}

// The account is what a table of verdicts would be, and does not remember how it came to be.
func TestAccountIsATableOfVerdicts(t *testing.T) {
	rng := source(t)
	ids, marks := accountBatches()
	for range 20 {
		nodes := state.NewOverlay(nil)
		_, err := state.WriteEmpty(nodes)
		must(t, err)
		a, b := newDecided(t), newDecided(t)
		for range 1 + rng.IntN(6) {
			a.take(t, nodes, randomEntries(rng, ids), marks, 1+rng.IntN(4))
		}
		excluded := 0
		for id, want := range a.model {
			got, err := Account{state.New(nodes, a.account.Root())}.Runs(t.Context(), marks[id], id)
			must(t, err)
			if !slices.Equal(got, want.runs()) {
				t.Fatalf("account says %v, want %v", got, want.runs())
			}
			for _, v := range want {
				if v == object.VerdictExcluded {
					excluded++
				}
			}
		}
		must(t, a.account.Excluded(t.Context(), func(batch object.Hash, index uint64) error {
			if v, ok := a.model[batch][index]; !ok || v != object.VerdictExcluded {
				t.Errorf("transaction %d is %v, but listed as excluded", index, v)
			}
			excluded--
			return nil
		}))
		if excluded != 0 {
			t.Errorf("%d excluded transactions are not listed", excluded)
		}
		// The same verdicts, a batch at a time, in another order.
		for i := range ids {
			id := ids[(i+2)%len(ids)]
			if len(a.model[id]) > 0 {
				b.take(t, nodes, []object.Entry{{Batch: id, Runs: shuffled(rng, a.model[id].runs())}}, marks, 1)
			}
		}
		if a.account.Root() != b.account.Root() {
			t.Fatal("the same verdicts give another root")
		}
	}
}

func TestMissingIsWhatTheTargetHasNotDecided(t *testing.T) {
	rng := source(t)
	ids, marks := accountBatches()
	for range 40 {
		nodes := state.NewOverlay(nil)
		_, err := state.WriteEmpty(nodes)
		must(t, err)
		a, b := newDecided(t), newDecided(t)
		for range rng.IntN(4) {
			both := randomEntries(rng, ids)
			a.take(t, nodes, both, marks, 1)
			b.take(t, nodes, both, marks, 1)
		}
		a.take(t, nodes, randomEntries(rng, ids), marks, 1)
		b.take(t, nodes, randomEntries(rng, ids), marks, 1)
		want := map[object.Hash]model{}
		for id, there := range b.model {
			for i, v := range there {
				if has(a.model[id], i) {
					continue
				}
				if want[id] == nil {
					want[id] = model{}
				}
				want[id][i] = v
			}
		}
		target, source := Account{state.New(nodes, a.account.Root())}, Account{state.New(nodes, b.account.Root())}
		must(t, Missing(t.Context(), target, source, func(e AccountEntry) error {
			if e.MarkHeight != marks[e.Batch] || !slices.Equal(e.Runs, want[e.Batch].runs()) {
				t.Errorf("missing are %v at mark %d, want %v at %d", e.Runs, e.MarkHeight, want[e.Batch].runs(), marks[e.Batch])
			}
			delete(want, e.Batch)
			return nil
		}))
		if len(want) != 0 {
			t.Errorf("%d batches were not reported", len(want))
		}
	}
}

func TestDamagedAccountsAreReported(t *testing.T) {
	good := accountKey(1, object.Hash{1}, 0)
	ok := object.AppendRuns(nil, []object.Run{{First: 0, Count: 1}})
	for name, row := range map[string][2][]byte{
		"short key":       {good[:20], ok},
		"no runs":         {good, []byte{0x01}},
		"outside":         {good, object.AppendRuns(nil, []object.Run{{First: accountSpan, Count: 1}})},
		"beyond its end":  {good, object.AppendRuns(nil, []object.Run{{First: 1, Count: accountSpan}})},
		"of all numbers":  {good, object.AppendRuns(nil, []object.Run{{First: 0, Count: object.MaxBatchItems}})},
		"overlapping":     {good, object.AppendRuns(nil, []object.Run{{First: 0, Count: 5}, {First: 4, Count: 5}})},
		"not in order":    {good, object.AppendRuns(nil, []object.Run{{First: 10, Count: 5}, {First: 4, Count: 2}})},
		"in another span": {binary.BigEndian.AppendUint32(slices.Clone(good[:len(good)-4]), 1), ok},
	} {
		t.Run(name, func(t *testing.T) {
			nodes := state.NewOverlay(nil)
			root, err := state.WriteEmpty(nodes)
			must(t, err)
			empty := Account{state.New(nodes, root)}
			tree, err := empty.Update(t.Context(), nodes, []state.Edit{{Key: row[0], Value: row[1]}}, 1)
			must(t, err)
			bad := Account{tree}
			if err := Missing(t.Context(), empty, bad, func(AccountEntry) error { return nil }); !errors.Is(err, object.ErrMalformed) {
				t.Errorf("missing: %v", err)
			}
			if err := bad.Excluded(t.Context(), func(object.Hash, uint64) error { return nil }); !errors.Is(err, object.ErrMalformed) {
				t.Errorf("excluded: %v", err)
			}
			if _, err := bad.Runs(t.Context(), 1, object.Hash{1}); name != "short key" && !errors.Is(err, object.ErrMalformed) {
				t.Errorf("runs: %v", err)
			}
		})
	}
}
