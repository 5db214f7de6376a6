package object

// A blob has two forms, told apart by the number of their elements:
//
//	leaf   [version, kind, data]
//	list   [version, kind, size in bytes, [hash of a leaf...]]

const (
	blobLeafFields = 1
	blobListFields = 2
)

// Blob is a blob's leaf: a field's value that is too large for a row, or one piece of a
// large record.
type Blob struct{ Data []byte }

// Encode returns the one encoding of b. It may be larger than an object: see Split.
func (b *Blob) Encode() []byte {
	out := make([]byte, 0, len(b.Data)+16)
	return AppendBytes(appendRecord(out, KindBlob, blobLeafFields), b.Data)
}

// DecodeBlob reads the leaf form of a blob.
func DecodeBlob(data []byte) (*Blob, error) {
	b, err := decodeBlob(data, MaxLargeBytes)
	if err != nil {
		return nil, err
	}
	return &b, nil
}

func decodeBlob(data []byte, maxBytes int) (Blob, error) {
	r := ReaderOf(data)
	r.record(KindBlob, blobLeafFields)
	b := Blob{Data: r.Bytes(maxBytes)}
	if err := r.finish(KindBlob); err != nil {
		return Blob{}, err
	}
	return b, nil
}

// BlobList is a blob's list form: it stands for a record of SizeBytes that is stored as
// the data of Pieces, in order. Every piece but the last holds exactly 512 KiB, the last
// one what is left, so SizeBytes says how many there are.
type BlobList struct {
	SizeBytes uint64 // above MaxSizeBytes, up to MaxLargeBytes
	Pieces    []Hash
}

// Encode returns the one encoding of l.
func (l *BlobList) Encode() []byte {
	out := appendRecord(make([]byte, 0, 16+(2+HashSize)*len(l.Pieces)), KindBlob, blobListFields)
	out = AppendUint(out, l.SizeBytes)
	out = AppendArray(out, len(l.Pieces))
	for _, h := range l.Pieces {
		out = AppendHash(out, h)
	}
	return out
}

// DecodeBlobList reads the list form of a blob.
func DecodeBlobList(data []byte) (*BlobList, error) {
	r := ReaderOf(data)
	r.record(KindBlob, blobListFields)
	l := &BlobList{SizeBytes: r.UintMax(MaxLargeBytes)}
	n := r.counted(maxLargePieces, 2+HashSize)
	if r.err == nil && (l.SizeBytes <= MaxSizeBytes || n != pieceCount(int(l.SizeBytes))) {
		r.Fail("%d pieces for %d bytes", n, l.SizeBytes)
	}
	if r.err == nil {
		l.Pieces = make([]Hash, n)
	}
	for i := range l.Pieces {
		l.Pieces[i] = r.Hash()
	}
	if err := r.finish(KindBlob); err != nil {
		return nil, err
	}
	return l, nil
}

// BlobLeaves returns the objects that a blob refers to, none if it is a leaf.
func BlobLeaves(data []byte) ([]Hash, error) {
	if !isBlobList(data) {
		_, err := decodeBlob(data, MaxLargeBytes)
		return nil, err
	}
	l, err := DecodeBlobList(data)
	if err != nil {
		return nil, err
	}
	return l.Pieces, nil
}

// isBlobList says whether data begins as the list form of a blob does.
func isBlobList(data []byte) bool {
	kind, elements, err := recordHead(data)
	return err == nil && kind == KindBlob && elements == 2+blobListFields
}

// pieceCount is the number of pieces that a record of so many bytes is cut into.
func pieceCount(sizeBytes int) int { return (sizeBytes + largePieceBytes - 1) / largePieceBytes }
