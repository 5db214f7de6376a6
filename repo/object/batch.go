package object

// Mark is a recent block that an author saw: a batch or order is void outside the
// window around it.
type Mark struct {
	Block  Hash
	Height uint64
}

// ChunkRef names one chunk of a batch and says how many transactions it holds.
type ChunkRef struct {
	Hash  Hash
	Count uint64
}

// Batch is a run of transactions signed together by one author. Its id is the hash of
// this record, which covers the transactions through the hashes of their chunks; the
// author's seal lies beside it. Transaction i of the batch is written id.i.
type Batch struct {
	Lineage    Hash
	Author     Identity
	Message    string
	TimeMillis uint64 // since the Unix epoch, by the author's clock
	Mark       Mark
	Expiry     uint64 // last height at which it may enter a branch; 0 is none
	Scope      Hash   // id of the only branch it may enter; zero is the whole lineage
	Count      uint64 // of transactions: the sum over Chunks
	Chunks     []ChunkRef
	Extensions []Extension
}

// Encode returns the one encoding of b.
func (b *Batch) Encode() []byte {
	out := appendRecord(make([]byte, 0, 256+len(b.Message)+40*len(b.Chunks)), KindBatch, 10)
	out = AppendHash(out, b.Lineage)
	out = appendIdentity(out, b.Author)
	out = AppendText(out, b.Message)
	out = AppendUint(out, b.TimeMillis)
	out = appendMark(out, b.Mark)
	out = AppendUint(out, b.Expiry)
	out = appendOptional(out, b.Scope)
	out = AppendUint(out, b.Count)
	out = AppendArray(out, len(b.Chunks))
	for _, c := range b.Chunks {
		out = AppendArray(out, 2)
		out = AppendHash(out, c.Hash)
		out = AppendUint(out, c.Count)
	}
	return appendExtensions(out, b.Extensions)
}

// DecodeBatch reads the record of a batch.
func DecodeBatch(data []byte) (*Batch, error) {
	r := NewReader(data)
	r.record(KindBatch, 10)
	b := &Batch{Lineage: r.Hash(), Author: r.identity(), Message: r.Text(MaxMessageBytes), TimeMillis: r.Uint()}
	b.Mark = r.mark()
	b.Expiry = r.Uint()
	b.Scope = r.optional()
	b.Count = r.UintMax(MaxBatchItems)
	var sum uint64
	n := r.counted(MaxChunks, 3+HashSize+1)
	if n > 0 {
		b.Chunks = make([]ChunkRef, 0, n)
	}
	for i := 0; i < n && r.err == nil; i++ {
		r.ArrayOf(2)
		c := ChunkRef{Hash: r.Hash(), Count: r.UintMax(MaxSizeBytes)}
		if c.Count == 0 {
			r.Fail("chunk %d is empty", i)
		}
		sum += c.Count
		b.Chunks = append(b.Chunks, c)
	}
	if r.err == nil && sum != b.Count {
		r.Fail("chunks hold %d transactions, the batch says %d", sum, b.Count)
	}
	b.Extensions = r.extensions()
	if err := r.finish(KindBatch); err != nil {
		return nil, err
	}
	return b, nil
}

func appendMark(b []byte, m Mark) []byte {
	b = AppendArray(b, 2)
	b = AppendHash(b, m.Block)
	return AppendUint(b, m.Height)
}

func (r *Reader) mark() Mark {
	r.ArrayOf(2)
	return Mark{Block: r.Hash(), Height: r.Uint()}
}
