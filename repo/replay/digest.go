package replay

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
)

// Digest stands for a set of rows, whatever their order: the sum of the SHA-256 of each,
// as big-endian integers, modulo 2^256. Its words are the least significant first.
type Digest [4]uint64

// Add puts a row into the set.
func (d *Digest) Add(row []byte) {
	w := digestWords(sha256.Sum256(row))
	var carry uint64
	for i := range d {
		d[i], carry = bits.Add64(d[i], w[i], carry)
	}
}

// Remove takes a row out of the set.
func (d *Digest) Remove(row []byte) {
	w := digestWords(sha256.Sum256(row))
	var borrow uint64
	for i := range d {
		d[i], borrow = bits.Sub64(d[i], w[i], borrow)
	}
}

func digestWords(b [32]byte) (d Digest) {
	for i := range d {
		d[i] = binary.BigEndian.Uint64(b[24-8*i:])
	}
	return d
}

// String returns the digest in 64 lower-case hex digits.
func (d Digest) String() string {
	var b [32]byte
	for i, w := range d {
		binary.BigEndian.PutUint64(b[24-8*i:], w)
	}
	return hex.EncodeToString(b[:])
}

// UnmarshalText is the inverse of String.
func (d *Digest) UnmarshalText(text []byte) error {
	var b [32]byte
	if len(text) != 2*len(b) {
		return fmt.Errorf("digest of %d characters: want 64 hex digits", len(text))
	}
	if _, err := hex.Decode(b[:], text); err != nil {
		return fmt.Errorf("digest: %w", err)
	}
	*d = digestWords(b)
	return nil
}
