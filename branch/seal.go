package branch

import (
	"context"
	"fmt"

	"aergo/consensus/directory"
	"aergo/dtt"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/state"
	"aergo/repo/store"
)

// Ledger is what extending and checking chains of one repository takes.
type Ledger struct {
	Chain
	Runtime Runtime
	Workers *dtt.Pool
	// Directory is the repository's own, at the block that new blocks cite.
	Directory *directory.Directory
	// Directories finds those that blocks cite.
	Directories *directory.Set
	Keys        *key.Cache
	// Logics readies merge logics; nil runs none.
	Logics func(source []byte) (Logic, error)
	// Nodes keeps what blocks read and write of states and accounts from one block to the
	// next; without it each block begins with nothing in memory.
	Nodes *state.Cache
}

// Signer signs records in the name of an identity.
type Signer struct {
	Identity object.Identity
	Private  key.Private
}

// Draft is a block before it is sealed.
type Draft struct {
	Branch   object.Hash // id of the branch
	Parent   *Block      // nil for a root block
	Absorbed *Block      // head that a merge takes in, if any
	Mode     object.Mode
	Orders   []object.Hash
	Now      uint64 // milliseconds since the Unix epoch; moved on if the parent's time is not before it
	Run      *Executor
	// Resolver is the hash of the merge logic that a merge in mode object.ModeResolve ran.
	Resolver   object.Hash
	Extensions []object.Extension
	// owner is the Directory's owner from this block on, if it is a block of the Directory.
	owner object.Identity
}

// Seal writes the block that the draft's executor has run, signed by the producer, and
// returns it. Everything goes through w; the caller commits it.
func (l *Ledger) Seal(ctx context.Context, w store.Writer, d Draft, producer Signer) (Block, error) {
	x := d.Run
	h := &object.Header{
		Lineage: l.Directory.Lineage, Branch: d.Branch, Directory: l.Directory.ID, TimeMillis: d.Now, MergeMode: d.Mode, Resolver: d.Resolver, Extensions: d.Extensions,
		Producer: producer.Identity, Delegates: directory.Delegates(l.Directory.Owner), NextDelegates: directory.Delegates(l.Directory.Owner),
		State: x.State().Root(),
	}
	if d.Branch.IsZero() {
		h.NextDelegates = directory.Delegates(d.owner)
	}
	base := state.EmptyRoot()
	if d.Parent != nil {
		h.Parent, h.Height = d.Parent.ID, d.Parent.Height+1
		h.TimeMillis = max(h.TimeMillis, d.Parent.TimeMillis+1)
		base = d.Parent.Header.Account
	}
	if d.Absorbed != nil {
		h.Absorbed = d.Absorbed.ID
		h.TimeMillis = max(h.TimeMillis, d.Absorbed.TimeMillis+1)
	}
	account, err := x.Account(ctx, base)
	if err != nil {
		return Block{}, err
	}
	h.Account = account.Root()
	body := object.Body{Orders: d.Orders, Entries: x.Entries()}
	for _, part := range []struct {
		kind object.Kind
		data []byte
		root *object.Hash
	}{
		{object.KindBody, body.Encode(), &h.Entries},
		{object.KindTree, x.Tree().Append(nil), &h.Tree},
		{object.KindReceipts, x.Receipts().Encode(), &h.Receipts},
	} {
		if *part.root, err = putLarge(w, part.kind, part.data); err != nil {
			return Block{}, err
		}
	}
	return putBlock(w, h, producer)
}

// putBlock signs and writes a header. The first genesis of a ledger signs for itself.
func putBlock(w store.Writer, h *object.Header, producer Signer) (Block, error) {
	data := h.Encode()
	id := object.Sum(data)
	lineage := h.Lineage
	if lineage.IsZero() {
		lineage = id
	}
	sig := producer.Private.Sign(key.DomainBlock, lineage, id)
	if err := w.PutSealed(object.KindHeader, id, data, sig[:]); err != nil {
		return Block{}, err
	}
	return Block{ID: id, Header: h}, nil
}

// putLarge writes a record of any size and returns its name.
func putLarge(w store.Writer, kind object.Kind, data []byte) (object.Hash, error) {
	pieces, err := object.Split(kind, data)
	if err != nil {
		return object.Hash{}, err
	}
	for _, p := range pieces {
		if err := w.Put(p.Kind, p.Hash, p.Data); err != nil {
			return object.Hash{}, err
		}
	}
	return pieces[len(pieces)-1].Hash, nil
}

// PutGenesis writes a Directory's first block, owned by owner; upstream is nil for a new
// ledger.
func PutGenesis(w store.Writer, owner Signer, nonce [directory.NonceSize]byte, now uint64, upstream *directory.Directory) (Block, error) {
	empty, err := putEmpty(w)
	if err != nil {
		return Block{}, err
	}
	return putBlock(w, directory.Genesis(owner.Identity, nonce, now, upstream, empty), owner)
}

// putEmpty writes the records of a block in which nothing happens.
func putEmpty(w store.Writer) (directory.Roots, error) {
	var roots directory.Roots
	var err error
	if roots.State, err = state.WriteEmpty(w); err != nil {
		return roots, err
	}
	if roots.Body, err = putLarge(w, object.KindBody, (&object.Body{}).Encode()); err != nil {
		return roots, err
	}
	if roots.Tree, err = putLarge(w, object.KindTree, dtt.Serial(0).Append(nil)); err != nil {
		return roots, err
	}
	roots.Receipts, err = putLarge(w, object.KindReceipts, (&object.Receipts{}).Encode())
	return roots, err
}

// PutRoot writes an empty root block, with which a branch of its own begins.
func (l *Ledger) PutRoot(ctx context.Context, w store.Writer, branch object.Hash, now uint64, producer Signer) (Block, error) {
	if _, err := putEmpty(w); err != nil {
		return Block{}, err
	}
	x := l.NewExecutor(w, state.EmptyRoot())
	return l.Seal(ctx, w, Draft{Branch: branch, Now: now, Run: x}, producer)
}

// PutBatch signs and writes the record of a batch. Its chunks are stored already, or go
// through the same writer.
func PutBatch(w store.Writer, b *object.Batch, author Signer) (Batch, error) {
	batch, data, sig, err := SignBatch(b, author)
	if err != nil {
		return Batch{}, err
	}
	return batch, w.PutSealed(object.KindBatch, batch.ID, data, sig[:])
}

// SignBatch signs a batch in the name of its author, and returns its record and the seal.
func SignBatch(b *object.Batch, author Signer) (batch Batch, record []byte, seal key.Signature, err error) {
	b.Author = author.Identity
	record = b.Encode()
	if len(record) > object.MaxSizeBytes || len(b.Chunks) > object.MaxChunks {
		return Batch{}, nil, seal, fmt.Errorf("batch: %w: %d chunks do not fit one record", FaultBatchSize, len(b.Chunks))
	}
	batch = Batch{ID: object.Sum(record), Batch: b}
	return batch, record, author.Private.Sign(key.DomainBatch, b.Lineage, batch.ID), nil
}

// PutOrder signs and writes the record of an order.
func PutOrder(w store.Writer, o *object.Order, signer Signer) (object.Hash, error) {
	o.Signer = signer.Identity
	data := o.Encode()
	if len(data) > object.MaxSizeBytes || len(o.Items) > object.MaxOrderItems {
		return object.Hash{}, fmt.Errorf("order: %w: %d items do not fit one record", FaultOrderSize, len(o.Items))
	}
	id := object.Sum(data)
	sig := signer.Private.Sign(key.DomainOrder, o.Lineage, id)
	return id, w.PutSealed(object.KindOrder, id, data, sig[:])
}
