package dpos

import (
	"errors"
	"fmt"
	"testing"

	"aergo/consensus"
	"aergo/repo/key"
	"aergo/repo/object"
)

// chain builds blocks by hand, on any state.
type chain struct {
	*Genesis
	keys   map[key.Public]key.Private
	onions map[key.Public]*Onion
}

func newChain(t testing.TB, n, candidates int) (*chain, *state) {
	t.Helper()
	c := &chain{
		keys: map[key.Public]key.Private{}, onions: map[key.Public]*Onion{},
		Genesis: &Genesis{
			Lineage: object.Sum([]byte("lineage")), ID: object.Sum([]byte("genesis")), TimeMillis: 1_000_000,
			Params: Params{SlotMillis: 1000, ToleranceMillis: 100, Seats: n, TermRounds: 100, WindowRounds: 1, CertifyEvery: 1},
		},
	}
	for i := range candidates {
		k := key.FromSeed([key.SeedSize]byte{byte(i + 1)})
		onion := NewOnion(object.Sum(fmt.Appendf(nil, "core %d", i)), 100)
		c.keys[k.Public()], c.onions[k.Public()] = k, onion
		c.Candidates = append(c.Candidates, Registration{Key: k.Public(), Anchor: onion.Anchor(), Stake: uint64(1000 - i)})
	}
	s, err := newState(c.Genesis)
	if err != nil {
		t.Fatal(err)
	}
	return c, s
}

// draft is the block that is due in a slot; change alters it before it is sealed.
func (c *chain) draft(s *state, slot, maxProduced uint64, ops []Operation, change func(*consensus.Header, *Extra)) *consensus.Block {
	at := s.upTo(slot)
	h := at.template()
	x := Extra{Round: at.rota.round, MaxProduced: maxProduced, Era: s.votes.rank.era, MaxPrevoted: s.votes.rank.prevoted}
	if seat := at.rota.seats[findSeat(at.rota.seats, h.Producer)]; !seat.revealed {
		x.In, _ = c.onions[h.Producer].inside(seat.in)
		x.Signature = at.rota.signatureOf(x.In)
	}
	if change != nil {
		change(&h, &x)
	}
	body := EncodeOperations(ops)
	h.Extra, h.Operations = x.Encode(), consensus.HashBody(body)
	raw := h.Encode()
	b := &consensus.Block{Header: h, ID: object.Sum(raw), Raw: raw, Body: body}
	b.Seal = c.keys[h.Producer].Sign(key.DomainBlock, h.Lineage, b.ID)
	return b
}

// grow makes the blocks of some slots and returns the state after them.
func (c *chain) grow(t testing.TB, s *state, from, to uint64) *state {
	t.Helper()
	for slot := from; slot <= to; slot++ {
		next, err := s.apply(c.draft(s, slot, s.votes.lastBy(s.upTo(slot).template().Producer), nil, nil))
		if err != nil {
			t.Fatalf("slot %d: %v", slot, err)
		}
		s = next
	}
	return s
}

// TestNobodyMovesItsPlace tries everything that a delegate may do once its in-values are
// committed, short of withholding: the next round's order stays the same, and a block
// with another value is refused.
func TestNobodyMovesItsPlace(t *testing.T) {
	c, s := newChain(t, 7, 7)
	s = c.grow(t, s, 1, 20)
	slot := uint64(21)
	order := func(b *consensus.Block) []int {
		next, err := s.apply(b)
		if err != nil {
			t.Fatal(err)
		}
		return next.upTo(25).rota.order
	}
	last := s.votes.lastBy(s.upTo(slot).template().Producer)
	want := order(c.draft(s, slot, last, nil, nil))
	account := key.Public{99}
	for i := range 100 {
		ops := []Operation{{Kind: OpStake, Key: account, Amount: uint64(i)}}
		if i%2 == 0 {
			ops = nil
		}
		b := c.draft(s, slot, last+uint64(i%3), ops, func(h *consensus.Header, _ *Extra) { h.Content = object.Sum([]byte{byte(i)}) })
		if got := order(b); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("block %d moves the order from %v to %v", i, want, got)
		}
	}
	lies := map[string]func(h *consensus.Header, x *Extra){
		"another value":              func(_ *consensus.Header, x *Extra) { x.In[0] ^= 1; x.Signature[0] ^= 1 },
		"another signature":          func(_ *consensus.Header, x *Extra) { x.Signature[31] ^= 1 },
		"no value":                   func(_ *consensus.Header, x *Extra) { x.In, x.Signature = object.Hash{}, object.Hash{} },
		"another round":              func(_ *consensus.Header, x *Extra) { x.Round++ },
		"more prevotes":              func(_ *consensus.Header, x *Extra) { x.MaxPrevoted++ },
		"fewer prevotes":             func(_ *consensus.Header, x *Extra) { x.MaxPrevoted-- },
		"another era":                func(_ *consensus.Header, x *Extra) { x.Era++ },
		"votes that are taken back":  func(_ *consensus.Header, x *Extra) { x.MaxProduced = 0 },
		"a vote before it was made":  func(_ *consensus.Header, x *Extra) { x.MaxProduced = slot },
		"other delegates":            func(h *consensus.Header, _ *Extra) { h.Delegates[0] ^= 1 },
		"other delegates above":      func(h *consensus.Header, _ *Extra) { h.NextDelegates[0] ^= 1 },
		"another time":               func(h *consensus.Header, _ *Extra) { h.TimeMillis++ },
		"another slot":               func(h *consensus.Header, _ *Extra) { h.Slot++; h.TimeMillis += 1000 },
		"another height":             func(h *consensus.Header, _ *Extra) { h.Height++ },
		"another lineage":            func(h *consensus.Header, _ *Extra) { h.Lineage[0] ^= 1 },
		"another branch":             func(h *consensus.Header, _ *Extra) { h.Branch[0] ^= 1 },
		"somebody else for producer": func(h *consensus.Header, _ *Extra) { h.Producer = c.Candidates[(int(h.Producer[0])+1)%7].Key },
	}
	for name, lie := range lies {
		if _, err := s.apply(c.draft(s, slot, last, nil, lie)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.apply(c.draft(s, slot, last, []Operation{{Kind: OpUnstake, Key: account, Amount: 1}}, nil)); !errors.Is(err, ErrInvalid) {
		t.Errorf("an operation that does not apply: %v", err)
	}
}

// TestMissedTurnsExclude lets one delegate miss all its turns and looks at which rounds it
// is out of: 2^n rounds after the n-th time.
func TestMissedTurnsExclude(t *testing.T) {
	c, s := newChain(t, 4, 4)
	lazy := c.Candidates[0].Key
	var out []uint64
	for slot := uint64(1); slot <= 5*40; slot++ {
		at := s.upTo(slot)
		i := findSeat(at.rota.seats, lazy)
		in := false
		for _, j := range at.rota.order {
			in = in || i == j
		}
		if !in && (len(out) == 0 || out[len(out)-1] != at.rota.round) {
			out = append(out, at.rota.round)
		}
		if producer := at.template().Producer; producer != lazy {
			next, err := s.apply(c.draft(s, slot, s.votes.lastBy(producer), nil, nil))
			if err != nil {
				t.Fatal(err)
			}
			s = next
		}
	}
	var windows []int
	for i, round := range out {
		if i == 0 || round != out[i-1]+1 {
			windows = append(windows, 0)
		}
		windows[len(windows)-1]++
	}
	t.Logf("rounds out: %v, windows of %v rounds", out, windows)
	if len(windows) < 3 || windows[0] != 2 || windows[1] != 4 || windows[2] != 8 {
		t.Errorf("windows of %v rounds, want 2, 4, 8", windows)
	}
}

// TestConvictionPassesTheSeatOn brings evidence and looks at who sits where, and what
// becomes of the stake.
func TestConvictionPassesTheSeatOn(t *testing.T) {
	c, s := newChain(t, 4, 5)
	s = c.grow(t, s, 1, 5)
	producer := s.upTo(6).template().Producer
	a := c.draft(s, 6, s.votes.lastBy(producer), nil, nil)
	b := c.draft(s, 6, s.votes.lastBy(producer), nil, func(h *consensus.Header, _ *Extra) { h.Content = object.Sum([]byte("b")) })
	evidence := consensus.Evidence{A: consensus.Sealed{Raw: a.Raw, Seal: a.Seal}, B: consensus.Sealed{Raw: b.Raw, Seal: b.Seal}}
	guilty, err := Judge(evidence, c.Genesis, consensus.DecodeHeader, key.NewCache(8))
	if err != nil || guilty != producer {
		t.Fatalf("judged %s, %v", guilty.Short(), err)
	}
	s, err = s.apply(a)
	if err != nil {
		t.Fatal(err)
	}
	next := s.upTo(7).template().Producer
	if s, err = s.apply(c.draft(s, 7, s.votes.lastBy(next), []Operation{Convict(guilty, evidence)}, nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ledger.Apply([]Operation{{Kind: OpUnstake, Key: guilty, Amount: 1}}); !errors.Is(err, ErrInvalid) {
		t.Errorf("the stake of a convicted delegate is not locked: %v", err)
	}
	var handedAt uint64
	for slot := uint64(8); slot <= 40; slot++ {
		at := s.upTo(slot)
		if at.rota.round >= 2 && at.template().Producer == guilty {
			t.Fatalf("slot %d: the convicted delegate takes a turn", slot)
		}
		if handedAt == 0 && at.sitting.index(c.Candidates[4].Key) >= 0 {
			handedAt = at.rota.round
		}
		if who := at.template().Producer; who != guilty {
			if s, err = s.apply(c.draft(s, slot, s.votes.lastBy(who), nil, nil)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if handedAt == 0 || s.sitting.index(guilty) >= 0 || s.sitting.Len() != 4 || s.votes.rank.era != 1 {
		t.Errorf("the next candidate sits since round %d; %d delegates, era %d", handedAt, s.sitting.Len(), s.votes.rank.era)
	}
	t.Logf("convicted in round 1, the next candidate takes turns from round %d", handedAt)
}

func TestContradictions(t *testing.T) {
	at := func(slot, maxProduced, era, prevoted uint64) vote {
		return vote{slot: slot, maxProduced: maxProduced, rank: rank{era: era, prevoted: prevoted}}
	}
	for _, c := range []struct {
		name string
		a, b vote
		want bool
	}{
		{"one after the other", at(5, 2, 0, 3), at(9, 5, 0, 3), false},
		{"with one in between", at(5, 2, 0, 3), at(9, 7, 0, 4), false},
		{"two in a slot", at(5, 2, 0, 3), at(5, 2, 0, 3), true},
		{"the first one forgotten", at(5, 2, 0, 3), at(9, 4, 0, 3), true},
		{"down in rank", at(5, 2, 0, 3), at(9, 5, 0, 2), true},
		{"down in prevotes, up in era", at(5, 2, 0, 3), at(9, 5, 1, 2), false},
		{"up in prevotes, down in era", at(5, 2, 1, 3), at(9, 5, 0, 8), true},
	} {
		if contradict(c.a, c.b) != c.want || contradict(c.b, c.a) != c.want {
			t.Errorf("%s: want %v, both ways", c.name, c.want)
		}
	}
}
