// Package transfer moves the objects that one repository lacks from another one over a
// stream of bytes. Its Client is a repo.Remote, its Server answers for a set of
// repositories; PROTOCOL.md specifies what they say to each other.
//
// The side that lacks objects decides what it asks for: it walks what blocks lead to,
// asks for many objects ahead without waiting for the answers, and puts them, when their
// hashes are right, in a spool, which survives a cut of the stream and of the process. The
// repository reads them from there, checks signatures and blocks, and stores them.
//
// What the package refuses to do: it knows nothing of networks, addresses and keys (a
// stream and the name of who is at its other end are given to it), it judges no block, and
// it believes nothing that it is sent. It bounds every message before it allocates, and it
// waits for nobody for ever.
package transfer
