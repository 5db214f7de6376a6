package ui

import (
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestProgress(t *testing.T) {
	s, _, err := terminal(80)
	now := time.Unix(0, 0)
	s.Now = func() time.Time { return now }
	p := s.Progress("importing", "rows", 1000)
	p.Add(100)
	if err.Len() != 0 {
		t.Errorf("it shows at once: %q", err)
	}
	now = now.Add(500 * time.Millisecond)
	p.Add(150)
	want := "\r\x1b[Kimporting  250 / 1,000 rows  25%  500 rows/s"
	if err.String() != want {
		t.Errorf("line is %q, want %q", err, want)
	}
	p.Add(1) // too soon
	if err.String() != want {
		t.Errorf("it is drawn too often: %q", err)
	}
	p.Done()
	p.Done()
	now = now.Add(time.Hour)
	p.Add(1)
	if want += eraseLine; err.String() != want {
		t.Errorf("line is %q, want %q", err, want)
	}

	s, _, err = terminal(20)
	s.Now = func() time.Time { return now }
	p = s.Progress("fetching\x1b", UnitBytes, 0)
	now = now.Add(2 * time.Second)
	p.Add(3_000_000)
	if got := strings.TrimPrefix(err.String(), eraseLine); displayWidth(got) > 19 || !strings.HasPrefix(got, `fetching\x1b  3.0 `) {
		t.Errorf("line is %q", got)
	}
}

func TestProgressIsForTerminals(t *testing.T) {
	for name, set := range map[string]func(*Streams){
		"no terminal": func(s *Streams) { s.ErrIsTerminal = false },
		"quiet":       func(s *Streams) { s.Quiet = true },
		"JSON":        func(s *Streams) { s.JSON = true },
	} {
		s, out, err := terminal(80)
		set(s)
		now := time.Unix(0, 0)
		s.Now = func() time.Time { now = now.Add(time.Second); return now }
		p := s.Progress("importing", "rows", 10)
		p.Add(5)
		p.Done()
		if out.Len()+err.Len() != 0 {
			t.Errorf("%s: %q, %q", name, out, err)
		}
	}
}

func TestProgressCountsTogether(t *testing.T) {
	s, _, _ := terminal(80)
	s.Now = time.Now
	p := s.Progress("importing", "rows", 4000)
	p.next.Store(0)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				p.Add(1)
			}
		})
	}
	wg.Wait()
	p.Done()
	if n := p.done.Load(); n != 4000 {
		t.Errorf("it counted %d", n)
	}
}

func TestPager(t *testing.T) {
	page := func(s *Streams, lines int) error {
		stop := s.Page(t.Context())
		var writeErr error
		for i := 0; i < lines && writeErr == nil; i++ {
			writeErr = s.Printf("line %d\n", i)
		}
		if writeErr != nil && !errors.Is(writeErr, ErrPagerClosed) {
			t.Errorf("write: %v", writeErr)
		}
		return stop()
	}
	const two = "line 0\nline 1\n"
	for name, tt := range map[string]struct {
		pager string
		set   func(*Streams)
		want  string
	}{
		"pager":       {"sed s/^/|/", func(*Streams) {}, "|line 0\n|line 1\n"},
		"no terminal": {"sed s/^/|/", func(s *Streams) { s.IsTerminal = false }, two},
		"JSON":        {"sed s/^/|/", func(s *Streams) { s.JSON = true }, two},
		"none":        {"", func(*Streams) {}, two},
		"absent":      {"/absent/pager", func(*Streams) {}, two},
	} {
		s, out, _ := terminal(80)
		s.Pager = tt.pager
		tt.set(s)
		if err := page(s, 2); err != nil || out.String() != tt.want {
			t.Errorf("%s: %q, %v", name, out, err)
		}
		if s.Out != io.Writer(out) {
			t.Errorf("%s: Out is not given back", name)
		}
	}
	// The reader leaves at once, before far more than a pipe holds is written.
	s, _, _ := terminal(80)
	s.Pager = "true"
	if err := page(s, 1_000_000); err != nil {
		t.Errorf("a reader who leaves is an error: %v", err)
	}
}

// TestResultsTakeTheProgressAway writes results while a line is drawn on the same terminal.
func TestResultsTakeTheProgressAway(t *testing.T) {
	for name, write := range map[string]func(*Streams) error{
		"text": func(s *Streams) error { return s.Printf("done\n") },
		"a table": func(s *Streams) error {
			t := s.Table(Column{Title: "N"})
			t.Row("1")
			return t.Close()
		},
	} {
		s, _, err := terminal(80)
		now := time.Unix(0, 0)
		s.Now = func() time.Time { now = now.Add(time.Second); return now }
		p := s.Progress("merging", "transactions", 10)
		p.Add(5)
		if !strings.Contains(err.String(), "merging") {
			t.Fatalf("%s: nothing is drawn", name)
		}
		err.Reset()
		var order strings.Builder
		s.Out, s.Err = &order, &order
		if failed := errors.Join(write(s), write(s)); failed != nil {
			t.Fatal(failed)
		}
		if got := order.String(); !strings.HasPrefix(got, eraseLine) || strings.Count(got, eraseLine) != 1 {
			t.Errorf("%s: wrote %q", name, got)
		}
		order.Reset()
		p.Add(1)
		if !strings.Contains(order.String(), "6 / 10") {
			t.Errorf("%s: the line does not come back: %q", name, order.String())
		}
		order.Reset()
		p.Done()
		if order.String() != eraseLine {
			t.Errorf("%s: at the end it writes %q", name, order.String())
		}
	}
}
