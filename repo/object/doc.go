// Package object defines the records of a ledger and their one encoding.
//
// An object is immutable bytes under the SHA-256 of those bytes. Every object is a
// record: a canonical CBOR array that begins with a version and a kind. FORMAT.md
// beside this file specifies each record byte by byte.
//
// There is exactly one encoding of every record, and one strict Reader: whatever a
// Decode function accepts, the matching Encode writes again to the same bytes. Records
// are hashed as received and never encoded anew. All sizes found in the input are
// checked against constants, and against what is left of the input, before anything is
// allocated by them. Errors of Decode functions wrap ErrMalformed.
//
// Decoded records share memory with the input: byte strings are slices of it, texts are
// copies. Encode checks nothing: a value outside the limits, or with a text that is not
// UTF-8, gives bytes that no Decode takes. Who builds a record from unchecked parts
// decodes it once before sealing it.
//
// Batches, orders, block headers and tags are sealed: beside the object lies the
// signature of the identity that the record names, over a domain tag, the lineage and
// the object's hash (package repo/key). A seal is not part of the object and its hash
// does not cover it, so a block's id does not depend on its producer's signature.
//
// A transaction is named by its batch and its place in it: the id of the batch in hex, a
// full stop, and the index from 0 in decimal, as in 3f2a9c1e.17 for people.
//
// The package refuses to know what a transaction's payload means, where objects are
// stored, and whether a signature or a reference is good: it only says what the bytes are.
package object
