package repo

import (
	"fmt"
	"strings"
	"testing"

	"aergo/contract/table/format"
	"aergo/repo/store/faultfs"
)

// checkScheduleNode checks that a node is what its children make it, and returns the cost of
// the leaves on the critical path.
func checkScheduleNode(t *testing.T, n *ScheduleNode) uint64 {
	t.Helper()
	if len(n.Children) == 0 {
		if n.Span != n.Cost {
			t.Errorf("a leaf of %d units takes %d", n.Cost, n.Span)
		}
		if n.Critical {
			return n.Cost
		}
		return 0
	}
	critical, count := uint64(0), 0
	cost, sum, longest, marked := uint64(0), uint64(0), uint64(0), 0
	for i := range n.Children {
		c := &n.Children[i]
		critical += checkScheduleNode(t, c)
		count, cost, sum, longest = count+c.Count, cost+c.Cost, sum+c.Span, max(longest, c.Span)
		if c.Critical {
			marked++
		}
	}
	want, wantMarked := longest, 1
	if n.Kind == "series" {
		want, wantMarked = sum, len(n.Children)
	}
	if !n.Critical {
		wantMarked = 0
	}
	if n.Span != want || n.Cost != cost || n.Count != count || marked != wantMarked {
		t.Errorf("%s of %d transactions: span %d, cost %d, %d critical, want %d, %d, %d", n.Kind, n.Count, n.Span, n.Cost, marked, want, cost, wantMarked)
	}
	if (len(n.Claims) > 0) != (n.Kind == "cut") {
		t.Errorf("a %s claims %d rows", n.Kind, len(n.Claims))
	}
	return critical
}

// cutsOf counts the cuts in a tree.
func cutsOf(n *ScheduleNode) int {
	cuts := 0
	if n.Kind == "cut" {
		cuts++
	}
	for i := range n.Children {
		cuts += cutsOf(&n.Children[i])
	}
	return cuts
}

// TestScheduleSaysWhereTransactionsMeet makes a block of which every second transaction changes
// the same field, and the others rows of their own.
func TestScheduleSaysWhereTransactionsMeet(t *testing.T) {
	r := initAt(t, faultfs.New())
	var ops []string
	for i := range 4000 {
		k := fmt.Sprintf("k%d", i)
		if i%2 == 0 {
			k = "hot"
		}
		ops = append(ops, fmt.Sprintf(`{"op":"put","table":"t","key":%q,"fields":{"n":%d},"force":true}`, k, i))
	}
	apply(t, r, ops...)
	commit(t, r, "hot")
	s, err := r.Schedule(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if s.Meeting != 2000 || len(s.Hot) != 1 || s.Hot[0].Transactions != 2000 || s.Hot[0].Table != "t" ||
		format.FormatKey(s.Hot[0].Key) != "hot" || fmt.Sprint(s.Hot[0].Fields) != "[n]" {
		t.Errorf("%d meet, hot %+v", s.Meeting, s.Hot)
	}
	if critical := checkScheduleNode(t, &s.Root); critical != s.CriticalPath || s.Root.Span != s.CriticalPath {
		t.Errorf("the critical path is marked as %d units, is %d", critical, s.CriticalPath)
	}
	if s.Cuts == 0 || cutsOf(&s.Root) != s.Cuts || s.Bound() <= 2 {
		t.Errorf("%d cuts, %d in the tree, bound %v", s.Cuts, cutsOf(&s.Root), s.Bound())
	}
}

// Adding to one number commutes: nobody meets, however many add. Adding to a list does, too,
// unless so many add that the row might become too long.
func TestScheduleOfSums(t *testing.T) {
	r := initAt(t, faultfs.New())
	apply(t, r, `{"op":"insert","table":"t","key":"a","fields":{"n":0}}`)
	commit(t, r, "row")
	for _, test := range []struct {
		op         string
		n, meeting int
	}{
		{`{"op":"incr","table":"t","key":"a","fields":{"n":1}}`, 3000, 0},
		{`{"op":"append","table":"t","key":"a","fields":{"tags":"tag %d"}}`, 300, 0},
		{`{"op":"append","table":"t","key":"a","fields":{"tags":"tag %d"}}`, 2000, 2000},
	} {
		n, meeting := test.n, test.meeting
		var ops []string
		for i := range n {
			ops = append(ops, strings.ReplaceAll(test.op, "%d", fmt.Sprint(n+i)))
		}
		apply(t, r, ops...)
		commit(t, r, "sums")
		s, err := r.Schedule(t.Context(), "")
		if err != nil || s.Meeting != meeting || (s.Leaves == 1) != (meeting > 0) || len(s.Hot) != min(meeting, 1) {
			t.Errorf("%d of %d meet in %d leaves, %v", s.Meeting, n, s.Leaves, err)
		}
		checkScheduleNode(t, &s.Root)
	}
	empty, err := r.Schedule(t.Context(), "HEAD~4")
	if err != nil || empty.Transactions != 0 || empty.Bound() != 1 {
		t.Errorf("of the root: %+v, %v", empty, err)
	}
}
