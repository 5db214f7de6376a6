// Package optimistic runs a block of transactions whose accesses nobody declared, on many
// workers, with the result of running them one after another in block order, and finds out
// what each accessed. A proposer makes access lists with it, and from these a tree; see
// package dtt.
//
// It is the Block-STM engine (Gelashvili, Spiegelman, Xiang, Danezis, Li, Malkhi, Xia and
// Zhou, 2022). Transactions run speculatively. A memory with many versions keeps what each
// one wrote, by position in the block; a transaction reads the highest version below its
// own position. What it read is looked up again later, and if a lower transaction has
// changed it meanwhile, the transaction runs again. Until then its versions are marked as
// estimates: it will probably write there again, so who meets one waits for it.
//
// Beyond the paper, a version can be a delta, which does not read what it changes, so that
// deltas of one unit never abort one another. And a read is valid as long as it would get an
// equal value, whoever wrote it. Both keep the paper's proof: a transaction's reads are
// those of the serial run once all lower transactions have come to rest.
//
// State is units of package dtt. For a state of arbitrary keys, which nobody knows beforehand,
// a Discoverer numbers keys as they come, runs a block and returns its access lists, the
// keys of their units, and the values after the block.
//
// The package refuses to know what a transaction is or what values mean, to touch the state
// that a block starts from, and to keep a half-run block.
package optimistic
