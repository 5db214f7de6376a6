// Package solo is the engine of a chain that one delegate makes alone: a block in every
// slot in which it is asked to, final as soon as it is synced.
//
// It exists for chains with an owner, for followers of such chains, and as the smallest
// thing that passes consensus/conformance. An owner who makes two blocks of one height
// is not convicted: everybody keeps the one that came first.
package solo

import (
	"errors"
	"slices"

	"aergo/consensus"
	"aergo/repo/key"
	"aergo/repo/object"
)

// Config is what one node's engine is made of.
type Config struct {
	Lineage    object.Hash
	Branch     object.Hash
	Genesis    object.Hash // id of the block that the chain grows from
	TimeMillis uint64      // at which slot 1 begins
	SlotMillis uint64
	Owner      key.Public
	Delegates  object.Hash // what headers say about the delegates
	Read       consensus.Reader
	Verifier   consensus.Verifier
	Signer     consensus.Signer // the owner's; nil for a follower
}

// maxHistory is how many blocks are kept for others, and maxAhead how many without their
// parents.
const (
	maxHistory = 1024
	maxAhead   = 256
)

// Engine is one node's consensus.Engine.
type Engine struct {
	Config
	head    link
	slot    uint64
	asked   uint64            // slot in which Produce was asked for
	due     *consensus.Header // what was asked for
	own     *consensus.Block  // sealed, waiting for its write to be synced
	ownAt   uint64            // that write
	next    *consensus.Block  // waiting for Executed
	ahead   map[object.Hash]*consensus.Block
	history []*consensus.Block // oldest first
	written uint64
	outputs []consensus.Output
}

type link struct {
	id           object.Hash
	height, slot uint64
}

// New returns an engine that goes on from the records of an earlier one.
func New(cfg Config, records []consensus.Record) (*Engine, error) {
	if cfg.SlotMillis == 0 || cfg.Read == nil || cfg.Verifier == nil {
		return nil, errors.New("solo: incomplete configuration")
	}
	e := &Engine{Config: cfg, head: link{id: cfg.Genesis}, ahead: map[object.Hash]*consensus.Block{}}
	for _, r := range records {
		if r.Kind != consensus.RecordBlock {
			return nil, errors.New("solo: not a record of this engine")
		}
		b, err := consensus.DecodeBlock(cfg.Read, r.Data)
		if err != nil {
			return nil, err
		}
		if e.fits(b) {
			e.extend(b)
		}
	}
	e.outputs = nil
	return e, nil
}

// Status says where the engine stands: its head is final.
func (e *Engine) Status() consensus.Status {
	return consensus.Status{
		Head: e.head.id, HeadHeight: e.head.height, HeadSlot: e.head.slot, Final: e.head.id, FinalHeight: e.head.height,
	}
}

// Step takes one input. See consensus.Engine.
func (e *Engine) Step(in consensus.Input) []consensus.Output {
	e.outputs = nil
	switch in := in.(type) {
	case consensus.Tick:
		e.tick(in.NowMillis)
	case consensus.Received:
		e.receive(in.From, in.Message)
	case consensus.Synced:
		e.synced(in.Write)
	case consensus.Built:
		e.built(in)
	case consensus.Executed:
		if e.next != nil && e.next.ID == in.ID {
			b := e.next
			e.next = nil
			if in.Valid {
				e.write(b)
				e.extend(b)
			}
		}
	}
	e.executeNext()
	return e.outputs
}

func (e *Engine) out(o consensus.Output) { e.outputs = append(e.outputs, o) }

func (e *Engine) write(b *consensus.Block) {
	e.written++
	e.out(consensus.Write{Number: e.written, Record: consensus.Record{Kind: consensus.RecordBlock, Data: b.Encode()}})
}

func (e *Engine) tick(nowMillis uint64) {
	before := e.slot
	e.slot = 0
	if nowMillis >= e.TimeMillis {
		e.slot = (nowMillis-e.TimeMillis)/e.SlotMillis + 1
	}
	if e.slot != before {
		e.out(consensus.Send{Message: consensus.Standing{Head: e.head.id, Final: e.head.height}})
	}
	if e.Signer == nil || e.slot <= e.head.slot || e.slot <= e.asked || e.own != nil {
		return
	}
	e.asked = e.slot
	h := e.template(e.slot)
	e.due = &h
	e.out(consensus.Produce{Header: h})
}

func (e *Engine) template(slot uint64) consensus.Header {
	return consensus.Header{
		Lineage: e.Lineage, Branch: e.Branch, Height: e.head.height + 1, Slot: slot,
		TimeMillis: e.TimeMillis + (slot-1)*e.SlotMillis, Parent: e.head.id,
		Delegates: e.Delegates, NextDelegates: e.Delegates, Producer: e.Owner,
	}
}

// built seals a block; nobody sees it before it is synced.
func (e *Engine) built(in consensus.Built) {
	due := e.due
	e.due = nil
	b, err := consensus.Open(e.Read, in.Raw, key.Signature{}, in.Body)
	if due == nil || err != nil || b.Slot != due.Slot || !e.follows(b) {
		return
	}
	b.Seal = e.Signer.Sign(key.DomainBlock, b.Lineage, b.ID)
	e.write(b)
	e.own, e.ownAt = b, e.written
}

func (e *Engine) synced(write uint64) {
	if e.own == nil || write < e.ownAt {
		return
	}
	b := e.own
	e.own = nil
	e.extend(b)
	e.out(consensus.Send{Message: consensus.Announce{Blocks: []*consensus.Block{b}}})
}

func (e *Engine) receive(from consensus.Peer, m consensus.Message) {
	switch m := m.(type) {
	case consensus.Announce:
		for _, b := range m.Blocks[:min(len(m.Blocks), consensus.MaxRun)] {
			if b != nil && b.Height > e.head.height && len(e.ahead) < maxAhead {
				e.ahead[b.Parent] = b
			}
		}
	case consensus.Standing:
		if m.Final > e.head.height {
			e.out(consensus.Send{To: from, Message: consensus.Want{ID: m.Head, Have: []object.Hash{e.head.id}}})
		}
	case consensus.Want:
		m.Have = m.Have[:min(len(m.Have), consensus.MaxRun)]
		var line []*consensus.Block
		for i := len(e.history) - 1; i >= 0 && !slices.Contains(m.Have, e.history[i].ID); i-- {
			line = append(line, e.history[i])
		}
		slices.Reverse(line)
		line = line[:min(len(line), consensus.MaxRun)]
		if len(line) > 0 {
			e.out(consensus.Send{To: from, Message: consensus.Announce{Blocks: line}})
		}
	}
}

// executeNext takes up the block that stands on the head, if there is one.
func (e *Engine) executeNext() {
	b := e.ahead[e.head.id]
	if b == nil || e.next != nil || e.own != nil {
		return
	}
	delete(e.ahead, e.head.id)
	if e.fits(b) {
		e.next = b
		e.out(consensus.Execute{Block: b})
	}
}

// follows says whether a block may stand on the head.
func (e *Engine) follows(b *consensus.Block) bool {
	want := e.template(b.Slot)
	return b.Slot > e.head.slot && b.Lineage == want.Lineage && b.Branch == want.Branch && b.Height == want.Height &&
		b.TimeMillis == want.TimeMillis && b.Parent == want.Parent && b.Delegates == want.Delegates &&
		b.NextDelegates == want.NextDelegates && b.Producer == want.Producer && len(b.Extra) == 0
}

func (e *Engine) fits(b *consensus.Block) bool {
	return e.follows(b) && e.Verifier.Verify(b.Producer, key.DomainBlock, b.Lineage, b.ID, b.Seal) == nil
}

func (e *Engine) extend(b *consensus.Block) {
	e.head = link{id: b.ID, height: b.Height, slot: b.Slot}
	e.history = append(e.history, b)
	if len(e.history) > maxHistory {
		e.history = e.history[1:]
	}
	for parent, waiting := range e.ahead {
		if waiting.Height <= b.Height {
			delete(e.ahead, parent)
		}
	}
	e.out(consensus.HeadChanged{ID: b.ID, Height: b.Height})
	e.out(consensus.Finalised{ID: b.ID, Height: b.Height})
}
