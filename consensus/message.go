package consensus

import (
	"fmt"

	"aergo/repo/object"
)

// Bounds of messages.
const (
	MaxRun          = 64 // blocks of an Announce, ids of a Want
	MaxMessageBytes = MaxRun*(MaxBlockBytes+8) + 64
	MaxBlockBytes   = MaxRawBytes + MaxBodyBytes + 128 // of Block.Encode
)

const (
	numberAnnounce    = 1
	numberWant        = 2
	numberStanding    = 3
	numberAttestation = 4
	numberAccuse      = 5
)

// EncodeMessage returns the one encoding of a message; nil for none of this package.
func EncodeMessage(m Message) []byte {
	begin := func(items, number int) []byte {
		b := object.AppendArray(nil, items+2)
		b = object.AppendUint(b, Version)
		return object.AppendUint(b, uint64(number))
	}
	switch m := m.(type) {
	case Announce:
		b := object.AppendArray(begin(1, numberAnnounce), len(m.Blocks))
		for _, block := range m.Blocks {
			b = object.AppendBytes(b, block.Encode())
		}
		return b
	case Want:
		b := object.AppendHash(begin(2, numberWant), m.ID)
		b = object.AppendArray(b, len(m.Have))
		for _, id := range m.Have {
			b = object.AppendHash(b, id)
		}
		return b
	case Standing:
		b := object.AppendHash(begin(3, numberStanding), m.Head)
		b = object.AppendUint(b, m.Final)
		if m.Vote == nil {
			return object.AppendBytes(b, nil)
		}
		return object.AppendBytes(b, EncodeMessage(*m.Vote))
	case Attestation:
		b := object.AppendUint(begin(5, numberAttestation), m.Height)
		b = object.AppendHash(b, m.ID)
		b = object.AppendHash(b, m.Delegates)
		b = object.AppendBytes(b, m.Signer[:])
		return object.AppendBytes(b, m.Signature[:])
	case Accuse:
		b := begin(4, numberAccuse)
		for _, s := range [...]Sealed{m.Evidence.A, m.Evidence.B} {
			b = object.AppendBytes(b, s.Raw)
			b = object.AppendBytes(b, s.Seal[:])
		}
		return b
	}
	return nil
}

// DecodeMessage reads a message of at most MaxMessageBytes, whose blocks' headers read
// understands. It keeps data. The error wraps object.ErrMalformed.
func DecodeMessage(read Reader, data []byte) (Message, error) {
	if len(data) > MaxMessageBytes {
		return nil, fmt.Errorf("%w: message of %d bytes", object.ErrMalformed, len(data))
	}
	r := object.NewReader(data)
	items := r.Array(7)
	ReadVersion(r)
	number := r.UintMax(numberAccuse)
	var m Message
	want := 0
	switch number {
	case numberAnnounce:
		m, want = readAnnounce(read, r), 3
	case numberWant:
		m, want = readWant(r), 4
	case numberStanding:
		m, want = readStanding(r), 5
	case numberAttestation:
		m, want = readAttestation(r), 7
	case numberAccuse:
		m, want = Accuse{Evidence: Evidence{
			A: Sealed{Raw: r.Bytes(MaxRawBytes), Seal: ReadSignature(r)}, B: Sealed{Raw: r.Bytes(MaxRawBytes), Seal: ReadSignature(r)},
		}}, 6
	}
	if items != want {
		r.Fail("message %d with %d items", number, items)
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	return m, nil
}

func readAnnounce(read Reader, r *object.Reader) Announce {
	var a Announce
	n := r.Array(MaxRun)
	if n == 0 {
		r.Fail("no blocks")
	}
	for range n {
		data := r.Bytes(MaxBlockBytes)
		if r.Err() != nil {
			break
		}
		b, err := DecodeBlock(read, data)
		if err != nil {
			r.Fail("%v", err)
			break
		}
		a.Blocks = append(a.Blocks, b)
	}
	return a
}

func readWant(r *object.Reader) Want {
	w := Want{ID: r.Hash()}
	for range r.Array(MaxRun) {
		w.Have = append(w.Have, r.Hash())
	}
	return w
}

func readStanding(r *object.Reader) Standing {
	s := Standing{Head: r.Hash(), Final: r.Uint()}
	data := r.Bytes(512)
	if r.Err() != nil || len(data) == 0 {
		return s
	}
	inner := object.NewReader(data)
	inner.ArrayOf(7)
	ReadVersion(inner)
	number := inner.Uint()
	vote := readAttestation(inner)
	if err := inner.End(); err != nil || number != numberAttestation {
		r.Fail("no attestation: %v", err)
	}
	s.Vote = &vote
	return s
}

func readAttestation(r *object.Reader) Attestation {
	return Attestation{Height: r.Uint(), ID: r.Hash(), Delegates: r.Hash(), Signer: ReadKey(r), Signature: ReadSignature(r)}
}
