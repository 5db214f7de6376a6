package branch

import (
	"fmt"

	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/store"
)

// Accepted is a batch that was accepted.
type Accepted struct {
	Batch   Batch
	Record  []byte // the batch, encoded
	Seal    key.Signature
	Data    [][]byte // the batch's chunks, encoded
	Chunks  []*object.Chunk
	Receipt PoolReceipt
}

// ReadAccepted reads a batch and its chunks, which must be all that the batch names, in its
// order. It verifies no signature. The error wraps object.ErrMalformed or ErrInvalid.
func ReadAccepted(record, seal []byte, data [][]byte) (*Accepted, error) {
	batch, err := object.DecodeBatch(record)
	if err != nil {
		return nil, err
	}
	a := &Accepted{Batch: Batch{ID: object.Sum(record), Batch: batch}, Record: record, Data: data}
	if a.Seal, err = key.SignatureFromBytes(seal); err != nil {
		return nil, fmt.Errorf("batch %s: %w", a.Batch.ID.Short(), err)
	}
	if len(data) != len(batch.Chunks) {
		return nil, fmt.Errorf("batch %s: %w: %d chunks came, it has %d", a.Batch.ID.Short(), FaultChunk, len(data), len(batch.Chunks))
	}
	for i, ref := range batch.Chunks {
		if object.Sum(data[i]) != ref.Hash {
			return nil, fmt.Errorf("batch %s, chunk %d: %w: another one came", a.Batch.ID.Short(), i, FaultChunk)
		}
		chunk, err := object.DecodeChunk(data[i])
		if err != nil {
			return nil, fmt.Errorf("batch %s, chunk %d: %w", a.Batch.ID.Short(), i, err)
		}
		if uint64(len(chunk.Transactions)) != ref.Count {
			return nil, fmt.Errorf("batch %s, chunk %d: %w: holds %d transactions, the batch says %d",
				a.Batch.ID.Short(), i, FaultChunkCount, len(chunk.Transactions), ref.Count)
		}
		a.Chunks = append(a.Chunks, chunk)
	}
	return a, nil
}

// SizeBytes returns the size of the batch with its chunks.
func (a *Accepted) SizeBytes() int {
	n := len(a.Record)
	for _, d := range a.Data {
		n += len(d)
	}
	return n
}

// Put writes the batch and its chunks.
func (a *Accepted) Put(w store.Writer) error {
	for i, ref := range a.Batch.Batch.Chunks {
		if err := w.Put(object.KindChunk, ref.Hash, a.Data[i]); err != nil {
			return err
		}
	}
	return w.PutSealed(object.KindBatch, a.Batch.ID, a.Record, a.Seal[:])
}
