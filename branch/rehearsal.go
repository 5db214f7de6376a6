package branch

import (
	"context"
	"errors"
	"fmt"

	"aergo/repo/object"
	"aergo/repo/state"
)

// Rehearsal runs batches on a head, one after another, before a block holds them. The verdicts
// are those that a block on that head gives which takes the same batches in the same order.
// Nothing is stored. It is used by one goroutine.
type Rehearsal struct {
	ledger *Ledger
	branch object.Hash
	head   Block
	desk   *Desk
	marks  map[object.Mark]Block // known to be blocks of the head's chain
}

// maxKnownMarks bounds the marks that a rehearsal remembers.
const maxKnownMarks = 1 << 10

// Rehearse begins a rehearsal for the next block of a branch. ctx bounds all its reading.
func (l *Ledger) Rehearse(ctx context.Context, branch object.Hash, head Block) *Rehearsal {
	tree := l.State(head)
	if l.Nodes != nil {
		tree = state.New(l.Nodes.Over(l.Objects), head.Header.State)
	}
	return &Rehearsal{ledger: l, branch: branch, head: head, desk: NewDesk(ctx, l.Runtime, tree), marks: map[object.Mark]Block{}}
}

// Branch returns the id of the branch.
func (r *Rehearsal) Branch() object.Hash { return r.branch }

// Head returns the block that the rehearsal began on.
func (r *Rehearsal) Head() Block { return r.head }

// Admit checks that the next block may take a batch, but for its author's signature and rights,
// and returns its transactions that have no verdict on the branch yet: ascending, none if all
// have one. The error wraps ErrInvalid if the block may not.
func (r *Rehearsal) Admit(ctx context.Context, batch Batch) ([]object.Run, error) {
	l := r.ledger
	open, err := l.Undecided(ctx, r.head, batch)
	if err != nil || len(open) == 0 {
		return nil, err
	}
	if err := MayEnter(batch, r.branch, r.head.Height+1); err != nil {
		return nil, err
	}
	if MarkTooOld(batch.Mark.Height, r.head.Height+1) {
		return nil, fmt.Errorf("batch %s: %w: its mark is outside the window", batch.ID.Short(), FaultBatchWindow)
	}
	known := map[object.Hash]Block{}
	if at, ok := r.marks[batch.Mark]; ok {
		known[at.ID] = at
	}
	if err := l.checkRecord(ctx, batch, known); err != nil {
		return nil, fmt.Errorf("batch %s: %w", batch.ID.Short(), err)
	}
	if _, ok := r.marks[batch.Mark]; ok {
		return open, nil
	}
	if err := l.checkMark(ctx, r.head, batch.Mark, FaultBatchElsewhere); err != nil {
		return nil, fmt.Errorf("batch %s: %w", batch.ID.Short(), err)
	}
	if len(r.marks) >= maxKnownMarks {
		clear(r.marks)
	}
	r.marks[batch.Mark] = known[batch.Mark.Block]
	return open, nil
}

// Direct says whether a batch may enter the next block, which is sealed at now, without an
// order: by its author's own right.
func (r *Rehearsal) Direct(ctx context.Context, batch Batch, now uint64) (bool, error) {
	l := r.ledger
	next := &object.Header{Branch: r.branch, Height: r.head.Height + 1, TimeMillis: timeAfter(r.head, now), Producer: l.Directory.Owner}
	err := l.checkAuthor(ctx, &prepared{Block: Block{Header: next}, parent: &r.head, cited: l.Directory}, batch)
	if errors.Is(err, ErrInvalid) {
		return false, nil
	}
	return err == nil, err
}

// Undecided returns the transactions of a batch that have no verdict at a block, ascending.
func (l *Ledger) Undecided(ctx context.Context, at Block, batch Batch) ([]object.Run, error) {
	have, err := l.accountAt(at).Runs(ctx, batch.Mark.Height, batch.ID)
	if err != nil || batch.Count == 0 {
		return nil, err
	}
	return subtractRuns([]object.Run{{Count: batch.Count}}, have), nil
}

// Run decides transactions of a batch, which are ascending runs of it, on top of all that was
// run before. The chunks are those of the batch. After an error the rehearsal is void.
func (r *Rehearsal) Run(batch Batch, chunks []*object.Chunk, which []object.Run) (verdicts []object.Run, excluded []object.Exclusion, err error) {
	first := uint64(0)
	for _, chunk := range chunks {
		end := first + uint64(len(chunk.Transactions))
		dict := r.ledger.Runtime.Prepare(chunk.Names)
		for _, run := range ClipRuns(which, object.Run{First: first, Count: end - first}) {
			for i := run.First; i < endOf(run); i++ {
				verdict, exclusion, err := r.desk.Decide(&chunk.Transactions[i-first], dict)
				if err != nil {
					return nil, nil, fmt.Errorf("transaction %s.%d: %w", batch.ID.Short(), i, err)
				}
				verdicts = append(verdicts, object.Run{First: i, Count: 1, Verdict: verdict})
				if exclusion != nil {
					exclusion.Index = i
					excluded = append(excluded, *exclusion)
				}
			}
		}
		first = end
	}
	return joinRuns(verdicts), excluded, nil
}
