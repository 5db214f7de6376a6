// Package ui is how the command line talks to people and to scripts: tables, colours,
// progress, errors and JSON on three streams.
//
// Results go to Out, notes, progress and errors to Err. Colours, progress bars, cut-off
// columns and the pager are for terminals only; everything else is the same bytes
// wherever it goes. What comes out of a ledger was written by strangers: tables, diffs and
// messages show control characters as escapes, so that no row can move the cursor, change
// the window's title or pretend to be another row.
//
// The package knows no ledger: it takes strings and numbers. It asks the terminal
// nothing (no query whose answer it would have to wait for), and starts no goroutine.
package ui

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/term"
	"github.com/muesli/termenv"
)

// Streams is where a command reads and writes, and how. Commands get it from their
// caller; nothing else in them touches a stream, a terminal or the environment. It is not
// safe for concurrent use, but for the counting methods of Progress.
type Streams struct {
	In  io.Reader
	Out io.Writer // results; buffered if it came from System, see Flush
	Err io.Writer // notes, progress, errors; unbuffered

	IsTerminal    bool   // Out is a terminal
	ErrIsTerminal bool   // Err is a terminal
	Width         int    // columns of the terminal; 0 if there is none or it does not say
	Color         bool   // Out may have colours
	ErrColor      bool   // Err may have colours
	Pager         string // command and arguments of the pager; empty for none

	Quiet   bool // no notes, no progress
	Verbose bool // notes in detail
	JSON    bool // results and errors as JSON

	// Now is the clock of Progress; nil means time.Now.
	Now func() time.Time

	stdout *os.File  // what Out buffers, if it came from System: a pager needs the terminal itself
	bar    *Progress // the last one that was begun
}

const outBufferBytes = 64 << 10

// System returns the streams of the process. getenv is os.Getenv, or a test's own; of
// the environment, NO_COLOR, TERM, AERGO_PAGER and PAGER count. The caller must Flush
// before the process ends.
func System(getenv func(string) string) *Streams {
	s := &Streams{In: os.Stdin, Out: bufio.NewWriterSize(os.Stdout, outBufferBytes), Err: os.Stderr, stdout: os.Stdout}
	s.IsTerminal = term.IsTerminal(os.Stdout.Fd())
	s.ErrIsTerminal = term.IsTerminal(os.Stderr.Fd())
	for _, f := range []*os.File{os.Stdout, os.Stderr} {
		if width, _, err := term.GetSize(f.Fd()); err == nil && s.Width == 0 {
			s.Width = width
		}
	}
	s.FromEnvironment(getenv)
	return s
}

// FromEnvironment sets colours and pager by the environment and by which streams are
// terminals. NO_COLOR counts if it is not empty (no-color.org).
func (s *Streams) FromEnvironment(getenv func(string) string) {
	dumb := getenv("TERM") == "dumb"
	plain := dumb || getenv("NO_COLOR") != ""
	s.Color = s.IsTerminal && !plain
	s.ErrColor = s.ErrIsTerminal && !plain
	s.Pager = ""
	if s.IsTerminal && !dumb {
		s.Pager = pagerCommand(getenv)
	}
}

// Flush writes out what is buffered.
func (s *Streams) Flush() error {
	if f, ok := s.Out.(interface{ Flush() error }); ok {
		return f.Flush()
	}
	return nil
}

// Printf writes a part of the result as it is: the caller adds line feeds, and Clean for
// what strangers wrote.
func (s *Streams) Printf(format string, args ...any) error {
	s.bar.hide()
	_, err := fmt.Fprintf(s.Out, format, args...)
	return err
}

// PrintJSON writes v as one line of JSON.
func (s *Streams) PrintJSON(v any) error { return writeJSON(s.Out, v) }

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// Note writes a line for people to Err, unless Quiet; further lines are indented.
func (s *Streams) Note(format string, args ...any) {
	if !s.Quiet {
		s.errLine(paragraph(fmt.Sprintf(format, args...)))
	}
}

// Detail writes a line for people to Err if Verbose.
func (s *Streams) Detail(format string, args ...any) {
	if s.Verbose && !s.Quiet {
		s.errLine(s.errStyles().faint(Clean(fmt.Sprintf(format, args...))))
	}
}

// errLine writes to Err, after what was written to Out before. An error stream that is
// gone is nothing to fail for.
func (s *Streams) errLine(line string) {
	_ = s.Flush()
	_, _ = io.WriteString(s.Err, line+"\n")
}

func (s *Streams) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// styles paints text. The six colours are the terminal's own, so that they fit its theme.
type styles struct {
	renderer *lipgloss.Renderer // nil for no colours
}

// Strong returns text as Out shows what the eye should find first.
func (s *Streams) Strong(text string) string { return s.outStyles().bold(text) }

func (s *Streams) outStyles() styles { return newStyles(s.Color) }
func (s *Streams) errStyles() styles { return newStyles(s.ErrColor) }

func newStyles(color bool) styles {
	if !color {
		return styles{}
	}
	r := lipgloss.NewRenderer(io.Discard)
	// Both are settled here, because the library would ask the terminal and wait.
	r.SetColorProfile(termenv.ANSI)
	r.SetHasDarkBackground(true)
	return styles{renderer: r}
}

func (st styles) paint(text, color string) string {
	if st.renderer == nil || text == "" {
		return text
	}
	return st.renderer.NewStyle().Inline(true).Foreground(lipgloss.Color(color)).Render(text)
}

func (st styles) red(text string) string    { return st.paint(text, "1") }
func (st styles) green(text string) string  { return st.paint(text, "2") }
func (st styles) yellow(text string) string { return st.paint(text, "3") }
func (st styles) cyan(text string) string   { return st.paint(text, "6") }
func (st styles) faint(text string) string  { return st.paint(text, "8") }

func (st styles) bold(text string) string {
	if st.renderer == nil || text == "" {
		return text
	}
	return st.renderer.NewStyle().Inline(true).Bold(true).Render(text)
}
