package sql

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// What may be wrong with a resolver. An Error wraps one of them.
var (
	ErrProgram = errors.New("not a resolver")       // found by Compile
	ErrFailed  = errors.New("the rule gives up")    // it called fail
	ErrSteps   = errors.New("out of steps")         // it loops, or does too much
	ErrSize    = errors.New("too large")            // a value, a reason or memory
	ErrAnswer  = errors.New("not an answer")        // a value of a kind that the field does not take
	ErrRun     = errors.New("the rule can't go on") // any other error while it runs
)

// ErrNoRule is returned by Session.Resolve where no rule is about the cell.
var ErrNoRule = errors.New("no rule for this cell")

// Error is a fault of a resolver, with its place in the source. Every verifier comes to the
// same one for the same source and case.
type Error struct {
	Line, Column int    // from 1, the column in characters
	Rule         string // the rule's target, empty before there is one
	Steps        int    // taken until then
	Err          error  // one of this package's
	Detail       string
}

func (e *Error) Error() string {
	rule := ""
	if e.Rule != "" {
		rule = "on " + e.Rule + ": "
	}
	return fmt.Sprintf("line %d, column %d: %s%v: %s", e.Line, e.Column, rule, e.Err, e.Detail)
}

func (e *Error) Unwrap() error { return e.Err }

// placed is a fault of a source by the byte where it stands.
type placed struct {
	offset int
	detail string
}

func (p *placed) Error() string { return p.detail }

func fault(offset int, format string, args ...any) error {
	return &placed{offset: offset, detail: fmt.Sprintf(format, args...)}
}

// position returns the line and column of a byte of the source.
func position(source []byte, offset int) (line, column int) {
	line, start := 1, 0
	for i, c := range source[:min(offset, len(source))] {
		if c == '\n' {
			line, start = line+1, i+1
		}
	}
	return line, 1 + utf8.RuneCount(source[start:min(offset, len(source))])
}

// programError returns the Error of a fault that Compile finds.
func programError(source []byte, target string, err error) error {
	p := &placed{detail: err.Error()}
	errors.As(err, &p)
	e := &Error{Rule: target, Err: ErrProgram, Detail: p.detail}
	e.Line, e.Column = position(source, p.offset)
	return e
}
