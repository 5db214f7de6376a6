package key

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"aergo/repo/object"

	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
)

// Sizes in bytes.
const (
	PublicSize    = ed25519.PublicKeySize
	SignatureSize = ed25519.SignatureSize
	SeedSize      = ed25519.SeedSize
)

var (
	// ErrBadPublic is wrapped when something is not a usable public key: wrong length
	// or digits, not a point of the curve, or a point of small order.
	ErrBadPublic = errors.New("not a public key")
	// ErrBadSignature is wrapped when a signature does not verify.
	ErrBadSignature = errors.New("bad signature")
	// ErrPrivate is wrapped when something tries to marshal a private key.
	ErrPrivate = errors.New("private keys are not marshalled")
	// ErrNoHandshake says that a message to be signed is of no handshake.
	ErrNoHandshake = errors.New("a key signs records and handshakes only")
)

// Public is an Ed25519 public key, as the 32 bytes of RFC 8032. The zero Public is a
// point of small order: it stands for "none" and nothing verifies under it.
type Public [PublicSize]byte

// Signature is an Ed25519 signature, as the 64 bytes R || S of RFC 8032.
type Signature [SignatureSize]byte

// ParsePublic reads the 64 lower-case hex digits that String prints. The error wraps
// ErrBadPublic.
func ParsePublic(s string) (Public, error) {
	var p Public
	if len(s) != 2*PublicSize {
		return Public{}, fmt.Errorf("%w: %d characters, want %d hex digits", ErrBadPublic, len(s), 2*PublicSize)
	}
	if _, err := hex.Decode(p[:], []byte(s)); err != nil || p.String() != s {
		return Public{}, fmt.Errorf("%w: want lower-case hex", ErrBadPublic)
	}
	return p, p.check()
}

// PublicFromBytes copies b, which must be PublicSize long. The error wraps ErrBadPublic.
func PublicFromBytes(b []byte) (Public, error) {
	if len(b) != PublicSize {
		return Public{}, fmt.Errorf("%w: %d bytes, want %d", ErrBadPublic, len(b), PublicSize)
	}
	p := Public(b)
	return p, p.check()
}

// check refuses what is no point of the curve and what is a point of small order.
func (p Public) check() error {
	compressed := curve.CompressedEdwardsY(p)
	var point curve.EdwardsPoint
	if _, err := point.SetCompressedY(&compressed); err != nil {
		return fmt.Errorf("%s: %w: not a point of the curve", p.Short(), ErrBadPublic)
	}
	if point.IsSmallOrder() {
		return fmt.Errorf("%s: %w: a point of small order", p.Short(), ErrBadPublic)
	}
	return nil
}

// String returns the key in lower-case hex.
func (p Public) String() string { return hex.EncodeToString(p[:]) }

// Short returns the first eight hex digits, for people.
func (p Public) Short() string { return hex.EncodeToString(p[:4]) }

// IsZero says whether p stands for "none".
func (p Public) IsZero() bool { return p == Public{} }

// MarshalText makes a public key a hex string in JSON.
func (p Public) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is the inverse of MarshalText, with the checks of ParsePublic.
func (p *Public) UnmarshalText(text []byte) error {
	parsed, err := ParsePublic(string(text))
	if err != nil {
		return err
	}
	*p = parsed
	return nil
}

// SignatureFromBytes copies b, which must be SignatureSize long. The error wraps
// ErrBadSignature.
func SignatureFromBytes(b []byte) (Signature, error) {
	if len(b) != SignatureSize {
		return Signature{}, fmt.Errorf("%w: %d bytes, want %d", ErrBadSignature, len(b), SignatureSize)
	}
	return Signature(b), nil
}

// String returns the signature in lower-case hex.
func (s Signature) String() string { return hex.EncodeToString(s[:]) }

// Domain says what a signature is for. It is part of the signed message, so that no
// signature can be moved from one purpose to another.
//
// The message that is signed is, byte for byte,
//
//	text(domain) || lineage || id
//
// where text is the CBOR text string of package object (its length first, then its
// bytes), lineage is the 32 bytes of the Directory's genesis hash, and id is the 32 bytes
// of the record's hash. For DomainBatch this is 0x6e, "aergo/batch/v1", 32 bytes, 32
// bytes: 79 bytes in all. The length in front makes the encoding unambiguous for domains
// of any length.
type Domain string

// The domains of the core records. A package that signs another kind of record defines
// its own constant, which must differ from these.
const (
	DomainBatch Domain = "aergo/batch/v1"
	DomainOrder Domain = "aergo/order/v1"
	DomainBlock Domain = "aergo/block/v1"
	DomainTag   Domain = "aergo/tag/v1"

	DomainPoolReceipt Domain = "aergo/receipt/v1"
)

// appendMessage appends the signed message to b.
func (d Domain) appendMessage(b []byte, lineage, id object.Hash) []byte {
	b = object.AppendText(b, string(d))
	b = append(b, lineage[:]...)
	return append(b, id[:]...)
}

// messageCap is enough for the message of every domain above; longer ones still fit,
// by growing.
const messageCap = 128

// Private is an identity's signing key. It prints as its public half, whichever verb is
// used and wherever it is nested, and it cannot be marshalled. The zero Private has the
// zero Public and signs nothing that verifies.
type Private struct {
	// A function, because fmt walks into unexported fields, and through pointers too when
	// a verb does not fit, without asking for methods. It cannot look inside a function.
	secret func() *[ed25519.PrivateKeySize]byte
}

// Generate makes a new key from 32 bytes of random; nil means the system's generator.
func Generate(random io.Reader) (Private, error) {
	if random == nil {
		random = rand.Reader
	}
	var seed [SeedSize]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return Private{}, fmt.Errorf("key: read random bytes: %w", err)
	}
	return FromSeed(seed), nil
}

// FromSeed returns the key of an RFC 8032 seed. Equal seeds give equal keys.
func FromSeed(seed [SeedSize]byte) Private {
	secret := [ed25519.PrivateKeySize]byte(ed25519.NewKeyFromSeed(seed[:]))
	return Private{secret: func() *[ed25519.PrivateKeySize]byte { return &secret }}
}

// Public returns the public half.
func (p Private) Public() Public {
	if p.secret == nil {
		return Public{}
	}
	return Public(p.secret()[SeedSize:])
}

// IsZero says whether p is the zero Private.
func (p Private) IsZero() bool { return p.secret == nil }

// Sign signs the record id for one purpose in one lineage. The signature is
// deterministic. See Domain for the bytes it covers.
func (p Private) Sign(d Domain, lineage, id object.Hash) Signature {
	if p.secret == nil {
		return Signature{}
	}
	var buf [messageCap]byte
	return Signature(ed25519.Sign(p.secret()[:], d.appendMessage(buf[:0], lineage, id)))
}

// SignHandshake signs what a secure connection asks for, so that the other end knows whose it
// is. It signs no other message than those of libp2p's handshakes over TLS 1.3 and Noise,
// which no record's message begins like: the error wraps ErrNoHandshake.
func (p Private) SignHandshake(message []byte) (Signature, error) {
	text := string(message[:min(len(message), 64)])
	if p.secret == nil || !strings.HasPrefix(text, "libp2p-tls-handshake:") && !strings.HasPrefix(text, "noise-libp2p-static-key:") {
		return Signature{}, ErrNoHandshake
	}
	return Signature(ed25519.Sign(p.secret()[:], message)), nil
}

// String names the key by its public half.
func (p Private) String() string { return "private key of " + p.Public().Short() }

// Format prints String for every verb, so that no verb shows the secret.
func (p Private) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) }

// MarshalText refuses: a private key leaves the process only through its key file.
func (p Private) MarshalText() ([]byte, error) { return nil, ErrPrivate }

// MarshalBinary refuses, as MarshalText does.
func (p Private) MarshalBinary() ([]byte, error) { return nil, ErrPrivate }
