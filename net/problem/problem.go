package problem

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"aergo/branch"
	"aergo/contract/table"
	"aergo/net/transfer"
)

// Exit is the exit code of a process, part of the interface (docs/json.md).
type Exit int

// The exit codes.
const (
	ExitDone         Exit = 0
	ExitNo           Exit = 1 // the answer is no
	ExitUsage        Exit = 2
	ExitNotFound     Exit = 3
	ExitNotPermitted Exit = 4
	ExitIntegrity    Exit = 5
	ExitNetwork      Exit = 6
	ExitBusy         Exit = 7
	ExitStorage      Exit = 8
	ExitRejected     Exit = 9  // by a contract
	ExitBug          Exit = 70 // an error that nobody foresaw
	ExitInterrupted  Exit = 130
)

// Kind is a kind of error: what it is recognised by, and what it means.
type Kind struct {
	// ID names the kind in a protocol. No two kinds share one, and none is given twice.
	ID string
	// Sentinel is what errors of the kind wrap; nil for kinds that are recognised otherwise.
	Sentinel error
	// Exit is the exit code of a command that ends so.
	Exit Exit
	// Code is a word that scripts branch on; several kinds may share one.
	Code string
	// Hint says what to try; it may be empty.
	Hint string
	// Status is the status of an answer over HTTP, 0 for the usual one of Exit.
	Status int
}

var (
	// ErrUsage is wrapped by requests that make no sense.
	ErrUsage = errors.New("usage")
	// ErrLost is wrapped when the process that serves a repository goes away before it has
	// answered. What was asked may have happened.
	ErrLost = errors.New("the daemon went away before it answered")
	// ErrStopping is wrapped when that process is about to stop. What was asked has not
	// happened.
	ErrStopping = errors.New("the daemon is stopping")
)

// Of returns the kind of an error, with the hint that the error has of its own, if any: the
// outermost method Hint() string that answers. Cancellation counts as an interruption if
// ctx, which is that of the work that failed, is done. An error that nobody foresaw is of
// the kind whose ID is "bug". err is not nil.
func Of(ctx context.Context, err error) Kind {
	k := recognise(ctx, err)
	if hint := hintOf(err); hint != "" {
		k.Hint = hint
	}
	return k
}

func recognise(ctx context.Context, err error) Kind {
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return interruptedKind()
	}
	if refused := new(table.RefusedError); errors.As(err, &refused) {
		return refusedKind(refused.Table)
	}
	for _, group := range groups() {
		for _, k := range group {
			if errors.Is(err, k.Sentinel) {
				return k
			}
		}
	}
	if remote := new(transfer.RemoteError); errors.As(err, &remote) {
		return remoteKind()
	}
	return unforeseenKind()
}

// Fault returns the word for the rule that a block, or what came with one, breaks
// (docs/faults.md), empty if an error is about no such thing.
func Fault(err error) string { return string(branch.FaultOf(err)) }

// Kinds returns every kind, in the order in which errors are compared with their sentinels;
// those without a sentinel come last.
func Kinds() []Kind {
	var all []Kind
	for _, group := range groups() {
		all = append(all, group...)
	}
	return append(all, refusedKind(""), remoteKind(), interruptedKind(), unforeseenKind())
}

// HTTP returns the status of an answer that reports an error of this kind.
func (k Kind) HTTP() int {
	if k.Status != 0 {
		return k.Status
	}
	switch k.Exit {
	case ExitDone:
		return http.StatusOK
	case ExitNo:
		return http.StatusConflict
	case ExitUsage:
		return http.StatusBadRequest
	case ExitNotFound:
		return http.StatusNotFound
	case ExitNotPermitted:
		return http.StatusForbidden
	case ExitNetwork:
		return http.StatusBadGateway
	case ExitBusy:
		return http.StatusServiceUnavailable
	case ExitStorage:
		return http.StatusInsufficientStorage
	case ExitRejected:
		return http.StatusUnprocessableEntity
	}
	return http.StatusInternalServerError
}

// usageError is a request that makes no sense.
type usageError struct{ message string }

func (e *usageError) Error() string        { return e.message }
func (e *usageError) Is(target error) bool { return target == ErrUsage }

// Usagef returns an error that wraps ErrUsage and has a hint, which may be empty.
func Usagef(hint, format string, args ...any) error {
	return WithHint(hint, &usageError{fmt.Sprintf(format, args...)})
}

// hintedError is an error with a better hint than its kind has.
type hintedError struct {
	hint string
	err  error
}

func (e *hintedError) Error() string { return e.err.Error() }
func (e *hintedError) Unwrap() error { return e.err }
func (e *hintedError) Hint() string  { return e.hint }

// WithHint gives an error a hint of its own, and nil for nil.
func WithHint(hint string, err error) error {
	if err == nil {
		return nil
	}
	return &hintedError{hint, err}
}

// hintOf returns the outermost hint among an error and what it wraps.
func hintOf(err error) string {
	var h interface {
		error
		Hint() string
	}
	for errors.As(err, &h) {
		if hint := h.Hint(); hint != "" {
			return hint
		}
		err = errors.Unwrap(h)
	}
	return ""
}
