package format

import (
	"bytes"
	"fmt"
	"io"
)

// input is a window onto a reader: bytes from a fixed buffer that are refilled on demand.
type input struct {
	r    io.Reader
	buf  []byte
	from int // of what is not consumed
	to   int // of what has been read
	eof  bool
}

func newInput(r io.Reader, bufBytes int) *input { return &input{r: r, buf: make([]byte, bufBytes)} }

// window returns what has been read and not consumed. It is valid until fill.
func (in *input) window() []byte { return in.buf[in.from:in.to] }

// full says whether the window is as long as it can be.
func (in *input) full() bool { return in.to-in.from == len(in.buf) }

// fill lengthens the window, or sets eof. It must not be called when the window is full.
func (in *input) fill() error {
	if in.from > 0 {
		in.to = copy(in.buf, in.buf[in.from:in.to])
		in.from = 0
	}
	// A reader that returns neither bytes nor an error for so long is broken.
	for range 100 {
		n, err := in.r.Read(in.buf[in.to:])
		if n < 0 || n > len(in.buf)-in.to {
			return fmt.Errorf("reader returned %d bytes for a buffer of %d", n, len(in.buf)-in.to)
		}
		in.to += n
		if err == io.EOF {
			in.eof = true
			return nil
		}
		if err != nil {
			return err
		}
		if n > 0 {
			return nil
		}
	}
	return io.ErrNoProgress
}

// begin reads the first bytes and skips a byte order mark.
func (in *input) begin() error {
	for in.to < 3 && !in.eof {
		if err := in.fill(); err != nil {
			return err
		}
	}
	head := in.window()
	if bytes.HasPrefix(head, byteOrderMark) {
		in.from += len(byteOrderMark)
	}
	if bytes.HasPrefix(head, []byte{0xff, 0xfe}) || bytes.HasPrefix(head, []byte{0xfe, 0xff}) {
		return &Error{Line: 1, Err: because(ErrSyntax, "input is UTF-16, want UTF-8")}
	}
	return nil
}

var byteOrderMark = []byte("\ufeff")

// line returns the next line without its \n, and false at the end. It is valid until the
// next call. A line longer than the buffer is an error.
func (in *input) line() ([]byte, bool, error) {
	for seen := 0; ; {
		w := in.window()
		if i := bytes.IndexByte(w[seen:], '\n'); i >= 0 {
			in.from += seen + i + 1
			return w[:seen+i], true, nil
		}
		seen = len(w)
		switch {
		case in.eof:
			in.from = in.to
			return w, len(w) > 0, nil
		case in.full():
			return nil, false, because(ErrLimit, "line is above the limit of %d bytes", len(in.buf)-1)
		}
		if err := in.fill(); err != nil {
			return nil, false, err
		}
	}
}
