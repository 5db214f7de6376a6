// Package lock makes the commands that change one repository wait for each other.
//
// The lock is advisory: it stops those who ask for it and nobody else, so readers never
// wait. A lock on a file is held by the operating system on behalf of a process and ends
// with it, however the process ends; nothing has to be cleaned up after a crash, and no
// lock is ever broken by guessing that its holder is gone. The file itself stays and
// says who holds the lock, for people only: nothing depends on what it says.
//
// The package does not work on network filesystems that ignore flock, and does not count
// nested locking: who acquires a lock twice waits for himself.
package lock

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// ErrBusy is wrapped when a wait ends with its context; the context's error is wrapped
// too.
var ErrBusy = errors.New("locked by another command")

// Lock is a mutual exclusion between commands. It is safe for concurrent use:
// goroutines of one process that share it exclude each other as processes do.
type Lock interface {
	// Acquire returns when the caller holds the lock, which release gives back; release
	// may be called more than once. If somebody holds it already, Acquire calls wait (which
	// may be nil) once, with words for who that is, such as "aergo import (process 4711)",
	// and waits. When ctx ends first the error wraps ErrBusy and the error of ctx.
	Acquire(ctx context.Context, wait func(holder string)) (release func(), err error)
}

// unknownHolder is what wait is told when the holder has not said who it is.
const unknownHolder = "another command"

// Memory is a Lock within one process, for repositories in memory.
type Memory struct {
	token   chan struct{}
	command string

	mu     sync.Mutex
	holder string
}

// NewMemory returns a free lock. command says who holds it, when somebody does.
func NewMemory(command string) *Memory {
	return &Memory{token: make(chan struct{}, 1), command: command}
}

// Acquire implements Lock.
func (m *Memory) Acquire(ctx context.Context, wait func(holder string)) (func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, busy(err)
	}
	select {
	case m.token <- struct{}{}:
		return m.held(), nil
	default:
	}
	if wait != nil {
		m.mu.Lock()
		holder := m.holder
		m.mu.Unlock()
		wait(holderOr(holder))
	}
	select {
	case m.token <- struct{}{}:
		return m.held(), nil
	case <-ctx.Done():
		return nil, busy(ctx.Err())
	}
}

func (m *Memory) held() func() {
	m.setHolder(m.command)
	return sync.OnceFunc(func() {
		m.setHolder("")
		<-m.token
	})
}

func (m *Memory) setHolder(s string) {
	m.mu.Lock()
	m.holder = s
	m.mu.Unlock()
}

func holderOr(s string) string {
	if s == "" {
		return unknownHolder
	}
	return s
}

func busy(err error) error { return fmt.Errorf("repository: %w: %w", ErrBusy, err) }
