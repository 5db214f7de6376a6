// Package trees makes schedules of any shape, with rows of any name, to test what draws and
// prints them. It is for tests alone.
package trees

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"aergo/repo"
	rowkey "aergo/repo/state/key"
)

// Random makes schedules of any shape, with rows of any name.
type Random struct {
	Rand  *rand.Rand // for what else is random in the test
	rows  []*repo.ScheduleRow
	count int
}

// NewRandom begins from a seed that it logs.
func NewRandom(t *testing.T) *Random {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := &Random{Rand: rand.New(rand.NewPCG(seed, 1)), rows: []*repo.ScheduleRow{{}, {Table: "people"}}}
	for _, k := range []string{"ada", strings.Repeat("x", 90), "<b>\"&'\x1b[31m\u202e", "名前がとても長い行"} {
		g.rows = append(g.rows, &repo.ScheduleRow{
			Table: "people", Key: []rowkey.Component{rowkey.Text(k), rowkey.Int(7)}, Fields: []string{"n", "<i>"}[:g.Rand.IntN(3)],
		})
	}
	return g
}

func (g *Random) node(depth int) repo.ScheduleNode {
	n := repo.ScheduleNode{Kind: "leaf", First: g.count}
	if depth == 0 || g.Rand.IntN(4) == 0 {
		n.Count = 1 + g.Rand.IntN(90)
		n.Cost = uint64(n.Count) * uint64(1+g.Rand.IntN(9))
		n.Span = n.Cost
		g.count += n.Count
	} else {
		n.Kind = []string{"series", "parallel", "cut"}[g.Rand.IntN(3)]
		children := 2
		if n.Kind == "cut" {
			n.Claims = g.rows[g.Rand.IntN(3):]
		} else {
			children += g.Rand.IntN(12)
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
	for _, i := range g.Rand.Perm(len(g.rows))[:g.Rand.IntN(3)] {
		n.Hot = append(n.Hot, repo.HotRow{ScheduleRow: g.rows[i], Transactions: 1 + g.Rand.IntN(n.Count)})
	}
	return n
}

// MarkCritical marks the first longest way through a tree, as repo.Schedule does.
func MarkCritical(n *repo.ScheduleNode) {
	n.Critical = true
	for i := range n.Children {
		if c := &n.Children[i]; n.Kind == "series" || c.Span == n.Span {
			MarkCritical(c)
			if n.Kind != "series" {
				return
			}
		}
	}
}

// Schedule returns a schedule whose tree is at most so deep.
func (g *Random) Schedule(depth int) repo.Schedule {
	g.count = 0
	s := repo.Schedule{Height: 7, Makespan: map[int]uint64{}, Root: g.node(depth)}
	MarkCritical(&s.Root)
	s.Transactions, s.Work, s.CriticalPath = s.Root.Count, s.Root.Cost, s.Root.Span
	s.Hot, s.Meeting, s.Leaves = s.Root.Hot, s.Root.Count/2, 1
	for _, row := range g.rows {
		if !slices.ContainsFunc(s.Hot, func(h repo.HotRow) bool { return h.ScheduleRow == row }) {
			s.Hot = append(s.Hot, repo.HotRow{ScheduleRow: row, Transactions: 1})
		}
	}
	return s
}

// Leaf returns a leaf of the tree.
func Leaf(first, count int, cost uint64, hot ...repo.HotRow) repo.ScheduleNode {
	return repo.ScheduleNode{Kind: "leaf", First: first, Count: count, Cost: cost, Span: cost, Hot: hot}
}
