package dpos

import (
	"bytes"

	"aergo/consensus"
	"aergo/repo/key"
	"aergo/repo/object"
)

// node is a block in the tree above the last final one.
type node struct {
	block    *consensus.Block // nil for the genesis
	state    *state           // of the chain after it
	voters   *Set             // whose votes make it final
	parent   *node            // nil for the root
	children []*node
	executed bool // its content was found right
	asked    bool // whether its content is
	rank     rank // of the chain up to its parent, as its header says
	inTime   bool // it came before its slot was over
}

// better is the fork choice: higher rank, then more blocks. It compares what the headers
// say, so that a block's own votes count for its chain once another is built on it. Of
// equals that are fresh, one that came in its slot is better than one that came late: who
// holds a block back gains nothing. Of other equals the lower id is better: nodes that
// hear each other again agree at once.
func (e *Engine) better(n, than *node) bool {
	if c := n.rank.compare(than.rank); c != 0 {
		return c > 0
	}
	a, b := n.state, than.state
	if a.height != b.height {
		return a.height > b.height
	}
	if n.inTime != than.inTime && e.slot <= max(a.slot, b.slot)+1 {
		return n.inTime
	}
	return bytes.Compare(a.id[:], b.id[:]) < 0
}

// connect adds a block to the tree, once all rules of consensus hold for it. It returns
// nil if it does not stand anywhere.
func (e *Engine) connect(b *consensus.Block) *node {
	parent := e.nodes[b.Parent]
	if parent == nil || e.nodes[b.ID] != nil {
		return nil
	}
	// Only a candidate's seal is worth the work that follows.
	if _, known := parent.state.ledger.candidates[b.Producer]; !known {
		return nil
	}
	if err := e.Verifier.Verify(b.Producer, key.DomainBlock, b.Lineage, b.ID, b.Seal); err != nil {
		return nil
	}
	s, err := parent.state.apply(b)
	if err != nil || !e.convictionsHold(b) {
		return nil
	}
	n := &node{block: b, state: s, parent: parent, voters: parent.state.votes.voters(b.Height), rank: parent.state.votes.rank, inTime: e.slot <= b.Slot}
	parent.children = append(parent.children, n)
	e.nodes[b.ID] = n
	e.witness(b)
	return n
}

// grow adds a block and all orphans that grow on it, and asks for what can be executed.
func (e *Engine) grow(b *consensus.Block) {
	n := e.connect(b)
	if n == nil {
		return
	}
	e.execute(n)
	for _, child := range e.orphans.take(b.ID) {
		e.grow(child)
	}
}

// execute asks for a block's content to be checked, as soon as its parent's was.
func (e *Engine) execute(n *node) {
	if n.parent.executed && !n.asked {
		n.asked = true
		e.out(consensus.Execute{Block: n.block})
	}
}

// executed hears whether a block's content is right. If not, the block stays, so that it
// is not fetched again, but nothing is ever built on it.
func (e *Engine) executed(in consensus.Executed) {
	n := e.nodes[in.ID]
	if n == nil || !n.asked || n.executed || !in.Valid {
		return
	}
	e.write(consensus.RecordBlock, n.block.Encode())
	e.adopt(n)
}

// adopt lets a block whose content is right be built on.
func (e *Engine) adopt(n *node) {
	n.executed = true
	e.consider(n)
	for _, child := range n.children {
		e.execute(child)
	}
	for _, child := range e.orphans.take(n.state.id) {
		e.grow(child)
	}
}

// consider makes a block the head if its chain is better, and takes as final what that
// chain has made final.
func (e *Engine) consider(n *node) {
	if !e.better(n, e.head) {
		return
	}
	e.head = n
	e.out(consensus.HeadChanged{ID: n.state.id, Height: n.state.height})
	if n.state.votes.final <= e.root.state.height {
		return
	}
	var line []*node // what is final now, highest first
	for at := n; at != e.root; at = at.parent {
		if at.state.height <= n.state.votes.final {
			line = append(line, at)
		}
	}
	e.prune(line[0])
	for i := len(line) - 1; i >= 0; i-- {
		e.archive.add(line[i].block)
	}
	e.out(consensus.Finalised{ID: line[0].state.id, Height: line[0].state.height})
	for i := len(line) - 1; i >= 0; i-- {
		e.document(line[i])
	}
}

// prune forgets all branches that do not grow on the new root.
func (e *Engine) prune(root *node) {
	e.root = root
	root.parent = nil
	e.nodes = map[object.Hash]*node{}
	for stack := []*node{root}; len(stack) > 0; {
		n := stack[len(stack)-1]
		stack = append(stack[:len(stack)-1], n.children...)
		e.nodes[n.state.id] = n
	}
}
