package main

import (
	"context"
	"errors"

	"aergo/cmd/aergo/ui"
	"aergo/net/problem"
)

// verdict is what an error means to who ran the command.
type verdict struct {
	exit    problem.Exit
	problem ui.Problem
	silent  bool // the answer is on stdout already
}

// errNo ends a command whose answer, already given, is no.
var errNo = errors.New("no")

// usagef returns an error about a command line that makes no sense, with a hint.
func usagef(hint, format string, args ...any) error { return problem.Usagef(hint, format, args...) }

// hinted gives an error a better hint than its kind has.
func hinted(hint string, err error) error { return problem.WithHint(hint, err) }

// judge turns an error into an exit code, a word for scripts and a hint, by the table of
// net/problem.
func judge(ctx context.Context, err error) verdict {
	if errors.Is(err, errNo) {
		return verdict{exit: problem.ExitNo, silent: true}
	}
	k := problem.Of(ctx, err)
	return verdict{exit: k.Exit, problem: ui.Problem{Code: k.Code, Fault: problem.Fault(err), Message: err.Error(), Hint: k.Hint}}
}
