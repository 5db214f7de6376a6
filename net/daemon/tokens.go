package daemon

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"aergo/net/problem"
	"aergo/repo/key"
	"aergo/repo/object"
)

// Tokens are what clients of the HTTP gateway show instead of a key. Each stands for an
// identity. They are kept in a file of the root as their hashes, in lines of
//
//	SHA-256 of the token, public key of the identity, its name
//
// in lower-case hex but for the name.
type Tokens struct{ path string }

const (
	tokensFile    = "tokens"
	maxTokenBytes = 1 << 20 // of the file
	tokenPrefix   = "aergo-"
)

// ErrBadTokens says that the file of tokens has a line that is none.
var ErrBadTokens = errors.New("bad file of tokens")

// TokensOf returns the tokens of a daemon's root.
func TokensOf(root string) Tokens { return Tokens{filepath.Join(root, ownFolder, tokensFile)} }

// Find returns the identity that a token stands for, and false if it stands for none.
func (t Tokens) Find(token string) (object.Identity, bool, error) {
	want := hashOf(token)
	all, err := t.read()
	for _, line := range all {
		if line.hash == want {
			return line.identity, true, err
		}
	}
	return object.Identity{}, false, err
}

// Add makes a new token for an identity. It is not kept, and cannot be shown again.
func (t Tokens) Add(identity object.Identity) (token string, err error) {
	if err := key.CheckName(identity.Name); err != nil {
		return "", err
	}
	if _, err := t.read(); err != nil {
		return "", err
	}
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // it never fails
	token = tokenPrefix + base64.RawURLEncoding.EncodeToString(secret[:])
	if err := os.MkdirAll(filepath.Dir(t.path), 0o700); err != nil {
		return "", err
	}
	f, err := os.OpenFile(t.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return "", err
	}
	_, err = fmt.Fprintf(f, "%s %x %s\n", hashOf(token), identity.Key, identity.Name)
	return token, errors.Join(err, f.Sync(), f.Close())
}

// Revoke removes all tokens of an identity, by its name, and returns how many there were.
func (t Tokens) Revoke(name string) (gone int, err error) {
	all, err := t.read()
	if err != nil {
		return 0, err
	}
	var left strings.Builder
	for _, line := range all {
		if line.identity.Name == name {
			gone++
			continue
		}
		fmt.Fprintf(&left, "%s %x %s\n", line.hash, line.identity.Key, line.identity.Name)
	}
	if gone == 0 {
		return 0, nil
	}
	temp := t.path + ".new"
	if err := os.WriteFile(temp, []byte(left.String()), 0o600); err != nil {
		return 0, err
	}
	return gone, os.Rename(temp, t.path)
}

type tokenLine struct {
	hash     string
	identity object.Identity
}

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// read reads the file, which need not be there.
func (t Tokens) read() ([]tokenLine, error) {
	f, err := os.Open(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []tokenLine
	for lines := bufio.NewScanner(io.LimitReader(f, maxTokenBytes)); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		line, err := parseToken(words)
		if err != nil {
			err = fmt.Errorf("%s: %w: %w", t.path, ErrBadTokens, err)
			return nil, problem.WithHint("remove the line, and make a new token: aergo daemon token NAME", err)
		}
		all = append(all, line)
	}
	return all, nil
}

func parseToken(words []string) (tokenLine, error) {
	if len(words) != 3 || len(words[0]) != 2*sha256.Size {
		return tokenLine{}, errors.New("want a hash, a key and a name")
	}
	public, err := key.ParsePublic(words[1])
	if err != nil {
		return tokenLine{}, err
	}
	return tokenLine{words[0], object.Identity{Key: public, Name: words[2]}}, key.CheckName(words[2])
}
