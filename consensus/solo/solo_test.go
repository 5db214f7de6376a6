package solo_test

import (
	"testing"

	"aergo/consensus"
	"aergo/consensus/conformance"
	"aergo/consensus/solo"
	"aergo/repo/key"
	"aergo/repo/object"
)

func TestConformance(t *testing.T) {
	owner := key.FromSeed([key.SeedSize]byte{1})
	cfg := solo.Config{
		Lineage: object.Sum([]byte("lineage")), Genesis: object.Sum([]byte("genesis")), TimeMillis: 1_000_000, SlotMillis: 1000,
		Owner: owner.Public(), Delegates: object.Sum([]byte("the owner")), Read: consensus.DecodeHeader, Verifier: key.NewCache(1),
	}
	conformance.Run(t, conformance.Cluster{
		Nodes: 3, TimeMillis: cfg.TimeMillis, SlotMillis: cfg.SlotMillis, Slots: 6,
		New: func(i int, records []consensus.Record) (consensus.Engine, error) {
			mine := cfg
			if i == 0 {
				mine.Signer = owner
			}
			return solo.New(mine, records)
		},
	})
}
