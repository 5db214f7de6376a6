package diagram

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"aergo/repo"
	"aergo/testdata/trees"
)

// TestShiftsKeepTheTree checks what the lanes show: each leaf once, no worker twice at a time,
// nothing before what it waits for, and no worker idle while a leaf is ready.
func TestShiftsKeepTheTree(t *testing.T) {
	g := trees.NewRandom(t)
	for range 50 {
		s := g.Schedule(1 + g.Rand.IntN(4))
		workers := 1 + g.Rand.IntN(9)
		shifts := Shifts(&s.Root, workers)
		times := map[*repo.ScheduleNode]Shift{}
		free := make([]uint64, workers)
		work := uint64(0)
		for _, sh := range shifts {
			if sh.Start < free[sh.Worker] || sh.End-sh.Start != sh.Leaf.Cost {
				t.Errorf("a leaf runs from %d to %d on a worker that is free at %d", sh.Start, sh.End, free[sh.Worker])
			}
			free[sh.Worker] = sh.End
			times[sh.Leaf] = sh
			work += sh.Leaf.Cost
		}
		var walk func(n *repo.ScheduleNode) (from, to uint64)
		walk = func(n *repo.ScheduleNode) (from, to uint64) {
			if len(n.Children) == 0 {
				sh, ran := times[n]
				if !ran {
					t.Error("a leaf does not run")
				}
				return sh.Start, sh.End
			}
			for i := range n.Children {
				a, b := walk(&n.Children[i])
				if i > 0 && n.Kind == "series" && a < to {
					t.Errorf("a branch begins at %d, before the one before it ends at %d", a, to)
				}
				if i == 0 || a < from {
					from = a
				}
				to = max(to, b)
			}
			return from, to
		}
		_, span := walk(&s.Root)
		if work != s.Work || span < s.CriticalPath || span > s.Work/uint64(workers)+s.CriticalPath {
			t.Errorf("%d workers take %d, for %d of work and a critical path of %d", workers, span, s.Work, s.CriticalPath)
		}
	}
}

// TestTreeCountsWhatItFolds adds up the branches of the root that are drawn and those that are
// only counted.
func TestTreeCountsWhatItFolds(t *testing.T) {
	g := trees.NewRandom(t)
	for range 50 {
		s := g.Schedule(3)
		v := NewView(s)
		sum := uint64(0)
		for _, l := range v.Lines[1:] {
			if utf8.RuneCountInString(l.Prefix) == 3 {
				sum += l.Count
			}
		}
		if len(s.Root.Children) > 0 && sum != uint64(s.Transactions) {
			t.Errorf("%d transactions in the branches of %d:\n%v", sum, s.Transactions, v.Lines)
		}
	}
}

// drawn returns the drawing of a schedule, which must be sound XML.
func drawn(t *testing.T, s repo.Schedule, workers int) string {
	t.Helper()
	var out bytes.Buffer
	if err := Draw(&out, s, Options{Workers: workers}); err != nil {
		t.Fatal(err)
	}
	for dec := xml.NewDecoder(bytes.NewReader(out.Bytes())); ; {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			return out.String()
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, out.String())
		}
	}
}

func TestDrawingsAreSound(t *testing.T) {
	g := trees.NewRandom(t)
	drawn(t, repo.Schedule{}, 8)
	for range 30 {
		s := g.Schedule(g.Rand.IntN(5))
		out := drawn(t, s, 1+g.Rand.IntN(WorkersMax))
		for _, part := range []string{"prefers-color-scheme:dark", "critical path", "units", `class="crit`} {
			if !strings.Contains(out, part) {
				t.Errorf("no %s in\n%s", part, out)
			}
		}
		if strings.ContainsAny(out, "\x1b\u202e") || strings.Contains(out, "NaN") || strings.Contains(out, "Inf") || strings.Contains(out, `width="-`) {
			t.Errorf("%s", out)
		}
	}
}

// A tree of very many leaves makes no larger drawing than can be seen.
func TestDrawingsAreBounded(t *testing.T) {
	s := repo.Schedule{Transactions: 300_000, Leaves: 300_000, Work: 300_000, CriticalPath: 1}
	s.Root = repo.ScheduleNode{Kind: "parallel", Count: 300_000, Cost: 300_000, Span: 1}
	for i := range 300_000 {
		s.Root.Children = append(s.Root.Children, trees.Leaf(i, 1, 1))
	}
	trees.MarkCritical(&s.Root)
	if out := drawn(t, s, 4); len(out) > 2_000_000 {
		t.Errorf("%d bytes", len(out))
	}
}

// TestInlineDrawingsLeaveStyleToThePage draws for a page that has the style in its own.
func TestInlineDrawingsLeaveStyleToThePage(t *testing.T) {
	var out bytes.Buffer
	if err := Draw(&out, trees.NewRandom(t).Schedule(3), Options{Workers: 2, Inline: true}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "<style") || strings.Contains(out.String(), "style=") || !strings.HasPrefix(out.String(), `<svg class="dtt"`) {
		t.Errorf("%s", out.String())
	}
}
