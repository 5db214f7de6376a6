package dpos

import (
	"fmt"

	"aergo/consensus"
	"aergo/repo/key"
	"aergo/repo/object"
)

// OpKind says what an Operation does.
type OpKind uint8

// The kinds of operation.
const (
	OpRegister OpKind = 1 // Key becomes a candidate, or changes its onion
	OpResign   OpKind = 2 // Key is not elected again
	OpStake    OpKind = 3 // Key adds Amount to its stake
	OpUnstake  OpKind = 4 // Key withdraws Amount
	OpVote     OpKind = 5 // Key's stake stands behind Candidate
	OpConvict  OpKind = 6 // Key has contradicted itself: Evidence
)

// Operation is what a block does to the ledger. Which fields count depends on Kind.
type Operation struct {
	Kind      OpKind
	Key       key.Public
	Anchor    object.Hash
	Amount    uint64
	Candidate key.Public
	Evidence  *consensus.Evidence
}

// MaxOperations bounds those of one block.
const MaxOperations = 1024

// Convict returns the operation that evidence against a delegate calls for.
func Convict(producer key.Public, e consensus.Evidence) Operation {
	return Operation{Kind: OpConvict, Key: producer, Evidence: &e}
}

// EncodeOperations returns the body that holds some operations; none have no bytes.
func EncodeOperations(ops []Operation) []byte {
	if len(ops) == 0 {
		return nil
	}
	b := object.AppendArray(nil, len(ops))
	for _, op := range ops {
		head := func(items int) {
			b = object.AppendArray(b, items)
			b = object.AppendUint(b, uint64(op.Kind))
			b = object.AppendBytes(b, op.Key[:])
		}
		switch op.Kind {
		case OpRegister:
			head(3)
			b = object.AppendHash(b, op.Anchor)
		case OpResign:
			head(2)
		case OpStake, OpUnstake:
			head(3)
			b = object.AppendUint(b, op.Amount)
		case OpVote:
			head(3)
			b = object.AppendBytes(b, op.Candidate[:])
		case OpConvict:
			head(3)
			b = object.AppendBytes(b, EncodeEvidence(*op.Evidence))
		}
	}
	return b
}

// DecodeOperations reads a body. The error wraps object.ErrMalformed.
func DecodeOperations(body []byte) ([]Operation, error) {
	if len(body) == 0 {
		return nil, nil
	}
	r := object.NewReader(body)
	n := r.Array(MaxOperations)
	if n == 0 {
		r.Fail("an empty list is no bytes")
	}
	var ops []Operation
	for range n {
		if r.Err() != nil {
			break
		}
		ops = append(ops, readOperation(r))
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	return ops, nil
}

func readOperation(r *object.Reader) Operation {
	items := r.Array(3)
	op := Operation{Kind: OpKind(r.UintMax(uint64(OpConvict))), Key: consensus.ReadKey(r)}
	want := 3
	switch op.Kind {
	case OpRegister:
		op.Anchor = r.Hash()
	case OpResign:
		want = 2
	case OpStake, OpUnstake:
		op.Amount = r.Uint()
	case OpVote:
		op.Candidate = consensus.ReadKey(r)
	case OpConvict:
		e, err := DecodeEvidence(r.Bytes(maxEvidenceBytes))
		if err != nil {
			r.Fail("%v", err)
		}
		op.Evidence = &e
	default:
		r.Fail("operation of kind %d", op.Kind)
	}
	if items != want {
		r.Fail("operation of kind %d with %d items", op.Kind, items)
	}
	return op
}

// maxEvidenceBytes is two of the largest headers, with room for their heads and seals.
const maxEvidenceBytes = 2*consensus.MaxRawBytes + 256

// EncodeEvidence returns the one encoding of evidence.
func EncodeEvidence(e consensus.Evidence) []byte {
	b := object.AppendArray(nil, 5)
	b = object.AppendUint(b, consensus.Version)
	for _, s := range [...]consensus.Sealed{e.A, e.B} {
		b = object.AppendBytes(b, s.Raw)
		b = object.AppendBytes(b, s.Seal[:])
	}
	return b
}

// DecodeEvidence reads evidence; it does not judge it. The error wraps
// object.ErrMalformed.
func DecodeEvidence(data []byte) (consensus.Evidence, error) {
	r := object.NewReader(data)
	r.ArrayOf(5)
	consensus.ReadVersion(r)
	var e consensus.Evidence
	for _, s := range []*consensus.Sealed{&e.A, &e.B} {
		s.Raw = r.Bytes(consensus.MaxRawBytes)
		s.Seal = consensus.ReadSignature(r)
	}
	if err := r.End(); err != nil {
		return consensus.Evidence{}, err
	}
	return e, nil
}

// vote is what a header says about its producer: see contradict.
type vote struct {
	slot, maxProduced uint64
	rank              rank
}

// contradict says whether no honest producer makes both of two different headers: each of
// its blocks names the highest slot that it made a block in before, and is built on a
// chain of the same rank as the one before it, or a higher one.
func contradict(a, b vote) bool {
	if a.slot > b.slot {
		a, b = b, a
	}
	return a.slot == b.slot || b.maxProduced < a.slot || b.rank.compare(a.rank) < 0
}

// Judge returns the delegate that evidence convicts, or why it convicts nobody. It needs
// the headers alone.
func Judge(e consensus.Evidence, g *Genesis, read consensus.Reader, verifier consensus.Verifier) (key.Public, error) {
	var votes [2]vote
	var producers [2]key.Public
	for i, s := range [...]consensus.Sealed{e.A, e.B} {
		h, err := read(s.Raw)
		if err != nil {
			return key.Public{}, err
		}
		if h.Lineage != g.Lineage || h.Branch != g.Branch {
			return key.Public{}, fmt.Errorf("evidence: %w: of another chain", ErrInvalid)
		}
		x, err := DecodeExtra(h.Extra)
		if err != nil {
			return key.Public{}, err
		}
		if err := verifier.Verify(h.Producer, key.DomainBlock, h.Lineage, object.Sum(s.Raw), s.Seal); err != nil {
			return key.Public{}, err
		}
		votes[i] = vote{slot: h.Slot, maxProduced: x.MaxProduced, rank: x.rank()}
		producers[i] = h.Producer
	}
	if producers[0] != producers[1] || object.Sum(e.A.Raw) == object.Sum(e.B.Raw) || !contradict(votes[0], votes[1]) {
		return key.Public{}, fmt.Errorf("evidence: %w: no contradiction", ErrInvalid)
	}
	return producers[0], nil
}
