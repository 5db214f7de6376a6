package ui

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// ErrPagerClosed is wrapped by errors of Out after the reader has left the pager: the
// rest of the output is not wanted, and the command ends well.
var ErrPagerClosed = errors.New("pager is closed")

// pagerCommand chooses the pager: AERGO_PAGER, then PAGER, then less. "cat" means none,
// and so does an AERGO_PAGER of spaces.
func pagerCommand(getenv func(string) string) string {
	command := "less"
	for _, name := range []string{"PAGER", "AERGO_PAGER"} {
		if v := getenv(name); v != "" {
			command = strings.TrimSpace(v)
		}
	}
	if command == "cat" {
		return ""
	}
	return command
}

// Page sends Out through the pager until the returned function is called, which waits for
// the reader to leave. Without a terminal, with JSON, or if the pager cannot be started,
// it does nothing. The pager is run directly, not by a shell.
func (s *Streams) Page(ctx context.Context) (stop func() error) {
	words := strings.Fields(s.Pager)
	if !s.IsTerminal || s.JSON || len(words) == 0 || s.Flush() != nil {
		return s.Flush
	}
	terminal := s.Out
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Stdout, cmd.Stderr = terminal, s.Err
	if s.stdout != nil {
		cmd.Stdout = s.stdout
	}
	cmd.Env = os.Environ()
	if os.Getenv("LESS") == "" {
		// Leave at once if it fits one screen, show colours, keep what was shown.
		cmd.Env = append(cmd.Env, "LESS=FRX")
	}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return s.Flush
	}
	if err := cmd.Start(); err != nil {
		s.Detail("pager %s: %v", words[0], err)
		return s.Flush
	}
	s.Out = bufio.NewWriterSize(pagerPipe{pipe}, outBufferBytes)
	return func() error {
		err := s.Flush()
		s.Out = terminal
		_ = pipe.Close()
		if waitErr := cmd.Wait(); err == nil && waitErr != nil {
			err = fmt.Errorf("pager %s: %w", words[0], waitErr)
		}
		if errors.Is(err, ErrPagerClosed) {
			return nil
		}
		return err
	}
}

// pagerPipe is the way to the pager.
type pagerPipe struct{ io.Writer }

func (p pagerPipe) Write(b []byte) (int, error) {
	n, err := p.Writer.Write(b)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed) {
		err = fmt.Errorf("%w: %w", ErrPagerClosed, err)
	}
	return n, err
}
