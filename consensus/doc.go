// Package consensus says what an engine that orders blocks is: a pure state machine.
//
// An engine takes one Input after another and returns Outputs: records to write, messages
// to send, decisions. It has no clock, socket, disk, goroutine or randomness of its own,
// so that the same inputs give the same outputs, byte for byte, on every machine; and a
// whole cluster runs in one process from a seed (package simulator). Who drives an engine
// brings it the time, the messages of other nodes and the news that a record is synced,
// and does what it says, in the order in which it says it.
//
// What an engine promises to others, it holds back until the record of the promise is
// synced: a Send comes out only after the Synced of what it depends on went in.
//
// The package refuses to hold blocks' contents, to run transactions or to decide who may
// be a delegate; consensus/dpos and consensus/solo are engines, consensus/conformance is
// the suite that every engine passes.
package consensus
