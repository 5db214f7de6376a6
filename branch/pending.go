package branch

import (
	"context"
	"errors"
	"fmt"

	"aergo/dtt"
	"aergo/repo/object"
	"aergo/repo/state"
	"aergo/repo/store"
)

// MaterialiseTransactions is how many pending transactions are executed anew on every
// look at them; beyond it their state is kept in the store.
const MaterialiseTransactions = 256

// ErrStale says that pending transactions no longer apply to their branch's head.
var ErrStale = errors.New("pending transactions no longer apply")

// Pending is what has been prepared on a branch and not been committed: the transactions
// of the batch that the next commit signs.
type Pending struct {
	Base   object.Hash       // head that they were prepared on
	Closed []object.ChunkRef // chunks in the store
	Open   *object.ChunkBuilder
	Done   Done
}

// Done is the result of executing the first Count pending transactions on Base.
type Done struct {
	Count    uint64
	State    object.Hash
	Tree     dtt.Tree
	Runs     []object.Run
	Receipts object.Receipts
}

// NewPending returns an empty pool on a head.
func NewPending(base Block) *Pending {
	return &Pending{Base: base.ID, Open: object.NewChunkBuilder(), Done: Done{State: base.Header.State}}
}

// Count returns the number of pending transactions.
func (p *Pending) Count() uint64 {
	n := uint64(p.Open.Count())
	for _, c := range p.Closed {
		n += c.Count
	}
	return n
}

// batch returns the pending transactions as a batch without an id, and the chunk that is
// not in the store yet, if any.
func (p *Pending) batch() (Batch, []byte) {
	chunks := append([]object.ChunkRef(nil), p.Closed...)
	var open []byte
	if p.Open.Count() > 0 {
		open = p.Open.Encode()
		chunks = append(chunks, object.ChunkRef{Hash: object.Sum(open), Count: uint64(p.Open.Count())})
	}
	return Batch{Batch: &object.Batch{Count: p.Count(), Chunks: chunks}}, open
}

// runPending executes what is pending and not done yet, on head, and returns the executor. What
// was done on another head is done again.
func (l *Ledger) runPending(ctx context.Context, p *Pending, head Block, w store.Writer) (*Executor, error) {
	batch, open := p.batch()
	if open != nil {
		if err := w.Put(object.KindChunk, batch.Chunks[len(batch.Chunks)-1].Hash, open); err != nil {
			return nil, err
		}
	}
	done := p.Done
	if p.Base != head.ID || done.Count == 0 {
		done = Done{State: head.Header.State}
	}
	x := l.NewExecutor(w, done.State)
	x.resume(done)
	if left := batch.Count - done.Count; left > 0 {
		if err := x.Propose(ctx, []Span{{Batch: batch, First: done.Count, Count: left}}); err != nil {
			return nil, err
		}
	}
	for i := range x.entries {
		if excluded := x.entries[i].Excluded; len(excluded) > 0 {
			return nil, &ExcludedError{Exclusions: excluded}
		}
	}
	return x, nil
}

// ExcludedError says which of the author's own transactions do not apply, and why.
type ExcludedError struct{ Exclusions []object.Exclusion }

func (e *ExcludedError) Error() string {
	return fmt.Sprintf("%v: %d excluded, the first as %s", ErrStale, len(e.Exclusions), e.Exclusions[0].Reason)
}

// Is makes errors.Is(err, ErrStale) true.
func (e *ExcludedError) Is(target error) bool { return target == ErrStale }

// resume makes the executor go on from what was done before.
func (x *Executor) resume(d Done) {
	if d.Count == 0 {
		return
	}
	x.count = int(d.Count)
	x.stages = []dtt.Tree{d.Tree}
	x.receipts.Runs = append(x.receipts.Runs, d.Receipts.Runs...)
	x.entries = []object.Entry{{Runs: append([]object.Run(nil), d.Runs...)}}
}

// name gives the entries of a batch without an id the id that it has got.
func (x *Executor) name(batch Batch, order uint64) {
	for i := range x.entries {
		if x.entries[i].Batch.IsZero() {
			x.entries[i].Batch, x.entries[i].Order = batch.ID, order
		}
	}
	delete(x.marks, object.Hash{})
	x.marks[batch.ID] = batch.Mark.Height
}

// PendingState returns the state with everything pending applied. The tree reads through
// a scratch of its own: nothing is stored.
func (l *Ledger) PendingState(ctx context.Context, p *Pending, head Block) (state.Tree, error) {
	if p.Count() == 0 {
		return l.State(head), nil
	}
	if p.Base == head.ID && p.Done.Count == p.Count() {
		return state.New(l.Objects, p.Done.State), nil
	}
	scratch, err := NewScratch(ctx, l.Objects)
	if err != nil {
		return state.Tree{}, err
	}
	x, err := l.runPending(ctx, p, head, scratch)
	if err != nil {
		return state.Tree{}, err
	}
	return x.State(), nil
}

// Materialise executes everything pending on head and keeps the result in the store and
// in p, so that it need not be done again.
func (l *Ledger) Materialise(ctx context.Context, w store.Writer, p *Pending, head Block) error {
	x, err := l.runPending(ctx, p, head, w)
	if err != nil {
		return err
	}
	p.Base, p.Done = head.ID, x.done()
	return nil
}

// CloseChunk puts the open transactions into a chunk of the store if they are many, or if
// all is true.
func (p *Pending) CloseChunk(w store.Writer, all bool) error {
	if p.Open.Count() == 0 || !all && p.Open.SizeBytes() < object.ChunkTargetBytes {
		return nil
	}
	data := p.Open.Encode()
	h := object.Sum(data)
	if err := w.Put(object.KindChunk, h, data); err != nil {
		return err
	}
	p.Closed = append(p.Closed, object.ChunkRef{Hash: h, Count: uint64(p.Open.Count())})
	p.Open.Reset()
	return nil
}

// Commitment is what a commit signs.
type Commitment struct {
	Branch   object.Hash
	Head     Block
	Author   Signer // of the batch
	Sealer   Signer // of the block, and of the order if the author may not write
	Message  string
	Authored uint64 // the author's time, in milliseconds since the Unix epoch
	Now      uint64
}

// Commit signs everything pending as one batch and seals one block with it. With nothing
// pending the batch is empty and the block changes nothing.
func (l *Ledger) Commit(ctx context.Context, w store.Writer, p *Pending, c Commitment) (Block, Batch, error) {
	x, err := l.runPending(ctx, p, c.Head, w)
	if err != nil {
		return Block{}, Batch{}, err
	}
	unnamed, _ := p.batch()
	mark := object.Mark{Block: c.Head.ID, Height: c.Head.Height}
	record := unnamed.Batch
	record.Lineage, record.Message, record.TimeMillis, record.Mark = l.Directory.Lineage, c.Message, c.Authored, mark
	batch, err := PutBatch(w, record, c.Author)
	if err != nil {
		return Block{}, Batch{}, err
	}
	d := Draft{Branch: c.Branch, Parent: &c.Head, Now: c.Now, Run: x}
	order := uint64(0)
	if !l.Directory.MayWrite(c.Author.Identity.Key, timeAfter(c.Head, c.Now)) && batch.Count > 0 {
		id, err := PutOrder(w, &object.Order{
			Lineage: l.Directory.Lineage, Kind: object.OrderPick, Branch: c.Branch, Mark: mark, TimeMillis: c.Now,
			Items: []object.Selection{{Batch: batch.ID, First: 0, Count: batch.Count}},
		}, c.Sealer)
		if err != nil {
			return Block{}, Batch{}, err
		}
		d.Orders, order = []object.Hash{id}, 1
	}
	x.name(batch, order)
	block, err := l.Seal(ctx, w, d, c.Sealer)
	return block, batch, err
}
