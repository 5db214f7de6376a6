// Package repo is the door to a repository: one method for each verb.
//
// A command, a script's call and a remote's request all come in here. A method takes a
// request, holds the repository's lock while it changes something, checks what the caller
// may do, lets the rooms below do the work, and records the operation so that it can be
// undone. What returns without an error is durable; what returns an error has changed
// nothing.
//
// The package refuses to know terminals, arguments or environment variables (cmd/aergo),
// how blocks are executed (branch), merged (merge) or stored (repo/store), and to talk to
// a network: a Remote does that.
package repo
