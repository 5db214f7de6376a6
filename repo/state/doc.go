// Package state is the state of a branch: an ordered map from keys to values that has one
// hash, as a tree of small nodes in a content-addressed store.
//
// The tree is history-independent: the same content has the same root hash, whatever the
// order and grouping of the edits that led to it. Nodes end where the content says so, by
// the rule of [MaxLeafWeight], so equal stretches of two versions are equal nodes, and
// reading, updating, comparing and proving cost what changed and not what is there.
// FORMAT.md gives the nodes' bytes and the rule, enough for a second implementation.
//
// A [Tree] is an immutable snapshot: a root and where to read nodes from. [Tree.Update]
// makes the next one. Keys and values are byte strings, bounded by [MaxKeyBytes] and
// [MaxValueBytes]; what they mean is the caller's business, and the package key makes keys
// of typed ones. All slices that a Tree returns as values are parts of immutable nodes:
// they stay valid and must not be written to.
//
// The package refuses nodes that are not in canonical form, and nodes that do not fit
// their parents. It does not hash what it reads: a NodeReader answers for that. It keeps no
// versions, deletes nothing, and knows nothing of branches.
package state
