// Package workload makes blocks to measure engines with: loads that are known from the
// literature on parallel execution, the access sets of real Ethereum blocks, and a toy
// machine that runs either.
//
// A toy transaction is its access list. It reads what it reads or writes, works for a given
// number of rounds on what it read, and writes results of that; so whoever runs two
// conflicting transactions in another order, or leaves one out, ends in another state.
//
// The package refuses to run anything side by side, and to draw from a source of randomness
// that is not the same everywhere: a load of one size is one load.
package workload
