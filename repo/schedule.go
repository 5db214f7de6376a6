package repo

import (
	"context"
	"fmt"

	"aergo/dtt"
	"aergo/repo/object"
)

// Schedule is a block's Deterministic Transaction Tree: in what order its transactions
// ran, and which could run side by side.
type Schedule struct {
	Block        object.Hash
	Height       uint64
	Transactions int
	Leaves       int
	Depth        int
	Work         uint64 // cost units of all transactions
	CriticalPath uint64 // cost units of the longest chain of transactions that wait for each other
	Makespan     map[int]uint64
	Root         ScheduleNode
}

// ScheduleNode is a node of the tree.
type ScheduleNode struct {
	Kind     string // "leaf", "series" or "parallel"
	First    int    // position of its first transaction in the block
	Count    int
	Cost     uint64 // units
	Children []ScheduleNode
}

// Schedule returns the tree of the block that a revision names, with the costs that the
// block's receipts give.
func (r *Repo) Schedule(ctx context.Context, rev string) (Schedule, error) {
	b, err := r.Resolve(ctx, nonEmptyRev(rev))
	if err != nil {
		return Schedule{}, err
	}
	tree, err := r.led.Tree(ctx, b)
	if err != nil {
		return Schedule{}, err
	}
	data, err := object.Join(ctx, r.led.Objects, b.Receipts, object.MaxLargeBytes)
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
	s := Schedule{
		Block: b.ID, Height: b.Height, Transactions: tree.Len(), Leaves: tree.Leaves(), Depth: tree.Depth(),
		Work: tree.Work(costs), CriticalPath: tree.CriticalPath(costs), Makespan: map[int]uint64{},
		Root: scheduleNode(tree.Root(), costs),
	}
	for _, workers := range []int{1, 2, 4, 8, 16} {
		s.Makespan[workers] = tree.Makespan(costs, workers)
	}
	return s, nil
}

func scheduleNode(n dtt.Node, costs []uint32) ScheduleNode {
	out := ScheduleNode{Kind: n.Kind().String(), First: n.First(), Count: n.Len()}
	for _, c := range costs[min(n.First(), len(costs)):min(n.First()+n.Len(), len(costs))] {
		out.Cost += uint64(c)
	}
	for child := range n.Children() {
		out.Children = append(out.Children, scheduleNode(child, costs))
	}
	return out
}
