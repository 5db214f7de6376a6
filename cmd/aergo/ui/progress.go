package ui

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// Progress shows how far a long operation has come: one line on Err, drawn over and over,
// only on a terminal, not if Quiet or JSON, and not in the first moments, so that short
// operations show nothing. Add may be called by many goroutines at once; one call costs
// an atomic addition and a look at the clock.
type Progress struct {
	streams *Streams // nil for a progress that shows nothing
	label   string
	unit    Unit
	total   int64
	start   time.Time

	done  atomic.Int64
	next  atomic.Int64 // nanoseconds after start at which to draw again
	mu    sync.Mutex   // held while drawing
	drawn bool
	ended bool
}

// Unit says what a Progress counts: UnitBytes, or a word in the plural such as "rows".
type Unit string

// UnitBytes counts bytes.
const UnitBytes Unit = "B"

const (
	progressDelay    = 300 * time.Millisecond
	progressInterval = 100 * time.Millisecond
	eraseLine        = "\r\x1b[K"
)

// Progress starts to show an operation, for example ("importing", "rows", 1000000). A
// total of 0 is not known. The caller must call Done.
func (s *Streams) Progress(label string, unit Unit, total int64) *Progress {
	if !s.ErrIsTerminal || s.Quiet || s.JSON {
		return &Progress{}
	}
	_ = s.Flush()
	p := &Progress{streams: s, label: Clean(label), unit: unit, total: total, start: s.now()}
	p.next.Store(int64(progressDelay))
	s.bar = p
	return p
}

// Add counts n more.
func (p *Progress) Add(n int64) {
	if p.streams == nil {
		return
	}
	done := p.done.Add(n)
	elapsed := p.streams.now().Sub(p.start)
	due := p.next.Load()
	// Whoever wins the exchange draws; the others go on.
	if int64(elapsed) < due || !p.next.CompareAndSwap(due, int64(elapsed+progressInterval)) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	p.drawn = true
	line := p.line(done, elapsed)
	if width := p.streams.Width; width > 0 {
		line = ansi.Truncate(line, max(width-1, 1), "…")
	}
	_, _ = io.WriteString(p.streams.Err, eraseLine+line)
}

// hide takes the line away before results are written to the same terminal. It comes back if
// the operation goes on.
func (p *Progress) hide() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn && !p.ended {
		p.drawn = false
		_, _ = io.WriteString(p.streams.Err, eraseLine)
	}
}

// Done removes the line. It may be called more than once.
func (p *Progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn && !p.ended {
		_, _ = io.WriteString(p.streams.Err, eraseLine)
	}
	p.ended = true
}

// line says how far it is: "importing  412,000 / 1,000,000 rows  41%  233,000 rows/s".
func (p *Progress) line(done int64, elapsed time.Duration) string {
	amount := func(n int64) string {
		if p.unit == UnitBytes {
			return Bytes(n)
		}
		return Count(n)
	}
	unit := ""
	if p.unit != UnitBytes {
		unit = " " + Clean(string(p.unit))
	}
	line := p.label + columnGap + amount(done)
	if p.total > 0 {
		line += " / " + amount(p.total)
	}
	line += unit
	if p.total > 0 {
		// Not above 99% before the end, whatever was announced.
		percent := min(float64(done)/float64(p.total)*100, 99)
		if done == p.total {
			percent = 100
		}
		line += fmt.Sprintf("%s%d%%", columnGap, int(percent))
	}
	if seconds := elapsed.Seconds(); seconds > 0 {
		line += columnGap + amount(int64(float64(done)/seconds)) + unit + "/s"
	}
	return line
}
