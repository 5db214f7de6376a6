package ref

import (
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"aergo/repo/object"
)

// Branch is a chain of blocks that grows.
type Branch struct {
	Name   Name        `json:"name"`
	ID     object.Hash `json:"id"`     // of the branch; it never changes
	Root   object.Hash `json:"root"`   // first block
	Head   object.Hash `json:"head"`   // newest block
	Nonce  uint64      `json:"nonce"`  // part of what ID is the hash of
	Parent Name        `json:"parent"` // branch that it was made from; empty for none
	Logic  object.Hash `json:"logic"`  // resolver; zero for none
}

// Tag is a named block.
type Tag struct {
	Name   Name        `json:"name"`
	Object object.Hash `json:"object"` // the tag record; zero for none
	Block  object.Hash `json:"block"`
}

// RemoteBranch is a branch of another repository as it was last seen.
type RemoteBranch struct {
	Remote Name        `json:"remote"`
	Name   Name        `json:"name"`
	Head   object.Hash `json:"head"`
	ID     object.Hash `json:"id"`
	Root   object.Hash `json:"root"`
}

// Head says what is checked out: a branch, or a tag (then nothing can be committed).
// Exactly one of the two is set. The branch need not exist yet.
type Head struct {
	Branch Name `json:"branch,omitempty"`
	Tag    Name `json:"tag,omitempty"`
}

// record is what one file holds. The zero value of each type stands for "no such ref".
type record interface {
	comparable
	// kind is the word on the file's second line.
	kind() string
	// check returns an error for a record that may not be stored.
	check() error
	// path is where a checked record is stored.
	path() string
	// label names the ref in a message, as in "branch master".
	label() string
	// fields appends the record's lines to w.
	fields(w *writer)
}

func (Branch) kind() string       { return "branch" }
func (Tag) kind() string          { return "tag" }
func (RemoteBranch) kind() string { return "remote" }
func (Head) kind() string         { return "head" }

func (b Branch) label() string       { return fmt.Sprintf("branch %s", b.Name) }
func (t Tag) label() string          { return fmt.Sprintf("tag %s", t.Name) }
func (r RemoteBranch) label() string { return fmt.Sprintf("remote branch %s/%s", r.Remote, r.Name) }
func (Head) label() string           { return headFile }

const (
	headFile       = "HEAD"
	branchesFolder = "branches"
	tagsFolder     = "tags"
	remotesFolder  = "remotes"
)

func (b Branch) path() string { return branchesFolder + "/" + string(b.Name) }
func (t Tag) path() string    { return tagsFolder + "/" + string(t.Name) }
func (r RemoteBranch) path() string {
	return remotesFolder + "/" + string(r.Remote) + "/" + string(r.Name)
}
func (Head) path() string { return headFile }

func (b Branch) check() error {
	if b.Parent == "" {
		return b.Name.Check()
	}
	return errors.Join(b.Name.Check(), b.Parent.Check())
}

func (t Tag) check() error { return t.Name.Check() }

func (r RemoteBranch) check() error { return errors.Join(r.Remote.Check(), r.Name.Check()) }

func (h Head) check() error {
	switch {
	case h.Branch != "" && h.Tag != "":
		return fmt.Errorf("HEAD: %w: both a branch and a tag", ErrBadName)
	case h.Tag != "":
		return h.Tag.Check()
	}
	return h.Branch.Check()
}

// recordMaxBytes bounds a file; the largest record takes about 700 bytes.
const recordMaxBytes = 4 << 10

const fileHeader = "aergo-ref 1"

// writer builds the text of a record.
type writer struct{ text []byte }

func (w *writer) line(key, value string) {
	if value == "" {
		value = "-"
	}
	w.text = fmt.Appendf(w.text, "%s %s\n", key, value)
}

func (w *writer) name(key string, n Name) { w.line(key, string(n)) }

func (w *writer) hash(key string, h object.Hash) {
	if h.IsZero() {
		w.line(key, "")
		return
	}
	w.line(key, h.String())
}

func (b Branch) fields(w *writer) {
	w.name("name", b.Name)
	w.hash("id", b.ID)
	w.hash("root", b.Root)
	w.hash("head", b.Head)
	w.line("nonce", strconv.FormatUint(b.Nonce, 10))
	w.name("parent", b.Parent)
	w.hash("logic", b.Logic)
}

func (t Tag) fields(w *writer) {
	w.name("name", t.Name)
	w.hash("object", t.Object)
	w.hash("block", t.Block)
}

func (r RemoteBranch) fields(w *writer) {
	w.name("remote", r.Remote)
	w.name("name", r.Name)
	w.hash("head", r.Head)
	w.hash("id", r.ID)
	w.hash("root", r.Root)
}

func (h Head) fields(w *writer) {
	w.name("branch", h.Branch)
	w.name("tag", h.Tag)
}

// encode returns the bytes of a checked record.
func encode[R record](r R) []byte {
	w := writer{text: fmt.Appendf(nil, "%s\nkind %s\n", fileHeader, r.kind())}
	r.fields(&w)
	return fmt.Appendf(w.text, "crc %08x\n", checksum(w.text))
}

// checksum tells a damaged file; it does not protect against a forger, who can write to
// the folder anyway.
func checksum(text []byte) uint32 {
	return crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli))
}

// reader takes a record's lines one by one; the first error sticks.
type reader struct {
	rest string
	line int
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("line %d: %s", r.line, fmt.Sprintf(format, args...))
	}
}

func (r *reader) value(key string) string {
	r.line++
	if r.err != nil {
		return ""
	}
	line, rest, ok := strings.Cut(r.rest, "\n")
	if !ok {
		r.fail("ends early")
		return ""
	}
	value, ok := strings.CutPrefix(line, key+" ")
	if !ok || value == "" {
		r.fail("want %q and a value", key)
		return ""
	}
	r.rest = rest
	return value
}

func (r *reader) name(key string) Name {
	value := r.value(key)
	if r.err != nil || value == "-" {
		return ""
	}
	name, err := ParseName(value)
	if err != nil {
		r.fail("%v", err)
	}
	return name
}

func (r *reader) hash(key string) object.Hash {
	value := r.value(key)
	if r.err != nil || value == "-" {
		return object.Hash{}
	}
	h, err := object.ParseHash(value)
	if err != nil {
		r.fail("%v", err)
	}
	return h
}

func (r *reader) number(key string) uint64 {
	value := r.value(key)
	if r.err != nil {
		return 0
	}
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != value {
		r.fail("%q is not a decimal number", value)
	}
	return n
}

// decode is the inverse of encode. It accepts nothing that encode would not write.
func decode[R record](text []byte, parse func(*reader) R) (R, error) {
	var none R
	if len(text) > recordMaxBytes {
		return none, errors.New("file is too long")
	}
	r := reader{rest: string(text)}
	if got := r.value("aergo-ref"); r.err == nil && got != "1" {
		r.fail("version %q is not known", got)
	}
	if got := r.value("kind"); r.err == nil && got != none.kind() {
		r.fail("kind %q, want %q", got, none.kind())
	}
	rec := parse(&r)
	covered := text[:len(text)-len(r.rest)]
	if got := r.value("crc"); r.err == nil && got != fmt.Sprintf("%08x", checksum(covered)) {
		r.fail("checksum does not fit")
	}
	if r.err == nil && r.rest != "" {
		r.line++
		r.fail("text after the last line")
	}
	if r.err == nil {
		r.err = rec.check()
	}
	// A hash of 64 zeros would be written as "-".
	if r.err == nil && string(encode(rec)) != string(text) {
		r.err = errors.New("not the canonical form")
	}
	if r.err != nil {
		return none, r.err
	}
	return rec, nil
}

func parseBranch(r *reader) Branch {
	return Branch{Name: r.name("name"), ID: r.hash("id"), Root: r.hash("root"), Head: r.hash("head"),
		Nonce: r.number("nonce"), Parent: r.name("parent"), Logic: r.hash("logic")}
}

func parseTag(r *reader) Tag {
	return Tag{Name: r.name("name"), Object: r.hash("object"), Block: r.hash("block")}
}

func parseRemote(r *reader) RemoteBranch {
	return RemoteBranch{Remote: r.name("remote"), Name: r.name("name"), Head: r.hash("head"),
		ID: r.hash("id"), Root: r.hash("root")}
}

func parseHead(r *reader) Head { return Head{Branch: r.name("branch"), Tag: r.name("tag")} }
