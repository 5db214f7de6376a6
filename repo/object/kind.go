package object

import "fmt"

// Kind says which record an object is. It is the second element of every record, after
// the version, so that the bytes of one kind can never be read as another.
type Kind uint8

// The kinds of record. Numbers are part of the format and never reused.
const (
	KindBatch     Kind = 1
	KindChunk     Kind = 2
	KindHeader    Kind = 3
	KindBody      Kind = 4
	KindTag       Kind = 5
	KindStateNode Kind = 6
	KindBlob      Kind = 7
	KindOrder     Kind = 8
	KindTree      Kind = 9
	KindReceipts  Kind = 10

	KindPoolReceipt Kind = 11 // never an object of a store: it travels, and pools keep it
)

var kindNames = [...]string{
	KindBatch: "batch", KindChunk: "chunk", KindHeader: "header", KindBody: "body", KindTag: "tag",
	KindStateNode: "state node", KindBlob: "blob", KindOrder: "order", KindTree: "tree", KindReceipts: "receipts",
	KindPoolReceipt: "pool receipt",
}

// Valid says whether k is a known kind.
func (k Kind) Valid() bool { return k >= KindBatch && int(k) < len(kindNames) }

// Large says whether a record of kind k may be larger than one object. Such a record is
// at most MaxLargeBytes and Split over several objects; any other is at most MaxSizeBytes.
func (k Kind) Large() bool {
	switch k {
	case KindBody, KindBlob, KindTree, KindReceipts:
		return true
	}
	return false
}

// maxBytes is the largest size of a record of kind k.
func (k Kind) maxBytes() int {
	if k.Large() {
		return MaxLargeBytes
	}
	return MaxSizeBytes
}

func (k Kind) String() string {
	if k.Valid() {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}
