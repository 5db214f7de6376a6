package compare

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// Table returns results as a table in Markdown: for each lane milliseconds, and in brackets
// how many times as fast as the serial lane it is.
func Table(results []Result) string {
	head := []string{"load", "transactions", "work, us", "serial, ms"}
	for _, l := range Lanes()[1:] {
		head = append(head, l.String())
	}
	rows := [][]string{head}
	for _, r := range results {
		row := []string{r.Load, fmt.Sprint(r.Transactions), fmt.Sprint(r.WorkMicroseconds), millis(r.Took[Lanes()[0]])}
		for _, l := range Lanes()[1:] {
			row = append(row, fmt.Sprintf("%s (%.2f)", millis(r.Took[l]), r.Speedup(l)))
		}
		rows = append(rows, row)
	}
	return align(rows)
}

// Shares returns a table in Markdown of the optimistic lane and of published engines, both
// as parts of the serial run on their own machine, for what both measured.
func Shares(results []Result) string {
	lane := Lane{Optimistic, 2}
	rows := [][]string{{"load", "work, us", lane.String(), "tree 2", "go-block-stm", "cosmos", "bor"}}
	for _, p := range Reference() {
		for _, r := range results {
			if r.Load != p.Load || r.WorkMicroseconds != p.WorkMicroseconds {
				continue
			}
			rows = append(rows, []string{
				p.Load, fmt.Sprint(p.WorkMicroseconds), share(1 / r.Speedup(lane)), share(1 / r.Speedup(Lane{Tree, 2})),
				share(p.GoBlockSTM / p.SerialMillis), share(p.Cosmos / p.SerialMillis), share(p.Bor / p.SerialMillis),
			})
		}
	}
	return align(rows)
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

// PlotFile is the file of the plot, beside the document.
const PlotFile = "dtt-speedup.svg"

// Document returns the document that explains and shows results. The machine is a line
// about where they were measured.
func Document(machine string, results []Result) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, documentHead, PlotFile, machine)
	b.WriteString(Table(results))
	b.WriteString(documentShares)
	b.WriteString(Shares(results))
	return b.Bytes()
}

const documentHead = `# How much parallel execution gains

Blocks of toy transactions, run in one process by several engines in turns. Each run ends in the
state of the serial one, or the measurement fails. The best of several runs counts.

![Speed-up over serial execution, by work per transaction and by workers](%s)

## The engines

- **serial**: one transaction after another on dense slots, nothing else. The measure of all.
- **components**: the connected components of the conflicts, spread over the workers. Finding them
  is part of the time.
- **tree**: ` + "`dtt.Planner.BuildReordering`" + `, ` + "`dtt.Checker.Check`" + ` and ` + "`dtt.Pool.Run`" + `, all in the time: what a
  proposer and a validator do, together. Conflicting transactions keep their order.
- **free tree**: the same, but conflicting transactions may change places, as long as all agree on
  one order.
- **checkpoints**: ` + "`dtt.Checker.Check`" + ` and ` + "`dtt.Pool.RunCheckpoints`" + ` of a published tree in a free order. It says
  which values hot accounts have midway, so that what comes before and what comes after run at the
  same time, and the values are compared. This is what a validator does; the proposer ran it before.
- **optimistic**: package ` + "`dtt/optimistic`" + `, the Block-STM engine. It is not told what transactions
  access; a proposer uses it to find out. The others have the access lists from the start.

The number behind a name is that of the workers.

## The loads

Transfers write two accounts: without conflicts; the same with a fee that all pay to one account as
a delta; between 10,000 accounts drawn uniformly, or by Zipf's law; between 100 accounts; and all
between the same two. ` + "`ethereum`" + ` is 27 blocks of the main network with their real access sets, one
after another; in ` + "`ethereum joined`" + ` they are one block. Work is rounds of a hash, gauged once at
the start, so that a processor that is taken away in between does not count as work.

## How to reproduce

` + "```sh" + `
go test -run '^$' -bench Compare ./dtt/compare                    # prints the tables
AERGO_DTT_REPORT=$PWD/docs go test -run '^$' -bench Compare ./dtt/compare   # writes this file and the plot
` + "```" + `

With ` + "`-short`" + ` the blocks are smaller. The Ethereum rows come in when AERGO_REPLAY_DATA names the folder
that has ` + "`eth-transfers`" + ` in it.

## Measured

%s Milliseconds for all blocks of the load, and in brackets how many times as fast as serial.

`

const documentShares = `
## Beside published engines

The time with two workers as a part of the serial time: ours from the table above, those of others
as they were measured on another machine with blocks of 10,000 transfers (smaller is better).

`
