package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"

	"aergo/repo/object"
)

// asker asks the other side for objects. It is used by one goroutine.
type asker struct {
	w     *wire
	codec *codec

	unanswered []int // how many objects each request waits for, in order
	scratch    []byte
}

// reply is one object of an answer. The bytes are the asker's, and good until it receives
// again.
type reply struct {
	data, seal []byte // no data if the other side does not have it
	zstd       []byte // data as a frame, if it came in one of its own
}

// want asks for objects and does not wait for the answer. There are at most maxAhead
// requests that wait.
func (a *asker) want(hashes []object.Hash) error {
	if err := a.w.send(&want{hashes}); err != nil {
		return err
	}
	a.unanswered = append(a.unanswered, len(hashes))
	return nil
}

// receive waits for a part of the answer to the oldest request, and calls fn for each
// object in it, in the order in which they were asked for.
func (a *asker) receive(fn func(reply) error) error {
	m, err := a.message(maxPartBytes + 16*maxWant)
	if err != nil {
		return err
	}
	part, ok := m.(*objects)
	if !ok {
		return unexpected(m)
	}
	if len(a.unanswered) == 0 || len(part.Sizes)/2 > a.unanswered[0] {
		return fmt.Errorf("%w: objects that nobody asked for", ErrProtocol)
	}
	if a.unanswered[0] -= len(part.Sizes) / 2; a.unanswered[0] == 0 {
		a.unanswered = a.unanswered[1:]
	}
	plain, err := a.codec.unpack(part, a.scratch)
	if err != nil {
		return err
	}
	if part.Codec == codecZstd {
		a.scratch = plain
	}
	for i := 0; i < len(part.Sizes); i += 2 {
		size, sealSize := int(part.Sizes[i]), int(part.Sizes[i+1])
		r := reply{data: plain[:size:size], seal: plain[size : size+sealSize : size+sealSize]}
		plain = plain[size+sealSize:]
		if len(part.Sizes) == 2 && part.Codec == codecZstd && sealSize == 0 {
			r.zstd = part.Stored
		}
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

// history asks for the blocks that the heads lead to.
func (a *asker) history(heads []object.Hash, limit int) ([]object.Hash, error) {
	if err := a.w.send(&history{Heads: heads, Limit: uint64(limit)}); err != nil {
		return nil, err
	}
	m, err := a.message(maxHistory*object.HashSize + 64)
	if err != nil {
		return nil, err
	}
	b, ok := m.(*blocks)
	if !ok {
		return nil, unexpected(m)
	}
	if len(b.IDs) > limit {
		return nil, fmt.Errorf("%w: %d blocks listed, asked for %d", ErrProtocol, len(b.IDs), limit)
	}
	return b.IDs, nil
}

// message receives a message that has been asked for.
func (a *asker) message(maxBytes int) (message, error) {
	m, err := a.w.receive(maxBytes, a.w.timeouts.Turn)
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: the other side has ended the conversation", ErrCut)
	}
	return m, err
}

// unexpected is the error of a message that has no place where it came: what the other
// side says, if it says why.
func unexpected(m message) error {
	if r, ok := m.(*refusal); ok {
		return r.err()
	}
	return fmt.Errorf("%w: a message of the type %T is out of place", ErrProtocol, m)
}

// checkReply checks that an object is what was asked for.
func checkReply(h object.Hash, r reply) error {
	if actual := object.Sum(r.data); actual != h {
		return fmt.Errorf("object %s: %w: what came has the hash %s", h.Short(), ErrProtocol, actual.Short())
	}
	return nil
}

// interrupted prefers the reason why ctx ended to what came of it.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
