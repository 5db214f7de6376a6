// Package compare measures ways to run a block side by side: one transaction after
// another, by connected components, by a tree of package dtt, and by the engine of package
// optimistic. All run the same toy transactions on the same slots in one process, in turns,
// and every run has to end in the state of the serial one.
//
//	go test -run '^$' -bench Compare ./dtt/compare
//
// The package refuses to measure what does not end in the right state, and to compare
// times across runs: what was published elsewhere stands beside the table, for reference.
package compare
