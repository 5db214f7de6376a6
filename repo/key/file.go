package key

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	slashpath "path"
	"runtime"
	"strings"

	"github.com/go-git/go-billy/v5"

	"aergo/repo/durable"
)

var (
	// ErrNoKey is wrapped when a key file does not exist.
	ErrNoKey = errors.New("no such key")
	// ErrExists is wrapped when a key file is in the way of a new one.
	ErrExists = errors.New("key exists already")
	// ErrPermissions is wrapped when a key file is readable or writable by the group or
	// by others.
	ErrPermissions = errors.New("key file is open to others")
	// ErrBadKeyFile is wrapped when a file is not a key file, or a damaged one. The
	// message names file and line, and never shows what stands there.
	ErrBadKeyFile = errors.New("bad key file")
)

// A key file is text, four lines, each ended by a line feed:
//
//	aergo-key 1
//	name NAME
//	public HEX
//	seed HEX
//
// HEX is 64 lower-case digits: the RFC 8032 public key and seed. The public key is
// redundant: it tells a damaged seed, and people which key this is. There is exactly one
// encoding of a key, and the parser accepts no other.

const (
	fileHeader   = "aergo-key 1"
	fileMaxBytes = 1 << 10
	fileMode     = 0o600
	openToOthers = 0o077
)

// WriteFile writes priv to a new file at path, readable by its owner only, and returns
// when it is durable. A file that exists is never touched: the error wraps ErrExists.
//
// The file appears whole or not at all. Until then it is path + ".new"; whoever creates
// that file has the right to path, so that two processes cannot both think it free. A
// process that dies in between leaves it behind, and later calls name it in an ErrExists.
func WriteFile(fs billy.Filesystem, path, name string, priv Private) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if priv.IsZero() {
		return fmt.Errorf("%s: %w: no private key given", path, ErrBadKeyFile)
	}
	temp := path + ".new"
	f, err := fs.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s: %w: another process is making this key, or was interrupted", temp, ErrExists)
	}
	if err != nil {
		return fmt.Errorf("create key file: %w", err)
	}
	err = writeSynced(f, encodeFile(name, priv))
	if err == nil {
		err = moveNew(fs, temp, path)
	}
	if err != nil {
		// What is left of the new file must not stand in the way of the next try.
		if removeErr := fs.Remove(temp); removeErr != nil && !errors.Is(removeErr, os.ErrNotExist) {
			err = errors.Join(err, removeErr)
		}
		return fmt.Errorf("write key file %s: %w", path, err)
	}
	if err := durable.Folder(fs, slashpath.Dir(path)); err != nil {
		// A key that may not outlive the machine's next crash must not be used.
		return errors.Join(err, fs.Remove(path))
	}
	return nil
}

// ReadFile reads the key file at path and returns the name in it and the key. The error
// wraps ErrNoKey, ErrPermissions or ErrBadKeyFile. Permissions are checked where the
// filesystem reports them, which is everywhere but on Windows.
func ReadFile(fs billy.Filesystem, path string) (name string, priv Private, err error) {
	f, err := fs.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", Private{}, fmt.Errorf("%s: %w", path, ErrNoKey)
	}
	if err != nil {
		return "", Private{}, fmt.Errorf("open key file: %w", err)
	}
	defer f.Close()
	if err := checkMode(fs, f, path); err != nil {
		return "", Private{}, err
	}
	text, err := io.ReadAll(io.LimitReader(f, fileMaxBytes+1))
	if err != nil {
		return "", Private{}, fmt.Errorf("read key file %s: %w", path, err)
	}
	name, priv, err = decodeFile(text)
	if err != nil {
		return "", Private{}, fmt.Errorf("%s:%w", path, err)
	}
	return name, priv, nil
}

// checkMode refuses a file that is not a regular file of its owner alone. It asks the
// open file where it can, so that nobody swaps the file in between.
func checkMode(fs billy.Filesystem, f billy.File, path string) error {
	stat := func() (os.FileInfo, error) { return fs.Stat(path) }
	if s, ok := f.(interface{ Stat() (os.FileInfo, error) }); ok {
		stat = s.Stat
	}
	info, err := stat()
	if err != nil {
		return fmt.Errorf("key file %s: %w", path, err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: %w: not a regular file", path, ErrBadKeyFile)
	}
	if mode := info.Mode().Perm(); mode&openToOthers != 0 && runtime.GOOS != "windows" {
		return fmt.Errorf("%s: %w: mode is %04o, want %04o", path, ErrPermissions, mode, fileMode)
	}
	return nil
}

func encodeFile(name string, priv Private) []byte {
	return fmt.Appendf(nil, "%s\nname %s\npublic %s\nseed %x\n",
		fileHeader, name, priv.Public(), priv.secret()[:SeedSize])
}

// decodeFile is the inverse of encodeFile. Its errors begin with the line's number.
func decodeFile(text []byte) (name string, priv Private, err error) {
	fail := func(line int, reason string) (string, Private, error) {
		return "", Private{}, fmt.Errorf("%d: %w: %s", line, ErrBadKeyFile, reason)
	}
	if len(text) > fileMaxBytes {
		return fail(1, "file is too long")
	}
	lines := strings.SplitAfter(string(text), "\n")
	var values [4]string
	for i, key := range [...]string{fileHeader, "name ", "public ", "seed "} {
		if i >= len(lines) {
			return fail(i+1, "line is missing")
		}
		line, ended := strings.CutSuffix(lines[i], "\n")
		value, ok := strings.CutPrefix(line, key)
		if !ok || (i == 0 && value != "") {
			return fail(i+1, fmt.Sprintf("want %q", strings.TrimSpace(key)))
		}
		if !ended {
			return fail(i+1, "line does not end")
		}
		values[i] = value
	}
	if len(lines) != 5 || lines[4] != "" {
		return fail(5, "text after the last line")
	}

	if err := CheckName(values[1]); err != nil {
		return fail(2, err.Error())
	}
	public, err := ParsePublic(values[2])
	if err != nil {
		return fail(3, err.Error())
	}
	var seed [SeedSize]byte
	// The errors about the seed must not quote it.
	if len(values[3]) != 2*SeedSize || strings.ToLower(values[3]) != values[3] {
		return fail(4, "seed is not 64 lower-case hex digits")
	}
	if _, err := hex.Decode(seed[:], []byte(values[3])); err != nil {
		return fail(4, "seed is not 64 lower-case hex digits")
	}
	priv = FromSeed(seed)
	if priv.Public() != public {
		return fail(4, "seed does not belong to the public key")
	}
	return values[1], priv, nil
}

// writeSynced writes data, syncs where the filesystem can, and closes f in any case.
func writeSynced(f billy.File, data []byte) error {
	_, err := f.Write(data)
	if err == nil {
		err = durable.File(f)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// moveNew renames temp to path, which must be free.
func moveNew(fs billy.Filesystem, temp, path string) error {
	_, err := fs.Lstat(path)
	if err == nil {
		return ErrExists
	}
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return fs.Rename(temp, path)
}
