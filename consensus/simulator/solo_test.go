package simulator

import (
	"testing"

	"aergo/consensus"
	"aergo/consensus/solo"
	"aergo/repo/object"
)

// owned is the protocol of a chain with one owner, host 0.
type owned struct{ owner signer }

func (p owned) start(host int, records []consensus.Record) (consensus.Engine, error) {
	cfg := solo.Config{
		Genesis: object.Sum([]byte("genesis")), TimeMillis: genesisAt, SlotMillis: slotMillis, Owner: p.owner.public,
		Read: consensus.DecodeHeader, Verifier: verifier{},
	}
	if host == 0 {
		cfg.Signer = p.owner
	}
	return solo.New(cfg, records)
}

func (p owned) build(w *world, _ int, asked consensus.Produce) *consensus.Built {
	h := asked.Header
	h.Content = object.Hash{byte(w.rng.IntN(256)), byte(w.rng.IntN(256))}
	return &consensus.Built{Raw: h.Encode()}
}

func (p owned) filter(_ *world, _ int, s consensus.Send) []consensus.Send { return []consensus.Send{s} }
func (p owned) valid(*consensus.Block) bool                               { return true }
func (p owned) honest(int) bool                                           { return true }
func (p owned) found(*world, int, consensus.Output)                       {}

// TestSolo runs another engine in the same world: the weather, the crashes and what is
// watched are the same.
func TestSolo(t *testing.T) {
	for seed := range uint64(50) {
		w := newWorld(seed, owned{owner: newSigner(0)})
		w.now, w.slotMillis, w.genesisAt, w.genesis = genesisAt-slotMillis, slotMillis, genesisAt, object.Sum([]byte("genesis"))
		w.healAt = genesisAt + 40*slotMillis
		w.weather = weather{loss: 0.3, double: 0.2, late: 0.3, lateMilli: 5 * slotMillis, delay: slotMillis, calmDelay: slotMillis / 5}
		w.partitions = []partition{{from: genesisAt + 10*slotMillis, to: genesisAt + 20*slotMillis, side: []bool{true, false, false, true}}}
		for i := range 4 {
			h := &host{w: w, index: i, crashIn: int(seed)%30 + i, down: 3 * slotMillis, finalID: w.genesis}
			w.hosts = append(w.hosts, h)
			w.schedule(0, i, 0, bootEvent{})
		}
		w.run(w.healAt)
		stuck := w.top
		w.run(w.healAt + 10*slotMillis)
		for _, v := range w.violations {
			t.Errorf("seed %d: %s", seed, v)
		}
		for i, h := range w.hosts {
			if h.final <= stuck {
				t.Errorf("seed %d: host %d stands at height %d, where the network healed at %d", seed, i, h.final, stuck)
			}
		}
	}
}
