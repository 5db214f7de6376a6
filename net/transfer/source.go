package transfer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/store"
)

// remoteSource is the objects of the repository at the other side of a Client. It is a
// repo.Gatherer.
type remoteSource struct{ c *Client }

// Gather implements repo.Gatherer.
func (s *remoteSource) Gather(ctx context.Context, w repo.Walk) error {
	g, err := newGathering(ctx, s.c.spool, w, s.c.count)
	if err != nil {
		return err
	}
	err = s.c.turn(ctx, func(line *wire) error { return g.run(ctx, &asker{w: line, codec: s.c.codec}) })
	s.c.ended(ctx, err)
	return err
}

// Get implements repo.Source: it asks for what was not gathered.
func (s *remoteSource) Get(ctx context.Context, h object.Hash) ([]byte, error) {
	data, _, err := s.object(ctx, h)
	return data, err
}

// Packed implements repo.PackedSource.
func (s *remoteSource) Packed(ctx context.Context, h object.Hash) (zstd []byte, sizeBytes int) {
	return s.c.spool.packed(ctx, h)
}

// Seal implements repo.Source.
func (s *remoteSource) Seal(ctx context.Context, h object.Hash) ([]byte, error) {
	_, seal, err := s.object(ctx, h)
	return seal, err
}

func (s *remoteSource) object(ctx context.Context, h object.Hash) (data, seal []byte, err error) {
	if data, seal, err = s.c.spool.get(ctx, h); !errors.Is(err, store.ErrNotFound) {
		return data, seal, err
	}
	err = s.c.turn(ctx, func(w *wire) error {
		data, seal, err = one(&asker{w: w, codec: s.c.codec}, s.c.spool, h)
		return err
	})
	s.c.ended(ctx, err)
	if err != nil {
		return nil, nil, err
	}
	s.c.mu.Lock()
	s.c.singles++
	s.c.mu.Unlock()
	if data == nil {
		return nil, nil, fmt.Errorf("%s: %w on the other side", h, store.ErrNotFound)
	}
	return data, seal, nil
}

// one asks for one object, and returns none if the other side does not have it.
func one(a *asker, s *spool, h object.Hash) (data, seal []byte, err error) {
	if err := a.want([]object.Hash{h}); err != nil {
		return nil, nil, err
	}
	err = a.receive(func(r reply) error {
		if len(r.data) == 0 {
			return nil
		}
		if err := checkReply(h, r); err != nil {
			return err
		}
		data, seal = slices.Clone(r.data), slices.Clone(r.seal)
		return s.put(h, r)
	})
	return data, seal, err
}

// progressEvery is how many objects come between two reports of progress.
const progressEvery = 256

// count counts an object that came. The lock is held, as in all turns.
func (c *Client) count(sizeBytes int) {
	c.bytes += uint64(sizeBytes)
	if c.objects++; c.objects%progressEvery == 0 {
		c.opts.Progress(c.objects, c.bytes)
	}
}

// ended notes whether what has come is to be kept: after a cut it is.
func (c *Client) ended(ctx context.Context, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep = err != nil && (errors.Is(err, ErrCut) || ctx.Err() != nil)
}
