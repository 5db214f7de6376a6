// Package ref keeps the few things in a repository that change: which block each branch,
// each tag and each branch of a remote stands at, and what is checked out.
//
// A ref is a small text file that is replaced as a whole. Every change names the value
// that it replaces and fails if the ref has another one by then (compare-and-set), so no
// writer overwrites what it has not seen. A Store serialises the changes made through it;
// changes from several processes are serialised by the repository's lock, which a writer
// holds from before it reads until after it writes. Readers need no lock: they see the
// value before a change or the one after it.
//
// The package refuses to follow what it cannot check: a file that is not exactly what the
// Store would have written is reported as damaged, by name, and never served. It does not
// change several refs at once, keeps no history (the operation log does), and does not
// know whether the blocks that it names exist.
//
// # Files
//
//	HEAD                    what is checked out
//	branches/NAME           a branch
//	tags/NAME               a tag
//	remotes/REMOTE/NAME     a branch as it was last seen on a remote
//
// Each begins with the line "aergo-ref 1" and a line "kind K", K one of head, branch,
// tag, remote. Then come "KEY VALUE" lines, one for each field of the record, in the
// order of the Go struct, keys in lower case. Hashes are 64 lower-case hex digits,
// numbers decimal without leading zeros, and "-" stands for no hash or no name. The last
// line is "crc" and eight hex digits, CRC-32C over all bytes before it. Every line ends in a
// line feed. There is exactly one encoding of a record.
//
// Files that begin with a dot are leftovers of interrupted changes; Clean removes them.
package ref
