package dpos

import (
	"slices"

	"aergo/consensus"
	"aergo/repo/object"
)

// Bounds of what is kept for others or of others.
const (
	maxArchive  = 1024 // final blocks that are served to others
	maxOrphans  = 256
	maxEarly    = 128
	maxPeers    = 1024
	earlyRounds = 2 // blocks of slots further ahead are not kept at all
)

// receive takes a message of another node.
func (e *Engine) receive(from consensus.Peer, m consensus.Message) {
	switch m := m.(type) {
	case consensus.Announce:
		for _, b := range m.Blocks[:min(len(m.Blocks), consensus.MaxRun)] {
			e.take(from, b)
		}
		e.goOn(from, m.Blocks)
	case consensus.Want:
		e.serve(from, m)
	case consensus.Standing:
		if m.Vote != nil {
			e.collect(*m.Vote)
		}
		if !e.knows(m.Head) {
			e.want(from, m.Head)
		}
	case consensus.Attestation:
		e.collect(m)
	case consensus.Accuse:
		e.accuse(m.Evidence, false)
	}
}

// take takes a block that may be new, early, or without its parent.
func (e *Engine) take(from consensus.Peer, b *consensus.Block) {
	g := e.Genesis
	if b == nil || b.Slot == 0 || b.Lineage != g.Lineage || b.Branch != g.Branch || b.Height <= e.root.state.height || e.knows(b.ID) {
		return
	}
	if b.Slot > g.slotAt(e.nowMillis+g.Params.ToleranceMillis) {
		if b.Slot <= e.slot+earlyRounds*uint64(g.Params.Seats+1) && len(e.early) < maxEarly {
			e.early = append(e.early, b)
		}
		return
	}
	if e.nodes[b.Parent] != nil {
		e.grow(b)
		return
	}
	if e.orphans.add(b) && from != consensus.Everyone {
		e.want(from, b.Parent)
	}
}

func (e *Engine) knows(id object.Hash) bool {
	return e.nodes[id] != nil || e.archive.blocks[id] != nil || id == e.Genesis.ID
}

// want asks a peer for a block, or for the first of its ancestors that is missing.
func (e *Engine) want(from consensus.Peer, id object.Hash) {
	if at := e.orphans.bottom(id); !e.knows(at) {
		if len(e.wanted) >= maxPeers {
			clear(e.wanted)
		}
		e.wanted[from] = at
		e.out(consensus.Send{To: from, Message: consensus.Want{ID: at, Have: e.have()}})
	}
}

// goOn asks for the rest, if what a peer sent is as much as fits a message: the blocks
// after the last one. They may be of a branch that none of this node's own names.
func (e *Engine) goOn(from consensus.Peer, got []*consensus.Block) {
	if len(got) < consensus.MaxRun || got[consensus.MaxRun-1] == nil {
		return
	}
	last, wanted := got[consensus.MaxRun-1].ID, e.wanted[from]
	if e.knows(last) && !e.knows(wanted) {
		have := append([]object.Hash{last}, e.have()...)
		e.out(consensus.Send{To: from, Message: consensus.Want{ID: wanted, Have: have[:min(len(have), consensus.MaxRun)]}})
	}
}

// have names blocks of this node's chain, from the head down to the last final one, ever
// farther apart.
func (e *Engine) have() []object.Hash {
	var ids []object.Hash
	for at, step, skip := e.head, 1, 1; at != e.root; at = at.parent {
		if skip--; skip == 0 && len(ids) < consensus.MaxRun-1 {
			ids = append(ids, at.state.id)
			step *= 2
			skip = step
		}
	}
	return append(ids, e.root.state.id)
}

// serve sends the blocks that a peer lacks, the lowest first.
func (e *Engine) serve(to consensus.Peer, w consensus.Want) {
	has := map[object.Hash]bool{}
	for _, id := range w.Have[:min(len(w.Have), consensus.MaxRun)] {
		has[id] = true
	}
	var line []*consensus.Block
	for id := w.ID; !has[id]; {
		b := e.archive.blocks[id]
		if n := e.nodes[id]; n != nil {
			b = n.block
		}
		if b == nil {
			break
		}
		line = append(line, b)
		id = b.Parent
	}
	if len(line) == 0 {
		return
	}
	slices.Reverse(line)
	e.out(consensus.Send{To: to, Message: consensus.Announce{Blocks: line[:min(len(line), consensus.MaxRun)]}})
}

// stand tells everyone where this node stands.
func (e *Engine) stand() {
	e.out(consensus.Send{To: consensus.Everyone, Message: consensus.Standing{
		Head: e.head.state.id, Final: e.root.state.height, Vote: e.notary.reminder(e.slot),
	}})
}

// archive keeps the newest final blocks, for others.
type archive struct {
	blocks map[object.Hash]*consensus.Block
	line   []object.Hash // oldest first
}

func newArchive() archive { return archive{blocks: map[object.Hash]*consensus.Block{}} }

func (a *archive) add(b *consensus.Block) {
	a.blocks[b.ID] = b
	a.line = append(a.line, b.ID)
	if len(a.line) > maxArchive {
		delete(a.blocks, a.line[0])
		a.line = a.line[1:]
	}
}

// orphans are blocks whose parent is unknown. The oldest go when there are too many.
type orphans struct {
	blocks map[object.Hash]*consensus.Block
	queue  []object.Hash
}

func newOrphans() orphans { return orphans{blocks: map[object.Hash]*consensus.Block{}} }

// add keeps a block and says whether it is new.
func (o *orphans) add(b *consensus.Block) bool {
	if o.blocks[b.ID] != nil {
		return false
	}
	o.blocks[b.ID] = b
	o.queue = append(o.queue, b.ID)
	if len(o.queue) > maxOrphans {
		delete(o.blocks, o.queue[0])
		o.queue = o.queue[1:]
	}
	return true
}

// take removes and returns the children of a block, in the order in which they came.
func (o *orphans) take(parent object.Hash) []*consensus.Block {
	var children []*consensus.Block
	o.queue = slices.DeleteFunc(o.queue, func(id object.Hash) bool {
		b := o.blocks[id]
		if b.Parent != parent {
			return false
		}
		children = append(children, b)
		delete(o.blocks, id)
		return true
	})
	return children
}

// bottom returns the first ancestor of a block, or the block, that is no orphan.
func (o *orphans) bottom(id object.Hash) object.Hash {
	for range maxOrphans {
		b := o.blocks[id]
		if b == nil {
			break
		}
		id = b.Parent
	}
	return id
}
