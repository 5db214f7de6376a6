package branch

import (
	"math/rand/v2"
	"slices"
	"testing"

	"aergo/repo/object"
)

// model is verdicts one by one: what runs stand for.
type model map[uint64]object.Verdict

func modelOf(runs []object.Run) model {
	m := model{}
	for _, run := range runs {
		for i := run.First; i < endOf(run); i++ {
			m[i] = run.Verdict
		}
	}
	return m
}

// runs returns the model as canonical runs.
func (m model) runs() []object.Run {
	var indices []uint64
	for i := range m {
		indices = append(indices, i)
	}
	slices.Sort(indices)
	var out []object.Run
	for _, i := range indices {
		if n := len(out); n > 0 && endOf(out[n-1]) == i && out[n-1].Verdict == m[i] {
			out[n-1].Count++
			continue
		}
		out = append(out, object.Run{First: i, Count: 1, Verdict: m[i]})
	}
	return out
}

// randomRuns returns runs that ascend, some of which touch.
func randomRuns(rng *rand.Rand, n int, span uint64) []object.Run {
	var out []object.Run
	at := uint64(0)
	for range n {
		at += rng.Uint64N(2) * rng.Uint64N(span)
		count := 1 + rng.Uint64N(span)
		out = append(out, object.Run{First: at, Count: count, Verdict: object.Verdict(rng.IntN(5))})
		at += count
	}
	return out
}

func shuffled(rng *rand.Rand, runs []object.Run) []object.Run {
	out := slices.Clone(runs)
	rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func equalModels(t *testing.T, what string, got []object.Run, want model) {
	t.Helper()
	if !slices.Equal(joinRuns(slices.Clone(got)), want.runs()) {
		t.Fatalf("%s gives %v, want %v", what, got, want.runs())
	}
}

// Arithmetic on runs is arithmetic on the transactions that they stand for.
func TestRunsAreTheirTransactions(t *testing.T) {
	rng := source(t)
	for range 3000 {
		a, b := randomRuns(rng, rng.IntN(8), 6), randomRuns(rng, rng.IntN(8), 6)
		ma, mb := modelOf(a), modelOf(b)
		without, merged, union := model{}, model{}, model{}
		for i, v := range ma {
			if _, ok := mb[i]; !ok {
				without[i] = v
			}
			merged[i], union[i] = v, 0
		}
		for i, v := range mb {
			merged[i], union[i] = v, 0
		}
		equalModels(t, "subtractRuns", subtractRuns(a, b), without)
		equalModels(t, "SubtractRuns", SubtractRuns(a, append(shuffled(rng, b), b...)), without)
		equalModels(t, "UnionRuns", UnionRuns(append(shuffled(rng, a), b...)), union)
		if got := mergeRuns(a, shuffled(rng, b)); !slices.Equal(got, merged.runs()) {
			t.Fatalf("mergeRuns(%v, %v) = %v, want the canonical %v", a, b, got, merged.runs())
		}
		if got := CountRuns(a); got != uint64(len(ma)) {
			t.Fatalf("CountRuns(%v) = %d", a, got)
		}
		within := object.Run{First: rng.Uint64N(30), Count: 1 + rng.Uint64N(20)}
		inside := model{}
		for i, v := range ma {
			if i >= within.First && i < endOf(within) {
				inside[i] = v
			}
		}
		equalModels(t, "ClipRuns", ClipRuns(a, within), inside)
		equalModels(t, "IntersectRuns", sortedRuns(IntersectRuns(shuffled(rng, a), within)), inside)
		for i := range uint64(40) {
			if v, ok := VerdictOf(a, i); ok != has(ma, i) || v != ma[i] {
				t.Fatalf("VerdictOf(%v, %d) = %v, %v", a, i, v, ok)
			}
		}
		if _, twice := overlap(sortedRuns(append(slices.Clone(a), b...))); twice != (len(ma)+len(mb) != len(merged)) {
			t.Fatalf("overlap of %v and %v is %v", a, b, twice)
		}
	}
}

func has(m model, i uint64) bool { _, ok := m[i]; return ok }

func TestSpansCutRunsAtTheirBoundaries(t *testing.T) {
	rng := source(t)
	for range 300 {
		runs := randomRuns(rng, 1+rng.IntN(6), 3*accountSpan)
		var all []object.Run
		last := -1
		splitSpans(shuffled(rng, runs), func(span uint64, part []object.Run) {
			if int(span) <= last || len(part) == 0 {
				t.Fatalf("span %d with %d runs after span %d", span, len(part), last)
			}
			last = int(span)
			if part[0].First/accountSpan != span || (endOf(part[len(part)-1])-1)/accountSpan != span {
				t.Fatalf("span %d gets %v", span, part)
			}
			all = append(all, part...)
		})
		if !slices.Equal(joinRuns(all), joinRuns(slices.Clone(runs))) {
			t.Fatalf("%v becomes %v", runs, all)
		}
	}
}

// The time does not grow with the transactions that runs stand for.
func TestRunsOfManyTransactionsAreCheap(t *testing.T) {
	huge := []object.Run{{First: 0, Count: object.MaxBatchItems}}
	if left := subtractRuns(huge, []object.Run{{First: 5, Count: 1}}); len(left) != 2 || CountRuns(left) != object.MaxBatchItems-1 {
		t.Errorf("left %v", left)
	}
	if v, ok := VerdictOf(huge, object.MaxBatchItems-1); !ok || v != object.VerdictApplied {
		t.Error("the last has no verdict")
	}
}
