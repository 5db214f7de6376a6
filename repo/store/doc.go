// Package store keeps objects: immutable bytes named by their hash, each with a kind and
// perhaps a seal, a short string such as a signature that lies beside the object and is
// not covered by its hash.
//
// Disk keeps them in append-only pack files, compressed in frames, through a go-billy
// filesystem; FORMAT.md specifies the files. Memory keeps them in a map. Both are a
// Store: readers at any time, one Writer at a time, and a commit that is durable.
//
// The store refuses to serve what it has not verified, and to repair in silence: the
// tail that a crash tore off an unfinished commit is cut, any other damage is a
// *CorruptError that names the file and the offset. It knows nothing of what objects say
// or how they refer to each other, and takes no lock against other writing processes:
// the repository does both.
package store
