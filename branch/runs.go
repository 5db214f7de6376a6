package branch

import (
	"cmp"
	"slices"
	"sort"

	"aergo/repo/object"
)

// A set of runs ascends if each begins where the one before it ends, or later. Every
// function here takes time in proportion to the runs it is given, however many
// transactions they stand for.

// endOf returns the index after the last transaction of a run.
func endOf(run object.Run) uint64 { return run.First + run.Count }

// sortedRuns returns a copy of runs in the order of their first transaction.
func sortedRuns(runs []object.Run) []object.Run {
	out := slices.Clone(runs)
	slices.SortStableFunc(out, func(a, b object.Run) int { return cmp.Compare(a.First, b.First) })
	return out
}

// overlap returns a transaction that stands in two of the runs, which are in order of
// their first.
func overlap(runs []object.Run) (index uint64, found bool) {
	for i := 1; i < len(runs); i++ {
		if runs[i].First < endOf(runs[i-1]) {
			return runs[i].First, true
		}
	}
	return 0, false
}

// subtractRuns returns the parts of runs that no run of have covers. Both ascend.
func subtractRuns(runs, have []object.Run) []object.Run {
	var out []object.Run
	next := 0 // the runs of have before it end before what is looked at
	for _, run := range runs {
		at, end := run.First, endOf(run)
		for next < len(have) && endOf(have[next]) <= at {
			next++
		}
		for i := next; i < len(have) && have[i].First < end; i++ {
			if have[i].First > at {
				out = append(out, object.Run{First: at, Count: have[i].First - at, Verdict: run.Verdict})
			}
			at = endOf(have[i])
		}
		if at < end {
			out = append(out, object.Run{First: at, Count: end - at, Verdict: run.Verdict})
		}
	}
	return out
}

// mergeRuns returns the union of two sets of runs in canonical form: ascending, and
// joined where they touch with the same verdict. Earlier ascends, later may be in any
// order but has no transaction twice. A transaction in both takes the verdict of later: a
// replay or drop order has changed it.
func mergeRuns(earlier, later []object.Run) []object.Run {
	later = sortedRuns(later)
	return joinRuns(sortedRuns(append(subtractRuns(earlier, later), later...)))
}

// joinRuns joins ascending runs where they touch with the same verdict, in place.
func joinRuns(runs []object.Run) []object.Run {
	out := runs[:0]
	for _, run := range runs {
		if n := len(out); n > 0 && endOf(out[n-1]) == run.First && out[n-1].Verdict == run.Verdict {
			out[n-1].Count += run.Count
			continue
		}
		out = append(out, run)
	}
	return out
}

// runsFrom returns the ascending runs from the first on that ends after a transaction.
func runsFrom(runs []object.Run, index uint64) []object.Run {
	return runs[sort.Search(len(runs), func(i int) bool { return endOf(runs[i]) > index }):]
}

// VerdictOf returns the verdict of one transaction among ascending runs.
func VerdictOf(runs []object.Run, index uint64) (object.Verdict, bool) {
	if from := runsFrom(runs, index); len(from) > 0 && from[0].First <= index {
		return from[0].Verdict, true
	}
	return 0, false
}

// SubtractRuns returns the parts of ascending runs that no run of have covers. The runs of
// have are in any order and may overlap.
func SubtractRuns(runs, have []object.Run) []object.Run {
	return subtractRuns(runs, UnionRuns(have))
}

// UnionRuns returns the transactions of any runs as runs that ascend; verdicts are dropped.
func UnionRuns(runs []object.Run) []object.Run {
	var out []object.Run
	for _, run := range sortedRuns(runs) {
		if n := len(out); n > 0 && run.First <= endOf(out[n-1]) {
			out[n-1].Count = max(endOf(out[n-1]), endOf(run)) - out[n-1].First
			continue
		}
		out = append(out, object.Run{First: run.First, Count: run.Count})
	}
	return out
}

// IntersectRuns returns the parts of runs that within covers, in the order of runs.
func IntersectRuns(runs []object.Run, within object.Run) []object.Run {
	var out []object.Run
	for _, run := range runs {
		first, end := max(run.First, within.First), min(endOf(run), endOf(within))
		if first < end {
			out = append(out, object.Run{First: first, Count: end - first, Verdict: run.Verdict})
		}
	}
	return out
}

// ClipRuns is IntersectRuns for ascending runs, in time that does not grow with those
// outside.
func ClipRuns(runs []object.Run, within object.Run) []object.Run {
	runs = runsFrom(runs, within.First)
	n := sort.Search(len(runs), func(i int) bool { return runs[i].First >= endOf(within) })
	return IntersectRuns(runs[:n], within)
}

// CountRuns returns the number of transactions in runs.
func CountRuns(runs []object.Run) uint64 {
	var n uint64
	for _, run := range runs {
		n += run.Count
	}
	return n
}

// onlyVerdict returns the runs of one verdict.
func onlyVerdict(runs []object.Run, v object.Verdict) []object.Run {
	var out []object.Run
	for _, run := range runs {
		if run.Verdict == v {
			out = append(out, run)
		}
	}
	return out
}
