package lock

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const childVariable = "AERGO_LOCK_TEST_CHILD"

// TestMain lets the test binary be the other process: it takes the lock that the
// variable names, says so, and holds it until it is killed.
func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		if _, err := NewFile(path, "aergo import").Acquire(context.Background(), nil); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("held")
		select {}
	}
	os.Exit(m.Run())
}

func onEveryLock(t *testing.T, test func(t *testing.T, l Lock)) {
	t.Run("memory", func(t *testing.T) { test(t, NewMemory("aergo test")) })
	t.Run("file", func(t *testing.T) { test(t, NewFile(filepath.Join(t.TempDir(), "lock"), "aergo test")) })
}

func TestOneHolderAtATime(t *testing.T) {
	onEveryLock(t, func(t *testing.T, l Lock) {
		const n, rounds = 8, 50
		count := 0 // the race detector watches it
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				for range rounds {
					release, err := l.Acquire(t.Context(), func(string) {})
					if err != nil {
						t.Error(err)
						return
					}
					count++
					release()
				}
			})
		}
		wg.Wait()
		if count != n*rounds {
			t.Errorf("count is %d, want %d", count, n*rounds)
		}
	})
}

func TestWaitIsToldWhoHoldsIt(t *testing.T) {
	onEveryLock(t, func(t *testing.T, l Lock) {
		release, err := l.Acquire(t.Context(), func(string) { t.Error("a free lock waits") })
		if err != nil {
			t.Fatal(err)
		}
		calls := 0
		second, err := l.Acquire(t.Context(), func(holder string) {
			calls++
			if !strings.HasPrefix(holder, "aergo test") {
				t.Errorf("holder is %q", holder)
			}
			release()
		})
		if err != nil {
			t.Fatal(err)
		}
		release() // again, and not by the holder: it must not free the second one's lock
		ctx, cancel := context.WithCancel(t.Context())
		_, err = l.Acquire(ctx, func(string) { cancel() })
		if !errors.Is(err, ErrBusy) || !errors.Is(err, context.Canceled) || calls != 1 {
			t.Errorf("error is %v after %d calls", err, calls)
		}
		second()
		third, err := l.Acquire(t.Context(), nil)
		if err != nil {
			t.Fatalf("a wait that was given up keeps the lock: %v", err)
		}
		third()
	})
}

func TestCancelledBeforehand(t *testing.T) {
	onEveryLock(t, func(t *testing.T, l Lock) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := l.Acquire(ctx, nil); !errors.Is(err, ErrBusy) {
			t.Errorf("error is %v", err)
		}
	})
}

func TestNoFolder(t *testing.T) {
	l := NewFile(filepath.Join(t.TempDir(), "absent", "lock"), "aergo test")
	if _, err := l.Acquire(t.Context(), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
}

// The lock of a process that is killed is free at once; its words in the file mislead
// nobody but people.
func TestLockDiesWithItsProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "held\n" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	release, err := NewFile(path, "aergo test").Acquire(t.Context(), func(holder string) {
		if want := fmt.Sprintf("aergo import (process %d)", child.Process.Pid); holder != want {
			t.Errorf("holder is %q, want %q", holder, want)
		}
		if err := child.Process.Kill(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	release()
	if err := child.Wait(); err == nil {
		t.Error("the other process ended well")
	}
}

func TestHolderIsFitForATerminal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	for text, want := range map[string]string{
		"":                        unknownHolder,
		"\n":                      unknownHolder,
		"a\x1b[31m\x07b\nc":       "a[31mb",
		"\xff\xfe":                unknownHolder,
		strings.Repeat("x", 9999): strings.Repeat("x", holderMaxBytes),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := readHolder(f); got != want {
			t.Errorf("%q: holder is %q, want %q", text, got, want)
		}
		f.Close()
	}
}

func BenchmarkAcquireFile(b *testing.B) {
	l := NewFile(filepath.Join(b.TempDir(), "lock"), "aergo bench")
	for b.Loop() {
		release, err := l.Acquire(b.Context(), nil)
		if err != nil {
			b.Fatal(err)
		}
		release()
	}
}

// Two Files are two processes as far as the kernel is concerned: who gives up waiting
// gets nothing, and what it would have got goes to the next.
func TestGivingUpInTheKernelsQueue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	release, err := NewFile(path, "aergo first").Acquire(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = NewFile(path, "aergo second").Acquire(ctx, func(string) { cancel() })
	if !errors.Is(err, ErrBusy) {
		t.Fatalf("error is %v", err)
	}
	third, err := NewFile(path, "aergo third").Acquire(t.Context(), func(string) { release() })
	if err != nil {
		t.Fatal(err)
	}
	third()
}

// Who tries and fails leaves nobody in line who would take the lock when it is free.
func TestTryLeavesNobodyBehind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	release, err := NewFile(path, "first").Acquire(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, holder, err := NewFile(path, "other").Try(); !errors.Is(err, ErrBusy) || !strings.HasPrefix(holder, "first ") {
			t.Fatalf("taken twice: %q, %v", holder, err)
		}
	}
	release()
	for range 20 {
		again, _, err := NewFile(path, "other").Try()
		if err != nil {
			t.Fatal(err)
		}
		again()
	}
}
