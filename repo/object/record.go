package object

import (
	"fmt"
	"slices"
)

// PublicSize and SealSize are the lengths of an Ed25519 public key and signature.
const (
	PublicSize = 32
	SealSize   = 64
)

// Identity is how a record names who made it: the key that must have sealed it, and
// the name that its holder goes by. Only the key carries authority.
type Identity struct {
	Key  [PublicSize]byte
	Name string
}

// Extension is room to grow: a reader that does not know ID ignores the extension,
// unless it is critical; then it must refuse the record.
type Extension struct {
	ID       uint64
	Critical bool
	Data     []byte
}

// KindOf returns the kind of an encoded record. It reads no further than the kind.
func KindOf(data []byte) (Kind, error) {
	kind, _, err := recordHead(data)
	return kind, err
}

// recordHead reads the kind of a record and the number of elements of its array.
func recordHead(data []byte) (kind Kind, elements int, err error) {
	r := ReaderOf(data)
	elements = r.Array(MaxLargeBytes)
	if r.err == nil && elements < 2 {
		r.Fail("array of %d elements has no version and kind", elements)
	}
	version, k := r.Uint(), r.Uint()
	if r.err == nil && (version != Version || k > 255 || !Kind(k).Valid()) {
		r.Fail("version %d, kind %d", version, k)
	}
	if r.err != nil {
		return 0, 0, fmt.Errorf("record: %w", r.err)
	}
	return Kind(k), elements, nil
}

func appendRecord(b []byte, kind Kind, fields int) []byte {
	b = AppendArray(b, 2+fields)
	b = AppendUint(b, Version)
	return AppendUint(b, uint64(kind))
}

// record reads the head that appendRecord writes, and refuses an input that is larger
// than any record of the kind.
func (r *Reader) record(kind Kind, fields int) {
	if len(r.buf) > kind.maxBytes() {
		r.Fail("%d bytes are above the limit of %d", len(r.buf), kind.maxBytes())
	}
	r.ArrayOf(2 + fields)
	if v := r.Uint(); r.err == nil && v != Version {
		r.Fail("version %d, want %d", v, Version)
	}
	if k := r.Uint(); r.err == nil && k != uint64(kind) {
		r.Fail("kind %d, want %s", k, kind)
	}
}

// finish wraps the reader's verdict with the name of the record.
func (r *Reader) finish(kind Kind) error {
	if err := r.End(); err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	return nil
}

func appendIdentity(b []byte, id Identity) []byte {
	b = AppendArray(b, 2)
	b = AppendBytes(b, id.Key[:])
	return AppendText(b, id.Name)
}

func (r *Reader) identity() Identity {
	var id Identity
	r.ArrayOf(2)
	key := r.Bytes(PublicSize)
	if r.err == nil && len(key) != PublicSize {
		r.Fail("key of %d bytes", len(key))
	}
	copy(id.Key[:], key)
	id.Name = r.Text(MaxNameBytes)
	return id
}

func appendExtensions(b []byte, exts []Extension) []byte {
	b = AppendArray(b, len(exts))
	for _, e := range exts {
		b = AppendArray(b, 3)
		b = AppendUint(b, e.ID)
		b = appendBool(b, e.Critical)
		b = AppendBytes(b, e.Data)
	}
	return b
}

// extensions reads extensions, which stand in strictly ascending order of their id.
func (r *Reader) extensions() []Extension {
	n := r.counted(MaxExtensions, 4)
	if n == 0 || r.err != nil {
		return nil
	}
	exts := make([]Extension, 0, n)
	for i := 0; i < n && r.err == nil; i++ {
		r.ArrayOf(3)
		e := Extension{ID: r.Uint(), Critical: r.bool(), Data: r.Bytes(MaxExtensionBytes)}
		if i > 0 && e.ID <= exts[i-1].ID {
			r.Fail("extension %d out of order", e.ID)
		}
		exts = append(exts, e)
	}
	return exts
}

// The extensions of headers. Numbers are part of the format and never reused.
const (
	// ExtensionFounding makes a header the first of a branch with merge logic: how the branch
	// was named, and the logic. See package branch.
	ExtensionFounding = 1
	// ExtensionGrounds names blocks of the branch from whose states a merge by a resolver
	// finds what its source had. See package branch.
	ExtensionGrounds = 2
)

// FindExtension returns the data of an extension, if it is there.
func FindExtension(exts []Extension, id uint64) (data []byte, ok bool) {
	for _, e := range exts {
		if e.ID == id {
			return e.Data, true
		}
	}
	return nil, false
}

// UnknownCritical returns the id of the first critical extension that is not among the
// known ones: a reader must refuse the record.
func UnknownCritical(exts []Extension, known ...uint64) (id uint64, found bool) {
	for _, e := range exts {
		if e.Critical && !slices.Contains(known, e.ID) {
			return e.ID, true
		}
	}
	return 0, false
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return AppendUint(b, 1)
	}
	return AppendUint(b, 0)
}

func (r *Reader) bool() bool { return r.UintMax(1) == 1 }

// appendOptional writes an optional hash: an empty byte string stands for the zero hash.
func appendOptional(b []byte, h Hash) []byte {
	if h.IsZero() {
		return AppendBytes(b, nil)
	}
	return AppendHash(b, h)
}

func (r *Reader) optional() Hash {
	b := r.Bytes(HashSize)
	if r.err != nil || len(b) == 0 {
		return Hash{}
	}
	if len(b) != HashSize || Hash(b).IsZero() {
		r.Fail("optional hash is neither empty nor a hash")
		return Hash{}
	}
	return Hash(b)
}
