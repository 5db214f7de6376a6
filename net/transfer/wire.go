package transfer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Protocol is the name of this package's streams, where streams are opened by name.
const Protocol = "/aergo/transfer/1"

// Stream is a two-way stream of bytes, such as a net.Conn. If it has a Reset, that ends
// both directions at once; otherwise Close is taken to.
type Stream interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// ErrCut is wrapped when a stream ends, or is silent for too long, in the midst of a
// conversation. What came before is kept, so that trying again takes up from there.
var ErrCut = errors.New("connection lost")

// ErrProtocol is wrapped when the other side breaks a rule of the protocol.
var ErrProtocol = errors.New("the other side breaks the protocol")

const (
	// MaxFrameBytes is the size of the largest frame, without its head.
	MaxFrameBytes = 4 << 20

	headBytes = 4
	moreFlag  = 1 << 31 // of a frame's head: the message goes on in the next one

	growBytes = 256 << 10 // how far ahead of what has come a buffer grows
)

// Timeouts bound how long one side waits for the other. A zero field means its default.
type Timeouts struct {
	Frame time.Duration // for the rest of a frame once it has begun, and to write one; a minute
	Turn  time.Duration // for the other side to say something when it is its turn; a minute
	Idle  time.Duration // for a client's next request; ten minutes
}

func (t Timeouts) withDefaults() Timeouts {
	or := func(d, otherwise time.Duration) time.Duration {
		if d <= 0 {
			return otherwise
		}
		return d
	}
	return Timeouts{Frame: or(t.Frame, time.Minute), Turn: or(t.Turn, time.Minute), Idle: or(t.Idle, 10*time.Minute)}
}

// wire sends and receives messages. One goroutine may receive while others send.
type wire struct {
	stream   Stream
	timeouts Timeouts

	in  []byte // of the message that was received last
	got uint64 // bytes

	limitMu   sync.Mutex
	lastRead  time.Time // no read waits longer; zero for no such time
	lastWrite time.Time // no write

	mu   sync.Mutex
	out  []byte
	sent uint64 // bytes
}

func newWire(s Stream, t Timeouts) *wire { return &wire{stream: s, timeouts: t.withDefaults()} }

// abort ends the stream at once, and with it whoever waits for it.
func (w *wire) abort() {
	if r, ok := w.stream.(interface{ Reset() error }); ok {
		_ = r.Reset() // it is over either way
		return
	}
	w.stream.Close()
}

// guard ends the stream when ctx does. The caller calls the function it returns at last.
func (w *wire) guard(ctx context.Context) (stop func() bool) { return context.AfterFunc(ctx, w.abort) }

// send sends a message, in as many frames as it takes.
func (w *wire) send(m message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.out = m.append(append(w.out[:0], 0, 0, 0, 0))
	defer func() {
		if cap(w.out) > 2*MaxFrameBytes {
			w.out = nil // it was an exception
		}
	}()
	for rest := w.out[headBytes:]; ; {
		n := min(len(rest), MaxFrameBytes)
		head := uint32(n)
		if n < len(rest) {
			head |= moreFlag
		}
		// The head goes where the bytes before the frame's were, which have been sent.
		frame := w.out[len(w.out)-len(rest)-headBytes:][:headBytes+n]
		binary.BigEndian.PutUint32(frame, head)
		if err := w.write(frame); err != nil {
			return err
		}
		if rest = rest[n:]; len(rest) == 0 {
			return nil
		}
	}
}

func (w *wire) write(frame []byte) error {
	if err := w.writeFor(w.timeouts.Frame); err != nil {
		return err
	}
	n, err := w.stream.Write(frame)
	w.sent += uint64(n)
	return cut(err)
}

// refuse tells the other side why a conversation ends, unless it is lost. At worst they
// learn only that it has ended: who does not listen is not waited for.
func (w *wire) refuse(err error) {
	if errors.Is(err, ErrCut) {
		return
	}
	w.timeouts.Frame = min(w.timeouts.Frame, time.Second)
	_ = w.send(refuse(err))
}

// receive waits at most so long for a message to begin, and returns it. What it holds may
// lie in memory that the next receive uses again. The error of an orderly end between two
// messages is io.EOF.
func (w *wire) receive(maxBytes int, wait time.Duration) (message, error) {
	w.in = w.in[:0]
	if cap(w.in) > 2*MaxFrameBytes {
		w.in = nil
	}
	for {
		more, err := w.frame(maxBytes, wait)
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		wait = w.timeouts.Frame
	}
	m, err := decode(w.in)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return m, nil
}

// readFor bounds the next reads.
func (w *wire) readFor(wait time.Duration) error {
	w.limitMu.Lock()
	defer w.limitMu.Unlock()
	return cut(w.stream.SetReadDeadline(earlier(time.Now().Add(wait), w.lastRead)))
}

// writeFor bounds the next writes.
func (w *wire) writeFor(wait time.Duration) error {
	w.limitMu.Lock()
	defer w.limitMu.Unlock()
	return cut(w.stream.SetWriteDeadline(earlier(time.Now().Add(wait), w.lastWrite)))
}

func earlier(t, limit time.Time) time.Time {
	if !limit.IsZero() && limit.Before(t) {
		return limit
	}
	return t
}

// endReads bounds all reads, one that waits already among them.
func (w *wire) endReads(wait time.Duration) {
	w.limitMu.Lock()
	defer w.limitMu.Unlock()
	w.lastRead = time.Now().Add(wait)
	if err := w.stream.SetReadDeadline(w.lastRead); err != nil {
		w.abort()
	}
}

// endWrites ends all writes, one that waits already among them.
func (w *wire) endWrites() {
	w.limitMu.Lock()
	defer w.limitMu.Unlock()
	w.lastWrite = time.Now()
	if err := w.stream.SetWriteDeadline(w.lastWrite); err != nil {
		w.abort()
	}
}

// cut makes an error of the stream one that wraps ErrCut.
func cut(err error) error {
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrCut, err)
	}
	return err
}

// frame appends the next frame to the message.
func (w *wire) frame(maxBytes int, wait time.Duration) (more bool, err error) {
	if err := w.readFor(wait); err != nil {
		return false, err
	}
	var head [headBytes]byte
	n, err := io.ReadFull(w.stream, head[:])
	w.got += uint64(n)
	if errors.Is(err, io.EOF) && n == 0 && len(w.in) == 0 {
		return false, io.EOF
	}
	if err != nil {
		return false, cut(err)
	}
	size := binary.BigEndian.Uint32(head[:])
	more = size&moreFlag != 0
	size &^= moreFlag
	switch {
	case size == 0 || size > MaxFrameBytes || more && size != MaxFrameBytes:
		return false, fmt.Errorf("%w: frame of %d bytes", ErrProtocol, size)
	case len(w.in)+int(size) > maxBytes:
		return false, fmt.Errorf("%w: message of more than %d bytes", ErrProtocol, maxBytes)
	}
	if err := w.readFor(w.timeouts.Frame); err != nil {
		return false, err
	}
	for left := int(size); left > 0; {
		step := min(left, growBytes)
		at := len(w.in)
		w.in = slices.Grow(w.in, step)[:at+step]
		n, err := io.ReadFull(w.stream, w.in[at:])
		w.got += uint64(n)
		if err != nil {
			return false, cut(err)
		}
		left -= step
	}
	return more, nil
}
