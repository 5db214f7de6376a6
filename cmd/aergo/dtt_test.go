package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"aergo/cmd/aergo/ui"
	"aergo/repo"
	rowkey "aergo/repo/state/key"
)

// randomTree makes schedules of any shape, with rows of any name.
type randomTree struct {
	rng   *rand.Rand
	rows  []*repo.ScheduleRow
	count int
}

func newRandomTree(t *testing.T) *randomTree {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := &randomTree{rng: rand.New(rand.NewPCG(seed, 1)), rows: []*repo.ScheduleRow{{}, {Table: "people"}}}
	for _, k := range []string{"ada", strings.Repeat("x", 90), "<b>\"&'\x1b[31m\u202e", "名前がとても長い行"} {
		g.rows = append(g.rows, &repo.ScheduleRow{
			Table: "people", Key: []rowkey.Component{rowkey.Text(k), rowkey.Int(7)}, Fields: []string{"n", "<i>"}[:g.rng.IntN(3)],
		})
	}
	return g
}

func (g *randomTree) node(depth int) repo.ScheduleNode {
	n := repo.ScheduleNode{Kind: "leaf", First: g.count}
	if depth == 0 || g.rng.IntN(4) == 0 {
		n.Count = 1 + g.rng.IntN(90)
		n.Cost = uint64(n.Count) * uint64(1+g.rng.IntN(9))
		n.Span = n.Cost
		g.count += n.Count
	} else {
		n.Kind = []string{"series", "parallel", "cut"}[g.rng.IntN(3)]
		children := 2
		if n.Kind == "cut" {
			n.Claims = g.rows[g.rng.IntN(3):]
		} else {
			children += g.rng.IntN(12)
		}
		for range children {
			c := g.node(depth - 1)
			n.Count, n.Cost = n.Count+c.Count, n.Cost+c.Cost
			if n.Kind == "series" {
				n.Span += c.Span
			} else {
				n.Span = max(n.Span, c.Span)
			}
			n.Children = append(n.Children, c)
		}
	}
	for _, i := range g.rng.Perm(len(g.rows))[:g.rng.IntN(3)] {
		n.Hot = append(n.Hot, repo.HotRow{ScheduleRow: g.rows[i], Transactions: 1 + g.rng.IntN(n.Count)})
	}
	return n
}

func markCritical(n *repo.ScheduleNode) {
	n.Critical = true
	for i := range n.Children {
		if c := &n.Children[i]; n.Kind == "series" || c.Span == n.Span {
			markCritical(c)
			if n.Kind != "series" {
				return
			}
		}
	}
}

func (g *randomTree) schedule(depth int) repo.Schedule {
	g.count = 0
	s := repo.Schedule{Height: 7, Makespan: map[int]uint64{}, Root: g.node(depth)}
	markCritical(&s.Root)
	s.Transactions, s.Work, s.CriticalPath = s.Root.Count, s.Root.Cost, s.Root.Span
	s.Hot, s.Meeting, s.Leaves = s.Root.Hot, s.Root.Count/2, 1
	for _, row := range g.rows {
		if !slices.ContainsFunc(s.Hot, func(h repo.HotRow) bool { return h.ScheduleRow == row }) {
			s.Hot = append(s.Hot, repo.HotRow{ScheduleRow: row, Transactions: 1})
		}
	}
	return s
}

// TestShiftsKeepTheTree checks what the lanes show: each leaf once, no worker twice at a time,
// nothing before what it waits for, and no worker idle while a leaf is ready.
func TestShiftsKeepTheTree(t *testing.T) {
	g := newRandomTree(t)
	for range 50 {
		s := g.schedule(1 + g.rng.IntN(4))
		workers := 1 + g.rng.IntN(9)
		shifts := shiftsOf(&s.Root, workers)
		times := map[*repo.ScheduleNode]shift{}
		free := make([]uint64, workers)
		work := uint64(0)
		for _, sh := range shifts {
			if sh.start < free[sh.worker] || sh.end-sh.start != sh.leaf.Cost {
				t.Errorf("a leaf runs from %d to %d on a worker that is free at %d", sh.start, sh.end, free[sh.worker])
			}
			free[sh.worker] = sh.end
			times[sh.leaf] = sh
			work += sh.leaf.Cost
		}
		var walk func(n *repo.ScheduleNode) (from, to uint64)
		walk = func(n *repo.ScheduleNode) (from, to uint64) {
			if len(n.Children) == 0 {
				sh, ran := times[n]
				if !ran {
					t.Error("a leaf does not run")
				}
				return sh.start, sh.end
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
	var s scheduleJSON
	if err := json.Unmarshal([]byte(d.must("dtt", "--json")), &s); err != nil {
		t.Fatal(err)
	}
	root := nodeOf(s.Root)
	if s.Leaves < 4 {
		t.Errorf("the tree has %d leaves", s.Leaves)
	}
	for workers, want := range s.Makespan {
		span := uint64(0)
		for _, sh := range shiftsOf(&root, workers) {
			span = max(span, sh.end)
		}
		if span != want {
			t.Errorf("%d workers take %d, want %d", workers, span, want)
		}
	}
}

func nodeOf(j scheduleNodeJSON) repo.ScheduleNode {
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
	g := newRandomTree(t)
	paint := regexp.MustCompile("\x1b\\[[0-9]*m")
	for range 50 {
		s := g.schedule(g.rng.IntN(6))
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

// TestTreeCountsWhatItFolds adds up the branches of the root that are drawn and those that are
// only counted.
func TestTreeCountsWhatItFolds(t *testing.T) {
	g := newRandomTree(t)
	for range 50 {
		s := g.schedule(3)
		v := newTreeView(s)
		sum := uint64(0)
		for _, l := range v.lines[1:] {
			if utf8.RuneCountInString(l.prefix) == 3 {
				sum += l.count
			}
		}
		if len(s.Root.Children) > 0 && sum != uint64(s.Transactions) {
			t.Errorf("%d transactions in the branches of %d:\n%s", sum, s.Transactions, printed(t, s, 0, false))
		}
	}
}

func leafOf(first, count int, cost uint64, hot ...repo.HotRow) repo.ScheduleNode {
	return repo.ScheduleNode{Kind: "leaf", First: first, Count: count, Cost: cost, Span: cost, Hot: hot}
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
				leafOf(0, 20, 200, hot(20)), leafOf(20, 40, 400, hot(40)),
			}},
			leafOf(60, 30, 300), leafOf(90, 10, 100),
		}},
	}
	markCritical(&s.Root)
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
		s.Root = leafOf(0, s.Transactions, 10)
		if got := printed(t, s, 80, false); !strings.HasSuffix(got, "\n\n"+want+"\n") {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// drawn returns the drawing of a schedule, which must be sound XML.
func drawn(t *testing.T, s repo.Schedule, workers int) string {
	t.Helper()
	var out bytes.Buffer
	if err := drawSchedule(&out, s, workers); err != nil {
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
	g := newRandomTree(t)
	drawn(t, repo.Schedule{}, 8)
	for range 30 {
		s := g.schedule(g.rng.IntN(5))
		out := drawn(t, s, 1+g.rng.IntN(svgWorkersMax))
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
		s.Root.Children = append(s.Root.Children, leafOf(i, 1, 1))
	}
	markCritical(&s.Root)
	if out := drawn(t, s, 4); len(out) > 2_000_000 {
		t.Errorf("%d bytes", len(out))
	}
}
