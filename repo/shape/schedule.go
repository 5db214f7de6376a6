package shape

import (
	"encoding/json"
	"math"

	"aergo/repo"
	"aergo/repo/object"
)

// Schedule is a block's Deterministic Transaction Tree.
type Schedule struct {
	Block        object.Hash    `json:"block"`
	Height       uint64         `json:"height"`
	Transactions int            `json:"transactions"`
	Meeting      int            `json:"meeting"`
	Leaves       int            `json:"leaves"`
	Depth        int            `json:"depth"`
	Cuts         int            `json:"cuts"`
	Work         uint64         `json:"work"`
	CriticalPath uint64         `json:"critical_path"`
	Bound        float64        `json:"bound"`
	Makespan     map[int]uint64 `json:"makespan"` // by number of workers
	Hot          []HotRow       `json:"hot"`
	Root         ScheduleNode   `json:"root"`
}

// ScheduleNode is a node of a block's tree.
type ScheduleNode struct {
	Kind     string         `json:"kind"`
	First    int            `json:"first"`
	Count    int            `json:"count"`
	Cost     uint64         `json:"cost"`
	Span     uint64         `json:"span"`
	Critical bool           `json:"critical"`
	Hot      []HotRow       `json:"hot"`
	Claims   []ClaimedRow   `json:"claims,omitempty"`
	Children []ScheduleNode `json:"children,omitempty"`
}

// HotRow is a row at which transactions meet.
type HotRow struct {
	Table        string          `json:"table"`
	Key          json.RawMessage `json:"key"`
	Fields       []string        `json:"fields"`
	Transactions int             `json:"transactions"`
}

// ClaimedRow is a row that a cut claims.
type ClaimedRow struct {
	Table string          `json:"table"`
	Key   json.RawMessage `json:"key"`
}

// OfSchedule is the shape of a block's tree.
func OfSchedule(s repo.Schedule) Schedule {
	return Schedule{
		Block: s.Block, Height: s.Height, Transactions: s.Transactions, Meeting: s.Meeting, Leaves: s.Leaves, Depth: s.Depth,
		Cuts: s.Cuts, Work: s.Work, CriticalPath: s.CriticalPath, Bound: math.Round(s.Bound()*1000) / 1000, Makespan: s.Makespan,
		Hot: ofHotRows(s.Hot), Root: ofScheduleNode(s.Root),
	}
}

func ofScheduleNode(n repo.ScheduleNode) ScheduleNode {
	out := ScheduleNode{
		Kind: n.Kind, First: n.First, Count: n.Count, Cost: n.Cost, Span: n.Span, Critical: n.Critical, Hot: ofHotRows(n.Hot),
	}
	for _, row := range n.Claims {
		out.Claims = append(out.Claims, ClaimedRow{row.Table, Key(row.Key)})
	}
	for _, c := range n.Children {
		out.Children = append(out.Children, ofScheduleNode(c))
	}
	return out
}

func ofHotRows(rows []repo.HotRow) []HotRow {
	out := make([]HotRow, 0, len(rows))
	for _, row := range rows {
		fields := row.Fields
		if fields == nil {
			fields = []string{}
		}
		out = append(out, HotRow{row.Table, Key(row.Key), fields, row.Transactions})
	}
	return out
}
