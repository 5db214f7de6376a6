package main

import (
	"context"
	"fmt"
	"io"
	"strings"

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
	Leaves       int              `json:"leaves"`
	Depth        int              `json:"depth"`
	Work         uint64           `json:"work"`
	CriticalPath uint64           `json:"critical_path"`
	Makespan     map[int]uint64   `json:"makespan"` // by number of workers
	Root         scheduleNodeJSON `json:"root"`
}

type scheduleNodeJSON struct {
	Kind     string             `json:"kind"`
	First    int                `json:"first"`
	Count    int                `json:"count"`
	Cost     uint64             `json:"cost"`
	Children []scheduleNodeJSON `json:"children,omitempty"`
}

func scheduleNodeShape(n repo.ScheduleNode) scheduleNodeJSON {
	out := scheduleNodeJSON{Kind: n.Kind, First: n.First, Count: n.Count, Cost: n.Cost}
	for _, c := range n.Children {
		out.Children = append(out.Children, scheduleNodeShape(c))
	}
	return out
}

func newDTT(a *app) *cobra.Command {
	var svg string
	c := &cobra.Command{
		Use:   "dtt [REV]",
		Short: "Show in what order a block's transactions run, and which side by side",
		Long: `Show a block's Deterministic Transaction Tree: which transactions run one after the other and
which may run side by side, with the same result for any number of workers. Costs are
units that every machine counts alike. --svg draws time from left to right.`,
		Example:           "  aergo dtt\n  aergo dtt master~1 --svg tree.svg",
		Args:              wants(0, 1),
		ValidArgsFunction: a.complete(revisionNames),
		RunE: func(c *cobra.Command, args []string) error {
			rev := ""
			if len(args) == 1 {
				rev = args[0]
			}
			return a.dtt(c.Context(), rev, svg)
		},
	}
	c.Flags().StringVar(&svg, "svg", "", "draw the tree into `FILE`")
	return c
}

func (a *app) dtt(ctx context.Context, rev, svg string) error {
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
			if err := writeFile(path, func(w io.Writer) error { return drawSchedule(w, s) }); err != nil {
				return err
			}
		}
		if a.ui.JSON {
			return a.ui.PrintJSON(scheduleJSON{
				s.Block, s.Height, s.Transactions, s.Leaves, s.Depth, s.Work, s.CriticalPath, s.Makespan, scheduleNodeShape(s.Root),
			})
		}
		if err := a.printSchedule(s); err != nil || svg == "" {
			return err
		}
		return a.ui.Printf("Drew it into %s\n", ui.Clean(svg))
	})
}

func (a *app) printSchedule(s repo.Schedule) error {
	t := a.ui.Table(ui.Column{}, ui.Column{})
	t.Row("block", s.Block.Short()+", height "+number(s.Height))
	t.Row("transactions", number(uint64(s.Transactions)))
	t.Row("tree", fmt.Sprintf("%s, depth %d", count(uint64(s.Leaves), "leaf", "leaves"), s.Depth))
	t.Row("work", count(s.Work, "unit", ""))
	t.Row("longest chain", count(s.CriticalPath, "unit", ""))
	for _, workers := range []int{2, 4, 8, 16} {
		if span := s.Makespan[workers]; span > 0 {
			t.Row(fmt.Sprintf("%d workers", workers), fmt.Sprintf("%.2f times as fast as one", float64(s.Work)/float64(span)))
		}
	}
	if err := t.Close(); err != nil || s.Transactions == 0 {
		return err
	}
	var b strings.Builder
	writeNode(&b, s.Root, "", 0)
	return a.ui.Printf("\n%s", b.String())
}

// Limits of the tree in text: what is beyond them is counted.
const (
	treeDepth    = 6
	treeChildren = 8
)

func writeNode(b *strings.Builder, n repo.ScheduleNode, indent string, depth int) {
	fmt.Fprintf(b, "%s%s  %s from %s  %s\n", indent, n.Kind, transactions(uint64(n.Count)), number(uint64(n.First)), count(n.Cost, "unit", ""))
	indent += "  "
	for i, c := range n.Children {
		if i == treeChildren || depth == treeDepth {
			fmt.Fprintf(b, "%sand %s more\n", indent, number(uint64(len(n.Children)-i)))
			return
		}
		writeNode(b, c, indent, depth+1)
	}
}
