package consensus_test

import (
	"bytes"
	"errors"
	"testing"

	"aergo/consensus"
	"aergo/repo/key"
	"aergo/repo/object"
)

func messages(tb testing.TB) []consensus.Message {
	tb.Helper()
	h, body := sample()
	b, err := consensus.Open(consensus.DecodeHeader, h.Encode(), key.Signature{7}, body)
	if err != nil {
		tb.Fatal(err)
	}
	vote := consensus.Attestation{Height: 9, ID: b.ID, Delegates: h.Delegates, Signer: key.Public{1}, Signature: key.Signature{2}}
	sealed := consensus.Sealed{Raw: b.Raw, Seal: b.Seal}
	return []consensus.Message{
		consensus.Announce{Blocks: []*consensus.Block{b, b}}, consensus.Want{ID: b.ID, Have: []object.Hash{h.Parent, h.Content}},
		consensus.Want{}, consensus.Standing{Head: b.ID, Final: 8, Vote: &vote}, consensus.Standing{}, vote,
		consensus.Accuse{Evidence: consensus.Evidence{A: sealed, B: sealed}},
	}
}

func TestMessagesRoundTrip(t *testing.T) {
	for _, m := range messages(t) {
		data := consensus.EncodeMessage(m)
		again, err := consensus.DecodeMessage(consensus.DecodeHeader, data)
		if err != nil || !bytes.Equal(consensus.EncodeMessage(again), data) {
			t.Errorf("%T: %+v, %v", m, again, err)
		}
		for cut := range data {
			if _, err := consensus.DecodeMessage(consensus.DecodeHeader, data[:cut]); !errors.Is(err, object.ErrMalformed) {
				t.Fatalf("%T cut at byte %d: %v", m, cut, err)
			}
		}
	}
	for name, data := range map[string][]byte{
		"no blocks": consensus.EncodeMessage(consensus.Announce{}), "too many blocks": consensus.EncodeMessage(consensus.Want{Have: make([]object.Hash, consensus.MaxRun+1)}),
		"an announcement for a vote": {0x85, 1, 3, 0x58, 32, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
			28, 29, 30, 31, 32, 8, 0x48, 0x83, 1, 1, 0x81, 0x43, 0x81, 1, 0x40},
		"another number": {0x83, 1, 6, 0}, "another version": {0x83, 2, 1, 0x80}, "nothing": nil, "too much": make([]byte, consensus.MaxMessageBytes+1),
	} {
		if _, err := consensus.DecodeMessage(consensus.DecodeHeader, data); !errors.Is(err, object.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzMessage(f *testing.F) {
	for _, m := range messages(f) {
		f.Add(consensus.EncodeMessage(m))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := consensus.DecodeMessage(consensus.DecodeHeader, data)
		if err != nil {
			if !errors.Is(err, object.ErrMalformed) {
				t.Fatalf("error %q does not wrap ErrMalformed", err)
			}
			return
		}
		if again := consensus.EncodeMessage(m); !bytes.Equal(again, data) {
			t.Fatalf("two encodings of one message\n%x\n%x", data, again)
		}
	})
}
