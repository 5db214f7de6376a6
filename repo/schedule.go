package repo

import (
	"context"
	"fmt"

	"aergo/branch"
	"aergo/dtt"
	"aergo/repo/object"
	rowkey "aergo/repo/state/key"
)

// Schedule is a block's Deterministic Transaction Tree: in what order its transactions
// ran, and which could run side by side.
type Schedule struct {
	Block        object.Hash
	Height       uint64
	Transactions int
	Meeting      int // transactions that meet others: see HotRow
	Leaves       int
	Depth        int
	Cuts         int
	Work         uint64 // cost units of all transactions
	CriticalPath uint64 // cost units of the longest chain of transactions that wait for each other
	Makespan     map[int]uint64
	Hot          []HotRow // of the whole block, most transactions first
	Root         ScheduleNode
}

// Bound returns how many times as fast as one worker any number of workers can be.
func (s *Schedule) Bound() float64 { return float64(max(s.Work, 1)) / float64(max(s.CriticalPath, 1)) }

// ScheduleNode is a node of the tree.
type ScheduleNode struct {
	Kind     string // "leaf", "series", "parallel" or "cut"
	First    int    // position of its first transaction in the block
	Count    int
	Cost     uint64         // units
	Span     uint64         // units that any number of workers needs
	Critical bool           // on the critical path
	Hot      []HotRow       // most transactions first
	Claims   []*ScheduleRow // of a cut: the rows that its second half starts from
	Children []ScheduleNode
}

// ScheduleRow is a row, or more, at which transactions meet. Without a table it is the whole
// state, without a key the columns of the table.
type ScheduleRow struct {
	Table string
	Key   []rowkey.Component
	// Fields are the names of the fields that transactions meet at, ascending; none if it is
	// the row as a whole. Of many there are the first ones.
	Fields []string
}

// HotRow is a row at which transactions meet: one changes what another one touches, so that
// their order matters.
type HotRow struct {
	*ScheduleRow
	Transactions int
}

// scheduleHotRows is how many rows a node has.
const scheduleHotRows = 3

// Schedule returns the tree of the block that a revision names, with the costs that the
// block's receipts give.
func (r *Repo) Schedule(ctx context.Context, rev string) (Schedule, error) {
	b, err := r.Resolve(ctx, nonEmptyRev(rev))
	if err != nil {
		return Schedule{}, err
	}
	tree, err := r.led().Tree(ctx, b)
	if err != nil {
		return Schedule{}, err
	}
	data, err := object.Join(ctx, r.led().Objects, b.Receipts, object.MaxLargeBytes)
	if err != nil {
		return Schedule{}, err
	}
	receipts, err := object.DecodeReceipts(data)
	if err != nil {
		return Schedule{}, err
	}
	costs := make([]uint32, 0, tree.Len())
	for _, run := range receipts.Runs {
		if uint64(len(costs))+run.Count > uint64(tree.Len()) {
			return Schedule{}, fmt.Errorf("block %s: %w: more receipts than transactions", b.ID.Short(), object.ErrMalformed)
		}
		for range run.Count {
			costs = append(costs, uint32(min(max(run.Receipt.Cost, 1), 1<<31)))
		}
	}
	hot, err := r.led().Hot(ctx, b, tree, scheduleHotRows)
	if err != nil {
		return Schedule{}, err
	}
	p := surveyor{costs: costs, hot: hot, rows: scheduleRows(hot.Rows)}
	s := Schedule{
		Block: b.ID, Height: b.Height, Transactions: tree.Len(), Meeting: hot.Meeting, Leaves: tree.Leaves(), Depth: tree.Depth(),
		Cuts: tree.Cuts(), Work: tree.Work(costs), CriticalPath: tree.CriticalPath(costs), Makespan: map[int]uint64{},
		Root: p.node(tree.Root()),
	}
	s.Hot = s.Root.Hot
	s.Root.Hot = s.Hot[:min(len(s.Hot), scheduleHotRows)]
	s.Root.markCritical()
	for _, workers := range []int{1, 2, 4, 8, 16} {
		s.Makespan[workers] = tree.Makespan(costs, workers)
	}
	return s, nil
}

// scheduleRows says of rows what people call them.
func scheduleRows(rows []branch.HotRow) []ScheduleRow {
	out := make([]ScheduleRow, len(rows))
	for i, row := range rows {
		out[i].Fields = row.Fields
		// A key that is of no table is that of the whole state.
		if _, name, tuple, err := rowkey.Split(row.Key); err == nil {
			out[i].Table = name
			out[i].Key, _ = rowkey.Decode(tuple)
		}
	}
	return out
}

// surveyor makes the nodes of a schedule, in depth-first order.
type surveyor struct {
	costs []uint32
	hot   *branch.Hotness
	rows  []ScheduleRow
	count int // nodes so far
}

func (p *surveyor) node(n dtt.Node) ScheduleNode {
	out := ScheduleNode{Kind: n.Kind().String(), First: n.First(), Count: n.Len()}
	if p.count < len(p.hot.Counts) {
		for _, c := range p.hot.Counts[p.count] {
			out.Hot = append(out.Hot, HotRow{&p.rows[c.Row], c.Transactions})
		}
	}
	for _, row := range p.hot.Claims[p.count] {
		out.Claims = append(out.Claims, &p.rows[row])
	}
	p.count++
	for _, c := range p.costs[min(n.First(), len(p.costs)):min(n.First()+n.Len(), len(p.costs))] {
		out.Cost += uint64(c)
	}
	for child := range n.Children() {
		c := p.node(child)
		if n.Kind() == dtt.Series {
			out.Span += c.Span
		} else {
			out.Span = max(out.Span, c.Span)
		}
		out.Children = append(out.Children, c)
	}
	if n.Kind() == dtt.Leaf {
		out.Span = out.Cost
	}
	return out
}

// markCritical marks the longest way through a tree, the first one of several.
func (n *ScheduleNode) markCritical() {
	n.Critical = true
	for i := range n.Children {
		c := &n.Children[i]
		if n.Kind == dtt.Series.String() {
			c.markCritical()
		} else if c.Span == n.Span {
			c.markCritical()
			return
		}
	}
}
