// Package merge brings what one branch decided to another, and accounts for all of it.
//
// An automatic merge dissolves the source's blocks into transactions and replays those on
// the target, in the order of the source's chain, that the target has not decided. Each
// keeps its author's signature. What is inconsistent with the target is excluded, and the
// block says why: applied + excluded is always what the source had. The same replay
// serves cherry-picks, and the replay or dropping of what was excluded before.
//
// A verdict is changed by an order about its transaction and by nothing else. So a target
// moves forward to a source that goes on from it only if the source decides nothing
// otherwise, and what the source applied and the target excludes is named in the account.
//
// Before replaying, the transactions that touch one row more than once are settled
// against each other (contract.Settlement), so that a change which its own branch took
// back neither conflicts with nor undoes what the target did.
//
// The package refuses to know names of branches, remotes or permissions of commands
// (package repo); what a transaction means (package contract); and to move a ref: it
// returns blocks.
package merge
