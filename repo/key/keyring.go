package key

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"

	"github.com/go-git/go-billy/v5"
)

// ErrBadName is wrapped when a text is no identity name; the message says which rule it
// breaks.
var ErrBadName = errors.New("bad identity name")

const nameMaxBytes = 64

// CheckName says whether name may name an identity: 1 to 64 characters out of ASCII
// letters, digits and . _ - @ +, not beginning with a dot or a dash, without "..". Such a
// name is also a plain file name. The error wraps ErrBadName.
func CheckName(name string) error {
	rule := ""
	switch {
	case name == "":
		rule = "is empty"
	case len(name) > nameMaxBytes:
		return fmt.Errorf("%q...: %w: is longer than %d characters", name[:nameMaxBytes], ErrBadName, nameMaxBytes)
	case name[0] == '.' || name[0] == '-':
		rule = "begins with a dot or a dash"
	case strings.Contains(name, ".."):
		rule = `has ".." in it`
	}
	for _, c := range name {
		if !isNameRune(c) && rule == "" {
			rule = fmt.Sprintf("has %q in it; letters, digits and . _ - @ + are allowed", c)
		}
	}
	if rule != "" {
		return fmt.Errorf("%q: %w: %s", name, ErrBadName, rule)
	}
	return nil
}

func isNameRune(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._-@+", c)
}

const keySuffix = ".key"

// Keyring is a folder of key files, NAME.key for the identity NAME. It holds no state of
// its own: several of them, in several processes, may use one folder.
type Keyring struct {
	fs billy.Filesystem
}

// NewKeyring returns the keyring in the root of fs. The folder need not exist yet. On
// disk, fs must be osfs.New(dir, osfs.WithBoundOS()): other kinds hide Sync, and then
// nothing is durable.
func NewKeyring(fs billy.Filesystem) *Keyring { return &Keyring{fs: fs} }

// Create makes a key for a new identity and returns it when its file is durable. random
// is as in Generate. The error wraps ErrBadName or ErrExists.
func (k *Keyring) Create(ctx context.Context, name string, random io.Reader) (Private, error) {
	if err := CheckName(name); err != nil {
		return Private{}, err
	}
	priv, err := Generate(random)
	if err != nil {
		return Private{}, err
	}
	return priv, k.Add(ctx, name, priv)
}

// Add stores a key that exists already under a new name. The error wraps ErrBadName or
// ErrExists.
func (k *Keyring) Add(ctx context.Context, name string, priv Private) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("key %s: %w", name, err)
	}
	// The folder is private as well, if it is ours to make.
	if err := k.fs.MkdirAll(".", 0o700); err != nil {
		return fmt.Errorf("make keyring: %w", err)
	}
	return WriteFile(k.fs, name+keySuffix, name, priv)
}

// Load returns the key of an identity. The error wraps ErrBadName, ErrNoKey,
// ErrPermissions or ErrBadKeyFile.
func (k *Keyring) Load(ctx context.Context, name string) (Private, error) {
	if err := CheckName(name); err != nil {
		return Private{}, err
	}
	if err := ctx.Err(); err != nil {
		return Private{}, fmt.Errorf("key %s: %w", name, err)
	}
	path := name + keySuffix
	inside, priv, err := ReadFile(k.fs, path)
	if err != nil {
		return Private{}, err
	}
	if inside != name {
		return Private{}, fmt.Errorf("%s:2: %w: it is the key of %s", path, ErrBadKeyFile, inside)
	}
	return priv, nil
}

// List returns the names of the identities that have a key file, sorted. It reads no
// key, and passes over files that are not named as one.
func (k *Keyring) List(ctx context.Context) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	infos, err := k.fs.ReadDir(".")
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	var names []string
	for _, info := range infos {
		name, ok := strings.CutSuffix(info.Name(), keySuffix)
		if ok && !info.IsDir() && CheckName(name) == nil {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names, nil
}
