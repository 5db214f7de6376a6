package branch

import (
	"context"

	"aergo/repo/object"
	"aergo/repo/store"
)

// ingestChunks is how many chunks are gathered before they are executed together.
const ingestChunks = 8

// Ingest adds many transactions to a pool, executing them as they come, so that memory
// does not grow with their number: chunks go to the store, and another goroutine runs the
// last ones while the next are gathered.
type Ingest struct {
	ledger  *Ledger
	writer  store.Writer
	pending *Pending
	x       *Executor
	queued  []object.ChunkRef
	running chan error
}

// NewIngest returns an ingest into p on head, through w. What is pending is executed first.
func (l *Ledger) NewIngest(ctx context.Context, w store.Writer, p *Pending, head Block) (*Ingest, error) {
	if err := p.CloseChunk(w, true); err != nil {
		return nil, err
	}
	x, err := l.runPending(ctx, p, head, w)
	if err != nil {
		return nil, err
	}
	p.Base = head.ID
	return &Ingest{ledger: l, writer: w, pending: p, x: x}, nil
}

// Names gives the dictionary that the next payload refers to. It is new after a chunk has
// been closed, which Add reports.
func (in *Ingest) Names() *object.ChunkBuilder { return in.pending.Open }

// Add appends a transaction and says whether it closed the chunk: then payloads refer to
// a new dictionary.
func (in *Ingest) Add(ctx context.Context, tx *object.Transaction) (closed bool, err error) {
	p := in.pending
	p.Open.Add(tx)
	if p.Open.SizeBytes() < object.ChunkTargetBytes {
		return false, nil
	}
	return true, in.close(ctx)
}

func (in *Ingest) close(ctx context.Context) error {
	p := in.pending
	before := len(p.Closed)
	if err := p.CloseChunk(in.writer, true); err != nil {
		return err
	}
	in.queued = append(in.queued, p.Closed[before:]...)
	if len(in.queued) < ingestChunks {
		return nil
	}
	return in.execute(ctx)
}

// execute starts running the queued chunks once the ones before them are done.
func (in *Ingest) execute(ctx context.Context) error {
	if err := in.wait(); err != nil || len(in.queued) == 0 {
		return err
	}
	batch := Batch{Batch: &object.Batch{}}
	for _, c := range in.queued {
		batch.Chunks = append(batch.Chunks, c)
		batch.Count += c.Count
	}
	in.queued = nil
	in.running = make(chan error, 1)
	offset := uint64(in.x.Count())
	go func(done chan<- error) {
		done <- in.x.proposeAt(ctx, batch, offset)
	}(in.running)
	return nil
}

func (in *Ingest) wait() error {
	if in.running == nil {
		return nil
	}
	err := <-in.running
	in.running = nil
	return err
}

// proposeAt runs a part of a larger batch: its transactions are numbered from offset on.
func (x *Executor) proposeAt(ctx context.Context, part Batch, offset uint64) error {
	entries := x.entries
	x.entries = nil
	err := x.Propose(ctx, []Span{{Batch: part, Count: part.Count}})
	for i := range x.entries {
		for j := range x.entries[i].Runs {
			x.entries[i].Runs[j].First += offset
		}
		for j := range x.entries[i].Excluded {
			x.entries[i].Excluded[j].Index += offset
		}
		entries = append(entries, x.entries[i])
	}
	x.entries = joinEntries(entries)
	return err
}

// joinEntries joins entries of one batch that follow each other, and their runs.
func joinEntries(entries []object.Entry) []object.Entry {
	out := entries[:0]
	for _, e := range entries {
		if n := len(out); n > 0 && out[n-1].Batch == e.Batch && out[n-1].Order == e.Order {
			out[n-1].Runs = joinRuns(append(out[n-1].Runs, e.Runs...))
			out[n-1].Excluded = append(out[n-1].Excluded, e.Excluded...)
			continue
		}
		out = append(out, e)
	}
	return out
}

// Finish executes what is left and records the result in the pool. If a transaction does
// not apply, the error is an *ExcludedError and the pool is void.
func (in *Ingest) Finish(ctx context.Context) error {
	if err := in.close(ctx); err != nil {
		return err
	}
	if err := in.execute(ctx); err != nil {
		return err
	}
	if err := in.wait(); err != nil {
		return err
	}
	var excluded []object.Exclusion
	for i := range in.x.entries {
		excluded = append(excluded, in.x.entries[i].Excluded...)
	}
	if len(excluded) > 0 {
		return &ExcludedError{Exclusions: excluded}
	}
	in.pending.Done = in.x.done()
	return nil
}

// Abort waits for what is running. The pool is void after it.
func (in *Ingest) Abort() { _ = in.wait() }

// done returns the result so far, of a pool's transactions.
func (x *Executor) done() Done {
	d := Done{Count: uint64(x.count), State: x.tree.Root(), Tree: x.Tree(), Receipts: x.receipts}
	for i := range x.entries {
		d.Runs = append(d.Runs, x.entries[i].Runs...)
	}
	d.Runs = joinRuns(d.Runs)
	return d
}
