// Package replay rebuilds the histories of real data in a repository: the commits that
// people made, as signed batches on branches, and the merges that they made, as automatic
// merges. It measures what the product makes of them.
//
// Everything goes through the door, package repo, as a client's commands would. A commit
// becomes one batch of its author, with one transaction for each row that differs from its
// first parent and in it only the fields that differ. A commit with several children forks
// branches. A merge brings the branch of the second parent into that of the first; what the
// people then did by hand beyond it becomes a commit of its own. After every commit the
// tables' rows and digests, found from the repository's own answers, are compared with
// those of the history, and every merge is compared with a three-way merge by cell.
//
// A history is a folder: case.json, commits.jsonl, deltas.jsonl.zst, merges.jsonl and
// final/TABLE.canon.jsonl. Transfers are one too: opening.jsonl.zst, transfers.jsonl.zst,
// blocks.jsonl and final.jsonl.zst. testdata/multicodec/README.md describes the form.
//
// The package refuses to keep a model of the data: what is compared is what the repository
// says. It refuses to force anything, and to go on after a state that is not as it was.
package replay
