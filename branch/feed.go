package branch

import (
	"context"
	"fmt"
	"slices"

	"aergo/contract"
	"aergo/repo/object"
)

// feed reads the transactions of spans ahead of an executor: it decodes their chunks and
// asks the runtime what they declare, a portion at a time, several portions at once. The
// executor takes the portions in order, so that what is in memory is bounded by their size
// and number.
type feed struct {
	chain   Chain
	runtime Runtime
	spans   []Span
	pieces  func() (piece, bool, error)
	ahead   []*portion
	last    *portion   // given out
	free    []*portion // to be used again
	workers int
}

// piece is consecutive transactions that one span takes of one chunk.
type piece struct {
	span  int
	chunk int    // index in the batch
	first uint64 // of the transactions in the batch
	skip  uint64 // transactions of the chunk before it
	count uint64
}

// portion is a few pieces that are read by one worker.
type portion struct {
	pieces   []piece
	items    []item
	ends     []uint32 // behind the accesses of each item
	accesses []contract.Access
	keys     []byte // memory of theirs, as far as one piece of it goes
	err      error
	done     chan struct{}
}

// portionTransactions is from how many transactions on a portion is whole. A piece is never
// split: it is at most a chunk.
const portionTransactions = 512

// usualAccesses is how many accesses a transaction of one or two operations declares.
const usualAccesses = 8

func newFeed(chain Chain, runtime Runtime, spans []Span, workers int) *feed {
	return &feed{chain: chain, runtime: runtime, spans: spans, pieces: piecesOf(spans), workers: workers}
}

// piecesOf returns what gives the pieces of spans, in order.
func piecesOf(spans []Span) func() (piece, bool, error) {
	span, chunk, start := 0, 0, uint64(0)
	return func() (piece, bool, error) {
		for ; span < len(spans); span, chunk, start = span+1, 0, 0 {
			s := &spans[span]
			end := s.First + s.Count
			if end > s.Batch.Count || end < s.First {
				return piece{}, false, fmt.Errorf("batch %s: %w: it has %d transactions, not %d from the one numbered %d",
					s.Batch.ID.Short(), FaultNoTransaction, s.Batch.Count, s.Count, s.First)
			}
			for chunk < len(s.Batch.Chunks) && start < end {
				at, from := chunk, start
				start += s.Batch.Chunks[chunk].Count
				chunk++
				if first, last := max(s.First, from), min(end, start); first < last {
					return piece{span: span, chunk: at, first: first, skip: first - from, count: last - first}, true, nil
				}
			}
		}
		return piece{}, false, nil
	}
}

// next returns the next portion, nil behind the last one. It is good until the next call.
func (f *feed) next(ctx context.Context) (*portion, error) {
	if f.last != nil {
		f.free, f.last = append(f.free, f.last), nil
	}
	for len(f.ahead) < f.workers+1 {
		p, err := f.gather()
		if err != nil {
			f.drain()
			return nil, err
		}
		if p == nil {
			break
		}
		f.ahead = append(f.ahead, p)
		if f.workers > 1 {
			p.done = make(chan struct{})
			go func() {
				defer close(p.done)
				p.read(ctx, f)
			}()
		}
	}
	if len(f.ahead) == 0 {
		return nil, nil
	}
	p := f.ahead[0]
	f.ahead = slices.Delete(f.ahead, 0, 1)
	if p.done == nil {
		p.read(ctx, f)
	} else {
		<-p.done
	}
	if p.err != nil {
		f.drain()
		return nil, p.err
	}
	f.last = p
	return p, nil
}

// drain waits for what is being read.
func (f *feed) drain() {
	for _, p := range f.ahead {
		if p.done != nil {
			<-p.done
		}
	}
	f.ahead = nil
}

// gather returns the pieces of the next portion, nil if there are none.
func (f *feed) gather() (*portion, error) {
	p := &portion{}
	if n := len(f.free); n > 0 {
		p, f.free = f.free[n-1], f.free[:n-1]
		p.pieces, p.done = p.pieces[:0], nil
	}
	for n := uint64(0); n < portionTransactions; {
		next, ok, err := f.pieces()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		p.pieces = append(p.pieces, next)
		n += next.count
	}
	if len(p.pieces) == 0 {
		return nil, nil
	}
	return p, nil
}

// read fills the portion.
func (p *portion) read(ctx context.Context, f *feed) {
	var chunk *object.Chunk
	var last object.Hash
	var names []string
	var dict any
	n := uint64(0)
	for _, piece := range p.pieces {
		n += piece.count
	}
	p.items, p.ends = slices.Grow(p.items[:0], int(n)), slices.Grow(p.ends[:0], int(n))
	p.accesses = slices.Grow(p.accesses[:0], usualAccesses*int(n))
	keys := p.keys[:0]
	defer func() { p.keys = keys[:0] }()
	take := func(a contract.Access) {
		// Accesses of one row follow each other, and what the runtime gives is its own.
		if n := len(p.accesses); n > 0 && string(p.accesses[n-1].Key) == string(a.Key) {
			a.Key = p.accesses[n-1].Key
		} else {
			if cap(keys)-len(keys) < len(a.Key) {
				keys = make([]byte, 0, max(16<<10, len(a.Key)))
			}
			from := len(keys)
			keys = append(keys, a.Key...)
			a.Key = keys[from:len(keys):len(keys)]
		}
		p.accesses = append(p.accesses, a)
	}
	for _, at := range p.pieces {
		span := &f.spans[at.span]
		if ref := span.Batch.Chunks[at.chunk]; chunk == nil || ref.Hash != last || ref.Count != uint64(len(chunk.Transactions)) {
			if chunk, p.err = f.chain.Chunk(ctx, span.Batch, at.chunk); p.err != nil {
				return
			}
			last = ref.Hash
			// Batches of a few transactions each mostly have the same names.
			if dict == nil || !slices.Equal(names, chunk.Names) {
				names, dict = chunk.Names, f.runtime.Prepare(chunk.Names)
			}
		}
		for i := range at.count {
			tx := &chunk.Transactions[at.skip+i]
			if !span.Decided {
				f.runtime.Declare(tx, dict, span.resolver(), take)
			}
			p.items = append(p.items, item{tx: tx, dict: dict, span: at.span, index: at.first + i})
			p.ends = append(p.ends, uint32(len(p.accesses)))
		}
	}
}

// resolver returns what decides the conflicts of the span's transactions, nil for nothing.
func (s *Span) resolver() contract.Resolver {
	if s.Resolving == nil {
		return nil
	}
	return s.Resolving.Logic
}

// declared returns what item i declares.
func (p *portion) declared(i int) []contract.Access {
	from := uint32(0)
	if i > 0 {
		from = p.ends[i-1]
	}
	return p.accesses[from:p.ends[i]]
}
