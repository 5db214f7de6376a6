package compare

import (
	"fmt"
	"strings"
	"time"

	"aergo/dtt/workload"
)

// Table returns results as a table in Markdown: for each lane the milliseconds of the best
// run, and in brackets how many times as fast as the best serial one that is.
func Table(results []Result) string {
	head := []string{"load", "transactions", "work, us", "serial, ms"}
	for _, l := range Lanes()[1:] {
		head = append(head, l.String())
	}
	rows := [][]string{head}
	for _, r := range results {
		row := []string{r.Load, fmt.Sprint(r.Transactions), fmt.Sprint(r.WorkMicroseconds), millis(r.Took[Lanes()[0]].Best)}
		for _, l := range Lanes()[1:] {
			row = append(row, fmt.Sprintf("%s (%.2f)", millis(r.Took[l].Best), r.Speedup(l)))
		}
		rows = append(rows, row)
	}
	return align(rows)
}

// Medians returns a table in Markdown of the median runs: how many times as fast as the
// median serial one they are, and how many runs there were.
func Medians(results []Result) string {
	head := []string{"load", "work, us", "runs", "serial, ms"}
	for _, l := range Lanes()[1:] {
		head = append(head, l.String())
	}
	rows := [][]string{head}
	for _, r := range results {
		serial := r.Took[Lanes()[0]]
		row := []string{r.Load, fmt.Sprint(r.WorkMicroseconds), fmt.Sprint(serial.Runs), millis(serial.Median)}
		for _, l := range Lanes()[1:] {
			row = append(row, share(r.MedianSpeedup(l)))
		}
		rows = append(rows, row)
	}
	return align(rows)
}

// Against returns a table in Markdown of how many times as fast as the optimistic lane the
// trees are, with two workers, where there is work to share.
func Against(results []Result) string {
	rows := [][]string{{"load", "work, us", "optimistic over serial", "tree over optimistic", "free tree over optimistic", "checkpoints over optimistic"}}
	for _, r := range results {
		if r.WorkMicroseconds < leastWork {
			continue
		}
		own := r.Speedup(Lane{Optimistic, 2})
		row := []string{r.Load, fmt.Sprint(r.WorkMicroseconds), share(own)}
		for _, e := range []Engine{Tree, Free, Checkpoints} {
			row = append(row, share(r.Speedup(Lane{e, 2})/own))
		}
		rows = append(rows, row)
	}
	return align(rows)
}

// lead is how many times as fast as the optimistic engine the tree is meant to be.
const lead = 1.75

// leastWork is the work in microseconds from which on engines are compared.
const leastWork = 10

// Shares returns a table in Markdown of the time with two workers as a part of the serial
// time: of lanes, and of published engines on the machine they were measured on, for what
// both measured.
func Shares(results []Result) string {
	lanes := []Lane{{Tree, 2}, {Checkpoints, 2}, {Optimistic, 2}}
	head := []string{"load", "work, us"}
	for _, l := range lanes {
		head = append(head, l.String())
	}
	rows := [][]string{append(head, "go-block-stm", "cosmos", "bor", "best of these / checkpoints")}
	for _, p := range Reference() {
		for _, r := range results {
			if r.Load != p.Load || r.WorkMicroseconds != p.WorkMicroseconds {
				continue
			}
			row := []string{p.Load, fmt.Sprint(p.WorkMicroseconds)}
			for _, l := range lanes {
				row = append(row, share(1/r.Speedup(l)))
			}
			rows = append(rows, append(row,
				share(p.GoBlockSTM/p.SerialMillis), share(p.Cosmos/p.SerialMillis), share(p.Bor/p.SerialMillis),
				share(p.best()/p.SerialMillis*r.Speedup(Lane{Checkpoints, 2}))))
		}
	}
	return align(rows)
}

// Limit returns a sentence on how far ahead of the optimistic lane anything can be where
// nothing conflicts, or nothing if that was not measured.
func Limit(results []Result) string {
	for _, r := range results {
		if r.Load != workload.NoConflict || r.WorkMicroseconds != leastWork {
			continue
		}
		own := r.Speedup(Lane{Optimistic, 2})
		limit := fmt.Sprintf("Where nothing conflicts, at %d us, the optimistic engine with two workers is %.2f times as fast as the serial run.\n"+
			"Two cores can be twice as fast as one and no more, so there nothing can be more than %.2f times as fast as that\n"+
			"engine; the tree with checkpoints is %.2f times as fast.", leastWork, own, 2/own, r.Speedup(Lane{Checkpoints, 2})/own)
		if 2/own < lead {
			limit += fmt.Sprintf(" A lead of %.2f can be had only where transactions conflict.", lead)
		}
		return limit + "\n"
	}
	return ""
}

func share(x float64) string { return fmt.Sprintf("%.2f", x) }

func millis(d time.Duration) string {
	return fmt.Sprintf("%.*f", decimals(d), float64(d)/float64(time.Millisecond))
}

func decimals(d time.Duration) int {
	switch {
	case d < 10*time.Millisecond:
		return 2
	case d < 100*time.Millisecond:
		return 1
	}
	return 0
}

// align returns rows, the first of which is the head, as a table in Markdown. All columns
// but the first are numbers.
func align(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
	}
	var b strings.Builder
	for n, row := range rows {
		for i, cell := range row {
			if i == 0 {
				fmt.Fprintf(&b, "| %-*s |", widths[i], cell)
			} else {
				fmt.Fprintf(&b, " %*s |", widths[i], cell)
			}
		}
		b.WriteByte('\n')
		if n > 0 {
			continue
		}
		for i, width := range widths {
			if i == 0 {
				fmt.Fprintf(&b, "|%s|", strings.Repeat("-", width+2))
			} else {
				fmt.Fprintf(&b, "%s:|", strings.Repeat("-", width+1))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
