package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/store"
)

// answerer answers for the objects of a source. It is used by one goroutine.
type answerer struct {
	w      *wire
	codec  *codec
	source repo.Source

	sent    func(objects uint64) // told now and then how many have been looked up; nil is nobody
	objects uint64

	// parcels are being compressed, the oldest first; spare ones are not in use.
	parcels, spare []*parcel
}

// maxParcels is how many parts of answers are compressed ahead of what is sent.
const maxParcels = 3

// parcel is a part of an answer.
type parcel struct {
	part          objects
	plain, packed []byte
	ready         chan struct{} // closed when it is compressed
}

// request is a message that came, or the error that ended the messages.
type request struct {
	m   message
	err error
}

// serve answers for objects and history until another message comes, and returns that.
// The error is io.EOF at an orderly end. Requests are read ahead, so that who asks need
// not wait for answers; no more than maxAhead of them are held.
func (a *answerer) serve(ctx context.Context, maxBytes int, wait time.Duration) (message, error) {
	requests := make(chan request, maxAhead)
	go func() {
		defer close(requests)
		for {
			m, err := a.w.receive(maxBytes, wait)
			requests <- request{m, err}
			switch m.(type) {
			case *want, *history:
			case *refusal:
				a.w.endWrites() // nobody takes the answers any more
				return
			default:
				return
			}
		}
	}()
	var failed error
	for r := range requests {
		switch m := r.m.(type) {
		case *want:
			if failed == nil {
				err := a.want(ctx, m.Hashes)
				if err == nil && len(requests) == 0 {
					err = a.flush(0) // who asked waits for it
				}
				failed = a.endReading(err)
			}
		case *history:
			if failed == nil {
				failed = a.endReading(a.history(ctx, m))
			}
		case *refusal:
			return m, nil // why nobody takes the answers
		default:
			if failed == nil && m != nil {
				failed = a.flush(0)
			}
			if failed != nil {
				return nil, failed
			}
			return m, r.err
		}
	}
	return nil, failed
}

// lastWords is how long the other side may take to say why it hangs up.
const lastWords = 5 * time.Second

// endReading sees to it that no more requests are waited for after an error.
func (a *answerer) endReading(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrCut) {
		a.w.endReads(lastWords)
	} else {
		a.w.endReads(0)
	}
	return err
}

// want readies objects, in parts of a size that both sides can hold, and sends those that
// there are too many of.
func (a *answerer) want(ctx context.Context, hashes []object.Hash) error {
	p := a.empty()
	for i, h := range hashes {
		if alone := a.packed(ctx, h); alone != nil {
			for _, next := range [...]*parcel{p, alone} {
				if err := a.ready(next); err != nil {
					return err
				}
			}
			p = a.empty()
			continue
		}
		data, seal, err := lookup(ctx, a.source, h)
		if err != nil {
			return err
		}
		p.part.Sizes = append(p.part.Sizes, uint64(len(data)), uint64(len(seal)))
		p.plain = append(append(p.plain, data...), seal...)
		if len(p.plain) < partBytes && i < len(hashes)-1 {
			continue
		}
		if err := a.ready(p); err != nil {
			return err
		}
		p = a.empty()
	}
	return a.ready(p)
}

// packed returns a parcel of one object that is stored as a zstd frame of its own, as it is; nil
// if it is not.
func (a *answerer) packed(ctx context.Context, h object.Hash) *parcel {
	source, ok := a.source.(repo.PackedSource)
	if !ok {
		return nil
	}
	zstd, sizeBytes := source.Packed(ctx, h)
	if zstd == nil || sizeBytes > store.MaxObjectBytes || len(zstd) >= sizeBytes {
		return nil
	}
	p := a.empty()
	p.part = objects{Sizes: append(p.part.Sizes, uint64(sizeBytes), 0), Codec: codecZstd, PlainBytes: uint64(sizeBytes), Stored: zstd}
	return p
}

// ready has a parcel compressed, unless it is, and sends those that there are too many of. It
// does nothing with an empty one.
func (a *answerer) ready(p *parcel) error {
	switch {
	case len(p.part.Sizes) == 0:
		a.spare = append(a.spare, p)
		return nil
	case p.part.Stored == nil:
		go a.pack(p)
	default:
		close(p.ready)
	}
	a.objects += uint64(len(p.part.Sizes) / 2)
	if a.sent != nil {
		a.sent(a.objects)
	}
	a.parcels = append(a.parcels, p)
	return a.flush(maxParcels - 1)
}

// pack compresses a parcel.
func (a *answerer) pack(p *parcel) {
	p.packed = a.codec.pack(&p.part, p.plain, p.packed)
	close(p.ready)
}

// empty returns a parcel to fill.
func (a *answerer) empty() *parcel {
	p := &parcel{}
	if n := len(a.spare); n > 0 {
		p, a.spare = a.spare[n-1], a.spare[:n-1]
	}
	p.part, p.plain, p.ready = objects{Sizes: p.part.Sizes[:0]}, p.plain[:0], make(chan struct{})
	return p
}

// flush sends the oldest parcels until no more than so many are left.
func (a *answerer) flush(left int) error {
	for len(a.parcels) > left {
		p := a.parcels[0]
		a.parcels = a.parcels[1:]
		<-p.ready
		if err := a.w.send(&p.part); err != nil {
			return err
		}
		a.spare = append(a.spare, p)
	}
	return nil
}

// lookup returns an object and its seal, and nothing if the source does not have it.
func lookup(ctx context.Context, source repo.Source, h object.Hash) (data, seal []byte, err error) {
	data, err = source.Get(ctx, h)
	if errors.Is(err, store.ErrNotFound) && !repo.IsLacking(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	seal, err = source.Seal(ctx, h)
	if err == nil && (len(data) > store.MaxObjectBytes || len(seal) > store.MaxSealBytes) {
		err = fmt.Errorf("object %s: %w: it has %d bytes, and %d of a seal", h.Short(), store.ErrCorrupt, len(data), len(seal))
	}
	return data, seal, err
}

// history lists blocks, breadth first. What is no block is left out.
func (a *answerer) history(ctx context.Context, m *history) error {
	if err := a.flush(0); err != nil {
		return err
	}
	seen := map[object.Hash]bool{{}: true}
	var queue []object.Hash
	add := func(h object.Hash) {
		if !seen[h] && len(queue) < int(m.Limit) {
			seen[h] = true
			queue = append(queue, h)
		}
	}
	for _, h := range m.Heads {
		add(h)
	}
	out := &blocks{}
	for at := 0; at < len(queue); {
		h := queue[at]
		at++
		data, err := a.source.Get(ctx, h)
		if errors.Is(err, store.ErrNotFound) {
			continue // a partial clone, too, has the headers of what it has
		}
		if err != nil {
			return err
		}
		b, err := object.DecodeHeader(data)
		if err != nil {
			continue // another kind of object
		}
		out.IDs = append(out.IDs, h)
		for _, to := range blockLinks(b) {
			add(to)
		}
	}
	return a.w.send(out)
}

// blockLinks returns the blocks that a header leads to; some of them may be zero.
func blockLinks(b *object.Header) [3]object.Hash {
	return [...]object.Hash{b.Parent, b.Absorbed, b.Directory}
}

// isEnd says whether a conversation has ended in order.
func isEnd(err error) bool { return errors.Is(err, io.EOF) && !errors.Is(err, ErrCut) }
