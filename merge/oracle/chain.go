package oracle

import "slices"

// Block is one block of a chain: what was decided, and the state that it led to.
type Block struct {
	Name     string // as the caller calls it
	Producer string
	Parent   *Block // nil at the root
	Absorbed *Block // the head that a merge took in, else nil
	Entries  []*Entry
	State    State
}

// Entry is the verdict on one transaction in one block.
type Entry struct {
	Tx      *Tx
	Merged  bool // a merge brought it here; else it was made, picked, replayed or dropped here
	Verdict Verdict
	Failure *Failure // if excluded
	// By is, if the source of a merge had excluded the transaction already, the block that
	// excluded it first; Failure is that block's then, and its Reason here is Inherited.
	By *Block

	ran           []Op
	before, after State // if it applied
}

// Reason is why an entry is excluded.
func (e *Entry) Reason() Reason {
	switch {
	case e.Failure == nil:
		return ""
	case e.By != nil:
		return Inherited
	}
	return e.Failure.Reason
}

// Root returns the first block of all, which is empty.
func Root(name, producer string) *Block {
	return &Block{Name: name, Producer: producer, State: State{}}
}

// next returns an empty block on top of another one.
func (b *Block) next(producer string) *Block {
	return &Block{Producer: producer, Parent: b, State: b.State}
}

// Chain returns the blocks from the root to b along parents.
func (b *Block) Chain() []*Block {
	var out []*Block
	for ; b != nil; b = b.Parent {
		out = append(out, b)
	}
	slices.Reverse(out)
	return out
}

// Decided returns every entry on the chain, oldest first.
func (b *Block) Decided() []*Entry {
	var out []*Entry
	for _, at := range b.Chain() {
		out = append(out, at.Entries...)
	}
	return out
}

// Account returns the verdict that stands on every transaction that the chain decided: the
// last one. It is found by going through all of the chain.
func (b *Block) Account() map[ID]*Entry {
	out := map[ID]*Entry{}
	for _, e := range b.Decided() {
		out[e.Tx.ID] = e
	}
	return out
}

// Standing returns the entries whose verdict stands, in the order of the chain.
func (b *Block) Standing() []*Entry {
	account := b.Account()
	return slices.DeleteFunc(b.Decided(), func(e *Entry) bool { return account[e.Tx.ID] != e })
}

// ancestors returns b and all before it, over parents and absorbed heads.
func (b *Block) ancestors() map[*Block]bool {
	out := map[*Block]bool{}
	todo := []*Block{b}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if at == nil || out[at] {
			continue
		}
		out[at] = true
		todo = append(todo, at.Parent, at.Absorbed)
	}
	return out
}

// Contains says whether a is b or an ancestor of b, over parents and absorbed heads.
func (b *Block) Contains(a *Block) bool { return b.ancestors()[a] }

// run decides a transaction on top of the block and adds the entry.
func (b *Block) run(tx *Tx, merged bool, settled settlement) *Entry {
	got := decide(b.State, tx, settled)
	e := &Entry{Tx: tx, Merged: merged, Verdict: got.Verdict, Failure: got.Failure, ran: got.Ran}
	if got.Verdict == Applied {
		e.before, e.after = b.State, got.After
	}
	b.State = got.After
	b.Entries = append(b.Entries, e)
	return e
}

// Commit returns the block that a batch makes on a head. The caller names the batch by its
// transactions' IDs.
func Commit(head *Block, producer string, txs []*Tx) *Block {
	b := head.next(producer)
	for _, tx := range txs {
		b.run(tx, false, nil)
	}
	return b
}
