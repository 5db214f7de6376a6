package dpos

import (
	"fmt"
	"testing"

	"aergo/consensus"
	"aergo/repo/key"
)

// BenchmarkApply is what a node computes for one block of a chain that goes on, without
// signatures and content.
func BenchmarkApply(b *testing.B) {
	for _, n := range []int{4, 21, 64} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			c, s := newChain(b, n, n)
			s = c.grow(b, s, 1, uint64(3*n))
			slot := uint64(3*n + 1)
			block := c.draft(s, slot, s.votes.lastBy(s.upTo(slot).template().Producer), nil, nil)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.apply(block); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRestore is what a node computes to go on after 300 blocks, seals included.
func BenchmarkRestore(b *testing.B) {
	c, s := newChain(b, 4, 4)
	var records []consensus.Record
	for slot := uint64(1); slot <= 300; slot++ {
		block := c.draft(s, slot, s.votes.lastBy(s.upTo(slot).template().Producer), nil, nil)
		next, err := s.apply(block)
		if err != nil {
			b.Fatal(err)
		}
		s = next
		records = append(records, consensus.Record{Kind: consensus.RecordBlock, Data: block.Encode()})
	}
	cfg := Config{Genesis: c.Genesis, Read: consensus.DecodeHeader, Verifier: key.NewCache(4)}
	b.ReportAllocs()
	for b.Loop() {
		if e, err := New(cfg, records); err != nil || e.Status().HeadHeight != 300 {
			b.Fatal(err, e.Status())
		}
	}
}
