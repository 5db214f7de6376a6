package consensus_test

import (
	"bytes"
	"errors"
	"testing"

	"aergo/consensus"
	"aergo/repo/key"
	"aergo/repo/object"
)

func sample() (*consensus.Header, []byte) {
	body := []byte("some operations")
	return &consensus.Header{
		Lineage: object.Sum([]byte("lineage")), Branch: object.Sum([]byte("branch")), Height: 1 << 40, Slot: 70_000, TimeMillis: 1 << 41,
		Parent: object.Sum([]byte("parent")), Content: object.Sum([]byte("content")), Operations: consensus.HashBody(body),
		Delegates: object.Sum([]byte("these")), NextDelegates: object.Sum([]byte("those")), Producer: key.Public{1, 2, 3}, Extra: []byte{4, 5},
	}, body
}

func TestBlockRoundTrip(t *testing.T) {
	h, body := sample()
	b, err := consensus.Open(consensus.DecodeHeader, h.Encode(), key.Signature{7}, body)
	if err != nil {
		t.Fatal(err)
	}
	again, err := consensus.DecodeBlock(consensus.DecodeHeader, b.Encode())
	if err != nil || again.ID != object.Sum(h.Encode()) || !bytes.Equal(again.Encode(), b.Encode()) || again.Producer != h.Producer || again.Seal != b.Seal {
		t.Fatalf("%+v, %v", again, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	h, body := sample()
	raw := h.Encode()
	for name, c := range map[string]struct{ raw, body []byte }{
		"another body":    {raw, []byte("other operations")},
		"no body":         {raw, nil},
		"a large body":    {raw, make([]byte, consensus.MaxBodyBytes+1)},
		"a large header":  {append(raw, make([]byte, consensus.MaxRawBytes)...), body},
		"a byte too many": {append(bytes.Clone(raw), 0), body},
		"a byte missing":  {raw[:len(raw)-1], body},
		"nothing":         {nil, nil},
	} {
		if _, err := consensus.Open(consensus.DecodeHeader, c.raw, key.Signature{}, c.body); !errors.Is(err, object.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzBlock(f *testing.F) {
	h, body := sample()
	b, err := consensus.Open(consensus.DecodeHeader, h.Encode(), key.Signature{7}, body)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b.Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := consensus.DecodeBlock(consensus.DecodeHeader, data)
		if err != nil {
			if !errors.Is(err, object.ErrMalformed) {
				t.Fatalf("error %q does not wrap ErrMalformed", err)
			}
			return
		}
		if !bytes.Equal(b.Encode(), data) || !bytes.Equal(b.Header.Encode(), b.Raw) {
			t.Fatalf("two encodings of one block: %x", data)
		}
	})
}
