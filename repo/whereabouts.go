package repo

import (
	"context"
	"errors"
	"slices"

	"aergo/branch"
	"aergo/repo/object"
	"aergo/repo/store/derived"
)

// The derived index remembers which blocks took which batches, so that asking after one
// transaction need not read the body of every block. Its keys are
//
//	'b' batch id, block id    the block decided transactions of the batch
//	'h' block id              the block and all its ancestors are in the index
//
// It is brought up to date when it is asked, rebuilt when it is lost, and done without
// when another process has it open or the repository has no place for it.

const (
	indexBatch = 'b'
	indexBlock = 'h'

	// indexBatchBlocks is how many blocks are indexed in one write.
	indexBatchBlocks = 1 << 10
)

// takers returns the blocks that decided transactions of a batch, among all ancestors of
// the branches' heads. ok is false if there is no index to ask.
func (r *Repo) takers(ctx context.Context, l *branch.Ledger, batch object.Hash) (blocks map[object.Hash]bool, ok bool, err error) {
	if r.opts.DerivedPath == "" {
		return nil, false, nil
	}
	x, err := derived.Open(r.opts.DerivedPath)
	if errors.Is(err, derived.ErrInUse) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer x.Close()
	build := func(ctx context.Context, x *derived.Index) error { return r.indexHeads(ctx, l, x) }
	err = x.Use(ctx, build, func(ctx context.Context, x *derived.Index) error {
		blocks = map[object.Hash]bool{}
		prefix := append([]byte{indexBatch}, batch[:]...)
		return x.Range(ctx, prefix, nil, func(k, _ []byte) error {
			id, err := object.HashFromBytes(k[len(prefix):])
			blocks[id] = true
			return err
		})
	})
	return blocks, err == nil, err
}

// indexHeads adds the ancestors of every branch that are not in the index yet.
func (r *Repo) indexHeads(ctx context.Context, l *branch.Ledger, x *derived.Index) error {
	branches, err := r.refs.Branches(ctx)
	if err != nil {
		return err
	}
	for _, b := range branches {
		if err := indexAncestors(ctx, l, x, b.Head); err != nil {
			return err
		}
	}
	return nil
}

// indexAncestors writes ancestors before descendants: if it stops half way, what is in
// the index is still complete below.
func indexAncestors(ctx context.Context, l *branch.Ledger, x *derived.Index, head object.Hash) error {
	var missing []branch.Block
	seen := map[object.Hash]bool{}
	for stack := []object.Hash{head}; len(stack) > 0; {
		id := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if id.IsZero() || seen[id] {
			continue
		}
		seen[id] = true
		if _, known, err := x.Get(append([]byte{indexBlock}, id[:]...)); err != nil || known {
			if err != nil {
				return err
			}
			continue
		}
		b, err := l.Block(ctx, id)
		if err != nil {
			return err
		}
		missing = append(missing, b)
		stack = append(stack, b.Parent, b.Absorbed)
	}
	slices.SortFunc(missing, func(a, b branch.Block) int {
		switch {
		case a.TimeMillis < b.TimeMillis:
			return -1
		case a.TimeMillis > b.TimeMillis:
			return 1
		}
		return 0
	})
	var batch derived.Batch
	for i, b := range missing {
		body, err := l.Body(ctx, b)
		if err != nil {
			return err
		}
		for e := range body.Entries {
			k := append([]byte{indexBatch}, body.Entries[e].Batch[:]...)
			batch.Put(append(k, b.ID[:]...), nil)
		}
		batch.Put(append([]byte{indexBlock}, b.ID[:]...), nil)
		if (i+1)%indexBatchBlocks == 0 || i+1 == len(missing) {
			if err := x.Write(&batch, b.ID[:]); err != nil {
				return err
			}
		}
	}
	return nil
}
