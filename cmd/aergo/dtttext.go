package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"aergo/cmd/aergo/ui"
	"aergo/repo"
	"aergo/repo/diagram"
)

func (a *app) printSchedule(s repo.Schedule) error {
	if err := a.printFigures(s); err != nil || s.Transactions == 0 {
		return err
	}
	if len(s.Root.Children) == 0 {
		return a.ui.Printf("\n%s\n", oneLeaf(s))
	}
	v := diagram.NewView(s)
	if err := a.printHot(s, v); err != nil {
		return err
	}
	return a.printTree(s, v)
}

// printFigures says what a tree is good for.
func (a *app) printFigures(s repo.Schedule) error {
	t := a.ui.Table(ui.Column{}, ui.Column{})
	t.Row("block", s.Block.Short()+", height "+number(s.Height))
	meeting := ""
	if s.Meeting > 0 {
		meeting = ", " + number(uint64(s.Meeting)) + " of which meet others"
	}
	t.Row("transactions", number(uint64(s.Transactions))+meeting)
	if s.Transactions == 0 {
		return t.Close()
	}
	if len(s.Root.Children) == 0 {
		t.Row("work", count(s.Work, "unit", ""))
		return t.Close()
	}
	cuts := ""
	if s.Cuts > 0 {
		cuts = ", " + count(uint64(s.Cuts), "cut", "")
	}
	t.Row("tree", fmt.Sprintf("%s, depth %d%s", count(uint64(s.Leaves), "leaf", "leaves"), s.Depth, cuts))
	t.Row("work", count(s.Work, "unit", ""))
	t.Row("critical path", fmt.Sprintf("%s: at most %.2f times as fast as one worker", count(s.CriticalPath, "unit", ""), s.Bound()))
	var list []string
	for _, workers := range []int{2, 4, 8, 16} {
		list = append(list, fmt.Sprintf("%.2f with %d", float64(s.Work)/float64(max(s.Makespan[workers], 1)), workers))
	}
	t.Row("speed-up", strings.Join(list, ", ")+" workers")
	return t.Close()
}

// oneLeaf says why a block is not shared.
func oneLeaf(s repo.Schedule) string {
	switch {
	case s.Transactions == 1:
		return "It is alone: there is nothing to share."
	case len(s.Hot) > 0 && s.Hot[0].Transactions == s.Transactions:
		return fmt.Sprintf("One after another: all %s meet at %s.", number(uint64(s.Transactions)), ui.Clean(diagram.HotName(s.Hot[0].ScheduleRow)))
	case len(s.Hot) > 0:
		return fmt.Sprintf("One after another: too small to share. %s of %s meet at %s.",
			number(uint64(s.Hot[0].Transactions)), number(uint64(s.Transactions)), ui.Clean(diagram.HotName(s.Hot[0].ScheduleRow)))
	}
	return "One after another: too small to share."
}

// hotBarWidth is of the bars in the list of hot rows, in columns.
const hotBarWidth = 10

// printHot lists the rows that have letters.
func (a *app) printHot(s repo.Schedule, v *diagram.View) error {
	if len(s.Hot) == 0 {
		return a.ui.Printf("\nNo two of them meet: any order gives the same.\n")
	}
	if len(v.Hot) == 0 {
		return a.ui.Printf("\nNo row stands out: at most %s meet at one.\n", transactions(uint64(s.Hot[0].Transactions)))
	}
	return a.painted(func(to *ui.Streams) error {
		t := to.Table(ui.Column{}, ui.Column{Title: "MEET", Right: true}, ui.Column{}, ui.Column{Title: "AT ROW"}, ui.Column{Title: "FIELD"})
		nameOf := diagram.RowName
		if slices.ContainsFunc(v.Hot, func(row repo.HotRow) bool {
			return a.ui.IsTerminal && a.ui.Width > 0 && len(diagram.RowName(row.ScheduleRow)) > a.ui.Width/2
		}) {
			nameOf = diagram.ShortRowName
		}
		for _, row := range v.Hot {
			share := uint64(row.Transactions)
			t.Row(v.Letters[row.ScheduleRow], number(share), bar(share, share, uint64(s.Transactions), hotBarWidth),
				nameOf(row.ScheduleRow), strings.Join(row.Fields, ", "))
		}
		return t.Close()
	})
}

// printTree draws the tree.
func (a *app) printTree(s repo.Schedule, v *diagram.View) error {
	width := 24
	if a.ui.IsTerminal && a.ui.Width > 0 {
		width = min(max(a.ui.Width/6, 8), width)
	}
	err := a.painted(func(to *ui.Streams) error {
		t := to.Table(ui.Column{Title: "BRANCH"}, ui.Column{Title: "LENGTH", Right: true}, ui.Column{Title: "COST", Right: true}, ui.Column{}, ui.Column{Title: "MEET AT"})
		for i := range v.Lines {
			l := &v.Lines[i]
			t.Row(l.Prefix+l.Label, number(l.Count), number(l.Cost), bar(l.Span, l.Cost, s.Work, width), l.Note)
		}
		return t.Close()
	})
	if err != nil {
		return err
	}
	return a.painted(func(to *ui.Streams) error {
		if s.Cuts > 0 {
			if err := to.Printf("from A: begins at once, with row A as the tree claims that it will be\n"); err != nil {
				return err
			}
		}
		return to.Printf("━ critical path   █ longest chain   ░ may run beside it\n")
	})
}

// bar draws a cost in proportion to the whole: its longest chain, and the rest.
func bar(span, cost, whole uint64, width int) string {
	eighths := func(part uint64) int {
		return int((float64(part)*float64(8*width))/float64(max(whole, 1)) + 0.5)
	}
	if span == cost {
		full, rest := eighths(cost)/8, eighths(cost)%8
		if full == 0 && rest == 0 && cost > 0 {
			rest = 1
		}
		return strings.Repeat("█", full) + []string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}[rest]
	}
	solid := max((eighths(span)+4)/8, 1)
	return strings.Repeat("█", solid) + strings.Repeat("░", max((eighths(cost)+4)/8-solid, 0))
}

// painted writes what print writes, behind an empty line, with colours if there are any.
func (a *app) painted(print func(to *ui.Streams) error) error {
	var text bytes.Buffer
	to := *a.ui
	to.Out = &text
	if err := print(&to); err != nil {
		return err
	}
	out := text.String()
	if a.ui.Color {
		out = paintBoxes(out)
	}
	return a.ui.Printf("\n%s", out)
}

// The colours of a tree, in the terminal's own palette.
const (
	critical = "\x1b[33m"
	solid    = "\x1b[36m"
	faint    = "\x1b[90m"
	plainest = "\x1b[0m"
)

// paintBoxes colours lines and bars.
func paintBoxes(text string) string {
	var b strings.Builder
	for line := range strings.SplitAfterSeq(text, "\n") {
		fill := solid
		if strings.ContainsAny(line, "━") {
			fill = critical
		}
		was := ""
		for _, r := range line {
			now := ""
			switch {
			case strings.ContainsRune("┃━┏┗┡┠┣", r):
				now = critical
			case r >= '█' && r <= '▏':
				now = fill
			case r == '░', r >= '─' && r <= '╿':
				now = faint
			}
			if now != was && r != ' ' {
				if was != "" {
					b.WriteString(plainest)
				}
				b.WriteString(now)
				was = now
			}
			b.WriteRune(r)
		}
		if was != "" {
			b.WriteString(plainest)
		}
	}
	return b.String()
}
