package peer

import (
	"errors"
	"testing"

	"github.com/go-git/go-billy/v5/memfs"

	"aergo/repo/key"
)

// A peer that connects with a signing key is known by that key at the other end.
func TestSignersAreKnownByTheirKeys(t *testing.T) {
	private, err := key.Generate(nil)
	must(t, err)
	identity, err := IdentityOf(private)
	must(t, err)
	server := startEcho(t, Options{})
	client := start(t, Options{Identity: identity})
	if _, err := says(t, client, server.Addresses()[0]); err != nil {
		t.Fatal(err)
	}
	seen := server.Peers()
	if len(seen) != 1 || seen[0] != identity.ID() {
		t.Fatalf("peers %v", seen)
	}
	if public, err := seen[0].Key(); err != nil || public != private.Public() {
		t.Errorf("key %s, %v", public, err)
	}
	if err := WriteIdentity(memfs.New(), "identity", identity); err == nil {
		t.Error("a signing key was written to an identity file")
	}
	if _, err := ID("nonsense").Key(); !errors.Is(err, ErrBadID) {
		t.Errorf("nonsense: %v", err)
	}
	// It listens, too, though its sockets cannot derive keys from a secret.
	listening := startEcho(t, Options{Identity: identity})
	if _, err := says(t, start(t, Options{}), listening.Addresses()[0]); err != nil {
		t.Error(err)
	}
}
