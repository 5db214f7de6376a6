// Package conformance is what every consensus.Engine must do, whatever its rules are: the
// same inputs give the same outputs; nothing that binds a node is sent before it is
// synced; no block is built on before its content was checked; a node that crashed at any
// write never makes a second block in a slot; what is final stays final; rubbish is
// ignored; and nodes that hear each other agree and go on.
//
// The package drives clusters in lockstep, without faults of the network;
// consensus/simulator has those.
package conformance

import (
	"fmt"
	"reflect"
	"testing"

	"aergo/consensus"
	"aergo/repo/key"
	"aergo/repo/object"
)

// Cluster is how the suite makes the nodes of one engine.
type Cluster struct {
	Nodes      int
	TimeMillis uint64 // at which the first slot begins
	SlotMillis uint64
	Slots      int // after which every node must have final blocks
	// New makes node number i, from what is left of its records.
	New func(i int, records []consensus.Record) (consensus.Engine, error)
}

// Run runs the suite.
func Run(t *testing.T, c Cluster) {
	t.Run("agrees and goes on", c.agrees)
	t.Run("is deterministic", c.isDeterministic)
	t.Run("syncs before it sends", c.syncsBeforeItSends)
	t.Run("executes before it builds", c.executesBeforeItBuilds)
	t.Run("survives a crash at any write", c.survivesCrashes)
	t.Run("ignores rubbish", c.ignoresRubbish)
}

// node is one engine with its disk.
type node struct {
	t       *testing.T
	engine  consensus.Engine
	trace   []string // of all outputs
	disk    []consensus.Record
	writes  uint64
	status  consensus.Status
	blocks  map[object.Hash]*consensus.Block // that went out or were executed
	sent    map[uint64]object.Hash           // slot -> own block that went out
	own     map[object.Hash]bool             // blocks that this node built
	mute    bool                             // never says Synced
	blind   bool                             // never says Executed
	crashAt uint64                           // write after which nothing reaches the disk; 0 for never
	outbox  []consensus.Send
}

type lab struct {
	cluster Cluster
	nodes   []*node
}

func (c Cluster) start(t *testing.T) *lab {
	t.Helper()
	l := &lab{cluster: c}
	for i := range c.Nodes {
		n := &node{t: t, blocks: map[object.Hash]*consensus.Block{}, sent: map[uint64]object.Hash{}, own: map[object.Hash]bool{}}
		n.boot(c, i)
		l.nodes = append(l.nodes, n)
	}
	return l
}

func (n *node) boot(c Cluster, i int) {
	engine, err := c.New(i, n.disk)
	if err != nil {
		n.t.Fatalf("node %d does not start: %v", i, err)
	}
	n.engine, n.writes, n.status = engine, 0, engine.Status()
}

// step gives one input and does what follows from it, but sending.
func (n *node) step(in consensus.Input) {
	for queue := []consensus.Input{in}; len(queue) > 0; queue = queue[1:] {
		for _, out := range n.engine.Step(queue[0]) {
			n.trace = append(n.trace, fmt.Sprintf("%T%+v", out, out))
			if answer := n.do(out); answer != nil {
				queue = append(queue, answer)
			}
		}
	}
	n.check()
}

func (n *node) do(out consensus.Output) consensus.Input {
	switch out := out.(type) {
	case consensus.Write:
		n.writes++
		if out.Number != n.writes {
			n.t.Fatalf("write %d is numbered %d", n.writes, out.Number)
		}
		if n.crashAt > 0 && n.writes > n.crashAt {
			return nil
		}
		n.disk = append(n.disk, out.Record)
		if !n.mute {
			return consensus.Synced{Write: out.Number}
		}
	case consensus.Send:
		n.send(out)
	case consensus.Produce:
		h := out.Header
		h.Content = object.Sum(fmt.Appendf(nil, "content of slot %d on %s after %d outputs", h.Slot, h.Parent, len(n.trace)))
		h.Operations = consensus.HashBody(out.Body)
		raw := h.Encode()
		n.own[object.Sum(raw)] = true
		return consensus.Built{Raw: raw, Body: out.Body}
	case consensus.Execute:
		n.blocks[out.Block.ID] = out.Block
		if !n.blind {
			return consensus.Executed{ID: out.Block.ID, Valid: true}
		}
	}
	return nil
}

// send keeps a message for delivery, and holds the node to its word: one block a slot.
func (n *node) send(s consensus.Send) {
	n.outbox = append(n.outbox, s)
	a, ok := s.Message.(consensus.Announce)
	if !ok {
		return
	}
	for _, b := range a.Blocks {
		n.blocks[b.ID] = b
		if !n.own[b.ID] {
			continue
		}
		if before, twice := n.sent[b.Slot]; twice && before != b.ID {
			n.t.Fatalf("two blocks of slot %d went out: %s and %s", b.Slot, before.Short(), b.ID.Short())
		}
		n.sent[b.Slot] = b.ID
	}
}

// check looks at what must hold between any two steps.
func (n *node) check() {
	now := n.engine.Status()
	if now.FinalHeight < n.status.FinalHeight || now.FinalHeight == n.status.FinalHeight && now.Final != n.status.Final {
		n.t.Fatalf("what was final at height %d is not any more", n.status.FinalHeight)
	}
	at := now.Head
	for height := now.HeadHeight; height > now.FinalHeight; height-- {
		b := n.blocks[at]
		if b == nil || b.Height != height {
			n.t.Fatalf("the head's ancestor at height %d was neither made here nor executed", height)
		}
		at = b.Parent
	}
	if at != now.Final {
		n.t.Fatalf("head %s does not descend from the final block %s", now.Head.Short(), now.Final.Short())
	}
	n.status = now
}

// slots lets time pass, four ticks a slot; every message arrives at once.
func (l *lab) slots(from, to int) {
	for quarter := from * 4; quarter < to*4; quarter++ {
		now := l.cluster.TimeMillis + uint64(quarter)*l.cluster.SlotMillis/4
		for _, n := range l.nodes {
			n.step(consensus.Tick{NowMillis: now})
			l.deliver()
		}
	}
}

// deliver carries messages until there are no more.
func (l *lab) deliver() {
	for busy := true; busy; {
		busy = false
		for i, n := range l.nodes {
			outbox := n.outbox
			n.outbox = nil
			for _, s := range outbox {
				busy = true
				for j, to := range l.nodes {
					if j != i && (s.To == consensus.Everyone || int(s.To) == j+1) {
						to.step(consensus.Received{From: consensus.Peer(i + 1), Message: s.Message})
					}
				}
			}
		}
	}
}

func (c Cluster) agrees(t *testing.T) {
	l := c.start(t)
	l.slots(0, c.Slots)
	first := l.nodes[0].status
	for i, n := range l.nodes {
		if n.status.FinalHeight == 0 || n.status != first {
			t.Errorf("node %d stands at %+v, node 0 at %+v", i, n.status, first)
		}
	}
	l.slots(c.Slots, 2*c.Slots)
	if l.nodes[0].status.FinalHeight <= first.FinalHeight {
		t.Errorf("nothing became final between slots %d and %d", c.Slots, 2*c.Slots)
	}
}

func (c Cluster) isDeterministic(t *testing.T) {
	a, b := c.start(t), c.start(t)
	a.slots(0, c.Slots)
	b.slots(0, c.Slots)
	for i := range a.nodes {
		if len(a.nodes[i].trace) == 0 || !reflect.DeepEqual(a.nodes[i].disk, b.nodes[i].disk) || len(a.nodes[i].trace) != len(b.nodes[i].trace) {
			t.Fatalf("node %d: %d outputs in one run, %d in the other", i, len(a.nodes[i].trace), len(b.nodes[i].trace))
		}
	}
}

func (c Cluster) syncsBeforeItSends(t *testing.T) {
	l := c.start(t)
	for _, n := range l.nodes {
		n.mute = true
	}
	l.slots(0, c.Slots)
	built := 0
	for i, n := range l.nodes {
		built += len(n.own)
		if len(n.sent) > 0 {
			t.Errorf("node %d sent blocks that a crash would have made it forget", i)
		}
		n.mute = false
		n.step(consensus.Synced{Write: n.writes})
	}
	if built == 0 {
		t.Fatal("nobody built anything")
	}
	sent := 0
	for _, n := range l.nodes {
		sent += len(n.sent)
	}
	if sent == 0 {
		t.Error("nothing went out once it was synced")
	}
}

func (c Cluster) executesBeforeItBuilds(t *testing.T) {
	l := c.start(t)
	for _, n := range l.nodes {
		n.blind = true
	}
	l.slots(0, c.Slots)
	for i, n := range l.nodes {
		if !n.own[n.status.Head] && n.status.HeadHeight > 0 {
			t.Errorf("node %d builds on %s, whose content it never checked", i, n.status.Head.Short())
		}
	}
}

// survivesCrashes stops each node at each of its first writes, loses what was not synced
// by then, and starts it again, in the slot in which it stopped.
func (c Cluster) survivesCrashes(t *testing.T) {
	for crashAt := range uint64(2 * c.Slots) {
		for i := range c.Nodes {
			l := c.start(t)
			n := l.nodes[i]
			n.crashAt = crashAt + 1
			at := 0
			for ; at < 2*c.Slots && n.writes <= n.crashAt; at++ {
				l.slots(at, at+1)
			}
			n.crashAt, n.outbox = 0, nil
			final := n.status.Final
			n.boot(c, i)
			l.slots(at-1, at+c.Slots)
			if last := n.status; last.FinalHeight == 0 || last.Final == final {
				t.Fatalf("node %d, crashed at write %d, does not go on", i, crashAt+1)
			}
		}
	}
}

// ignoresRubbish feeds a node what no honest node sends.
func (c Cluster) ignoresRubbish(t *testing.T) {
	l := c.start(t)
	l.slots(0, c.Slots)
	n := l.nodes[0]
	before := n.status
	var rubbish []consensus.Message
	for _, b := range n.blocks {
		forged, raised, late := *b, *b, *b
		forged.Seal[0] ^= 1
		raised.Header.Height += 1000
		raised.Raw = raised.Header.Encode()
		raised.ID = object.Sum(raised.Raw)
		late.Header.Slot += 1 << 40
		late.Raw = late.Header.Encode()
		late.ID = object.Sum(late.Raw)
		for _, bad := range []*consensus.Block{nil, {}, &forged, &raised, &late} {
			rubbish = append(rubbish, consensus.Announce{Blocks: []*consensus.Block{bad}})
		}
		same := consensus.Sealed{Raw: b.Raw, Seal: b.Seal}
		rubbish = append(rubbish, consensus.Accuse{Evidence: consensus.Evidence{A: same, B: same}})
	}
	vote := consensus.Attestation{Height: before.FinalHeight, ID: before.Final, Signer: key.Public{1}}
	rubbish = append(rubbish, nil, consensus.Accuse{}, consensus.Announce{}, consensus.Want{}, consensus.Standing{Vote: &vote}, vote)
	for _, m := range rubbish {
		n.step(consensus.Received{From: 2, Message: m})
	}
	n.step(consensus.Built{Raw: []byte{0x80}})
	n.step(consensus.Executed{ID: before.Head, Valid: false})
	n.step(consensus.Synced{Write: 1 << 60})
	if n.status != before {
		t.Fatalf("rubbish moved the node from %+v to %+v", before, n.status)
	}
	n.writes = 0
	n.disk = n.disk[:0:0]
	n.blocks, n.sent = map[object.Hash]*consensus.Block{}, map[uint64]object.Hash{}
	n.boot(c, 0)
	l.slots(c.Slots, 2*c.Slots+1)
	if n.status.FinalHeight <= before.FinalHeight {
		t.Error("a node that lost its disk does not catch up")
	}
}
