// Package oplog is the operation log of a repository: what each command changed, in
// order, so that it can be shown, named and undone.
//
// The log is one file to which lines are appended. A line is durable when Append returns.
// Appending and reading the newest entries cost the same however long the log is.
//
// The package keeps what it is given and interprets none of it: what a ref or a pool is,
// and how a change is undone, its callers know. It never rewrites an entry and never
// drops one, and it does not lock: writers of several processes hold the repository's
// lock, readers need none.
//
// # File
//
// Each line is eight hex digits, a space, a JSON object and a line feed. The digits are
// the CRC-32C of the object's bytes. The object is an Entry as encoding/json writes it,
// HTML characters not escaped. Entries are numbered from 1 without gaps. There is exactly
// one encoding of an entry.
//
// A line that is not whole, at the very end, is an append that was interrupted before it
// was acknowledged: readers pass over it and the next Append removes it. Anything else
// that is not a sound line is damage, reported with file and offset.
package oplog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"time"
)

var (
	// ErrNotFound is wrapped when there is no entry of that number, or none at all.
	ErrNotFound = errors.New("no such operation")
	// ErrDamaged is wrapped when the file holds what Append never wrote. The message
	// names the file and the offset in bytes.
	ErrDamaged = errors.New("operation log is damaged")
	// ErrBadEntry is wrapped when an entry cannot be stored: too large, or with a value
	// that is not JSON.
	ErrBadEntry = errors.New("bad operation")
)

// Entry is one operation.
type Entry struct {
	N     uint64    `json:"n"`    // from 1; Append gives it
	Time  time.Time `json:"time"` // UTC
	Who   string    `json:"who"`
	Verb  string    `json:"verb"`
	Args  []string  `json:"args,omitempty"`
	Refs  []Change  `json:"refs,omitempty"`  // refs that it changed, HEAD among them
	Pools []Change  `json:"pools,omitempty"` // pool pointers that it changed
}

// Change is the value of something before and after an operation, as JSON that the log
// does not look into. An absent value is nil.
type Change struct {
	Name   string          `json:"name"`
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

// LineMaxBytes bounds one entry in the file: enough to record a change of 10,000 refs.
const LineMaxBytes = 16 << 20

const crcDigits = 8

// clean returns e with words that JSON can hold: bytes that are not UTF-8, as file names
// may have them, become U+FFFD.
func (e Entry) clean() Entry {
	valid := func(s string) string { return strings.ToValidUTF8(s, "\ufffd") }
	changes := func(list []Change) []Change {
		list = slices.Clone(list)
		for i := range list {
			list[i].Name = valid(list[i].Name)
		}
		return list
	}
	e.Who, e.Verb, e.Args = valid(e.Who), valid(e.Verb), slices.Clone(e.Args)
	for i := range e.Args {
		e.Args[i] = valid(e.Args[i])
	}
	e.Refs, e.Pools = changes(e.Refs), changes(e.Pools)
	return e
}

// encode returns the entry's line, or an error that wraps ErrBadEntry.
func encode(e Entry) ([]byte, error) {
	var object bytes.Buffer
	enc := json.NewEncoder(&object)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadEntry, err)
	}
	text := bytes.TrimSuffix(object.Bytes(), []byte("\n"))
	if len(text)+crcDigits+2 > LineMaxBytes {
		return nil, fmt.Errorf("%w: %d bytes are above the limit of %d", ErrBadEntry, len(text), LineMaxBytes)
	}
	return fmt.Appendf(make([]byte, 0, len(text)+crcDigits+2), "%08x %s\n", checksum(text), text), nil
}

// decode is the inverse of encode; line includes its line feed. It accepts nothing that
// encode would not write.
func decode(line []byte) (Entry, error) {
	var e Entry
	if len(line) < crcDigits+2 || line[crcDigits] != ' ' || line[len(line)-1] != '\n' {
		return Entry{}, errors.New("not a line of the log")
	}
	text := line[crcDigits+1 : len(line)-1]
	if string(line[:crcDigits]) != fmt.Sprintf("%08x", checksum(text)) {
		return Entry{}, errors.New("checksum does not fit")
	}
	if err := json.Unmarshal(text, &e); err != nil {
		return Entry{}, err
	}
	if again, err := encode(e); err != nil || !bytes.Equal(again, line) {
		return Entry{}, errors.New("not the canonical form")
	}
	return e, nil
}

// holdsWhole says whether an unsound line begins with the whole of a sound entry and goes
// on after it. No torn append looks so: the line feed of an acknowledged entry is damaged,
// and the next entry seems to be part of it.
func holdsWhole(line []byte) bool {
	if len(line) <= crcDigits+1 {
		return false
	}
	var object json.RawMessage
	text := line[crcDigits+1:]
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&object); err != nil {
		return false
	}
	return len(text) > len(object)+1 && string(line[:crcDigits]) == fmt.Sprintf("%08x", checksum(object))
}

func checksum(text []byte) uint32 {
	return crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli))
}
