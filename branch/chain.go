package branch

import (
	"context"
	"errors"
	"fmt"

	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/state"
	"aergo/repo/store"
)

// ErrInvalid is wrapped by every refusal of a block or batch: its bytes are sound but it
// breaks a rule.
var ErrInvalid = errors.New("invalid block")

// Block is a header with the id that names it.
type Block struct {
	ID object.Hash
	*object.Header
}

// Batch is a batch with the id that names it.
type Batch struct {
	ID object.Hash
	*object.Batch
}

// Chain reads blocks and what hangs from them. It is safe for concurrent use as far as
// its store is.
type Chain struct{ Objects store.Reader }

// Block loads the header named id.
func (c Chain) Block(ctx context.Context, id object.Hash) (Block, error) {
	data, err := c.Objects.Get(ctx, id)
	if err != nil {
		return Block{}, fmt.Errorf("block %s: %w", id.Short(), err)
	}
	h, err := object.DecodeHeader(data)
	if err != nil {
		return Block{}, fmt.Errorf("block %s: %w", id.Short(), FaultHeader.Of(err))
	}
	return Block{ID: id, Header: h}, nil
}

// Body loads what a block did.
func (c Chain) Body(ctx context.Context, b Block) (*object.Body, error) {
	data, err := object.Join(ctx, c.Objects, b.Entries, object.MaxLargeBytes)
	if err != nil {
		return nil, fmt.Errorf("body of block %s: %w", b.ID.Short(), err)
	}
	body, err := object.DecodeBody(data)
	if err != nil {
		return nil, fmt.Errorf("body of block %s: %w", b.ID.Short(), FaultBody.Of(err))
	}
	return body, nil
}

// Batch loads the batch named id.
func (c Chain) Batch(ctx context.Context, id object.Hash) (Batch, error) {
	data, err := c.Objects.Get(ctx, id)
	if err != nil {
		return Batch{}, fmt.Errorf("batch %s: %w", id.Short(), err)
	}
	b, err := object.DecodeBatch(data)
	if err != nil {
		return Batch{}, fmt.Errorf("batch %s: %w", id.Short(), FaultBatch.Of(err))
	}
	return Batch{ID: id, Batch: b}, nil
}

// Order loads the order named id.
func (c Chain) Order(ctx context.Context, id object.Hash) (*object.Order, error) {
	data, err := c.Objects.Get(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("order %s: %w", id.Short(), err)
	}
	o, err := object.DecodeOrder(data)
	if err != nil {
		return nil, fmt.Errorf("order %s: %w", id.Short(), FaultOrder.Of(err))
	}
	return o, nil
}

// Chunk loads chunk i of a batch.
func (c Chain) Chunk(ctx context.Context, b Batch, i int) (*object.Chunk, error) {
	ref := b.Chunks[i]
	data, err := c.Objects.Get(ctx, ref.Hash)
	if err != nil {
		return nil, fmt.Errorf("batch %s, chunk %d: %w", b.ID.Short(), i, err)
	}
	chunk, err := object.DecodeChunk(data)
	if err != nil {
		return nil, fmt.Errorf("batch %s, chunk %d: %w", b.ID.Short(), i, FaultChunkRecord.Of(err))
	}
	if uint64(len(chunk.Transactions)) != ref.Count {
		return nil, fmt.Errorf("batch %s, chunk %d: %w: holds %d transactions, the batch says %d",
			b.ID.Short(), i, FaultChunkCount, len(chunk.Transactions), ref.Count)
	}
	return chunk, nil
}

// Transactions calls fn for the transactions first to first+count-1 of a batch, in order,
// with the chunk that each is in, since payloads refer to its names.
func (c Chain) Transactions(ctx context.Context, b Batch, first, count uint64,
	fn func(index uint64, tx *object.Transaction, chunk *object.Chunk) error) error {
	r := ChunkReader{Chain: c}
	return r.Transactions(ctx, b, first, count, fn)
}

// ChunkReader reads the transactions of one span after another. It keeps the last chunk,
// where the next span often begins, and reads the next one ahead. It is used by one
// goroutine.
type ChunkReader struct {
	Chain Chain
	last  object.Hash
	chunk *object.Chunk
}

// chunkRead is a chunk that is being read.
type chunkRead struct {
	chunk *object.Chunk
	err   error
	done  chan struct{}
}

// Transactions is Chain.Transactions.
func (r *ChunkReader) Transactions(ctx context.Context, b Batch, first, count uint64,
	fn func(index uint64, tx *object.Transaction, chunk *object.Chunk) error) error {
	if first+count > b.Count || first+count < first {
		return fmt.Errorf("batch %s: %w: it has %d transactions, not %d from the one numbered %d", b.ID.Short(), FaultNoTransaction, b.Count, count, first)
	}
	var ahead *chunkRead
	defer func() {
		if ahead != nil {
			<-ahead.done
		}
	}()
	var start uint64
	for i, ref := range b.Chunks {
		end := start + ref.Count
		if end <= first {
			start = end
			continue
		}
		if start >= first+count {
			return nil
		}
		chunk, err := r.read(ctx, b, i, ahead)
		if err != nil {
			return err
		}
		if ahead = nil; end < first+count && i+1 < len(b.Chunks) {
			ahead = r.Chain.readAhead(ctx, b, i+1)
		}
		for at := max(first, start); at < min(end, first+count); at++ {
			if err := fn(at, &chunk.Transactions[at-start], chunk); err != nil {
				return err
			}
		}
		start = end
	}
	return nil
}

// readAhead begins to read a chunk.
func (c Chain) readAhead(ctx context.Context, b Batch, i int) *chunkRead {
	ahead := &chunkRead{done: make(chan struct{})}
	go func() {
		defer close(ahead.done)
		ahead.chunk, ahead.err = c.Chunk(ctx, b, i)
	}()
	return ahead
}

// read returns chunk i of a batch, which may have been read ahead.
func (r *ChunkReader) read(ctx context.Context, b Batch, i int, ahead *chunkRead) (chunk *object.Chunk, err error) {
	ref := b.Chunks[i]
	switch {
	case ahead != nil:
		<-ahead.done
		chunk, err = ahead.chunk, ahead.err
	case r.chunk != nil && r.last == ref.Hash && uint64(len(r.chunk.Transactions)) == ref.Count:
		return r.chunk, nil
	default:
		chunk, err = r.Chain.Chunk(ctx, b, i)
	}
	if err == nil {
		r.last, r.chunk = ref.Hash, chunk
	}
	return chunk, err
}

// State returns the state after a block.
func (c Chain) State(b Block) state.Tree { return state.New(c.Objects, b.Header.State) }

// Account returns the account after a block.
func (c Chain) Account(b Block) Account { return Account{state.New(c.Objects, b.Header.Account)} }

// Seal returns the signature that lies beside a sealed object.
func (c Chain) Seal(ctx context.Context, id object.Hash) (key.Signature, error) {
	seal, err := c.Objects.Seal(ctx, id)
	if err != nil {
		return key.Signature{}, err
	}
	if len(seal) != object.SealSize {
		return key.Signature{}, fmt.Errorf("%s: %w: seal of %d bytes", id.Short(), FaultSeal, len(seal))
	}
	return key.Signature(seal), nil
}

// AtHeight walks from head towards the root and returns the block of that height.
func (c Chain) AtHeight(ctx context.Context, head Block, height uint64) (Block, error) {
	if height > head.Height {
		return Block{}, fmt.Errorf("height %d: %w: the head is at %d", height, store.ErrNotFound, head.Height)
	}
	return c.Back(ctx, head, head.Height-height)
}

// Back returns the n-th block before b along parents.
func (c Chain) Back(ctx context.Context, b Block, n uint64) (Block, error) {
	for ; n > 0; n-- {
		if b.Parent.IsZero() {
			return Block{}, fmt.Errorf("block %s: %w: it is the root", b.ID.Short(), store.ErrNotFound)
		}
		parent, err := c.Block(ctx, b.Parent)
		if err != nil {
			return Block{}, err
		}
		b = parent
	}
	return b, nil
}
