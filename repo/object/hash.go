package object

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// HashSize is the length of a Hash in bytes.
const HashSize = sha256.Size

// Hash names immutable bytes: it is their SHA-256. The zero Hash names nothing and
// stands for "none" in every record that has an optional reference.
type Hash [HashSize]byte

// ErrBadHash is wrapped by ParseHash when its input is not 64 lower-case hex digits.
var ErrBadHash = errors.New("not a hash")

// Sum returns the name of data.
func Sum(data []byte) Hash { return sha256.Sum256(data) }

// ParseHash reads the 64 lower-case hex digits that String prints.
func ParseHash(s string) (Hash, error) {
	var h Hash
	if len(s) != 2*HashSize {
		return Hash{}, fmt.Errorf("%q: %w: want %d hex digits", clip(s, 80), ErrBadHash, 2*HashSize)
	}
	if _, err := hex.Decode(h[:], []byte(s)); err != nil || h.String() != s {
		return Hash{}, fmt.Errorf("%q: %w: want lower-case hex", clip(s, 80), ErrBadHash)
	}
	return h, nil
}

// HashFromBytes copies b, which must be HashSize long.
func HashFromBytes(b []byte) (Hash, error) {
	if len(b) != HashSize {
		return Hash{}, fmt.Errorf("%d bytes: %w: want %d", len(b), ErrBadHash, HashSize)
	}
	return Hash(b), nil
}

// String returns the hash in lower-case hex.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Short returns the first eight hex digits, for people.
func (h Hash) Short() string { return hex.EncodeToString(h[:4]) }

// IsZero says whether h names nothing.
func (h Hash) IsZero() bool { return h == Hash{} }

// MarshalText makes a hash a hex string in JSON.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (h *Hash) UnmarshalText(text []byte) error {
	parsed, err := ParseHash(string(text))
	if err != nil {
		return err
	}
	*h = parsed
	return nil
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "..."
	}
	return s
}
