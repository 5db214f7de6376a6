package workload

import (
	"fmt"
	"math/rand/v2"
	"sort"

	"aergo/dtt"
)

// Load is blocks that run one after another, each from the first state.
type Load struct {
	Name   string
	Blocks []*dtt.Lists
}

// NoConflict is the name of the standard load in which no two transactions conflict.
const NoConflict = "no conflict"

// Transactions returns the number of transactions of all blocks.
func (l Load) Transactions() int {
	n := 0
	for _, b := range l.Blocks {
		n += b.Len()
	}
	return n
}

const (
	manyAccounts = 10_000
	hotAccounts  = 100
	maxTransfers = 1 << 22
)

// Standard returns the standard loads, each a block of n transfers between two accounts,
// which are written: without conflicts, between 10,000 accounts drawn uniformly and by
// Zipf's law, between 100 accounts, and between the same 2; and without conflicts but for
// a fee that each pays to one account, as a delta.
func Standard(n int) ([]Load, error) {
	if n < 0 || n > maxTransfers {
		return nil, fmt.Errorf("loads of %d transfers: %w", n, dtt.ErrAccess)
	}
	zipf := zipfSource(manyAccounts)
	uniform := func(accounts int) func(*rand.Rand, int) transfer {
		return func(rng *rand.Rand, _ int) transfer { return transfer{rng.IntN(accounts), rng.IntN(accounts)} }
	}
	var loads []Load
	for _, l := range []struct {
		name string
		pick func(rng *rand.Rand, i int) transfer
		fee  bool
	}{
		{name: NoConflict, pick: func(_ *rand.Rand, i int) transfer { return transfer{2*i + 1, 2*i + 2} }},
		{name: "fee to one", pick: func(_ *rand.Rand, i int) transfer { return transfer{2*i + 1, 2*i + 2} }, fee: true},
		{name: "uniform 10k", pick: uniform(manyAccounts)},
		{name: "zipf 10k", pick: func(rng *rand.Rand, _ int) transfer { return transfer{zipf(rng), zipf(rng)} }},
		{name: "100 hot", pick: uniform(hotAccounts)},
		{name: "2 hot", pick: func(*rand.Rand, int) transfer { return transfer{0, 1} }},
	} {
		rng := rand.New(rand.NewPCG(7, uint64(n)))
		var b dtt.ListBuilder
		b.Grow(n, 3*n)
		for i := range n {
			b.Begin()
			t := l.pick(rng, i)
			b.Add(dtt.Unit(t.from), dtt.Write)
			b.Add(dtt.Unit(t.to), dtt.Write)
			if l.fee {
				b.Add(0, dtt.Delta)
			}
		}
		lists, err := b.Lists()
		if err != nil {
			return nil, fmt.Errorf("load %q of %d: %w", l.name, n, err)
		}
		loads = append(loads, Load{l.name, []*dtt.Lists{lists}})
	}
	return loads, nil
}

// transfer is the accounts of a payment.
type transfer struct{ from, to int }

// zipfSource returns a source of numbers below n, with probabilities in proportion to
// 1/(1+number).
func zipfSource(n int) func(*rand.Rand) int {
	sums := make([]float64, n)
	sum := 0.0
	for i := range sums {
		sum += 1 / float64(i+1)
		sums[i] = sum
	}
	return func(rng *rand.Rand) int { return min(sort.SearchFloat64s(sums, rng.Float64()*sum), n-1) }
}
