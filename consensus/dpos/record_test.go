package dpos

import (
	"bytes"
	"errors"
	"testing"

	"aergo/consensus"
	"aergo/repo/key"
	"aergo/repo/object"
)

// codec is one record's decoder, as a function to what the record encodes to again.
type codec func(data []byte) ([]byte, error)

func fuzz(f *testing.F, decode codec, seeds ...[]byte) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		again, err := decode(data)
		if err != nil {
			if !errors.Is(err, object.ErrMalformed) {
				t.Fatalf("error %q does not wrap ErrMalformed", err)
			}
			return
		}
		if !bytes.Equal(again, data) {
			t.Fatalf("two encodings of one record\n%x\n%x", data, again)
		}
	})
}

func extraCodec(data []byte) ([]byte, error) {
	x, err := DecodeExtra(data)
	return x.Encode(), err
}

func promiseCodec(data []byte) ([]byte, error) {
	p, err := DecodePromise(data)
	return p.Encode(), err
}

func operationsCodec(data []byte) ([]byte, error) {
	ops, err := DecodeOperations(data)
	return EncodeOperations(ops), err
}

func evidenceCodec(data []byte) ([]byte, error) {
	e, err := DecodeEvidence(data)
	return EncodeEvidence(e), err
}

func certificateCodec(data []byte) ([]byte, error) {
	c, err := DecodeCertificate(data)
	if err != nil {
		return nil, err
	}
	return c.Encode(), nil
}

func sampleOperations() []Operation {
	e := consensus.Evidence{A: consensus.Sealed{Raw: []byte("a")}, B: consensus.Sealed{Raw: []byte("b")}}
	return []Operation{
		{Kind: OpRegister, Key: key.Public{1}, Anchor: object.Hash{2}}, {Kind: OpStake, Key: key.Public{1}, Amount: 1 << 50},
		{Kind: OpUnstake, Key: key.Public{1}, Amount: 3}, {Kind: OpVote, Key: key.Public{4}, Candidate: key.Public{1}},
		{Kind: OpResign, Key: key.Public{1}}, Convict(key.Public{1}, e),
	}
}

func sampleExtra() Extra {
	return Extra{Round: 300, In: object.Hash{1}, Signature: object.Hash{2}, MaxProduced: 70, Era: 1, MaxPrevoted: 69}
}

func sampleCertificate() Certificate {
	return Certificate{Branch: object.Hash{1}, Height: 9, ID: object.Hash{2}, Delegates: object.Hash{3}, Signed: []Signed{{Key: key.Public{1}}, {Key: key.Public{2}}}}
}

func FuzzExtra(f *testing.F) {
	x := sampleExtra()
	fuzz(f, extraCodec, x.Encode(), (&Extra{}).Encode())
}

func FuzzPromise(f *testing.F) { fuzz(f, promiseCodec, Promise{Slot: 9, Era: 1, Prevoted: 8}.Encode()) }

func FuzzOperations(f *testing.F) { fuzz(f, operationsCodec, EncodeOperations(sampleOperations())) }

func FuzzEvidence(f *testing.F) { fuzz(f, evidenceCodec, EncodeEvidence(consensus.Evidence{})) }

func FuzzCertificate(f *testing.F) {
	c := sampleCertificate()
	fuzz(f, certificateCodec, c.Encode())
}

func TestRecordsRoundTrip(t *testing.T) {
	x, c := sampleExtra(), sampleCertificate()
	for name, r := range map[string]struct {
		codec codec
		data  []byte
	}{
		"extra": {extraCodec, x.Encode()}, "first extra": {extraCodec, (&Extra{}).Encode()}, "promise": {promiseCodec, Promise{Slot: 1 << 33}.Encode()},
		"operations": {operationsCodec, EncodeOperations(sampleOperations())}, "no operations": {operationsCodec, nil},
		"certificate": {certificateCodec, c.Encode()},
		"evidence":    {evidenceCodec, EncodeEvidence(consensus.Evidence{A: consensus.Sealed{Raw: []byte("a")}})},
	} {
		again, err := r.codec(r.data)
		if err != nil || !bytes.Equal(again, r.data) {
			t.Errorf("%s: %x, %v; want %x", name, again, err, r.data)
		}
		if _, err := r.codec(append(bytes.Clone(r.data), 0x80)); !errors.Is(err, object.ErrMalformed) {
			t.Errorf("%s with a byte too many: %v", name, err)
		}
	}
	if len(x.Encode()) > 128 {
		t.Errorf("a header carries %d bytes of consensus", len(x.Encode()))
	}
}

func TestLedger(t *testing.T) {
	a, b, who := key.Public{1}, key.Public{2}, key.Public{9}
	first, err := newLedger([]Registration{{Key: a, Stake: 10}, {Key: b, Stake: 10}})
	if err != nil {
		t.Fatal(err)
	}
	names := func(l *Ledger) (keys string) {
		for _, d := range l.ranking() {
			keys += string('0' + rune(d.Key[0]))
		}
		return keys
	}
	for _, c := range []struct {
		name string
		ops  []Operation
		want string // ranking; empty if refused
	}{
		{"ties go to the lower key", nil, "12"},
		{"stake of its own", []Operation{{Kind: OpStake, Key: b, Amount: 1}}, "21"},
		{"stake without a vote", []Operation{{Kind: OpStake, Key: who, Amount: 5}}, "12"},
		{"a vote", []Operation{{Kind: OpStake, Key: who, Amount: 5}, {Kind: OpVote, Key: who, Candidate: b}}, "21"},
		{"a vote for another", []Operation{{Kind: OpVote, Key: a, Candidate: b}}, "2"},
		{"withdrawn", []Operation{{Kind: OpUnstake, Key: a, Amount: 10}}, "2"},
		{"more than there is", []Operation{{Kind: OpUnstake, Key: a, Amount: 11}}, ""},
		{"more than can be counted", []Operation{{Kind: OpStake, Key: a, Amount: 1<<64 - 1}}, ""},
		{"resigned", []Operation{{Kind: OpResign, Key: a}}, "2"},
		{"resigned, and back", []Operation{{Kind: OpResign, Key: a}, {Kind: OpRegister, Key: a}}, "12"},
		{"a stranger resigns", []Operation{{Kind: OpResign, Key: who}}, ""},
		{"a vote for a stranger", []Operation{{Kind: OpVote, Key: a, Candidate: who}}, ""},
		{"convicted", []Operation{{Kind: OpConvict, Key: a}}, "2"},
		{"convicted, and back", []Operation{{Kind: OpConvict, Key: a}, {Kind: OpRegister, Key: a}}, ""},
		{"a vote for the convicted", []Operation{{Kind: OpConvict, Key: a}, {Kind: OpVote, Key: who, Candidate: a}}, ""},
		{"the stake of the convicted", []Operation{{Kind: OpConvict, Key: a}, {Kind: OpUnstake, Key: a, Amount: 1}}, ""},
		{"nothing known", []Operation{{Kind: 77, Key: a}}, ""},
	} {
		l, err := first.Apply(c.ops)
		switch {
		case c.want == "" && !errors.Is(err, ErrInvalid):
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (err != nil || names(l) != c.want):
			t.Errorf("%s: %v, ranking %q, want %q", c.name, err, names(l), c.want)
		}
	}
	if names(first) != "12" {
		t.Error("Apply changed the ledger that it was called on")
	}
}

func TestCertificate(t *testing.T) {
	lineage, cache := object.Sum([]byte("lineage")), key.NewCache(8)
	var keys []key.Private
	var members []Delegate
	for i := range 4 {
		keys = append(keys, key.FromSeed([key.SeedSize]byte{byte(i)}))
		members = append(members, Delegate{Key: keys[i].Public()})
	}
	set := NewSet(members)
	var publics []key.Public
	for _, m := range set.Members() {
		publics = append(publics, m.Key)
	}
	h := consensus.Header{Lineage: lineage, Branch: object.Hash{1}, Height: 7, Delegates: set.Hash(), NextDelegates: object.Hash{5}}
	raw := h.Encode()
	sign := func(signers ...int) *Certificate {
		c := &Certificate{Branch: h.Branch, Height: h.Height, ID: object.Sum(raw), Delegates: set.Hash()}
		for _, i := range signers {
			for _, k := range keys {
				if k.Public() == publics[i] {
					c.Signed = append(c.Signed, Signed{publics[i], k.Sign(DomainCertificate, lineage, statement(c.Branch, c.Height, c.ID, c.Delegates))})
				}
			}
		}
		return c
	}
	light := Light{Lineage: lineage, Branch: h.Branch, Delegates: set.Hash(), Height: 3}
	after, err := light.Accept(raw, sign(0, 1, 3), publics, consensus.DecodeHeader, cache)
	if err != nil || after.Height != 7 || after.Delegates != h.NextDelegates {
		t.Fatalf("%+v, %v", after, err)
	}
	wrong := sign(0, 1, 2)
	wrong.Signed[1].Signature[0] ^= 1
	lower := h
	lower.Height = 2
	for name, c := range map[string]struct {
		cert *Certificate
		keys []key.Public
		raw  []byte
	}{
		"no quorum":         {sign(0, 1), publics, raw},
		"one signs twice":   {sign(0, 1, 1), publics, raw},
		"out of order":      {sign(1, 0, 2), publics, raw},
		"a wrong signature": {wrong, publics, raw},
		"other delegates":   {sign(0, 1, 2), publics[:3], raw},
		"another header":    {sign(0, 1, 2), publics, lower.Encode()},
		"not a header":      {sign(0, 1, 2), publics, []byte{0x80}},
	} {
		if _, err := light.Accept(c.raw, c.cert, c.keys, consensus.DecodeHeader, cache); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for name, l := range map[string]Light{
		"another lineage": {Lineage: object.Hash{9}, Branch: light.Branch, Delegates: light.Delegates},
		"another branch":  {Lineage: lineage, Branch: object.Hash{9}, Delegates: light.Delegates},
		"a set unknown":   {Lineage: lineage, Branch: light.Branch, Delegates: object.Hash{9}},
		"not above":       {Lineage: lineage, Branch: light.Branch, Delegates: light.Delegates, Height: 7},
	} {
		if _, err := l.Accept(raw, sign(0, 1, 2), publics, consensus.DecodeHeader, cache); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestGenesisIsChecked(t *testing.T) {
	good := Params{SlotMillis: 10, ToleranceMillis: 1, Seats: 4, TermRounds: 1, WindowRounds: 1, CertifyEvery: 1}
	one := []Registration{{Key: key.Public{1}, Stake: 1}}
	for name, change := range map[string]func(g *Genesis){
		"no seats":                 func(g *Genesis) { g.Params.Seats = 0 },
		"more seats than bits":     func(g *Genesis) { g.Params.Seats = MaxSeats + 1 },
		"no slots":                 func(g *Genesis) { g.Params.SlotMillis = 0 },
		"more tolerance than slot": func(g *Genesis) { g.Params.ToleranceMillis = 10 },
		"no terms":                 func(g *Genesis) { g.Params.TermRounds = 0 },
		"no window":                func(g *Genesis) { g.Params.WindowRounds = 0 },
		"no certificates":          func(g *Genesis) { g.Params.CertifyEvery = 0 },
		"no candidates":            func(g *Genesis) { g.Candidates = nil },
		"no stake":                 func(g *Genesis) { g.Candidates = []Registration{{Key: key.Public{1}}} },
		"one candidate twice":      func(g *Genesis) { g.Candidates = append(one, one...) },
	} {
		g := &Genesis{Params: good, Candidates: one}
		if _, err := newState(g); err != nil {
			t.Fatal(err)
		}
		if change(g); g.Check() == nil {
			if _, err := newState(g); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
