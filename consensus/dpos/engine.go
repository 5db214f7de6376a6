package dpos

import (
	"errors"
	"fmt"

	"aergo/consensus"
	"aergo/repo/key"
	"aergo/repo/object"
)

// Config is what one node's engine is made of.
type Config struct {
	Genesis  *Genesis
	Read     consensus.Reader
	Verifier consensus.Verifier
	Signer   consensus.Signer // nil for a node that only follows
	Onion    *Onion           // the delegate's own; nil for a node that only follows
}

// Engine is one node's consensus.Engine.
type Engine struct {
	Config
	self key.Public

	nowMillis uint64
	slot      uint64 // of nowMillis

	nodes   map[object.Hash]*node // the final block and what grows on it
	root    *node                 // the last final block
	head    *node
	archive archive
	orphans orphans
	wanted  map[consensus.Peer]object.Hash // what each peer was last asked for
	early   []*consensus.Block             // of slots to come

	promise   Promise
	attempted uint64            // slot in which Produce was asked for
	proposal  *consensus.Header // that was asked for; nil when answered
	idle      struct {
		head object.Hash
		slot uint64
	} // head and slot at which it was found not to be this delegate's turn

	written uint64 // number of the last write
	synced  uint64 // and of the last one that will survive
	held    []held

	court   court
	notary  notary
	outputs []consensus.Output
}

// held is what waits for a write to be synced.
type held struct {
	after uint64
	own   *consensus.Block // to be added to the tree; may be nil
	sends []consensus.Send
}

// New returns an engine that goes on from the records that are left of an earlier one of
// the same configuration, in the order in which they were written; none for a new node.
func New(cfg Config, records []consensus.Record) (*Engine, error) {
	if cfg.Genesis == nil || cfg.Read == nil || cfg.Verifier == nil || (cfg.Signer == nil) != (cfg.Onion == nil) {
		return nil, errors.New("dpos: incomplete configuration")
	}
	first, err := newState(cfg.Genesis)
	if err != nil {
		return nil, err
	}
	root := &node{state: first, executed: true, voters: first.sitting}
	e := &Engine{
		Config: cfg, nodes: map[object.Hash]*node{first.id: root}, root: root, head: root,
		archive: newArchive(), orphans: newOrphans(), wanted: map[consensus.Peer]object.Hash{}, court: newCourt(), notary: newNotary(),
	}
	if cfg.Signer != nil {
		e.self = cfg.Signer.Public()
	}
	for i, r := range records {
		if err := e.restore(r); err != nil {
			return nil, fmt.Errorf("record %d: %w", i, err)
		}
	}
	e.outputs = nil
	return e, nil
}

// restore takes in a record. Blocks of branches that lost are left out.
func (e *Engine) restore(r consensus.Record) error {
	switch r.Kind {
	case consensus.RecordPromise:
		p, err := DecodePromise(r.Data)
		if err != nil {
			return err
		}
		e.promise = p
		return e.restoreBlock(p.Block)
	case consensus.RecordBlock:
		return e.restoreBlock(r.Data)
	}
	return fmt.Errorf("%w: kind %d", object.ErrMalformed, r.Kind)
}

func (e *Engine) restoreBlock(data []byte) error {
	b, err := consensus.DecodeBlock(e.Read, data)
	if err != nil {
		return err
	}
	if n := e.connect(b); n != nil {
		e.adopt(n)
	}
	return nil
}

// Status says where the engine stands.
func (e *Engine) Status() consensus.Status {
	return consensus.Status{
		Head: e.head.state.id, HeadHeight: e.head.state.height, HeadSlot: e.head.state.slot,
		Final: e.root.state.id, FinalHeight: e.root.state.height,
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
		e.release(in.Write)
	case consensus.Built:
		e.built(in)
	case consensus.Executed:
		e.executed(in)
	}
	return e.outputs
}

func (e *Engine) out(o consensus.Output) { e.outputs = append(e.outputs, o) }

// write asks for a record to be kept.
func (e *Engine) write(kind consensus.RecordKind, data []byte) {
	e.written++
	e.out(consensus.Write{Number: e.written, Record: consensus.Record{Kind: kind, Data: data}})
}

// hold keeps something back until all that was written so far is synced.
func (e *Engine) hold(h held) {
	h.after = e.written
	e.held = append(e.held, h)
	e.release(e.synced)
}

// release does what waited for a write.
func (e *Engine) release(synced uint64) {
	e.synced = max(e.synced, synced)
	waiting := e.held
	e.held = nil
	for _, h := range waiting {
		if h.after > e.synced {
			e.held = append(e.held, h)
			continue
		}
		if h.own != nil {
			if n := e.connect(h.own); n != nil {
				e.write(consensus.RecordBlock, h.own.Encode())
				e.adopt(n)
			}
		}
		for _, s := range h.sends {
			e.out(s)
		}
	}
}

// tick lets time pass: blocks that came early come in, and a delegate whose turn it is
// asks for a block.
func (e *Engine) tick(nowMillis uint64) {
	e.nowMillis = nowMillis
	g := e.Genesis
	begins := g.slotAt(nowMillis) != e.slot
	e.slot = g.slotAt(nowMillis)
	early := e.early
	e.early = nil
	for _, b := range early {
		e.take(consensus.Everyone, b)
	}
	if begins && e.slot > 0 {
		e.stand()
	}
	e.propose()
}

// propose asks for a block if it is this delegate's turn, and if a block on this head
// would not break its promise.
func (e *Engine) propose() {
	at := e.head.state
	if e.Signer == nil || e.slot <= at.slot || e.slot <= e.attempted || e.slot <= e.promise.Slot || at.votes.rank.compare(e.promise.rank()) < 0 {
		return
	}
	if e.idle.head == at.id && e.idle.slot == e.slot {
		return // it was somebody else's turn a moment ago
	}
	ahead := at.upTo(e.slot)
	h := ahead.template()
	if h.Producer != e.self {
		e.idle.head, e.idle.slot = at.id, e.slot
		return
	}
	seat := ahead.rota.seats[findSeat(ahead.rota.seats, e.self)]
	x := Extra{Round: ahead.rota.round, MaxProduced: e.promise.Slot, Era: at.votes.rank.era, MaxPrevoted: at.votes.rank.prevoted}
	if !seat.revealed {
		in, ok := e.Onion.inside(seat.in)
		if !ok {
			return // nothing left to reveal: it is time to register another onion
		}
		x.In, x.Signature = in, ahead.rota.signatureOf(in)
	}
	h.Extra = x.Encode()
	e.attempted, e.proposal = e.slot, &h
	e.out(consensus.Produce{Header: h, Body: EncodeOperations(e.court.pending(ahead.ledger))})
}

// built seals the block that was asked for. What the block promises is synced before
// anyone else sees it.
func (e *Engine) built(in consensus.Built) {
	want := e.proposal
	e.proposal = nil
	if want == nil || want.Slot <= e.promise.Slot {
		return
	}
	b, err := consensus.Open(e.Read, in.Raw, key.Signature{}, in.Body)
	if err != nil {
		return
	}
	due := *want
	due.Content, due.Operations = b.Content, b.Operations
	parent := e.nodes[b.Parent]
	if !sameHeader(&due, &b.Header) || parent == nil {
		return
	}
	if _, err := parent.state.apply(b); err != nil {
		return
	}
	b.Seal = e.Signer.Sign(key.DomainBlock, b.Lineage, b.ID)
	r := parent.state.votes.rank
	e.promise = Promise{Slot: b.Slot, Era: r.era, Prevoted: r.prevoted, Block: b.Encode()}
	e.write(consensus.RecordPromise, e.promise.Encode())
	e.hold(held{own: b, sends: []consensus.Send{
		{To: consensus.Everyone, Message: consensus.Announce{Blocks: []*consensus.Block{b}}},
	}})
}
