package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"aergo/cmd/aergo/ui"
	"aergo/repo"
	"aergo/repo/diagram"
	"aergo/repo/shape"
	rowkey "aergo/repo/state/key"
	"aergo/testdata/trees"
)

// TestShiftsTakeTheMakespan compares the lanes with how long the tree says that it takes.
func TestShiftsTakeTheMakespan(t *testing.T) {
	d := newDesk(t)
	d.must("init")
	var lines strings.Builder
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 6000 {
		fmt.Fprintf(&lines, `{"op":"put","table":"t","key":"k%d","fields":{"n":%d},"force":true}`+"\n", rng.IntN(20_000), i)
	}
	if err := os.WriteFile(filepath.Join(d.folder, "ops.jsonl"), []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	d.must("apply", "ops.jsonl")
	d.must("commit", "-m", "ops")
	var s shape.Schedule
	if err := json.Unmarshal([]byte(d.must("dtt", "--json")), &s); err != nil {
		t.Fatal(err)
	}
	root := nodeOf(s.Root)
	if s.Leaves < 4 {
		t.Errorf("the tree has %d leaves", s.Leaves)
	}
	for workers, want := range s.Makespan {
		span := uint64(0)
		for _, sh := range diagram.Shifts(&root, workers) {
			span = max(span, sh.End)
		}
		if span != want {
			t.Errorf("%d workers take %d, want %d", workers, span, want)
		}
	}
}

func nodeOf(j shape.ScheduleNode) repo.ScheduleNode {
	n := repo.ScheduleNode{Kind: j.Kind, First: j.First, Count: j.Count, Cost: j.Cost, Span: j.Span}
	for _, c := range j.Children {
		n.Children = append(n.Children, nodeOf(c))
	}
	return n
}

// printed returns a tree in text, without colours.
func printed(t *testing.T, s repo.Schedule, width int, color bool) string {
	t.Helper()
	var out bytes.Buffer
	a := &app{ui: &ui.Streams{Out: &out, IsTerminal: width > 0, Width: width, Color: color}}
	if err := a.printSchedule(s); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestTreeFitsTheTerminal draws trees of any kind, whose rows have names of any kind.
func TestTreeFitsTheTerminal(t *testing.T) {
	g := trees.NewRandom(t)
	paint := regexp.MustCompile("\x1b\\[[0-9]*m")
	for range 50 {
		s := g.Schedule(g.Rand.IntN(6))
		for _, width := range []int{80, 140} {
			plain := printed(t, s, width, false)
			if n := strings.Count(plain, "\n"); n > 80 {
				t.Errorf("%d lines:\n%s", n, plain)
			}
			_, tables, _ := strings.Cut(plain, "\n\n")
			for line := range strings.Lines(tables) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width && len(s.Root.Children) > 0 {
					t.Errorf("%d columns: %s", n, line)
				}
			}
			if strings.ContainsAny(plain, "\x1b\u202e") {
				t.Errorf("what strangers wrote reaches the terminal: %q", plain)
			}
			if colored := printed(t, s, width, true); paint.ReplaceAllString(colored, "") != plain {
				t.Errorf("colours change the text:\n%s\n%s", colored, plain)
			}
		}
	}
}

// TestTreeInText is how a small tree looks.
func TestTreeInText(t *testing.T) {
	row := &repo.ScheduleRow{Table: "accounts", Key: []rowkey.Component{rowkey.Text("ada")}, Fields: []string{"balance"}}
	hot := func(n int) repo.HotRow { return repo.HotRow{ScheduleRow: row, Transactions: n} }
	s := repo.Schedule{
		Height: 3, Transactions: 100, Meeting: 60, Leaves: 4, Depth: 3, Cuts: 1, Work: 1000, CriticalPath: 400,
		Makespan: map[int]uint64{1: 1000, 2: 500, 4: 400, 8: 400, 16: 400}, Hot: []repo.HotRow{hot(60)},
		Root: repo.ScheduleNode{Kind: "parallel", Count: 100, Cost: 1000, Span: 400, Hot: []repo.HotRow{hot(60)}, Children: []repo.ScheduleNode{
			{Kind: "cut", Count: 60, Cost: 600, Span: 400, Hot: []repo.HotRow{hot(60)}, Claims: []*repo.ScheduleRow{row}, Children: []repo.ScheduleNode{
				trees.Leaf(0, 20, 200, hot(20)), trees.Leaf(20, 40, 400, hot(40)),
			}},
			trees.Leaf(60, 30, 300), trees.Leaf(90, 10, 100),
		}},
	}
	trees.MarkCritical(&s.Root)
	const want = `block          00000000, height 3
transactions   100, 60 of which meet others
tree           4 leaves, depth 3, 1 cut
work           1,000 units
critical path  400 units: at most 2.50 times as fast as one worker
speed-up       2.00 with 2, 2.50 with 4, 2.50 with 8, 2.50 with 16 workers

   MEET          AT ROW        FIELD
A    60  ██████  accounts/ada  balance

BRANCH                 LENGTH   COST                 MEET AT
3 side by side            100  1,000  █████░░░░░░░░  A 60
┡━ 2 at once, by cuts      60    600  █████░░░       A 60
│  ┠─ 0–19                 20    200  ██▋            A 20
│  ┗━ 20–59                40    400  █████▎         A 40; from A
├─ 60–89                   30    300  ███▉
└─ 90–99                   10    100  █▎

from A: begins at once, with row A as the tree claims that it will be
━ critical path   █ longest chain   ░ may run beside it
`
	if got := printed(t, s, 80, false); got != want {
		t.Errorf("it looks like this:\n%s", got)
	}
}

// TestSmallBlocksAreOneSentence checks what is said of a block of one leaf.
func TestSmallBlocksAreOneSentence(t *testing.T) {
	row := &repo.ScheduleRow{Table: "t", Key: []rowkey.Component{rowkey.Text("a")}, Fields: []string{"n"}}
	for want, s := range map[string]repo.Schedule{
		"It is alone: there is nothing to share.":                        {Transactions: 1},
		"One after another: too small to share.":                         {Transactions: 3},
		"One after another: all 3 meet at t/a (n).":                      {Transactions: 3, Hot: []repo.HotRow{{ScheduleRow: row, Transactions: 3}}},
		"One after another: too small to share. 2 of 3 meet at t/a (n).": {Transactions: 3, Hot: []repo.HotRow{{ScheduleRow: row, Transactions: 2}}},
		"One after another: all 3 meet at the columns of t.":             {Transactions: 3, Hot: []repo.HotRow{{ScheduleRow: &repo.ScheduleRow{Table: "t"}, Transactions: 3}}},
		"One after another: all 3 meet at the whole state.":              {Transactions: 3, Hot: []repo.HotRow{{ScheduleRow: &repo.ScheduleRow{}, Transactions: 3}}},
	} {
		s.Root = trees.Leaf(0, s.Transactions, 10)
		if got := printed(t, s, 80, false); !strings.HasSuffix(got, "\n\n"+want+"\n") {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
