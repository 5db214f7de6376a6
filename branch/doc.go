// Package branch is the chain of blocks: how it is read, extended and checked.
//
// A branch is a chain of headers from its root block to its head. A block takes
// transactions in block order, each with a verdict, and names the state and the account
// that they lead to. The package executes blocks (the contract runtime decides what a
// transaction does, dtt in what order they may run), seals new ones, validates given
// ones by executing them again, and keeps the pool of pending transactions behind a head.
//
// Every block ends with two trees. The state maps keys to rows. The account maps a mark
// height and a batch id to the verdicts of the batch's transactions on this branch, so
// that a transaction is decided once and a merge can say what became of every one.
//
// The package refuses to choose which transactions a merge takes (package merge), to
// know names, remotes or permissions of commands (package repo), or to order blocks of
// several delegates (package consensus).
package branch
