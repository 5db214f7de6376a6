package simulator

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"aergo/consensus/dpos"
	"aergo/repo/object"
)

// fault is what is wrong with a delegate.
type fault int

const (
	sound       fault = iota
	silent            // receives, and says nothing
	withholding       // lets every second turn pass, and its in-value with it
	twins             // runs twice with one key, each half with its own friends
	lying             // says what is not so: see fault.go
	skewed            // does as it should, by a clock that is up to an hour off
	faultKinds
)

func (f fault) String() string {
	return [...]string{"sound", "silent", "withholding", "twins", "lying", "skewed"}[f]
}

const (
	slotMillis = 1000
	genesisAt  = 10_000_000
	layers     = 128 // of each onion: more than any run has rounds
)

// Options narrow what is drawn from a seed.
type Options struct {
	Delegates int // 0 draws 4 to 7, now and then up to 21
	Faults    int // 0 draws up to f; negative for none
	// WithoutOracle leaves out what is computed again at the end: only what must hold of
	// every engine is watched.
	WithoutOracle bool
}

// plan is a cluster, its faults and its weather.
type plan struct {
	seed      uint64
	genesis   *dpos.Genesis
	delegates []delegate // seats first, then standby candidates
	hosts     []int      // delegate of each host
	stormEnds uint64     // slot
	rng       *rand.Rand
	weather   weather
}

type delegate struct {
	signer signer
	onion  *dpos.Onion
	fault  fault
	skew   int64
}

// newPlan draws a plan.
func newPlan(seed uint64, o Options) *plan {
	rng := rand.New(rand.NewPCG(seed, 0x914a))
	n := 4 + rng.IntN(4)
	if rng.IntN(20) == 0 {
		n = 8 + rng.IntN(14)
	}
	if o.Delegates > 0 {
		n = o.Delegates
	}
	p := &plan{seed: seed, rng: rng}
	p.genesis = &dpos.Genesis{
		Lineage: object.Sum(fmt.Appendf(nil, "lineage %d", seed)), Branch: object.Sum([]byte("branch")), ID: object.Sum([]byte("genesis")),
		TimeMillis: genesisAt,
		Params: dpos.Params{
			SlotMillis: slotMillis, ToleranceMillis: slotMillis / 10, Seats: n,
			TermRounds: 2 + rng.Uint64N(6), WindowRounds: 1 + rng.Uint64N(2), CertifyEvery: 1 + rng.Uint64N(5),
		},
	}
	standby := rng.IntN(4)
	for i := range n + standby {
		d := delegate{signer: newSigner(i), onion: dpos.NewOnion(object.Sum(fmt.Appendf(nil, "core %d of %d", i, seed)), layers)}
		p.delegates = append(p.delegates, d)
		stake := 1000 + rng.Uint64N(3)
		if i >= n {
			stake = 900 + rng.Uint64N(3)
		}
		p.genesis.Candidates = append(p.genesis.Candidates, dpos.Registration{Key: d.signer.public, Anchor: d.onion.Anchor(), Stake: stake})
	}
	p.drawFaults(n, o)
	for i, d := range p.delegates {
		p.hosts = append(p.hosts, i)
		if d.fault == twins {
			p.hosts = append(p.hosts, i)
		}
	}
	p.stormEnds = uint64(n+1)*(3+rng.Uint64N(9)) + rng.Uint64N(uint64(n+1))
	p.weather = weather{
		loss: rng.Float64() * 0.3, double: rng.Float64() * 0.2, late: rng.Float64() * 0.3, lateMilli: slotMillis * (1 + rng.Uint64N(6)),
		delay: slotMillis/20 + rng.Uint64N(slotMillis), calmDelay: slotMillis / 5,
	}
	if rng.IntN(4) == 0 {
		p.weather = weather{delay: slotMillis / 5, calmDelay: slotMillis / 5} // no storm but partitions and crashes
	}
	return p
}

// drawFaults makes at most as many delegates faulty as the rest can bear.
func (p *plan) drawFaults(n int, o Options) {
	most := n - dpos.Quorum(n)
	count := p.rng.IntN(most + 1)
	if p.rng.IntN(2) == 0 {
		count = most
	}
	switch {
	case o.Faults > 0:
		count = min(o.Faults, most)
	case o.Faults < 0:
		count = 0
	}
	for _, i := range p.rng.Perm(n)[:count] {
		d := &p.delegates[i]
		d.fault = silent + fault(p.rng.IntN(int(faultKinds-silent)))
		if d.fault != skewed {
			continue
		}
		d.skew = p.rng.Int64N(2*3_600_000) - 3_600_000
		if p.rng.IntN(2) == 0 {
			d.skew = p.rng.Int64N(20*slotMillis) - 10*slotMillis
		}
	}
}

// partitions draws when the network falls apart, and how.
func (p *plan) partitions() []partition {
	var list []partition
	for range p.rng.IntN(4) {
		from := genesisAt + p.rng.Uint64N(p.stormEnds)*slotMillis
		cut := partition{from: from, to: from + p.rng.Uint64N(p.stormEnds)*slotMillis}
		for range p.hosts {
			cut.side = append(cut.side, p.rng.IntN(2) == 0)
		}
		list = append(list, cut)
	}
	return list
}

// String says what was drawn, in a line.
func (p *plan) String() string {
	var faults []string
	for i, d := range p.delegates {
		if d.fault != sound {
			faults = append(faults, fmt.Sprintf("%d %s", i, d.fault))
		}
	}
	slices.Sort(faults)
	return fmt.Sprintf("n=%d standby=%d storm of %d slots, faulty: [%s]", p.genesis.Params.Seats,
		len(p.delegates)-p.genesis.Params.Seats, p.stormEnds, strings.Join(faults, ", "))
}
