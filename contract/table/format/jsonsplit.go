package format

import (
	"bytes"
	"errors"
	"io"
)

// MaxJSONBytes is the length of the longest JSON line, and of the longest object in an array.
const MaxJSONBytes = 1 << 20

// jsonSplitter cuts the objects out of an array of them, or out of JSON lines, without
// holding more than one.
type jsonSplitter struct {
	in    *input
	array bool
	at    place // of the window
	begun bool  // an element has been read
}

// newJSONLines returns a splitter of JSON lines.
func newJSONLines(r io.Reader) (*jsonSplitter, error) {
	s := &jsonSplitter{in: newInput(r, MaxJSONBytes+1), at: place{1, 1}}
	return s, s.in.begin()
}

// newJSONSplitter returns a splitter of what the first character says the input is.
func newJSONSplitter(r io.Reader) (*jsonSplitter, error) {
	s, err := newJSONLines(r)
	if err != nil {
		return nil, err
	}
	c, err := s.peek()
	if err == nil && c == '[' {
		s.array = true
		s.consume(1)
	}
	return s, err
}

// next returns the text of the next object and where it begins; nil at the end. It is valid
// until the next call. In an array it has not been checked to be JSON; it may also be
// another value than an object.
func (s *jsonSplitter) next() ([]byte, place, error) {
	if !s.array {
		return s.nextLine()
	}
	c, err := s.peek()
	if err != nil {
		return nil, s.at, err
	}
	switch {
	case c == ']':
		return nil, s.at, s.end()
	case s.begun && c != ',':
		return nil, s.at, s.at.fault("", because(ErrSyntax, "want ',' or ']' after an object"))
	case s.begun:
		s.consume(1)
		if c, err = s.peek(); err != nil {
			return nil, s.at, err
		}
	}
	if c != '{' {
		return nil, s.at, s.at.fault("", because(ErrSyntax, "want an object"))
	}
	s.begun = true
	return s.element()
}

func (s *jsonSplitter) nextLine() ([]byte, place, error) {
	for {
		line, ok, err := s.in.line()
		at := s.at
		switch {
		case err != nil:
			return nil, at, lineFault(at, err)
		case !ok:
			return nil, at, nil
		}
		s.at = place{at.line + 1, 1}
		if len(bytes.TrimLeft(line, " \t\r")) > 0 {
			return line, at, nil
		}
	}
}

// lineFault puts a line to the limit that it exceeds; errors of the reader stay as they are.
func lineFault(at place, err error) error {
	var why *reason
	if errors.As(err, &why) {
		return &Error{Line: at.line, Err: err}
	}
	return err
}

// peek skips white space and returns the next byte, 0 at the end.
func (s *jsonSplitter) peek() (byte, error) {
	for {
		w := s.in.window()
		rest := bytes.TrimLeft(w, " \t\r\n")
		s.consume(len(w) - len(rest))
		if len(rest) > 0 {
			return rest[0], nil
		}
		if s.in.eof {
			return 0, nil
		}
		if err := s.in.fill(); err != nil {
			return 0, err
		}
	}
}

// consume moves on by n bytes.
func (s *jsonSplitter) consume(n int) {
	s.at = s.at.at(s.in.window(), n)
	s.in.from += n
}

// element returns the object that begins here, up to the bracket that closes it.
func (s *jsonSplitter) element() ([]byte, place, error) {
	var b brackets
	for scanned := 0; ; {
		w := s.in.window()
		if n, closed := b.scan(w[scanned:]); closed {
			at, text := s.at, w[:scanned+n]
			s.consume(len(text))
			return text, at, nil
		}
		scanned = len(w)
		switch {
		case s.in.eof:
			return nil, s.at, s.at.fault("", because(ErrSyntax, "object has no end"))
		case s.in.full():
			return nil, s.at, s.at.fault("", because(ErrLimit, "object is above the limit of %d bytes", MaxJSONBytes))
		}
		if err := s.in.fill(); err != nil {
			return nil, s.at, err
		}
	}
}

// end reads what follows the array, which must be nothing.
func (s *jsonSplitter) end() error {
	s.consume(1)
	if c, err := s.peek(); err != nil || c == 0 && len(s.in.window()) == 0 {
		return err
	}
	return s.at.fault("", because(ErrSyntax, "text after the array"))
}

// brackets counts those outside strings.
type brackets struct {
	depth            int
	inString, escape bool
}

// scan reads on, and returns the length up to the bracket that closes the first, and true,
// if it is in text.
func (b *brackets) scan(text []byte) (int, bool) {
	for i, c := range text {
		switch {
		case b.escape:
			b.escape = false
		case c == '"':
			b.inString = !b.inString
		case b.inString:
			b.escape = c == '\\'
		case c == '{' || c == '[':
			b.depth++
		case c == '}' || c == ']':
			if b.depth--; b.depth == 0 {
				return i + 1, true
			}
		}
	}
	return 0, false
}
