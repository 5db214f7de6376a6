package oracle

import (
	"errors"
	"slices"
)

// Errors of orders. None of them has changed anything.
var (
	ErrConflict = errors.New("conflict")
	ErrNothing  = errors.New("nothing to do")
	ErrNotHere  = errors.New("not on this branch")
)

// Pick takes transactions that have no verdict on a head, and no others. If one of them
// conflicts, or one that it names is excluded there, nothing is taken, with ErrConflict.
func Pick(head *Block, producer string, txs []*Tx) (Answer, error) {
	here := head.Account()
	b := head.next(producer)
	a := Answer{Block: b}
	named := map[*Entry]bool{}
	for _, tx := range txs {
		if e := here[tx.ID]; e != nil {
			if named[e] = true; e.Verdict != Excluded {
				a.Already++
			}
		}
	}
	for _, e := range head.Standing() {
		if named[e] && e.Verdict == Excluded {
			a.Overruled = append(a.Overruled, e)
		}
	}
	if len(a.Overruled) > 0 {
		a.Block = head
		return a, ErrConflict
	}
	for _, tx := range txs {
		if here[tx.ID] == nil {
			a.count(b.run(tx, false, nil))
		}
	}
	switch {
	case len(b.Entries) == 0:
		return Answer{Block: head, UpToDate: true, Already: a.Already}, nil
	case len(a.Excluded) > 0:
		a.Block = head
		return a, ErrConflict
	}
	return a, nil
}

// ExcludedHere returns the transactions that are excluded on a head: the latest block first,
// and those of one block in its order. That is how people read it; a replay of all goes by
// OpenHere.
func ExcludedHere(head *Block) []*Entry {
	var out []*Entry
	account := head.Account()
	chain := head.Chain()
	slices.Reverse(chain)
	for _, b := range chain {
		for _, e := range b.Entries {
			if account[e.Tx.ID] == e && e.Verdict == Excluded {
				out = append(out, e)
			}
		}
	}
	return out
}

// OpenHere returns the transactions that are excluded on a head in the order in which a
// replay of all tries them: that of the chain.
func OpenHere(head *Block) (txs []*Tx) {
	for _, e := range head.Standing() {
		if e.Verdict == Excluded {
			txs = append(txs, e.Tx)
		}
	}
	return txs
}

// Replay tries transactions again that are excluded on a head, in the order given. If none
// applies nothing happens, with ErrConflict.
func Replay(head *Block, producer string, txs []*Tx) (Answer, error) {
	b, a := order(head, producer, txs, func(b *Block, tx *Tx) *Entry { return b.run(tx, false, nil) })
	switch {
	case a.UpToDate:
		return a, nil
	case a.Applied == 0:
		a.Block = head
		return a, ErrConflict
	}
	a.Block = b
	return a, nil
}

// Drop gives transactions up that are excluded on a head.
func Drop(head *Block, producer string, txs []*Tx) Answer {
	_, a := order(head, producer, txs, func(b *Block, tx *Tx) *Entry {
		e := &Entry{Tx: tx, Verdict: Dropped}
		b.Entries = append(b.Entries, e)
		return e
	})
	return a
}

// order decides what is excluded of transactions once more. The others count as already.
func order(head *Block, producer string, txs []*Tx, decide func(*Block, *Tx) *Entry) (*Block, Answer) {
	account := head.Account()
	b := head.next(producer)
	a := Answer{Block: b}
	for _, tx := range txs {
		if e := account[tx.ID]; e == nil || e.Verdict != Excluded {
			a.Already++
			continue
		}
		a.count(decide(b, tx))
	}
	if len(b.Entries) == 0 {
		return b, Answer{Block: head, UpToDate: true, Already: a.Already}
	}
	return b, a
}

// AppliedBy returns the transactions that a block applied, in its order.
func AppliedBy(b *Block) []*Tx { return toRun(b.Entries) }
