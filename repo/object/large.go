package object

import (
	"context"
	"fmt"
)

// A large record (body, DTT, receipts, a field's value as a Blob) is an object by itself
// while it fits one. Beyond that its encoding is cut into pieces, each the data of a
// leaf blob, and the object that names the record is the BlobList of the pieces. There
// is one way to cut, so equal records have equal names.

// Piece is one object of a large record.
type Piece struct {
	Kind Kind
	Hash Hash
	Data []byte
}

// Split cuts an encoded record of the given kind into the objects that store it. The
// last piece is the one that refers to the others, and its hash names the record; for a
// record of up to MaxSizeBytes it is data itself, not a copy. A value that is no record
// is wrapped in a Blob first. The error wraps ErrMalformed.
func Split(kind Kind, data []byte) ([]Piece, error) {
	if err := checkWhole(kind, data); err != nil {
		return nil, err
	}
	if len(data) <= MaxSizeBytes {
		return []Piece{{Kind: kind, Hash: Sum(data), Data: data}}, nil
	}
	list := BlobList{SizeBytes: uint64(len(data))}
	pieces := make([]Piece, 0, pieceCount(len(data))+1)
	for rest := data; len(rest) > 0; {
		n := min(len(rest), largePieceBytes)
		leaf := (&Blob{Data: rest[:n]}).Encode()
		rest = rest[n:]
		pieces = append(pieces, Piece{Kind: KindBlob, Hash: Sum(leaf), Data: leaf})
		list.Pieces = append(list.Pieces, pieces[len(pieces)-1].Hash)
	}
	root := list.Encode()
	return append(pieces, Piece{Kind: KindBlob, Hash: Sum(root), Data: root}), nil
}

// checkWhole refuses what is not a whole record of the kind, as far as its head tells.
func checkWhole(kind Kind, data []byte) error {
	got, err := KindOf(data)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", kind, err)
	case got != kind:
		return fmt.Errorf("%s: %w: it is a %s", kind, ErrMalformed, got)
	case len(data) > kind.maxBytes():
		return fmt.Errorf("%s: %w: %d bytes are above the limit of %d", kind, ErrMalformed, len(data), kind.maxBytes())
	case isBlobList(data):
		return fmt.Errorf("%s: %w: a list of pieces is not a record", kind, ErrMalformed)
	}
	return nil
}

// Getter returns the bytes of an object, which it has checked against h: Join does not
// hash them again.
type Getter interface {
	Get(ctx context.Context, h Hash) ([]byte, error)
}

// Join is the inverse of Split: it returns the encoded record named h, of at most
// maxBytes, which the caller decodes and must not modify. Nothing is allocated for the
// whole before every piece has been read. Errors wrap ErrMalformed, or are the Getter's.
func Join(ctx context.Context, from Getter, h Hash, maxBytes int) ([]byte, error) {
	data, err := from.Get(ctx, h)
	if err != nil {
		return nil, err
	}
	sizeBytes, isList := uint64(len(data)), isBlobList(data)
	var list *BlobList
	if isList {
		if list, err = DecodeBlobList(data); err != nil {
			return nil, fmt.Errorf("object %s: %w", h.Short(), err)
		}
		sizeBytes = list.SizeBytes
	}
	if sizeBytes > uint64(max(maxBytes, 0)) {
		return nil, fmt.Errorf("object %s: %w: %d bytes are above the limit of %d", h.Short(), ErrMalformed, sizeBytes, maxBytes)
	}
	if isList {
		if data, err = joinPieces(ctx, from, list); err != nil {
			return nil, fmt.Errorf("object %s: %w", h.Short(), err)
		}
	}
	kind, err := KindOf(data)
	if err == nil {
		err = checkWhole(kind, data)
	}
	if err != nil {
		return nil, fmt.Errorf("object %s: %w", h.Short(), err)
	}
	return data, nil
}

func joinPieces(ctx context.Context, from Getter, list *BlobList) ([]byte, error) {
	pieces := make([][]byte, len(list.Pieces))
	left := int(list.SizeBytes)
	for i, h := range list.Pieces {
		data, err := from.Get(ctx, h)
		if err != nil {
			return nil, fmt.Errorf("piece %d, %s: %w", i, h.Short(), err)
		}
		leaf, err := decodeBlob(data, largePieceBytes)
		if err != nil {
			return nil, fmt.Errorf("piece %d, %s: %w", i, h.Short(), err)
		}
		if want := min(largePieceBytes, left); len(leaf.Data) != want {
			return nil, fmt.Errorf("piece %d, %s: %w: %d bytes, want %d", i, h.Short(), ErrMalformed, len(leaf.Data), want)
		}
		pieces[i] = leaf.Data
		left -= len(leaf.Data)
	}
	out := make([]byte, 0, list.SizeBytes)
	for _, piece := range pieces {
		out = append(out, piece...)
	}
	return out, nil
}
