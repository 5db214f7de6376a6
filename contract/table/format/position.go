package format

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Sentinels that the Err of an *Error may wrap, besides those of value and key.
var (
	// ErrSyntax is wrapped when the input is not in the form it should have.
	ErrSyntax = errors.New("bad input")
	// ErrLimit is wrapped when a line, row, cell or nesting is above its limit.
	ErrLimit = errors.New("above the limit")
	// ErrType is wrapped when a cell or member does not fit its column's type.
	ErrType = errors.New("does not fit the column")
	// ErrDuplicate is wrapped when a key stands twice.
	ErrDuplicate = errors.New("key stands twice")
)

// Error is something wrong at a place of the input.
type Error struct {
	Line   int    // from 1; 0 if no line is to blame
	Column int    // from 1, a cell's number in CSV, a character's in JSON; 0 if the whole line
	Name   string // of the column or field, empty if none
	Err    error
}

func (e *Error) Error() string {
	var b []byte
	if e.Line > 0 {
		b = fmt.Appendf(b, "line %d", e.Line)
	}
	if e.Column > 0 {
		b = fmt.Appendf(b, ", column %d", e.Column)
	}
	if e.Name != "" {
		b = fmt.Appendf(b, " (%s)", e.Name)
	}
	if len(b) == 0 {
		return e.Err.Error()
	}
	return string(b) + ": " + e.Err.Error()
}

// Unwrap returns what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// reason is an error whose text is its own and which is one of the sentinels.
type reason struct {
	text string
	is   error
}

func (r *reason) Error() string { return r.text }
func (r *reason) Unwrap() error { return r.is }

// because returns an error with the given text that wraps a sentinel without repeating it.
func because(is error, format string, args ...any) error {
	return &reason{text: fmt.Sprintf(format, args...), is: is}
}

// place says where a piece of the input begins.
type place struct {
	line   int
	column int // in characters
}

// at returns the place offset bytes into text, which begins at p.
func (p place) at(text []byte, offset int) place {
	before := text[:min(offset, len(text))]
	if i := bytes.LastIndexByte(before, '\n'); i >= 0 {
		return place{p.line + bytes.Count(before, newline), 1 + utf8.RuneCount(before[i+1:])}
	}
	return place{p.line, p.column + utf8.RuneCount(before)}
}

var newline = []byte{'\n'}

// fault returns an *Error at the place.
func (p place) fault(name string, err error) error {
	return &Error{Line: p.line, Column: p.column, Name: name, Err: err}
}
