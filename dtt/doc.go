// Package dtt is the Deterministic Transaction Tree: the order in which a block's
// transactions run, as a series-parallel tree whose branches run in parallel.
//
//	T ::= n transactions in order | S(T, T, ...) | P(T, T, ...) | C(T, T)
//
// S runs one after another, P side by side. C is a series with a checkpoint: its second
// half may start at once, from claimed values of the units on which the halves conflict,
// and the claims are compared when the first is done. So even a block that all goes
// through one account runs on several workers.
//
// The depth-first order of the leaves is the block's order, so a tree is only counts.
// Access lists say which units each transaction reads, changes by a commuting delta or
// writes. From them a proposer builds a tree; a validator checks that the tree puts no
// two conflicting transactions side by side, and runs it as it stands. The result is
// that of serial execution in block order, for any number of workers, as long as a
// transaction touches only what its list declares.
//
// Ranges turns intervals of keys into units. Merge, Split, Balance and Checkpoint make other
// trees of a tree, in the same order and with the same result.
//
// The package works on positions 0..n-1 in block order, dense unit numbers, modes and
// costs in deterministic units. It refuses to know transactions, tables or stores; it
// never looks at a clock or at the number of processors to decide on a tree; and it does
// not confine transactions to their lists: whoever runs a leaf does.
//
// A Planner builds trees, a Checker checks them, a Pool runs them. FORMAT.md states the
// encoding and proves the rule of the check.
package dtt
