package simulator

import (
	"container/heap"
	"encoding/hex"
	"fmt"
	"strings"

	"aergo/repo/key"
	"aergo/repo/object"
)

// Report is what came out of a run.
type Report struct {
	Seed       uint64
	Plan       string
	Trace      string   // hash of all that happened
	Violations []string // of what must always hold; empty if all is well
	Slots      uint64
	Final      uint64 // height
	Events     int
	Messages   int
	Restarts   int
	Convicted  int
	Certified  int
	// ResumedSlots is how many slots after the network healed every honest host took more
	// for final than any did then; RoundSlots is how many slots a round has.
	ResumedSlots float64
	RoundSlots   int
	Excuse       int  // rounds beyond two that it may take: see excuse
	Late         bool // it took more than two whole rounds
}

// catchUpSlots is what it takes to fetch the blocks of a storm, and to execute them one
// after the other.
const catchUpSlots = 2

// Run runs the cluster of a seed: a storm, then calm.
func Run(seed uint64, o Options) Report {
	p := newPlan(seed, o)
	c := newCluster(p)
	w := c.world()
	c.drawCrashes(w)
	w.run(w.healAt)
	round := uint64(p.genesis.Params.Seats) + 1
	// Two whole rounds after the one in which the last node has caught up.
	last := ((w.slotNow()+catchUpSlots-1)/round + 3) * round
	resumed, late, excuse := c.awaitProgress(w, last)
	if len(w.violations) == 0 && !o.WithoutOracle {
		c.review(w)
	}
	return Report{
		Seed: seed, Plan: p.String(), Trace: hex.EncodeToString(w.trace.Sum(nil)), Violations: w.violations, Slots: w.slotNow(), Final: w.top,
		Events: w.events, Messages: w.messages, Restarts: w.restarts, Convicted: len(c.convicted), Certified: len(c.certificates),
		ResumedSlots: resumed, Late: late, Excuse: excuse, RoundSlots: int(round),
	}
}

func newCluster(p *plan) *cluster {
	return &cluster{plan: p, falsehoods: map[object.Hash]bool{}, certificates: map[uint64][]byte{}, convicted: map[key.Public]bool{}}
}

// world makes the hosts of a plan.
func (c *cluster) world() *world {
	w := newWorld(c.seed, c)
	w.now, w.slotMillis, w.genesisAt, w.genesis = genesisAt-slotMillis, slotMillis, genesisAt, c.genesis.ID
	w.weather, w.partitions, w.healAt = c.weather, c.partitions(), genesisAt+c.stormEnds*slotMillis
	for i := range c.hosts {
		h := &host{w: w, index: i, crashIn: -1, skew: c.rng.Int64N(slotMillis/20) - slotMillis/40, final: 0, finalID: c.genesis.ID}
		if d := c.of(i); d.fault == skewed {
			h.skew, h.wrongClock = d.skew, true
		}
		w.hosts = append(w.hosts, h)
		w.schedule(0, i, 0, bootEvent{})
	}
	// Each twin has friends of its own, some of them in common.
	for i := 1; i < len(c.hosts); i++ {
		if c.hosts[i] != c.hosts[i-1] {
			continue
		}
		a, b := make([]bool, len(c.hosts)), make([]bool, len(c.hosts))
		for j := range a {
			side := c.rng.IntN(5)
			a[j], b[j] = side != 0 && side != 1, side != 2 && side != 3
		}
		w.hosts[i-1].links, w.hosts[i].links = a, b
	}
	return w
}

// drawCrashes draws which hosts stop: at a moment, at the n-th write from the start, or
// when what goes with that has gone out. Half of them are back before the slot is over.
func (c *cluster) drawCrashes(w *world) {
	for range c.rng.IntN(8) {
		h := w.hosts[c.rng.IntN(len(w.hosts))]
		down := c.rng.Uint64N(8 * slotMillis)
		if c.rng.IntN(2) == 0 {
			down = c.rng.Uint64N(slotMillis / 4)
		}
		if c.rng.IntN(3) > 0 {
			h.crashIn, h.down, h.sent = c.rng.IntN(60), down, c.rng.IntN(2) == 0
			continue
		}
		w.sequence++
		heap.Push(&w.queue, event{at: genesisAt + c.rng.Uint64N(c.stormEnds*slotMillis), sequence: w.sequence, host: h.index, life: 1, what: crashEvent{down}})
	}
}

// awaitProgress lets calm weather pass, up to the end of a slot. One slot lets the hosts
// tell each other what they know; then every honest one with a right clock must take more
// for final than anyone did. It returns after how many slots that was so, whether it took
// more than two whole rounds, and how many more it might have taken.
func (c *cluster) awaitProgress(w *world, last uint64) (resumed float64, late bool, excuse int) {
	w.run(w.now + slotMillis)
	stuck := w.top
	round := uint64(c.genesis.Params.Seats) + 1
	resumed = -1.0
	excuse = c.excuse(w)
	for extra := excuse; ; late, extra = true, extra-1 {
		for at := w.now; at < genesisAt+last*slotMillis && len(w.violations) == 0; {
			at += slotMillis / 2
			w.run(at)
			if resumed < 0 && c.laggard(w, stuck) < 0 {
				resumed = float64(w.now-w.healAt) / slotMillis
			}
		}
		switch i := c.laggard(w, stuck); {
		case resumed >= 0 || len(w.violations) > 0:
			return resumed, late, excuse
		case extra == 0:
			w.wrong("host %d: still at final height %d, where the network healed at height %d in slot %d",
				i, w.hosts[i].final, stuck, (w.healAt-genesisAt)/slotMillis)
			return resumed, late, excuse
		}
		last += round
	}
}

// excuse returns how many rounds more than two it may take until something is final. A
// faulty delegate that makes blocks may show one late, with a vote that nobody else has
// seen, and so call for a reorganisation in which honest blocks of a round are lost. A
// handover takes two rounds to end the old delegates' time, and two for the new ones.
func (c *cluster) excuse(w *world) int {
	rounds := 0
	for _, d := range c.delegates {
		if d.fault == twins || d.fault == lying || d.fault == skewed {
			rounds += 2
		}
	}
	for i, h := range w.hosts {
		if h.engine == nil || c.of(i).fault != sound {
			continue
		}
		s := h.engine.Status()
		for b := w.blocks[s.Head]; b != nil && b.Height >= s.FinalHeight; b = w.blocks[b.Parent] {
			if b.Delegates != b.NextDelegates {
				return rounds + 2
			}
		}
	}
	return rounds
}

// laggard returns a sound host that takes nothing above a height for final, or -1.
func (c *cluster) laggard(w *world, height uint64) int {
	for i, h := range w.hosts {
		if c.of(i).fault == sound && h.final <= height {
			return i
		}
	}
	return -1
}

// String is the report in a line.
func (r Report) String() string {
	s := fmt.Sprintf("seed %d: %s: %d slots, %d final, %d messages, %d restarts, %d convicted, %d certificates, resumed after %.1f slots",
		r.Seed, r.Plan, r.Slots, r.Final, r.Messages, r.Restarts, r.Convicted, r.Certified, r.ResumedSlots)
	return strings.Join(append([]string{s}, r.Violations...), "\n  ")
}
