// Package key holds identities' keys: it makes them, keeps them in files, signs with
// them and verifies what others signed.
//
// Signatures are Ed25519 under the rules of ZIP-215, cofactored, the same for a single
// signature and for a batch: whatever one accepts, the other accepts. One rule is
// stricter than ZIP-215: a public key of small order is refused everywhere, because a
// signature under such a key fits any message.
//
// Every signature covers a domain, a lineage and the hash of one record, so that a
// signature made for one purpose or for one ledger is void for any other. See Domain.
//
// What the package refuses to do: it never prints or marshals a private key, never
// overwrites a key file, never reads a key file that others may read, and never signs
// bytes that are not a hash. It does not encrypt key files, and it does not know which
// identity may do what: the Directory does.
package key
