package object

import (
	"fmt"
	"maps"
	"slices"
)

// TransactionKind says which runtime a payload is for.
type TransactionKind uint64

// The kinds of transaction. Only operations are executed by this version; the others
// are reserved, and a transaction of one is excluded as malformed.
const (
	TransactionOperations TransactionKind = 0 // table operations
	TransactionCall       TransactionKind = 1 // runtime, contract, code hash, method, arguments
	TransactionEndorsed   TransactionKind = 2 // read and write set, endorsements
	TransactionMessage    TransactionKind = 3 // source lineage, block, proof
)

// Transaction is one atomic intent.
type Transaction struct {
	Kind       TransactionKind
	Payload    []byte // read by the runtime; may refer to the chunk's names by index
	CostLimit  uint64 // in cost units; 0 is none
	FeePayer   []byte // key of who pays, PublicSize bytes; empty for nobody
	Extensions []Extension
}

// Chunk is up to MaxSizeBytes of consecutive transactions of a batch, with a dictionary
// of the names (tables, fields) that they refer to by index.
type Chunk struct {
	Names        []string
	Transactions []Transaction
}

// Encode returns the one encoding of c.
func (c *Chunk) Encode() []byte {
	b := ChunkBuilder{names: c.Names}
	for i := range c.Transactions {
		b.Add(&c.Transactions[i])
	}
	return b.Encode()
}

// ChunkBuilder gathers transactions and their names into a chunk.
type ChunkBuilder struct {
	names     []string
	index     map[string]int
	nameBytes int
	ends      []int // of each transaction in body
	body      []byte
}

// NewChunkBuilder returns an empty builder.
func NewChunkBuilder() *ChunkBuilder { return &ChunkBuilder{index: map[string]int{}} }

// Name returns the index of name in the dictionary, adding it if it is new. Payloads
// that are added to this builder refer to names by these indices.
func (b *ChunkBuilder) Name(name string) int {
	if i, ok := b.index[name]; ok {
		return i
	}
	i := len(b.names)
	b.nameBytes += HeadSize(uint64(len(name))) + len(name)
	b.names = append(b.names, name)
	b.index[name] = i
	return i
}

// Names returns the dictionary so far; it belongs to the builder.
func (b *ChunkBuilder) Names() []string { return b.names }

// Add appends a transaction.
func (b *ChunkBuilder) Add(t *Transaction) {
	b.body = appendTransaction(b.body, t)
	b.ends = append(b.ends, len(b.body))
}

// AddEncoded appends a transaction as Encoded returns it, by copying data. Its payload
// refers to the names of the builder that data comes from, so this builder must have the
// same ones. What is not one whole transaction is refused and changes nothing; the error
// wraps ErrMalformed.
func (b *ChunkBuilder) AddEncoded(data []byte) error {
	r := ReaderOf(data)
	var t Transaction
	r.transaction(&t)
	if err := r.End(); err != nil {
		return fmt.Errorf("transaction: %w", err)
	}
	b.body = append(b.body, data...)
	b.ends = append(b.ends, len(b.body))
	return nil
}

// Clone returns a copy that shares nothing with b.
func (b *ChunkBuilder) Clone() *ChunkBuilder {
	return &ChunkBuilder{names: slices.Clone(b.names), index: maps.Clone(b.index), nameBytes: b.nameBytes, ends: slices.Clone(b.ends), body: slices.Clone(b.body)}
}

// Encoded returns the encoding of each transaction so far. The slices belong to the
// builder and are good until its next Reset.
func (b *ChunkBuilder) Encoded() [][]byte {
	out := make([][]byte, len(b.ends))
	start := 0
	for i, end := range b.ends {
		out[i] = b.body[start:end:end]
		start = end
	}
	return out
}

// Count returns the number of transactions so far.
func (b *ChunkBuilder) Count() int { return len(b.ends) }

// SizeBytes returns the size of the dictionary and the transactions so far.
func (b *ChunkBuilder) SizeBytes() int { return b.nameBytes + len(b.body) }

// Encode returns the record. The builder can go on or be Reset.
func (b *ChunkBuilder) Encode() []byte {
	out := make([]byte, 0, len(b.body)+64*len(b.names)+16)
	out = appendRecord(out, KindChunk, 2)
	out = AppendArray(out, len(b.names))
	for _, n := range b.names {
		out = AppendText(out, n)
	}
	out = AppendArray(out, len(b.ends))
	return append(out, b.body...)
}

// Reset empties the builder and keeps its memory.
func (b *ChunkBuilder) Reset() {
	b.names = b.names[:0]
	clear(b.index)
	b.ends, b.nameBytes = b.ends[:0], 0
	b.body = b.body[:0]
}

func appendTransaction(b []byte, t *Transaction) []byte {
	b = AppendArray(b, 6)
	b = AppendUint(b, Version)
	b = AppendUint(b, uint64(t.Kind))
	b = AppendBytes(b, t.Payload)
	b = AppendUint(b, t.CostLimit)
	b = AppendBytes(b, t.FeePayer)
	return appendExtensions(b, t.Extensions)
}

// DecodeChunk reads a chunk, whose names are distinct. Payloads are slices of data.
func DecodeChunk(data []byte) (*Chunk, error) {
	r := ReaderOf(data)
	r.record(KindChunk, 2)
	c := &Chunk{Names: r.names()}
	if n := r.counted(MaxSizeBytes, minTransactionBytes); n > 0 {
		c.Transactions = make([]Transaction, n)
	}
	for i := range c.Transactions {
		if r.err != nil {
			break
		}
		r.transaction(&c.Transactions[i])
	}
	if err := r.finish(KindChunk); err != nil {
		return nil, err
	}
	return c, nil
}

// names reads the dictionary of a chunk.
func (r *Reader) names() []string {
	n := r.Array(MaxChunkNames)
	if n == 0 {
		return nil
	}
	names := make([]string, 0, n)
	seen := map[string]struct{}{}
	for i := 0; i < n && r.err == nil; i++ {
		name := r.Text(MaxNameBytes)
		if _, dup := seen[name]; dup {
			r.Fail("name %q stands twice in the dictionary", name)
		}
		seen[name] = struct{}{}
		names = append(names, name)
	}
	return names
}

// minTransactionBytes is the size of a transaction whose fields are all empty.
const minTransactionBytes = 7

func (r *Reader) transaction(t *Transaction) {
	r.ArrayOf(6)
	if v := r.Uint(); r.err == nil && v != Version {
		r.Fail("transaction version %d, want %d", v, Version)
	}
	t.Kind = TransactionKind(r.UintMax(uint64(TransactionMessage)))
	t.Payload = r.Bytes(MaxPayloadBytes)
	t.CostLimit = r.Uint()
	t.FeePayer = r.Bytes(PublicSize)
	if r.err == nil && len(t.FeePayer) != 0 && len(t.FeePayer) != PublicSize {
		r.Fail("fee payer's key of %d bytes", len(t.FeePayer))
	}
	t.Extensions = r.extensions()
}
