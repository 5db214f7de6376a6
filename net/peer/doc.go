// Package peer is this machine among others: it has a key of its own, opens streams to
// peers and takes theirs, over TCP and QUIC, through libp2p.
//
// A peer is known by its key. An address may state the key; where it does not, the key that
// answers first is noted in a file and any other one is refused from then on.
//
// What the package refuses to do: it listens beyond the machine itself only if told so, it
// asks no other machine for addresses, relays or holes in firewalls, it gives no peer more
// connections, streams and memory than it was told, and it does not know what streams are
// for. A connection that was opened says only whose key is at the other end: what that peer
// may do, and whether it wants to talk at all, shows in the first messages on a stream.
package peer
