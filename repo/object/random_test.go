package object_test

import (
	"math/rand/v2"
	"testing"

	"aergo/repo/object"
)

// encoder is what every record is.
type encoder interface{ Encode() []byte }

// codec is one record type as the tests of all records see it.
type codec struct {
	name   string
	kind   object.Kind
	blank  func() encoder
	decode func(data []byte) (encoder, error)
	random func(g *gen) encoder
}

func codecs() []codec {
	return []codec{
		codecOf("batch", object.KindBatch, object.DecodeBatch, (*gen).batch),
		codecOf("blob", object.KindBlob, object.DecodeBlob, (*gen).blob),
		codecOf("bloblist", object.KindBlob, object.DecodeBlobList, (*gen).blobList),
		codecOf("body", object.KindBody, object.DecodeBody, (*gen).body),
		codecOf("chunk", object.KindChunk, object.DecodeChunk, (*gen).chunk),
		codecOf("header", object.KindHeader, object.DecodeHeader, (*gen).header),
		codecOf("order", object.KindOrder, object.DecodeOrder, (*gen).order),
		codecOf("poolreceipt", object.KindPoolReceipt, object.DecodePoolReceipt, (*gen).poolReceipt),
		codecOf("receipts", object.KindReceipts, object.DecodeReceipts, (*gen).receipts),
		codecOf("tag", object.KindTag, object.DecodeTag, (*gen).tag),
	}
}

func codecNamed(name string) codec {
	for _, c := range codecs() {
		if c.name == name {
			return c
		}
	}
	panic("no codec " + name)
}

// record is a pointer to a record type.
type record[T any] interface {
	*T
	encoder
}

func codecOf[T any, P record[T]](name string, kind object.Kind, decode func([]byte) (P, error), random func(*gen) P) codec {
	return codec{
		name: name, kind: kind,
		blank: func() encoder { return P(new(T)) },
		decode: func(data []byte) (encoder, error) {
			rec, err := decode(data)
			if err != nil {
				return nil, err // not a typed nil
			}
			return rec, nil
		},
		random: func(g *gen) encoder { return random(g) },
	}
}

// gen makes random valid records.
type gen struct{ *rand.Rand }

// newGen returns a generator whose seed is logged, so that a failure can be repeated.
func newGen(t testing.TB) *gen {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return genOf(seed)
}

func genOf(seed uint64) *gen { return &gen{rand.New(rand.NewPCG(seed, 0))} }

// below returns a number below n, mostly a small one, and often one at the edge of a
// head's size.
func (g *gen) below(n uint64) uint64 {
	edges := [...]uint64{0, 1, 23, 24, 0xff, 0x100, 0xffff, 0x10000, 0xffffffff, 0x100000000, n - 1}
	switch g.IntN(3) {
	case 0:
		return edges[g.IntN(len(edges))] % n
	case 1:
		return g.Uint64N(min(n, 100))
	}
	return g.Uint64N(n)
}

func (g *gen) uint() uint64 { return g.below(1<<64 - 1) }

// few returns a small count, often zero.
func (g *gen) few() int { return max(0, g.IntN(7)-2) }

func (g *gen) hash() object.Hash {
	var h object.Hash
	for i := range h {
		h[i] = byte(g.Uint32())
	}
	return h
}

func (g *gen) optional() object.Hash {
	if g.IntN(2) == 0 {
		return object.Hash{}
	}
	return g.hash()
}

func (g *gen) bytes(maxBytes int) []byte {
	b := make([]byte, g.below(uint64(maxBytes)+1))
	for i := range b {
		b[i] = byte(g.Uint32())
	}
	return b
}

func (g *gen) text(maxBytes int) string {
	letters := []rune("abcxyz 019_-.\x00\näß€漢𝄞")
	var s []byte
	for want := g.IntN(min(maxBytes, 300) + 1); ; {
		next := string(letters[g.IntN(len(letters))])
		if len(s)+len(next) > want {
			return string(s)
		}
		s = append(s, next...)
	}
}

func (g *gen) identity() object.Identity {
	return object.Identity{Key: g.hash(), Name: g.text(object.MaxNameBytes)}
}

func (g *gen) mark() object.Mark { return object.Mark{Block: g.hash(), Height: g.uint()} }

func (g *gen) extensions() []object.Extension {
	var exts []object.Extension
	for id, n := g.below(1000), g.few(); n > 0; n-- {
		exts = append(exts, object.Extension{ID: id, Critical: g.IntN(2) == 0, Data: g.bytes(300)})
		id += 1 + g.below(1<<40)
	}
	return exts
}

func (g *gen) batch() *object.Batch {
	b := &object.Batch{
		Lineage: g.hash(), Author: g.identity(), Message: g.text(object.MaxMessageBytes), TimeMillis: g.uint(),
		Mark: g.mark(), Expiry: g.uint(), Scope: g.optional(), Extensions: g.extensions(),
	}
	for n := g.few(); n > 0; n-- {
		ref := object.ChunkRef{Hash: g.hash(), Count: 1 + g.below(object.MaxSizeBytes)}
		b.Chunks = append(b.Chunks, ref)
		b.Count += ref.Count
	}
	return b
}

func (g *gen) blob() *object.Blob { return &object.Blob{Data: g.bytes(70_000)} }

func (g *gen) blobList() *object.BlobList {
	l := &object.BlobList{SizeBytes: object.MaxSizeBytes + 1 + g.below(8<<20)}
	for n := (l.SizeBytes + 512<<10 - 1) / (512 << 10); n > 0; n-- {
		l.Pieces = append(l.Pieces, g.hash())
	}
	return l
}

func (g *gen) chunk() *object.Chunk {
	c := &object.Chunk{}
	seen := map[string]bool{}
	for n := g.few(); n > 0; n-- {
		if name := g.text(object.MaxNameBytes); !seen[name] {
			seen[name] = true
			c.Names = append(c.Names, name)
		}
	}
	for n := g.few(); n > 0; n-- {
		tx := object.Transaction{
			Kind: object.TransactionKind(g.IntN(4)), Payload: g.bytes(300), CostLimit: g.uint(), Extensions: g.extensions(),
		}
		if g.IntN(3) == 0 {
			payer := g.hash()
			tx.FeePayer = payer[:]
		}
		c.Transactions = append(c.Transactions, tx)
	}
	return c
}

func (g *gen) header() *object.Header {
	h := &object.Header{
		Lineage: g.hash(), Branch: g.optional(), Slot: g.uint(), TimeMillis: g.uint(), Absorbed: g.optional(),
		Directory: g.optional(), State: g.hash(), Account: g.hash(), Entries: g.hash(), Tree: g.hash(), Access: g.optional(),
		Receipts: g.hash(), Delegates: g.hash(), NextDelegates: g.hash(), MergeMode: object.Mode(g.IntN(4)),
		Resolver: g.optional(), Producer: g.identity(), Consensus: g.bytes(object.MaxConsensusBytes), Extensions: g.extensions(),
	}
	switch g.IntN(3) {
	case 0:
		h.Height, h.Parent = 1+g.below(1<<63), g.hash()
	case 1:
		h.Lineage, h.Branch = object.Hash{}, object.Hash{}
	}
	return h
}

// runs returns n runs or fewer, none of which continues another.
func (g *gen) runs(n int) []object.Run {
	var runs []object.Run
	first := g.below(1 << 39)
	for ; n > 0; n-- {
		run := object.Run{First: first, Count: 1 + g.below(1<<30), Verdict: object.Verdict(g.IntN(5))}
		if run.Verdict == object.VerdictExcluded {
			run.Count = 1 + g.Uint64N(3)
		}
		runs = append(runs, run)
		first = run.First + run.Count + 1 + g.below(1000)
	}
	return runs
}

func (g *gen) body() *object.Body {
	b := &object.Body{}
	for n := g.few(); n > 0; n-- {
		b.Orders = append(b.Orders, g.hash())
	}
	for n := g.few(); n > 0; n-- {
		e := object.Entry{Batch: g.hash(), Order: g.below(uint64(len(b.Orders)) + 1), Runs: g.runs(1 + g.few())}
		e.Excluded = g.exclusions(e.Runs)
		b.Entries = append(b.Entries, e)
	}
	return b
}

// exclusions returns those that belong to runs.
func (g *gen) exclusions(runs []object.Run) []object.Exclusion {
	var list []object.Exclusion
	for _, run := range runs {
		for i := uint64(0); run.Verdict == object.VerdictExcluded && i < run.Count; i++ {
			list = append(list, g.exclusion(run.First+i))
		}
	}
	return list
}

func (g *gen) exclusion(index uint64) object.Exclusion {
	x := object.Exclusion{
		Index: index, Reason: object.Reason(1 + g.IntN(13)), Op: g.below(object.MaxSizeBytes + 1),
		Key: g.bytes(100), Field: g.text(object.MaxNameBytes),
	}
	if found := g.hash(); g.IntN(2) == 0 {
		x.Found = found[:object.FoundSize]
	}
	if x.Reason == object.ReasonInherited {
		x.Block = g.hash()
	}
	return x
}

func (g *gen) order() *object.Order {
	o := &object.Order{
		Lineage: g.hash(), Signer: g.identity(), Kind: object.OrderKind(g.IntN(4)), Branch: g.hash(),
		Mode: object.Mode(g.IntN(4)), Message: g.text(object.MaxMessageBytes), TimeMillis: g.uint(), Mark: g.mark(),
		Expiry: g.uint(), Extensions: g.extensions(),
	}
	if o.Kind == object.OrderMerge {
		o.Source = g.hash()
		return o
	}
	for n := 1 + g.few(); n > 0; n-- {
		first := g.below(object.MaxBatchItems)
		o.Items = append(o.Items, object.Selection{Batch: g.hash(), First: first, Count: 1 + g.below(object.MaxBatchItems-first)})
	}
	return o
}

func (g *gen) receipts() *object.Receipts {
	rs := &object.Receipts{}
	for n := g.few(); n > 0; n-- {
		rs.Add(1+g.below(1<<36), object.Receipt{
			Verdict: object.Verdict(g.IntN(5)), Cost: g.uint(), Events: g.optional(), Result: g.optional(),
		})
	}
	return rs
}

func (g *gen) poolReceipt() *object.PoolReceipt {
	p := &object.PoolReceipt{
		Lineage: g.hash(), Branch: g.hash(), Base: g.mark(), Position: g.uint(), Previous: g.optional(), Batch: g.hash(),
		Runs: g.runs(1 + g.few()), TimeMillis: g.uint(), Producer: g.identity(), Extensions: g.extensions(),
	}
	p.Excluded = g.exclusions(p.Runs)
	return p
}

func (g *gen) tag() *object.Tag {
	return &object.Tag{
		Lineage: g.hash(), Name: g.text(object.MaxNameBytes), Block: g.hash(), Tagger: g.identity(),
		Message: g.text(object.MaxMessageBytes), TimeMillis: g.uint(), Extensions: g.extensions(),
	}
}
