package main

import (
	"context"
	"encoding/json"
	"io"
	"math"

	"github.com/spf13/cobra"

	"aergo/cmd/aergo/ui"
	"aergo/repo"
	"aergo/repo/object"
)

// scheduleJSON is a block's Deterministic Transaction Tree.
type scheduleJSON struct {
	Block        object.Hash      `json:"block"`
	Height       uint64           `json:"height"`
	Transactions int              `json:"transactions"`
	Meeting      int              `json:"meeting"`
	Leaves       int              `json:"leaves"`
	Depth        int              `json:"depth"`
	Cuts         int              `json:"cuts"`
	Work         uint64           `json:"work"`
	CriticalPath uint64           `json:"critical_path"`
	Bound        float64          `json:"bound"`
	Makespan     map[int]uint64   `json:"makespan"` // by number of workers
	Hot          []hotRowJSON     `json:"hot"`
	Root         scheduleNodeJSON `json:"root"`
}

type scheduleNodeJSON struct {
	Kind     string             `json:"kind"`
	First    int                `json:"first"`
	Count    int                `json:"count"`
	Cost     uint64             `json:"cost"`
	Span     uint64             `json:"span"`
	Critical bool               `json:"critical"`
	Hot      []hotRowJSON       `json:"hot"`
	Claims   []claimedRowJSON   `json:"claims,omitempty"`
	Children []scheduleNodeJSON `json:"children,omitempty"`
}

// hotRowJSON is a row at which transactions meet.
type hotRowJSON struct {
	Table        string          `json:"table"`
	Key          json.RawMessage `json:"key"`
	Fields       []string        `json:"fields"`
	Transactions int             `json:"transactions"`
}

// claimedRowJSON is a row that a cut claims.
type claimedRowJSON struct {
	Table string          `json:"table"`
	Key   json.RawMessage `json:"key"`
}

func scheduleShape(s repo.Schedule) scheduleJSON {
	return scheduleJSON{
		Block: s.Block, Height: s.Height, Transactions: s.Transactions, Meeting: s.Meeting, Leaves: s.Leaves, Depth: s.Depth,
		Cuts: s.Cuts, Work: s.Work, CriticalPath: s.CriticalPath, Bound: math.Round(s.Bound()*1000) / 1000, Makespan: s.Makespan,
		Hot: hotShapes(s.Hot), Root: scheduleNodeShape(s.Root),
	}
}

func scheduleNodeShape(n repo.ScheduleNode) scheduleNodeJSON {
	out := scheduleNodeJSON{
		Kind: n.Kind, First: n.First, Count: n.Count, Cost: n.Cost, Span: n.Span, Critical: n.Critical, Hot: hotShapes(n.Hot),
	}
	for _, row := range n.Claims {
		out.Claims = append(out.Claims, claimedRowJSON{row.Table, keyShape(row.Key)})
	}
	for _, c := range n.Children {
		out.Children = append(out.Children, scheduleNodeShape(c))
	}
	return out
}

func hotShapes(rows []repo.HotRow) []hotRowJSON {
	out := make([]hotRowJSON, 0, len(rows))
	for _, row := range rows {
		fields := row.Fields
		if fields == nil {
			fields = []string{}
		}
		out = append(out, hotRowJSON{row.Table, keyShape(row.Key), fields, row.Transactions})
	}
	return out
}

func newDTT(a *app) *cobra.Command {
	var svg string
	var workers int
	c := &cobra.Command{
		Use:   "dtt [REV]",
		Short: "Show in what order a block's transactions run, and which side by side",
		Long: `Show a block's Deterministic Transaction Tree: which transactions run one after the other and
which may run side by side, with the same result for any number of workers. Costs are
units that every machine counts alike. Two transactions meet at a row if one changes what
the other touches, so that their order matters; a cut claims what a row will be, so that
what waits for the row begins at once. --svg draws time from left to right, one lane for
each worker.`,
		Example:           "  aergo dtt\n  aergo dtt master~1 --svg tree.svg --workers 4",
		Args:              wants(0, 1),
		ValidArgsFunction: a.complete(revisionNames),
		RunE: func(c *cobra.Command, args []string) error {
			rev := ""
			if len(args) == 1 {
				rev = args[0]
			}
			if workers < 1 || workers > svgWorkersMax {
				return usagef("", "--workers: %d is not from 1 to %d", workers, svgWorkersMax)
			}
			return a.dtt(c.Context(), rev, svg, workers)
		},
	}
	c.Flags().StringVar(&svg, "svg", "", "draw the tree into `FILE`")
	c.Flags().IntVar(&workers, "workers", 8, "draw how `N` workers run it")
	return c
}

func (a *app) dtt(ctx context.Context, rev, svg string, workers int) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		s, err := r.Schedule(ctx, rev)
		if err != nil {
			return err
		}
		if svg != "" {
			path, err := a.path(svg)
			if err != nil {
				return err
			}
			if err := writeFile(path, func(w io.Writer) error { return drawSchedule(w, s, workers) }); err != nil {
				return err
			}
		}
		if a.ui.JSON {
			return a.ui.PrintJSON(scheduleShape(s))
		}
		if err := a.printSchedule(s); err != nil || svg == "" {
			return err
		}
		return a.ui.Printf("Drew it into %s\n", ui.Clean(svg))
	})
}
