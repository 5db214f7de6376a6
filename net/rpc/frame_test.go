package rpc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
)

func TestMessagesComeBack(t *testing.T) {
	for _, m := range []message{
		{kindHello, 0, []byte("{}")},
		{kindWant, 3, nil},
		{kindData, 1 << 31, make([]byte, framePayloadBytes)},
		{kindCall, 7, bytes.Repeat([]byte("x"), framePayloadBytes)},
		{kindCall, 7, bytes.Repeat([]byte("x"), framePayloadBytes+1)},
		{kindValue, 7, bytes.Repeat([]byte("x"), 3*framePayloadBytes)},
	} {
		framed, err := appendMessage([]byte("before"), m)
		if err != nil {
			t.Fatal(err)
		}
		in := bytes.NewReader(framed[len("before"):])
		got, err := readMessage(in)
		if err != nil || got.kind != m.kind || got.call != m.call || !bytes.Equal(got.payload, m.payload) || in.Len() > 0 {
			t.Errorf("kind %d of %d bytes: comes back as kind %d of %d bytes, %v", m.kind, len(m.payload), got.kind, len(got.payload), err)
		}
	}
	for k := kindHello; k < kindLimit; k++ {
		if maxMessageBytes(k) > 100<<20 {
			continue
		}
		if _, err := appendMessage(nil, message{kind: k, payload: make([]byte, maxMessageBytes(k)+1)}); err == nil {
			t.Errorf("kind %d: a message above its limit is sent", k)
		}
	}
}

// frame returns one frame as it stands.
func frame(size uint32, call uint32, k byte, payload ...byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, size)
	b = binary.BigEndian.AppendUint32(b, call)
	return append(append(b, k), payload...)
}

func TestBadFrames(t *testing.T) {
	full := make([]byte, framePayloadBytes)
	more := byte(kindCall) | continued
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for _, test := range []struct {
		name string
		in   []byte
		want error
	}{
		{"nothing", nil, io.EOF},
		{"half a header", frame(0, 0, byte(kindWant))[:5], io.ErrUnexpectedEOF},
		{"half a payload", frame(4, 0, byte(kindHello), 1, 2), io.ErrUnexpectedEOF},
		{"no kind", frame(0, 0, 0), ErrProtocol},
		{"unknown kind", frame(0, 0, byte(kindLimit)), ErrProtocol},
		{"huge frame", frame(1<<31, 0, byte(kindCall)), ErrProtocol},
		{"above its kind's limit", frame(1, 0, byte(kindWant), 1), ErrProtocol},
		{"greeting above its limit", frame(maxSmallBytes+1, 0, byte(kindHello)), ErrProtocol},
		{"continued though short", frame(1, 0, more, 1), ErrProtocol},
		{"continued and cut", frame(framePayloadBytes, 0, more, full...), io.ErrUnexpectedEOF},
		{"continued by another kind", join(frame(framePayloadBytes, 0, more, full...), frame(1, 0, byte(kindData), 1)), ErrProtocol},
		{"continued by another call", join(frame(framePayloadBytes, 0, more, full...), frame(1, 1, byte(kindCall), 1)), ErrProtocol},
		{"continued by nothing", join(frame(framePayloadBytes, 0, more, full...), frame(0, 0, byte(kindCall))), ErrProtocol},
	} {
		if _, err := readMessage(bytes.NewReader(test.in)); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
}

// FuzzMessage reads what may be a message: what is accepted frames to the same bytes.
func FuzzMessage(f *testing.F) {
	for _, m := range []message{{kindHello, 0, []byte(`{"protocol":"aergo-rpc"}`)}, {kindWant, 1, nil}, {kindItems, 2, []byte("[1]")}} {
		framed, _ := appendMessage(nil, m)
		f.Add(framed)
	}
	f.Add(frame(framePayloadBytes, 0, byte(kindCall)|continued, 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		in := bytes.NewReader(data)
		m, err := readMessage(in)
		if err != nil {
			return
		}
		again, err := appendMessage(nil, m)
		if err != nil || !bytes.Equal(again, data[:len(data)-in.Len()]) {
			t.Fatalf("%x: frames again as %x, %v", data, again, err)
		}
	})
}
