package repo

import (
	"context"
	"errors"
	"fmt"

	"aergo/repo/object"
	"aergo/repo/store"
)

// ErrNoObject says that the repository holds no object of this hash.
var ErrNoObject = errors.New("object not here")

// Object returns the bytes of an object, whose hash has been checked. The caller must not
// change them.
func (r *Repo) Object(ctx context.Context, h object.Hash) ([]byte, error) {
	l, err := r.ledger(ctx)
	if err != nil {
		return nil, err
	}
	data, err := l.Objects.Get(ctx, h)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("object %s: %w", h, ErrNoObject)
	}
	return data, err
}
