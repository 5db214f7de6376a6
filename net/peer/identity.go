package peer

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"strings"

	"github.com/go-git/go-billy/v5"
	"github.com/libp2p/go-libp2p/core/crypto"
	libp2p "github.com/libp2p/go-libp2p/core/peer"

	"aergo/repo/durable"
)

// ID names a peer by its public key, as libp2p writes it: 12D3KooW...
type ID string

var (
	// ErrBadID says that something is not the ID of a peer.
	ErrBadID = errors.New("not the id of a peer")
	// ErrNoIdentity says that there is no identity file.
	ErrNoIdentity = errors.New("no identity of a peer")
	// ErrIdentityExists says that an identity file is in the way of a new one.
	ErrIdentityExists = errors.New("identity of a peer exists already")
	// ErrBadIdentity says that a file is not an identity file, or is open to others.
	ErrBadIdentity = errors.New("bad identity file")
)

// ParseID reads the ID of a peer with an Ed25519 key. There is one way to write an ID.
func ParseID(s string) (ID, error) {
	id, err := libp2p.Decode(s)
	if err != nil || id.String() != s {
		return "", fmt.Errorf("%q: %w", s, ErrBadID)
	}
	public, err := id.ExtractPublicKey()
	if err != nil || public.Type() != crypto.Ed25519 {
		return "", fmt.Errorf("%q: %w with an Ed25519 key", s, ErrBadID)
	}
	return ID(s), nil
}

// raw returns the ID as libp2p has it in memory.
func (id ID) raw() (libp2p.ID, error) {
	p, err := libp2p.Decode(string(id))
	if err != nil {
		return "", fmt.Errorf("%q: %w", string(id), ErrBadID)
	}
	return p, nil
}

// Identity is the key of this machine, or of one host on it. It prints as its ID.
type Identity struct {
	id  ID
	key func() crypto.PrivKey // a function: fmt cannot look inside
}

// NewIdentity makes an identity from 32 bytes of random; nil is the system's.
func NewIdentity(random io.Reader) (Identity, error) {
	if random == nil {
		random = rand.Reader
	}
	var seed [ed25519.SeedSize]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return Identity{}, fmt.Errorf("identity: read random bytes: %w", err)
	}
	return identityFromSeed(seed)
}

func identityFromSeed(seed [ed25519.SeedSize]byte) (Identity, error) {
	private, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		return Identity{}, fmt.Errorf("identity: %w", err)
	}
	id, err := libp2p.IDFromPrivateKey(private)
	if err != nil {
		return Identity{}, fmt.Errorf("identity: %w", err)
	}
	return Identity{id: ID(id.String()), key: func() crypto.PrivKey { return private }}, nil
}

// ID returns the name of the public key.
func (i Identity) ID() ID { return i.id }

// String returns the ID.
func (i Identity) String() string { return string(i.id) }

// An identity file is text, three lines, each ended by a line feed:
//
//	aergo-peer 1
//	id ID
//	seed HEX
//
// HEX is 64 lower-case digits, the RFC 8032 seed. The ID is redundant: it tells a damaged
// seed, and people which peer this is.
const (
	identityHeader   = "aergo-peer 1"
	identityMaxBytes = 512
	identityMode     = 0o600
)

// ReadIdentity reads an identity file. The error wraps ErrNoIdentity if there is none, and
// ErrBadIdentity if it is damaged, or others than its owner may read it.
func ReadIdentity(fs billy.Filesystem, name string) (Identity, error) {
	f, err := fs.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return Identity{}, fmt.Errorf("%s: %w", name, ErrNoIdentity)
	}
	if err != nil {
		return Identity{}, fmt.Errorf("open identity file: %w", err)
	}
	defer f.Close()
	if err := checkMode(fs, f, name); err != nil {
		return Identity{}, err
	}
	text, err := io.ReadAll(io.LimitReader(f, identityMaxBytes+1))
	if err != nil {
		return Identity{}, fmt.Errorf("read identity file %s: %w", name, err)
	}
	i, err := decodeIdentity(string(text))
	if err != nil {
		return Identity{}, fmt.Errorf("%s: %w", name, err)
	}
	return i, nil
}

// checkMode asks the open file where it can, so that nobody swaps it in between.
func checkMode(fs billy.Filesystem, f billy.File, name string) error {
	stat := func() (os.FileInfo, error) { return fs.Stat(name) }
	if s, ok := f.(interface{ Stat() (os.FileInfo, error) }); ok {
		stat = s.Stat
	}
	info, err := stat()
	if err != nil {
		return fmt.Errorf("identity file %s: %w", name, err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return fmt.Errorf("%s: %w: mode is %04o, want %04o", name, ErrBadIdentity, mode, identityMode)
	}
	return nil
}

// decodeIdentity is strict: what it accepts encodes again to the same text. Its errors
// never show the seed.
func decodeIdentity(text string) (Identity, error) {
	lines := strings.Split(text, "\n")
	if len(text) > identityMaxBytes || len(lines) != 4 || lines[0] != identityHeader || lines[3] != "" {
		return Identity{}, fmt.Errorf("%w: not three lines, the first of them %q", ErrBadIdentity, identityHeader)
	}
	id, named := strings.CutPrefix(lines[1], "id ")
	digits, seeded := strings.CutPrefix(lines[2], "seed ")
	var seed [ed25519.SeedSize]byte
	if !named || !seeded || len(digits) != 2*len(seed) || strings.ToLower(digits) != digits {
		return Identity{}, fmt.Errorf("%w: want an id and a seed of %d hex digits", ErrBadIdentity, 2*len(seed))
	}
	if _, err := hex.Decode(seed[:], []byte(digits)); err != nil {
		return Identity{}, fmt.Errorf("%w: the seed is not hex", ErrBadIdentity)
	}
	i, err := identityFromSeed(seed)
	if err != nil {
		return Identity{}, err
	}
	if string(i.id) != id {
		return Identity{}, fmt.Errorf("%w: the seed does not belong to the id", ErrBadIdentity)
	}
	return i, nil
}

func encodeIdentity(i Identity) ([]byte, error) {
	raw, err := i.key().Raw()
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return fmt.Appendf(nil, "%s\nid %s\nseed %x\n", identityHeader, i.id, raw[:ed25519.SeedSize]), nil
}

// WriteIdentity writes a new identity file, readable by its owner only, and returns when it
// is durable. A file that exists is never touched: the error wraps ErrIdentityExists. The
// file appears whole or not at all; until then it is name + ".new".
func WriteIdentity(fs billy.Filesystem, name string, i Identity) error {
	text, err := encodeIdentity(i)
	if err != nil {
		return err
	}
	temp := name + ".new"
	f, err := fs.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, identityMode)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s: %w: another process is making it, or was interrupted", temp, ErrIdentityExists)
	}
	if err != nil {
		return fmt.Errorf("create identity file: %w", err)
	}
	_, err = f.Write(text)
	if err == nil {
		err = durable.File(f)
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		if _, there := fs.Lstat(name); there == nil {
			err = ErrIdentityExists
		} else if err = there; errors.Is(there, os.ErrNotExist) {
			err = fs.Rename(temp, name)
		}
	}
	if err != nil {
		if removed := fs.Remove(temp); !errors.Is(removed, os.ErrNotExist) {
			err = errors.Join(err, removed)
		}
		return fmt.Errorf("write identity file %s: %w", name, err)
	}
	return durable.Folder(fs, path.Dir(name))
}

// LoadIdentity reads an identity file, and makes a new one if there is none.
func LoadIdentity(fs billy.Filesystem, name string) (Identity, error) {
	i, err := ReadIdentity(fs, name)
	if !errors.Is(err, ErrNoIdentity) {
		return i, err
	}
	if i, err = NewIdentity(nil); err != nil {
		return Identity{}, err
	}
	err = WriteIdentity(fs, name, i)
	if errors.Is(err, ErrIdentityExists) {
		return ReadIdentity(fs, name) // another process was faster
	}
	return i, err
}
