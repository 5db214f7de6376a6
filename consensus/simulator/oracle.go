package simulator

import (
	"bytes"
	"fmt"
	"maps"
	"math/big"
	"slices"

	"aergo/consensus"
	"aergo/consensus/dpos"
	"aergo/repo/key"
	"aergo/repo/object"
)

// oracle computes a chain again from its blocks, slot by slot, in the plainest way: sets
// of keys instead of bits, numbers instead of hashes, everything kept. What it finds
// different from what the blocks say is wrong. It shares no code with package dpos but
// encodings.
type oracle struct {
	g      *dpos.Genesis
	faults []string
	votes  count

	people  map[key.Public]*person // who sits
	sitting []key.Public
	turn    []key.Public // who takes over after the first block of this round
	term    uint64
	due     uint64 // the term that the first block of this round begins

	book     book
	books    []book // at the end of each round
	all      *big.Int
	order    []key.Public
	extra    key.Public
	blocks   []*consensus.Block
	deciders map[uint64][]key.Public // by height
}

// person is a delegate that sits.
type person struct {
	in        object.Hash
	signature *big.Int // of the last round
	fresh     *big.Int // of this one; nil until revealed
	missed    int
	times     int
	outUntil  uint64
}

// book is stakes, votes and candidates.
type book struct {
	anchors map[key.Public]object.Hash
	stakes  map[key.Public]uint64
	votes   map[key.Public]key.Public
	jailed  map[key.Public]bool
}

func (b book) copy() book {
	return book{anchors: b.anchors, stakes: maps.Clone(b.stakes), votes: maps.Clone(b.votes), jailed: maps.Clone(b.jailed)}
}

func newOracle(g *dpos.Genesis) *oracle {
	o := &oracle{g: g, people: map[key.Public]*person{}, deciders: map[uint64][]key.Public{}, book: book{
		anchors: map[key.Public]object.Hash{}, stakes: map[key.Public]uint64{}, votes: map[key.Public]key.Public{}, jailed: map[key.Public]bool{},
	}}
	for _, c := range g.Candidates {
		o.book.anchors[c.Key], o.book.stakes[c.Key], o.book.votes[c.Key] = c.Anchor, c.Stake, c.Key
	}
	o.sitting = ascending(o.rank(o.book)[:min(g.Params.Seats, len(g.Candidates))])
	o.all = new(big.Int)
	for _, k := range o.sitting {
		seed := number(object.Sum(slices.Concat(g.Lineage[:], g.Branch[:], k[:])))
		o.people[k] = &person{in: o.book.anchors[k], signature: seed}
		o.all.Xor(o.all, seed)
	}
	o.votes = newCount(o.sitting)
	o.arrange(o.sitting, o.sitting)
	return o
}

func number(h object.Hash) *big.Int { return new(big.Int).SetBytes(h[:]) }

func ascending(keys []key.Public) []key.Public {
	return slices.SortedFunc(slices.Values(keys), func(a, b key.Public) int { return bytes.Compare(a[:], b[:]) })
}

func (o *oracle) fault(format string, args ...any) {
	o.faults = append(o.faults, fmt.Sprintf(format, args...))
}

// follow goes through a chain, lowest block first.
func (o *oracle) follow(chain []*consensus.Block) {
	slot := uint64(0)
	for _, b := range chain {
		for slot++; slot < b.Slot; slot++ {
			o.begin(slot)
			p := o.people[o.turnOf(slot)]
			if p.missed++; p.missed == 2 {
				p.missed = 0
				p.times++
				p.outUntil = o.round(slot) + 1 + o.g.Params.WindowRounds*(1<<p.times)
			}
		}
		o.begin(slot)
		o.take(b)
		if len(o.faults) > 0 {
			return
		}
	}
}

func (o *oracle) round(slot uint64) uint64 { return (slot - 1) / uint64(o.g.Params.Seats+1) }

func (o *oracle) turnOf(slot uint64) key.Public {
	place := int((slot - 1) % uint64(o.g.Params.Seats+1))
	if place == o.g.Params.Seats {
		return o.extra
	}
	return o.order[place%len(o.order)]
}

// take checks one block against what is due in its slot.
func (o *oracle) take(b *consensus.Block) {
	x, err := dpos.DecodeExtra(b.Extra)
	if err != nil {
		o.fault("height %d: %v", b.Height, err)
		return
	}
	k := o.turnOf(b.Slot)
	p := o.people[k]
	if b.Producer != k {
		o.fault("height %d, slot %d: made by %s, whose turn it is not", b.Height, b.Slot, b.Producer.Short())
		return
	}
	if p.fresh == nil {
		p.fresh = new(big.Int).Xor(number(x.In), o.all)
		if object.Sum(x.In[:]) != p.in {
			o.fault("height %d: an in-value that was not committed to", b.Height)
		}
		if number(x.Signature).Cmp(p.fresh) != 0 {
			o.fault("height %d: a wrong signature", b.Height)
		}
		p.in = x.In
	} else if !x.In.IsZero() || !x.Signature.IsZero() {
		o.fault("height %d: revealed twice in a round", b.Height)
	}
	p.missed = 0
	next := o.votes.next()
	if o.turn != nil {
		next = o.turn
	}
	voters := o.votes.voters(b.Height)
	if b.Delegates != dpos.HashKeys(voters) || b.NextDelegates != dpos.HashKeys(next) {
		o.fault("height %d: wrong delegates", b.Height)
	}
	if x.Round != o.round(b.Slot) || x.Era != o.votes.era || x.MaxPrevoted != o.votes.prevoted {
		o.fault("height %d: round %d, era %d, prevoted %d, but it is %d, %d, %d", b.Height, x.Round, x.Era, x.MaxPrevoted,
			o.round(b.Slot), o.votes.era, o.votes.prevoted)
	}
	ops, err := dpos.DecodeOperations(b.Body)
	if err != nil {
		o.fault("height %d: %v", b.Height, err)
	}
	for _, op := range ops {
		switch op.Kind {
		case dpos.OpStake:
			o.book.stakes[op.Key] += op.Amount
		case dpos.OpVote:
			o.book.votes[op.Key] = op.Candidate
		case dpos.OpConvict:
			o.book.jailed[op.Key] = true
		default:
			o.fault("height %d: operation %d", b.Height, op.Kind)
		}
	}
	if o.turn != nil {
		o.votes.coming, o.votes.barrier, o.turn = o.turn, b.Height, nil
	}
	o.term = o.due
	o.deciders[b.Height] = voters
	o.blocks = append(o.blocks, b)
	o.votes.add(o.blocks, x.MaxProduced)
}

// begin begins a round, if a slot does.
func (o *oracle) begin(slot uint64) {
	if slot == 1 || (slot-1)%uint64(o.g.Params.Seats+1) != 0 {
		return
	}
	round := o.round(slot)
	active, sum := 0, new(big.Int)
	for _, k := range o.sitting {
		p := o.people[k]
		p.signature = new(big.Int).Xor(number(p.in), o.all) // of the last value revealed, this round's or an older one
		if p.fresh != nil {
			active++
		}
		p.fresh = nil
		sum.Xor(sum, p.signature)
	}
	o.all = sum
	o.books = append(o.books, o.book.copy())
	before := o.order
	if !slices.Equal(o.sitting, o.votes.deciding) {
		before = o.reseat()
	}
	if round%o.g.Params.TermRounds == 0 {
		for _, p := range o.people {
			p.times = 0
		}
	}
	o.turn, o.due = nil, o.term
	if o.votes.coming == nil {
		o.due = round / o.g.Params.TermRounds
		if chosen := o.elect(o.due > o.term, o.books[max(int(round)-2, 0)], round); !slices.Equal(chosen, o.sitting) {
			o.turn = chosen
		}
	}
	o.arrange(o.taking(round, active), before)
}

// reseat seats those whose votes decide now.
func (o *oracle) reseat() (before []key.Public) {
	people := map[key.Public]*person{}
	sum := new(big.Int)
	for _, k := range o.votes.deciding {
		p := o.people[k]
		if p == nil {
			anchor := o.book.anchors[k]
			p = &person{in: anchor, signature: new(big.Int).Xor(number(anchor), o.all)}
		}
		people[k] = p
		sum.Xor(sum, p.signature)
	}
	for _, k := range o.order {
		if people[k] != nil {
			before = append(before, k)
		}
	}
	o.sitting, o.people, o.all = o.votes.deciding, people, sum
	return before
}

// elect returns who should sit, by the stakes two rounds back.
func (o *oracle) elect(newTerm bool, old book, round uint64) []key.Public {
	if round < 2 {
		old = o.books[0]
		if round == 1 {
			old = newOracleBook(o.g)
		}
	}
	var chosen []key.Public
	seats := o.g.Params.Seats
	if !newTerm {
		seats = len(o.sitting)
		for _, k := range o.sitting {
			if !o.book.jailed[k] {
				chosen = append(chosen, k)
			}
		}
	}
	for _, k := range o.rank(old) {
		if len(chosen) < seats && !o.book.jailed[k] && !slices.Contains(chosen, k) {
			chosen = append(chosen, k)
		}
	}
	return ascending(chosen)
}

func newOracleBook(g *dpos.Genesis) book { return newOracle(g).book }

// rank returns the candidates, most stake first.
func (o *oracle) rank(b book) []key.Public {
	weight := map[key.Public]uint64{}
	for who, amount := range b.stakes {
		weight[b.votes[who]] += amount
	}
	var list []key.Public
	for k := range b.anchors {
		if weight[k] > 0 && !b.jailed[k] {
			list = append(list, k)
		}
	}
	list = ascending(list)
	slices.SortStableFunc(list, func(a, b key.Public) int {
		switch {
		case weight[a] > weight[b]:
			return -1
		case weight[a] < weight[b]:
			return 1
		}
		return 0
	})
	return list
}

// taking returns who takes turns in a round.
func (o *oracle) taking(round uint64, active int) []key.Public {
	n := len(o.sitting)
	spare := n - (2*n/3 + 1)
	out := map[key.Public]bool{}
	for _, k := range o.sitting {
		if o.book.jailed[k] {
			out[k] = true
			spare--
		}
	}
	waiting := slices.DeleteFunc(slices.Clone(o.sitting), func(k key.Public) bool { return o.people[k].outUntil <= round || out[k] })
	slices.SortStableFunc(waiting, func(a, b key.Public) int { return int(o.people[b].outUntil) - int(o.people[a].outUntil) })
	finalRound := uint64(0)
	if o.votes.final > 0 {
		finalRound = o.round(o.blocks[o.votes.final-1].Slot)
	}
	if 3*active > 2*n && round-min(finalRound, round) <= 2 {
		for _, k := range waiting[:min(len(waiting), max(spare, 0))] {
			out[k] = true
		}
	}
	if len(out) == n {
		return o.sitting
	}
	return slices.DeleteFunc(slices.Clone(o.sitting), func(k key.Public) bool { return out[k] })
}

// arrange makes the order of a round.
func (o *oracle) arrange(taking, before []key.Public) {
	n := len(taking)
	place := func(k key.Public) int {
		return int(new(big.Int).Mod(o.people[k].signature, big.NewInt(int64(n))).Int64())
	}
	places := make([]*key.Public, n)
	var queue []key.Public
	for _, k := range append(slices.Clone(before), taking...) {
		if slices.Contains(taking, k) && !slices.Contains(queue, k) {
			queue = append(queue, k)
		}
	}
	for _, k := range queue {
		at := place(k)
		for places[at%n] != nil {
			at++
		}
		places[at%n] = &k
	}
	o.order = nil
	for _, k := range places {
		o.order = append(o.order, *k)
	}
	first := taking[0]
	if len(before) > 0 {
		first = before[0]
	}
	o.extra = o.order[place(first)]
}
