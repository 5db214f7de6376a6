// Package rpc is the door of a repository over a local socket: Client implements repo.Door,
// and Server answers it with a door of its own, in another process.
//
// While a daemon serves a repository, commands go through its socket, and nobody can see a
// difference: a caller is who the command line says it is, with its own identity, folder of
// keys, working folder and patience, and errors that cross the socket are still what they
// were to errors.Is and errors.As. Large arguments and results are streams, and both sides
// hold a bounded part of them. PROTOCOL.md has the bytes.
//
// The socket belongs to one user of the machine, and everybody who can connect to it is that
// user: the package authenticates nobody beyond what the operating system does, and refuses
// to listen on a network.
package rpc
