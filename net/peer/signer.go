package peer

import (
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/crypto/pb"
	libpeer "github.com/libp2p/go-libp2p/core/peer"

	"aergo/repo/key"
)

// IdentityOf returns the identity of somebody who signs transactions: who takes their
// connection knows that their key is at the other end. WriteIdentity does not write it.
func IdentityOf(private key.Private) (Identity, error) {
	k := signer{private}
	id, err := libpeer.IDFromPublicKey(k.GetPublic())
	if err != nil {
		return Identity{}, fmt.Errorf("identity: %w", err)
	}
	return Identity{id: ID(id.String()), key: func() crypto.PrivKey { return k }}, nil
}

// Key returns the public key that the ID names.
func (id ID) Key() (key.Public, error) {
	p, err := id.raw()
	if err != nil {
		return key.Public{}, err
	}
	public, err := p.ExtractPublicKey()
	if err != nil {
		return key.Public{}, fmt.Errorf("%q: %w: %w", string(id), ErrBadID, err)
	}
	raw, err := public.Raw()
	if err != nil {
		return key.Public{}, fmt.Errorf("%q: %w: %w", string(id), ErrBadID, err)
	}
	return key.PublicFromBytes(raw)
}

// errSecret says that a key was to be shown.
var errSecret = errors.New("the key of an identity is not shown")

// signer is a signing key as libp2p uses it, which is for handshakes.
type signer struct{ private key.Private }

// Sign implements crypto.PrivKey.
func (s signer) Sign(message []byte) ([]byte, error) {
	sig, err := s.private.SignHandshake(message)
	return sig[:], err
}

// GetPublic implements crypto.PrivKey.
func (s signer) GetPublic() crypto.PubKey {
	public := s.private.Public()
	k, err := crypto.UnmarshalEd25519PublicKey(public[:])
	if err != nil {
		return nil // its length is always right
	}
	return k
}

// Type implements crypto.Key.
func (s signer) Type() pb.KeyType { return pb.KeyType_Ed25519 }

// Raw implements crypto.Key.
func (s signer) Raw() ([]byte, error) { return nil, errSecret }

// Equals implements crypto.Key.
func (s signer) Equals(other crypto.Key) bool {
	k, ok := other.(crypto.PrivKey)
	return ok && k.GetPublic().Equals(s.GetPublic())
}
