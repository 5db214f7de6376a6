package simulator

import (
	"container/heap"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math/rand/v2"

	"aergo/consensus"
	"aergo/repo/object"
)

// protocol is what the world has to know of the engines in it.
type protocol interface {
	// start makes a host's engine from what is left of its records.
	start(host int, records []consensus.Record) (consensus.Engine, error)
	// build answers an engine that asks for a block; nil for no block.
	build(w *world, host int, p consensus.Produce) *consensus.Built
	// filter returns what really goes out when a host's engine sends something.
	filter(w *world, host int, s consensus.Send) []consensus.Send
	// valid says whether a block's content is right.
	valid(b *consensus.Block) bool
	// honest says whether a host does as it should.
	honest(host int) bool
	// found hears of outputs that the world itself does not look at.
	found(w *world, host int, out consensus.Output)
}

// world is one run.
type world struct {
	protocol
	rng        *rand.Rand
	now        uint64 // milliseconds of true time
	queue      events
	sequence   uint64
	hosts      []*host
	weather    weather
	partitions []partition
	healAt     uint64
	slotMillis uint64
	genesisAt  uint64
	genesis    object.Hash

	trace    hash.Hash
	events   int
	messages int
	restarts int

	blocks     map[object.Hash]*consensus.Block // all that were ever seen
	finals     map[uint64]object.Hash           // by height, of any honest host
	top        uint64                           // the highest of them
	moments    []moment                         // at which something was first final anywhere
	violations []string
}

func newWorld(seed uint64, p protocol) *world {
	return &world{
		protocol: p, rng: rand.New(rand.NewPCG(seed, 0x5eed)), trace: sha256.New(),
		blocks: map[object.Hash]*consensus.Block{}, finals: map[uint64]object.Hash{},
	}
}

// event is something that happens to a host at a time.
type event struct {
	at       uint64
	sequence uint64 // in the order of scheduling, among those of one time
	host     int
	life     int // of the host; events of an earlier life are void
	what     any // consensus.Input, or one of those below
}

type (
	tickEvent  struct{} // the host looks at its clock
	bootEvent  struct{} // the host starts
	crashEvent struct{ downMillis uint64 }
)

type events []event

func (q events) Len() int { return len(q) }
func (q events) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].sequence < q[j].sequence
}
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *events) Push(x any)   { *q = append(*q, x.(event)) }
func (q *events) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}

func (w *world) schedule(after uint64, host, life int, what any) {
	w.sequence++
	heap.Push(&w.queue, event{at: w.now + after, sequence: w.sequence, host: host, life: life, what: what})
}

// run lets time pass up to a moment, or until something is wrong.
func (w *world) run(until uint64) {
	for len(w.queue) > 0 && w.queue[0].at <= until && len(w.violations) == 0 {
		ev := heap.Pop(&w.queue).(event)
		w.now = ev.at
		w.events++
		h := w.hosts[ev.host]
		switch what := ev.what.(type) {
		case bootEvent:
			h.boot()
		case crashEvent:
			if h.life == ev.life && w.now < w.healAt {
				h.crash(what.downMillis)
			}
		case tickEvent:
			if h.life == ev.life && h.engine != nil {
				h.step(consensus.Tick{NowMillis: h.clock()})
				w.schedule(w.slotMillis/4, h.index, h.life, tickEvent{})
			}
		case syncEvent:
			if h.life == ev.life && h.engine != nil {
				h.sync(what.upTo)
			}
		case consensus.Received: // reaches whoever lives at that address now
			if h.engine != nil {
				h.step(what)
			}
		case consensus.Input:
			if h.life == ev.life && h.engine != nil {
				h.step(what)
			}
		}
	}
	w.now = max(w.now, until)
}

// slotNow is the slot that true time lies in.
func (w *world) slotNow() uint64 {
	if w.now < w.genesisAt {
		return 0
	}
	return (w.now-w.genesisAt)/w.slotMillis + 1
}

// carry brings a message to those it is for.
func (w *world) carry(from int, s consensus.Send) {
	for to, h := range w.hosts {
		if to == from || s.To != consensus.Everyone && int(s.To) != to+1 || !w.hosts[from].linked(to) || !h.linked(from) {
			continue
		}
		for _, delay := range w.delays(from, to) {
			w.messages++
			w.schedule(delay, to, h.life, consensus.Received{From: consensus.Peer(from + 1), Message: s.Message})
		}
	}
}

// note adds to the trace.
func (w *world) note(kind byte, host int, numbers ...uint64) {
	b := binary.BigEndian.AppendUint64([]byte{kind, byte(host)}, w.now)
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	w.trace.Write(b)
}

func (w *world) noteHash(kind byte, host int, h object.Hash) {
	w.note(kind, host, binary.BigEndian.Uint64(h[:]))
}

// wrong records that something is not as it must be; the run ends.
func (w *world) wrong(format string, args ...any) {
	w.violations = append(w.violations, fmt.Sprintf("slot %d: ", w.slotNow())+fmt.Sprintf(format, args...))
}

// finalised hears that an honest host takes a block for final, and holds all of them to it.
func (w *world) finalised(h *host, id object.Hash, height uint64) {
	if height <= h.final {
		w.wrong("host %d: final height went from %d to %d", h.index, h.final, height)
		return
	}
	for at, i := id, height; i > h.final; i-- {
		b := w.blocks[at]
		switch known, ok := w.finals[i]; {
		case b == nil || b.Height != i:
			w.wrong("host %d: %s, final at height %d, does not grow on the genesis", h.index, id.Short(), height)
			return
		case ok && known != at:
			w.wrong("host %d: %s is final at height %d, where %s was final before", h.index, at.Short(), i, known.Short())
			return
		case !w.valid(b):
			w.wrong("host %d: %s became final with false content", h.index, at.Short())
			return
		case b.TimeMillis > w.now+w.slotMillis && !h.wrongClock:
			w.wrong("host %d: %s of slot %d became final before its time", h.index, at.Short(), b.Slot)
			return
		case !ok:
			w.finals[i] = at
		}
		at = b.Parent
	}
	if height > w.top && h.headID != (object.Hash{}) {
		w.moments = append(w.moments, moment{host: h.index, head: h.headID, height: height})
	}
	w.top = max(w.top, height)
	h.final, h.finalID = height, id
}

// headed hears of a host's new head, which must grow on what the host takes for final.
func (w *world) headed(h *host, id object.Hash, height uint64) {
	h.headID = id
	for at, i := id, height; ; i-- {
		if i == h.final {
			if at != h.finalID {
				w.wrong("host %d: head %s at height %d does not grow on final block %s", h.index, id.Short(), height, h.finalID.Short())
			}
			return
		}
		b := w.blocks[at]
		if b == nil || i < h.final {
			w.wrong("host %d: head %s at height %d lies below the final height %d", h.index, id.Short(), height, h.final)
			return
		}
		if !w.valid(b) {
			w.wrong("host %d: builds on the false content of %s", h.index, at.Short())
			return
		}
		at = b.Parent
	}
}
