package rpc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrProtocol says that the other side of a socket sent what is no message, or one that has
// no place there.
var ErrProtocol = errors.New("rpc: the other side breaks the protocol")

// kind is what a message is.
type kind uint8

// The kinds of message: those of a client first, then those of a server.
const (
	kindHello  kind = 1 + iota // greeting
	kindCall                   // call
	kindData                   // bytes of a reader that is an argument
	kindEnd                    // ending: that reader has no more
	kindStop                   // no more items, please
	kindCancel                 // the client has given up

	kindWelcome // welcome
	kindRefuse  // fault: the connection is over
	kindItems   // array of items
	kindWant    // more bytes of the reader, please
	kindNote    // note
	kindValue   // one result of the verb
	kindResult  // result: the call is over

	kindLimit
)

const (
	// frameHeaderBytes: payload's length, 4 bytes big-endian; call's number, 4 bytes; kind, 1.
	frameHeaderBytes = 9
	// framePayloadBytes is the most that one frame holds. A longer message is several frames:
	// all but the last are this long and have continued set in their kind.
	framePayloadBytes = 256 << 10
	continued         = 0x80

	maxSmallBytes = 64 << 10  // of a message that has few words
	maxCallBytes  = 64 << 20  // of a call, an array of items, or a result, which has errors only
	maxValueBytes = 512 << 20 // of a value
)

// maxMessageBytes returns how long a message of a kind may be.
func maxMessageBytes(k kind) int {
	switch k {
	case kindCall, kindItems, kindResult:
		return maxCallBytes
	case kindValue:
		return maxValueBytes
	case kindData:
		return framePayloadBytes
	case kindStop, kindCancel, kindWant:
		return 0
	case kindHello, kindEnd, kindWelcome, kindRefuse, kindNote:
	}
	return maxSmallBytes
}

// message is one message.
type message struct {
	kind    kind
	call    uint32 // the number of the call that it belongs to, from 1; 0 for none
	payload []byte
}

// appendMessage appends the frames of a message. It fails if the message is too long.
func appendMessage(to []byte, m message) ([]byte, error) {
	if len(m.payload) > maxMessageBytes(m.kind) {
		return to, fmt.Errorf("rpc: message of %d bytes, limit is %d", len(m.payload), maxMessageBytes(m.kind))
	}
	for rest := m.payload; ; {
		part := rest[:min(len(rest), framePayloadBytes)]
		rest = rest[len(part):]
		k := m.kind
		if len(rest) > 0 {
			k |= continued
		}
		to = binary.BigEndian.AppendUint32(to, uint32(len(part)))
		to = binary.BigEndian.AppendUint32(to, m.call)
		to = append(append(to, byte(k)), part...)
		if len(rest) == 0 {
			return to, nil
		}
	}
}

// readMessage reads one message. It allocates no more than it has received, but for one
// frame. The error is io.EOF before the first byte, wraps io.ErrUnexpectedEOF within, or
// wraps ErrProtocol.
func readMessage(from io.Reader) (message, error) {
	var m message
	for first := true; ; first = false {
		var header [frameHeaderBytes]byte
		if _, err := io.ReadFull(from, header[:]); err != nil {
			if errors.Is(err, io.EOF) && !first {
				err = io.ErrUnexpectedEOF
			}
			return message{}, err
		}
		size, call, k := binary.BigEndian.Uint32(header[:]), binary.BigEndian.Uint32(header[4:]), kind(header[8])
		more := k&continued != 0
		k &^= continued
		switch {
		case k == 0 || k >= kindLimit:
			return message{}, fmt.Errorf("%w: kind %d", ErrProtocol, k)
		case first:
			m.kind, m.call = k, call
		case k != m.kind || call != m.call || size == 0:
			return message{}, fmt.Errorf("%w: a frame inside another message", ErrProtocol)
		}
		if size > framePayloadBytes || more && size != framePayloadBytes || len(m.payload)+int(size) > maxMessageBytes(k) {
			return message{}, fmt.Errorf("%w: frame of %d bytes", ErrProtocol, size)
		}
		was := len(m.payload)
		m.payload = append(m.payload, make([]byte, size)...)
		if _, err := io.ReadFull(from, m.payload[was:]); err != nil {
			return message{}, fmt.Errorf("rpc: %w", unexpected(err))
		}
		if !more {
			return m, nil
		}
	}
}

// unexpected makes of an end an end in the middle.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
