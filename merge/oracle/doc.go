// Package oracle is a plain model of the ledger, to test the product against: rows are maps
// from names to values, a branch is a list of entries, and every rule is written down as
// the documents state it, in the slowest way that is easy to believe.
//
// A state is copied for every block and an account is found by going through a whole chain.
// A precondition is the value that the author saw, not a hash of it. What a source took back
// is found by looking at one row at a time. Nothing is shared between steps, run in
// parallel, cached or encoded.
//
// Values are JSON texts of null, integers, texts without escapes and lists of texts of one
// length; so two values are equal if their texts are, and a list that is a set is in the
// order of its texts. Keys name a row of the only table there is. Schemas, decimals, blobs
// and limits of size are not modelled.
//
// Where the documents are silent it follows what the packages promise in words: only a row
// that puts alone have touched settles field by field, and a row that was made anew settles
// as a whole or not at all; a transaction that was decided twice on a source counts where it
// was decided last; what is excluded is tried again the oldest block first; picks and replays
// settle nothing; a fast-forward never takes the source's verdict over one that the target had.
//
// The package imports nothing but the standard library, and a test holds it to that: what
// it shares with the product is what the documents say. It refuses to know hashes and
// signatures, and to be fast.
package oracle
