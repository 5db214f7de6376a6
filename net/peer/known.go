package peer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-billy/v5"

	"aergo/repo/durable"
)

// Known is the file of peers that were met: lines of HOST:PORT, a space, and the peer's ID,
// in the order in which they were met. Empty lines and lines that begin with # are left
// alone. What stands first about a HOST:PORT holds. Several processes may use one file.
type Known struct {
	fs   billy.Filesystem
	name string
	mu   sync.Mutex
}

var (
	// ErrBadKnown says that the file of known peers has a line that is none.
	ErrBadKnown = errors.New("bad file of known peers")
	// ErrChangedKey is matched by every ChangedKeyError.
	ErrChangedKey = errors.New("another key than the known one")
)

// ChangedKeyError says that a host answers with another key than it did.
type ChangedKeyError struct {
	HostPort     string
	Known, Found ID
	File         string // of known peers; empty if the address states the key
	Line         int    // in it, from 1
}

// Error states both keys.
func (e *ChangedKeyError) Error() string {
	known := "the address says"
	if e.File != "" {
		known = "it is known with"
	}
	return fmt.Sprintf("%s answers with %v: %s %s, it has %s", e.HostPort, ErrChangedKey, known, e.Known, e.Found)
}

// Is makes errors.Is(err, ErrChangedKey) true.
func (e *ChangedKeyError) Is(target error) bool { return target == ErrChangedKey }

// Hint says what to do.
func (e *ChangedKeyError) Hint() string {
	if e.File == "" {
		return "somebody may be in between: ask who runs the host for its key"
	}
	return fmt.Sprintf("somebody may be in between: ask who runs the host, and only if the new key is right remove line %d of %s", e.Line, e.File)
}

// OpenKnown returns the file by this name in fs, which need not be there yet.
func OpenKnown(fs billy.Filesystem, name string) *Known { return &Known{fs: fs, name: name} }

// entry is a line of the file.
type entry struct {
	hostPort string
	id       ID
	line     int
}

const maxKnownBytes = 4 << 20

// read returns the entries, the first one for each HOST:PORT, and the length of the lines
// that are whole. A last line without an end is being written, or was when it was stopped.
func (k *Known) read() (all []entry, whole int64, err error) {
	f, err := k.fs.Open(k.name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("known peers: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKnownBytes+1))
	if err != nil {
		return nil, 0, fmt.Errorf("known peers: %w", err)
	}
	if len(text) > maxKnownBytes {
		return nil, 0, fmt.Errorf("%s: %w: more than %d bytes", k.name, ErrBadKnown, maxKnownBytes)
	}
	return parseKnown(k.name, string(text))
}

func parseKnown(name, text string) (all []entry, whole int64, err error) {
	whole = int64(strings.LastIndexByte(text, '\n') + 1)
	seen := map[string]bool{}
	number := 0
	for line := range strings.Lines(text[:whole]) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		hostPort, id, _ := strings.Cut(line, " ")
		clean, err := cleanHostPort(hostPort)
		if err != nil || clean != hostPort {
			return nil, 0, fmt.Errorf("%s:%d: %w: want HOST:PORT PEER", name, number, ErrBadKnown)
		}
		parsed, err := ParseID(id)
		if err != nil {
			return nil, 0, fmt.Errorf("%s:%d: %w: %w", name, number, ErrBadKnown, err)
		}
		if !seen[hostPort] {
			seen[hostPort] = true
			all = append(all, entry{hostPort, parsed, number})
		}
	}
	return all, whole, nil
}

// lookup returns the entry of a HOST:PORT, one without an ID if there is none.
func (k *Known) lookup(hostPort string) (entry, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	all, _, err := k.read()
	if err != nil {
		return entry{}, err
	}
	if i := slices.IndexFunc(all, func(e entry) bool { return e.hostPort == hostPort }); i >= 0 {
		return all[i], nil
	}
	return entry{}, nil
}

// Peer returns who is known at a HOST:PORT, or nobody.
func (k *Known) Peer(hostPort string) (ID, error) {
	e, err := k.lookup(hostPort)
	return e.id, err
}

// Addresses returns where a peer was met, the place where it was met last first.
func (k *Known) Addresses(id ID) ([]string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	all, _, err := k.read()
	var found []string
	for _, e := range slices.Backward(all) {
		if e.id == id {
			found = append(found, e.hostPort)
		}
	}
	return found, err
}

// Pin notes, durably, who was met at a HOST:PORT. If somebody else is known there the error
// is a *ChangedKeyError, and nothing is noted.
func (k *Known) Pin(hostPort string, id ID) error {
	if clean, err := cleanHostPort(hostPort); err != nil || clean != hostPort {
		return fmt.Errorf("%q: %w", hostPort, ErrBadAddress)
	}
	if _, err := ParseID(string(id)); err != nil {
		return err
	}
	if done, err := k.pin(hostPort, id); done || err != nil {
		return err
	}
	// Another process may have noted somebody else just before: what stands first holds.
	e, err := k.lookup(hostPort)
	if err != nil {
		return err
	}
	return k.changed(e, id)
}

// pin says that nothing is left to do, or appends a line.
func (k *Known) pin(hostPort string, id ID) (done bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	all, whole, err := k.read()
	if err != nil {
		return false, err
	}
	for _, e := range all {
		if e.hostPort == hostPort {
			return true, k.changed(e, id)
		}
	}
	if err := k.append(whole, hostPort+" "+string(id)+"\n"); err != nil {
		return false, fmt.Errorf("known peers: %w", err)
	}
	return false, nil
}

// append appends a line, in one piece, so that lines of several processes do not mix.
func (k *Known) append(whole int64, line string) error {
	if err := k.cutTorn(whole); err != nil {
		return err
	}
	f, err := k.fs.OpenFile(k.name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write([]byte(line)); err == nil {
		err = durable.File(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return durable.Folder(k.fs, path.Dir(k.name))
}

// cutTorn removes what a process left of a line when it was stopped, behind the lines that
// were whole. What ends like a line has been appended by another process meanwhile.
func (k *Known) cutTorn(whole int64) error {
	f, err := k.fs.OpenFile(k.name, os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	end, err := f.Seek(0, io.SeekEnd)
	var last [1]byte
	if err == nil && end > whole {
		if _, err = f.ReadAt(last[:], end-1); err == nil && last[0] != '\n' {
			err = f.Truncate(whole)
		}
	}
	return errors.Join(err, f.Close())
}

// changed is the error of an entry with another ID.
func (k *Known) changed(e entry, found ID) error {
	if e.id == found {
		return nil
	}
	return &ChangedKeyError{HostPort: e.hostPort, Known: e.id, Found: found, File: k.name, Line: e.line}
}
