package compare

import (
	"bytes"
	"fmt"
)

// PlotFile is the file of the plot, beside the document.
const PlotFile = "dtt-speedup.svg"

// Document returns the document that explains the tree and shows results. The machine is a
// line about where they were measured.
func Document(machine string, results []Result) []byte {
	var b bytes.Buffer
	least, most := 0, 0
	for _, r := range results {
		runs := r.Took[Lanes()[0]].Runs
		if least == 0 || runs < least {
			least = runs
		}
		most = max(most, runs)
	}
	fmt.Fprintf(&b, documentHead, PlotFile)
	fmt.Fprintf(&b, documentMeasured, machine, least, most)
	b.WriteString(Table(results))
	b.WriteString(documentMedians)
	b.WriteString(Medians(results))
	b.WriteString(documentAgainst)
	b.WriteString(Limit(results) + "\n")
	b.WriteString(Against(results))
	b.WriteString(documentShares)
	b.WriteString(Shares(results))
	return b.Bytes()
}

const documentHead = `# The transaction tree, and how much it gains

A block says in which order its transactions run, as a tree that also says what may run at the same
time. Whoever validates the block checks the tree and runs it on all cores: nothing is guessed,
nothing is run twice, and the result is that of running one transaction after another.

![Speed-up over serial execution, by work per transaction and by workers](%s)

## A tree by hand

Five transfers between the accounts A to E, in the order of the block:

` + "```" + `
0  A -> B      1  C -> D      2  A -> E      3  C -> D      4  B -> D
` + "```" + `

Two transfers conflict if they have an account in common. The first two have none; the third needs
what 0 left in A, the fourth what 1 left in C and D; the last needs both sides. So a tree is

` + "```" + `
            S                    S: one after another
         /  |  \                 P: side by side, in any order
        P   P   4
       /|   |\
      0 1   2 3                  written S(P(1,1),P(1,1),1): only counts, since the leaves,
                                 from left to right, are the block in its order
` + "```" + `

Five units of work have a critical path of three, so that two workers take three. A tree that hides
a conflict, as P(2,3) does, is refused in one pass over the accesses: *transactions 0 and 2 run side by
side but conflict on unit 0*. A tree that does things one after another without need is slow but valid.

When everything goes through one account there is nothing to put side by side. Then the block can
claim what the account holds halfway: C[0](3,3) is six transfers through account 0, cut in the middle.
The second half starts at once from the claimed value, and when the first half is done the two
values are compared. A false claim makes the block invalid, so that nothing is taken on faith.

Both trees are examples that the tests run, in [example_test.go](../dtt/example_test.go);
[FORMAT.md](../dtt/FORMAT.md) has the encoding, the rule of the check and the proof.

## What is measured

Blocks of toy transactions, run in one process by several engines in turns. Each run ends in the
state of the serial one, or the measurement fails.

| engine | what it does, and what is in the time |
|---|---|
| serial | one transaction after another on dense slots, nothing else: the measure of all |
| components | finds the connected components of the conflicts, spreads them over the workers, runs them |
| tree | builds a tree, checks it and runs it: what a proposer and a validator do, together; conflicting transactions keep their order |
| free tree | the same, but conflicting transactions may change places, as long as all agree on one order |
| checkpoints | checks and runs a published tree in a free order, with claims for hot accounts: what a validator does; to build it and to find the claims is the proposer's work, and not in the time |
| optimistic | the Block-STM engine of ` + "`dtt/optimistic`" + `: it is not told what transactions access, and finds it out; the others have the lists from the start |

The number behind a name is that of the workers.

| load | what its transactions do |
|---|---|
| no conflict | transfers between two accounts each, all different |
| fee to one | the same, and each pays a fee to one account, as a delta that commutes |
| uniform 10k, zipf 10k | transfers between 10,000 accounts, drawn evenly or by Zipf's law |
| 100 hot, 2 hot | transfers between 100 accounts, and all between the same two |
| ethereum | 27 blocks of the main network with their real access sets, one after another |
| ethereum joined | the same as one block |

Work is rounds of a hash, gauged once at the start, so that a processor that is taken away in between
does not count as work. A block that is not worth sharing, such as all without work, is one leaf:
no order, no check beyond its length, no other worker.

## How to reproduce

` + "```sh" + `
make bench    # everything; writes this file and the plot
AERGO_DTT_REPORT=$PWD/docs go test -run '^$' -bench Compare -timeout 60m ./dtt/compare    # these alone
` + "```" + `

With ` + "`-short`" + ` the blocks are smaller. The Ethereum rows come in when AERGO_REPLAY_DATA names the folder
that has ` + "`eth-transfers`" + ` in it.
`

const documentMeasured = `
## Measured

%s Each lane ran %d to %d times for each row, in several passes over the whole table, and the best run
counts: whatever else the machine does makes a run slower, never faster. Milliseconds for all blocks of
the load, and in brackets how many times as fast as serial.

`

const documentMedians = `
The medians of the same runs, as times as fast as the median serial run:

`

const documentAgainst = `
## Beside the optimistic engine

How many times as fast as our own optimistic engine the trees are, with two workers.

`

const documentShares = `
## Beside published engines

The time with two workers as a part of the serial time, the smaller the better: ours from the table
above, those of others as they were measured on another machine of this kind, with blocks of 10,000
transfers. Last, how many times as fast as the best of them the tree with checkpoints is, serial for
serial.

`
