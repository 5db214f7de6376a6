package simulator

import (
	"aergo/consensus"
	"aergo/repo/object"
)

// host is one node: an engine, a clock, a disk.
type host struct {
	w          *world
	index      int
	engine     consensus.Engine // nil while it is down
	life       int
	skew       int64 // milliseconds by which its clock is fast
	wrongClock bool
	links      []bool // hosts that it is connected to; nil for all

	disk    []consensus.Record // what survives a crash
	cache   []consensus.Record // what may not
	written uint64             // in this life
	crashIn int                // writes until it crashes; negative for never
	sent    bool               // it crashes when what goes with the write has gone out too
	doomed  bool               // it crashes when this step is done
	down    uint64             // how long it then stays down

	final   uint64 // as it said in this life
	finalID object.Hash
	headID  object.Hash // zero before the first change in this life
	stopped bool        // crashed in the middle of a step
}

func (h *host) linked(to int) bool { return h.links == nil || h.links[to] }

func (h *host) clock() uint64 { return uint64(max(int64(h.w.now)+h.skew, 0)) }

// boot starts the host from its disk.
func (h *host) boot() {
	if h.engine != nil {
		return
	}
	h.life++
	h.written, h.cache = 0, nil
	engine, err := h.w.start(h.index, h.disk)
	if err != nil {
		h.w.wrong("host %d does not start: %v", h.index, err)
		return
	}
	h.engine = engine
	s := engine.Status()
	h.final, h.finalID, h.headID = 0, h.w.genesis, object.Hash{}
	if s.FinalHeight > 0 && h.w.honest(h.index) {
		h.w.finalised(h, s.Final, s.FinalHeight)
	}
	h.w.schedule(h.w.rng.Uint64N(h.w.slotMillis/4), h.index, h.life, tickEvent{})
}

// crash stops the host. Of what was not synced, some first records may have reached the
// disk all the same.
func (h *host) crash(downMillis uint64) {
	if h.engine == nil {
		return
	}
	h.w.restarts++
	h.w.note('x', h.index, h.written)
	h.disk = append(h.disk, h.cache[:h.w.rng.IntN(len(h.cache)+1)]...)
	h.cache = nil
	h.engine, h.crashIn, h.stopped = nil, -1, true
	h.life++
	h.w.schedule(min(downMillis, h.w.healAt-h.w.now), h.index, h.life, bootEvent{})
}

// step gives the engine one input and does what it says.
func (h *host) step(in consensus.Input) {
	h.stopped = false
	for _, out := range h.engine.Step(in) {
		h.do(out)
		if h.stopped {
			return // what was to come after the crash never happens
		}
	}
	if h.doomed {
		h.doomed = false
		h.crash(h.down)
	}
}

func (h *host) do(out consensus.Output) {
	w := h.w
	switch out := out.(type) {
	case consensus.Write:
		h.write(out)
	case consensus.Send:
		for _, s := range w.filter(w, h.index, out) {
			w.note('s', h.index, uint64(s.To))
			w.carry(h.index, s)
		}
	case consensus.Produce:
		w.note('p', h.index, out.Header.Slot)
		if built := w.build(w, h.index, out); built != nil {
			if b, err := consensus.Open(consensus.DecodeHeader, built.Raw, [64]byte{}, built.Body); err == nil {
				w.blocks[b.ID] = b
			}
			w.schedule(1+w.rng.Uint64N(w.slotMillis/20), h.index, h.life, *built)
		}
	case consensus.Execute:
		w.blocks[out.Block.ID] = out.Block
		answer := consensus.Executed{ID: out.Block.ID, Valid: w.valid(out.Block)}
		w.schedule(1+w.rng.Uint64N(w.slotMillis/20), h.index, h.life, answer)
	case consensus.HeadChanged:
		w.noteHash('h', h.index, out.ID)
		if w.honest(h.index) {
			w.headed(h, out.ID, out.Height)
		}
	case consensus.Finalised:
		w.noteHash('f', h.index, out.ID)
		if w.honest(h.index) {
			w.finalised(h, out.ID, out.Height)
		}
	default:
		w.found(w, h.index, out)
	}
}

// write takes a record into the cache; it is synced some time later, or the host crashes.
func (h *host) write(out consensus.Write) {
	w := h.w
	h.written++
	w.note('w', h.index, out.Number, uint64(len(out.Record.Data)))
	w.trace.Write(out.Record.Data)
	if out.Number != h.written {
		w.wrong("host %d: write %d is numbered %d", h.index, h.written, out.Number)
	}
	h.cache = append(h.cache, out.Record)
	if h.crashIn == 0 && w.now < w.healAt {
		if h.doomed = h.sent; !h.doomed {
			h.crash(h.down)
			return
		}
	}
	h.crashIn = max(h.crashIn-1, -1)
	w.schedule(1+w.rng.Uint64N(w.slotMillis/20), h.index, h.life, syncEvent{upTo: out.Number})
}

// syncEvent is the disk's news that a write and all before it survive.
type syncEvent struct{ upTo uint64 }

// sync makes the cache durable up to a write of this life, and tells the engine.
func (h *host) sync(upTo uint64) {
	first := h.written - uint64(len(h.cache)) // number of the last durable write
	if upTo > first {
		n := upTo - first
		h.disk = append(h.disk, h.cache[:n]...)
		h.cache = h.cache[n:]
	}
	h.step(consensus.Synced{Write: upTo})
}
