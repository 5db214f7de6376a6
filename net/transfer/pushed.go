package transfer

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/store"
)

// pushedSource is the objects of a client that pushes. It is a repo.Gatherer.
type pushedSource struct {
	spool *spool

	mu     sync.Mutex
	asker  asker
	failed error // the first error of the stream: it is of no use from then on
	cut    bool  // what has come is worth keeping
}

// Gather implements repo.Gatherer.
func (s *pushedSource) Gather(ctx context.Context, w repo.Walk) error {
	g, err := newGathering(ctx, s.spool, w, func(int) {})
	if err != nil {
		return err
	}
	return s.turn(ctx, func() error { return g.run(ctx, &s.asker) })
}

// turn runs fn with the stream, unless that has failed.
func (s *pushedSource) turn(ctx context.Context, fn func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	defer s.asker.w.guard(ctx)()
	if err := fn(); err != nil {
		s.failed = interrupted(ctx, err)
		s.cut = errors.Is(err, ErrCut) || ctx.Err() != nil
	}
	return s.failed
}

// Get implements repo.Source: it asks for what was not gathered.
func (s *pushedSource) Get(ctx context.Context, h object.Hash) ([]byte, error) {
	data, _, err := s.object(ctx, h)
	return data, err
}

// Packed implements repo.PackedSource.
func (s *pushedSource) Packed(ctx context.Context, h object.Hash) (zstd []byte, sizeBytes int) {
	return s.spool.packed(ctx, h)
}

// Seal implements repo.Source.
func (s *pushedSource) Seal(ctx context.Context, h object.Hash) ([]byte, error) {
	_, seal, err := s.object(ctx, h)
	return seal, err
}

func (s *pushedSource) object(ctx context.Context, h object.Hash) (data, seal []byte, err error) {
	if data, seal, err = s.spool.get(ctx, h); !errors.Is(err, store.ErrNotFound) {
		return data, seal, err
	}
	err = s.turn(ctx, func() error {
		data, seal, err = one(&s.asker, s.spool, h)
		return err
	})
	if err == nil && data == nil {
		err = fmt.Errorf("%s: %w on the other side", h, store.ErrNotFound)
	}
	return data, seal, err
}
