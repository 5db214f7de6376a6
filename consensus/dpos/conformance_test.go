package dpos_test

import (
	"fmt"
	"testing"

	"aergo/consensus"
	"aergo/consensus/conformance"
	"aergo/consensus/dpos"
	"aergo/repo/key"
	"aergo/repo/object"
)

// delegates makes keys and onions for n delegates.
func delegates(n int) ([]key.Private, []*dpos.Onion) {
	keys, onions := make([]key.Private, n), make([]*dpos.Onion, n)
	for i := range n {
		keys[i] = key.FromSeed([key.SeedSize]byte{byte(i + 1)})
		onions[i] = dpos.NewOnion(object.Sum(fmt.Appendf(nil, "core %d", i)), 200)
	}
	return keys, onions
}

// genesis is a chain of n delegates with equal stake and slots of one second.
func genesis(keys []key.Private, onions []*dpos.Onion) *dpos.Genesis {
	g := &dpos.Genesis{
		Lineage: object.Sum([]byte("lineage")), Branch: object.Sum([]byte("branch")), ID: object.Sum([]byte("genesis")), TimeMillis: 1_000_000,
		Params: dpos.Params{SlotMillis: 1000, ToleranceMillis: 100, Seats: len(keys), TermRounds: 10, WindowRounds: 1, CertifyEvery: 1},
	}
	for i, k := range keys {
		g.Candidates = append(g.Candidates, dpos.Registration{Key: k.Public(), Anchor: onions[i].Anchor(), Stake: 100})
	}
	return g
}

// TestConformance runs the suite with real keys.
func TestConformance(t *testing.T) {
	for _, n := range []int{1, 4} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			keys, onions := delegates(n)
			g, cache := genesis(keys, onions), key.NewCache(n)
			conformance.Run(t, conformance.Cluster{
				Nodes: n, TimeMillis: g.TimeMillis, SlotMillis: g.Params.SlotMillis, Slots: 10,
				New: func(i int, records []consensus.Record) (consensus.Engine, error) {
					return dpos.New(dpos.Config{
						Genesis: g, Read: consensus.DecodeHeader, Verifier: cache, Signer: keys[i], Onion: onions[i],
					}, records)
				},
			})
		})
	}
}
